"""NumPy functions that look values up in rows: among edges, among members, on curves."""

import ast
from collections.abc import Sequence

from agentc.analyses.kernel_dims import is_integer
from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import keywords, truth
from agentc.frontends.kernels.expressions import Scope, Value, evaluate, tensor, unsupported
from agentc.frontends.kernels.gathers import Slice, sliced, taken
from agentc.frontends.kernels.literals import list_of, literal, numbers_of, together, written_or_array
from agentc.frontends.kernels.ordered import ordered, reversed_axis
from agentc.frontends.kernels.scalars import ELEMENTS, limits
from agentc.frontends.kernels.searches import contained, searched
from agentc.frontends.kernels.table import Args, Table, flat, given, unless_none
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan import sizes

REAL, WHOLE = ELEMENTS["f64"], ELEMENTS["i64"]
INFINITY = float("inf")


def _searchsorted(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("side", "v"))
    stated, values = given(node, "side", args, 2), given(node, "v", args, 1)
    side = stated.value if isinstance(stated, ast.Constant) else "left" if stated is None else None
    if side not in ("left", "right") or values is None:
        raise unsupported(scope, node, ast.unparse(node), 'give the array, the values, and `side="left"` or `"right"`')
    array, wanted = together(scope, node, written_or_array(scope, args[0]), written_or_array(scope, values))
    return searched(scope.builder, array, wanted, right=side == "right")


def _digitize(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """The place among edges that ascend, or that descend: then what is not beyond a value is counted."""
    keywords(scope, node, ("bins", "right"))
    build, bins, stated = scope.builder, given(node, "bins", args, 1), given(node, "right", args, 2)
    if bins is None:
        raise unsupported(scope, node, ast.unparse(node), "give the values and the edges")
    values, edges = together(scope, node, written_or_array(scope, args[0]), written_or_array(scope, bins))
    right = not (stated is not None and truth(scope, stated))
    if (known := numbers_of(scope, bins)) is not None and known == sorted(known):
        return searched(build, edges, values, right)
    if len(edges.dims) != 1:
        raise ShapeError(f"edges are one row, not {show(edges.dims)}")
    falls = _falls(build, edges)
    place = searched(build, build.map("where", falls, reversed_axis(build, edges, 0), edges), values, right)
    return build.map("where", falls, build.map("sub", build.size(edges.dims[0], WHOLE), place), place)


def _falls(kernel: KernelBuilder, edges: Tensor) -> Tensor:
    """Whether any of ``edges`` is less than the one before it."""
    count = sizes.maximum(sizes.subtract(edges.dims[0], 1), 0)
    after, before = (sliced(kernel, edges, [Slice(start, count)]) for start in (1, 0))
    plain = [kernel.cast(e, ELEMENTS["u8"]) if e.element == ELEMENTS["i1"] else e for e in (after, before)]
    less = kernel.cast(kernel.map("lt", *plain), ELEMENTS["u8"])
    return kernel.cast(kernel.reduce("max", less, [0], False, 0.0), ELEMENTS["i1"])


def _isin(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """By comparing with each of a few numbers, or by a search among the sorted elements."""
    keywords(scope, node, ("test_elements", "assume_unique", "invert", "kind"))
    build, tests = scope.builder, given(node, "test_elements", args, 1)
    if tests is None:
        raise unsupported(scope, node, ast.unparse(node), "give the array, and among what its elements are looked for")
    stated, numbers = given(node, "invert", args, 3), numbers_of(scope, tests)
    if numbers is not None and numbers:
        literal(scope, list_of(scope, tests))  # that they are not too many
        found = _is_any(build, tensor(scope, args[0]), numbers)
    else:
        values, members = together(scope, node, written_or_array(scope, args[0]), written_or_array(scope, tests))
        found = contained(build, ordered(build, flat(scope, members), 0, places=False), values)
    return build.map("xor", found, 1) if stated is not None and truth(scope, stated) else found


def _is_any(kernel: KernelBuilder, array: Tensor, numbers: Sequence[float]) -> Tensor:
    """Integers are compared as they are, with what is among them; floats in f64, as 0.1 is no f32."""
    plain = kernel.cast(array, ELEMENTS["u8"]) if array.element == ELEMENTS["i1"] else array
    if is_integer(plain.element):
        low, high = limits(plain.element)
        numbers = [int(n) for n in numbers if n == n and abs(n) != INFINITY and int(n) == n and low <= n <= high]
    else:
        plain = kernel.cast(plain, REAL)
    found: Tensor | None = None
    for number in dict.fromkeys(numbers):
        same = kernel.map("eq", plain, number)
        found = same if found is None else kernel.map("or", found, same)
    return found if found is not None else kernel.map("ne", plain, plain)


def _interp(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """``np.interp``, in f64: by the two points around each value; beyond either end what ``left`` and ``right`` say.
    NaN stays, where NumPy has the height of a single point.
    """
    keywords(scope, node, ("left", "right"))
    build = scope.builder
    x, places, heights = (build.cast(written_or_array(scope, a)[0], REAL) for a in args[:3])
    if len(places.dims) != 1 or len(heights.dims) != 1 or build.agreed(places.dims[0], heights.dims[0]) is None:
        raise ShapeError(f"points are two rows of one length, not {show(places.dims)} and {show(heights.dims)}")
    count = places.dims[0]
    outside = [unless_none(given(node, name, args, at)) for name, at in (("left", 3), ("right", 4))]
    beyond = [
        _height(scope, stated) if stated is not None else sliced(build, heights, [end])
        for stated, end in zip(outside, (0, sizes.subtract(count, 1)), strict=True)
    ]
    first, last = (sliced(build, places, [end]) for end in (0, sizes.subtract(count, 1)))
    found = _between(build, x, places, heights)
    for name, end, height in (("lt", first, beyond[0]), ("gt", last, beyond[1])):
        found = build.map("where", build.map(name, x, end), height, found)
    return build.map("where", build.map("ne", x, x), x, found)


def _height(scope: Scope, node: ast.expr) -> Value:
    value = evaluate(scope, node)
    if not isinstance(value, Tensor):
        return float(value)
    if value.dims:
        raise scope.source.error("kernel-shape", f"`{ast.unparse(node)}` is a number, not {show(value.dims)}", node)
    return scope.builder.cast(value, REAL)


def _between(kernel: KernelBuilder, x: Tensor, places: Tensor, heights: Tensor) -> Tensor:
    """As NumPy does it: from the lower point, from the upper one where that is NaN, and between points of one height
    that height.
    """
    behind = searched(kernel, places, x, right=True)
    low = kernel.map("max", kernel.map("sub", behind, 1), 0)
    (x0, x1), (y0, y1) = ([taken(kernel, row, at, 0) for at in (low, behind)] for row in (places, heights))
    slope = kernel.map("div", kernel.map("sub", y1, y0), kernel.map("sub", x1, x0))
    found, other = (
        kernel.map("add", kernel.map("mul", slope, kernel.map("sub", x, start)), height)
        for start, height in ((x0, y0), (x1, y1))
    )
    found = kernel.map("where", kernel.map("ne", found, found), other, found)
    level = kernel.map("and", kernel.map("ne", found, found), kernel.map("eq", y0, y1))
    return kernel.map("where", kernel.map("or", level, kernel.map("eq", x, x0)), y0, found)


LOOKUPS: Table = {
    "searchsorted": (1, 3, _searchsorted),
    "digitize": (1, 3, _digitize),
    "isin": (1, 4, _isin),
    "interp": (3, 5, _interp),
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
