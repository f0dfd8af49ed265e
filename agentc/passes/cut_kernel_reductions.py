"""Cuts reductions over everything into blocks that may run at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import IndexType, MemRefType, ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.column_sums import count_of, reorders
from agentc.analyses.kernel_dims import OUTPUTS, insert_size
from agentc.analyses.kernel_ops import load, parallel, store
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.reductions import NEUTRAL, neutral
from agentc.passes.block_column_sums import meet
from agentc.passes.fuse_kernel_loops import Footprints, fuse_block, range_of
from agentc.passes.lower_kernels_to_loops import LoopLowering, share_sizes
from agentc.plan import sizes
from agentc.plan.kernels import Dim

LENGTH = 8192
"""Elements of a block: 32 KiB of single precision, a microsecond's work, of which a call of a part costs a tenth."""


def combiners_of(op: Operation) -> tuple[Operation, ...] | None:
    """How ``op`` reduces, if it is a loop that does, in any order."""
    if not isinstance(op, scf.ParallelOp) or not op.res or len(op.lowerBound) != 1:
        return None
    last = op.body.block.last_op
    assert isinstance(last, scf.ReduceOp)
    found: list[Operation] = []
    for region in last.reductions:
        match list(region.block.ops):
            case [combiner, scf.ReduceReturnOp()] if type(combiner) in NEUTRAL and reorders(combiner):
                found.append(combiner)
            case _:
                return None
    return tuple(found)


def companion(loop: scf.ParallelOp, footprints: Footprints) -> scf.ParallelOp | None:
    """An elementwise loop before ``loop``, over the same range, that may run with it: what it makes is then in a register
    where it is reduced.
    """
    op = loop.prev_op
    while op is not None:
        plain = isinstance(op, scf.ParallelOp) and not op.res and range_of(op) == range_of(loop)
        if plain and isinstance(op, scf.ParallelOp) and not _nested(op) and not _nested(loop):
            shared = footprints.of(op).touched & footprints.of(loop).touched
            return op if shared and meet(op, loop, footprints) else None
        op = op.prev_op
    return None


def _nested(loop: scf.ParallelOp) -> bool:
    return any(op.regions and not isinstance(op, scf.ReduceOp) for op in loop.body.block.ops)


@dataclass
class Cut:
    """State of the cutting of one reduction."""

    lowering: LoopLowering
    loop: scf.ParallelOp
    combiners: Sequence[Operation]
    rows: scf.ParallelOp | None

    def run(self, count: Dim, length: Dim) -> None:
        """Put blocks of ``length`` iterations, and a loop that combines theirs, in the place of the loop over ``count``."""
        build = Builder(InsertPoint.before(self.rows if self.rows is not None else self.loop))
        blocks = sizes.floordiv(sizes.subtract(sizes.add(count, length), 1), length)
        self.length, self.blocks = (insert_size(build, size, self.lowering.named) for size in (length, blocks))
        self.parts = [self._allocate(build, value.type, blocks) for value in self.loop.res]
        body = Block(arg_types=[IndexType()])
        self._block(Builder(InsertPoint.at_end(body)), body.args[0])
        fuse_block(body, outermost=False)
        body.add_op(scf.ReduceOp())
        zero, one = self.lowering.integer(0), self.lowering.integer(1)
        build.insert(parallel(zero, self.blocks, one, Region(body)))
        for old, new in zip(self.loop.res, self._combine(build), strict=True):
            old.replace_all_uses_with(new)
        for op in (self.loop, *([self.rows] if self.rows is not None else [])):
            op.detach()
            op.erase()

    def _allocate(self, build: Builder, element: Attribute, blocks: Dim) -> SSAValue:
        return self.lowering.temporary(build, element, [blocks], [] if isinstance(blocks, int) else [self.blocks])

    def _block(self, build: Builder, block: SSAValue) -> None:
        """What one block gives, from nothing."""
        low = build.insert(arith.MuliOp(block, self.length)).result
        end = build.insert(arith.AddiOp(low, self.length)).result
        high = build.insert(arith.MinSIOp(end, self.loop.upperBound[0])).result
        one = self.lowering.integer(1)
        if self.rows is not None:
            build.insert(parallel(low, high, one, self.rows.body.clone()))
        starts = [
            self.lowering.constant(neutral(type(c), value.type))
            for c, value in zip(self.combiners, self.loop.res, strict=True)
        ]
        made = build.insert(parallel(low, high, one, self.loop.body.clone(), starts))
        for value, part in zip(made.res, self.parts, strict=True):
            build.insert(store(value, part, [block]))

    def _combine(self, build: Builder) -> Sequence[SSAValue]:
        """What all blocks give, in their order."""
        types = [value.type for value in self.loop.res]
        body = Block(arg_types=[IndexType(), *types])
        inner = Builder(InsertPoint.at_end(body))
        found: list[SSAValue] = []
        for combiner, part, old in zip(self.combiners, self.parts, body.args[1:], strict=True):
            pair = combiner.parent_block()
            assert pair is not None
            new = inner.insert(load(part, [body.args[0]])).res
            made = combiner.clone(value_mapper=dict(zip(pair.args, (old, new), strict=True)))
            found.append(inner.insert(_in_order(made)).results[0])
        inner.insert(scf.YieldOp(*found))
        zero, one = self.lowering.integer(0), self.lowering.integer(1)
        return build.insert(scf.ForOp(zero, self.blocks, one, list(self.loop.initVals), Region(body))).results


def _in_order(combiner: Operation) -> Operation:
    """``combiner``, not to be reordered: there is little to gain, and vectors take LLVM as long as the loop itself."""
    if isinstance(flags := combiner.properties.get("fastmath"), arith.FastMathFlagsAttr):
        combiner.properties["fastmath"] = arith.FastMathFlagsAttr([f for f in flags.data if f.value != "reassoc"])
    return combiner


def length_of(loop: scf.ParallelOp, lowering: LoopLowering) -> Dim | None:
    """How many iterations of ``loop`` make a block: fewer where each has loops of its own."""
    inner = [op for op in loop.body.block.ops if isinstance(op, scf.ParallelOp)]
    work: Dim = 1
    while inner:
        counts = [count_of(op, lowering.dims) if len(op.lowerBound) == 1 else None for op in inner]
        if counts[0] is None:
            return None
        work = sizes.multiply(work, counts[0])
        inner = [op for op in inner[0].body.block.ops if isinstance(op, scf.ParallelOp)]
    return LENGTH if work == 1 else sizes.maximum(1, sizes.floordiv(LENGTH, sizes.maximum(1, work)))


def is_most(loop: scf.ParallelOp, rows: scf.ParallelOp | None, lowering: LoopLowering) -> bool:
    """Whether reading for ``loop``, with ``rows``, is as much as anything: it reads an argument, none has more axes of
    unknown size, and nothing was computed for it before. Elsewhere it is not worth another loop to compile.
    """
    arguments = lowering.function.body.block.args
    axes = {a: sum(isinstance(d, str) for d in lowering.dims(a)) for a in arguments if isinstance(a.type, MemRefType)}
    loops = (loop,) if rows is None else (loop, rows)
    read = {op.memref for one in loops for op in one.walk() if isinstance(op, memref.LoadOp)}
    return max((axes[a] for a in axes if a in read), default=-1) == max(axes.values(), default=0)


def cut_reductions(function: func.FuncOp) -> None:
    """Cut the long reductions at the top of ``function``."""
    for op in list(function.body.block.ops):
        if not isinstance(op, scf.ParallelOp) or (combiners := combiners_of(op)) is None:
            continue
        lowering = LoopLowering(function, "auto")
        count, length = count_of(op, lowering.dims), length_of(op, lowering)
        if count is None or length is None:
            continue
        if isinstance(count, int) and isinstance(length, int) and count < 2 * length:
            continue
        rows = companion(op, Footprints())
        if not is_most(op, rows, lowering):
            continue
        with replacing(op, *([rows] if rows is not None else [])):
            Cut(lowering, op, combiners, rows).run(count, length)
        share_sizes(function)


@dataclass(frozen=True)
class CutKernelReductionsPass(ModulePass):
    """Cut reductions at the top of a kernel, over all of an array, into blocks that may run at once: each gives what is
    combined in their order then. Blocks follow from sizes alone, so that the result has the same bits on any number of
    threads. An elementwise loop that makes what is reduced joins. For what may be reordered.

    Before:

    ```mlir
    scf.parallel (%i) = (%c0) to (%n) step (%c1) { … memref.store %e, %out[%i] }
    %s = scf.parallel (%i) = (%c0) to (%n) step (%c1) init (%zero) -> f32 { … memref.load %out[%i] … arith.addf … }
    ```

    After:

    ```mlir
    %parts = memref.alloc(%blocks) : memref<?xf32>
    scf.parallel (%b) = (%c0) to (%blocks) step (%c1) {
      %t = scf.parallel (%i) = (%low) to (%high) step (%c1) init (%zero) -> f32 { … memref.store %e, %out[%i] … arith.addf … }
      memref.store %t, %parts[%b]
    }
    %s = scf.for %b = %c0 to %blocks step %c1 iter_args(%old = %zero) -> (f32) { … memref.load %parts[%b] … }
    ```
    """

    name = "cut-kernel-reductions"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in list(op.body.block.ops):
            if isinstance(function, func.FuncOp) and OUTPUTS in function.attributes:
                cut_reductions(function)
