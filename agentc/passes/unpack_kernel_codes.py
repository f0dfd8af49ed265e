"""Reads codes of four bits and fewer eight or more a word, where a sum of products needs them as numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TypeAlias

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import (
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    VectorType,
    f32,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from agentc.analyses.kernel_builders import Preceding, shuffled, vector_type
from agentc.analyses.kernel_dims import OUTPUTS, is_vector, size_of, value_dims
from agentc.analyses.kernel_ops import (
    INDEX,
    Appending,
    binary,
    branch,
    compare_integers,
    counted,
    functions,
    made,
    parallel,
    reductions,
    scalar,
    select,
    store,
    walked,
    yielded,
)
from agentc.analyses.kernel_sources import hand_on, replacing
from agentc.analyses.kernel_walks import operands_of
from agentc.analyses.narrow_codes import LANES, Codes, Field, codes_of, named_size, nest_of
from agentc.analyses.short_sums import Short, nested_of
from agentc.dialects.vector_ext import WORD, FieldOp, WordsOp
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.passes.vectorize_kernels import lanewise, wide
from agentc.plan import sizes
from agentc.plan.kernels import Dim

CHAINS = 2
"""Sums that are kept apart within a step, so that none waits for the other."""
AT_ONCE, ROWS = 4, 2
"""Rows of a batch that are summed with one reading of the codes, and rows of codes with one reading of those: as many sums
as there are registers for."""
ZERO = FloatAttr(0.0, f32)
Values: TypeAlias = dict[SSAValue, SSAValue]
Emit: TypeAlias = Callable[[Builder, SSAValue], None]


@dataclass
class Unpacking:
    """State of the rewriting of one sum."""

    codes: Codes
    lowering: LoopLowering

    def run(self) -> None:
        """Put loops over vectors of words in the place of the sum, and the sum of what is left behind them."""
        reading = self.codes.reading
        self.steps = sizes.floordiv(self.codes.count, reading.groups)
        self.flags = _in_order(reading.short.combiner.fastmath)
        nest = nest_of(reading.short, reading.top) if reading.batch is not None else None
        if nest is not None:
            self._run_batch(*nest)
            return
        outer = reading.short.outer
        self.packed = self._lay_out(None) if reading.laid_out else None
        total = self._sums(Preceding(outer), [{}])[0]
        outer.res[0].replace_all_uses_with(total)
        outer.detach()
        outer.erase()

    def _run_batch(self, top: scf.ParallelOp, inner: scf.ParallelOp) -> None:
        """Rows outside, which threads share, and for each of them the batch, some of it at once."""
        reading, number = self.codes.reading, self._number
        batch, rows = (top, inner) if top.body.block.args[0] is reading.batch else (inner, top)
        for op in list(inner.body.block.ops):
            if isinstance(op, arith.ConstantOp):
                op.detach()
                Preceding(top).insert(op)
        size = size_of(batch.upperBound[0], lambda value: named_size(value, value_dims(self.lowering.function)))
        assert size is not None
        self.packed = self._lay_out(size) if reading.laid_out else None
        count = size_of(rows.upperBound[0], lambda value: named_size(value, value_dims(self.lowering.function)))
        assert count is not None
        pairs = self._size(sizes.floordiv(sizes.add(count, ROWS - 1), ROWS))
        self.full = self._size(sizes.multiply(sizes.floordiv(size, AT_ONCE), AT_ONCE))
        block = Block(arg_types=[INDEX])
        self._pair(Appending(block), block.args[0], rows.upperBound[0], batch.upperBound[0])
        block.add_op(reductions((), ()))
        loop = parallel(number(0), pairs, number(1), Region(block))
        loop.attributes.update(top.attributes)
        Preceding(top).insert(loop)
        top.detach()
        top.erase()

    def _pair(self, build: Builder, pair: SSAValue, rows: SSAValue, batch: SSAValue) -> None:
        """Neighboring rows of codes: ``AT_ONCE`` of the batch at once, if there are as many and groups fill vectors, and
        what is left one by one.
        """
        number = self._number
        low = build.insert(binary(arith.MuliOp, pair, number(ROWS))).results[0]
        end = build.insert(binary(arith.AddiOp, low, number(ROWS))).results[0]
        left = build.insert(binary(arith.MuliOp, self._size(self.steps), number(self.codes.reading.groups))).results[0]
        fits = [(end, rows), (self.codes.reading.short.outer.upperBound[0], left)]
        whole = reduce(
            lambda a, b: build.insert(binary(arith.AndIOp, a, b)).results[0],
            [build.insert(compare_integers("sle", a, b)).results[0] for a, b in fits],
        )
        full = build.insert(select(whole, self.full, number(0))).results[0]
        high = build.insert(binary(arith.MinSIOp, end, rows)).results[0]

        def some(inner: Builder, first: SSAValue) -> None:
            near = [low, *(inner.insert(binary(arith.AddiOp, low, number(i))).results[0] for i in range(1, ROWS))]
            places = [
                first,
                *(inner.insert(binary(arith.AddiOp, first, number(i))).results[0] for i in range(1, AT_ONCE)),
            ]
            self._some(inner, [(row, place) for row in near for place in places])

        def one(inner: Builder, row: SSAValue) -> None:
            self._ordered(inner, full, batch, 1, lambda b, place: self._some(b, [(row, place)]))

        if self.full is not number(0):
            self._ordered(build, number(0), full, AT_ONCE, some)
        self._ordered(build, low, high, 1, one)

    def _some(self, build: Builder, places: Sequence[tuple[SSAValue, SSAValue]]) -> None:
        """The sums for some rows of codes and rows of the batch."""
        reading = self.codes.reading
        outer, batch, row = reading.short.outer, reading.batch, reading.row
        assert batch is not None and row is not None
        given: list[Values] = [{row: place, batch: other} for place, other in places]
        for values, total in zip(given, self._sums(build, given), strict=True):
            mapper = {**values, outer.res[0]: total}
            op = outer.next_op
            while op is not None and not isinstance(op, scf.ReduceOp):
                build.insert(op.clone(value_mapper=mapper))
                op = op.next_op

    def _sums(self, build: Builder, given: Sequence[Values]) -> list[SSAValue]:
        """The sums for each of ``given``, values of what is outside of the loops."""
        short = self.codes.reading.short
        vector_ = vector_type(f32, LANES)
        zero = build.insert(scalar(ZERO)).results[0]
        block = Block(arg_types=[INDEX, *[vector_] * len(given)])
        Step(self, Appending(block), block.args[0], given).run(block.args[1:])
        count, start = self._size(self.steps), wide(build, zero, LANES)
        loop = counted(self._number(0), count, self._number(1), [start] * len(given), Region(block))
        kind = vector.CombiningKindAttr(vector.CombiningKindFlag.ADD)
        properties: dict[str, Attribute] = {"kind": kind, "fastmath": short.combiner.fastmath}
        totals: list[SSAValue] = []
        for lanes, values in zip(build.insert(loop).results, given, strict=True):
            joined = vector.ReductionOp.create(operands=[lanes], result_types=[f32], properties=dict(properties))
            whole, first = build.insert(joined).dest, short.outer.initVals[0]
            total = made(arith.AddfOp, [values.get(first, first), whole], [f32], {"fastmath": short.combiner.fastmath})
            totals.append(build.insert(total).results[0])
        return totals if len(given) > 1 else [self._rest(build, totals[0], count, given[0])]

    def _number(self, value: int) -> SSAValue:
        return self.lowering.integer(value)

    def _size(self, size: Dim) -> SSAValue:
        return self._number(size) if isinstance(size, int) else self.lowering.named(size)

    def _rest(self, build: Builder, total: SSAValue, count: SSAValue, values: Values) -> SSAValue:
        """``total`` and what the groups add that are too few for a vector."""
        reading = self.codes.reading
        if isinstance(self.codes.count, int) and self.codes.count % reading.groups == 0 or reading.groups == 1:
            return total
        outer = reading.short.outer
        first = build.insert(binary(arith.MuliOp, count, self._number(reading.groups))).results[0]
        some = build.insert(compare_integers("slt", first, outer.upperBound[0])).results[0]
        sides = [Block(), Block()]
        left = outer.clone(value_mapper=dict(values))
        left.operands = [first, outer.upperBound[0], outer.step[0], total]
        sides[0].add_ops([left, yielded([left.res[0]])])
        sides[1].add_op(yielded([total]))
        return build.insert(branch(some, [f32], Region(sides[0]), Region(sides[1]))).results[0]

    def _lay_out(self, batch: Dim | None) -> SSAValue:
        """Copy what all rows read into memory in the order of the bytes of words, before the first row."""
        reading, steps = self.codes.reading, self.steps
        build = Preceding(reading.top)
        dims = (*([batch] if batch is not None else []), steps, WORD * len(reading.laid_out), LANES)
        memory = self.lowering.temporary(build, f32, dims, [self._size(d) for d in dims if isinstance(d, str)])
        block = Block(arg_types=[INDEX])
        inner = Appending(block)
        if batch is None:
            self._copy_groups(inner, block.args[0], memory, None)
        else:
            count = self._size(batch)
            self._loop(inner, count, lambda b, row: self._copy_groups(b, block.args[0], memory, row))
        block.add_op(reductions((), ()))
        build.insert(parallel(self._number(0), self._size(steps), self._number(1), Region(block)))
        return memory

    def _copy_groups(self, build: Builder, step: SSAValue, memory: SSAValue, row: SSAValue | None) -> None:
        reading = self.codes.reading
        words = reading.short.length // WORD
        first = build.insert(binary(arith.MuliOp, step, self._number(reading.groups))).results[0]
        known: Values = {reading.batch: row} if reading.batch is not None and row is not None else {}

        def group(inner: Builder, number: SSAValue) -> None:
            start = inner.insert(binary(arith.MuliOp, number, self._number(words))).results[0]
            self._loop(inner, self._number(words), lambda b, word: copy(b, number, start, word))

        def copy(inner: Builder, number: SSAValue, start: SSAValue, word: SSAValue) -> None:
            place = inner.insert(binary(arith.AddiOp, first, number)).results[0]
            lane = inner.insert(binary(arith.AddiOp, start, word)).results[0]
            byte = inner.insert(binary(arith.MuliOp, word, self._number(WORD))).results[0]
            for i in range(WORD):
                own = inner.insert(binary(arith.AddiOp, byte, self._number(i))).results[0]
                given: Values = {**known, reading.group: place, reading.place: own}
                for n, value in enumerate(reading.laid_out):
                    one = self._again(inner, value, given)
                    places = [*known.values(), step, self._number(WORD * n + i), lane]
                    inner.insert(store(one, memory, places))

        self._loop(build, self._number(reading.groups), group)

    def _again(self, build: Builder, value: SSAValue, known: Values) -> SSAValue:
        """``value`` computed once more, from what is ``known``."""
        owner = value.owner
        if value not in known and isinstance(owner, Operation) and self.codes.reading.short.outer.is_ancestor(owner):
            for operand in owner.operands:
                self._again(build, operand, known)
            known[value] = build.insert(owner.clone(value_mapper=known)).results[0]
        return known.get(value, value)

    def _loop(self, build: Builder, count: SSAValue, body: Emit) -> None:
        self._ordered(build, self._number(0), count, 1, body)

    def _ordered(self, build: Builder, low: SSAValue, high: SSAValue, step: int, body: Emit) -> None:
        block = Block(arg_types=[INDEX])
        body(Appending(block), block.args[0])
        block.add_op(yielded())
        build.insert(counted(low, high, self._number(step), (), Region(block)))


def _in_order(flags: arith.FastMathFlagsAttr) -> arith.FastMathFlagsAttr:
    """``flags`` for sums that are in the best order already."""
    return arith.FastMathFlagsAttr([f for f in flags.data if f.value != "reassoc"])


@dataclass
class Step:
    """Emits what is added for one vector of words, for each row of a batch."""

    state: Unpacking
    build: Builder
    index: SSAValue
    """Of the vector."""
    given: Sequence[Values]

    def __post_init__(self) -> None:
        self.reading = self.state.codes.reading
        self.first = self._add(binary(arith.MuliOp, self.index, self.state.lowering.integer(self.reading.groups)))
        self.made: dict[tuple[SSAValue, SSAValue | None, SSAValue | None, int], SSAValue] = {}
        self.words: dict[tuple[memref.LoadOp, int, SSAValue | None], SSAValue] = {}

    def run(self, old: Sequence[SSAValue]) -> None:
        """Yield each of ``old`` and the sum over all bytes of the words, times what rows have in common."""
        chains = CHAINS if len(old) == 1 else 1
        sums: list[list[SSAValue]] = [[] for _ in old]
        number = 0
        for byte in range(WORD):
            for term in self.state.codes.terms:  # all rows with one field, while that is in a register
                for row, parts in enumerate(sums):
                    value = self._of(term, byte, row)
                    if number < chains:
                        parts.append(value)
                    else:
                        parts[number % chains] = self._plus(parts[number % chains], value)
                number += 1
        wholes = [self._whole(parts, row) for row, parts in enumerate(sums)]
        self.build.insert(yielded([self._plus(o, w) for o, w in zip(old, wholes, strict=True)]))

    def _whole(self, parts: Sequence[SSAValue], row: int) -> SSAValue:
        value = reduce(self._plus, parts)
        for factor in self.state.codes.factors:
            value = self._float(arith.MulfOp, value, self._wide(self._of(factor, 0, row)))
        return value

    def _plus(self, left: SSAValue, right: SSAValue) -> SSAValue:
        return self._float(arith.AddfOp, self._wide(left), self._wide(right))

    def _float(self, kind: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        return self._add(made(kind, [a, b], [a.type], {"fastmath": self.state.flags}))

    def _wide(self, value: SSAValue) -> SSAValue:
        return wide(self.build, value, LANES)

    def _add(self, op: Operation) -> SSAValue:
        return self.build.insert(op).results[0]

    def _of(self, value: SSAValue, byte: int, row: int) -> SSAValue:
        """``value`` at byte ``byte`` of each word; a number where it is the same in all of them."""
        reading, given = self.reading, self.given[row]
        batch = given.get(reading.batch) if reading.batch is not None and value in reading.batchwise else None
        codes = given.get(reading.row) if reading.row is not None and value in reading.rowwise else None
        key = (value, batch, codes, byte if value in reading.along else 0)
        if key not in self.made:
            self.made[key] = self._make(value, byte, row)
        return self.made[key]

    def _make(self, value: SSAValue, byte: int, row: int) -> SSAValue:
        if (field := self.reading.fields.get(value)) is not None:
            return self._handed(_field(self._words(field, row), 8 * byte + field.at, field), value)
        owner = value.owner
        if value in self.reading.laid_out:
            return self._laid_out(value, byte, row)
        if isinstance(owner, Block) or not self.reading.short.outer.is_ancestor(owner):
            return self.given[row].get(value, value)
        if isinstance(owner, memref.LoadOp):
            return self._loaded(owner, byte, row)
        operands = [self._of(o, byte, row) for o in operands_of(owner)]
        if any(is_vector(o.type) for o in operands):
            value = lanewise(self.build, owner, operands, LANES)
        else:
            value = self._add(owner.clone(value_mapper=dict(zip(operands_of(owner), operands, strict=True))))
        if isinstance(op := value.owner, Operation) and "fastmath" in op.properties:
            op.properties["fastmath"] = self.state.flags
        return value

    def _laid_out(self, value: SSAValue, byte: int, row: int) -> SSAValue:
        number, batch = self.state.lowering.integer, self.reading.batch
        assert self.state.packed is not None
        places = [self.index, number(WORD * self.reading.laid_out.index(value) + byte), number(0)]
        if batch is not None and batch in self.given[row]:
            places = [self.given[row][batch], *places]
        return self._handed(_loaded(self.state.packed, places, vector_type(f32, LANES)), value)

    def _handed(self, op: Operation, origin: Operation | SSAValue) -> SSAValue:
        """``op``, which is there for ``origin``."""
        hand_on(op, origin)
        return self._add(op)

    def _loaded(self, op: memref.LoadOp, byte: int, row: int) -> SSAValue:
        reading = self.reading
        if op.res not in reading.moving or reading.groups == 1:
            mapper = {o: self.index if o is reading.group else self._of(o, byte, row) for o in op.operands}
            return self._add(op.clone(value_mapper=mapper))
        places = [*(self._of(o, byte, row) for o in op.indices[:-1]), self.first]
        few = self._add(_loaded(op.memref, places, vector_type(op.res.type, reading.groups)))
        many = [lane * reading.groups // LANES for lane in range(LANES)]
        return self._handed(shuffled(few, few, many), op)

    def _words(self, field: Field, row: int) -> SSAValue:
        """The words that ``field`` is a part of, with what is to be turned over, for fields beside it, too."""
        load, flip = field.load, field.flip
        for other in self.reading.fields.values():
            if flip and other.load is load and not other.mask & field.mask:
                flip |= other.flip
        codes = self.given[row].get(self.reading.row) if self.reading.row is not None else None
        if (load, flip, codes) not in self.words:
            self.words[load, flip, codes] = self._turned(load, flip, row) if flip else self._read(load, row)
        return self.words[load, flip, codes]

    def _turned(self, load: memref.LoadOp, flip: int, row: int) -> SSAValue:
        plain = self._read(load, row)
        every = int.from_bytes(bytes([flip] * WORD), "little", signed=True)
        mask = self._add(scalar(IntegerAttr(every, i32)))
        return self._add(binary(arith.XOrIOp, plain, self._wide(mask)))

    def _read(self, load: memref.LoadOp, row: int) -> SSAValue:
        reading, number = self.reading, self.state.lowering.integer
        groups, length = reading.groups, reading.short.length
        if reading.is_flat(load):
            start = self._add(binary(arith.MuliOp, self.first, number(length)))
            places, type_ = [start], vector_type(i8, groups * length)
        else:
            places, type_ = [self.first, number(0)], vector_type(i8, groups, length)
        others = [self._of(o, 0, row) for o in load.indices[: -len(places)]]
        bytes_ = self._handed(_loaded(load.memref, [*others, *places], type_), load)
        return self._add(made(WordsOp, [bytes_], [vector_type(i32, groups * length // WORD)]))


@lru_cache(maxsize=256)
def _whole(number: int) -> IntegerAttr:
    return IntegerAttr(number, i64)


def _field(words: SSAValue, at: int, field: Field) -> FieldOp:
    """The lanes of ``field``, at bit ``at`` of ``words``."""
    properties = {"at": _whole(at), "bits": _whole(field.bits), "plus": _whole(field.plus)}
    return made(FieldOp, [words], [vector_type(f32, LANES)], properties)


def _loaded(memory: SSAValue, place: Sequence[SSAValue], type_: VectorType[Attribute]) -> vector.LoadOp:
    return made(vector.LoadOp, [memory, *place], [type_])


@dataclass(frozen=True)
class UnpackKernelCodesPass(ModulePass):
    """Take sums over groups of narrow codes, such as four-bit weights times numbers, from words of four bytes each: 64 bytes
    at a time give one vector of numbers for each field of a word, where each byte would have to become a word first.

    Which field of the byte a number is, is found by computing it for every byte. What all rows multiply the codes with is
    laid out in the order of the words' bytes, once and before the first row; factors that a group has in common
    are multiplied with its sum. Of a batch, all of which is multiplied with the same codes, four rows are summed with two
    rows of codes at once: so each is read and unpacked for several. Only sums that may be reordered (`reassoc`).

    Before:

    ```mlir
    %s = scf.parallel (%g) = (%c0) to (%n) step (%c1) init (%zero) -> f32 {
      %f = memref.load %scale[%row, %g] : memref<?x?xf32>
      %r = scf.parallel (%i) = (%c0) to (%c16) step (%c1) init (%zero) -> f32 {
        %byte = memref.load %codes[%row, %g, %i] : memref<?x?x16xi8>
        … arith.andi %byte, %c15 … arith.uitofp … memref.load %x[%g, %i] … arith.mulf … arith.mulf %f …
    ```

    After:

    ```mlir
    %v = scf.for %p = %c0 to %steps step %c1 iter_args(%old = %zeros) -> (vector<16xf32>) {
      %bytes = vector.load %codes[%row, %first, %c0] : memref<?x?x16xi8>, vector<4x16xi8>
      %words = vector_ext.words %bytes : vector<4x16xi8> to vector<16xi32>
      %code = vector_ext.field %words at 0 bits 4 plus 0 : vector<16xi32> to vector<16xf32>
      %x = vector.load %laid_out[%p, %c0, %c0] : memref<?x4x16xf32>, vector<16xf32>
      … arith.mulf … arith.addf … for each byte, then the factors of the four groups
    }
    %s = vector.reduction <add>, %v : vector<16xf32> into f32
    ```
    """

    name = "unpack-kernel-codes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in functions(op) if OUTPUTS in f.attributes]:
            for inner in walked(function):
                if isinstance(inner, scf.ParallelOp) and (short := nested_of(inner)) is not None:
                    unpack(short, LoopLowering(function, "auto"))


def unpack(short: Short, lowering: LoopLowering) -> None:
    """Rewrite ``short``, if it is a sum of narrow codes."""
    if (codes := codes_of(short, value_dims(lowering.function))) is not None:
        with replacing(codes.reading.top), replacing(short.outer):
            Unpacking(codes, lowering).run()
