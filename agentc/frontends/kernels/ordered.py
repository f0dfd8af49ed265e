"""What depends on order: sorting, the best few, running sums, scattered rows, and the place of the best."""

from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from agentc.analyses.kernel_ops import binary, fill, index, select
from agentc.dialects.linalg_ext import AutomatonOp, ScanOp, ScatterOp, SortOp, TopKOp
from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.gathers import Slice, broadcast_to, sliced, taken_along
from agentc.frontends.kernels.scalars import (
    ELEMENTS,
    HALVES,
    constant,
    element_name,
    from_index,
    is_unsigned,
    limits,
    order_of,
    table_for,
)
from agentc.frontends.kernels.tensors import ShapeError, Tensor, broadcast, show
from agentc.plan import sizes
from agentc.plan.kernels import Dim

SELECTED = 256
"""Beyond so many, the best are found by sorting: keeping them in order costs their number for each that comes in."""


def _last(axis: int, rank: int) -> list[int]:
    """The order of axes that puts ``axis`` last; its own inverse is ``_back``."""
    return [*(i for i in range(rank) if i != axis), axis]


def _back(axis: int, rank: int) -> list[int]:
    order = _last(axis, rank)
    return [order.index(i) for i in range(rank)]


def _tensor(value: SSAValue, like: Tensor, dims: Sequence[Dim] | None = None) -> Tensor:
    shape = tuple(like.dims if dims is None else dims)
    return Tensor(value, shape, tuple(range(len(shape))), like.element)


def _plain(kernel: KernelBuilder, array: Tensor) -> Tensor:
    """As the ops take it: no f16, no truth values."""
    if array.element in HALVES:
        return kernel.cast(array, ELEMENTS["f32"])
    return kernel.cast(array, ELEMENTS["u8"]) if array.element == ELEMENTS["i1"] else array


def _places(kernel: KernelBuilder, dims: Sequence[Dim]) -> Tensor:
    return broadcast_to(kernel, kernel.iota(dims[-1], ELEMENTS["i64"]), dims)


def ordered(kernel: KernelBuilder, array: Tensor, axis: int, places: bool) -> Tensor:
    """``np.sort``, or ``np.argsort``, along ``axis``: stable, NaN last."""
    rank = len(array.dims)
    rows = _plain(kernel, array).permuted(_last(axis, rank))
    inputs = [rows, _places(kernel, rows.dims)] if places else [rows]
    values = [kernel.materialized(t) for t in inputs]
    outputs = [kernel.empty(t.dims, t.element) for t in inputs]
    op = kernel.insert(SortOp(values, outputs, order_of(rows.element)))
    found = _tensor(op.results[-1], inputs[-1]).permuted(_back(axis, rank))
    return found if places else kernel.cast(found, array.element)


def best(kernel: KernelBuilder, array: Tensor, count: Dim) -> tuple[Tensor, Tensor]:
    """The ``count`` largest of each row, in descending order, and their places.

    Raises:
        ShapeError: the array has no axis, or fewer elements in a row than asked for.
    """
    size = array.dims[-1] if array.dims else 1
    if not array.dims or count == 0 or (isinstance(count, int) and isinstance(size, int) and count > size):
        raise ShapeError(f"the best {count} of {show(array.dims)}")
    rows = _plain(kernel, array)
    if isinstance(count, int) and count > SELECTED:
        return _best_by_sorting(kernel, rows, count, array)
    dims = [*rows.dims[:-1], count]
    outputs = [kernel.empty(dims, rows.element), kernel.empty(dims, ELEMENTS["i64"])]
    op = kernel.insert(TopKOp(kernel.materialized(rows), outputs, order_of(rows.element)))
    values = _tensor(op.results[0], rows, dims)
    places = Tensor(op.results[1], values.dims, values.axes, ELEMENTS["i64"])
    return kernel.cast(values, array.element), places


def _best_by_sorting(kernel: KernelBuilder, rows: Tensor, count: int, array: Tensor) -> tuple[Tensor, Tensor]:
    real = rows.element in (ELEMENTS["f32"], ELEMENTS["f64"])
    turned = kernel.map("neg", rows) if real else kernel.map("xor", rows, limits(rows.element)[1])
    if not real and not is_unsigned(rows.element):
        turned = kernel.map("xor", rows, -1)
    axis = len(rows.dims) - 1
    kernel.require(sizes.add(sizes.subtract(rows.dims[axis], count), 1))
    items = [*(Slice(0, d) for d in rows.dims[:-1]), Slice(0, count)]
    places = sliced(kernel, ordered(kernel, turned, axis, places=True), items)
    return taken_along(kernel, array, places, axis), places


def running(kernel: KernelBuilder, kind: str, array: Tensor, axis: int) -> Tensor:
    """``np.cumsum``, ``np.cumprod``, ``np.maximum.accumulate`` or ``np.minimum.accumulate``: ``add mul max min``."""
    rank = len(array.dims)
    element = array.element
    if kind in ("add", "mul") and element not in HALVES and element not in (ELEMENTS["f32"], ELEMENTS["f64"]):
        element = ELEMENTS["u64" if is_unsigned(element) and element != ELEMENTS["i1"] else "i64"]
    rows = _plain(kernel, kernel.cast(array, element)).permuted(_last(axis, rank))
    op = ScanOp(kind, kernel.materialized(rows), kernel.empty(rows.dims, rows.element), order_of(rows.element))
    found = _tensor(kernel.insert(op).results[0], rows).permuted(_back(axis, rank))
    return kernel.cast(found, element)


def scattered(kernel: KernelBuilder, kind: str, target: Tensor, rows: Tensor, updates: Tensor) -> Tensor:
    """``target`` after row ``rows[i]`` was set to, or combined with, ``updates[i]``, for each i in order.

    Raises:
        ShapeError: the shapes or types do not go together.
    """
    if len(rows.dims) != 1 or rows.element not in (ELEMENTS["i32"], ELEMENTS["i64"]):
        raise ShapeError(f"rows are i32 or i64 along one axis, not {element_name(rows.element)}{show(rows.dims)}")
    if updates.element != target.element or target.element in HALVES or not target.dims:
        raise ShapeError(f"updates of {element_name(updates.element)} into {element_name(target.element)}")
    wanted = (*rows.dims, *target.dims[1:])
    if broadcast([updates, Tensor(rows.value, wanted, (), rows.element)]) != wanted:
        raise ShapeError(f"updates {show(updates.dims)} are not {show(wanted)}")
    if updates.dims != wanted:
        updates = broadcast_to(kernel, updates, wanted)
    op = ScatterOp(
        kind,
        kernel.materialized(updates),
        kernel.materialized(rows),
        kernel.materialized(target, own=True),
        order_of(target.element),
    )
    return _tensor(kernel.insert(op).results[0], target)


def states_of(kernel: KernelBuilder, text: Tensor, table: Tensor, backward: bool = False) -> Tensor:
    """The state of the automaton ``table`` after each byte of each row, from its end with ``backward``.

    Raises:
        ShapeError: they are not bytes, or the table has not 256 columns.
    """
    byte = ELEMENTS["u8"]
    if text.element != byte or table.element != byte or not text.dims:
        raise ShapeError(f"text and table are u8, not {element_name(text.element)} and {element_name(table.element)}")
    if len(table.dims) != 2 or table.dims[1] != 256:
        raise ShapeError(f"a table is [states, 256], not {show(table.dims)}")
    kernel.require(table.dims[0])
    memory = [kernel.materialized(t) for t in (text, table)]
    op = AutomatonOp(memory[0], memory[1], kernel.empty(text.dims, byte), backward)
    return _tensor(kernel.insert(op).results[0], text)


def filled(kernel: KernelBuilder, dims: Sequence[Dim], value: float, name: str) -> Tensor:
    """An array of one number."""
    element = ELEMENTS[name]
    holder = kernel.empty(dims, element)
    if element in HALVES:
        return kernel.cast(filled(kernel, dims, value, "f32"), element)
    first = constant_of(kernel, value, name)
    made = kernel.insert(fill(first, holder, [holder.type]))
    return Tensor(made.results[0], tuple(dims), tuple(range(len(dims))), element)


def constant_of(kernel: KernelBuilder, value: float, name: str) -> SSAValue:
    """A number as a scalar of the kernel."""
    return constant(kernel.top, value, ELEMENTS[name])


def place_of(kernel: KernelBuilder, array: Tensor, axis: int, largest: bool, keep: bool) -> Tensor:
    """``np.argmax`` or ``np.argmin``: the first place of the best; NaN counts as the best, as in NumPy."""
    kernel.require(array.dims[axis])
    array = _plain(kernel, array)
    extreme = kernel.reduce("max" if largest else "min", array, [axis], keep=True)
    table, whole = table_for(array.element), array.element not in (ELEMENTS["f32"], ELEMENTS["f64"])
    i64 = ELEMENTS["i64"]

    def body(builder: Builder, values: Sequence[SSAValue]) -> SSAValue:
        """The place of an element that is the best, and a later one than any of others: one op, as each costs."""
        found = builder.insert(table["eq"](values[0], values[1])).results[0]
        if not whole:
            nan = builder.insert(table["ne"](values[0], values[0])).results[0]
            found = builder.insert(binary(arith.OrIOp, found, nan)).results[0]
        here = array.axes[axis] is not None
        place = from_index(builder, builder.insert(index(axis)).result, i64) if here else constant(builder, 0, i64)
        return builder.insert(select(found, place, constant(builder, 1 << 62, i64))).result

    return kernel.reduce("min", kernel.elementwise([array, extreme], i64, body), [axis], keep)


def reversed_axis(kernel: KernelBuilder, array: Tensor, axis: int) -> Tensor:
    """``np.flip`` along one axis."""
    items = [Slice(sizes.subtract(d, 1), d, -1) if i == axis else Slice(0, d) for i, d in enumerate(array.dims)]
    return sliced(kernel, array, items)
