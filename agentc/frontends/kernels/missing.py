"""NumPy's ``nan…`` functions: what is NaN counts for nothing."""

import ast
from collections.abc import Sequence

from xdsl.dialects.builtin import AnyFloat

from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import axes_of, keywords
from agentc.frontends.kernels.expressions import Scope, evaluate, tensor
from agentc.frontends.kernels.gathers import reshaped, taken_along
from agentc.frontends.kernels.ordered import ordered, place_of, running
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES
from agentc.frontends.kernels.statistics import spread
from agentc.frontends.kernels.table import Args, Function, Table, along, given, is_kept, unless_none
from agentc.frontends.kernels.tensors import ShapeError, Tensor

INFINITY = float("inf")
LARGEST = {"f64": 1.7976931348623157e308, "f32": 3.4028234663852886e38, "bf16": 3.3895313892515355e38, "f16": 65504.0}


def _floats(scope: Scope, name: str, node: ast.expr) -> Tensor:
    array = tensor(scope, node)
    if not isinstance(array.element, AnyFloat):
        raise ShapeError(f"`{name}` of whole numbers, of which none is NaN")
    return array


def _reduced(kind: str) -> Function:
    """``np.nansum``, ``nanprod``, ``nanmean``, ``nanmax``, ``nanmin``."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims"))
        build, array = scope.builder, _floats(scope, f"nan{kind}", args[0])
        axes, keep = axes_of(scope, given(node, "axis", args, 1), len(array.dims)), is_kept(scope, node)
        there = build.map("eq", array, array)
        if kind in ("max", "min"):
            return _extreme(build, kind, array, there, axes, keep)
        if kind == "mean":
            return _mean(build, array, there, axes, keep)
        filler = 0.0 if kind == "sum" else 1.0
        return build.reduce(kind, build.map("where", there, array, filler), axes, keep)

    return make


def _mean(kernel: KernelBuilder, array: Tensor, there: Tensor, axes: Sequence[int], keep: bool) -> Tensor:
    total = kernel.reduce("sum", kernel.map("where", there, array, 0.0), axes, keep)
    return kernel.map("div", total, kernel.reduce("sum", kernel.cast(there, array.element), axes, keep))


def _extreme(kernel: KernelBuilder, kind: str, array: Tensor, there: Tensor, axes: Sequence[int], keep: bool) -> Tensor:
    """Of nothing but NaN it is NaN."""
    found = kernel.reduce(kind, kernel.map("where", there, array, -INFINITY if kind == "max" else INFINITY), axes, keep)
    some = kernel.reduce("max", kernel.cast(there, ELEMENTS["u8"]), axes, keep)
    return kernel.map("where", kernel.map("gt", some, 0), found, float("nan"))


def _variance(kernel: KernelBuilder, array: Tensor, axes: Sequence[int], keep: bool, less: float) -> Tensor:
    """In f32 at least; of no more than ``less`` numbers it is NaN."""
    if array.element in HALVES:
        wide = kernel.cast(array, ELEMENTS["f32"])
        return kernel.cast(_variance(kernel, wide, axes, keep, less), array.element)
    there = kernel.map("eq", array, array)
    apart = kernel.map("sub", array, _mean(kernel, array, there, axes, True))
    squares = kernel.map("where", there, kernel.map("mul", apart, apart), 0.0)
    total = kernel.reduce("sum", squares, axes, keep)
    count = kernel.map("sub", kernel.reduce("sum", kernel.cast(there, array.element), axes, keep), float(less))
    return kernel.map("where", kernel.map("gt", count, 0.0), kernel.map("div", total, count), float("nan"))


def _median(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """The mean of the two in the middle of those that are numbers, which sorting puts first."""
    keywords(scope, node, ("axis", "keepdims"))
    build, array = scope.builder, _floats(scope, "nanmedian", args[0])
    axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
    kept = [i for i in range(len(array.dims)) if i not in axes]
    rows = array.permuted([*kept, *axes])
    if len(axes) > 1:
        rows = reshaped(build, rows, [*(array.dims[i] for i in kept), -1])
    last = len(kept)
    build.require(rows.dims[last])
    count = build.reduce("sum", build.map("eq", rows, rows), [last], True)
    ranked = ordered(build, build.cast(rows, ELEMENTS["f32"]) if array.element in HALVES else rows, last, places=False)
    middle = [build.map("shr", build.map("sub", count, by), 1) for by in (1, 0)]
    ends = [taken_along(build, ranked, build.map("max", place, 0), last) for place in middle]
    half = [build.map("mul", end, 0.5) for end in ends]
    same = build.map("eq", ends[0], ends[1])
    found = build.map("where", same, ends[0], build.map("add", half[0], half[1]))
    found = build.cast(build.reduce("sum", found, [last], False), array.element)
    for axis in axes if is_kept(scope, node) else ():
        found = found.expanded(axis)
    return found


def _place(largest: bool) -> Function:
    """``np.nanargmax`` and ``np.nanargmin``; of nothing but NaN, which NumPy refuses, it is 0."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims"))
        name = "nanargmax" if largest else "nanargmin"
        _floats(scope, name, args[0])
        array, axis = along(scope, node, args, None)
        there = scope.builder.map("eq", array, array)
        numbers = scope.builder.map("where", there, array, -INFINITY if largest else INFINITY)
        return place_of(scope.builder, numbers, axis, largest, is_kept(scope, node))

    return make


def _running(kind: str) -> Function:
    """``np.nancumsum`` and ``np.nancumprod``."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis",))
        _floats(scope, "nancumsum", args[0])
        array, axis = along(scope, node, args, None)
        there = scope.builder.map("eq", array, array)
        numbers = scope.builder.map("where", there, array, 0.0 if kind == "add" else 1.0)
        return running(scope.builder, kind, numbers, axis)

    return make


def _replaced(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """``np.nan_to_num``: NaN as 0, infinities as the largest numbers there are, unless others are stated."""
    keywords(scope, node, ("copy", "nan", "posinf", "neginf"))
    build, array = scope.builder, tensor(scope, args[0])
    if not isinstance(array.element, AnyFloat):
        return array
    most = LARGEST[str(array.element)]
    found = array
    for name, at, value, other in (("posinf", 3, INFINITY, most), ("neginf", 4, -INFINITY, -most)):
        stated = unless_none(given(node, name, args, at))
        filler = evaluate(scope, stated) if stated is not None else other
        found = build.map("where", build.map("eq", array, value), filler, found)
    stated = given(node, "nan", args, 2)
    filler = evaluate(scope, stated) if stated is not None else 0.0
    return build.map("where", build.map("eq", array, array), found, filler)


MISSING: Table = {
    **{f"nan{kind}": (1, 2, _reduced(kind)) for kind in ("sum", "prod", "mean", "max", "min")},
    "nanvar": (1, 2, spread(False, _variance)),
    "nanstd": (1, 2, spread(True, _variance)),
    "nanmedian": (1, 2, _median),
    "nanargmax": (1, 2, _place(True)),
    "nanargmin": (1, 2, _place(False)),
    "nancumsum": (1, 2, _running("add")),
    "nancumprod": (1, 2, _running("mul")),
    "nan_to_num": (1, 5, _replaced),
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
