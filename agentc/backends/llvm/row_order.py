"""In which order a phase takes its rows.

A processor fetches ahead within a page of memory, so many lines in front of the last one that was read. Where rows are
short, a thread that goes to and fro between some stretches of its rows has as many such fetches under way at once: 1.25
to 1.6 times as much memory in the same time (two cores of Sapphire Rapids, rows of 256 to 1,536 bytes of 154 MB).
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from typing import Any, Final

from llvmlite import ir
from xdsl.dialects import memref, scf, vector
from xdsl.ir import SSAValue

from agentc.backends.llvm.scalars import I64

STRETCHES: Final = 4
"""Stretches of rows that are read in turn; a power of two."""
PAGE: Final = 4096
"""Bytes. Rows as long fill what a processor fetches ahead by themselves."""
FAR: Final = 4 << 20
"""Bytes from which on rows come from memory, and not from a cache that is as fast in any order."""


def streamed_rows(loop: scf.ParallelOp) -> SSAValue | None:
    """The array of which each iteration of ``loop``, over rows of a phase, reads a row of its own, if rows may as well
    be read in another order: each is used at its place alone."""
    row = loop.body.block.args[0]
    found: SSAValue | None = None
    for use in row.uses:
        match use.operation:
            case memref.LoadOp() | vector.LoadOp() as op:
                memory, *places = op.operands
            case memref.StoreOp() | vector.StoreOp() as op:
                _, memory, *places = op.operands
            case _:
                return None
        if places[0] is not row or row in places[1:]:
            return None
        if len(places) > 1 and isinstance(op, memref.LoadOp | vector.LoadOp) and op.parent_op() is not loop:
            found = memory
    return found


def stretch(build: Any, low: Any, high: Any, row_bytes: Any) -> Any:
    """How many rows each of the stretches has, of rows from ``low`` to ``high``: none where rows are long, or few."""
    rows = build.sub(high, low)
    short = build.icmp_signed("<", row_bytes, ir.Constant(I64, PAGE))
    many = build.icmp_signed(">=", build.mul(rows, row_bytes), ir.Constant(I64, FAR))
    return build.select(build.and_(short, many), build.udiv(rows, ir.Constant(I64, STRETCHES)), ir.Constant(I64, 0))


def in_turn(build: Any, index: Any, low: Any, length: Any) -> Any:
    """The row that comes at ``index``: the first of each stretch, the second of each, and in the end what is over."""
    count = ir.Constant(I64, STRETCHES)
    step = build.sub(index, low)
    turn, of = build.udiv(step, count), build.urem(step, count)
    moved = build.add(low, build.add(build.mul(of, length), turn))
    return build.select(build.icmp_signed("<", step, build.mul(length, count)), moved, index)
