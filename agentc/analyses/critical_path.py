"""``critical_path``: the chain of tasks that an answer waits for, from the placed IR."""

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from agentc.analyses.flow import Flow, Step
from agentc.analyses.names import task_names
from agentc.analyses.task_graph import entry_graph
from agentc.dialects.agent import GraphOp
from agentc.dialects.kv import TransferOp as CacheTransferOp
from agentc.dialects.place import TransferOp, assignment, hop
from agentc.support.record import record


@record(slots=True)
class CriticalPath:
    """The longest chain of synchronous tasks and its expected seconds, transfers included."""

    seconds: float
    tasks: tuple[str, ...]


def critical_path(module: ModuleOp, graph: GraphOp | None = None) -> CriticalPath:
    """The longest path; a task weighs its expected visits x its seconds where it was put (none before placement)."""
    graph = graph or entry_graph(module)
    names, flow = task_names(graph), Flow(graph)
    ends: dict[Operation, tuple[float, Operation | None]] = {}
    for step in flow.steps:
        if not step.asynchronous:
            before = [(ends[op][0] + _carried(step, op, flow), op) for op in (*step.data, *step.control) if op in ends]
            start, last = max(before, key=lambda row: row[0], default=(0.0, None))
            ends[step.op] = (start + _seconds(step), last)
    if not ends:
        return CriticalPath(0.0, ())
    at: Operation | None = max(ends, key=lambda op: ends[op][0])
    seconds, path = ends[at][0], list[str]()
    while at is not None:
        path.append(names[at])
        at = ends[at][1]
    return CriticalPath(seconds, tuple(reversed(path)))


def _weight(step: Step) -> float:
    return step.visits.count / step.visits.concurrency


def _seconds(step: Step) -> float:
    placed = assignment(step.op)
    return _weight(step) * placed.seconds if placed is not None else 0.0


def _carried(step: Step, producer: Operation, flow: Flow) -> float:
    """Seconds of the transfers that bring a value of ``producer`` to ``step``."""
    seconds = [_on_the_way(value) for value in step.op.operands if producer in flow.producers(value)]
    return _weight(step) * max(seconds, default=0.0)


def _on_the_way(value: SSAValue) -> float:
    """Seconds of the transfers right before ``value``."""
    seconds, owner = 0.0, value.owner
    while isinstance(owner, TransferOp | CacheTransferOp):
        planned = hop(owner)
        seconds += owner.seconds.value.data if isinstance(owner, TransferOp) else planned.seconds if planned else 0.0
        owner = owner.operands[0].owner
    return seconds
