"""The built-in kernels, written as a user writes kernels. They also run as plain NumPy, which is their reference."""
