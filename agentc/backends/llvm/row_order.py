"""In which order a phase takes its rows, and which it has fetched meanwhile.

A processor fetches ahead within a page of memory, so many lines in front of the last one that was read. Where rows are
short, a thread that goes to and fro between some stretches of its rows has as many such fetches under way at once: 1.25
to 1.6 times as much memory in the same time (two cores of Sapphire Rapids, rows of 256 to 1,536 bytes of 154 MB).

It fetches ahead only of what is read, and while a thread computes with a row, or writes one, it reads none. So each row
begins with having the next one of its stretch fetched. Not where codes are unpacked, a vector at a time: that takes so
long that they are there in time.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from typing import Any, Final

from llvmlite import ir
from xdsl.dialects import memref, scf, vector

from agentc.backends.llvm.builder import external
from agentc.backends.llvm.scalars import I64
from agentc.support.record import record

STRETCHES: Final = 4
"""Stretches of rows that are read in turn; a power of two."""
PAGE: Final = 4096
"""Bytes. Rows as long fill what a processor fetches ahead by themselves."""
FAR: Final = 4 << 20
"""Bytes from which on rows come from memory, and not from a cache that is as fast in any order."""
TINY: Final = 256
"""Bytes of a row below which the next ones are read while it is computed with, without being asked for."""
KEPT: Final = tuple(ir.Constant(ir.IntType(32), n) for n in (0, 3, 1))
"""What is fetched is data, to be read, and near: in a cache of the first level."""


def streamed_rows(loop: scf.ParallelOp) -> memref.LoadOp | vector.LoadOp | None:
    """What reads, in each iteration of ``loop``, over rows of a phase, a row of its own, if rows may as well be read in
    another order: each is used at its place alone."""
    row = loop.body.block.args[0]
    found: memref.LoadOp | vector.LoadOp | None = None
    for use in row.uses:
        match use.operation:
            case memref.LoadOp() | vector.LoadOp() as op:
                places = op.operands[1:]
            case memref.StoreOp() | vector.StoreOp() as op:
                places = op.operands[2:]
            case _:
                return None
        if places[0] is not row or row in places[1:]:
            return None
        if len(places) > 1 and isinstance(op, memref.LoadOp | vector.LoadOp) and op.parent_op() is not loop:
            found = op
    return found


@record
class Order:
    """In which order rows from ``low`` are taken."""

    memory: Any
    """Where the array begins whose rows are read."""
    row_bytes: Any
    low: Any
    length: Any
    """Rows of each stretch: none where rows are long, or few, which are taken as they come."""
    fetched: Any
    """Bytes of a row that are fetched before its turn."""

    def row(self, build: Any, index: Any) -> Any:
        """What comes at ``index``: the first of each stretch, the second of each, and in the end what is over."""
        count = ir.Constant(I64, STRETCHES)
        step = build.sub(index, self.low)
        turn, of = build.udiv(step, count), build.urem(step, count)
        moved = build.add(self.low, build.add(build.mul(of, self.length), turn))
        return build.select(build.icmp_signed("<", step, build.mul(self.length, count)), moved, index)

    def ahead(self, build: Any, row: Any) -> tuple[Any, Any]:
        """From which byte to which to fetch before ``row`` is computed with: the next one of its stretch."""
        start = build.mul(build.add(row, ir.Constant(I64, 1)), self.row_bytes)
        return start, build.add(start, self.fetched)


def order(build: Any, memory: Any, low: Any, high: Any, row_bytes: Any) -> Order:
    """The order of rows of ``memory`` from ``low`` to ``high``."""
    none, rows = ir.Constant(I64, 0), build.sub(high, low)
    short = build.icmp_signed("<", row_bytes, ir.Constant(I64, PAGE))
    many = build.icmp_signed(">=", build.mul(rows, row_bytes), ir.Constant(I64, FAR))
    turns = build.and_(short, many)
    length = build.select(turns, build.udiv(rows, ir.Constant(I64, STRETCHES)), none)
    late = build.and_(turns, build.icmp_signed(">=", row_bytes, ir.Constant(I64, TINY)))
    return Order(memory, row_bytes, low, length, build.select(late, row_bytes, none))


def fetch(build: Any, memory: Any, place: Any) -> None:
    """Have the line at byte ``place`` of ``memory`` fetched. There may be none: then nothing happens."""
    types = [ir.PointerType(), *(given.type for given in KEPT)]
    callee = external(build.module, "llvm.prefetch.p0", ir.VoidType(), types)
    build.call(callee, [build.gep(memory, [place], source_etype=ir.IntType(8)), *KEPT])
