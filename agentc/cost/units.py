"""What is placed together: a task of its own, or the tasks of one group priced as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal

from agentc.plan.demand.algebra import add
from agentc.plan.graph import PlacementRule, Task, TaskEdge, TaskGraph
from agentc.plan.models import ModelShape
from agentc.plan.work import Drafted, Work

Role = Literal["prefill", "decode", "model", "kernel", "cpu", "hosted"]

SMALL: frozenset[str] = frozenset(("embedding", "rerank", "stt", "tts"))
"""Kinds of model that may share a device."""


@dataclass(frozen=True, eq=False)
class Unit:
    """Tasks that share every decision, in the order of the graph."""

    tasks: tuple[Task, ...]
    work: Work
    role: Role
    rule: PlacementRule
    pair: "Unit | None" = None
    """Of a prefill its decode, of a decode its prefill."""
    chained: bool = True
    """Whether every path through one of its tasks passes all of them, equally often: only their sums count then."""

    @property
    def head(self) -> Task:
        """The task that gives shape, model and precision."""
        return self.tasks[0]

    @property
    def model(self) -> ModelShape | None:
        """The model of the group."""
        return next((task.model for task in self.tasks if task.model), None)

    @property
    def draft(self) -> Drafted | None:
        """The parts of its work, where another model drafts."""
        return self.head.draft if len(self.tasks) == 1 else None

    @property
    def small(self) -> bool:
        """It may share an accelerator with others: a kernel, or a model of one of the kinds that do."""
        return self.role == "kernel" or (self.model is not None and self.model.kind in SMALL)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for units whose options are equal: same work, figures, model, precision, rule and visits."""
        tasks = tuple(
            (_work_key(t.work), tuple(sorted(t.shape.items(), key=_name)), t.op, _draft_key(t.draft), t.no_code)
            for t in self.tasks
        )
        return tasks, self.model, self.head.precision, self.rule, self.head.visits, self.role, self.chained


def _name(item: tuple[str, object]) -> str:
    return item[0]


def _work_key(work: Work) -> tuple[object, ...]:
    """A hashable stand-in for ``work``, whose FLOP are a mapping."""
    rows = tuple(getattr(work, f.name) for f in fields(Work) if f.name != "flops")
    return (tuple(sorted(work.flops.items(), key=_name)), *rows)


def _draft_key(draft: Drafted | None) -> tuple[object, ...]:
    if draft is None:
        return ()
    return draft.model, draft.times, draft.precision, draft.gained, _work_key(draft.step), _work_key(draft.check)


def units_of(graph: TaskGraph) -> tuple[Unit, ...]:
    """The units of a graph in the order of their first tasks, prefill and decode joined by ``pair``."""
    grouped: dict[str, list[Task]] = {}
    for task in graph.tasks:
        grouped.setdefault(task.group or f"\0{task.name}", []).append(task)
    of_group = {task.name: task.group for task in graph.tasks if task.group}
    edges: dict[str, list[TaskEdge]] = {}
    for edge in graph.edges if of_group else ():
        for group in dict.fromkeys((of_group.get(edge.src), of_group.get(edge.dst))):
            edges.setdefault(group or "", []).append(edge)
    units = [_unit(tuple(tasks), edges.get(group, ())) for group, tasks in grouped.items()]
    of_task = {task.name: unit for unit in units for task in unit.tasks}
    for unit in units:
        partners = [of_task[t.pair] for t in unit.tasks if t.pair in of_task]
        if partners:
            object.__setattr__(unit, "pair", partners[0])
            object.__setattr__(partners[0], "pair", unit)
    return tuple(units)


def _unit(tasks: tuple[Task, ...], edges: Sequence[TaskEdge]) -> Unit:
    """``edges``: those of a group's tasks."""
    work = tasks[0].work if len(tasks) == 1 else add(task.work for task in tasks)
    chained = len(tasks) == 1 or _is_chain(tasks, edges)
    return Unit(tasks, work, _role(tasks), _rule(task.rule for task in tasks), chained=chained)


def _is_chain(tasks: Sequence[Task], edges: Sequence[TaskEdge]) -> bool:
    """Whether data goes from each task to the next, enters at the first and leaves at the last only."""
    place = {task.name: index for index, task in enumerate(tasks)}
    inner, outer = {(a.name, b.name) for a, b in pairwise(tasks)}, len(tasks) - 1
    joined = {(edge.src, edge.dst) for edge in edges if not edge.asynchronous} >= inner
    closed = all(
        (edge.src, edge.dst) in inner or (place.get(edge.src, outer) == outer and place.get(edge.dst, 0) == 0)
        for edge in edges
    )
    return joined and closed and len({(task.visits, task.concurrency, task.asynchronous) for task in tasks}) == 1


def _role(tasks: tuple[Task, ...]) -> Role:
    model = next((task.model for task in tasks if task.model), None)
    if model and model.kind == "hosted":
        return "hosted"
    if model and model.kind == "decoder":
        return "decode" if any(t.op.endswith("decode") for t in tasks) else "prefill"
    if model:
        return "model"
    return "kernel" if any(task.work.flops for task in tasks) else "cpu"


def _rule(rules: Iterable[PlacementRule]) -> PlacementRule:
    """All rules at once: what every ``allow`` names, what any ``forbid`` names, the first ``pin``; what all name of
    sites and of zones."""
    listed = list(rules)
    allow = _shared([rule.allow for rule in listed])
    forbid = tuple(dict.fromkeys(name for rule in listed for name in rule.forbid))
    pin = next((rule.pin for rule in listed if rule.pin), None)
    sites, zones = (_nowhere([getattr(rule, key) for rule in listed]) for key in ("sites", "zones"))
    return PlacementRule(allow, forbid, pin, sites, zones)


def _shared(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The names in all of the lists that name any, in the order of the first."""
    stated = [names for names in lists if names]
    return tuple(name for name in stated[0] if all(name in names for names in stated)) if stated else ()


def _nowhere(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """As ``_shared``; lists that share nothing name all together one place, which is nowhere."""
    shared = _shared(lists)
    return shared or ((" and ".join(dict.fromkeys(name for names in lists for name in names)),) if any(lists) else ())
