"""The discrete Fourier transform of real rows, as products with tables of cosines and sines.

For rows of a few hundred samples, as speech features have (400 in Whisper's), a product with a table that stays in
cache is exact to rounding, and one road for every target. Rows are halved first: cosine is even and sine odd around the
middle of a row. What they give is marked, so that a target may sum in log steps instead.
"""

from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation, SSAValue

from agentc.analyses.kernel_dims import FOURIER
from agentc.frontends.kernels.builder import KernelBuilder, ShapeError, Tensor, show
from agentc.frontends.kernels.gathers import Slice, gather, sliced
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES, identity, table_for
from agentc.support.record import record

LONGEST = 4096
"""Beyond it the tables would be larger than caches and the product slower than a transform by far."""
TURN = 6.283185307179586


@record
class Complex:
    """Real and imaginary part. A kernel may take its ``np.abs``, ``.real`` or ``.imag``."""

    real: Tensor
    imaginary: Tensor


def rfft(kernel: KernelBuilder, array: Tensor) -> Complex:
    """``np.fft.rfft`` along the last axis.

    Raises:
        ShapeError: the length of rows is not a number of at most ``LONGEST``, or they are no floats.
    """
    length = array.dims[-1] if array.dims else 0
    if not isinstance(length, int) or not 2 <= length <= LONGEST:
        raise ShapeError(f"rows to transform have a known length of 2 to {LONGEST}, not {show(array.dims)}")
    if array.element in HALVES:
        array = kernel.cast(array, ELEMENTS["f32"])
    if array.element not in (ELEMENTS["f32"], ELEMENTS["f64"]):
        raise ShapeError("what is transformed is f32 or f64")
    half = (length - 1) // 2
    rank = len(array.dims)
    before = [Slice(0, d) for d in array.dims[:-1]]
    front = sliced(kernel, array, [*before, Slice(1, half)]) if half else None
    back = sliced(kernel, array, [*before, Slice(length - 1, half, -1)]) if half else None
    first = sliced(kernel, array, [*before, Slice(0, 1)])
    bins = length // 2 + 1
    if length % 2 == 0:
        middle = sliced(kernel, array, [*before, Slice(length // 2, 1)])
        sign = _alternating(kernel, bins, array)
        first = kernel.map("add", first, kernel.map("mul", middle, sign))
    if front is None or back is None:
        return Complex(first, kernel.map("mul", first, 0.0))
    even, odd = kernel.map("add", front, back), kernel.map("sub", front, back)
    tables = [_table(kernel, name, half, bins, length, array) for name in ("cos", "sin")]
    cosines, sines = (_product(kernel, side, table, rank) for side, table in zip((even, odd), tables, strict=True))
    found = Complex(kernel.map("add", first, cosines), kernel.map("neg", sines))
    if array.axes == tuple(range(rank)):
        _mark(found.real, "real")
        _mark(found.imaginary, "imaginary")
    return found


def power(kernel: KernelBuilder, value: Complex) -> Tensor:
    """The squared magnitude."""
    squares = [kernel.map("mul", part, part) for part in (value.real, value.imaginary)]
    return _mark(kernel.map("add", *squares), "power")


def _mark(value: Tensor, name: str) -> Tensor:
    """Say what ``value`` is of a transform."""
    assert isinstance(value.value.owner, Operation)
    value.value.owner.attributes[FOURIER] = StringAttr(name)
    return value


def _alternating(kernel: KernelBuilder, bins: int, like: Tensor) -> Tensor:
    """``1, -1, 1, …``"""
    odd = kernel.cast(kernel.map("and", kernel.iota(bins, ELEMENTS["i64"]), 1), like.element)
    return kernel.map("sub", 1.0, kernel.map("mul", odd, 2.0))


def _table(kernel: KernelBuilder, name: str, rows: int, bins: int, length: int, like: Tensor) -> Tensor:
    """``cos(2 pi j k / length)`` for j from 1: one turn, made in double precision, read at ``j k`` modulo it."""
    wide = ELEMENTS["f64"]
    angle = kernel.map("mul", kernel.iota(length, wide), TURN / length)
    turn = kernel.cast(kernel.map(name, angle), like.element)
    whole = ELEMENTS["i64"]
    j = kernel.map("add", kernel.iota(rows, whole), 1).expanded(1)
    places = kernel.map("mod", kernel.map("mul", j, kernel.iota(bins, whole)), length)
    return gather(kernel, turn, places.dims, lambda code, loops, v: [code.place(v[0])], [(places, [0, 1])])


def _product(kernel: KernelBuilder, rows: Tensor, table: Tensor, rank: int) -> Tensor:
    """``rows @ table`` for rows of any rank."""
    element = rows.element
    ops = table_for(element)

    def body(builder: Builder, values: Sequence[SSAValue]) -> SSAValue:
        product = builder.insert(ops["mul"](values[0], values[1])).results[0]
        return builder.insert(ops["add"](values[2], product)).results[0]

    loops = [*rows.dims[:-1], table.dims[1], table.dims[0]]
    left = [*range(rank - 1), rank]
    return kernel.generic(
        [(rows, left), (table, [rank, rank - 1])], loops, range(rank), element, body, start=identity("sum", element)
    )


__all__ = ["Complex", "power", "rfft"]
