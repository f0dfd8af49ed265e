"""Which tasks a value comes from, through branches, loops, maps and projections: one pass in program order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.ir import Block, Operation, SSAValue

from agentc.analyses.names import is_task
from agentc.analyses.visits import Visits
from agentc.dialects import memory, tool
from agentc.dialects.agent import BranchOp, GraphOp, LoopOp, MapOp
from agentc.dialects.compute import FusedOp
from agentc.dialects.provenance import is_asynchronous

Producers = tuple[Operation, ...]
"""Tasks, each once, in program order."""


@dataclass
class Step:
    """One task with what it waits for."""

    op: Operation
    visits: Visits
    asynchronous: bool
    data: Producers
    """Tasks whose values it reads."""
    control: Producers
    """Tasks that decide whether or when it runs, or whose effect comes first."""


@dataclass
class Flow:
    """The data flow of a graph. ``steps`` is in program order, which is a topological order.

    Values that a loop carries from one trip to the next come from the loop's first inputs only: the graph has no
    cycles, and the time of a trip counts as often as the loop is expected to turn.
    """

    graph: GraphOp
    steps: list[Step] = field(default_factory=list[Step])
    _origin: dict[SSAValue, Producers] = field(default_factory=dict[SSAValue, Producers])

    def __post_init__(self) -> None:
        self._block(self.graph.body.block, Visits(), False, ())

    def producers(self, value: SSAValue) -> Producers:
        """The tasks that ``value`` comes from; none for an input of the graph."""
        return self._origin.get(value, ())

    def _all(self, values: Iterable[SSAValue]) -> Producers:
        return union(*(self.producers(value) for value in values))

    def _block(self, block: Block, visits: Visits, asynchronous: bool, control: Producers) -> None:
        """Follow ``block``; ``control`` are the tasks that must be done before it starts."""
        inside: set[Operation] = set()
        writers: dict[str, Operation] = {}
        for op in block.ops:
            apart = asynchronous or is_asynchronous(op)
            match op:
                case _ if is_task(op):
                    self._task(op, visits, apart, control, inside, writers)
                case FusedOp():
                    continue
                case BranchOp() | LoopOp() | MapOp():
                    before = len(self.steps)
                    starts = self._all(op.operands)
                    waits = () if any(source in inside for source in starts) else control
                    self._regions(op, visits, apart, union(starts, waits))
                    inside |= {step.op for step in self.steps[before:]}
                case _:
                    came = self._all(op.operands)
                    self._origin |= dict.fromkeys(op.results, came)

    def _task(
        self,
        op: Operation,
        visits: Visits,
        asynchronous: bool,
        control: Producers,
        inside: set[Operation],
        writers: dict[str, Operation],
    ) -> None:
        data = self._all(op.operands)
        after = _turn(op, writers)
        waits = () if any(source in inside for source in (*data, *after)) else control
        held = tuple(source for source in union(after, waits) if source not in data)
        self.steps.append(Step(op, visits, asynchronous, data, held))
        self._origin |= dict.fromkeys(op.results, (op,))
        inside.add(op)

    def _regions(self, op: BranchOp | LoopOp | MapOp, visits: Visits, asynchronous: bool, starts: Producers) -> None:
        """Follow the regions of ``op``, which start after ``starts``; then say where its results come from."""
        for index, region in enumerate(op.regions):
            block = region.block
            given = op.inits if isinstance(op, LoopOp) else [op.items] if isinstance(op, MapOp) else []
            self._origin |= {arg: self.producers(value) for arg, value in zip(block.args, given, strict=True)}
            self._block(block, visits.inside(op, index), asynchronous, starts)
        ends = [list(block.last_op.operands) for block in _blocks(op) if block.last_op is not None]
        for result in op.results:
            shift = 1 if isinstance(op, LoopOp) else 0
            came = [self.producers(end[result.index + shift]) for end in ends]
            decided = self._all(end[0] for end in ends) if shift else () if all(came) else starts
            self._origin[result] = union(*came, decided)


def union(*rows: Sequence[Operation]) -> Producers:
    """The tasks of all rows, each once, in the order in which they first come."""
    if len(rows) == 1:
        return tuple(rows[0])
    return tuple(dict.fromkeys(op for row in rows for op in row))


def _blocks(op: Operation) -> Iterator[Block]:
    return (region.block for region in op.regions)


def _turn(op: Operation, writers: dict[str, Operation]) -> Producers:
    """The op of the same block whose effect on the same memory, or call of the same impure tool, comes before."""
    match op:
        case memory.StoreOp() | memory.ObserveOp():
            key, writes = f"memory:{op.memory}", True
        case memory.LoadOp() | memory.LookupOp():
            key, writes = f"memory:{op.memory}", False
        case tool.InvokeOp() | tool.ComputeOp() if (spec := tool.tool_of(op)) is not None and spec.pure is None:
            key, writes = f"tool:{op.tool}", True
        case _:
            return ()
    last = writers.get(key)
    if writes:
        writers[key] = op
    return (last,) if last is not None else ()
