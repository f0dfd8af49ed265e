"""Running combinations along a row: finds the loops of one, and writes it for a group of threads."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Operation, SSAValue

from agentc.analyses.reductions import NEUTRAL
from agentc.backends.cuda.scalars import c_type
from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.backends.cuda.device import DeviceBody

ITEMS = 4
"""Neighbors of a thread: each exchange among threads serves as many."""


@record
class Scan:
    """``for j: total = combine(total, value(j)); use(total, j)`` as a loop that carries ``total``."""

    combine: Operation
    value: SSAValue
    """What is combined; it depends on nothing that is carried."""


def scan_of(loop: scf.ForOp) -> Scan | None:
    """The scan that the loop is: of one carried value, along the last axis of all arrays that it walks."""
    block = loop.body.block
    last, step = block.last_op, loop.step.owner
    if len(loop.iter_args) != 1 or not isinstance(last, scf.YieldOp) or any(op.regions for op in block.ops):
        return None
    if not (isinstance(step, arith.ConstantOp) and isinstance(step.value, IntegerAttr) and step.value.value.data == 1):
        return None
    combine, carried = last.operands[0].owner, block.args[1]
    if not isinstance(combine, Operation) or type(combine) not in NEUTRAL or combine.parent is not block:
        return None
    others = [o for o in combine.operands if o is not carried]
    if len(others) != 1 or carried.uses.get_length() != 1 or not _each_at_its_own(loop):
        return None
    before = needed(loop, [others[0]])
    return None if combine in before or not before else Scan(combine, others[0])


def _each_at_its_own(loop: scf.ForOp) -> bool:
    """Whether each iteration touches elements of its own alone, those beside it in memory being its neighbors'."""
    index = loop.body.block.args[0]
    accesses = [op for op in loop.body.block.ops if isinstance(op, memref.LoadOp | memref.StoreOp)]
    written = {op.memref for op in accesses if isinstance(op, memref.StoreOp)}
    for op in accesses:
        along = bool(op.indices) and op.indices[-1] is index and index not in list(op.indices)[:-1]
        inside = any(isinstance(i.owner, Operation) and i.owner.parent is loop.body.block for i in op.indices)
        if inside or not (along or (isinstance(op, memref.LoadOp) and op.memref not in written)):
            return False
    places = {(op.memref, tuple(op.indices)) for op in accesses if op.memref in written}
    return bool(written) and len(places) == len(written)


def needed(loop: scf.ForOp, values: Iterable[SSAValue], but: Operation | None = None) -> set[Operation]:
    """The ops of the loop's body that ``values`` are made by, ``but`` and those that it alone needs aside."""
    found: set[Operation] = set()
    wanted = list(values)
    while wanted:
        owner = wanted.pop().owner
        if isinstance(owner, Operation) and owner.parent is loop.body.block and owner not in (but, *found):
            found.add(owner)
            wanted += owner.operands
    return found


@record
class Piece:
    """A part of a scan, in C++: what comes before it, and its bounds."""

    start: str
    low: str
    high: str


def write(
    body: "DeviceBody", loop: scf.ForOp, scan: Scan, neutral: str, function: str, piece: Piece | None = None
) -> None:
    """Write the scan, or a piece of it, for the body's group, whose last total every thread ends with."""
    if piece is None:
        piece = Piece(body.names[loop.iter_args[0]], body.names[loop.lb], body.names[loop.ub])
    stores = [op for op in loop.body.block.ops if isinstance(op, memref.StoreOp)]
    total = scan.combine.results[0]
    after = {*stores, *needed(loop, [o for op in stores for o in op.operands], but=scan.combine)}
    ctype, index = c_type(total.type), loop.body.block.args[0]
    carry, base, items = body.fresh("carry"), body.fresh("tile"), body.fresh("items")
    low, high = piece.low, piece.high
    body.write(f"{ctype} {carry} = {piece.start};")
    with body.braces(f"for (int64_t {base} = {low}; {base} < {high}; {base} += {ITEMS} * group.size)"):
        body.write(f"{ctype} {items}[{ITEMS}];")
        for ops in (needed(loop, [scan.value]), after):
            item, j = body.fresh("u"), body.fresh("j")
            body.write("#pragma unroll")
            with body.braces(f"for (int {item} = 0; {item} < {ITEMS}; ++{item})"):
                body.write(f"const int64_t {j} = {base} + {ITEMS} * group.lane() + {item};")
                body.names[index], body.names[total] = j, f"{items}[{item}]"
                if ops is not after:
                    body.write(f"{items}[{item}] = {neutral};")
                with body.braces(f"if ({j} < {high})"):
                    body.each_alone(op for op in loop.body.block.ops if op in ops)
                    if ops is not after:
                        body.write(f"{items}[{item}] = {body.names[scan.value]};")
            if ops is not after:
                body.write(f"group.scan({items}, {carry}, {function});")
    body.names[loop.results[0]] = carry
