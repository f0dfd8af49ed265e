"""All NumPy functions that work on whole arrays."""

from agentc.frontends.kernels.arrays import NUMPY as ARRAYS
from agentc.frontends.kernels.convolutions import CONVOLUTIONS
from agentc.frontends.kernels.counts import COUNTS
from agentc.frontends.kernels.diagonals import DIAGONALS
from agentc.frontends.kernels.literals import LITERALS
from agentc.frontends.kernels.lookups import LOOKUPS
from agentc.frontends.kernels.missing import MISSING
from agentc.frontends.kernels.products import PRODUCTS
from agentc.frontends.kernels.shapes import SHAPES
from agentc.frontends.kernels.statistics import STATISTICS
from agentc.frontends.kernels.table import Table

NUMPY: Table = {
    **ARRAYS,
    **SHAPES,
    **PRODUCTS,
    **STATISTICS,
    **MISSING,
    **LITERALS,
    **LOOKUPS,
    **COUNTS,
    **CONVOLUTIONS,
    **DIAGONALS,
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
METHODS = (
    *("sort", "argsort", "cumsum", "cumprod", "argmax", "argmin", "any", "all", "take", "reshape", "ravel"),
    *("swapaxes", "squeeze", "repeat", "var", "std", "dot", "clip", "flatten", "diagonal", "trace", "searchsorted"),
)
"""Those that are methods of an array, too. ``sort`` is not: it would write into the array."""
