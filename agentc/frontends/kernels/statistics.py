"""Spread and order statistics, and functions of numbers that are made of several steps."""

import ast
from collections.abc import Callable, Sequence

from xdsl.dialects.builtin import AnyFloat

from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import axes_of, keywords, truth
from agentc.frontends.kernels.expressions import Scope, Value, evaluate, real, tensor, unsupported
from agentc.frontends.kernels.gathers import reshaped, taken
from agentc.frontends.kernels.ordered import ordered
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES
from agentc.frontends.kernels.source import number_of
from agentc.frontends.kernels.table import Args, Function, Table, given
from agentc.frontends.kernels.tensors import ShapeError, Tensor

INFINITY = float("inf")


def _floats(scope: Scope, array: Tensor) -> Tensor:
    value = real(scope, array)
    assert isinstance(value, Tensor)
    return value


def _spread(root: bool) -> Function:
    """``np.var`` and ``np.std``."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims", "ddof"))
        array = _floats(scope, tensor(scope, args[0]))
        axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
        stated, ddof = given(node, "keepdims", args, 9), given(node, "ddof", args, 9)
        less = number_of(ddof) if ddof is not None else 0
        if less is None:
            raise unsupported(scope, node, f"ddof={ast.unparse(ddof or node)}", "write a number")
        keep = stated is not None and truth(scope, stated)
        found = _variance(scope.builder, array, axes, keep, less)
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
        stated_axis, keepdims = given(node, "axis", args, at), given(node, "keepdims", args, 9)
        axes = axes_of(scope, stated_axis, len(array.dims))
        found = _of_share(scope.builder, array, axes, share)
        for axis in axes if keepdims is not None and truth(scope, keepdims) else ():
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


def _without_nan(kind: str) -> Function:
    """``np.nansum`` and the like: NaN counts for nothing."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims"))
        build, array = scope.builder, tensor(scope, args[0])
        if not isinstance(array.element, AnyFloat):
            raise ShapeError(f"`nan{kind}` of whole numbers, of which none is NaN")
        axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
        stated = given(node, "keepdims", args, 9)
        keep = stated is not None and truth(scope, stated)
        there = build.map("eq", array, array)
        if kind in ("max", "min"):
            return _extreme(build, kind, array, there, axes, keep)
        total = build.reduce("sum", build.map("where", there, array, 0.0), axes, keep)
        if kind == "sum":
            return total
        return build.map("div", total, build.reduce("sum", build.cast(there, array.element), axes, keep))

    return make


def _extreme(kernel: KernelBuilder, kind: str, array: Tensor, there: Tensor, axes: Sequence[int], keep: bool) -> Tensor:
    """Of nothing but NaN it is NaN."""
    found = kernel.reduce(kind, kernel.map("where", there, array, -INFINITY if kind == "max" else INFINITY), axes, keep)
    some = kernel.reduce("max", kernel.cast(there, ELEMENTS["u8"]), axes, keep)
    return kernel.map("where", kernel.map("gt", some, 0), found, float("nan"))


def _range(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "keepdims"))
    array = tensor(scope, args[0])
    axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
    stated = given(node, "keepdims", args, 9)
    keep = stated is not None and truth(scope, stated)
    ends = [scope.builder.reduce(kind, array, axes, keep) for kind in ("max", "min")]
    return scope.builder.map("sub", *ends)


def _count_nonzero(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "keepdims"))
    array = scope.builder.cast(tensor(scope, args[0]), ELEMENTS["i1"])
    axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
    stated = given(node, "keepdims", args, 9)
    return scope.builder.reduce("sum", array, axes, stated is not None and truth(scope, stated))


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
    "var": (1, 2, _spread(root=False)),
    "std": (1, 2, _spread(root=True)),
    "median": (1, 2, _quantile(None)),
    "quantile": (2, 3, _quantile(1.0)),
    "percentile": (2, 3, _quantile(100.0)),
    "nansum": (1, 2, _without_nan("sum")),
    "nanmean": (1, 2, _without_nan("mean")),
    "nanmax": (1, 2, _without_nan("max")),
    "nanmin": (1, 2, _without_nan("min")),
    "ptp": (1, 2, _range),
    "count_nonzero": (1, 2, _count_nonzero),
    "log1p": _composed(1, log1p),
    "expm1": _composed(1, expm1),
    "exp2": _composed(1, _powers_of_two),
    "logaddexp": _composed(2, _logaddexp),
    "trunc": _composed(1, _truncated),
    "tan": _composed(1, _tangent),
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
