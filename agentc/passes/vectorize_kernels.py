"""Turns short reductions inside longer ones into vectors, which LLVM's own vectorizer leaves as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import IndexType, IntegerAttr, ModuleOp, VectorType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_dims import is_vector
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.reductions import is_neutral
from agentc.dialects.vector_ext import CastOp

LEAST, MOST = 4, 64
"""Lengths of an inner loop that are worth a vector: from one 128-bit vector to four of 512 bits, of single precision."""
CASTS = (
    arith.SIToFPOp,
    arith.UIToFPOp,
    arith.ExtFOp,
    arith.TruncFOp,
    arith.ExtSIOp,
    arith.ExtUIOp,
    arith.TruncIOp,
)
"""Conversions of a number: upstream they take no vectors."""
LANEWISE = (
    *(arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.DivfOp, arith.NegfOp, arith.AddiOp, arith.SubiOp, arith.MuliOp),
    *(arith.AndIOp, arith.OrIOp, arith.XOrIOp, arith.ShLIOp, arith.ShRSIOp, arith.ShRUIOp),
    *CASTS,
    *(arith.SelectOp, arith.CmpfOp, arith.CmpiOp),
)
"""Ops that do the same in each lane of a vector as on numbers."""


@dataclass
class Short:
    """A reduction loop of known length inside a longer one, which adds its result to its own."""

    outer: scf.ParallelOp
    inner: scf.ParallelOp
    length: int
    combiner: arith.AddfOp


def short_of(outer: scf.ParallelOp) -> Short | None:
    """The short loop in ``outer``, if vectors can take its place."""
    found = nested_of(outer)
    return found if found is not None and _lanewise(found.inner) else None


def nested_of(outer: scf.ParallelOp) -> Short | None:
    """The short loop in ``outer``, whose results ``outer`` adds up."""
    loops = [op for op in outer.body.block.ops if isinstance(op, scf.ParallelOp)]
    if len(loops) != 1 or len(outer.res) != 1 or len(loops[0].res) != 1:
        return None
    inner, combiner, own = loops[0], _adds(outer), _adds(loops[0])
    last = outer.body.block.last_op
    if combiner is None or own is None or not isinstance(last, scf.ReduceOp) or last.args[0] is not inner.res[0]:
        return None
    length = _length(inner)
    if length is None or not is_neutral(inner.initVals[0], arith.AddfOp):
        return None
    if any(op.regions and op is not inner and op is not last for op in outer.body.block.ops):
        return None
    return Short(outer, inner, length, combiner)


def _adds(loop: scf.ParallelOp) -> arith.AddfOp | None:
    """The addition by which ``loop`` reduces, if it may be reordered and is the only one."""
    last = loop.body.block.last_op
    if not isinstance(last, scf.ReduceOp) or len(last.reductions) != 1:
        return None
    match list(last.reductions[0].block.ops):
        case [arith.AddfOp() as add, scf.ReduceReturnOp()] if "reassoc" in {f.value for f in add.fastmath.data}:
            return add
        case _:
            return None


def _length(loop: scf.ParallelOp) -> int | None:
    bounds = [integer_of(v) for v in (*loop.lowerBound, *loop.upperBound, *loop.step)]
    if len(bounds) != 3 or bounds[0] != 0 or bounds[2] != 1 or bounds[1] is None:
        return None
    length = bounds[1]
    return length if LEAST <= length <= MOST and length & (length - 1) == 0 else None


def integer_of(value: SSAValue) -> int | None:
    """The constant integer that ``value`` is."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def _lanewise(loop: scf.ParallelOp) -> bool:
    """Whether the body is loads of neighbors, and ops that do the same in each lane."""
    index = loop.body.block.args[0]
    moving: set[SSAValue] = {index}
    for op in loop.body.block.ops:
        if isinstance(op, arith.AddiOp) and op.lhs is index and integer_of(op.rhs) is not None:
            moving.add(op.result)
    for op in loop.body.block.ops:
        used = [o for o in op.operands if o in moving]
        if isinstance(op, memref.LoadOp):
            if used and (len(used) > 1 or op.indices[-1] not in moving):
                return False
        elif isinstance(op, scf.ReduceOp):
            if op.args[0] in moving:
                return False
        elif isinstance(op, arith.AddiOp) and op.result in moving:
            continue
        elif used or not isinstance(op, (*LANEWISE, arith.ConstantOp)):
            return False
    return True


@dataclass
class Vectorizing:
    """State of the rewriting of one short loop."""

    short: Short

    def run(self) -> None:
        """Put a loop over vectors in the place of both."""
        outer, inner = self.short.outer, self.short.inner
        build = Builder(InsertPoint.before(outer))
        self.element: Attribute = outer.initVals[0].type
        type_ = self._vector(self.element)
        zero = build.insert(vector.BroadcastOp(inner.initVals[0], type_)).vector
        block = Block(arg_types=[IndexType(), type_])
        body = Builder(InsertPoint.at_end(block))
        self.mapper: dict[SSAValue, SSAValue] = {outer.body.block.args[0]: block.args[0]}
        for op in outer.body.block.ops:
            if op is inner:
                self._lanes(body)
            elif not isinstance(op, scf.ReduceOp):
                body.insert(op.clone(value_mapper=self.mapper))
        total = body.insert(arith.AddfOp(block.args[1], self.mapper[inner.res[0]], self.short.combiner.fastmath)).result
        body.insert(scf.YieldOp(total))
        loop = scf.ForOp(outer.lowerBound[0], outer.upperBound[0], outer.step[0], [zero], Region(block))
        sums = build.insert(loop).results[0]
        kind = vector.CombiningKindAttr(vector.CombiningKindFlag.ADD)
        properties: dict[str, Attribute] = {"kind": kind, "fastmath": self.short.combiner.fastmath}
        added = vector.ReductionOp.create(operands=[sums], result_types=[self.element], properties=properties)
        whole = build.insert(added).dest
        value = build.insert(arith.AddfOp(outer.initVals[0], whole, self.short.combiner.fastmath)).result
        outer.res[0].replace_all_uses_with(value)
        outer.detach()
        outer.erase()

    def _vector(self, element: Attribute) -> VectorType[Attribute]:
        return VectorType(element, [self.short.length])

    def _lanes(self, build: Builder) -> None:
        inner = self.short.inner
        zero = build.insert(arith.ConstantOp.from_int_and_width(0, IndexType())).result
        self.mapper[inner.body.block.args[0]] = zero
        self.moving: set[SSAValue] = {inner.body.block.args[0]}
        for op in inner.body.block.ops:
            if isinstance(op, scf.ReduceOp):
                self.mapper[inner.res[0]] = self._wide(build, self._of(op.args[0]))
            else:
                self._op(build, op)

    def _of(self, value: SSAValue) -> SSAValue:
        return self.mapper.get(value, value)

    def _op(self, build: Builder, op: Operation) -> None:
        if isinstance(op, memref.LoadOp) and op.indices[-1] in self.moving:
            places = [self._of(i) for i in op.indices]
            loaded = build.insert(vector.LoadOp(self._of(op.memref), places, self._vector(op.res.type)))
            self.mapper[op.res] = loaded.result
            return
        operands = [self._of(o) for o in op.operands]
        if any(o in self.moving for o in op.operands):
            self.moving.add(op.results[0])
        if not any(is_vector(o.type) for o in operands):
            build.insert(op.clone(value_mapper=self.mapper))
            return
        self.mapper[op.results[0]] = lanewise(build, op, operands, self.short.length)

    def _wide(self, build: Builder, value: SSAValue) -> SSAValue:
        return wide(build, value, self.short.length)


def wide(build: Builder, value: SSAValue, lanes: int) -> SSAValue:
    """``value`` in every lane."""
    if is_vector(value.type):
        return value
    return build.insert(vector.BroadcastOp(value, VectorType(value.type, [lanes]))).vector


def lanewise(build: Builder, op: Operation, operands: Sequence[SSAValue], lanes: int) -> SSAValue:
    """What ``op``, one of ``LANEWISE``, gives in each lane for ``operands``, some of which are vectors."""
    kept = 1 if isinstance(op, arith.SelectOp) and not is_vector(operands[0].type) else 0
    given = [*operands[:kept], *(wide(build, o, lanes) for o in operands[kept:])]
    type_ = VectorType(op.results[0].type, [lanes])
    if isinstance(op, CASTS):
        return build.insert(CastOp(op.name.removeprefix("arith."), given[0], type_)).result
    made = type(op).create(
        operands=given, result_types=[type_], properties=op.properties.copy(), attributes=op.attributes.copy()
    )
    return build.insert(made).results[0]


@dataclass(frozen=True)
class VectorizeKernelsPass(ModulePass):
    """Keep a sum over short rows, of 4 to 64 elements, in a vector of that length, and add its lanes once at the end,
    where a sum of sums would add them after each row: groups of quantized weights, each with a scale of its own.

    Only additions that may be reordered (`reassoc`), and bodies of loads of neighbors and of arithmetic.

    Before:

    ```mlir
    %s = scf.parallel (%g) = (%c0) to (%n) step (%c1) init (%zero) -> f32 {
      %r = scf.parallel (%i) = (%c0) to (%c16) step (%c1) init (%zero) -> f32 {
        %v = memref.load %x[%g, %i] : memref<?x16xf32>
        scf.reduce(%v : f32) { … arith.addf … }
      }
      scf.reduce(%r : f32) { … arith.addf … }
    }
    ```

    After:

    ```mlir
    %v = scf.for %g = %c0 to %n step %c1 iter_args(%old = %zeros) -> (vector<16xf32>) {
      %r = vector.load %x[%g, %c0] : memref<?x16xf32>, vector<16xf32>
      %new = arith.addf %old, %r : vector<16xf32>
      scf.yield %new : vector<16xf32>
    }
    %s = vector.reduction <add>, %v : vector<16xf32> into f32
    ```
    """

    name = "vectorize-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in list(op.walk()):
            if isinstance(inner, scf.ParallelOp) and (found := short_of(inner)) is not None:
                with replacing(inner):
                    Vectorizing(found).run()
