"""The facts of a placement, read from the placed IR alone: schema 1 of ``explain-placement --format json``."""

from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, UnitAttr
from xdsl.ir import Attribute, Operation

from agentc.analyses.names import task_name
from agentc.dialects import llm
from agentc.dialects.agent import GraphOp
from agentc.dialects.interfaces import shape_of
from agentc.dialects.kv import TransferOp as CacheTransferOp
from agentc.dialects.model import spec_of
from agentc.dialects.place import FleetOp, PlanOp, TransferOp, alternatives, assignment, hop, ways
from agentc.plan.graph import Limit, Load
from agentc.plan.models import Draft
from agentc.plan.placement import Alternative, Assignment, Hop, PlanSummary
from agentc.support.record import record

SCHEMA = 1


@record
class TaskFact:
    """One placed task."""

    name: str
    op: str
    source: str
    on: Assignment
    made_by: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    asynchronous: bool = False
    assumed: tuple[str, ...] = ()
    """Figures of the task that the definition does not state."""
    after: tuple[str, ...] = ()
    """Tasks whose values it takes."""
    draft: Draft | None = None
    """Who proposes tokens to its model."""
    routes: tuple[Assignment, ...] = ()
    """Where the requests go that ``on`` does not serve."""


def each_way(tasks: Iterable[TaskFact]) -> Iterator[TaskFact]:
    """The tasks, those of several routes once for each, with its share in the name."""
    for task in tasks:
        if task.routes:
            yield replace(task, name=f"{task.name} {task.on.share:.1%}")
        else:
            yield task
        for on in task.routes:
            yield replace(task, name=f"{task.name} {on.share:.1%}", on=on, alternatives=(), routes=())


@record
class TransferFact:
    """Bytes that move between two places."""

    src: str
    dst: str
    bytes_: float
    link: str
    seconds: float


@record
class Facts:
    """Everything that a report says."""

    agent: str
    fleet: str
    fleet_source: str
    summary: PlanSummary
    limits: tuple[Limit, ...]
    load: Load
    tasks: tuple[TaskFact, ...] = ()
    transfers: tuple[TransferFact, ...] = ()
    devices: tuple[str, ...] = ()
    """Device classes of the fleet, in its order: the order of colors in pictures."""
    solve_seconds: float | None = None
    """Known only right after solving: a build does not record it, so that equal inputs give equal bytes."""
    links: tuple[tuple[str, str], ...] = field(default=())
    """Edges between tasks, for pictures."""
    choices: tuple[str, ...] = ()
    """Of nodes with alternatives: what was chosen instead of what, in sentences."""
    profile: str = ""
    """Name of the profile that was compiled with, if there was one."""
    profiled: tuple[str, ...] = ()
    """What is from the profile: a line a figure, with the parts whose it is."""

    def task(self, name: str) -> TaskFact | None:
        """The task of that name."""
        return next((task for task in self.tasks if task.name == name), None)

    def device(self, name: str) -> str:
        """The fleet's class that ``name``, or the catalog's alias of it, means; ``name`` where there is none."""
        from agentc import catalog

        if name in self.devices:
            return name
        try:
            known = catalog.device(name).name
        except catalog.UnknownName:
            return name
        return known if known in self.devices else name

    def value(self, metric: str) -> float | None:
        """Seconds of ``ttft``, ``tbt`` or ``end_to_end``."""
        figures = {
            "ttft": self.summary.ttft_seconds,
            "tbt": self.summary.tbt_seconds,
            "end_to_end": self.summary.end_to_end_seconds,
        }
        return figures[metric]

    def kept(self, limit: Limit) -> bool:
        """Whether a bound holds; one whose metric the agent has nothing of does."""
        value = self.value(limit.metric)
        return self.summary.status != "infeasible" and (value is None or value <= limit.seconds * (1 + 1e-6))


def facts(module: ModuleOp, *, solve_seconds: float | None = None) -> Facts:
    """Read the facts of a placed module.

    Raises:
        ValueError: the module holds no ``place.plan`` or no entry graph.
    """
    plan = next((op for op in module.walk() if isinstance(op, PlanOp)), None)
    graph = next((op for op in module.walk() if isinstance(op, GraphOp) and op.entry is not None), None)
    if plan is None or graph is None:
        raise ValueError("the module is not placed: it holds no place.plan or no entry graph")
    fleet = next((op for op in module.walk() if isinstance(op, FleetOp)), None)
    placed = [op for op in graph.walk() if assignment(op) is not None]
    names = {op: task_name(op) for op in placed}
    sources = {op: _producers(op, names) for op in placed}
    tasks = tuple(replace(_task(op, names[op]), after=sources[op]) for op in placed)
    data = fleet.fleet() if fleet is not None else None
    return Facts(
        agent=graph.sym_name.data,
        fleet=data.name if data else "",
        fleet_source=data.source if data else "",
        summary=plan.summary.data,
        limits=tuple(limit.data for limit in graph.limits or ()),
        load=graph.load.data if graph.load is not None else Load(assumed=True),
        tasks=tasks,
        transfers=tuple(_transfers(graph, names)),
        devices=tuple(dict.fromkeys(stock.device.name for stock in data.stocks)) if data else (),
        solve_seconds=solve_seconds,
        links=tuple((src, task.name) for task in tasks for src in task.after),
        choices=_strings(module.attributes.get("agent.choices")),
        **_profile(module),
    )


def _task(op: Operation, name: str) -> TaskFact:
    on = assignment(op)
    assert on is not None
    source, made_by = op.attributes.get("agent.source"), op.attributes.get("agent.made_by")
    return TaskFact(
        name=name,
        op=op.name,
        source=source.data if isinstance(source, StringAttr) else "",
        on=on,
        made_by=_strings(made_by),
        alternatives=alternatives(op),
        asynchronous=isinstance(op.attributes.get("agent.async"), UnitAttr),
        assumed=tuple(key for key, quantity in shape_of(op).items() if quantity.assumed),
        draft=spec_of(op).drafted if isinstance(op, llm.DecodeOp) else None,
        routes=ways(op)[1:],
    )


def _profile(module: ModuleOp) -> dict[str, Any]:
    stated = module.attributes.get("agent.profile")
    if not isinstance(stated, DictionaryAttr):
        return {}
    name = stated.data.get("name")
    shown = name.data if isinstance(name, StringAttr) else "a profile"
    return {"profile": shown, "profiled": _strings(stated.data.get("figures"))}


def _strings(attr: Attribute | None) -> tuple[str, ...]:
    items = cast(ArrayAttr[Attribute], attr) if isinstance(attr, ArrayAttr) else ()
    return tuple(item.data for item in items if isinstance(item, StringAttr))


def _producers(op: Operation, names: dict[Operation, str]) -> tuple[str, ...]:
    """The placed ops whose values reach ``op``, through ops that cost nothing."""
    found: dict[str, None] = {}
    seen: set[Operation] = set()
    work = [operand.owner for operand in op.operands]
    while work:
        owner = work.pop(0)
        if not isinstance(owner, Operation):
            parent = owner.parent_op()
            work += [operand.owner for operand in parent.operands] if parent is not None else []
        elif owner in names:
            found[names[owner]] = None
        elif owner not in seen:
            seen.add(owner)
            work += [operand.owner for operand in owner.operands]
            work += [
                operand.owner
                for region in owner.regions
                for block in region.blocks
                if block.last_op is not None
                for operand in block.last_op.operands
            ]
    return tuple(found)


def _transfers(graph: GraphOp, names: dict[Operation, str]) -> list[TransferFact]:
    """What moves between places: transfers, and caches that leave their pool."""
    found: list[TransferFact] = []
    for op in graph.walk():
        planned = hop(op) if isinstance(op, CacheTransferOp) else None
        if isinstance(op, TransferOp):
            planned = Hop(op.seconds.value.data, link=op.link.data, bytes_=op.bytes_.value.data)
        if planned is None:
            continue
        ends = (op.source.data, op.target.data) if isinstance(op, TransferOp) else ("", "")
        source = next(iter(_producers(op, names)), ends[0])
        for user in dict.fromkeys(use.operation for result in op.results for use in result.uses):
            target = _consumer(user, names) or ends[1]
            found.append(TransferFact(source, target, planned.bytes_, planned.link, planned.seconds))
    return found


def _consumer(op: Operation, names: dict[Operation, str]) -> str | None:
    """The first placed op that a value reaches."""
    work, seen = [op], {op}
    while work:
        user = work.pop(0)
        if user in names:
            return names[user]
        following = [use.operation for result in user.results for use in result.uses]
        work += [op for op in following if op not in seen]
        seen.update(following)
    return None


__all__ = ["SCHEMA", "Facts", "TaskFact", "TransferFact", "each_way", "facts"]
