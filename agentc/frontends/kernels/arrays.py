"""NumPy functions that make arrays of other shapes or orders, and agentc's own that NumPy lacks."""

import ast
from collections.abc import Callable, Mapping, Sequence

from agentc.frontends.kernels import fourier
from agentc.frontends.kernels.builder import Tensor
from agentc.frontends.kernels.calls import axes_of, axis_of, cast_name, keywords, truth
from agentc.frontends.kernels.expressions import Scope, evaluate, tensor, unsupported
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
from agentc.plan import sizes

Args = Sequence[ast.expr]
Values = Tensor | tuple[Tensor, ...]
Function = Callable[[Scope, ast.Call, Args], Values]
Table = Mapping[str, tuple[int, int, Function]]


def _given(node: ast.Call, name: str, args: Args, at: int) -> ast.expr | None:
    """Argument ``at``, or the keyword ``name``."""
    return args[at] if len(args) > at else next((k.value for k in node.keywords if k.arg == name), None)


def _axis(scope: Scope, node: ast.Call, args: Args, at: int, rank: int, default: int | None) -> int | None:
    """``None`` where it is not stated and ``default`` is ``None``: all axes as one."""
    stated = _given(node, "axis", args, at)
    if stated is None:
        return None if default is None else default % max(rank, 1)
    if isinstance(stated, ast.Constant) and stated.value is None:
        return None
    return axis_of(scope, stated, rank)


def _flat(scope: Scope, array: Tensor) -> Tensor:
    return array if len(array.dims) == 1 else reshaped(scope.builder, array, [-1])


def _along(scope: Scope, node: ast.Call, args: Args, default: int | None) -> tuple[Tensor, int]:
    """The array and the axis; where there is none, the array as one row."""
    array = tensor(scope, args[0])
    if not array.dims:
        raise scope.source.error("kernel-shape", f"`{ast.unparse(args[0])}` has no axis", args[0])
    axis = _axis(scope, node, args, 1, len(array.dims), default)
    return (_flat(scope, array), 0) if axis is None else (array, axis)


def _sort(places: bool) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "kind", "stable"))
        return ordered(scope.builder, *_along(scope, node, args, -1), places=places)

    return make


def _running(kind: str) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis",))
        return running(scope.builder, kind, *_along(scope, node, args, None if kind in ("add", "mul") else 0))

    return make


def _place(largest: bool) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims"))
        array, axis = _along(scope, node, args, None)
        keep = _given(node, "keepdims", args, 2)
        return place_of(scope.builder, array, axis, largest, keep is not None and truth(scope, keep))

    return make


def _any(every: bool) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("axis", "keepdims"))
        array = scope.builder.cast(tensor(scope, args[0]), ELEMENTS["i1"])
        axes = axes_of(scope, _given(node, "axis", args, 1), len(array.dims))
        stated = _given(node, "keepdims", args, 2)
        keep = stated is not None and truth(scope, stated)
        kind, start = ("min", 1.0) if every else ("max", 0.0)
        bytes_ = scope.builder.cast(array, ELEMENTS["u8"])
        return scope.builder.cast(scope.builder.reduce(kind, bytes_, axes, keep, start), ELEMENTS["i1"])

    return make


def _take(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "mode"))
    places = tensor(scope, args[1])
    array = tensor(scope, args[0])
    axis = _axis(scope, node, args, 2, len(array.dims), None)
    array, axis = (_flat(scope, array), 0) if axis is None else (array, axis)
    return taken(scope.builder, array, places, axis)


def _take_along(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    array, places = tensor(scope, args[0]), tensor(scope, args[1])
    axis = _axis(scope, node, args, 2, len(array.dims), -1)
    assert axis is not None
    return taken_along(scope.builder, array, places, axis)


def _reshape(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    return reshaped(scope.builder, tensor(scope, args[0]), sizes_of(scope, args[1:]))


def _ravel(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    return _flat(scope, tensor(scope, args[0]))


def _broadcast(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    return broadcast_to(scope.builder, tensor(scope, args[0]), sizes_of(scope, args[1:]))


def _arange(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    bounds = [size_of(scope, a) for a in args]
    low, high = (bounds[0], bounds[1]) if len(bounds) == 2 else (0, bounds[0])
    if len(bounds) > 2:
        raise unsupported(scope, node, ast.unparse(node), "give one or two bounds")
    whole = ELEMENTS["i64"]
    places = scope.builder.iota(sizes.maximum(sizes.subtract(high, low), 0), whole)
    return places if low == 0 else scope.builder.map("add", places, scope.builder.size(low, whole))


def _list(scope: Scope, node: ast.expr) -> list[Tensor]:
    if not isinstance(node, ast.Tuple | ast.List) or not node.elts:
        raise unsupported(scope, node, ast.unparse(node), "give the arrays as a list: `[a, b]`")
    return [tensor(scope, item) for item in node.elts]


def _concatenate(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    arrays = _list(scope, args[0])
    axis = _axis(scope, node, args, 1, len(arrays[0].dims), 0)
    return joined(scope.builder, arrays, axis or 0)


def _stack(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    arrays = _list(scope, args[0])
    axis = _axis(scope, node, args, 1, len(arrays[0].dims) + 1, 0) or 0
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
                return broadcast_to(scope.builder, stated, dims)
            number = stated
        kind = _given(node, "dtype", args, 2 if value is None else 1)
        name = cast_name(scope, kind) if kind is not None else element_name(model.element) if model else "f64"
        return filled(scope.builder, dims, number, name)

    return make


def _top_k(scope: Scope, node: ast.Call, args: Args) -> tuple[Tensor, ...]:
    keywords(scope, node, ("k",))
    count = _given(node, "k", args, 1)
    if count is None:
        raise unsupported(scope, node, ast.unparse(node), "say how many: `top_k(x, 8)`")
    return best(scope.builder, tensor(scope, args[0]), size_of(scope, count))


def _scatter(kind: str) -> Function:
    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ())
        target, rows = tensor(scope, args[0]), tensor(scope, args[1])
        given = evaluate(scope, args[2])
        if not isinstance(given, Tensor):
            given = filled(scope.builder, [*rows.dims, *target.dims[1:]], given, element_name(target.element))
        return scattered(scope.builder, kind, target, rows, given)

    return make


def _flip(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    array = tensor(scope, args[0])
    for axis in axes_of(scope, _given(node, "axis", args, 1), len(array.dims)):
        array = reversed_axis(scope.builder, array, axis)
    return array


def _automaton(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("backward",))
    stated = _given(node, "backward", args, 2)
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
    "broadcast_to": (2, 9, _broadcast),
    "arange": (1, 2, _arange),
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
METHODS = ("sort", "argsort", "cumsum", "cumprod", "argmax", "argmin", "any", "all", "take", "reshape", "ravel")
"""Of these, the ones that are methods of an array, too. ``sort`` is not: it would write into the array."""
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


def apply(scope: Scope, node: ast.Call, table: Table, name: str, args: Args) -> Values:
    """The function ``name`` of ``table`` on ``args``.

    Raises:
        KernelError: too many or too few arguments, or what the function refuses.
    """
    low, high, make = table[name]
    if not low <= len(args) <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        text = f"`{name}` takes {wanted} arguments here, not {len(args)}"
        raise scope.source.error("kernel-unsupported", text, node)
    return make(scope, node, args)
