"""How the work of a phase is shared out among threads."""

from xdsl.dialects import func, memref, scf
from xdsl.ir import Operation, SSAValue

from agentc.backends.cuda import long_scans, matrices, ordered, parts, row_parts, scatters
from agentc.backends.cuda.device import DeviceBody, ends_with, inner_loops
from agentc.backends.cuda.held import FEW, PACKS, held_rows
from agentc.backends.cuda.long_rows import spread_loop
from agentc.backends.cuda.phase import MOST_ACROSS, THREADS, PhaseCode, blocks, in_order
from agentc.backends.cuda.scans import scan_of
from agentc.dialects.linalg_ext import ExtOp

WARP_ROW = 4096
"""Rows up to this many elements are a warp's work, longer ones a block's."""
MANY = 4096
"""Rows that keep every warp of a large GPU busy."""
SERIAL_THREADS = 1024
COLUMN_THREADS = 512


def kind_of(phase: func.FuncOp) -> tuple[str, scf.ParallelOp | None]:
    """How the work of a phase is shared out, and its loop over rows.

    ``matrix``: a block for each tile; ``elements``: a thread for each element; ``rows``: a warp or block for each row;
    ``columns``: 16 threads for each column; ``serial``: one block or, for what is long, many and then one; ``alone``: a
    thread for each row, or one for all, as what it does is done in order; ``ordered``: rounds of a selection.
    """
    if any(isinstance(op, ExtOp) for op in phase.body.block.ops):
        return "ordered", None
    first = next((op for op in phase.body.block.ops if isinstance(op, scf.ParallelOp)), None)
    if first is None or phase.attributes.get("agentc.rows") is None:
        return ("alone" if in_order(phase) else "serial"), None
    if in_order(phase):
        return "alone", first
    if matrices.product_of(first) is not None:
        return "matrix", first
    loops, scanned = inner_loops(first), scans_in(first)
    if not loops and not scanned:
        return "elements", first
    down = sum(_matrix_accesses(loop, first.body.block.args[0]) for loop in loops)
    along = sum(_matrix_accesses(loop, loop.body.block.args[0]) for loop in loops)
    if scanned and down > along:
        return "alone", first
    return ("columns" if down > along else "rows"), first


def scans_in(op: Operation) -> list[scf.ForOp]:
    """The scans inside ``op``."""
    return [o for o in op.walk() if isinstance(o, scf.ForOp) and scan_of(o) is not None]


def _matrix_accesses(loop: scf.ParallelOp, index: SSAValue) -> int:
    accesses = (o for o in loop.walk() if isinstance(o, memref.LoadOp | memref.StoreOp))
    return sum(len(o.indices) > 1 and o.indices[-1] is index for o in accesses)


def write_phase(code: PhaseCode) -> None:
    """Write the phase's functions and how they are launched.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    kind, rows = kind_of(code.function)
    match kind, rows:
        case "matrix", scf.ParallelOp():
            matrices.write(code, rows)
        case "elements", scf.ParallelOp():
            _elements(code, rows)
        case "rows" | "columns", scf.ParallelOp():
            _groups(code, rows, kind)
        case "ordered", _:
            op = ordered.ordered_op(code)
            assert op is not None
            ordered.write(code, op)
        case "alone", scf.ParallelOp():
            _each_alone(code, rows)
        case "alone", _:
            _all_alone(code)
        case _:
            _serial(code)


THREAD = (
    "const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;",
    "const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;",
)


def _elements(code: PhaseCode, rows: scf.ParallelOp) -> None:
    """A thread for each element, or for some neighbors."""
    body = code.body()
    for line in THREAD:
        body.write(line)
    body.strided_loop(rows, [], "thread", "threads", "low", "high")
    code.kernel("", THREADS, body.lines)
    code.unless_empty([code.call("", blocks(code.rows, THREADS), THREADS)])


def _each_alone(code: PhaseCode, rows: scf.ParallelOp) -> None:
    """A thread for each row."""
    body = code.body()
    for line in THREAD:
        body.write(line)
    body.plain_loop(rows, [], "low + thread", "threads", "high")
    code.kernel("", 64, body.lines)
    code.unless_empty([code.call("", blocks(code.rows, 64), 64)])


def _all_alone(code: PhaseCode) -> None:
    """One thread: what has an order, over all."""
    body = code.body()
    body.block(code.function.body.block)
    code.kernel("", 1, body.lines)
    one = code.call("", "1", 1)
    if (found := scatters.scatter_of(code.function)) is not None:
        scatters.write(code, found, [one])
    else:
        code.launch.append(one)


def _groups(code: PhaseCode, rows: scf.ParallelOp, kind: str) -> None:
    """A group of threads for each row or column."""
    body = code.body()
    body.group, body.layered = True, kind == "rows"
    body.spread = spread_loop(rows) if body.layered else None
    body.write("const Group group;")
    group_rows(body, rows, guarded=kind == "columns")
    symbol = code.function.sym_name.data
    head = f"template <class Group> __device__ __forceinline__ void {symbol}({', '.join(code.declared())}) {{"
    code.texts.append("\n".join([head, *body.lines, "}", ""]))
    names = ", ".join(code.names())
    if kind == "columns":
        code.kernel("_columns", COLUMN_THREADS, [f"  {symbol}<agentc::Columns>({names});"], blocks=2)
        one = code.call("_columns", blocks(code.rows, 32), "dim3(32, 16)")
        code.unless_empty(parts.columns(code, rows, one) or [one])
        return
    _by_length(code, rows, body, symbol, names)


def _by_length(code: PhaseCode, rows: scf.ParallelOp, body: DeviceBody, symbol: str, names: str) -> None:
    """Rows by warps that keep them, by warps, or by blocks."""
    block = f"agentc::Block<{THREADS}>"
    across = min_of(body.extent(body.spread.upperBound[0]) or "1", MOST_ACROSS) if body.spread is not None else ""

    def grid(rows_each: int) -> str:
        count = blocks(code.rows, rows_each)
        return f"dim3({count}, {across})" if across else count

    # Where nothing is reduced, few registers do; ptxas spills some to have fewer still unless it is told not to.
    least = 0 if any(loop.res for loop in inner_loops(rows)) else 2
    code.kernel("_warp", THREADS, [f"  {symbol}<agentc::Warp>({names});"], blocks=least)
    code.kernel("_block", THREADS, [f"  {symbol}<{block}>({names});"], blocks=least)
    kept = _kept(code, rows)
    # A block's warps share out what one warp would do in order, unless there are rows for all warps of the GPU.
    layered = bool(body.flat) or any("group.part()" in line for line in body.lines)
    many = f" && {code.rows} >= {MANY}" if layered else ""
    lines = [
        *kept,
        f"{'} else ' if kept else ''}if ({body.flat or _row_length(rows, body)} <= {WARP_ROW}{many}) {{",
        f"  {code.call('_warp', grid(THREADS // 32), THREADS)}",
        "} else {",
        f"  {code.call('_block', grid(1), THREADS)}",
        "}",
    ]
    code.unless_empty(long_scans.launches(code, lines) or row_parts.launches(code, lines) or lines)


def _kept(code: PhaseCode, rows: scf.ParallelOp) -> list[str]:
    """Write the kernels that keep rows, if rows can be kept; the lines that launch them, but for the last brace."""
    held = held_rows(code, rows)
    if held is None:
        return []
    held.group = True
    held.write("const Group group;")
    group_rows(held, rows, guarded=False)
    symbol = f"{code.function.sym_name.data}_held"
    head = (
        f"template <class Group, int kPacks> __device__ __forceinline__ void {symbol}({', '.join(code.declared())}) {{"
    )
    code.texts.append("\n".join([head, *held.lines, "}", ""]))
    lines: list[str] = []
    block = f"agentc::Block<{THREADS}>"
    for suffix, group, threads, packs in (
        ("_held_short", "agentc::Warp", 32, FEW),
        ("_held", "agentc::Warp", 32, PACKS),
        ("_held_block", block, THREADS, PACKS),
    ):
        body = [f"  {symbol}<{group}, {packs}>({', '.join(code.names())});"]
        code.kernel(suffix, THREADS, body, blocks=held.least_blocks if packs == PACKS else 0)
        shorter = f"{held.length} <= {held.capacity(threads, packs)}"
        lines += [
            f"  {'} else ' if lines else ''}if ({shorter}) {{",
            f"    {code.call(suffix, blocks(code.rows, THREADS // threads), THREADS)}",
        ]
    return [f"if ({held.condition(THREADS, code.passed())}) {{", *lines, "  }"]


def group_rows(body: DeviceBody, rows: scf.ParallelOp, guarded: bool) -> None:
    """The loop of a group over its rows."""
    index = body.names[rows.body.block.args[0]] = body.fresh("i")
    with body.braces("for (int64_t base = low + group.first(); base < high; base += group.stride())"):
        body.write(f"const int64_t {index} = group.row(base, high);")
        if guarded:
            body.guard = body.fresh("active")
            body.write(f"const bool {body.guard} = group.active(base, high);")
        body.block(rows.body.block)


def min_of(size: str, most: int) -> str:
    """C++ for a number of blocks, at least one."""
    return f"static_cast<unsigned>({size} < 1 ? 1 : {size} < {most} ? {size} : {most})"


def _row_length(rows: scf.ParallelOp, body: DeviceBody) -> str:
    """C++ for how many elements a row has."""
    if not (loops := inner_loops(rows)):
        return body.extent(scans_in(rows)[0].ub) or "1"
    along = max(loops, key=lambda loop: ends_with(loop, loop.body.block.args[0]))
    return body.extent(along.upperBound[0]) or "1"


def _serial(code: PhaseCode) -> None:
    """One block: what every later phase waits for. What is long goes over many blocks first."""
    body = code.body()
    body.group = True
    body.write(f"const agentc::Block<{SERIAL_THREADS}> group;")
    body.block(code.function.body.block)
    code.kernel("", SERIAL_THREADS, body.lines)
    one = code.call("", "1", SERIAL_THREADS)
    code.launch += long_scans.launches(code, [one]) or parts.serial(code, one) or [one]
