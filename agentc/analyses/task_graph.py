"""``task_graph``: an agent's graph as plain tasks and edges for the cost model, the solver and the simulator."""

from collections.abc import Iterator, Mapping

from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, StringAttr
from xdsl.ir import Operation, OpResult, SSAValue

from agentc.analyses.flow import Flow, Step
from agentc.analyses.names import task_names
from agentc.analyses.payload import payload
from agentc.dialects import comm, expert, gate, kv, llm
from agentc.dialects.agent import GraphOp
from agentc.dialects.agent_values import WorkAttr, placement_rule, quantities
from agentc.dialects.interfaces import Placeable, shape_of, work_of
from agentc.dialects.model import SpecOp, hosted_of, spec_of
from agentc.dialects.place import TransferOp, no_code
from agentc.dialects.provenance import node_path, source
from agentc.plan import demand
from agentc.plan.formula import ZERO, Formula
from agentc.plan.graph import Company, Load, Neighbor, Task, TaskEdge, TaskGraph
from agentc.plan.quantity import Quantity
from agentc.plan.work import Drafted, Work


def entry_graph(module: ModuleOp) -> GraphOp:
    """The graph that a build serves: the one marked `entry`, else the only one.

    Raises:
        ValueError: there is none, or several and none is marked.
    """
    graphs = [op for op in module.ops if isinstance(op, GraphOp)]
    marked = [graph for graph in graphs if graph.entry is not None]
    if len(marked) == 1:
        return marked[0]
    if len(graphs) == 1:
        return graphs[0]
    raise ValueError(f"{len(marked)} of {len(graphs)} agents are marked `entry`; one is wanted")


def task_graph(module: ModuleOp, graph: GraphOp | None = None) -> TaskGraph:
    """The tasks of ``graph`` (default: the module's entry) in topological order, with their edges.

    Branches, loops, maps, projections and transfers are folded away: visits are branch probability x expected trips
    x map width, edges lead from the task that makes a value to the task that reads it.
    """
    graph = graph or entry_graph(module)
    names, flow = task_names(graph), Flow(graph)
    pairs, groups = _pairs(names), _groups(names)
    tasks = tuple(_task(step, names, pairs, groups) for step in flow.steps)
    by_name = {task.name: task for task in tasks}
    edges = tuple(edge for step in flow.steps for edge in _edges(step, flow, names, by_name))
    return TaskGraph(
        graph.sym_name.data,
        tasks,
        edges,
        tuple(limit.data for limit in graph.limits) if graph.limits is not None else (),
        graph.load.data if graph.load is not None else Load(assumed=True),
        tuple(_company(names)),
    )


def _company(names: Mapping[Operation, str]) -> Iterator[Company]:
    """Which tasks are to be apart from which, or together with them; a node stands for all its tasks."""
    nodes = {name: _nodes(op) for op, name in names.items()}
    ones: dict[Neighbor, list[str]] = {}
    for op, name in names.items():
        for rule in placement_rule(op).neighbors:
            ones.setdefault(rule, []).append(name)
    for rule, tasks in ones.items():
        inside = f"{rule.node}."
        others = tuple(name for name, paths in nodes.items() if any(f"{path}.".startswith(inside) for path in paths))
        if others:
            yield Company(tuple(tasks), others, rule)


def _nodes(op: Operation) -> frozenset[str]:
    """The paths of the nodes that a task is made of."""
    return frozenset(path for part in op.walk() if (path := node_path(part)) is not None)


def work_and_shape(op: Operation) -> tuple[Work, Mapping[str, Quantity]]:
    """The demand of ``op`` and the figures of its symbols: as annotated, else as the op itself says."""
    attr = op.attributes.get("agent.work")
    if not isinstance(attr, WorkAttr):
        return work_of(op) or Work(), shape_of(op)
    shape = op.attributes.get("agent.shape")
    return attr.data, quantities(shape if isinstance(shape, DictionaryAttr) else None)


def _task(
    step: Step, names: Mapping[Operation, str], pairs: Mapping[Operation, str], groups: Mapping[Operation, str]
) -> Task:
    op = step.op
    work, shape = work_and_shape(op)
    spec = spec_of(op) if "model" in op.properties else None
    trait = op.get_trait(Placeable)
    hosted = hosted_of(spec) if spec is not None else None
    return Task(
        names[op],
        op.name,
        source(op),
        work,
        shape,
        spec.shape.data if spec is not None else None,
        spec.precision.data if spec is not None else "fp32",
        step.visits.count,
        pairs.get(op),
        step.asynchronous,
        placement_rule(op),
        groups.get(op),
        step.visits.concurrency,
        ("hosted",) if hosted is not None else trait.kinds if trait is not None else (),
        hosted,
        _drafted(op, spec),
        no_code=no_code(op),
    )


def _drafted(op: Operation, spec: SpecOp | None) -> Drafted | None:
    """The parts of a step of two models."""
    if spec is None or (draft := spec.drafted) is None:
        return None
    if not isinstance(op, llm.PrefillOp | llm.DecodeOp):
        return None
    parts = demand.speculation if isinstance(op, llm.DecodeOp) else demand.drafted_prefill
    return parts(spec.shape.data, draft, spec.precision.data, spec.cache_precision)


def _edges(step: Step, flow: Flow, names: Mapping[Operation, str], tasks: Mapping[str, Task]) -> list[TaskEdge]:
    """The edges into ``step``: one for each task before it, with the largest value that it hands over."""
    size: dict[Operation, Formula] = {}
    streams: set[Operation] = set()
    for value in step.op.operands:
        for producer in flow.producers(value):
            task = tasks[names[producer]]
            size.setdefault(producer, payload(_seen(value, producer), task.work, task.shape))
            if isinstance(value.type, kv.CacheType):
                streams.add(producer)
    size |= {producer: ZERO for producer in step.control if producer not in size}
    dst = names[step.op]
    return [TaskEdge(names[op], dst, bytes_, step.asynchronous, op in streams) for op, bytes_ in size.items()]


def _seen(value: SSAValue, producer: Operation) -> SSAValue:
    """The producer's own result behind ``value``, where that is one value; else ``value``, as it arrives."""
    same = [result for result in producer.results if result.type == value.type]
    return same[0] if same else value


def cache_writer(value: SSAValue) -> Operation | None:
    """The op that wrote the cache ``value``, before any transfer."""
    while isinstance(value, OpResult) and isinstance(value.op, kv.TransferOp | TransferOp):
        value = value.op.operands[0]
    return value.op if isinstance(value, OpResult) else None


def step_parts(last: Operation) -> list[Operation]:
    """The parts of a sharded model step, gate first, from its all-reduce; an op that is whole is its own part."""
    parts = [last]
    while isinstance(parts[0], comm.AllReduceOp | expert.MergeOp | expert.PrefillOp | expert.DecodeOp):
        before = parts[0].operands[0]
        if not isinstance(before, OpResult):
            break
        parts.insert(0, before.op)
    return parts


def _groups(names: Mapping[Operation, str]) -> dict[Operation, str]:
    """The parts of a step run on one pool: they carry the name of the step."""
    groups: dict[Operation, str] = {}
    for op in names:
        if isinstance(op, comm.AllReduceOp):
            groups |= dict.fromkeys(step_parts(op), names[op].replace(".allreduce", ""))
    return groups


def _pairs(names: Mapping[Operation, str]) -> dict[Operation, str]:
    """Prefill and decode of one call, part by part. A prefill that several decodes read is the pair of the first."""
    pairs: dict[Operation, str] = {}
    for op in names:
        is_step = isinstance(op, comm.AllReduceOp) and op.phase == StringAttr("decode")
        if not (is_step or isinstance(op, llm.DecodeOp)):
            continue
        decode = step_parts(op)
        head = decode[0]
        writer = cache_writer(head.operands[0]) if isinstance(head, llm.DecodeOp | gate.SelectOp) else None
        prefill = step_parts(writer) if writer is not None else []
        if len(prefill) == len(decode) and all(part in names and part not in pairs for part in prefill):
            pairs |= {a: names[b] for a, b in zip(prefill, decode, strict=True)}
            pairs |= {b: names[a] for a, b in zip(prefill, decode, strict=True)}
    return pairs
