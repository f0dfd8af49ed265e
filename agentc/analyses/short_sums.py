"""Sums of short sums: a reduction of known length inside a longer one, as groups of quantized weights are summed."""

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import SSAValue

from agentc.analyses.reductions import is_neutral
from agentc.support.record import record

LEAST, MOST = 4, 64
"""Lengths of an inner loop that are worth a vector: from one of 128 bits to four of 512 bits, of single precision."""
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


@record
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
        if isinstance(op, arith.AddiOp) and (op.lhs in moving) != (op.rhs in moving):
            moving.add(op.result)  # a place further on, by what does not depend on the index: see below
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
