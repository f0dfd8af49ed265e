"""Arrays whose elements stand elsewhere in another: slices, indices, reshapes, joins. Generics that extract."""

from collections.abc import Callable, Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.ir import Block, Operation, Region, SSAValue

from agentc.analyses.kernel_ops import Appending, binary, branch, compare_integers, extract, index, select, yielded
from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.scalars import ELEMENTS, element_name, storage, to_index
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan import sizes
from agentc.plan.kernels import Dim
from agentc.support.record import record

Place = Callable[["Indices", Sequence[SSAValue], Sequence[SSAValue]], Sequence[SSAValue]]


@record
class Slice:
    """``start``, how many, and how far apart (negative: backward)."""

    start: Dim
    count: Dim
    step: int = 1


Item = Slice | Dim
"""What one axis of an array is indexed with: a range, or one place, counted from the front."""


class Indices:
    """Writes arithmetic on indices into the body of one generic."""

    def __init__(self, kernel: KernelBuilder, build: Builder) -> None:
        self.kernel = kernel
        self.build = build

    def op(self, kind: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        """An op on two indices."""
        return self.build.insert(binary(kind, a, b)).results[0]

    def size(self, dim: Dim) -> SSAValue:
        """A size or number."""
        return self.kernel.size_value(dim)

    def place(self, value: SSAValue) -> SSAValue:
        """An element of i64 as an index, known to be within the array."""
        return to_index(self.build, value, ELEMENTS["i64"])

    def clipped(self, stated: SSAValue, size: Dim) -> SSAValue:
        """A place that data names: from the end where it is negative, at most either end."""
        count, zero = self.size(size), self.size(0)
        negative = self.build.insert(compare_integers("slt", stated, zero)).result
        place = self.build.insert(select(negative, self.op(arith.AddiOp, stated, count), stated)).result
        last = self.op(arith.SubiOp, count, self.size(1))
        return self.op(arith.MaxSIOp, self.op(arith.MinSIOp, place, last), zero)


def gather(
    kernel: KernelBuilder,
    source: Tensor,
    dims: Sequence[Dim],
    place: Place,
    by: Sequence[tuple[Tensor, list[int]]] = (),
) -> Tensor:
    """An array of ``dims`` whose elements are those of ``source`` at ``place``, which gets the result's indices and the
    elements of ``by`` there.
    """
    memory = kernel.materialized(source)

    def body(build: Builder, values: Sequence[SSAValue]) -> SSAValue:
        loops = [build.insert(index(i)).result for i in range(len(dims))]
        at = place(Indices(kernel, build), loops, values[:-1])
        return build.insert(extract(memory, at, storage(source.element))).result

    _touch(kernel, source.dims, dims)
    return kernel.generic(by, dims, range(len(dims)), source.element, body)


def _touch(kernel: KernelBuilder, *rows: Sequence[Dim]) -> None:
    """Have the sizes at hand before a body that needs them."""
    for dim in (0, 1, *(d for row in rows for d in row)):
        kernel.size_value(dim)


def sliced(kernel: KernelBuilder, array: Tensor, items: Sequence[Item]) -> Tensor:
    """``array`` at ``items``, one for each axis; an axis with one place goes."""
    kept = [item for item in items if isinstance(item, Slice)]

    def place(code: Indices, loops: Sequence[SSAValue], values: Sequence[SSAValue]) -> list[SSAValue]:
        supply = iter(loops)
        return [_along(code, item, next(supply) if isinstance(item, Slice) else None) for item in items]

    for item, dim in zip(items, array.dims, strict=True):
        if not isinstance(item, Slice):
            kernel.require(sizes.subtract(dim, item))
            kernel.require(sizes.add(item, 1))
        _touch(kernel, [item.start, abs(item.step)] if isinstance(item, Slice) else [item])
    return gather(kernel, array, [item.count for item in kept], place)


def _along(code: Indices, item: Item, loop: SSAValue | None) -> SSAValue:
    if not isinstance(item, Slice):
        return code.size(item)
    assert loop is not None
    far = loop if abs(item.step) == 1 else code.op(arith.MuliOp, loop, code.size(abs(item.step)))
    if item.start == 0 and item.step > 0:
        return far
    return code.op(arith.AddiOp if item.step > 0 else arith.SubiOp, code.size(item.start), far)


def taken(kernel: KernelBuilder, array: Tensor, places: Tensor, axis: int) -> Tensor:
    """``np.take``: the parts of ``array`` along ``axis`` that ``places`` names."""
    _check_whole(places)
    kernel.require(array.dims[axis])
    before, after = array.dims[:axis], array.dims[axis + 1 :]
    inner = range(len(before), len(before) + len(places.dims))

    def place(code: Indices, loops: Sequence[SSAValue], values: Sequence[SSAValue]) -> list[SSAValue]:
        at = code.clipped(to_index(code.build, values[0], places.element), array.dims[axis])
        return [*loops[: len(before)], at, *loops[len(before) + len(places.dims) :]]

    dims = [*before, *places.dims, *after]
    return gather(kernel, array, dims, place, [(places, list(inner))])


def taken_along(kernel: KernelBuilder, array: Tensor, places: Tensor, axis: int) -> Tensor:
    """``np.take_along_axis``: along ``axis`` each element says where."""
    _check_whole(places)
    kernel.require(array.dims[axis])
    shape = [d for i, d in enumerate(array.dims) if i != axis]
    if len(places.dims) != len(array.dims) or [d for i, d in enumerate(places.dims) if i != axis] != shape:
        raise ShapeError(f"places {show(places.dims)} along axis {axis} of {show(array.dims)}: other axes differ")

    def place(code: Indices, loops: Sequence[SSAValue], values: Sequence[SSAValue]) -> list[SSAValue]:
        at = code.clipped(to_index(code.build, values[0], places.element), array.dims[axis])
        return [*loops[:axis], at, *loops[axis + 1 :]]

    return gather(kernel, array, places.dims, place, [(places, list(range(len(places.dims))))])


def _check_whole(places: Tensor) -> None:
    if places.element not in (ELEMENTS[n] for n in ("i8", "i32", "i64", "u8", "u32", "u64")):
        raise ShapeError(f"places in an array are whole numbers, not {element_name(places.element)}")


def total(dims: Sequence[Dim]) -> Dim:
    """How many elements an array of ``dims`` has."""
    product: Dim = 1
    for dim in dims:
        product = sizes.multiply(product, dim)
    return product


def reshaped(kernel: KernelBuilder, array: Tensor, dims: Sequence[Dim]) -> Tensor:
    """The same elements, row by row, in another shape; one size may be -1.

    Raises:
        ShapeError: the number of elements is not known to be the same.
    """
    dims = list(dims)
    if dims.count(-1) == 1:
        rest = total([d for d in dims if d != -1])
        dims[dims.index(-1)] = sizes.floordiv(total(array.dims), rest) if rest != 0 else 0
    if total(dims) != total(array.dims):
        raise ShapeError(f"{show(array.dims)} has {total(array.dims)} elements, {show(dims)} has {total(dims)}")
    groups = list(_groups(array.dims, dims))
    for _, kept, _, made in groups:
        _touch(kernel, kept, made)

    def place(code: Indices, loops: Sequence[SSAValue], values: Sequence[SSAValue]) -> list[SSAValue]:
        at: list[SSAValue] = []
        for _, kept, first, made in groups:
            at += _unfold(code, _fold(code, loops[first : first + len(made)], made), kept)
        return at

    return gather(kernel, array, dims, place)


def _groups(old: Sequence[Dim], new: Sequence[Dim]) -> "list[tuple[int, list[Dim], int, list[Dim]]]":
    """Neighboring axes of the one that have as many elements as neighbors of the other, as small as can be."""
    found: list[tuple[int, list[Dim], int, list[Dim]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        ends = ((a, b) for n in range(1, len(old) + len(new) + 1) for a in range(n + 1) for b in (n - a,))
        a, b = next(
            (a, b)
            for a, b in ends
            if i + a <= len(old) and j + b <= len(new) and total(old[i : i + a]) == total(new[j : j + b])
            and total([*old[i + a :], *()]) == total(new[j + b :])
        )  # fmt: skip
        found.append((i, list(old[i : i + a]), j, list(new[j : j + b])))
        i, j = i + a, j + b
    return found


def _fold(code: Indices, loops: Sequence[SSAValue], dims: Sequence[Dim]) -> SSAValue:
    """Row-major place."""
    if not loops:
        return code.size(0)
    place = loops[0]
    for loop, dim in zip(loops[1:], dims[1:], strict=True):
        place = code.op(arith.AddiOp, code.op(arith.MuliOp, place, code.size(dim)), loop)
    return place


def _unfold(code: Indices, place: SSAValue, dims: Sequence[Dim]) -> list[SSAValue]:
    """The indices of row-major ``place`` in an array of ``dims``."""
    found: list[SSAValue] = []
    for dim in reversed(dims[1:]):
        found.insert(0, code.op(arith.RemUIOp, place, code.size(dim)))
        place = code.op(arith.DivUIOp, place, code.size(dim))
    return [place, *found] if dims else []


def joined(kernel: KernelBuilder, arrays: Sequence[Tensor], axis: int) -> Tensor:
    """``np.concatenate``.

    Raises:
        ShapeError: types or the other axes differ.
    """
    first = arrays[0]
    for other in arrays[1:]:
        same = [d for i, d in enumerate(other.dims) if i != axis] == [d for i, d in enumerate(first.dims) if i != axis]
        if other.element != first.element or len(other.dims) != len(first.dims) or not same:
            parts = (
                f"{element_name(first.element)}{show(first.dims)} and {element_name(other.element)}{show(other.dims)}"
            )
            raise ShapeError(f"{parts} do not join along axis {axis}")
    starts: list[Dim] = [0]
    for array in arrays:
        starts.append(sizes.add(starts[-1], array.dims[axis]))
    dims = [*first.dims[:axis], starts[-1], *first.dims[axis + 1 :]]
    memory = [kernel.materialized(a) for a in arrays]
    _touch(kernel, starts, dims)

    def piece(build: Builder, n: int, at: Sequence[SSAValue]) -> SSAValue:
        """Element ``at`` of the array from ``n`` on that holds it."""
        code = Indices(kernel, build)
        if n + 1 < len(arrays):
            here, behind = _side(piece_here, n, at), _side(piece, n + 1, at)
            inside = build.insert(compare_integers("slt", at[axis], code.size(starts[n + 1]))).result
            return build.insert(branch(inside, [storage(first.element)], here, behind)).results[0]
        return piece_here(build, n, at)

    def piece_here(build: Builder, n: int, at: Sequence[SSAValue]) -> SSAValue:
        code = Indices(kernel, build)
        local = at[axis] if starts[n] == 0 else code.op(arith.SubiOp, at[axis], code.size(starts[n]))
        place = [*at[:axis], local, *at[axis + 1 :]]
        return build.insert(extract(memory[n], place, storage(first.element))).result

    def _side(make: Callable[[Builder, int, Sequence[SSAValue]], SSAValue], n: int, at: Sequence[SSAValue]) -> Region:
        block = Block()
        value = make(Appending(block), n, at)
        block.add_op(yielded([value]))
        return Region(block)

    def body(build: Builder, values: Sequence[SSAValue]) -> SSAValue:
        return piece(build, 0, [build.insert(index(i)).result for i in range(len(dims))])

    return kernel.generic([], dims, range(len(dims)), first.element, body)


def broadcast_to(kernel: KernelBuilder, array: Tensor, dims: Sequence[Dim]) -> Tensor:
    """``array`` repeated along new axes and along those of size 1.

    Raises:
        ShapeError: another axis differs.
    """
    offset = len(dims) - len(array.dims)
    for i, dim in enumerate(array.dims):
        if offset < 0 or dim not in (1, dims[offset + i]):
            raise ShapeError(f"{show(array.dims)} does not broadcast to {show(dims)}")
    loops: list[int | None] = [offset + i if d == dims[offset + i] else None for i, d in enumerate(array.dims)]
    return kernel.generic(
        [(array, loops)], list(dims), range(len(dims)), array.element, lambda build, values: values[0]
    )
