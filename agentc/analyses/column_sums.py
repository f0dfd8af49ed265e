"""Sums down the columns of arrays: ordered loops over rows that add to a row of sums in memory."""

from collections.abc import Callable

from xdsl.dialects import arith, memref, scf
from xdsl.ir import Operation, SSAValue

from agentc.analyses.kernel_dims import shape_of, size_of
from agentc.analyses.reductions import NEUTRAL
from agentc.plan.kernels import Dim
from agentc.support.record import record


@record
class Total:
    """One sum down columns: ``memory[j] = combiner(memory[j], …)``."""

    memory: SSAValue
    load: memref.LoadOp
    combiner: Operation
    store: memref.StoreOp


@record
class Columns:
    """An ordered loop over rows, around one over columns that adds to ``totals``."""

    loop: scf.ForOp
    inner: scf.ParallelOp
    totals: tuple[Total, ...]


def columns_of(op: Operation) -> Columns | None:
    """``op``, if all that it does is to combine rows, in any order."""
    if not isinstance(op, scf.ForOp) or op.iter_args:
        return None
    match list(op.body.block.ops):
        case [scf.ParallelOp() as inner, scf.YieldOp()] if not inner.res and len(inner.lowerBound) == 1:
            pass
        case _:
            return None
    if any(inside.regions for inside in inner.body.block.ops):
        return None
    stores = [inside for inside in inner.body.block.ops if isinstance(inside, memref.StoreOp)]
    found = [_total(store, inner) for store in stores]
    totals = tuple(total for total in found if total is not None)
    if not totals or len(totals) < len(found) or len({total.memory for total in totals}) < len(totals):
        return None
    return Columns(op, inner, totals)


def _total(store: memref.StoreOp, inner: scf.ParallelOp) -> Total | None:
    column = (inner.body.block.args[0],)
    combiner = store.value.owner
    if tuple(store.indices) != column or not isinstance(combiner, Operation) or not reorders(combiner):
        return None
    loads = [op for op in inner.walk() if isinstance(op, memref.LoadOp) and op.memref is store.memref]
    if len(loads) != 1 or tuple(loads[0].indices) != column or len(list(loads[0].res.uses)) != 1:
        return None
    if loads[0].res not in combiner.operands or len(list(store.value.uses)) != 1:
        return None
    return Total(store.memref, loads[0], combiner, store)


def reorders(combiner: Operation) -> bool:
    """Whether values may be combined in any order: of sums of floats the kernel has to say so."""
    if isinstance(combiner, arith.AddfOp | arith.MulfOp):
        return "reassoc" in {flag.value for flag in combiner.fastmath.data}
    return type(combiner) in NEUTRAL


def count_of(loop: scf.ParallelOp | scf.ForOp, dims: Callable[[SSAValue], tuple[Dim, ...]]) -> Dim | None:
    """What the number of iterations of ``loop`` is called, if they go from 0 one by one. ``dims``: sizes of memory."""

    def read(value: SSAValue) -> Dim | None:
        owner = value.owner
        if not isinstance(owner, memref.DimOp) or shape_of(owner.source.type) is None:
            return None
        axis = size_of(owner.index, read)
        return dims(owner.source)[axis] if isinstance(axis, int) else None

    first, count, by = (size_of(value, read) for value in list(loop.operands)[:3])
    return count if (first, by) == (0, 1) else None
