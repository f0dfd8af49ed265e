"""``x[…]`` in a kernel: new axes, ranges with static or symbolic bounds, single places, and arrays of places."""

import ast
from collections.abc import Sequence

from agentc.frontends.kernels.expressions import Scope, evaluate
from agentc.frontends.kernels.gathers import Item, Slice, sliced, taken
from agentc.frontends.kernels.scalars import ELEMENTS
from agentc.frontends.kernels.source import number_of
from agentc.frontends.kernels.tensors import Tensor, show
from agentc.plan import sizes
from agentc.plan.kernels import Dim

MASK_HELP = "how many elements that are depends on data; use `np.where`, or the best of a stated number by `top_k`"


FARTHEST = 1 << 60
"""No place or size is beyond it."""


def size_of(scope: Scope, node: ast.expr) -> Dim:
    """The number or size that an expression such as ``x.shape[0] // 2`` is.

    Raises:
        KernelError: it is neither.
    """
    value = evaluate(scope, node)
    if isinstance(value, Tensor) and value.size is not None:
        return value.size
    if isinstance(value, int | float) and abs(value) < FARTHEST and int(value) == value:
        return int(value)
    text = f"`{ast.unparse(node)}` is no number and no size that is known before the data"
    raise scope.source.error("kernel-shape", text, node, "write a whole number, `x.shape[0]`, or arithmetic on these")


def sizes_of(scope: Scope, nodes: Sequence[ast.expr]) -> list[Dim]:
    """As ``size_of``, of several, or of one tuple of them."""
    if len(nodes) == 1 and isinstance(nodes[0], ast.Tuple | ast.List):
        nodes = nodes[0].elts
    if len(nodes) == 1 and isinstance(nodes[0], ast.Attribute) and nodes[0].attr == "shape":
        value = evaluate(scope, nodes[0].value)
        return list(value.dims) if isinstance(value, Tensor) else []
    return [size_of(scope, node) for node in nodes]


def indexed(scope: Scope, node: ast.Subscript, array: Tensor, index: ast.expr) -> Tensor:
    """``array[index]``.

    Raises:
        KernelError: what it gives is not known before the data, or there are more items than axes.
    """
    items = _complete(scope, list(index.elts) if isinstance(index, ast.Tuple) else [index], array, node)
    places = [(n, _places(scope, item)) for n, item in enumerate(items)]
    chosen = [(n, t) for n, t in places if t is not None]
    if len(chosen) > 1:
        raise scope.source.error("kernel-unsupported", "one array of places is all that an index may have", node)
    read: list[Item] = []
    new: list[int] = []
    along: int | None = None
    for n, item in enumerate(items):
        at = len(read)
        if _is_new(scope, item):
            new.append(n)
        elif chosen and n == chosen[0][0]:
            along = sum(isinstance(i, Slice) for i in read)
            read.append(Slice(0, array.dims[at]))
        else:
            read.append(_item(scope, item, array.dims[at]))
    whole = all(item == Slice(0, dim) for item, dim in zip(read, array.dims, strict=True))
    found = array if whole else sliced(scope.builder, array, read)
    if along is not None:
        found = taken(scope.builder, found, chosen[0][1], along)
    for n in new:
        gone = sum(isinstance(i, int | str) for i in _before(scope, items, read, n))
        extra = len(chosen[0][1].dims) - 1 if chosen and chosen[0][0] < n else 0
        found = found.expanded(n - gone + extra)
    return found


def _before(scope: Scope, items: Sequence[ast.expr], read: Sequence[Item], end: int) -> list[Item]:
    """What of ``read`` belongs to the first ``end`` of ``items``."""
    return list(read[: sum(not _is_new(scope, item) for item in items[:end])])


def _is_new(scope: Scope, item: ast.expr) -> bool:
    match item:
        case ast.Constant(value=None):
            return True
        case ast.Attribute(value=ast.Name(id=module), attr="newaxis"):
            return module in scope.source.numpy
        case _:
            return False


def _complete(scope: Scope, items: list[ast.expr], array: Tensor, node: ast.expr) -> list[ast.expr]:
    """One item for each axis: what ``...`` stands for, and the axes behind the last item, whole."""
    dots = [n for n, item in enumerate(items) if isinstance(item, ast.Constant) and item.value is ...]
    given = sum(not _is_new(scope, item) for item in items) - len(dots)
    if given > len(array.dims) or len(dots) > 1:
        text = f"{given} items index an array of shape {show(array.dims)}"
        raise scope.source.error("kernel-shape", text, node)
    whole: list[ast.expr] = [ast.Slice() for _ in range(len(array.dims) - given)]
    at = dots[0] if dots else len(items)
    return [*items[:at], *whole, *items[at + len(dots) :]]


def _places(scope: Scope, item: ast.expr) -> Tensor | None:
    """The array of places that ``item`` is, if it is one."""
    from agentc.frontends.kernels.literals import literal

    if isinstance(item, ast.Slice) or _is_new(scope, item):
        return None
    value = literal(scope, item) if isinstance(item, ast.List) else evaluate(scope, item)
    if not isinstance(value, Tensor) or value.size is not None:
        return None
    if value.element == ELEMENTS["i1"]:
        raise scope.source.error("kernel-unsupported", "an array cannot be indexed by truth values", item, MASK_HELP)
    return value


def _item(scope: Scope, item: ast.expr, dim: Dim) -> Item:
    if isinstance(item, ast.Slice):
        return _slice(scope, item, dim)
    place = size_of(scope, item)
    if isinstance(place, int) and isinstance(dim, int) and not -dim <= place < dim:
        raise scope.source.error("kernel-shape", f"place {place} of an axis of {dim}", item)
    return sizes.add(dim, place) if isinstance(place, int) and place < 0 else place


def _slice(scope: Scope, item: ast.Slice, dim: Dim) -> Slice:
    step = size_of(scope, item.step) if item.step is not None else 1
    if not isinstance(step, int) or step == 0:
        raise scope.source.error("kernel-unsupported", "the step of a slice is a number other than 0", item)
    if step < 0:
        if item.lower is not None or item.upper is not None:
            text = "a slice that goes backward goes over the whole axis: `x[::-1]`"
            raise scope.source.error("kernel-unsupported", text, item)
        count = sizes.floordiv(sizes.add(dim, -step - 1), -step)
        return Slice(sizes.subtract(dim, 1), count, step)
    low = sizes.maximum(_bound(scope, item.lower, dim, 0), 0)
    high = sizes.minimum(_bound(scope, item.upper, dim, dim), dim)
    count = sizes.maximum(sizes.subtract(high, low), 0)
    if high == dim and (last := _last(item.lower)) is not None:
        count = sizes.minimum(last, dim)
    return Slice(low, count if step == 1 else sizes.floordiv(sizes.add(count, step - 1), step), step)


def _last(node: ast.expr | None) -> int | None:
    """How many ``x[-3:]`` asks for, at most."""
    number = number_of(node) if node is not None else None
    return -number if isinstance(number, int) and number < 0 else None


def _bound(scope: Scope, node: ast.expr | None, dim: Dim, default: Dim) -> Dim:
    """One end of a slice, as in Python; it may be beyond either end of the axis. From what may be below 0 nobody knows
    which end it counts from: callers see to it that it is not."""
    if node is None:
        return default
    stated = size_of(scope, node)
    if isinstance(stated, int) and stated < 0:
        return sizes.add(dim, stated)
    if not sizes.is_never_negative(stated):
        scope.builder.require(sizes.add(stated, 1))
    return stated
