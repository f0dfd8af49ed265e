"""Scattered rows: a thread for each element of the target, which looks through all updates for those of its row; where
that would be too many looks, the updates are sorted by row and place, and a thread goes through those of one row.

Either way each element is updated by one thread, in the order of the updates, so that the answer is that of the loop,
also where rows repeat; and no thread waits for another.
"""

from collections.abc import Sequence

from xdsl.dialects import func, memref, scf
from xdsl.ir import Operation, SSAValue

from agentc.backends.cuda import scans
from agentc.backends.cuda.device import DeviceBody
from agentc.backends.cuda.matrices import from_zero
from agentc.backends.cuda.ordered import HEADER
from agentc.backends.cuda.phase import THREADS, PhaseCode, blocks, size
from agentc.support.record import record

MOST_LOOKS = 1 << 29
"""Looks in all that cost less than sorting: a few milliseconds on a small GPU."""
FEW = 128
"""Updates that any number of elements is looked for in."""
LARGEST = (1 << 32) - 1
"""Rows, and updates, that a key has bits for."""
CHUNK, SORTERS = 1024, 512
"""Keys that a block sorts in shared memory, and its threads: see ``agentc_ordered.cuh``."""
NONE = "~uint64_t(0)"
"""The key of an update that goes nowhere: behind all others."""


@record
class Scatter:
    """``for k: if inside: target[row, …] = …`` over loops along the row."""

    loop: scf.ForOp
    branch: scf.IfOp
    nest: tuple[scf.ParallelOp, ...]
    """The loops along the row, outermost first."""
    store: memref.StoreOp

    @property
    def row(self) -> SSAValue:
        """The row that an update goes to."""
        return self.store.indices[0]

    @property
    def leaf(self) -> list[Operation]:
        """What is done for an element."""
        block = self.nest[-1].body.block if self.nest else self.branch.true_region.block
        return [op for op in block.ops if not isinstance(op, scf.ReduceOp | scf.YieldOp)]


def scatter_of(phase: func.FuncOp) -> Scatter | None:
    """The scatter that the phase is."""
    loops = [op for op in phase.body.block.ops if op.regions]
    if len(loops) != 1 or not isinstance(loop := loops[0], scf.ForOp) or loop.iter_args:
        return None
    inner = [op for op in loop.body.block.ops if op.regions]
    if len(inner) != 1 or not isinstance(branch := inner[0], scf.IfOp) or branch.results or branch.false_region.blocks:
        return None
    nest = _nest(branch)
    stores = [op for op in phase.walk() if isinstance(op, memref.StoreOp)]
    if nest is None or len(stores) != 1:
        return None
    found = Scatter(loop, branch, nest, stores[0])
    return found if _is_sound(found) else None


def _nest(branch: scf.IfOp) -> tuple[scf.ParallelOp, ...] | None:
    block, found = branch.true_region.block, list[scf.ParallelOp]()
    while any(op.regions and not isinstance(op, scf.ReduceOp) for op in block.ops):
        ops = [op for op in block.ops if not isinstance(op, scf.ReduceOp | scf.YieldOp)]
        if len(ops) != 1 or not isinstance(loop := ops[0], scf.ParallelOp) or loop.res or not from_zero(loop):
            return None
        found.append(loop)
        block = loop.body.block
    return tuple(found)


def _is_sound(found: Scatter) -> bool:
    """Whether the target is touched at the element of the store alone."""
    target, places = found.store.memref, tuple(found.store.indices)
    columns = tuple(loop.body.block.args[0] for loop in found.nest)
    loads = [op for op in found.loop.walk() if isinstance(op, memref.LoadOp) and op.memref is target]
    owner = found.row.owner
    made_before = isinstance(owner, Operation) and owner.parent is found.loop.body.block
    own = all(op in found.leaf and tuple(op.indices) == places for op in loads)
    return made_before and places[1:] == columns and own


def write(code: PhaseCode, found: Scatter, alone: Sequence[str]) -> None:
    """Write the kernels, and which are launched; ``alone`` are the lines that launch one thread."""
    body = _each(code, found)
    dims = [size(d) for d in body.dims[found.store.memref]]
    updates = body.extent(found.loop.ub)
    if updates is None or body.extent(found.loop.lb) != "0" or body.extent(found.loop.step) != "1":
        code.launch += alone
        return
    count = " * ".join(dims)
    code.launch += [
        f"if ({updates} <= 0 || {count} <= 0) {{",
        f"}} else if ({updates} <= {FEW} || {count} <= {MOST_LOOKS} / {updates}) {{",
        f"  {code.call('_each', blocks(f'({count})', THREADS), THREADS)}",
        f"}} else if ({dims[0]} < {LARGEST} && {updates} < {LARGEST}) {{",
        *(f"  {line}" for line in _sorted(code, found, updates, " * ".join(dims[1:]) or "1")),
        "} else {",
        *(f"  {line}" for line in alone),
        "}",
    ]


def _start(code: PhaseCode) -> DeviceBody:
    """A body that knows all that is before the loop."""
    body = code.body()
    for op in code.function.body.block.ops:
        if not op.regions:
            body.op(op)
    body.write("const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;")
    body.write("const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;")
    return body


def _sorted(code: PhaseCode, found: Scatter, updates: str, width: str) -> list[str]:
    """Write the kernels that sort updates and make those of a row one after the other; the lines that launch them."""
    code.header = HEADER
    keys, padded, run, apart = (code.free(stem) for stem in ("keys", "padded", "run", "apart"))
    _keys(code, found, updates, keys, padded)
    declared = [f"uint64_t* __restrict__ {keys}", f"int64_t {padded}", f"int64_t {run}", f"int64_t {apart}"]
    code.kernel("_near", SORTERS, [f"  agentc::sort_near({keys}, {run});"], declared)
    code.kernel("_far", SORTERS, [f"  agentc::sort_far({keys}, {padded}, {run}, {apart});"], declared)
    _runs(code, found, updates, keys)
    chunks, pairs = f"static_cast<unsigned>({padded} / {CHUNK})", blocks(f"({padded} / 2)", SORTERS)
    return [
        f"int64_t {padded} = {CHUNK};",
        f"while ({padded} < {updates}) {padded} *= 2;",
        f"const agentc::Scratch<uint64_t> {keys}({padded}, stream);",
        f"if ({keys}.error) return {keys}.error;",
        code.call("_keys", blocks(padded, THREADS), THREADS, [keys, padded]),
        code.call("_near", chunks, SORTERS, [keys, padded, "int64_t(0)", "int64_t(0)"]),
        f"for (int64_t {run} = {2 * CHUNK}; {run} <= {padded}; {run} *= 2) {{",
        f"  for (int64_t {apart} = {run} / 2; {apart} >= {CHUNK}; {apart} /= 2) {{",
        f"    {code.call('_far', pairs, SORTERS, [keys, padded, run, apart])}",
        "  }",
        f"  {code.call('_near', chunks, SORTERS, [keys, padded, run, 'int64_t(0)'])}",
        "}",
        code.call("_runs", blocks(f"({updates} * {width})", THREADS), THREADS, [keys]),
    ]


def _keys(code: PhaseCode, found: Scatter, updates: str, keys: str, padded: str) -> None:
    """``_keys``: the row and the place of each update."""
    body = _start(code)
    k = body.names[found.loop.body.block.args[0]] = body.fresh("k")
    key = body.fresh("key")
    with body.braces(f"for (int64_t {k} = thread; {k} < {padded}; {k} += threads)"):
        body.write(f"uint64_t {key} = {NONE};")
        with body.braces(f"if ({k} < {updates})"):
            body.each_alone(op for op in found.loop.body.block.ops if op is not found.branch)
            row = f"static_cast<uint64_t>({body.names[found.row]}) << 32 | static_cast<uint64_t>({k})"
            body.write(f"if ({body.names[found.branch.cond]}) {key} = {row};")
        body.write(f"{keys}[{k}] = {key};")
    code.kernel("_keys", THREADS, body.lines, [f"uint64_t* __restrict__ {keys}", f"int64_t {padded}"])


def _runs(code: PhaseCode, found: Scatter, updates: str, keys: str) -> None:
    """``_runs``: the updates of a row by the thread that finds the first of them, for each element."""
    body = _start(code)
    dims = [body.size(d) for d in body.dims[found.store.memref]]
    width = " * ".join(dims[1:]) or "1"
    at, first, mine, next_ = (body.fresh(stem) for stem in ("at", "first", "mine", "next"))
    with body.braces(f"for (int64_t {at} = thread; {at} < {updates} * {width}; {at} += threads)"):
        body.write(f"const int64_t {first} = {at} / ({width});")
        body.write(f"const uint64_t {mine} = {keys}[{first}] >> 32;")
        again = f"{first} > 0 && {keys}[{first} - 1] >> 32 == {mine}"
        body.write(f"if ({keys}[{first}] == {NONE} || ({again})) continue;")
        _columns(body, found, at, dims)
        k = body.names[found.loop.body.block.args[0]] = body.fresh("k")
        with body.braces(
            f"for (int64_t {next_} = {first}; {next_} < {updates} && {keys}[{next_}] >> 32 == {mine}; ++{next_})"
        ):
            body.write(f"const int64_t {k} = static_cast<int64_t>({keys}[{next_}] & 0xffffffffull);")
            needed = scans.needed(found.loop, [o for op in found.leaf for o in op.operands])
            body.each_alone(op for op in found.loop.body.block.ops if op in needed)
            body.each_alone(found.leaf)
    code.kernel("_runs", THREADS, body.lines, [f"const uint64_t* __restrict__ {keys}"])


def _columns(body: DeviceBody, found: Scatter, at: str, dims: Sequence[str]) -> None:
    """Name the places along the row of element ``at``."""
    for axis, loop in enumerate(found.nest, 1):
        place = body.names[loop.body.block.args[0]] = body.fresh("j")
        body.write(f"const int64_t {place} = {' / '.join([at, *dims[axis + 1 :]])} % {dims[axis]};")


def _each(code: PhaseCode, found: Scatter) -> DeviceBody:
    """``_each``: a thread for each element, which looks through all updates."""
    body = _start(code)
    dims = [body.size(d) for d in body.dims[found.store.memref]]
    at, mine = body.fresh("element"), body.fresh("mine")
    with body.braces(f"for (int64_t {at} = thread; {at} < {' * '.join(dims)}; {at} += threads)"):
        body.write(f"const int64_t {mine} = {' / '.join([at, *dims[1:]])};")
        _columns(body, found, at, dims)
        k = body.names[found.loop.body.block.args[0]] = body.fresh("k")
        low, high, step = (body.names[v] for v in (found.loop.lb, found.loop.ub, found.loop.step))
        with body.braces(f"for (int64_t {k} = {low}; {k} < {high}; {k} += {step})"):
            body.each_alone(op for op in found.loop.body.block.ops if op is not found.branch)
            with body.braces(f"if ({body.names[found.branch.cond]} && {body.names[found.row]} == {mine})"):
                body.each_alone(found.leaf)
    code.kernel("_each", THREADS, body.lines)
    return body
