"""Turns short reductions inside longer ones into vectors, which LLVM's own vectorizer leaves as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import IndexType, ModuleOp, VectorType, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_builders import vector_type, wide_of
from agentc.analyses.kernel_dims import is_vector
from agentc.analyses.kernel_ops import cast, made
from agentc.analyses.kernel_sources import place_attribute, replacing
from agentc.analyses.short_sums import CASTS, Short, short_of
from agentc.dialects.vector_ext import CastOp, CompareOp, SelectOp


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
        return vector_type(element, self.short.length)

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
    """``value`` in every lane; an index as a number of 64 bits."""
    if is_vector(value.type):
        return value
    if isinstance(value.type, IndexType):
        value = build.insert(cast(value, i64)).results[0]
    return build.insert(wide_of(value, lanes)).results[0]


def lanewise(build: Builder, op: Operation, operands: Sequence[SSAValue], lanes: int) -> SSAValue:
    """What ``op``, one of ``LANEWISE``, gives in each lane for ``operands``, some of which are vectors."""
    kept = 1 if isinstance(op, arith.SelectOp) and not is_vector(operands[0].type) else 0
    given = [*operands[:kept], *(wide(build, o, lanes) for o in operands[kept:])]
    element = op.results[0].type
    type_ = vector_type(i64 if isinstance(element, IndexType) else element, lanes)
    if isinstance(op, arith.CmpiOp | arith.CmpfOp):
        names = arith.CMPI_COMPARISON_OPERATIONS if isinstance(op, arith.CmpiOp) else arith.CMPF_COMPARISON_OPERATIONS
        return build.insert(CompareOp(names[op.predicate.value.data], *given)).result
    if isinstance(op, arith.SelectOp) and not kept:
        return build.insert(SelectOp(*given)).result
    if isinstance(op, CASTS):
        kind = place_attribute(op.name.removeprefix("arith."))
        return build.insert(made(CastOp, given, [type_], {"kind": kind})).results[0]
    new = made(type(op), given, [type_], op.properties)
    new.attributes.update(op.attributes)
    return build.insert(new).results[0]


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
