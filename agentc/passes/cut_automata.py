"""Cuts long texts into pieces that finite automata go through at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, ModuleOp, i8
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from agentc.analyses.kernel_builders import Preceding
from agentc.analyses.kernel_dims import DIMS, dims_attr, insert_size, shape_of
from agentc.analyses.kernel_ops import alloc, functions, index_attribute, memory_type
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.kernel_walks import ops_of
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
START, UNKNOWN = IntegerAttr(0, i8), IntegerAttr(-1, i8)


@dataclass
class Pieces:
    """A text in pieces of ``length`` bytes, each with the state before it. Places count in the direction of reading."""

    loops: LoopLowering
    op: AutomatonOp
    length: int
    closed: bool = False
    """Whether the table names no state that it lacks."""

    def __post_init__(self) -> None:
        self.text, self.table = self.op.inputs
        self.size: Dim = self.loops.dims(self.text)[0]
        self.end = self.loops.extent(self.text, 0)
        self.zero, self.one = self.loops.integer(0), self.loops.integer(1)
        self.states = self.loops.extent(self.table, 0)
        self.low = self.loops.constant(index_attribute(255))
        self.unknown = self.loops.constant(UNKNOWN)
        self.start = self.loops.constant(START)

    def place(self, code: Code, at: SSAValue) -> SSAValue:
        """Where byte ``at`` lies in memory."""
        return code.minus(code.minus(self.end, self.one), at) if self.op.backward else at

    def first(self, code: Code, at: SSAValue, width: int) -> SSAValue:
        """Where the ``width`` bytes from ``at`` on begin in memory."""
        return code.minus(code.minus(self.end, code.number(width)), at) if self.op.backward else at

    def byte(self, code: Code, at: SSAValue) -> SSAValue:
        """Byte ``at`` as an index."""
        return code.op(arith.AndIOp, code.index(code.load(self.text, self.place(code, at))), self.low)

    def step(self, code: Code, state: SSAValue, at: SSAValue) -> SSAValue:
        """The state after byte ``at``, as it is stored."""
        row = self.row(code, state)
        if not self.closed:
            row = code.choose(code.whole("slt", row, self.states), row, self.zero)
        return code.load(self.table, row, self.byte(code, at))

    def row(self, code: Code, state: SSAValue) -> SSAValue:
        """A state, as it is stored, as an index."""
        return code.op(arith.AndIOp, code.index(state), self.low)

    def run(self, code: Code, state: SSAValue, start: SSAValue, end: SSAValue) -> SSAValue:
        """The state after the bytes from ``start`` to ``end``."""

        def step(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            return [self.step(inner, carried[0], i)]

        return code.ordered(start, end, self.one, step, [state])[0]

    def states_before(self, build: Builder, pieces: Dim, count: SSAValue) -> SSAValue:
        """Memory with the state before each of ``pieces``, which are ``count``."""
        code = Code(self.loops, build)
        size, given = (pieces, []) if isinstance(pieces, int) else (DYNAMIC_INDEX, [count])
        made = build.insert(alloc(memory_type(i8, (size,)), given))
        made.attributes[DIMS] = dims_attr([[pieces]])
        first = made.results[0]
        self.loops.nest(build, [count], lambda b, at: self._guess(Code(self.loops, b), at[0], first))
        code.loop(self.zero, count, self.one, lambda c, p, _: self._settle(c, p, first))
        return first

    def _guess(self, code: Code, piece: SSAValue, first: SSAValue) -> None:
        """The state before a piece, where every state leads to the same one within the window; else unknown."""
        end = code.op(arith.MuliOp, piece, code.number(self.length))
        start = code.op(arith.MaxSIOp, code.minus(end, code.number(WINDOW)), self.zero)
        found = self.run(code, self.start, start, end)

        def other(inner: Code, state: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            same = inner.whole("eq", self.run(inner, inner.cast(state, i8), start, end), found)
            return [inner.choose(same, carried[0], self.one)]

        differ = code.ordered(self.one, self.states, self.one, other, [self.zero])[0]
        sure = code.op(arith.OrIOp, code.whole("eq", differ, self.zero), code.whole("eq", piece, self.zero))
        code.store(code.choose(sure, found, self.unknown), first, piece)

    def _settle(self, code: Code, piece: SSAValue, first: SSAValue) -> Sequence[SSAValue]:
        """Where the state before a piece is unknown, go through the piece before; those are in order."""

        def through(inner: Code) -> None:
            before = inner.minus(piece, self.one)
            start = inner.op(arith.MuliOp, before, inner.number(self.length))
            end = inner.plus(start, inner.number(self.length))
            inner.store(self.run(inner, inner.load(first, before), start, end), first, piece)

        code.when(code.whole("eq", code.load(first, piece), self.unknown), through)
        return []


@dataclass
class Cutting:
    """State of the cutting of one automaton."""

    loops: LoopLowering
    op: AutomatonOp
    length: int = LENGTH
    at_once: int = AT_ONCE

    def __post_init__(self) -> None:
        self.out = self.op.outputs[0]
        self.groups: Dim = sizes.floordiv(self.loops.dims(self.op.inputs[0])[0], self.length * self.at_once)

    def run(self) -> None:
        """Put the loops in the place of the op."""
        if self.groups == 0:
            return
        build = Preceding(self.op)
        self.pieces = Pieces(self.loops, self.op, self.length)
        groups = insert_size(build, self.groups, self.loops.named)
        pieces = sizes.multiply(self.groups, self.at_once)
        first = self.pieces.states_before(build, pieces, insert_size(build, pieces, self.loops.named))
        self.loops.nest(build, [groups], lambda b, at: self._through(Code(self.loops, b), at[0], first))
        self._rest(Code(self.loops, build), groups)
        self.op.detach()
        self.op.erase()

    def _step(self, code: Code, state: SSAValue, at: SSAValue) -> SSAValue:
        after = self.pieces.step(code, state, at)
        code.store(after, self.out, self.pieces.place(code, at))
        return after

    def _through(self, code: Code, group: SSAValue, first: SSAValue) -> None:
        """Several pieces at once, each with a state of its own."""
        numbers = [
            code.plus(code.op(arith.MuliOp, group, code.number(self.at_once)), code.number(u))
            for u in range(self.at_once)
        ]
        starts = [code.op(arith.MuliOp, n, code.number(self.length)) for n in numbers]
        states = [code.load(first, n) for n in numbers]

        def step(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            places = [inner.plus(start, i) for start in starts]
            return [self._step(inner, state, place) for state, place in zip(carried, places, strict=True)]

        code.ordered(self.pieces.zero, code.number(self.length), self.pieces.one, step, states)

    def _rest(self, code: Code, groups: SSAValue) -> None:
        """What is behind the last whole group of pieces, in order, from the state behind that; 0 where there is none."""
        start = code.op(arith.MuliOp, groups, code.number(self.length * self.at_once))
        zero, one = self.pieces.zero, self.pieces.one
        last = code.op(arith.MaxSIOp, code.minus(start, one), zero)

        def behind(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            return [inner.load(self.out, self.pieces.place(inner, i))]

        state = code.ordered(last, start, one, behind, [self.pieces.start])
        code.ordered(start, self.pieces.end, one, lambda c, i, s: [self._step(c, s[0], i)], state)


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
    length: int = LENGTH
    """Bytes of a piece."""
    at_once: int = AT_ONCE
    """Pieces of a loop."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in functions(op) if len(f.body.blocks) == 1]:
            found = [inner for inner in ops_of(function.body.block) if isinstance(inner, AutomatonOp)]
            for inner in found:
                if len(shape_of(inner.inputs[0].type) or ()) == 1:
                    with replacing(inner):
                        Cutting(LoopLowering(function, "auto"), inner, self.length, self.at_once).run()
