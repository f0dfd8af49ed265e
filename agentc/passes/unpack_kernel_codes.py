"""Reads codes of four bits and fewer eight or more a word, where a sum of products needs them as numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    FloatAttr,
    IndexType,
    IntegerType,
    ModuleOp,
    VectorType,
    f32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_dims import DIMS, OUTPUTS, dims_attr, is_vector, value_dims
from agentc.analyses.kernel_ops import functions
from agentc.analyses.kernel_sources import hand_on, replacing
from agentc.analyses.narrow_codes import LANES, Codes, codes_of
from agentc.analyses.short_sums import Short, nested_of
from agentc.dialects.vector_ext import WORD, FieldOp, WordsOp
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.passes.vectorize_kernels import lanewise, wide
from agentc.plan import sizes
from agentc.plan.kernels import Dim

CHAINS = 2
"""Sums that are kept apart within a step, so that none waits for the other."""


@dataclass
class Unpacking:
    """State of the rewriting of one sum."""

    codes: Codes
    lowering: LoopLowering

    def run(self) -> None:
        """Put a loop over vectors of words in the place of the sum, and the sum of what is left behind it."""
        reading, outer = self.codes.reading, self.codes.reading.short.outer
        build = Builder(InsertPoint.before(outer))
        steps = sizes.floordiv(self.codes.count, reading.groups)
        self.packed = self._lay_out(steps) if reading.laid_out else None
        self.flags = _in_order(reading.short.combiner.fastmath)
        zero = build.insert(arith.ConstantOp(FloatAttr(0.0, f32))).result
        block = Block(arg_types=[IndexType(), VectorType(f32, [LANES])])
        Step(self, Builder(InsertPoint.at_end(block)), block.args[0]).run(block.args[1])
        count, start = self._size(steps), wide(build, zero, LANES)
        loop = scf.ForOp(self._number(0), count, self._number(1), [start], Region(block))
        kind = vector.CombiningKindAttr(vector.CombiningKindFlag.ADD)
        properties: dict[str, Attribute] = {"kind": kind, "fastmath": reading.short.combiner.fastmath}
        lanes = build.insert(loop).results[0]
        joined = vector.ReductionOp.create(operands=[lanes], result_types=[f32], properties=properties)
        whole = build.insert(joined).dest
        total = build.insert(arith.AddfOp(outer.initVals[0], whole, reading.short.combiner.fastmath)).result
        outer.res[0].replace_all_uses_with(self._rest(build, total, count))
        outer.detach()
        outer.erase()

    def _number(self, value: int) -> SSAValue:
        return self.lowering.integer(value)

    def _size(self, size: Dim) -> SSAValue:
        return self._number(size) if isinstance(size, int) else self.lowering.named(size)

    def _rest(self, build: Builder, total: SSAValue, count: SSAValue) -> SSAValue:
        """``total`` and what the groups add that are too few for a vector."""
        reading = self.codes.reading
        if isinstance(self.codes.count, int) and self.codes.count % reading.groups == 0 or reading.groups == 1:
            return total
        outer = reading.short.outer
        first = build.insert(arith.MuliOp(count, self._number(reading.groups))).result
        some = build.insert(arith.CmpiOp(first, outer.upperBound[0], "slt")).result
        sides = [Block(), Block()]
        region = Region()
        outer.body.clone_into(region)
        left = scf.ParallelOp([first], [outer.upperBound[0]], [outer.step[0]], region, [total])
        left.attributes.update(outer.attributes)
        sides[0].add_ops([left, scf.YieldOp(left.res[0])])
        sides[1].add_op(scf.YieldOp(total))
        return build.insert(scf.IfOp(some, [f32], [sides[0]], [sides[1]])).results[0]

    def _lay_out(self, steps: Dim) -> SSAValue:
        """Copy what all rows read into memory in the order of the bytes of words, before the first row."""
        reading = self.codes.reading
        build = Builder(InsertPoint.before(reading.top))
        dims = (steps, WORD * len(reading.laid_out), LANES)
        shape = [d if isinstance(d, int) else DYNAMIC_INDEX for d in dims]
        made = memref.AllocOp.get(f32, 64, shape, [self._size(d) for d in dims if isinstance(d, str)])
        made.attributes[DIMS] = dims_attr([dims])
        memory = build.insert(made).memref
        end = self.lowering.function.body.block.last_op
        assert end is not None
        Builder(InsertPoint.before(end)).insert(memref.DeallocOp.get(memory))
        block = Block(arg_types=[IndexType()])
        self._copy_groups(Builder(InsertPoint.at_end(block)), block.args[0], memory)
        block.add_op(scf.ReduceOp())
        build.insert(scf.ParallelOp([self._number(0)], [self._size(steps)], [self._number(1)], Region(block)))
        return memory

    def _copy_groups(self, build: Builder, step: SSAValue, memory: SSAValue) -> None:
        reading = self.codes.reading
        words = reading.short.length // WORD
        first = build.insert(arith.MuliOp(step, self._number(reading.groups))).result

        def group(inner: Builder, number: SSAValue) -> None:
            start = inner.insert(arith.MuliOp(number, self._number(words))).result
            self._loop(inner, words, lambda b, word: copy(b, number, start, word))

        def copy(inner: Builder, number: SSAValue, start: SSAValue, word: SSAValue) -> None:
            place = inner.insert(arith.AddiOp(first, number)).result
            lane = inner.insert(arith.AddiOp(start, word)).result
            byte = inner.insert(arith.MuliOp(word, self._number(WORD))).result
            for i in range(WORD):
                own = inner.insert(arith.AddiOp(byte, self._number(i))).result
                made: dict[SSAValue, SSAValue] = {reading.group: place, reading.place: own}
                for row, value in enumerate(reading.laid_out):
                    one = self._again(inner, value, made)
                    inner.insert(memref.StoreOp.get(one, memory, [step, self._number(WORD * row + i), lane]))

        self._loop(build, reading.groups, group)

    def _again(self, build: Builder, value: SSAValue, made: dict[SSAValue, SSAValue]) -> SSAValue:
        """``value`` computed once more, from what is ``made``."""
        owner = value.owner
        if value not in made and isinstance(owner, Operation) and self.codes.reading.short.outer.is_ancestor(owner):
            for operand in owner.operands:
                self._again(build, operand, made)
            made[value] = build.insert(owner.clone(value_mapper=made)).results[0]
        return made.get(value, value)

    def _loop(self, build: Builder, count: int, body: Callable[[Builder, SSAValue], None]) -> None:
        block = Block(arg_types=[IndexType()])
        body(Builder(InsertPoint.at_end(block)), block.args[0])
        block.add_op(scf.YieldOp())
        build.insert(scf.ForOp(self._number(0), self._number(count), self._number(1), [], Region(block)))


def _in_order(flags: arith.FastMathFlagsAttr) -> arith.FastMathFlagsAttr:
    """``flags`` for sums that are in the best order already."""
    return arith.FastMathFlagsAttr([f for f in flags.data if f.value != "reassoc"])


@dataclass
class Step:
    """Emits what is added for one vector of words."""

    state: Unpacking
    build: Builder
    index: SSAValue
    """Of the vector."""

    def __post_init__(self) -> None:
        self.reading = self.state.codes.reading
        self.first = self._add(arith.MuliOp(self.index, self.state.lowering.integer(self.reading.groups)))
        self.made: dict[tuple[SSAValue, int], SSAValue] = {}
        self.words: dict[memref.LoadOp, SSAValue] = {}

    def run(self, old: SSAValue) -> None:
        """Yield ``old`` and the sum over all bytes of the words, times what rows have in common."""
        terms = [self._of(v, byte) for byte in range(WORD) for v in self.state.codes.terms]
        sums = [reduce(self._plus, terms[i::CHAINS]) for i in range(CHAINS)]
        value = reduce(self._plus, sums)
        for factor in self.state.codes.factors:
            value = self._add(arith.MulfOp(value, self._wide(self._of(factor, 0)), self.state.flags))
        self.build.insert(scf.YieldOp(self._plus(old, value)))

    def _plus(self, left: SSAValue, right: SSAValue) -> SSAValue:
        return self._add(arith.AddfOp(self._wide(left), self._wide(right), self.state.flags))

    def _wide(self, value: SSAValue) -> SSAValue:
        return wide(self.build, value, LANES)

    def _add(self, op: Operation) -> SSAValue:
        return self.build.insert(op).results[0]

    def _of(self, value: SSAValue, byte: int) -> SSAValue:
        """``value`` at byte ``byte`` of each word; a number where it is the same in all of them."""
        key = (value, byte if value in self.reading.along else 0)
        if key not in self.made:
            self.made[key] = self._make(value, byte)
        return self.made[key]

    def _make(self, value: SSAValue, byte: int) -> SSAValue:
        if (field := self.reading.fields.get(value)) is not None:
            made = FieldOp(self._words(field.load), 8 * byte + field.at, field.bits, field.plus)
            hand_on(made, value)
            return self._add(made)
        owner = value.owner
        if value in self.reading.laid_out:
            return self._laid_out(value, byte)
        if isinstance(owner, Block) or not self.reading.short.outer.is_ancestor(owner):
            return value
        if isinstance(owner, memref.LoadOp):
            return self._loaded(owner, byte)
        operands = [self._of(o, byte) for o in owner.operands]
        if any(is_vector(o.type) for o in operands):
            made = lanewise(self.build, owner, operands, LANES)
        else:
            made = self._add(owner.clone(value_mapper=dict(zip(owner.operands, operands, strict=True))))
        if isinstance(op := made.owner, Operation) and "fastmath" in op.properties:
            op.properties["fastmath"] = self.state.flags
        return made

    def _laid_out(self, value: SSAValue, byte: int) -> SSAValue:
        number = self.state.lowering.integer
        assert self.state.packed is not None
        places = [self.index, number(WORD * self.reading.laid_out.index(value) + byte), number(0)]
        made = vector.LoadOp(self.state.packed, places, VectorType(f32, [LANES]))
        hand_on(made, value)
        return self._add(made)

    def _loaded(self, op: memref.LoadOp, byte: int) -> SSAValue:
        reading = self.reading
        if op.res not in reading.moving or reading.groups == 1:
            mapper = {o: self.index if o is reading.group else self._of(o, byte) for o in op.operands}
            return self._add(op.clone(value_mapper=mapper))
        places = [*(self._of(o, byte) for o in op.indices[:-1]), self.first]
        few = self._add(vector.LoadOp(op.memref, places, VectorType(op.res.type, [reading.groups])))
        many = [lane * reading.groups // LANES for lane in range(LANES)]
        type_ = VectorType(op.res.type, [LANES])
        made = vector.ShuffleOp(few, few, DenseArrayBase.from_list(i64, many), result_type=type_)
        hand_on(made, op)
        return self._add(made)

    def _words(self, load: memref.LoadOp) -> SSAValue:
        if load not in self.words:
            places = [*(self._of(o, 0) for o in load.indices[:-2]), self.first, self.state.lowering.integer(0)]
            type_ = VectorType(IntegerType(8), [self.reading.groups, self.reading.short.length])
            loaded = vector.LoadOp(load.memref, places, type_)
            hand_on(loaded, load)
            self.words[load] = self._add(WordsOp(self._add(loaded)))
        return self.words[load]


@dataclass(frozen=True)
class UnpackKernelCodesPass(ModulePass):
    """Take sums over groups of narrow codes, such as four-bit weights times numbers, from words of four bytes each: 64 bytes
    at a time give one vector of numbers for each field of a word, where each byte would have to become a word first.

    Which field of the byte a number is, is found by computing it for every byte. What all rows multiply the codes with is
    laid out in the order of the words' bytes, once and before the first row; factors that a group has in common
    are multiplied with its sum. Only sums that may be reordered (`reassoc`).

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
            for inner in list(function.walk()):
                if isinstance(inner, scf.ParallelOp) and (short := nested_of(inner)) is not None:
                    unpack(short, LoopLowering(function, "auto"))


def unpack(short: Short, lowering: LoopLowering) -> None:
    """Rewrite ``short``, if it is a sum of narrow codes."""
    if (codes := codes_of(short, value_dims(lowering.function))) is not None:
        with replacing(codes.reading.top), replacing(short.outer):
            Unpacking(codes, lowering).run()
