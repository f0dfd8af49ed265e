"""Sums down columns by blocks of rows that may run at once, in one pass with what is summed along the same rows."""

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from agentc.analyses.column_sums import Columns, Total, columns_of, count_of
from agentc.analyses.kernel_dims import OUTPUTS, element_of, insert_size
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.reductions import neutral
from agentc.passes.cut_column_sums import HEIGHT, CutColumns
from agentc.passes.fuse_kernel_loops import Footprints, fuse_block, needed_before, range_of
from agentc.passes.lower_kernels_to_loops import LoopLowering, share_sizes
from agentc.plan import sizes
from agentc.plan.kernels import Dim

LEAST, MOST, BLOCKS = 64, 512, 16
"""Rows of a block: a sixteenth of all, so that every processor gets some, within these bounds: a block's own sums are as
many as its columns, and should be few beside what it reads."""


def companion(columns: Columns, block: Block, footprints: Footprints) -> scf.ParallelOp | None:
    """A loop over the same rows that reads an array of ``columns`` and may run with it: row by row, and cheap, so that
    it is no loss that blocks of rows stay together.
    """
    mine = footprints.of(columns.loop)
    for op in block.ops:
        if isinstance(op, scf.ParallelOp) and not op.res and range_of(op) == range_of(columns.loop):
            theirs = footprints.of(op)
            if mine.reads.keys() & theirs.reads.keys() and not mine.conflicts(theirs) and not _nested(op):
                first, second = (op, columns.loop) if op.is_before_in_block(columns.loop) else (columns.loop, op)
                if meet(first, second, footprints):
                    return op
    return None


def _nested(loop: scf.ParallelOp) -> bool:
    """Whether ``loop`` holds loops that hold loops."""
    inner = (op for op in loop.body.block.ops if isinstance(op, scf.ParallelOp | scf.ForOp))
    return any(inside.regions for op in inner for inside in op.body.block.ops if not isinstance(inside, scf.ReduceOp))


def meet(first: Operation, second: Operation, footprints: Footprints) -> bool:
    """Move what ``second`` needs before ``first``, if that is possible."""
    between: list[Operation] = []
    op = first.next_op
    while op is not None and op is not second:
        between.append(op)
        op = op.next_op
    needed = needed_before(first, second, between, footprints)
    if needed is None:
        return False
    for op in needed:
        op.detach()
        Rewriter.insert_op(op, InsertPoint.before(first))
    return True


class Blocking:
    """State of the rewriting of a loop down columns and of its companion."""

    def __init__(self, lowering: LoopLowering, columns: Columns, rows: scf.ParallelOp) -> None:
        self.lowering, self.columns, self.rows = lowering, columns, rows
        self.first = rows if rows.is_before_in_block(columns.loop) else columns.loop

    def run(self, count: Dim) -> None:
        """Put blocks of ``count`` rows, and a loop that combines theirs, in the place of the loops."""
        build = Builder(InsertPoint.before(self.first))
        height = sizes.maximum(LEAST, sizes.minimum(MOST, sizes.floordiv(count, BLOCKS)))
        blocks = sizes.floordiv(sizes.subtract(sizes.add(count, height), 1), height)
        self.height, self.blocks = (insert_size(build, size, self.lowering.named) for size in (height, blocks))
        self.parts = [self._allocate(build, total, blocks) for total in self.columns.totals]
        body = Block(arg_types=[self.height.type])
        self._block(Builder(InsertPoint.at_end(body)), body.args[0])
        body.add_op(scf.ReduceOp())
        zero, one = self._number(0), self._number(1)
        build.insert(scf.ParallelOp([zero], [self.blocks], [one], Region(body)))
        self._combine(build)
        for loop in (self.columns.loop, self.rows):
            loop.detach()
            loop.erase()

    def _number(self, value: int) -> SSAValue:
        return self.lowering.integer(value)

    def _allocate(self, build: Builder, total: Total, blocks: Dim) -> SSAValue:
        dims = (blocks, *self.lowering.dims(total.memory))
        unknown = [self.blocks] if isinstance(blocks, str) else []
        unknown += [self.lowering.extent(total.memory, 0)] if isinstance(dims[1], str) else []
        return self.lowering.temporary(build, element_of(total.memory.type), dims, unknown)

    def _block(self, build: Builder, block: SSAValue) -> None:
        """The sums of one block of rows, from nothing."""
        starts = [
            self.lowering.constant(neutral(type(total.combiner), total.load.res.type)) for total in self.columns.totals
        ]

        def clear(inner: Builder, column: SSAValue) -> None:
            for start, part in zip(starts, self.parts, strict=True):
                inner.insert(memref.StoreOp.get(start, part, [block, column]))

        self._along(build, clear)
        low = build.insert(arith.MuliOp(block, self.height)).result
        end = build.insert(arith.AddiOp(low, self.height)).result
        high = build.insert(arith.MinSIOp(end, self.columns.loop.ub)).result
        rows = Block(arg_types=[low.type])
        inner = Builder(InsertPoint.at_end(rows))
        _clone(self.rows.body.block, inner, rows.args[0])
        self._along(inner, lambda b, column: self._add(b, rows.args[0], block, column))
        rows.add_op(scf.YieldOp())
        build.insert(scf.ForOp(low, high, self._number(1), [], Region(rows)))
        fuse_block(rows, outermost=False)

    def _along(self, build: Builder, emit: Callable[[Builder, SSAValue], object]) -> None:
        """A parallel loop over the columns."""
        inner = self.columns.inner
        body = Block(arg_types=[self.height.type])
        emit(Builder(InsertPoint.at_end(body)), body.args[0])
        body.add_op(scf.ReduceOp())
        build.insert(scf.ParallelOp([inner.lowerBound[0]], [inner.upperBound[0]], [inner.step[0]], Region(body)))

    def _add(self, build: Builder, row: SSAValue, block: SSAValue, column: SSAValue) -> None:
        """What the loop over columns did, on the sums of the block."""
        own = dict(zip((t.memory for t in self.columns.totals), self.parts, strict=True))
        mapper: dict[SSAValue, SSAValue] = {
            self.columns.loop.body.block.args[0]: row,
            self.columns.inner.body.block.args[0]: column,
        }
        for op in self.columns.inner.body.block.ops:
            made = op.clone(value_mapper=mapper)
            if isinstance(made, memref.LoadOp | memref.StoreOp) and made.memref in own:
                spared = len(made.operands) - len(made.indices) - 1
                made.operands = [*made.operands[:spared], own[made.memref], block, column]
            if not isinstance(op, scf.ReduceOp):
                build.insert(made)

    def _combine(self, build: Builder) -> None:
        """The sums of all blocks, in their order."""
        body = Block(arg_types=[self.height.type])

        def add(inner: Builder, column: SSAValue) -> None:
            for total, part in zip(self.columns.totals, self.parts, strict=True):
                old = inner.insert(memref.LoadOp.get(total.memory, [column])).res
                new = inner.insert(memref.LoadOp.get(part, [body.args[0], column])).res
                own = total.load.res
                mapper: dict[SSAValue, SSAValue] = {
                    value: old if value is own else new for value in total.combiner.operands
                }
                both = inner.insert(total.combiner.clone(value_mapper=mapper)).results[0]
                inner.insert(memref.StoreOp.get(both, total.memory, [column]))

        self._along(Builder(InsertPoint.at_end(body)), add)
        body.add_op(scf.YieldOp())
        build.insert(scf.ForOp(self._number(0), self.blocks, self._number(1), [], Region(body)))


def _clone(source: Block, build: Builder, index: SSAValue) -> None:
    """The body of a parallel loop, of iteration ``index``."""
    mapper: dict[SSAValue, SSAValue] = {source.args[0]: index}
    for op in source.ops:
        if not isinstance(op, scf.ReduceOp):
            build.insert(op.clone(value_mapper=mapper))


def block_columns(function: func.FuncOp) -> None:
    """Join sums down columns, at the top of ``function``, with what reads the same rows."""
    block = function.body.block
    for op in list(block.ops):
        if (columns := columns_of(op)) is None:
            continue
        lowering = LoopLowering(function, "auto")
        count = count_of(columns.loop, lowering.dims)
        if count is None or (isinstance(count, int) and count <= LEAST):
            continue
        rows = companion(columns, block, Footprints())
        with replacing(columns.loop, *([rows] if rows is not None else [])):
            if rows is not None:
                Blocking(lowering, columns, rows).run(count)
            elif not isinstance(count, int) or count >= 2 * HEIGHT:
                CutColumns(lowering, columns).run(count)
        share_sizes(function)


@dataclass(frozen=True)
class BlockColumnSumsPass(ModulePass):
    """Cut sums (products, extremes) down the columns of an array into blocks of rows that may run at once: each has column
    sums of its own, in memory, which are combined in their order. Blocks follow from sizes alone. Where a loop reads the
    same rows one by one, such as for sums along them, it joins: the array is read once. For sums that may be reordered, at
    the top of a kernel.

    Before:

    ```mlir
    scf.parallel (%i) = (%c0) to (%n) step (%c1) { %r = scf.parallel (%j) … memref.store %r, %rows[%i] }
    scf.for %i = %c0 to %n step %c1 {
      scf.parallel (%j) = (%c0) to (%d) step (%c1) { … memref.load %x[%i, %j] … memref.store %t, %columns[%j] }
    }
    ```

    After:

    ```mlir
    %parts = memref.alloc(%blocks, %d) : memref<?x?xf32>
    scf.parallel (%b) = (%c0) to (%blocks) step (%c1) {
      scf.parallel (%j) = … { memref.store %zero, %parts[%b, %j] }
      scf.for %i = %low to %high step %c1 {
        %r = scf.parallel (%j) … { … memref.load %x[%i, %j] … memref.store %t, %parts[%b, %j] … }
        memref.store %r, %rows[%i]
      }
    }
    scf.for %b = %c0 to %blocks step %c1 { scf.parallel (%j) … { … memref.store %t, %columns[%j] } }
    ```
    """

    name = "block-column-sums"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in list(op.body.block.ops):
            if isinstance(function, func.FuncOp) and OUTPUTS in function.attributes:
                block_columns(function)
