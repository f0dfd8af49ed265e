"""Sums down the columns of an array that nothing else reads: by blocks of rows that may run at once."""

from collections.abc import Callable

from xdsl.builder import Builder
from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import IndexType
from xdsl.ir import Block, Region, SSAValue
from xdsl.rewriter import InsertPoint

from agentc.analyses.column_sums import Columns, Total
from agentc.analyses.kernel_dims import element_of, insert_size
from agentc.analyses.kernel_ops import load, parallel, store
from agentc.analyses.reductions import neutral
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.plan import sizes
from agentc.plan.kernels import Dim

HEIGHT = 256
"""Rows of a block. More at once would be read no faster: four rows side by side took twice as long as one after the
other (100,000 x 384 numbers, Zen 4), which the processor fetches ahead."""


class CutColumns:
    """State of the cutting of one loop down columns.

    Each block of ``HEIGHT`` rows has sums of its own, in memory. What is left of the rows is added to the result, and then
    the sums of all blocks in their order: where rows are few, that is all there is.
    """

    def __init__(self, lowering: LoopLowering, columns: Columns) -> None:
        self.lowering, self.columns = lowering, columns
        self.build = Builder(InsertPoint.before(columns.loop))

    def run(self, count: Dim) -> None:
        """Cut the loop, over ``count`` rows."""
        blocks = sizes.floordiv(count, HEIGHT)
        self.blocks = insert_size(self.build, blocks, self.lowering.named)
        self.parts = [self._allocate(total, blocks) for total in self.columns.totals]
        body = Block(arg_types=[IndexType()])
        self._block(Builder(InsertPoint.at_end(body)), body.args[0])
        body.add_op(scf.ReduceOp())
        zero, loop = self._number(0), self.columns.loop
        self.build.insert(parallel(zero, self.blocks, self._number(1), Region(body)))
        rest = self.build.insert(arith.MuliOp(self.blocks, self._number(HEIGHT))).result
        loop.operands = [rest, *list(loop.operands)[1:]]
        after = Builder(InsertPoint.after(loop))
        self._ordered(after, zero, self.blocks, self._combine)

    def _number(self, value: int) -> SSAValue:
        return self.lowering.integer(value)

    def _allocate(self, total: Total, blocks: Dim) -> SSAValue:
        dims = (blocks, *self.lowering.dims(total.memory))
        unknown = [self.blocks] if isinstance(blocks, str) else []
        unknown += [self.lowering.extent(total.memory, 0)] if isinstance(dims[1], str) else []
        return self.lowering.temporary(self.build, element_of(total.memory.type), dims, unknown)

    def _ordered(
        self, build: Builder, low: SSAValue, high: SSAValue, emit: Callable[[Builder, SSAValue, SSAValue], object]
    ) -> None:
        """``emit`` for each row from ``low`` to ``high``, in order, and for each column."""
        body = Block(arg_types=[IndexType()])
        self._along(Builder(InsertPoint.at_end(body)), lambda inner, column: emit(inner, body.args[0], column))
        body.add_op(scf.YieldOp())
        build.insert(scf.ForOp(low, high, self._number(1), [], Region(body)))

    def _along(self, build: Builder, emit: Callable[[Builder, SSAValue], object]) -> None:
        """``emit`` for each column."""
        inner = self.columns.inner
        body = Block(arg_types=[IndexType()])
        emit(Builder(InsertPoint.at_end(body)), body.args[0])
        body.add_op(scf.ReduceOp())
        build.insert(parallel(inner.lowerBound[0], inner.upperBound[0], inner.step[0], Region(body)))

    def _block(self, build: Builder, block: SSAValue) -> None:
        """The sums of one block of rows, from nothing."""
        totals = self.columns.totals
        starts = [self.lowering.constant(neutral(type(t.combiner), t.load.res.type)) for t in totals]

        def clear(inner: Builder, column: SSAValue) -> None:
            for start, part in zip(starts, self.parts, strict=True):
                inner.insert(store(start, part, [block, column]))

        self._along(build, clear)
        low = build.insert(arith.MuliOp(block, self._number(HEIGHT))).result
        high = build.insert(arith.AddiOp(low, self._number(HEIGHT))).result
        self._ordered(build, low, high, lambda inner, row, column: self._add(inner, block, row, column))

    def _add(self, build: Builder, block: SSAValue, row: SSAValue, column: SSAValue) -> None:
        """What the loop over columns does, on the sums of the block."""
        own = dict(zip((t.memory for t in self.columns.totals), self.parts, strict=True))
        inner = self.columns.inner.body.block
        mapper: dict[SSAValue, SSAValue] = {self.columns.loop.body.block.args[0]: row, inner.args[0]: column}
        for op in inner.ops:
            if isinstance(op, memref.LoadOp) and op.memref in own:
                made = build.insert(load(own[op.memref], [block, column]))
            elif isinstance(op, memref.StoreOp):
                made = build.insert(store(mapper[op.value], own[op.memref], [block, column]))
            elif isinstance(op, scf.ReduceOp):
                continue
            else:
                made = build.insert(op.clone(value_mapper=mapper))
            made.attributes.update(op.attributes)
            mapper.update(zip(op.results, made.results, strict=True))

    def _combine(self, build: Builder, block: SSAValue, column: SSAValue) -> None:
        """Add the sums of one block to the result."""
        for total, part in zip(self.columns.totals, self.parts, strict=True):
            old = build.insert(load(total.memory, [column])).res
            new = build.insert(load(part, [block, column])).res
            mapper: dict[SSAValue, SSAValue] = {v: old if v is total.load.res else new for v in total.combiner.operands}
            both = build.insert(total.combiner.clone(value_mapper=mapper)).results[0]
            build.insert(store(both, total.memory, [column]))
