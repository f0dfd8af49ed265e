"""Rows that many blocks share out: which of a row's loops are cut along it, and which launch each runs in.

A row is a run of loops along one size (softmax: a maximum, a sum of powers, a division), perhaps with loops over
columns that reduce along it (attention: a sum of values, weighted). Each block takes the same piece of the row in all
of them, so that what a loop leaves in memory for the same place the next one finds, without waiting for other blocks.
What is reduced is known only once all blocks are done: whatever needs it is in a later launch, where it is combined
anew.
"""

from collections.abc import Container, Iterable, Mapping, Sequence, Set

from xdsl.dialects import memref, scf
from xdsl.ir import Block, Operation, SSAValue

from agentc.backends.cuda.device import DeviceBody, ends_with, inner_loops, touched
from agentc.backends.cuda.matrices import from_zero
from agentc.backends.cuda.phase import PhaseCode, size
from agentc.backends.cuda.scans import Scan, scan_of
from agentc.support.record import record


@record
class Step:
    """A loop of a row."""

    loop: scf.ParallelOp | scf.ForOp
    reductions: tuple[scf.ParallelOp, ...]
    """The loops along the row that leave parts: the loop itself, or those inside of one over columns."""
    columns: str
    """C++ for the number of columns that the loop is over; empty for one along the row."""
    launch: int
    """In which launch the pieces run."""
    finish: int
    """In which launch columns, or a scan, go on from what parts come to; else the same as ``launch``."""
    scan: Scan | None = None

    @property
    def along(self) -> tuple[scf.ParallelOp | scf.ForOp, ...]:
        """The loops along the row."""
        return self.reductions if self.columns else (self.loop,)


@record
class LongRows:
    """A phase of which each row may be cut."""

    units: tuple[scf.ParallelOp, ...]
    """The loop over rows, and loops inside it that are rows of their own."""
    counts: tuple[str, ...]
    """C++ for how many iterations each has."""
    length: str
    """C++ for the length of a row."""
    work: str
    """C++ for the iterations that a row takes, of inner loops as well."""
    shared: bool
    """Whether the rows of an inner loop read the same along the row: then a block that has them one after another finds
    its piece in its own cache, the first aside."""
    steps: Mapping[Operation, Step]
    stores: Mapping[Operation, int]
    """What a row writes outside of its loops, and in which launch."""

    @property
    def block(self) -> Block:
        """The body of one row."""
        return self.units[-1].body.block

    @property
    def launches(self) -> int:
        """How many launches there are."""
        return 1 + max([step.finish for step in self.steps.values()] + list(self.stores.values()))


def spread_loop(rows: scf.ParallelOp) -> scf.ParallelOp | None:
    """The one loop of each row that has rows of its own, of which no two write the same."""
    loops = [op for op in rows.body.block.ops if op.regions and not isinstance(op, scf.ReduceOp)]
    if len(loops) != 1 or not isinstance(loop := loops[0], scf.ParallelOp) or loop.res or not from_zero(loop):
        return None
    index = loop.body.block.args[0]
    inner = inner_loops(loop)
    stores = [op for op in rows.walk() if isinstance(op, memref.StoreOp)]
    along = any(ends_with(i, i.body.block.args[0]) > ends_with(loop, index) for i in inner)
    return loop if along and all(index in store.indices for store in stores) else None


def long_rows_of(code: PhaseCode) -> LongRows | None:
    """The phase as rows that may be cut; ``None`` where a piece of one would need another's."""
    if (rows := code.rows_loop) is None:
        return None
    units = [rows]
    while (inner := spread_loop(units[-1])) is not None:
        units.append(inner)
    body = DeviceBody(code.function)
    extents = [body.extent(loop.upperBound[0]) for loop in units[1:]]
    ops = [op for op in units[-1].body.block.ops if not isinstance(op, scf.ReduceOp)]
    length = _length(ops, body)
    if length is None or None in extents:
        return None
    outside = [op for unit in (code.function, *units[:-1]) for op in unit.body.block.ops if not op.regions]
    order = _Order(body, length, {memory for op in outside for memory in touched(op)[0]})
    if not order.place(ops) or not _apart(units[-1].body.block, order):
        return None
    work = " + ".join(dict.fromkeys(work for step in order.steps.values() for work in _work(step, length, body)))
    counts = (size(code.phase.rows or 1), *map(str, extents))
    return LongRows(tuple(units), counts, length, work, _shared(units, order.steps.values()), order.steps, order.stores)


def _length(ops: Sequence[Operation], body: DeviceBody) -> str | None:
    """What the rows are long: the size that something is reduced along, if anything is."""
    loops = [op for op in ops if isinstance(op, scf.ParallelOp)]
    reducing = [loop for loop in loops if loop.res]
    if not reducing and loops and _down(loops[0]):
        reducing = [op for op in loops[0].body.block.ops if isinstance(op, scf.ParallelOp)]
    ends = [loop.upperBound[0] for loop in [*reducing, *loops]] + [op.ub for op in ops if isinstance(op, scf.ForOp)]
    return body.extent(ends[0]) if ends else None


def _down(loop: scf.ParallelOp) -> bool:
    """Whether neighbors in memory are neighboring iterations of ``loop``, rather than of a loop inside."""
    inner = inner_loops(loop)
    own = ends_with(loop, loop.body.block.args[0])
    return bool(inner) and all(ends_with(i, i.body.block.args[0]) <= own for i in inner)


def _work(step: Step, length: str, body: DeviceBody) -> list[str]:
    """C++ for the iterations of the step, inner loops along."""
    if step.columns:
        return [_product(step.columns, length)]
    inner = [body.extent(loop.upperBound[0]) for loop in inner_loops(step.loop)]
    return [_product(length, extent) for extent in inner if extent is not None] or [length]


def _product(left: str, right: str) -> str:
    """C++ for a product, the same whichever is left; a number is one, as C++ would count in 32 bits."""
    both = left.isdigit() and right.isdigit()
    return str(int(left) * int(right)) if both else " * ".join(sorted([left, right]))


def _shared(units: Sequence[scf.ParallelOp], steps: Iterable[Step]) -> bool:
    """Whether inner rows read the same, but for what the phase itself has written."""
    inner = {loop.body.block.args[0] for loop in units[1:]}
    written = {op.memref for op in units[0].walk() if isinstance(op, memref.StoreOp)}
    along = {loop.body.block.args[0] for step in steps for loop in step.along}
    reads = (op for op in units[0].walk() if isinstance(op, memref.LoadOp) and op.memref not in written)
    found = [op for op in reads if along.intersection(op.indices)]
    return bool(inner and found) and not any(inner.intersection(op.indices) for op in found)


class _Order:
    """State of the placing of a row's ops in launches."""

    def __init__(self, body: DeviceBody, length: str, final: set[SSAValue]) -> None:
        self.body, self.length = body, length
        self.steps: dict[Operation, Step] = {}
        self.stores: dict[Operation, int] = {}
        self.known: dict[SSAValue, int] = {}
        """The first launch in which a value of the row can be had."""
        self.written: dict[SSAValue, int] = {}
        """The last launch in which memory is written."""
        self.own: dict[SSAValue, int | None] = {}
        """Which index of memory is the place along the row at which each piece writes its own."""
        self.far: set[Operation] = set()
        """Loads from where another piece may have written, in an earlier launch."""
        self.final = final
        """Memory that must not be written any more, as it is read elsewhere than where it was written."""

    def place(self, ops: Iterable[Operation]) -> bool:
        """Whether all of ``ops`` have a place, in order."""
        launch = 0
        for op in ops:
            needed = self.needed(op)
            reads, writes = touched(op)
            step = self._step(op, launch)
            if step is not None and (far := self._far(step)):
                self.far.update(far)
                self.final |= (memories := {load.memref for load in far})
                step = self._step(op, max(launch, 1 + max(self.written[memory] for memory in memories)))
            if self.final & writes or (step is None and not self._waits(op, writes)):
                return False
            if step is not None:
                self.steps[op] = step
                launch = step.finish if step.scan is not None else step.launch
                needed = step.launch + 1
                self._writes(step)
            elif isinstance(op, memref.StoreOp):
                self.stores[op] = self.written[op.memref] = needed
            else:
                needed = max([needed, *(1 + self.written.get(memory, -1) for memory in reads)])
                self.final |= reads
            self.known |= dict.fromkeys(op.results, needed)
        return bool(self.steps)

    def _writes(self, step: Step) -> None:
        """Note what ``step`` writes, and when it is all there."""
        for store in step.loop.walk():
            if isinstance(store, memref.StoreOp):
                self.written[store.memref] = step.finish
                self.own[store.memref] = place_of(store, step.along)

    def _far(self, step: Step) -> list[memref.LoadOp]:
        """What ``step`` reads at places along the row that another piece may have written."""
        loads = [op for op in step.loop.walk() if isinstance(op, memref.LoadOp) and op.memref in self.written]
        places = [place_of(op, step.along) for op in loads]
        own = [self.own.get(op.memref) for op in loads]
        return [op for op, place, written in zip(loads, places, own, strict=True) if place is None or place != written]

    def _waits(self, op: Operation, writes: Set[SSAValue]) -> bool:
        """Whether any block may do ``op`` as often as it likes, or one of them at the end of a launch."""
        return isinstance(op, memref.StoreOp) or (not writes and not isinstance(op, scf.ForOp))

    def needed(self, op: Operation) -> int:
        """The first launch in which all can be had that ``op`` uses."""
        return max((self.known.get(value, 0) for inner in op.walk() for value in inner.operands), default=0)

    def _step(self, loop: Operation, launch: int) -> Step | None:
        """``loop``, if it is one and cut, after the steps so far, the last of them in ``launch``."""
        if isinstance(loop, scf.ForOp):
            scan = scan_of(loop) if self._whole(loop.lb, loop.ub) and not loop.results[0].uses else None
            launch = max(launch, self.needed(loop))
            return Step(loop, (), "", launch, launch + 1, scan) if scan is not None else None
        if not isinstance(loop, scf.ParallelOp) or any(isinstance(inner, scf.ForOp) for inner in loop.walk()):
            return None
        if self._whole(loop.lowerBound[0], loop.upperBound[0]):
            launch = max(launch, self.needed(loop))
            return Step(loop, (loop,) if loop.res else (), "", launch, launch)
        extent = self.body.extent(loop.upperBound[0]) if from_zero(loop) else None
        found = self._columns(loop) if extent is not None and not loop.res else ()
        if not found:
            return None
        launch = max(launch, *(self.needed(op) for one in found for op in before(loop.body.block, one)))
        return Step(loop, found, str(extent), launch, max(launch + 1, self.needed(loop)))

    def _whole(self, low: SSAValue, high: SSAValue) -> bool:
        """Whether a loop goes along all of the row."""
        return self.body.extent(low) == "0" and self.body.extent(high) == self.length

    def _columns(self, loop: scf.ParallelOp) -> tuple[scf.ParallelOp, ...]:
        """The reductions along the row in a loop over columns, if all are, and none needs another."""
        ops = [op for op in loop.body.block.ops if op.regions and not isinstance(op, scf.ReduceOp)]
        found = tuple(op for op in ops if isinstance(op, scf.ParallelOp) and op.res)
        same = all(self._whole(op.lowerBound[0], op.upperBound[0]) for op in found)
        writes = any(isinstance(inner, memref.StoreOp) for op in found for inner in op.walk())
        chained = any(other in before(loop.body.block, op) for op in found for other in found if other is not op)
        return found if len(found) == len(ops) and same and not writes and not chained else ()


def before(block: Block, *wanted: Operation, known: Container[Operation] = ()) -> set[Operation]:
    """``wanted``, and the ops of ``block`` that it takes to have them; of those ``known``, not what is inside."""
    found: set[Operation] = set()
    waiting = list(wanted)
    while waiting:
        op = waiting.pop()
        if op not in found:
            found.add(op)
            waiting += owners(block, [op], known)
    return found


def owners(block: Block, ops: Iterable[Operation], known: Container[Operation] = ()) -> set[Operation]:
    """The ops of ``block`` that make what ``ops`` use; of those ``known``, not what is inside."""
    values = (value for op in ops for inner in ([op] if op in known else op.walk()) for value in inner.operands)
    return {value.owner for value in values if isinstance(value.owner, Operation) and value.owner.parent is block}


def _apart(block: Block, order: _Order) -> bool:
    """Whether no piece of a row touches what another writes at the same time: of what is written, all is at the place
    along the row that the loop is at, or there is one op that writes it and none that reads it but later.
    """
    along = {loop for step in order.steps.values() for loop in step.along}
    inside = [op for one in block.ops if one in order.steps or one in order.stores for op in one.walk()]
    accesses = [op for op in inside if isinstance(op, memref.LoadOp | memref.StoreOp) and op not in order.far]
    for memory in {op.memref for op in accesses if isinstance(op, memref.StoreOp)}:
        touching = [op for op in accesses if op.memref is memory]
        places = {place_of(op, along) for op in touching}
        if len(touching) > 1 and (len(places) > 1 or None in places):
            return False
    return True


def place_of(access: memref.LoadOp | memref.StoreOp, along: Container[Operation]) -> int | None:
    """Which of the indices of ``access`` is that of the loop along the row around it."""
    loop = access.parent_op()
    while loop is not None and loop not in along:
        loop = loop.parent_op()
    index = loop.body.block.args[0] if isinstance(loop, scf.ParallelOp | scf.ForOp) else None
    return next((place for place, value in enumerate(access.indices) if value is index), None)
