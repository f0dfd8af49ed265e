"""Cuts long texts into pieces that finite automata go through at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, IntegerAttr, ModuleOp, i8
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_dims import DIMS, dims_attr, insert_size, shape_of
from agentc.dialects.linalg_ext import AutomatonOp
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.passes.lower_linalg_ext import Code
from agentc.plan import sizes
from agentc.plan.kernels import Dim

LENGTH = 8192 + 192
"""Bytes of a piece: no power of two, or all pieces of a loop would meet in the same lines of the cache."""
AT_ONCE = 8
"""Pieces that one loop goes through: a step waits for the table, about six cycles, and eight steps hide each other."""
WINDOW = 32
"""Bytes before a piece from which its first state is found: most automata forget within a word or two."""
UNKNOWN = -1


@dataclass
class Cutting:
    """State of the cutting of one automaton."""

    loops: LoopLowering
    op: AutomatonOp

    def __post_init__(self) -> None:
        self.text, self.table = self.op.inputs
        self.out = self.op.outputs[0]
        self.length: Dim = self.loops.dims(self.text)[0]
        self.groups: Dim = sizes.floordiv(self.length, LENGTH * AT_ONCE)
        self.pieces: Dim = sizes.multiply(self.groups, AT_ONCE)

    def run(self) -> None:
        """Put the loops in the place of the op."""
        if self.groups == 0:
            return
        build = Builder(InsertPoint.before(self.op))
        code = Code(self.loops, build)
        self.zero, self.one = code.number(0), code.number(1)
        self.states = self.loops.extent(self.table, 0)
        self.low = self.loops.constant(IntegerAttr(255, IndexType()))
        self.unknown = self.loops.constant(IntegerAttr(UNKNOWN, i8))
        groups, pieces = self._size(build, self.groups), self._size(build, self.pieces)
        first = self._allocate(build, pieces)
        self.loops.nest(build, [pieces], lambda b, at: self._guess(Code(self.loops, b), at[0], first))
        code.loop(self.zero, pieces, self.one, lambda c, p, _: self._settle(c, p, first))
        self.loops.nest(build, [groups], lambda b, at: self._through(Code(self.loops, b), at[0], first))
        self._rest(code, groups)
        self.op.detach()
        self.op.erase()

    def _size(self, build: Builder, size: Dim) -> SSAValue:
        return insert_size(build, size, self.loops.named)

    def _allocate(self, build: Builder, pieces: SSAValue) -> SSAValue:
        """The state before each piece."""
        known = isinstance(self.pieces, int)
        op = memref.AllocOp.get(
            i8, 64, [self.pieces if isinstance(self.pieces, int) else DYNAMIC_INDEX], [] if known else [pieces]
        )
        op.attributes[DIMS] = dims_attr([[self.pieces]])
        return build.insert(op).memref

    def _step(self, code: Code, state: SSAValue, place: SSAValue) -> tuple[SSAValue, SSAValue]:
        """The state after the byte at ``place``: as it is stored, and as the next step takes it."""
        byte = code.op(arith.AndIOp, code.index(code.load(self.text, place)), self.low)
        stored = code.load(self.table, state, byte)
        return stored, self._known(code, stored)

    def _known(self, code: Code, stored: SSAValue) -> SSAValue:
        found = code.op(arith.AndIOp, code.index(stored), self.low)
        return code.choose(code.whole("slt", found, self.states), found, self.zero)

    def _run(self, code: Code, state: SSAValue, start: SSAValue, end: SSAValue) -> SSAValue:
        """The state after the bytes from ``start`` to ``end``."""

        def step(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            return [self._step(inner, carried[0], i)[1]]

        return code.ordered(start, end, self.one, step, [state])[0]

    def _guess(self, code: Code, piece: SSAValue, first: SSAValue) -> None:
        """The state before a piece, where every state leads to the same one within the window; else unknown."""
        end = code.op(arith.MuliOp, piece, code.number(LENGTH))
        start = code.op(arith.MaxSIOp, code.minus(end, code.number(WINDOW)), self.zero)
        found = self._run(code, self.zero, start, end)

        def other(inner: Code, state: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            same = inner.whole("eq", self._run(inner, state, start, end), found)
            return [inner.choose(same, carried[0], self.one)]

        differ = code.ordered(self.one, self.states, self.one, other, [self.zero])[0]
        sure = code.op(arith.OrIOp, code.whole("eq", differ, self.zero), code.whole("eq", piece, self.zero))
        code.store(code.choose(sure, self._narrow(code, found), self.unknown), first, piece)

    def _narrow(self, code: Code, state: SSAValue) -> SSAValue:
        return code.cast(state, i8)

    def _settle(self, code: Code, piece: SSAValue, first: SSAValue) -> Sequence[SSAValue]:
        """Where the state before a piece is unknown, go through the piece before; those are in order."""

        def through(inner: Code) -> None:
            before = inner.minus(piece, self.one)
            start = inner.op(arith.MuliOp, before, inner.number(LENGTH))
            state = self._known(inner, inner.load(first, before))
            inner.store(
                self._narrow(inner, self._run(inner, state, start, inner.plus(start, inner.number(LENGTH)))),
                first,
                piece,
            )

        code.when(code.whole("eq", code.load(first, piece), self.unknown), through)
        return []

    def _through(self, code: Code, group: SSAValue, first: SSAValue) -> None:
        """Several pieces at once, each with a state of its own."""
        numbers = [
            code.plus(code.op(arith.MuliOp, group, code.number(AT_ONCE)), code.number(u)) for u in range(AT_ONCE)
        ]
        starts = [code.op(arith.MuliOp, n, code.number(LENGTH)) for n in numbers]
        states = [self._known(code, code.load(first, n)) for n in numbers]

        def step(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            after: list[SSAValue] = []
            for start, state in zip(starts, carried, strict=True):
                place = inner.plus(start, i)
                stored, known = self._step(inner, state, place)
                inner.store(stored, self.out, place)
                after.append(known)
            return after

        code.ordered(self.zero, code.number(LENGTH), self.one, step, states)

    def _rest(self, code: Code, groups: SSAValue) -> None:
        """What is behind the last whole group of pieces, in order, from the state behind that; 0 where there is none."""
        start = code.op(arith.MuliOp, groups, code.number(LENGTH * AT_ONCE))
        last = code.op(arith.MaxSIOp, code.minus(start, self.one), self.zero)

        def behind(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            return [self._known(inner, inner.load(self.out, i))]

        def step(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            stored, known = self._step(inner, carried[0], i)
            inner.store(stored, self.out, i)
            return [known]

        state = code.ordered(last, start, self.one, behind, [self.zero])
        code.ordered(start, self._size(code.build, self.length), self.one, step, state)


@dataclass(frozen=True)
class CutAutomataPass(ModulePass):
    """Let an automaton go through pieces of about 8 KiB of a text at once, eight in each loop and some in each thread.

    Which state a piece begins in is found from the 32 bytes before it, where every state leads to the same one; where that
    is not so, the piece before is gone through first, in order. Texts shorter than eight pieces are left as they are.

    Before:

    ```mlir
    linalg_ext.automaton ins(%text, %table : memref<?xi8>, memref<13x256xi8>) outs(%states : memref<?xi8>)
    ```

    After:

    ```mlir
    scf.parallel (%piece) = (%c0) to (%pieces) step (%c1) { … memref.store %state, %first[%piece] }
    scf.for %piece = %c0 to %pieces step %c1 { scf.if %unknown {…} }
    scf.parallel (%group) = (%c0) to (%groups) step (%c1) {
      scf.for %i = %c0 to %length step %c1 iter_args(eight states) {…}
    }
    scf.for %i = %behind to %n step %c1 iter_args(…) {…}
    ```
    """

    name = "cut-automata"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in op.walk() if isinstance(f, func.FuncOp) and len(f.body.blocks) == 1]:
            found = [inner for inner in function.body.block.ops if isinstance(inner, AutomatonOp)]
            for inner in found:
                if len(shape_of(inner.inputs[0].type) or ()) == 1:
                    Cutting(LoopLowering(function, "auto"), inner).run()
