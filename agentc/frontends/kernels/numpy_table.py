"""All NumPy functions that work on whole arrays."""

from agentc.frontends.kernels.arrays import NUMPY as ARRAYS
from agentc.frontends.kernels.literals import LITERALS
from agentc.frontends.kernels.products import PRODUCTS
from agentc.frontends.kernels.shapes import SHAPES
from agentc.frontends.kernels.statistics import STATISTICS
from agentc.frontends.kernels.table import Table

NUMPY: Table = {**ARRAYS, **SHAPES, **PRODUCTS, **STATISTICS, **LITERALS}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
METHODS = (
    *("sort", "argsort", "cumsum", "cumprod", "argmax", "argmin", "any", "all", "take", "reshape", "ravel"),
    *("swapaxes", "squeeze", "repeat", "var", "std", "dot", "clip", "flatten"),
)
"""Those that are methods of an array, too. ``sort`` is not: it would write into the array."""
