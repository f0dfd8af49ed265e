"""A running combination along few long rows by many blocks: each sums its piece of a row, then runs through it from
where the pieces before leave off.

Reading twice costs less than waiting: how the pieces are cut follows from sizes alone, and what is before a piece is
combined in one order, so that the answer is the same on every GPU and in every run.
"""

from collections.abc import Sequence

from xdsl.dialects import memref, scf

from agentc.backends.cuda import scans
from agentc.backends.cuda.device import DeviceBody, first_of, function_of
from agentc.backends.cuda.parts import EACH, LONG, MOST, combined
from agentc.backends.cuda.phase import THREADS, PhaseCode
from agentc.backends.cuda.scalars import c_type
from agentc.support.record import record

FEW_ROWS = 64
"""Rows at most: more of them give every multiprocessor a block of its own."""


@record
class LongScan:
    """The one loop of a phase, or of each of its rows, from 0 on, whose last total nobody needs."""

    loop: scf.ForOp
    scan: scans.Scan
    rows: scf.ParallelOp | None


def long_scan_of(code: PhaseCode) -> LongScan | None:
    """The scan that the phase is, and no more."""
    rows = code.rows_loop
    ops = list((rows.body.block if rows is not None else code.function.body.block).ops)
    loops = [op for op in ops if op.regions]
    touching = any(isinstance(op, memref.LoadOp | memref.StoreOp) for op in ops)
    if len(loops) != 1 or touching or not isinstance(loop := loops[0], scf.ForOp):
        return None
    scan = scans.scan_of(loop)
    if scan is None or loop.results[0].uses or DeviceBody(code.function).extent(loop.lb) != "0":
        return None
    return LongScan(loop, scan, rows)


def launches(code: PhaseCode, others: Sequence[str]) -> list[str]:
    """The launches of a phase that is a scan, ``others`` among them for what is short; none if it is not."""
    found = long_scan_of(code)
    length = DeviceBody(code.function).extent(found.loop.ub) if found is not None else None
    if found is None or length is None:
        return []
    kind = found.scan.combine
    ctype, name, count = c_type(kind.results[0].type), code.free("parts_0"), code.free("count")
    _parts(code, found, name)
    _pieces(code, found, name)
    many = f" || {code.rows} > {FEW_ROWS}" if found.rows is not None else ""
    grid = f"dim3({count}, static_cast<unsigned>({code.rows}))" if found.rows is not None else count
    return [
        f"if ({length} <= {LONG}{many}) {{",
        *(f"  {line}" for line in others),
        "} else {",
        f"  const int {count} = agentc::parts_of({length}, {EACH}, {MOST});",
        f"  const agentc::Scratch<{ctype}> {name}({count} * {code.rows}, stream);",
        f"  if ({name}.error) return {name}.error;",
        f"  {code.call('_parts', grid, THREADS, [name])}",
        f"  {code.call('_pieces', grid, THREADS, [name])}",
        "}",
    ]


def _start(code: PhaseCode, found: LongScan) -> tuple[DeviceBody, str, str]:
    """A body that knows all that is before the loop, and where the block's piece begins and ends."""
    body = code.body()
    body.group = True
    body.write(f"const agentc::Block<{THREADS}> group;")
    block = code.function.body.block
    if found.rows is not None:  # what is before the rows the body knows already
        block = found.rows.body.block
        index = body.names[block.args[0]] = body.fresh("i")
        body.write(f"const int64_t {index} = low + blockIdx.y;")
    for op in block.ops:
        if not op.regions and op is not block.last_op:
            body.op(op)
    begin, end, share, high = body.fresh("begin"), body.fresh("end"), body.fresh("share"), body.names[found.loop.ub]
    body.write(f"const int64_t {share} = ({high} + gridDim.x - 1) / gridDim.x;")
    body.write(f"const int64_t {begin} = agentc::minimum<int64_t>({high}, {share} * blockIdx.x);")
    body.write(f"const int64_t {end} = agentc::minimum<int64_t>({high}, {begin} + {share});")
    return body, begin, end


def total_of(body: DeviceBody, loop: scf.ForOp, scan: scans.Scan, low: str, high: str) -> str:
    """Write what the piece from ``low`` to ``high`` comes to; its name."""
    kind, function = scan.combine, body.fresh("combine")
    total, j = body.fresh("total"), body.fresh("j")
    body.write(f"const auto {function} = {function_of(kind)};")
    body.write(f"{c_type(kind.results[0].type)} {total} = {first_of(kind, kind.results[0].type)};")
    body.names[loop.body.block.args[0]] = j
    needed = scans.needed(loop, [scan.value])
    with body.braces(f"for (int64_t {j} = {low} + group.lane(); {j} < {high}; {j} += group.size)"):
        body.each_alone(op for op in loop.body.block.ops if op in needed)
        body.write(f"{total} = {function}({total}, {body.names[scan.value]});")
    body.write(f"{total} = group.reduce({total}, {function});")
    return total


def go_on(body: DeviceBody, loop: scf.ForOp, scan: scans.Scan, parts: str, count: str, low: str, high: str) -> None:
    """Write the piece from ``low`` to ``high``, from what the ``count`` before it come to, which ``parts`` has."""
    kind = scan.combine
    ctype, function, start = c_type(kind.results[0].type), body.fresh("combine"), body.fresh("start")
    before = combined(kind, parts, "1", f"static_cast<int>({count})")
    body.write(f"const auto {function} = {function_of(kind)};")
    body.write(f"const {ctype} {start} = {function}({body.names[loop.iter_args[0]]}, {before});")
    neutral = first_of(kind, kind.results[0].type)
    scans.write(body, loop, scan, neutral, function, scans.Piece(start, low, high))


def _parts(code: PhaseCode, found: LongScan, name: str) -> None:
    """``_parts``: what each piece comes to."""
    body, begin, end = _start(code, found)
    total = total_of(body, found.loop, found.scan, begin, end)
    body.write(f"if (group.lane() == 0) {name}[blockIdx.y * gridDim.x + blockIdx.x] = {total};")
    code.kernel("_parts", THREADS, body.lines, [f"{c_type(found.scan.value.type)}* __restrict__ {name}"])


def _pieces(code: PhaseCode, found: LongScan, name: str) -> None:
    """``_pieces``: each piece from what those before it come to."""
    body, begin, end = _start(code, found)
    go_on(body, found.loop, found.scan, f"{name} + blockIdx.y * gridDim.x", "blockIdx.x", begin, end)
    code.kernel("_pieces", THREADS, body.lines, [f"const {c_type(found.scan.value.type)}* __restrict__ {name}"])
