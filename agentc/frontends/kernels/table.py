"""What a table of NumPy functions holds, and how their arguments are read."""

import ast
from collections.abc import Callable, Mapping, Sequence

from agentc.frontends.kernels.calls import axis_of, truth
from agentc.frontends.kernels.expressions import MOST_TRIPS, Scope, evaluate, tensor, unsupported
from agentc.frontends.kernels.gathers import reshaped
from agentc.frontends.kernels.tensors import Tensor

Args = Sequence[ast.expr]
Values = Tensor | tuple[Tensor, ...]
Function = Callable[[Scope, ast.Call, Args], Values]
Table = Mapping[str, tuple[int, int, Function]]


def given(node: ast.Call, name: str, args: Args, at: int) -> ast.expr | None:
    """Argument ``at``, or the keyword ``name``."""
    return args[at] if len(args) > at else next((k.value for k in node.keywords if k.arg == name), None)


def unless_none(node: ast.expr | None) -> ast.expr | None:
    """``node``, unless it says `None`, which is as good as nothing."""
    return None if isinstance(node, ast.Constant) and node.value is None else node


def is_kept(scope: Scope, node: ast.Call, args: Args = (), at: int = 0) -> bool:
    """Whether axes that are reduced stay, of one element each: argument ``at``, or ``keepdims``."""
    stated = given(node, "keepdims", args, at)
    return stated is not None and truth(scope, stated)


def axis_stated(scope: Scope, node: ast.Call, args: Args, at: int, rank: int, default: int | None) -> int | None:
    """``None`` where it is not stated and ``default`` is ``None``: all axes as one."""
    stated = given(node, "axis", args, at)
    if stated is None:
        return None if default is None else default % max(rank, 1)
    if unless_none(stated) is None:
        return None
    return axis_of(scope, stated, rank)


def flat(scope: Scope, array: Tensor) -> Tensor:
    """``array`` as one row."""
    return array if len(array.dims) == 1 else reshaped(scope.builder, array, [-1])


def along(scope: Scope, node: ast.Call, args: Args, default: int | None) -> tuple[Tensor, int]:
    """The array and the axis; where there is none, the array as one row."""
    array = tensor(scope, args[0])
    if not array.dims:
        raise scope.source.error("kernel-shape", f"`{ast.unparse(args[0])}` has no axis", args[0])
    axis = axis_stated(scope, node, args, 1, len(array.dims), default)
    return (flat(scope, array), 0) if axis is None else (array, axis)


def arrays_of(scope: Scope, node: ast.expr) -> list[Tensor]:
    """The arrays of a list or tuple.

    Raises:
        KernelError: it is neither, or empty.
    """
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return _comprehended(scope, node)
    if not isinstance(node, ast.Tuple | ast.List) or not node.elts:
        raise unsupported(scope, node, ast.unparse(node), "give the arrays as a list: `[a, b]`")
    return [tensor(scope, item) for item in node.elts]


def _comprehended(scope: Scope, node: ast.ListComp | ast.GeneratorExp) -> list[Tensor]:
    """``[x[:, i] for i in range(4)]``: over a known range."""
    match node.generators:
        case [ast.comprehension(target=ast.Name(id=name), ifs=[], iter=ast.Call(func=ast.Name(id="range")) as range_)]:
            known = [evaluate(scope, a) for a in range_.args]
        case _:
            known = []
    bounds = [int(v) for v in known if not isinstance(v, Tensor)]
    if not 1 <= len(bounds) == len(known) <= 3 or not 1 <= len(range(*bounds)) <= MOST_TRIPS:
        help = f"go over a known range, of 1 to {MOST_TRIPS} trips"
        raise unsupported(scope, node, ast.unparse(node), help)
    assert isinstance(node.generators[0].target, ast.Name)
    name, before = node.generators[0].target.id, dict(scope.names)
    found: list[Tensor] = []
    for trip in range(*bounds):
        scope.names[name] = trip
        found.append(tensor(scope, node.elt))
    scope.names.clear()
    scope.names.update(before)
    return found


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
