"""Frozen plain data that every other part exchanges: work, models, fleets, task graphs, placements.

Nothing here imports IR, a solver or a file format. Quantities are SI (bytes, seconds, FLOP, watts);
money is US dollars; a field whose unit is not in its name says it in its docstring.
"""
