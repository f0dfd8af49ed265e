"""Turns Fourier transforms into loops of butterflies over vectors of rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
    UnitAttr,
    VectorType,
)
from xdsl.dialects.utils import FastMathFlag
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_dims import element_of, insert_size, is_vector, shape_of
from agentc.analyses.kernel_ops import functions
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.kernel_values import Array
from agentc.dialects.linalg_ext import FourierOp
from agentc.passes.find_fourier import radices
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.plan import sizes

BYTES = 32
"""Rows go through the steps side by side, as many as a vector of 256 bits holds: what is on the way of 8 rows of 400
samples are 26 KB, which stay in the nearest cache."""
FAST = arith.FastMathFlagsAttr([FastMathFlag.ALLOW_CONTRACT])

Pair = tuple[SSAValue, SSAValue]
"""Real and imaginary parts, a row in each lane."""


@dataclass
class Code:
    """Writes vector code at one place."""

    build: Builder
    lanes: VectorType[Attribute]

    def two(self, kind: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        """An op of two vectors, or of two indices."""
        floats: dict[str, Attribute] = {"fastmath": FAST} if is_vector(a.type) else {}
        made = kind.create(operands=[a, b], result_types=[a.type], properties=floats)
        return self.build.insert(made).results[0]

    def add(self, a: Pair, b: Pair) -> Pair:
        """``a + b``"""
        return self.two(arith.AddfOp, a[0], b[0]), self.two(arith.AddfOp, a[1], b[1])

    def sub(self, a: Pair, b: Pair) -> Pair:
        """``a - b``"""
        return self.two(arith.SubfOp, a[0], b[0]), self.two(arith.SubfOp, a[1], b[1])

    def scaled(self, a: Pair, by: SSAValue) -> Pair:
        """``a`` times a real number."""
        return self.two(arith.MulfOp, a[0], by), self.two(arith.MulfOp, a[1], by)

    def times(self, a: Pair, by: Pair) -> Pair:
        """``a * by``"""
        real = self.two(arith.SubfOp, self.two(arith.MulfOp, a[0], by[0]), self.two(arith.MulfOp, a[1], by[1]))
        return real, self.two(arith.AddfOp, self.two(arith.MulfOp, a[0], by[1]), self.two(arith.MulfOp, a[1], by[0]))

    def minus_i(self, a: Pair, b: Pair) -> Pair:
        """``a - i b``"""
        return self.two(arith.AddfOp, a[0], b[1]), self.two(arith.SubfOp, a[1], b[0])

    def plus_i(self, a: Pair, b: Pair) -> Pair:
        """``a + i b``"""
        return self.two(arith.SubfOp, a[0], b[1]), self.two(arith.AddfOp, a[1], b[0])

    def every(self, value: SSAValue) -> SSAValue:
        """A number in every lane."""
        return self.build.insert(vector.BroadcastOp(value, self.lanes)).vector

    def load(self, memory: Pair, at: SSAValue, zero: SSAValue) -> Pair:
        """Point ``at``."""
        real, imaginary = (self.build.insert(vector.LoadOp(m, [at, zero], self.lanes)).result for m in memory)
        return real, imaginary

    def store(self, value: Pair, memory: Pair, at: SSAValue, zero: SSAValue) -> None:
        """Point ``at``."""
        for part, m in zip(value, memory, strict=True):
            self.build.insert(vector.StoreOp(part, m, [at, zero]))

    def loop(self, low: SSAValue, high: SSAValue, step: SSAValue, body: Callable[["Code", SSAValue], None]) -> None:
        """``for i in range(low, high, step)``"""
        block = Block(arg_types=[IndexType()])
        body(Code(Builder(InsertPoint.at_end(block)), self.lanes), block.args[0])
        block.add_op(scf.YieldOp())
        self.build.insert(scf.ForOp(low, high, step, [], Region(block)))


@dataclass
class Transform:
    """State of the lowering of one op. A row's even elements are real, its odd ones imaginary parts of half as many points;
    what they give is told apart at the end, as the transform of real numbers is symmetric.
    """

    loops: LoopLowering
    op: FourierOp

    def __post_init__(self) -> None:
        self.rows = self.op.inputs[0]
        shape = shape_of(self.rows.type) or (0,)
        self.length, self.points = shape[-1], shape[-1] // 2
        element = element_of(self.rows.type)
        assert isinstance(element, Float32Type | Float64Type)
        self.element = element
        self.width = BYTES // (4 if isinstance(self.element, Float32Type) else 8)
        self.lanes: VectorType[Attribute] = VectorType(self.element, [self.width])
        self.zero, self.one = self.number(0), self.number(1)

    def number(self, value: int) -> SSAValue:
        """The index ``value``."""
        return self.loops.integer(value)

    def run(self) -> None:
        """Put the loops in the place of the op."""
        build = Builder(InsertPoint.before(self.op))
        count = self.loops.dims(self.rows)[0]
        self.last = self.loops.extent(self.rows, 0)
        blocks = insert_size(build, sizes.floordiv(sizes.add(count, self.width - 1), self.width), self.loops.named)
        steps, size = radices(self.points) or [], self.points
        self.turns: list[Pair] = []
        for radix in steps:
            self.turns.append(self._table(build, _turns(size, radix)))
            size //= radix
        whole = -2j * np.pi * np.arange(self.points + 1) / self.length
        self.ends = self._table(build, np.exp(whole))
        self.loops.nest(build, [blocks], lambda b, at: self._block(Code(b, self.lanes), at[0], steps))
        self.op.detach()
        self.op.erase()

    def _table(self, build: Builder, values: Array) -> Pair:
        """Complex numbers as two globals of the module."""
        module = self.loops.function.parent_op()
        assert isinstance(module, ModuleOp)
        type_ = MemRefType(self.element, [len(values)])
        kind = np.float32 if isinstance(self.element, Float32Type) else np.float64
        made: list[SSAValue] = []
        parts: list[Array] = [np.real(values), np.imag(values)]
        for part in parts:
            number = sum(isinstance(op, memref.GlobalOp) for op in module.body.block.ops)
            name = f"{self.loops.function.sym_name.data}_turns{number}"
            data = BytesAttr(part.astype(kind).tobytes())
            dense = DenseIntOrFPElementsAttr(TensorType(self.element, [len(values)]), data)
            table = memref.GlobalOp.get(StringAttr(name), type_, dense, constant=UnitAttr(), alignment=64)
            module.body.block.insert_op_before(table, self.loops.function)
            made.append(build.insert(memref.GetGlobalOp(name, type_)).memref)
        return made[0], made[1]

    def _constant(self, code: Code, value: float) -> SSAValue:
        return code.every(self.loops.constant(FloatAttr(value, self.element)))

    def _block(self, code: Code, block: SSAValue, steps: Sequence[int]) -> None:
        """As many rows as a vector has lanes; beyond the last row it again, to the same result."""
        first = code.two(arith.MuliOp, block, self.number(self.width))
        memory = [self._scratch(code), self._scratch(code)]
        self._gather(code, first, memory[0])
        size, stride = self.points, 1
        for radix, turns in zip(steps, self.turns, strict=True):
            self._step(code, memory[0], memory[1], turns, radix, size, stride)
            memory.reverse()
            size, stride = size // radix, stride * radix
        self._unfold(code, memory[0], memory[1])
        self._scatter(code, first, memory[1])

    def _scratch(self, code: Code) -> Pair:
        """Memory for the points, and for one more when they are unfolded."""
        made = [memref.AllocaOp.get(self.element, 64, [self.points + 1, self.width]) for _ in range(2)]
        real, imaginary = (code.build.insert(op).memref for op in made)
        return real, imaginary

    def _row(self, code: Code, first: SSAValue, lane: SSAValue) -> SSAValue:
        last = code.two(arith.SubiOp, self.last, self.one)
        return code.two(arith.MinSIOp, code.two(arith.AddiOp, first, lane), last)

    def _gather(self, code: Code, first: SSAValue, memory: Pair) -> None:
        """Rows side by side. Element 0, and the middle one, count as 0."""

        def lane(inner: Code, at: SSAValue) -> None:
            row = self._row(inner, first, at)

            def point(deepest: Code, i: SSAValue) -> None:
                place = deepest.two(arith.AddiOp, i, i)
                for part, k in zip(memory, (place, deepest.two(arith.AddiOp, place, self.one)), strict=True):
                    value = deepest.build.insert(memref.LoadOp.get(self.rows, [row, k])).res
                    deepest.build.insert(memref.StoreOp.get(value, part, [i, at]))

            inner.loop(self.zero, self.number(self.points), self.one, point)
            nothing = self.loops.constant(FloatAttr(0.0, self.element))
            middle = memory[self.points % 2], self.number(self.points // 2)
            for part, i in ((memory[0], self.zero), middle):
                inner.build.insert(memref.StoreOp.get(nothing, part, [i, at]))

        code.loop(self.zero, self.number(self.width), self.one, lane)

    def _step(self, code: Code, source: Pair, target: Pair, turns: Pair, radix: int, size: int, stride: int) -> None:
        """One of the steps (Stockham's, decimation in frequency): from ``source[q + s (p + m i)]`` to
        ``target[q + s (r p + j)]``, with ``m = size / r`` and ``s = stride``.
        """
        parts = size // radix
        constants = [self._constant(code, v) for v in BUTTERFLY_CONSTANTS[radix]]

        def butterflies(outer: Code, p: SSAValue) -> None:
            twist = [self._turn(outer, turns, p, j, radix) for j in range(1, radix)] if parts > 1 else []
            low = outer.two(arith.MuliOp, p, self.number(stride))
            high = outer.two(arith.MuliOp, p, self.number(stride * radix))

            def one(inner: Code, q: SSAValue) -> None:
                start, end = (inner.two(arith.AddiOp, q, base) for base in (low, high))
                far = [
                    start,
                    *(inner.two(arith.AddiOp, start, self.number(stride * parts * i)) for i in range(1, radix)),
                ]
                made = BUTTERFLIES[radix](inner, [inner.load(source, at, self.zero) for at in far], constants)
                for j, value in enumerate(made):
                    at = inner.two(arith.AddiOp, end, self.number(stride * j)) if j else end
                    inner.store(inner.times(value, twist[j - 1]) if j and twist else value, target, at, self.zero)

            outer.loop(self.zero, self.number(stride), self.one, one)

        code.loop(self.zero, self.number(parts), self.one, butterflies)

    def _turn(self, code: Code, turns: Pair, p: SSAValue, j: int, radix: int) -> Pair:
        place = code.two(arith.MuliOp, p, self.number(radix - 1))
        return self._number(code, turns, code.two(arith.AddiOp, place, self.number(j - 1)))

    def _unfold(self, code: Code, source: Pair, target: Pair) -> None:
        """Of ``Z`` of the points: ``X[k] = (Z[k] + Z*[-k] - i w^k (Z[k] - Z*[-k])) / 2``, its imaginary part negated."""
        half = self._constant(code, 0.5)
        count = self.number(self.points)

        def bin_(inner: Code, k: SSAValue) -> None:
            rest = inner.two(arith.SubiOp, count, k)
            ahead, back = (inner.load(source, self._around(inner, at), self.zero) for at in (k, rest))
            turn = self._number(inner, self.ends, k)
            even = inner.two(arith.AddfOp, ahead[0], back[0]), inner.two(arith.SubfOp, ahead[1], back[1])
            odd = inner.two(arith.SubfOp, ahead[0], back[0]), inner.two(arith.AddfOp, ahead[1], back[1])
            twisted = inner.times(odd, turn)
            real = inner.two(arith.AddfOp, even[0], twisted[1])
            negated = inner.two(arith.SubfOp, twisted[0], even[1])
            inner.store(inner.scaled((real, negated), half), target, k, self.zero)

        code.loop(self.zero, self.number(self.points + 1), self.one, bin_)

    def _around(self, code: Code, at: SSAValue) -> SSAValue:
        """``at``, or 0 behind the last point."""
        behind = code.build.insert(arith.CmpiOp(at, self.number(self.points), "eq")).result
        return code.build.insert(arith.SelectOp(behind, self.zero, at)).result

    @staticmethod
    def _number(code: Code, table: Pair, at: SSAValue) -> Pair:
        """An entry of a table in every lane."""
        real, imaginary = (code.every(code.build.insert(memref.LoadOp.get(part, [at])).res) for part in table)
        return real, imaginary

    def _scatter(self, code: Code, first: SSAValue, memory: Pair) -> None:
        def lane(inner: Code, at: SSAValue) -> None:
            row = self._row(inner, first, at)

            def bin_(deepest: Code, k: SSAValue) -> None:
                for part, output in zip(memory, self.op.outputs, strict=True):
                    value = deepest.build.insert(memref.LoadOp.get(part, [k, at])).res
                    deepest.build.insert(memref.StoreOp.get(value, output, [row, k]))

            inner.loop(self.zero, self.number(self.points + 1), self.one, bin_)

        code.loop(self.zero, self.number(self.width), self.one, lane)


def _turns(size: int, radix: int) -> Array:
    """``exp(-2 pi i p j / size)`` for p, and for j from 1 to the radix."""
    p, j = np.arange(size // radix)[:, None], np.arange(1, radix)[None]
    return np.exp(-2j * np.pi * p * j / size).reshape(-1)


def two(code: Code, x: Sequence[Pair], constants: Sequence[SSAValue]) -> list[Pair]:
    """A transform of two points."""
    return [code.add(x[0], x[1]), code.sub(x[0], x[1])]


def three(code: Code, x: Sequence[Pair], constants: Sequence[SSAValue]) -> list[Pair]:
    """A transform of three points; the constants are one half and the sine of a third of a turn."""
    total, apart = code.add(x[1], x[2]), code.scaled(code.sub(x[1], x[2]), constants[1])
    middle = code.sub(x[0], code.scaled(total, constants[0]))
    return [code.add(x[0], total), code.minus_i(middle, apart), code.plus_i(middle, apart)]


def four(code: Code, x: Sequence[Pair], constants: Sequence[SSAValue]) -> list[Pair]:
    """A transform of four points."""
    a, b = code.add(x[0], x[2]), code.sub(x[0], x[2])
    c, d = code.add(x[1], x[3]), code.sub(x[1], x[3])
    return [code.add(a, c), code.minus_i(b, d), code.sub(a, c), code.plus_i(b, d)]


def five(code: Code, x: Sequence[Pair], constants: Sequence[SSAValue]) -> list[Pair]:
    """A transform of five points; the constants are cosines of one and two fifths of a turn, then the sines."""
    c1, c2, s1, s2 = constants
    a, b = code.add(x[1], x[4]), code.add(x[2], x[3])
    c, d = code.sub(x[1], x[4]), code.sub(x[2], x[3])
    near = code.add(x[0], code.add(code.scaled(a, c1), code.scaled(b, c2)))
    far = code.add(x[0], code.add(code.scaled(a, c2), code.scaled(b, c1)))
    one = code.add(code.scaled(c, s1), code.scaled(d, s2))
    other = code.sub(code.scaled(c, s2), code.scaled(d, s1))
    first = code.add(x[0], code.add(a, b))
    return [
        first, code.minus_i(near, one), code.minus_i(far, other), code.plus_i(far, other), code.plus_i(near, one)
    ]  # fmt: skip


BUTTERFLIES = {2: two, 3: three, 4: four, 5: five}
_FIFTH = 2 * np.pi / 5
BUTTERFLY_CONSTANTS: dict[int, tuple[float, ...]] = {
    2: (),
    3: (0.5, float(np.sin(2 * np.pi / 3))),
    4: (),
    5: (float(np.cos(_FIFTH)), float(np.cos(2 * _FIFTH)), float(np.sin(_FIFTH)), float(np.sin(2 * _FIFTH))),
}


@dataclass(frozen=True)
class LowerFourierPass(ModulePass):
    """Lower `linalg_ext.fourier` on memory to steps of 5, 4, 3 and 2 points (Stockham's, which need no bit reversal), of
    as many rows at once as a vector of 256 bits has lanes. Real rows count as complex ones of half the length.

    Before:

    ```mlir
    linalg_ext.fourier ins(%x : memref<?x400xf32>) outs(%c, %s : memref<?x201xf32>, memref<?x201xf32>)
    ```

    After:

    ```mlir
    scf.parallel (%block) = (%c0) to (%blocks) step (%c1) {
      %re = memref.alloca() : memref<201x8xf32>
      …
      scf.for %p = %c0 to %c40 step %c1 { scf.for %q = %c0 to %c1 step %c1 { vector.load … arith.addf … vector.store } }
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
