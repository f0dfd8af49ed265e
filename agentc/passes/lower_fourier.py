"""Turns Fourier transforms into loops of butterflies over vectors of rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import (
    Float32Type,
    Float64Type,
    ModuleOp,
    VectorType,
)
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_dims import element_of, insert_size, shape_of
from agentc.analyses.kernel_ops import functions
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.kernel_tables import insert_table
from agentc.analyses.kernel_values import Array
from agentc.dialects.linalg_ext import FourierOp
from agentc.passes.butterflies import BUTTERFLIES, BUTTERFLY_CONSTANTS, Code, Turn
from agentc.passes.find_fourier import radices
from agentc.passes.fourier_rows import Rows, maker
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.plan import sizes

BYTES = 32
"""Rows go through the steps side by side, as many as a vector of 256 bits holds: what is on the way of 8 rows of 400
samples are 26 KB, which stay in the nearest cache."""


@dataclass
class Transform:
    """State of the lowering of one op. A row's even elements are real, its odd ones imaginary parts of half as many points;
    what they give is told apart at the end, as the transform of real numbers is symmetric.
    """

    loops: LoopLowering
    op: FourierOp

    def __post_init__(self) -> None:
        self.rows = self.op.inputs[0]
        self.shape = shape_of(self.rows.type) or (0,)
        self.points = self.shape[-1] // 2
        element = element_of(self.rows.type)
        assert isinstance(element, Float32Type | Float64Type)
        self.element = element
        self.kind = np.dtype("f4" if isinstance(element, Float32Type) else "f8")
        self.width = BYTES // self.kind.itemsize
        self.lanes: VectorType[Attribute] = VectorType(element, [2 * self.width])
        self.zero, self.one = self.number(0), self.number(1)
        self.is_power = len(self.op.outputs) == 1
        self.numbers: list[Array] = []
        self.made = maker(self.rows)

    def number(self, value: int) -> SSAValue:
        """The index ``value``."""
        return self.loops.integer(value)

    def point(self, count: int) -> SSAValue:
        """How much memory ``count`` points take."""
        return self.number(2 * self.width * count)

    def run(self) -> None:
        """Put the loops in the place of the op."""
        build = Builder(InsertPoint.before(self.op))
        rank = len(self.shape)
        many = self.loops.dims(self.rows)[-2] if rank > 1 else 1
        count = sizes.floordiv(sizes.add(many, self.width - 1), self.width)
        blocks = insert_size(build, count, self.loops.named) if isinstance(count, str) else self.number(count)
        self.many = self.loops.extent(self.rows, rank - 2) if rank > 1 else self.one
        outer = [self.loops.extent(self.rows, axis) for axis in range(rank - 2)]
        steps, size = radices(self.points) or [], self.points
        self.constants = {radix: self._signed(BUTTERFLY_CONSTANTS[radix]) for radix in dict.fromkeys(steps)}
        self.ends = self._signed(UNFOLD_CONSTANTS), self._noted(_ends(self.points))
        turns: list[int] = []
        for radix in steps:
            turns.append(self._noted(_turns(size, radix)))
            size //= radix
        self.table = self._table(build)
        self.loops.nest(build, [*outer, blocks], lambda b, at: self._block(Code(b, self.lanes), at, steps, turns))
        self.op.detach()
        self.op.erase()
        if self.made is not None:
            self._forget(self.made)

    def _forget(self, made: GenericOp) -> None:
        """Nobody reads what ``made`` would store."""
        owner = self.rows.owner
        assert isinstance(owner, memref.AllocOp)
        for op in (made, *(use.operation for use in [*self.rows.uses] if use.operation is not made), owner):
            op.detach()
            op.erase()

    def _noted(self, values: Array) -> int:
        """Where in the table ``values`` are."""
        self.numbers.append(values.reshape(-1))
        return sum(len(numbers) for numbers in self.numbers[:-1])

    def _signed(self, pairs: Sequence[tuple[float, float]]) -> list[int]:
        """Where in the table numbers for the lanes of real and imaginary parts are."""
        return [self._noted(np.repeat(pair, self.width)) for pair in pairs]

    def _table(self, build: Builder) -> SSAValue:
        """All that was noted as one global of the module."""
        values = np.concatenate(self.numbers).astype(self.kind)
        name = f"{self.loops.function.sym_name.data}_turns"
        return insert_table(build, self.loops.function, name, self.element, values)

    def _vectors(self, code: Code, places: Sequence[int]) -> list[SSAValue]:
        return [code.load(self.table, self.number(at)) for at in places]

    def _block(self, code: Code, block: Sequence[SSAValue], steps: Sequence[int], turns: Sequence[int]) -> None:
        """As many rows as a vector has lanes; beyond the last row it again, to the same result."""
        *outer, number = block
        first = code.two(arith.MuliOp, number, self.number(self.width))
        self.last = code.two(arith.SubiOp, self.many, self.one)
        rows = [self._row(code, first, self.number(lane)) for lane in range(self.width)]
        self.block = Rows(self.rows, outer, rows, self.made)
        memory = [self._scratch(code), self._scratch(code)]
        self._gather(code, first, memory[0])
        size = self.points
        for radix, at in zip(steps, turns, strict=True):
            self._step(code, memory[0], memory[1], at, radix, size)
            memory.reverse()
            size //= radix
        self._unfold(code, memory[0], memory[1])
        self._scatter(code, first, memory[1])

    def _scratch(self, code: Code) -> SSAValue:
        """Memory for the points, and for one more when they are unfolded."""
        made = memref.AllocaOp.get(self.element, 64, [2 * self.width * (self.points + 1)])
        return code.build.insert(made).memref

    def _row(self, code: Code, first: SSAValue, lane: SSAValue) -> SSAValue:
        return code.two(arith.MinSIOp, code.two(arith.AddiOp, first, lane), self.last)

    def _gather(self, code: Code, first: SSAValue, memory: SSAValue) -> None:
        """Rows side by side."""
        self.block.prepare(code, first, self.last)

        def point(inner: Code, i: SSAValue) -> None:
            value = self.block.point(inner, inner.two(arith.AddiOp, i, i))
            inner.store(value, memory, inner.two(arith.MuliOp, i, self.point(1)))

        code.loop(self.number(self.points), self.one, self.zero, point)

    def _step(self, code: Code, source: SSAValue, target: SSAValue, turns: int, radix: int, size: int) -> None:
        """One of the steps (Stockham's, decimation in frequency): from ``source[q + s (p + m i)]`` to
        ``target[q + s (r p + j)]``, with ``m = size / r`` and ``s = points / size``.
        """
        parts, stride = size // radix, self.points // size
        constants = self._vectors(code, self.constants[radix])

        def butterflies(outer: Code, p: SSAValue) -> None:
            twist = self._turns(outer, turns, p, radix) if parts > 1 else []
            low = outer.two(arith.MuliOp, p, self.point(stride))
            gap = outer.two(arith.MuliOp, p, self.point(stride * (radix - 1)))

            def one(inner: Code, q: SSAValue) -> None:
                start = inner.two(arith.AddiOp, low, q)
                end = inner.two(arith.AddiOp, start, gap)
                far = [self._further(inner, start, i * stride * parts * 2 * self.width) for i in range(radix)]
                made = BUTTERFLIES[radix](inner, [inner.load(source, at) for at in far], constants)
                for j, value in enumerate(made):
                    turned = inner.turned(value, twist[j - 1]) if j and twist else value
                    inner.store(turned, target, self._further(inner, end, j * stride * 2 * self.width))

            outer.loop(self.point(stride), self.point(1), self.zero, one)

        code.loop(self.number(parts), self.one, self.zero, butterflies)

    def _further(self, code: Code, at: SSAValue, count: int) -> SSAValue:
        return code.two(arith.AddiOp, at, self.number(count)) if count else at

    def _turns(self, code: Code, turns: int, p: SSAValue, radix: int) -> list[Turn]:
        """Those of row ``p`` of what is from ``turns`` on in the table."""
        count = radix - 1
        held = VectorType(self.element, [_room(radix)])
        place = code.two(arith.MuliOp, p, self.number(_room(radix)))
        row = code.load(self.table, code.two(arith.AddiOp, place, self.number(turns)), lanes=held)
        less = code.build.insert(arith.NegfOp(row)).result
        found: list[Turn] = []
        for j in range(count):
            real = code.picked(row, row, [j] * 2 * self.width)
            signed = [_room(radix) + count + j] * self.width + [count + j] * self.width
            found.append((real, code.picked(row, less, signed)))
        return found

    def _unfold(self, code: Code, source: SSAValue, target: SSAValue) -> None:
        """Of ``Z`` of the points: ``X[k] = (Z[k] + Z*[-k] - i w^k (Z[k] - Z*[-k])) / 2``, or the power of that."""
        half, mirror, halves = self._vectors(code, self.ends[0])
        count = self.point(self.points)
        code.store(code.load(source, self.zero), source, count)

        def bin_(inner: Code, k: SSAValue) -> None:
            at = inner.two(arith.MuliOp, k, self.point(1))
            ahead, back = (inner.load(source, place) for place in (at, inner.two(arith.SubiOp, count, at)))
            even = inner.plus(inner.scaled(back, half), ahead, halves)
            odd = inner.sub(ahead, inner.scaled(back, mirror))
            (turn,) = self._turns(inner, self.ends[1], k, 2)
            made = inner.add(even, inner.turned(odd, turn))
            if self.is_power:
                squares = inner.scaled(made, made)
                real, imaginary = (inner.picked(squares, squares, range(i, i + self.width)) for i in (0, self.width))
                made, at = inner.add(real, imaginary), inner.two(arith.MuliOp, k, self.number(self.width))
            inner.store(made, target, at)

        code.loop(self.number(self.points + 1), self.one, self.zero, bin_)

    def _scatter(self, code: Code, first: SSAValue, memory: SSAValue) -> None:
        """Rows apart again, two elements at a time; the last one, which is alone, with the one before it. Vectors of one
        lane, as of scalars LLVM would make gathers, which take longer than as many loads.
        """
        alone, before = VectorType(self.element, [1]), self.number(self.points - 1)
        size = self.width if self.is_power else 2 * self.width

        def lane(inner: Code, at: SSAValue) -> None:
            row = self._row(inner, first, at)

            def bins(deepest: Code, k: SSAValue) -> None:
                k = deepest.two(arith.MinSIOp, k, before)
                start = deepest.two(arith.AddiOp, deepest.two(arith.MuliOp, k, self.number(size)), at)
                for part, output in enumerate(self.op.outputs):
                    both = (self._further(deepest, start, part * self.width + i) for i in (0, size))
                    value = deepest.joined([deepest.load(memory, one, lanes=alone) for one in both])
                    deepest.store(value, output, *self.block.at(row, k))

            inner.loop(self.number(self.points + 1), self.number(2), self.zero, bins)

        code.loop(self.number(self.width), self.one, self.zero, lane)


def _room(radix: int) -> int:
    """How much of the table the turns of one butterfly take: a power of two, which vectors like."""
    return 1 << (2 * radix - 3).bit_length()


def _turns(size: int, radix: int) -> Array:
    """``exp(-2 pi i p j / size)``, a row for each p: for j from 1 to the radix the real parts, then the imaginary ones."""
    p, j = np.arange(size // radix)[:, None], np.arange(1, radix)[None]
    made = np.zeros([size // radix, _room(radix)])
    turns: Array = np.exp(-2j * np.pi * p * j / size)
    made[:, : radix - 1], made[:, radix - 1 : 2 * radix - 2] = np.real(turns), np.imag(turns)
    return made


def _ends(points: int) -> Array:
    """``-i exp(-pi i k / points) / 2``: how each bin is turned back when it is unfolded, halved as sums of two are."""
    angle = np.pi * np.arange(points + 1) / points
    return np.stack([-np.sin(angle), -np.cos(angle)], axis=1) / 2


UNFOLD_CONSTANTS = ((0.5, -0.5), (1.0, -1.0), (0.5, 0.5))


@dataclass(frozen=True)
class LowerFourierPass(ModulePass):
    """Lower `linalg_ext.fourier` on memory to steps of 5, 4, 3 and 2 points (Stockham's, which need no bit reversal), of
    as many rows at once as a vector of 256 bits has lanes. Real rows count as complex ones of half the length. Rows
    that are made for the transform alone, elementwise, of memory that nobody writes, are computed as they are read.

    Before:

    ```mlir
    linalg_ext.fourier ins(%x : memref<?x400xf32>) outs(%r, %i : memref<?x201xf32>, memref<?x201xf32>)
    ```

    After:

    ```mlir
    scf.parallel (%block) = (%c0) to (%blocks) step (%c1) {
      %points = memref.alloca() : memref<3216xf32>
      …
      scf.for %p = %c0 to %c8 step %c1 { scf.for %q = %c0 to %c80 step %c16 { vector.load … arith.addf … vector.store } }
      …
    }
    ```
    """

    name = "lower-fourier"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in functions(op) if len(f.body.blocks) == 1]:
            for inner in [inner for inner in function.body.block.ops if isinstance(inner, FourierOp)]:
                with replacing(inner):
                    Transform(LoopLowering(function, "auto"), inner).run()
