"""Places in ascending arrays, by halving: ``log2(n)`` steps for each value that is looked for."""

from collections.abc import Callable, Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.ir import Block, Region, SSAValue

from agentc.analyses.kernel_dims import element_of, is_integer
from agentc.analyses.kernel_ops import (
    INDEX,
    Appending,
    binary,
    branch,
    compare_integers,
    counted,
    extract,
    select,
    yielded,
)
from agentc.frontends.kernels.builder import MOST_ELEMENTS, KernelBuilder
from agentc.frontends.kernels.gathers import Indices
from agentc.frontends.kernels.scalars import (
    ELEMENTS,
    HALVES,
    Element,
    constant,
    from_index,
    storage,
    table_for,
)
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan.kernels import Dim

FEW = 16
"""Up to so many elements, known to be so many, are compared one by one."""
RUNGS = (32, 24, 20, 16, 12, 8, 4, 0)
"""Of an array of unknown length, below which power of two it is: so many steps."""

Ahead = Callable[[Builder, SSAValue], SSAValue]


def searched(kernel: KernelBuilder, array: Tensor, values: Tensor, right: bool) -> Tensor:
    """``np.searchsorted``: how many elements of ``array``, which ascends, are less than each of ``values``, or, with
    ``right``, not greater. NaN is greater than all else. In an array that does not ascend the place is any.

    Raises:
        ShapeError: ``array`` is no row, or the types differ.
    """

    def found(code: Indices, memory: SSAValue, value: SSAValue, element: Element) -> SSAValue:
        place = _place(code, memory, array.dims[0], _ahead(code.build, value, element, right))
        return from_index(code.build, place, ELEMENTS["i64"])

    return _looked_up(kernel, array, values, ELEMENTS["i64"], found)


def contained(kernel: KernelBuilder, array: Tensor, values: Tensor) -> Tensor:
    """Whether each of ``values`` is an element of ``array``, which ascends. NaN never is.

    Raises:
        ShapeError: as ``searched``.
    """

    def found(code: Indices, memory: SSAValue, value: SSAValue, element: Element) -> SSAValue:
        place = _place(code, memory, array.dims[0], _ahead(code.build, value, element, right=False))
        there, beyond = Block(), Block()
        read = Appending(there).insert(extract(memory, [place], storage(element))).result
        there.add_op(same := table_for(element)["eq"](read, value))
        there.add_op(yielded([same.results[0]]))
        beyond.add_op(yielded([constant(Appending(beyond), 0, ELEMENTS["i1"])]))
        inside = code.build.insert(compare_integers("slt", place, code.size(array.dims[0]))).result
        return code.build.insert(branch(inside, [ELEMENTS["i1"]], Region(there), Region(beyond))).results[0]

    return _looked_up(kernel, array, values, ELEMENTS["i1"], found)


def _looked_up(
    kernel: KernelBuilder,
    array: Tensor,
    values: Tensor,
    result: Element,
    found: Callable[[Indices, SSAValue, SSAValue, Element], SSAValue],
) -> Tensor:
    if len(array.dims) != 1:
        raise ShapeError(f"what is searched is one row, not {show(array.dims)}")
    element = kernel.common("searchsorted", [array, values])
    wide = ELEMENTS["f32"] if element in HALVES else ELEMENTS["u8"] if element == ELEMENTS["i1"] else element
    memory = kernel.materialized(kernel.cast(array, wide))

    def body(build: Builder, operands: Sequence[SSAValue]) -> SSAValue:
        return found(Indices(kernel, build), memory, operands[0], wide)

    return kernel.elementwise([kernel.cast(values, wide)], result, body)


def _ahead(build: Builder, value: SSAValue, element: Element, right: bool) -> Ahead:
    """Whether an element stands before the place of ``value``."""
    table = table_for(element)
    if is_integer(element):
        return lambda inner, read: inner.insert(table["le" if right else "lt"](read, value)).results[0]
    lost = build.insert(table["ne"](value, value)).results[0]

    def ahead(inner: Builder, read: SSAValue) -> SSAValue:
        less = inner.insert(table["le" if right else "lt"](read, value)).results[0]
        behind = lost
        if not right:
            number = inner.insert(table["eq"](read, read)).results[0]
            behind = inner.insert(binary(arith.AndIOp, lost, number)).results[0]
        return inner.insert(binary(arith.OrIOp, less, behind)).results[0]

    return ahead


def _place(code: Indices, memory: SSAValue, count: Dim, ahead: Ahead) -> SSAValue:
    """How many elements in a row from the first are ``ahead``: steps half as long each time, from a power of two that
    is longer than half of the array. A few are all counted, which is done for a vector of values at once.
    """
    if isinstance(count, int) and count <= FEW:
        return _counted(code, memory, count, ahead)
    trips, longest = _steps(code, count)
    block = Block(arg_types=[INDEX, INDEX, INDEX])
    inner = Indices(code.kernel, Appending(block))
    _, place, step = block.args
    end, one = inner.op(arith.AddiOp, place, step), code.size(1)
    last = inner.op(arith.SubiOp, inner.op(arith.MinSIOp, end, code.size(count)), one)
    read = inner.build.insert(extract(memory, [last], element_of(memory.type))).result
    inside = inner.build.insert(compare_integers("sle", end, code.size(count))).result
    goes = inner.op(arith.AndIOp, inside, ahead(inner.build, read))
    next_ = inner.build.insert(select(goes, end, place)).result
    block.add_op(yielded([next_, inner.op(arith.DivUIOp, step, code.size(2))]))
    zero = code.size(0)
    return code.build.insert(counted(zero, trips, one, [zero, longest], Region(block))).results[0]


def _counted(code: Indices, memory: SSAValue, count: int, ahead: Ahead) -> SSAValue:
    total = code.size(0)
    for place in range(count):
        read = code.build.insert(extract(memory, [code.size(place)], element_of(memory.type))).result
        more = code.build.insert(select(ahead(code.build, read), code.size(1), code.size(0))).result
        total = code.op(arith.AddiOp, total, more)
    return total


def _steps(code: Indices, count: Dim) -> tuple[SSAValue, SSAValue]:
    """How many steps there are in an array of ``count`` elements, none in an empty one, and how long the first is."""
    if isinstance(count, int):
        bits = count.bit_length()
        return code.size(bits), code.size(1 << max(bits - 1, 0))
    most = MOST_ELEMENTS.bit_length() - 1
    trips, longest = code.size(most), code.size(1 << (most - 1))
    for bits in RUNGS:
        short = code.build.insert(compare_integers("slt", code.size(count), code.size(1 << bits))).result
        trips = code.build.insert(select(short, code.size(bits), trips)).result
        longest = code.build.insert(select(short, code.size(1 << max(bits - 1, 0)), longest)).result
    return trips, longest
