"""NumPy functions that count values: by number, and by bins between edges."""

import ast

from xdsl.dialects.builtin import AnyFloat

from agentc.analyses.kernel_dims import is_integer
from agentc.frontends.kernels.arrays import spaced
from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import keywords, truth
from agentc.frontends.kernels.expressions import Scope, evaluate, tensor, unsupported
from agentc.frontends.kernels.gathers import Slice, sliced, taken
from agentc.frontends.kernels.indexing import size_of
from agentc.frontends.kernels.literals import number_as_array, together, written_or_array
from agentc.frontends.kernels.ordered import filled, scattered
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES, element_name
from agentc.frontends.kernels.searches import searched
from agentc.frontends.kernels.table import Args, Table, flat, given, unless_none
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan import sizes
from agentc.plan.kernels import Dim

REAL, WHOLE = ELEMENTS["f64"], ELEMENTS["i64"]
INFINITY = float("inf")


def _bincount(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("weights", "minlength"))
    build, values = scope.builder, tensor(scope, args[0])
    stated, weights = given(node, "minlength", args, 2), unless_none(given(node, "weights", args, 1))
    count = size_of(scope, stated) if stated is not None else 0
    if count == 0:
        help = "say how many numbers are counted: `np.bincount(x, minlength=16)` counts 0 to 15"
        raise unsupported(scope, node, ast.unparse(node), f"its size depends on data; {help}")
    if len(values.dims) != 1 or not is_integer(values.element) or values.element == ELEMENTS["u64"]:
        raise ShapeError(f"a row of integers is counted, not {element_name(values.element)}{show(values.dims)}")
    weighed = _weights(scope, weights, tensor(scope, weights), values) if weights is not None else None
    return _counted(build, build.cast(values, WHOLE), count, weighed)


def _weights(scope: Scope, node: ast.AST, weights: Tensor, values: Tensor) -> Tensor:
    """What each of ``values`` counts for, in f64."""
    agreed = [scope.builder.agreed(w, d) for w, d in zip(weights.dims, values.dims, strict=False)]
    if len(weights.dims) != len(values.dims) or None in agreed:
        raise scope.source.error("kernel-shape", f"weights {show(weights.dims)} of values {show(values.dims)}", node)
    return scope.builder.cast(weights, REAL)


def _counted(kernel: KernelBuilder, places: Tensor, count: Dim, weights: Tensor | None) -> Tensor:
    """How often, or with which sum of ``weights``, each place from 0 up to ``count`` is among ``places``."""
    kind = "i64" if weights is None else "f64"
    beyond = kernel.size(count, WHOLE)
    rows = kernel.map("where", kernel.map("lt", places, 0), beyond, places)
    updates = weights or filled(kernel, rows.dims, 1, kind)
    return scattered(kernel, "add", filled(kernel, [count], 0, kind), rows, updates)


def _histogram(scope: Scope, node: ast.Call, args: Args) -> tuple[Tensor, ...]:
    keywords(scope, node, ("bins", "range", "density", "weights"))
    build, values = scope.builder, written_or_array(scope, args[0])
    density, weighed = unless_none(given(node, "density", args, 3)), unless_none(given(node, "weights", args, 4))
    values, edges, shown, even = _edges(scope, node, args, values)
    source = tensor(scope, weighed) if weighed is not None else None
    weights = _weights(scope, weighed or node, source, values) if source is not None else None
    row = flat(scope, values)
    places = _even_places(build, row, edges) if even else _places(build, row, edges)
    count = sizes.subtract(edges.dims[0], 1)
    found = _counted(build, places, count, flat(scope, weights) if weights is not None else None)
    found = build.cast(found, source.element) if source is not None else found
    return (_density(build, found, shown) if density is not None and truth(scope, density) else found), shown


def _edges(scope: Scope, node: ast.Call, args: Args, array: tuple[Tensor, bool]) -> tuple[Tensor, Tensor, Tensor, bool]:
    """The values and the edges in one type, the edges as NumPy gives them back, and whether they are evenly spaced."""
    bins, ends = given(node, "bins", args, 1), unless_none(given(node, "range", args, 2))
    stated = written_or_array(scope, bins) if bins is not None else None
    if bins is None or (stated is not None and not stated[0].dims):
        edges = _even(scope, array[0], size_of(scope, bins) if bins is not None else 10, ends)
        return scope.builder.cast(array[0], edges.element), edges, edges, True
    assert stated is not None
    if ends is not None:
        raise unsupported(scope, ends, "range=", "edges say where bins are; give their number, or no range")
    if len(stated[0].dims) != 1:
        raise ShapeError(f"edges are one row, not {show(stated[0].dims)}")
    values, edges = together(scope, node, array, stated)
    return values, edges, stated[0], False


def _places(kernel: KernelBuilder, values: Tensor, edges: Tensor) -> Tensor:
    """The bin of each value, which has its lower edge, and the last one its upper edge, too; outside of all what is
    none."""
    count = sizes.subtract(edges.dims[0], 1)
    kernel.require(edges.dims[0])
    last = sliced(kernel, edges, [count])
    place = kernel.map("sub", searched(kernel, edges, values, right=True), 1)
    before = kernel.map("sub", kernel.size(count, WHOLE), 1)
    return kernel.map("where", kernel.map("eq", values, last), before, place)


def _even_places(kernel: KernelBuilder, values: Tensor, edges: Tensor) -> Tensor:
    """As ``_places``, of edges that are evenly spaced: by the share of the way to the last one, and one bin more or
    less where rounding took it over an edge."""
    if edges.element in HALVES:
        values, edges = (kernel.cast(t, ELEMENTS["f32"]) for t in (values, edges))
    count = sizes.subtract(edges.dims[0], 1)
    low, high = (sliced(kernel, edges, [end]) for end in (0, count))
    inside = kernel.map("and", kernel.map("ge", values, low), kernel.map("le", values, high))
    share = kernel.map("div", kernel.map("sub", values, low), kernel.map("sub", high, low))
    scaled = kernel.map("mul", share, kernel.size(count, edges.element))
    guess = kernel.cast(kernel.map("where", inside, scaled, 0.0), WHOLE)
    last = kernel.map("sub", kernel.size(count, WHOLE), 1)
    guess = kernel.map("max", kernel.map("min", guess, last), 0)
    upper = kernel.map("min", kernel.map("add", guess, 1), last)
    below = kernel.map("lt", values, taken(kernel, edges, guess, 0))
    above = kernel.map("and", kernel.map("ge", values, taken(kernel, edges, upper, 0)), kernel.map("ne", upper, guess))
    place = kernel.map("where", below, kernel.map("sub", guess, 1), kernel.map("where", above, upper, guess))
    return kernel.map("where", inside, place, -1)


def _even(scope: Scope, values: Tensor, count: Dim, ends: ast.expr | None) -> Tensor:
    """Edges of ``count`` bins of the same width, in the type of ``values``, or f64 where they are integers. Without
    ``ends`` they go from the least to the greatest of ``values``, or, where there is none, from 0 to 1.
    """
    build = scope.builder
    scope.builder.require(count)
    element = values.element if isinstance(values.element, AnyFloat) else REAL
    low, high = _ends(scope, values, ends)
    same = build.map("eq", low, high)
    low, high = (build.map("where", same, build.map("add", e, by), e) for e, by in ((low, -0.5), (high, 0.5)))
    return build.cast(spaced(build, low, high, count, sizes.add(count, 1)), element)


def _ends(scope: Scope, values: Tensor, ends: ast.expr | None) -> list[Tensor]:
    build = scope.builder
    if ends is None:
        plain = build.cast(values, ELEMENTS["u8"]) if values.element == ELEMENTS["i1"] else values
        low, high = (build.reduce(kind, plain, range(len(values.dims)), False) for kind in ("min", "max"))
        none = build.map("eq", build.count(values.dims, WHOLE), 0)
        return [build.map("where", none, number, build.cast(e, REAL)) for number, e in ((0.0, low), (1.0, high))]
    items = ends.elts if isinstance(ends, ast.Tuple | ast.List) else []
    known = [evaluate(scope, item) for item in items]
    numbers = [v for v in known if not isinstance(v, Tensor)]
    if len(known) != 2 or any(isinstance(v, Tensor) and v.dims for v in known):
        raise unsupported(scope, ends, ast.unparse(ends), "write the least and the greatest value: `range=(0.0, 1.0)`")
    if len(numbers) == 2 and not -INFINITY < numbers[0] <= numbers[1] < INFINITY:
        raise scope.source.error("kernel-shape", f"bins from {numbers[0]} to {numbers[1]}", ends)
    build.common("histogram", [values, *(v for v in known if isinstance(v, Tensor))])
    made = [v if isinstance(v, Tensor) else number_as_array(build, float(v)) for v in known]
    return [build.cast(v, REAL) for v in made]


def _density(kernel: KernelBuilder, counts: Tensor, edges: Tensor) -> Tensor:
    """So that the sum over bins, times their widths, is 1."""
    count = counts.dims[0]
    after, before = (kernel.cast(sliced(kernel, edges, [Slice(start, count)]), REAL) for start in (1, 0))
    wide = kernel.cast(counts, REAL)
    return kernel.map(
        "div", kernel.map("div", wide, kernel.map("sub", after, before)), kernel.reduce("sum", wide, [0], False)
    )


COUNTS: Table = {"bincount": (1, 3, _bincount), "histogram": (1, 5, _histogram)}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
