"""Every built-in kernel on every target against plain NumPy in double precision: the largest error of each pair."""
