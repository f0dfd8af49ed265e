"""Scattered rows: a thread for each element of the target, which looks through all updates for those of its row.

Each update of an element is made by one thread, in the order of the updates, so that the answer is that of the loop,
also where rows repeat; and no thread waits for another. Of a target of very many rows most looks would be in vain:
there one thread goes through the updates.
"""

from collections.abc import Sequence

from xdsl.dialects import func, memref, scf
from xdsl.ir import Operation, SSAValue

from agentc.backends.cuda.matrices import from_zero
from agentc.backends.cuda.phase import THREADS, PhaseCode, blocks, size
from agentc.support.record import record

MOST_ROWS = 1 << 17
"""Rows of a target that are looked for in any number of updates."""
FEW = 4096
"""Updates that any number of rows is looked for in."""


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
    """Write the kernel, and which one is launched; ``alone`` are the lines that launch one thread."""
    body = code.body()
    setup = [op for op in code.function.body.block.ops if not op.regions]
    for op in setup:
        body.op(op)
    dims = [body.size(d) for d in body.dims[found.store.memref]]
    body.write("const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;")
    body.write("const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;")
    at, mine = body.fresh("element"), body.fresh("mine")
    with body.braces(f"for (int64_t {at} = thread; {at} < {' * '.join(dims)}; {at} += threads)"):
        body.write(f"const int64_t {mine} = {' / '.join([at, *dims[1:]])};")
        for axis, loop in enumerate(found.nest, 1):
            place = body.names[loop.body.block.args[0]] = body.fresh("j")
            body.write(f"const int64_t {place} = {' / '.join([at, *dims[axis + 1 :]])} % {dims[axis]};")
        k = body.names[found.loop.body.block.args[0]] = body.fresh("k")
        low, high, step = (body.names[v] for v in (found.loop.lb, found.loop.ub, found.loop.step))
        with body.braces(f"for (int64_t {k} = {low}; {k} < {high}; {k} += {step})"):
            body.each_alone(op for op in found.loop.body.block.ops if op is not found.branch)
            with body.braces(f"if ({body.names[found.branch.cond]} && {body.names[found.row]} == {mine})"):
                body.each_alone(found.leaf)
    code.kernel("_each", THREADS, body.lines)
    count = " * ".join(size(d) for d in body.dims[found.store.memref])
    updates = body.extent(found.loop.ub) or "0"
    code.launch += [
        f"if (({dims[0]} <= {MOST_ROWS} || {updates} <= {FEW}) && {count} > 0) {{",
        f"  {code.call('_each', blocks(f'({count})', THREADS), THREADS)}",
        "} else {",
        *(f"  {line}" for line in alone),
        "}",
    ]
