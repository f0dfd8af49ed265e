"""Spread and order statistics, and functions of numbers that are made of several steps."""

import ast
from collections.abc import Callable, Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import AnyFloat

from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import axes_of, keywords
from agentc.frontends.kernels.expressions import Scope, Value, evaluate, real, tensor, unsupported
from agentc.frontends.kernels.gathers import broadcast_to, reshaped, taken
from agentc.frontends.kernels.ordered import ordered, running
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES
from agentc.frontends.kernels.source import number_of
from agentc.frontends.kernels.table import Args, Function, Table, axis_stated, given, is_kept, unless_none
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan import sizes

REAL = ELEMENTS["f64"]
INFINITY = float("inf")
TURN = 6.283185307179586
Variance: TypeAlias = Callable[[KernelBuilder, Tensor, Sequence[int], bool, float], Tensor]
"""Of an array along axes, which stay or not, and what is taken off the number of elements."""


def _floats(scope: Scope, array: Tensor) -> Tensor:
    value = real(scope, array)
    assert isinstance(value, Tensor)
    return value


def spread(root: bool, variance: Variance) -> Function:
    """``np.var`` and ``np.std``, and those of what is not NaN."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims", "ddof"))
        array = _floats(scope, tensor(scope, args[0]))
        axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
        ddof = given(node, "ddof", (), 0)
        less = number_of(ddof) if ddof is not None else 0
        if less is None:
            raise unsupported(scope, node, f"ddof={ast.unparse(ddof or node)}", "write a number")
        found = variance(scope.builder, array, axes, is_kept(scope, node), less)
        return scope.builder.map("sqrt", found) if root else found

    return make


def _variance(kernel: KernelBuilder, array: Tensor, axes: Sequence[int], keep: bool, less: float) -> Tensor:
    """The mean of squared distances from the mean, in f32 at least; ``less`` is taken off their number."""
    if array.element in HALVES:
        wide = kernel.cast(array, ELEMENTS["f32"])
        return kernel.cast(_variance(kernel, wide, axes, keep, less), array.element)
    apart = kernel.map("sub", array, kernel.reduce("mean", array, axes, True))
    squares = kernel.map("mul", apart, apart)
    if less == 0:
        return kernel.reduce("mean", squares, axes, keep)
    count = kernel.map("max", kernel.map("sub", kernel.count([array.dims[a] for a in axes], array.element), less), 0.0)
    return kernel.map("div", kernel.reduce("sum", squares, axes, keep), count)


def _quantile(scale: float | None) -> Function:
    """``np.quantile`` (1), ``np.percentile`` (100), ``np.median`` (no place is stated), linear between neighbors."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims"))
        array = _floats(scope, tensor(scope, args[0]))
        share = None
        if scale is not None:
            stated = evaluate(scope, args[1])
            if isinstance(stated, Tensor) or not 0 <= stated <= scale:
                raise unsupported(scope, args[1], ast.unparse(args[1]), f"write a number from 0 to {scale:g}")
            share = stated / scale
        at = 1 if scale is None else 2
        axes = axes_of(scope, given(node, "axis", args, at), len(array.dims))
        found = _of_share(scope.builder, array, axes, share)
        for axis in axes if is_kept(scope, node) else ():
            found = found.expanded(axis)
        return found

    return make


def _of_share(kernel: KernelBuilder, array: Tensor, axes: Sequence[int], share: float | None) -> Tensor:
    """The element at ``share`` of the way through the sorted ones, or the mean of the two in the middle; NaN where one
    is."""
    if array.element in HALVES:
        wide = kernel.cast(array, ELEMENTS["f32"])
        return kernel.cast(_of_share(kernel, wide, axes, share), array.element)
    kept = [i for i in range(len(array.dims)) if i not in axes]
    rows = array.permuted([*kept, *axes])
    if len(axes) > 1:
        rows = reshaped(kernel, rows, [*(array.dims[i] for i in kept), -1])
    last = len(kept)
    count = kernel.size(rows.dims[last], ELEMENTS["f64"])
    kernel.require(rows.dims[last])
    place = kernel.map("mul", kernel.map("sub", count, 1.0), 0.5 if share is None else share)
    low = kernel.map("floor", place)
    ranked = ordered(kernel, rows, last, places=False)
    ends = [taken(kernel, ranked, kernel.cast(end, ELEMENTS["i64"]), last) for end in (low, kernel.map("ceil", place))]
    if share is None:
        found = kernel.map("mul", kernel.map("add", *ends), 0.5)
    else:
        part = kernel.cast(kernel.map("sub", place, low), array.element)
        found = kernel.map("add", ends[0], kernel.map("mul", kernel.map("sub", ends[1], ends[0]), part))
    exact = kernel.map("where", kernel.map("eq", ends[0], ends[1]), ends[0], found)
    lost = kernel.reduce("max", kernel.cast(kernel.map("ne", rows, rows), ELEMENTS["u8"]), [last], False)
    return kernel.map("where", kernel.map("eq", lost, 0), exact, float("nan"))


def _range(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "keepdims"))
    array = tensor(scope, args[0])
    axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
    ends = [scope.builder.reduce(kind, array, axes, is_kept(scope, node)) for kind in ("max", "min")]
    return scope.builder.map("sub", *ends)


def _average(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """``np.average``: with one weight for each element, or for each place along one axis."""
    keywords(scope, node, ("axis", "weights", "keepdims"))
    build, given_ = scope.builder, tensor(scope, args[0])
    array = _floats(scope, given_)
    stated, weighed = given(node, "axis", args, 1), unless_none(given(node, "weights", args, 2))
    axes, keep = axes_of(scope, stated, len(array.dims)), is_kept(scope, node)
    if weighed is None:
        return build.reduce("mean", array, axes, keep)
    weights = tensor(scope, weighed)
    if given_.element is not array.element:
        weights = build.cast(weights, REAL)
    if len(weights.dims) == 1 and len(axes) == 1:
        for _ in range(len(array.dims) - 1 - axes[0]):
            weights = weights.expanded(len(weights.dims))
    elif len(weights.dims) != len(array.dims):
        raise ShapeError(f"weights {show(weights.dims)} of {show(array.dims)}: say along which axis")
    weights = broadcast_to(build, weights, array.dims)
    total = build.reduce("sum", build.map("mul", array, weights), axes, keep)
    return build.map("div", total, build.reduce("sum", weights, axes, keep))


def _gradient(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """``np.gradient`` along one axis: half of what is between both neighbors, and at the ends the difference to one."""
    keywords(scope, node, ("axis",))
    build, array = scope.builder, _floats(scope, tensor(scope, args[0]))
    axis = axis_stated(scope, node, (), 0, len(array.dims), 0 if len(array.dims) == 1 else None)
    apart = evaluate(scope, args[1]) if len(args) > 1 else 1.0
    if axis is None or (isinstance(apart, Tensor) and apart.dims):
        raise unsupported(scope, node, ast.unparse(node), "take it along one axis, of places that a number is between")
    length, whole = array.dims[axis], ELEMENTS["i64"]
    build.require(sizes.subtract(length, 1))
    places = build.iota(length, whole)
    last = build.map("sub", build.size(length, whole), 1)
    up = build.map("min", build.map("add", places, 1), last)
    down = build.map("max", build.map("sub", places, 1), 0)
    steps = build.cast(build.map("sub", up, down), array.element)
    for _ in range(len(array.dims) - 1 - axis):
        steps = steps.expanded(len(steps.dims))
    far = build.map("sub", *(taken(build, array, at, axis) for at in (up, down)))
    return build.map("div", far, steps if apart == 1.0 else build.map("mul", steps, apart))


def _unwrap(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """``np.unwrap``: whole turns are added where neighbors are more than half a turn apart."""
    keywords(scope, node, ("axis", "period"))
    build, array, stated = scope.builder, tensor(scope, args[0]), given(node, "period", (), 0)
    axis = axis_stated(scope, node, (), 0, len(array.dims), -1)
    turn = evaluate(scope, stated) if stated is not None else TURN
    if not isinstance(array.element, AnyFloat) or not array.dims or axis is None or isinstance(turn, Tensor):
        raise unsupported(scope, node, ast.unparse(node), "angles are floats, and the period is a number")
    length = array.dims[axis]
    build.require(length)
    wide = build.cast(array, ELEMENTS["f32"]) if array.element in HALVES else array
    before = build.map("max", build.map("sub", build.iota(length, ELEMENTS["i64"]), 1), 0)
    apart = build.map("sub", wide, taken(build, wide, before, axis))
    rest = build.map("sub", build.map("mod", build.map("add", apart, turn / 2), turn), turn / 2)
    ahead = build.map("and", build.map("eq", rest, -turn / 2), build.map("gt", apart, 0.0))
    turned = build.map("sub", build.map("where", ahead, turn / 2, rest), apart)
    near = build.map("lt", build.map("abs", apart), turn / 2)
    whole = running(build, "add", build.map("where", near, 0.0, turned), axis)
    return build.cast(build.map("add", wide, whole), array.element)


def _count_nonzero(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "keepdims"))
    array = scope.builder.cast(tensor(scope, args[0]), ELEMENTS["i1"])
    axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
    return scope.builder.reduce("sum", array, axes, is_kept(scope, node))


Elementwise = Callable[[KernelBuilder, Sequence[Value]], Tensor]


def _composed(count: int, make: Elementwise) -> tuple[int, int, Function]:
    """A function of ``count`` arrays of real numbers, in f32 at least."""

    def apply(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ())
        build = scope.builder
        values = [real(scope, evaluate(scope, a)) for a in args]
        element = build.common(ast.unparse(node.func), values)
        if element not in HALVES:
            return make(build, values)
        wide = [build.cast(v, ELEMENTS["f32"]) if isinstance(v, Tensor) else v for v in values]
        return build.cast(make(build, wide), element)

    return count, count, apply


LOG_TERMS = (1 / 17, 1 / 15, 1 / 13, 1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3)
EXP_TERMS = tuple(1 / n for n in range(14, 1, -1))


def log1p(kernel: KernelBuilder, values: Sequence[Value]) -> Tensor:
    """``log(1 + x)``; near 0 by ``2 atanh(x / (2 + x))``, whose series has 1e-16 left at x = 0.25."""
    x = values[0]
    s = kernel.map("div", x, kernel.map("add", x, 2.0))
    square = kernel.map("mul", s, s)
    total: Tensor = kernel.map("mul", square, LOG_TERMS[0])
    for term in LOG_TERMS[1:]:
        total = kernel.map("mul", kernel.map("add", total, term), square)
    near = kernel.map("add", kernel.map("mul", total, kernel.map("mul", s, 2.0)), kernel.map("mul", s, 2.0))
    far = kernel.map("log", kernel.map("add", x, 1.0))
    return kernel.map("where", kernel.map("lt", kernel.map("abs", x), 0.25), near, far)


def expm1(kernel: KernelBuilder, values: Sequence[Value]) -> Tensor:
    """``exp(x) - 1``; near 0 by its series, which has 1e-17 left at x = 0.5."""
    x = values[0]
    total: Value = 1.0
    for term in EXP_TERMS:
        total = kernel.map("add", kernel.map("mul", kernel.map("mul", x, term), total), 1.0)
    near = kernel.map("mul", x, total)
    far = kernel.map("sub", kernel.map("exp", x), 1.0)
    return kernel.map("where", kernel.map("lt", kernel.map("abs", x), 0.5), near, far)


def _logaddexp(kernel: KernelBuilder, values: Sequence[Value]) -> Tensor:
    """``log(exp(a) + exp(b))`` without either being too large; of equal infinities it is theirs."""
    high = kernel.map("max", *values)
    apart = kernel.map("neg", kernel.map("abs", kernel.map("sub", *values)))
    sum_ = kernel.map("add", high, log1p(kernel, [kernel.map("exp", apart)]))
    return kernel.map("where", kernel.map("eq", *values), kernel.map("add", values[0], 0.6931471805599453), sum_)


def _truncated(kernel: KernelBuilder, values: Sequence[Value]) -> Tensor:
    down, up = kernel.map("floor", values[0]), kernel.map("ceil", values[0])
    return kernel.map("where", kernel.map("lt", values[0], 0.0), up, down)


def _tangent(kernel: KernelBuilder, values: Sequence[Value]) -> Tensor:
    return kernel.map("div", kernel.map("sin", values[0]), kernel.map("cos", values[0]))


def _powers_of_two(kernel: KernelBuilder, values: Sequence[Value]) -> Tensor:
    return kernel.map("pow", 2.0, values[0])


STATISTICS: Table = {
    "var": (1, 2, spread(False, _variance)),
    "std": (1, 2, spread(True, _variance)),
    "median": (1, 2, _quantile(None)),
    "quantile": (2, 3, _quantile(1.0)),
    "percentile": (2, 3, _quantile(100.0)),
    "ptp": (1, 2, _range),
    "average": (1, 3, _average),
    "gradient": (1, 2, _gradient),
    "unwrap": (1, 1, _unwrap),
    "count_nonzero": (1, 2, _count_nonzero),
    "log1p": _composed(1, log1p),
    "expm1": _composed(1, expm1),
    "exp2": _composed(1, _powers_of_two),
    "logaddexp": _composed(2, _logaddexp),
    "trunc": _composed(1, _truncated),
    "tan": _composed(1, _tangent),
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
