"""Lets automata pass over stretches of text in which nothing happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref, vector
from xdsl.dialects.builtin import (
    IntegerAttr,
    ModuleOp,
    StringAttr,
    VectorType,
    i1,
    i8,
)
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from agentc.analyses.kernel_builders import Preceding, copied
from agentc.analyses.kernel_dims import insert_size, shape_of
from agentc.analyses.kernel_ops import EXACT, functions, inputs_of, made
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.kernel_tables import insert_table, known_table
from agentc.analyses.kernel_values import Array, body_value
from agentc.analyses.kernel_walks import operands_of, ops_of
from agentc.dialects.linalg_ext import AutomatonOp, ExtOp
from agentc.dialects.vector_ext import CastOp
from agentc.passes.cut_automata import Pieces
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.passes.lower_linalg_ext import Code
from agentc.plan import sizes
from agentc.support.record import record

LENGTH = 131072
"""Bytes of a piece. Before each, every state is tried on the bytes before it, which is worth it only once in a while."""
BLOCK = 32
"""Bytes that are looked at and passed over at once: a vector of most processors. In prose a longer block seldom holds
nothing of interest, and in one that does each byte waits for the state before it."""
RANGES = 4
"""Ranges of bytes that are compared at once; where what matters takes more, looking for it costs more than going on."""
COMMON = 48
"""Bytes that matter, at most: where there are more of them, few blocks have none."""
NEVER = 255
LANES: VectorType[Attribute] = VectorType(i8, [BLOCK])
BITS: VectorType[Attribute] = VectorType(i1, [BLOCK])
YES = IntegerAttr(1, i1)
ALL, TRUNCATE = vector.CombiningKindAttr(vector.CombiningKindFlag.AND), StringAttr("trunci")


@lru_cache(maxsize=256)
def number(value: int) -> IntegerAttr:
    """``value`` as a byte."""
    return IntegerAttr(value, i8)


@record
class Quiet:
    """States that are alike, and how they are left.

    From any of ``states`` a byte outside ``ranges`` leads to one of them again, and what is made of them is the same.
    """

    states: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]
    resets: Array
    """For each byte the one state that it leads to from all of ``states``, or ``NEVER``."""


def quiet(table: Array, made: Array | None) -> Quiet | None:
    """The states to pass over text in, if there are any. ``made[state, byte]`` is what is made of a state."""
    same = [0] if made is None else [s for s in range(len(table)) if np.array_equal(made[s], made[0])]
    leaving = ~np.isin(table[same], same).all(axis=0)
    if len(same) > 1 and leaving.sum() > COMMON:
        same, leaving = [0], table[0] != 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], leaving, [False]]).astype(np.int8)))
    ranges = tuple((int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True))
    if not ranges or len(ranges) > RANGES or leaving.sum() > COMMON:
        return None
    rows = table[same]
    return Quiet(tuple(same), ranges, np.where((rows == rows[0]).all(axis=0), rows[0], NEVER).astype(np.uint8))


def table_of(op: AutomatonOp) -> Array | None:
    """The table, if it is known and names no state that it lacks."""
    found = known_table(op.inputs[1])
    if found is None:
        return None
    table = found.view(np.uint8)
    return table if table.max() < min(len(table), NEVER) else None


def reader_of(op: AutomatonOp) -> GenericOp | None:
    """The one op that reads the states, element by element, where it may be computed in the automaton's own loop."""
    states = op.outputs[0]
    users = {use.operation for use in states.uses if not isinstance(use.operation, memref.DeallocOp)} - {op}
    readers = [user for user in users if states in user.operands[: len(user.operands) - 1]]
    if len(readers) != 1 or not isinstance(reader := readers[0], GenericOp) or not isinstance(states.owner, Operation):
        return None
    plain = AffineMap.identity(1)
    maps = [m.data for v, m in zip(reader.operands, reader.indexing_maps.data, strict=True) if shape_of(v.type)]
    elementwise = len(reader.iterator_types) == 1 and reader.iterator_types.data[0].data == IteratorType.PARALLEL
    if not elementwise or any(m != plain for m in maps) or reader.body.block.args[-1].uses:
        return None
    loads = any(isinstance(inner, memref.LoadOp) for inner in reader.body.walk())
    return None if loads or not _may_join(op, reader, users) else reader


def _may_join(op: AutomatonOp, reader: GenericOp, users: set[Operation]) -> bool:
    """Whether nothing between the two, or in what comes later, minds that the states themselves are never written."""
    target = reader.outputs[0]
    if target in op.inputs:
        return False
    between: list[Operation] = []
    after = op.next_op
    while after is not None and after is not reader:
        between.append(after)
        after = after.next_op
    if after is None or any(user in between for user in users):
        return False
    written = {o for other in between if isinstance(other, GenericOp | FillOp | ExtOp) for o in other.outputs}
    return written.isdisjoint(op.inputs) and (target is op.outputs[0] or users == {reader})


@dataclass
class Skipping:
    """State of the rewriting of one automaton."""

    loops: LoopLowering
    op: AutomatonOp
    table: Array
    reader: GenericOp | None
    found: Quiet
    made: Array | None
    """What is made of each state and byte, if it is known."""

    def run(self) -> None:
        """Put the loops in the place of the op, or of what reads its states."""
        place = self.reader or self.op
        build = Preceding(place)
        self.text = self.op.inputs[0]
        self.zero, self.one, self.block = (self.loops.integer(n) for n in (0, 1, BLOCK))
        self.calm = self.loops.constant(number(self.found.states[0]))
        self.pieces = Pieces(self.loops, self.op, LENGTH, closed=True)
        is_calm = np.isin(np.arange(len(self.table)), self.found.states).astype(np.uint8)
        self.calm_table = self._global(build, "calm", is_calm)
        known = self.made is not None and self.made.dtype == np.int8
        self.made_table = self._global(build, "made", np.ascontiguousarray(self.made)) if known else None
        self.reset_table = self._global(build, "resets", self.found.resets)
        pieces = sizes.floordiv(sizes.add(self.pieces.size, LENGTH - 1), LENGTH)
        count = insert_size(build, pieces, self.loops.named)
        first = self.pieces.states_before(build, pieces, count)

        def piece(build: Builder, at: Sequence[SSAValue]) -> None:
            inner = Code(self.loops, build)
            low = inner.op(arith.MuliOp, at[0], inner.number(LENGTH))
            high = inner.smaller(inner.plus(low, inner.number(LENGTH)), self.pieces.end)
            self._piece(inner, low, high, inner.load(first, at[0]))

        self.loops.nest(build, [count], piece)
        for gone in (self.op, self.reader):
            if gone is not None:
                gone.detach()
                gone.erase()

    def _global(self, build: Builder, what: str, values: Array) -> SSAValue:
        """The name may be taken: by the same table in another automaton, of which others are the quiet states."""
        owner = self.op.inputs[1].owner
        assert isinstance(owner, memref.GetGlobalOp)
        return insert_table(build, self.loops.function, f"{owner.name_.string_value()}_{what}", i8, values)

    def _piece(self, code: Code, low: SSAValue, high: SSAValue, state: SSAValue) -> None:
        """The blocks of a piece. The last one may be short, and is gone through byte by byte: in the same loop, as every
        loop more is another that takes time to compile."""
        last = code.minus(high, self.block)

        def block(inner: Code, at: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            known, state = carried

            def walk(then: Code) -> Sequence[SSAValue]:
                after = then.smaller(then.plus(at, self.block), high)
                return [after, self._walk(then, *self._caught_up(then, known, state, at), after)]

            def rest(other: Code) -> Sequence[SSAValue]:
                self._pass(other, at)
                return [known if len(self.found.states) > 1 else other.plus(at, self.block), state]

            return inner.either(self._going(inner, at, last, state), walk, rest)

        code.ordered(low, high, self.block, block, [low, state])

    def _going(self, code: Code, at: SSAValue, last: SSAValue, state: SSAValue) -> SSAValue:
        """Whether the block at ``at`` has to be gone through; it is whole if it begins at ``last`` or before."""

        def look(inner: Code) -> Sequence[SSAValue]:
            hot = self._matters(inner, at)
            calm = inner.load(self.calm_table, self.pieces.row(inner, state))
            return [inner.op(arith.OrIOp, hot, inner.whole("eq", calm, self.pieces.start))]

        yes = self.loops.constant(YES)
        return code.either(code.whole("sle", at, last), look, lambda _: [yes])[0]

    def _matters(self, code: Code, at: SSAValue) -> SSAValue:
        """Whether any byte of the block leaves the quiet states: not whether the least of 1 and
        `max(byte - low, width) ^ width`, which is 0 within a range, is 1 in every lane."""
        load = made(vector.LoadOp, [self.text, self.pieces.first(code, at, BLOCK)], [LANES])
        bytes_ = code.build.insert(load).results[0]

        def every(byte: int) -> SSAValue:
            one = self.loops.constant(number(_signed(byte)))
            return code.build.insert(made(vector.BroadcastOp, [one], [LANES])).results[0]

        sides: list[SSAValue] = []
        for low, high in self.found.ranges:
            width = every(high - low)
            sides.append(
                code.op(arith.XOrIOp, code.op(arith.MaxUIOp, code.op(arith.SubiOp, bytes_, every(low)), width), width)
            )
        least = every(1)
        for side in sides:
            least = code.op(arith.MinUIOp, least, side)
        bits = code.build.insert(made(CastOp, [least], [BITS], {"kind": TRUNCATE})).results[0]
        quiet = made(vector.ReductionOp, [bits], [i1], {"kind": ALL, "fastmath": EXACT})
        return code.op(arith.XOrIOp, code.build.insert(quiet).results[0], self.loops.constant(YES))

    def _caught_up(self, code: Code, known: SSAValue, state: SSAValue, at: SSAValue) -> tuple[SSAValue, SSAValue]:
        """Where to go on for what comes from ``at`` on, and the state there: ``state`` at ``known``, and quiet bytes since.
        That is behind the last byte before ``at`` that all quiet states agree on, if it is near; what is made of the bytes
        in between is made again."""
        if len(self.found.states) == 1:
            return at, state
        never = self.loops.constant(number(_signed(NEVER)))

        def look(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            reset = inner.load(self.reset_table, self.pieces.byte(inner, i))
            found = inner.whole("ne", reset, never)
            after = inner.plus(i, self.one)
            return [inner.choose(found, after, carried[0]), inner.choose(found, reset, carried[1])]

        near = code.op(arith.MaxSIOp, known, code.minus(at, self.block))
        start, first = code.ordered(near, at, self.one, look, [known, state])
        return start, first

    def _walk(self, code: Code, low: SSAValue, state: SSAValue, high: SSAValue) -> SSAValue:
        """Byte after byte."""

        def step(inner: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            after = self.pieces.step(inner, carried[0], i)
            if self.made_table is None or self.reader is None:
                self._write(inner, self.pieces.place(inner, i), after)
            else:
                row, byte = self.pieces.row(inner, after), self.pieces.byte(inner, i)
                made = inner.load(self.made_table, row, byte)
                inner.store(made, self.reader.outputs[0], self.pieces.place(inner, i))
            return [after]

        return code.ordered(low, high, self.one, step, [state])[0]

    def _pass(self, code: Code, at: SSAValue) -> None:
        """The block as it is in a quiet state, whichever it is."""
        first = self.pieces.first(code, at, BLOCK)

        def one(build: Builder, index: Sequence[SSAValue]) -> None:
            inner = Code(self.loops, build)
            self._write(inner, inner.plus(first, index[0]), self.calm)

        self.loops.nest(code.build, [self.block], one)

    def _write(self, code: Code, place: SSAValue, state: SSAValue) -> None:
        """What is made of ``state`` at ``place``."""
        if self.reader is None:
            code.store(state, self.op.outputs[0], place)
            return
        body = self.reader.body.block
        mapper: dict[SSAValue, SSAValue] = {}
        out = operands_of(self.reader)[-1]
        for argument, value in zip(body.args, inputs_of(self.reader), strict=False):
            if value is self.op.outputs[0]:
                mapper[argument] = state
            elif argument.uses:
                mapper[argument] = code.load(value, place) if shape_of(value.type) else value
        for inner in ops_of(body):
            if type(inner) is IndexOp:
                mapper[inner.results[0]] = place
            elif type(inner) is YieldOp:
                result = operands_of(inner)[0]
                code.store(mapper.get(result, result), out, place)
            else:
                code.build.insert(copied(inner, mapper))


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def made_of(op: AutomatonOp, reader: GenericOp | None, states: int) -> Array | None:
    """What ``reader`` makes of each state and byte, where that is all that it reads."""
    if reader is None:
        return None
    every: Mapping[SSAValue, Array] = {
        op.outputs[0]: np.arange(states).astype(np.int8)[:, None],
        op.inputs[0]: np.arange(256).astype(np.uint8).view(np.int8)[None],
    }
    arguments = zip(reader.body.block.args, reader.inputs, strict=False)
    values: dict[SSAValue, Array] = {argument: every[value] for argument, value in arguments if value in every}
    found = body_value(reader.body.block, values)
    return None if found is None else np.broadcast_to(found, (states, 256))


@dataclass(frozen=True)
class SkipAutomataPass(ModulePass):
    """Let an automaton whose table is known pass over blocks of 32 bytes, none of which leaves a set of quiet states: the
    bytes that do are compared at once. What is made of the states, element by element, is computed in the same loop, and
    states are quiet together where that is the same for all of them; which of them it is gets found out, from the last
    byte that they agree on, when a byte comes that matters.

    Texts are cut into pieces, as by `cut-automata`. An automaton to whose quiet states more than 48 bytes matter is left.

    Before:

    ```mlir
    %table = memref.get_global @digits : memref<13x256xi8>
    linalg_ext.automaton ins(%text, %table : memref<?xi8>, memref<13x256xi8>) outs(%states : memref<?xi8>)
    ```

    After:

    ```mlir
    scf.parallel (%piece) = (%c0) to (%pieces) step (%c1) {
      scf.for %at = %low to %high step %c32 iter_args(%known, %state) {
        %matters = scf.parallel (%i) = (%c0) to (%c32) step (%c1) {… arith.ori …}
        scf.if %matters { scf.for … } else { scf.parallel … }
      }
    }
    ```
    """

    name = "skip-automata"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in functions(op) if len(f.body.blocks) == 1]:
            for inner in [inner for inner in ops_of(function.body.block) if isinstance(inner, AutomatonOp)]:
                table = table_of(inner) if len(shape_of(inner.inputs[0].type) or ()) == 1 else None
                if table is None:
                    continue
                reader = reader_of(inner)
                made = made_of(inner, reader, len(table))
                if (found := quiet(table, made)) is not None:
                    with replacing(inner, *([reader] if reader else [])):
                        Skipping(LoopLowering(function, "auto"), inner, table, reader, found, made).run()
