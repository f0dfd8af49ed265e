"""NumPy functions that make arrays of other shapes or orders, and agentc's own that NumPy lacks."""

import ast
from collections.abc import Callable, Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.ir import Operation, SSAValue

from agentc.analyses.kernel_ops import EXACT, compare_floats, select
from agentc.frontends.kernels import fourier
from agentc.frontends.kernels.builder import KernelBuilder, Operand
from agentc.frontends.kernels.calls import axes_of, cast_name, keywords, truth
from agentc.frontends.kernels.expressions import Scope, Value, evaluate, tensor, unsupported
from agentc.frontends.kernels.gathers import broadcast_to, joined, reshaped, taken, taken_along
from agentc.frontends.kernels.indexing import size_of, sizes_of
from agentc.frontends.kernels.ordered import (
    best,
    filled,
    ordered,
    place_of,
    reversed_axis,
    running,
    scattered,
    states_of,
)
from agentc.frontends.kernels.scalars import ELEMENTS, element_name
from agentc.frontends.kernels.table import (
    Args,
    Function,
    Table,
    along,
    arrays_of,
    axis_stated,
    flat,
    given,
    is_kept,
)
from agentc.frontends.kernels.tensors import Tensor
from agentc.plan import sizes
from agentc.plan.kernels import Dim


def _sort(places: bool) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "kind", "stable"))
        return ordered(scope.builder, *along(scope, node, args, -1), places=places)

    return make


def _running(kind: str) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis",))
        return running(scope.builder, kind, *along(scope, node, args, None if kind in ("add", "mul") else 0))

    return make


def _place(largest: bool) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims"))
        array, axis = along(scope, node, args, None)
        return place_of(scope.builder, array, axis, largest, is_kept(scope, node, args, 2))

    return make


def _any(every: bool) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims"))
        array = scope.builder.cast(tensor(scope, args[0]), ELEMENTS["i1"])
        axes = axes_of(scope, given(node, "axis", args, 1), len(array.dims))
        keep = is_kept(scope, node, args, 2)
        kind, start = ("min", 1.0) if every else ("max", 0.0)
        bytes_ = scope.builder.cast(array, ELEMENTS["u8"])
        return scope.builder.cast(scope.builder.reduce(kind, bytes_, axes, keep, start), ELEMENTS["i1"])

    return make


def _take(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "mode"))
    places = tensor(scope, args[1])
    array = tensor(scope, args[0])
    axis = axis_stated(scope, node, args, 2, len(array.dims), None)
    array, axis = (flat(scope, array), 0) if axis is None else (array, axis)
    return taken(scope.builder, array, places, axis)


def _take_along(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    array, places = tensor(scope, args[0]), tensor(scope, args[1])
    axis = axis_stated(scope, node, args, 2, len(array.dims), -1)
    assert axis is not None
    return taken_along(scope.builder, array, places, axis)


def _reshape(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    return reshaped(scope.builder, tensor(scope, args[0]), sizes_of(scope, args[1:]))


def _ravel(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    return flat(scope, tensor(scope, args[0]))


def _clip(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """The lower end first; one that is `None` or not stated does nothing."""
    keywords(scope, node, ("a_min", "a_max", "min", "max"))
    found: Value = evaluate(scope, args[0])
    for at, kind in ((1, "min"), (2, "max")):
        stated = given(node, f"a_{kind}", args, at) or given(node, kind, args, at)
        if stated is not None and not (isinstance(stated, ast.Constant) and stated.value is None):
            found = scope.builder.map("max" if kind == "min" else "min", found, evaluate(scope, stated))
    if not isinstance(found, Tensor):
        raise scope.source.error("kernel-shape", f"`{ast.unparse(args[0])}` is a number, not an array", args[0])
    return found


def _select(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """``np.select``: the choice of the first condition that holds."""
    keywords(scope, node, ("default",))
    lists = [a.elts if isinstance(a, ast.Tuple | ast.List) else [] for a in args[:2]]
    if not lists[0] or len(lists[0]) != len(lists[1]):
        raise unsupported(scope, node, ast.unparse(node), "give as many choices as conditions, as lists")
    default = given(node, "default", args, 2)
    found: Value = evaluate(scope, default) if default is not None else 0
    conditions, choices = ([evaluate(scope, item) for item in items] for items in lists)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        found = scope.builder.map("where", condition, choice, found)
    assert isinstance(found, Tensor)
    return found


def _broadcast(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    return broadcast_to(scope.builder, tensor(scope, args[0]), sizes_of(scope, args[1:]))


def _arange(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("dtype",))
    bounds = [size_of(scope, a) for a in args]
    low, high = (bounds[0], bounds[1]) if len(bounds) >= 2 else (0, bounds[0])
    step = bounds[2] if len(bounds) == 3 else 1
    if not isinstance(step, int) or step == 0:
        raise unsupported(scope, node, ast.unparse(node), "the step is a number other than 0")
    apart = sizes.subtract(high, low) if step > 0 else sizes.subtract(low, high)
    count = sizes.floordiv(sizes.add(sizes.maximum(apart, 0), abs(step) - 1), abs(step))
    build, whole = scope.builder, ELEMENTS["i64"]
    places = build.iota(count, whole)
    if step != 1:
        places = build.map("mul", places, step)
    places = places if low == 0 else build.map("add", places, build.size(low, whole))
    kind = given(node, "dtype", args, 3)
    return places if kind is None else build.cast(places, ELEMENTS[cast_name(scope, kind)])


def spaced(kernel: KernelBuilder, first: Operand, last: Operand, steps: Dim, points: Dim) -> Tensor:
    """``points`` numbers in f64 from ``first`` on, of which number ``steps`` is ``last``. Each operation rounds for
    itself, as in NumPy: what is compared with them stands on the same side.
    """
    real = ELEMENTS["f64"]

    def body(build: Builder, operands: Sequence[SSAValue]) -> SSAValue:
        place, low, high, number = operands[:4]
        step = _exact(build, arith.DivfOp, _exact(build, arith.SubfOp, high, low), number)
        inner = _exact(build, arith.AddfOp, _exact(build, arith.MulfOp, place, step), low)
        at_end = build.insert(compare_floats("oeq", place, number)).result
        return build.insert(select(at_end, high, inner)).result

    ends = [e if isinstance(e, Tensor) else filled(kernel, [], e, "f64") for e in (first, last)]
    return kernel.elementwise([kernel.iota(points, real), *ends, kernel.size(steps, real)], real, body)


def _exact(build: Builder, kind: Callable[..., Operation], a: SSAValue, b: SSAValue) -> SSAValue:
    return build.insert(kind(a, b, EXACT)).results[0]


def _linspace(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("num", "endpoint", "dtype"))
    build, values = scope.builder, [evaluate(scope, a) for a in args[:2]]
    if any(isinstance(v, Tensor) and v.dims for v in values):
        raise unsupported(scope, node, ast.unparse(node), "the ends are numbers")
    ends = [build.cast(v, ELEMENTS["f64"]) if isinstance(v, Tensor) else float(v) for v in values]
    many, closed, kind = given(node, "num", args, 2), given(node, "endpoint", args, 3), given(node, "dtype", args, 5)
    points = size_of(scope, many) if many is not None else 50
    open_ = closed is not None and not truth(scope, closed)
    steps = points if open_ else sizes.maximum(sizes.subtract(points, 1), 1)
    found = spaced(build, ends[0], ends[1], steps, points)
    return found if kind is None else build.cast(found, ELEMENTS[cast_name(scope, kind)])


def _concatenate(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    arrays = arrays_of(scope, args[0])
    axis = axis_stated(scope, node, args, 1, len(arrays[0].dims), 0)
    return joined(scope.builder, arrays, axis or 0)


def _stack(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    arrays = arrays_of(scope, args[0])
    axis = axis_stated(scope, node, args, 1, len(arrays[0].dims) + 1, 0) or 0
    return joined(scope.builder, [a.expanded(axis) for a in arrays], axis)


def _filled(value: float | None, like: bool = False) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("dtype",))
        model = tensor(scope, args[0]) if like else None
        dims = list(model.dims) if model is not None else sizes_of(scope, args[:1])
        number = value
        if number is None:
            stated = evaluate(scope, args[1])
            if isinstance(stated, Tensor):
                kind = given(node, "dtype", args, 2)
                stated = stated if kind is None else scope.builder.cast(stated, ELEMENTS[cast_name(scope, kind)])
                return broadcast_to(scope.builder, stated, dims)
            number = stated
        kind = given(node, "dtype", args, 2 if value is None else 1)
        own = "i1" if isinstance(number, bool) else "i64" if isinstance(number, int) else "f64"
        name = cast_name(scope, kind) if kind is not None else element_name(model.element) if model else own
        return filled(scope.builder, dims, number, name)

    return make


def _top_k(scope: Scope, node: ast.Call, args: Args) -> tuple[Tensor, ...]:
    keywords(scope, node, ("k",))
    count = given(node, "k", args, 1)
    if count is None:
        raise unsupported(scope, node, ast.unparse(node), "say how many: `top_k(x, 8)`")
    return best(scope.builder, tensor(scope, args[0]), size_of(scope, count))


def _scatter(kind: str) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ())
        target, rows = tensor(scope, args[0]), tensor(scope, args[1])
        updates = evaluate(scope, args[2])
        if not isinstance(updates, Tensor):
            updates = filled(scope.builder, [*rows.dims, *target.dims[1:]], updates, element_name(target.element))
        return scattered(scope.builder, kind, target, rows, updates)

    return make


def _flip(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    array = tensor(scope, args[0])
    for axis in axes_of(scope, given(node, "axis", args, 1), len(array.dims)):
        array = reversed_axis(scope.builder, array, axis)
    return array


def _automaton(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("backward",))
    stated = given(node, "backward", args, 2)
    backward = stated is not None and truth(scope, stated)
    return states_of(scope.builder, tensor(scope, args[0]), tensor(scope, args[1]), backward)


def _power_spectrum(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    return fourier.power(scope.builder, fourier.rfft(scope.builder, tensor(scope, args[0])))


NUMPY: Table = {
    "sort": (1, 2, _sort(False)),
    "argsort": (1, 2, _sort(True)),
    "cumsum": (1, 2, _running("add")),
    "cumprod": (1, 2, _running("mul")),
    "maximum.accumulate": (1, 2, _running("max")),
    "minimum.accumulate": (1, 2, _running("min")),
    "argmax": (1, 3, _place(True)),
    "argmin": (1, 3, _place(False)),
    "any": (1, 3, _any(False)),
    "all": (1, 3, _any(True)),
    "take": (2, 3, _take),
    "take_along_axis": (2, 3, _take_along),
    "reshape": (2, 9, _reshape),
    "ravel": (1, 1, _ravel),
    "clip": (1, 3, _clip),
    "flatten": (1, 1, _ravel),
    "select": (2, 3, _select),
    "broadcast_to": (2, 9, _broadcast),
    "arange": (1, 3, _arange),
    "linspace": (2, 4, _linspace),
    "concatenate": (1, 2, _concatenate),
    "stack": (1, 2, _stack),
    "flip": (1, 2, _flip),
    "zeros": (1, 2, _filled(0.0)),
    "ones": (1, 2, _filled(1.0)),
    "full": (2, 3, _filled(None)),
    "zeros_like": (1, 2, _filled(0.0, like=True)),
    "ones_like": (1, 2, _filled(1.0, like=True)),
    "full_like": (2, 3, _filled(None, like=True)),
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
OWN: Table = {
    "top_k": (1, 2, _top_k),
    "scatter_set": (3, 3, _scatter("set")),
    "scatter_add": (3, 3, _scatter("add")),
    "scatter_max": (3, 3, _scatter("max")),
    "scatter_min": (3, 3, _scatter("min")),
    "automaton": (2, 3, _automaton),
    "power_spectrum": (1, 1, _power_spectrum),
}
"""Functions of ``agentc``; their meaning as plain NumPy is in ``annotations``."""
