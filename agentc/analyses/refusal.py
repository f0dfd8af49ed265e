"""Why nothing fits, for the user: the demands that conflict, what each device lacks, and what would help."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentc.analyses.decision import solved
from agentc.analyses.names import task_names
from agentc.analyses.placement_problem import Posed, pose, restricted
from agentc.analyses.routes import splittable
from agentc.dialects.agent import GraphOp
from agentc.dialects.provenance import span
from agentc.plan.fleet import Fleet
from agentc.plan.graph import PlacementRule, Task, TaskGraph
from agentc.plan.placement import PlacementProblem
from agentc.solve.conflict import explain
from agentc.solve.demands import Relaxation, round_down
from agentc.support.diagnostics import Diagnostic, Label

SHOWN = 3
"""Tasks that are named before the rest is counted."""

JOIN = "join these places by an entry of the fleet's `links`, or let both tasks run in one of them"
"""What helps where no link joins the places of two tasks."""

RULE = "change the `placement` of these nodes, or the fleet"
"""What helps where nodes are to be apart, or together, and cannot."""

UNPROVEN = "no placement was found within the time limit, and none is proven to be impossible"

FEW = 3
"""Steps up to which it is told what load several ways carry: each try is a placement, and one of many takes seconds."""

MORE, TRIES, EACH_SECONDS = 2.0, 5, 5.0
"""How many times the load of steps that go one way is tried, how often, to 2 % of the most that several ways carry, and
for how long each time."""

Allowed = Mapping[str, frozenset[str]]
"""Task -> the only options that it may take."""


def refusal(posed: Posed, allowed: Allowed, graph: GraphOp, *, proven: bool) -> Diagnostic:
    """The diagnostic of a problem without an answer; ``proven``: none exists.

    The reasons are those of ``reasons``, with the places of the nodes that they name.
    """
    because, cure = reasons(posed, allowed) if proven else ((UNPROVEN,), None)
    told = [op for op, name in task_names(graph).items() if any(f"`{name}`" in text for text in because)]
    places = dict.fromkeys(place for op in told if (place := span(op)) is not None)
    labels = tuple(Label(place, "this node") for place in list(places)[1:4])
    message = f"no placement on fleet `{posed.fleet.name}` keeps what agent `{posed.graph.agent}` demands"
    first = next(iter(places), span(graph))
    return Diagnostic("infeasible-placement", message, first, labels=labels, notes=because, help=cure)


Reasons = tuple[tuple[str, ...], str | None]
"""Sentences on why nothing fits, and one on what would help."""


def reasons(posed: Posed, allowed: Allowed) -> Reasons:
    """Why a problem that has no answer has none, and what would help.

    The demands are looked at once more with the options that they rule out: only these tell by how much one must give.
    """
    lenient = pose(posed.graph, posed.fleet, posed.problem.objective, lenient=True)
    return homeless(lenient) or _conflict(posed, lenient, allowed)


def _conflict(posed: Posed, lenient: Posed, allowed: Allowed) -> Reasons:
    """The demands that cannot hold together."""

    def changed(changes: Sequence[Relaxation]) -> PlacementProblem:
        graph, fleet = change(posed.graph, posed.fleet, changes)
        return restricted(pose(graph, fleet, posed.problem.objective).problem, allowed)

    try:
        found = explain(restricted(lenient.problem, allowed), changed=changed)
    except ValueError:  # By rounding only: no placement keeps the demands, and one breaks them by next to nothing.
        return (UNPROVEN,), None
    if any(each.kind == "stock" for each in found.demands):
        found = replace(found, relaxations=tuple(_by_routes(posed, allowed, each) for each in found.relaxations))
    if len(found.relaxations) > 1:
        return found.demand_sentences, f"one of these would do: {'; '.join(each.change for each in found.relaxations)}"
    kinds = {each.kind for each in found.demands}
    other = RULE if "rule" in kinds else JOIN if "link" in kinds else None
    return found.demand_sentences, next(iter(found.cure_sentences), other)


def _by_routes(posed: Posed, allowed: Allowed, cure: Relaxation) -> Relaxation:
    """A load that would do, or the larger one that does where steps go several ways."""
    if cure.kind != "load" or not 0 < len(splittable(posed.graph)) <= FEW:
        return cure
    low, high = cure.needed, min(cure.current, cure.needed * MORE)
    for _ in range(TRIES):
        tried = replace(cure, needed=round_down(math.sqrt(low * high)))
        graph, fleet = change(posed.graph, posed.fleet, [tried])
        asked = pose(graph, fleet, posed.problem.objective)
        if solved(asked, allowed, time_limit=EACH_SECONDS).solution.status == "infeasible":
            high = tried.needed
        else:
            low = tried.needed
    return replace(cure, needed=low)


def change(graph: TaskGraph, fleet: Fleet, changes: Sequence[Relaxation]) -> tuple[TaskGraph, Fleet]:
    """``graph`` and ``fleet`` as they would be with ``changes``."""
    for each in changes:
        if each.kind == "load":
            graph = replace(graph, load=replace(graph.load, requests_per_second=each.needed))
        elif each.kind == "stock":
            stocks = (
                replace(stock, count=int(each.needed)) if each.name == f"fleet {stock.device.name}" else stock
                for stock in fleet.stocks
            )
            fleet = replace(fleet, stocks=tuple(stocks))
        else:
            limits = (
                replace(limit, seconds=each.needed / 1e3)
                if limit.usd_per_ms is None and each.is_of(limit.metric, limit.seconds)
                else limit
                for limit in graph.limits
            )
            graph = replace(graph, limits=tuple(limits))
    return graph, fleet


def homeless(posed: Posed) -> Reasons | None:
    """What each device lacks for the tasks that fit none; for tasks of one model under one rule, by the first."""
    alike: dict[object, list[Task]] = {}
    for task, placed in zip(posed.graph.tasks, posed.problem.tasks, strict=True):
        if not placed.options:
            alike.setdefault((task.model, task.precision, task.rule) if task.model else task.name, []).append(task)
    notes = [line for tasks in alike.values() for line in (_nowhere(tasks), *_lacks(posed, tasks[0]))]
    cures = dict.fromkeys(_cure(posed, tasks[0]) for tasks in alike.values())
    return (tuple(notes), "; ".join(cures)) if notes else None


def _lacks(posed: Posed, task: Task) -> tuple[str, ...]:
    """Sentences on what device classes lack for a task, those that lack the same in one."""
    lacking: dict[str, list[str]] = {}
    for row in posed.table.rejected:
        if row.task == task.name:
            lacking.setdefault(row.why, []).append(row.device)
    return tuple(f"{', '.join(devices)}: {why}" for why, devices in lacking.items())


def _nowhere(tasks: Sequence[Task]) -> str:
    names = [f"`{task.name}`" for task in tasks]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more} fit{'s' if len(names) == 1 else ''} no device of the fleet"


def _cure(posed: Posed, task: Task) -> str:
    """What a user could do for a task that fits no device."""
    if task.hosted is not None and not (task.rule.sites or task.rule.zones):
        return "lower the load, or call fewer tokens of the hosted model"
    if task.no_code and all(stock.device.kind != "cpu" for stock in posed.fleet.stocks):
        return "add a CPU class to the fleet: for processors there is code of every kernel"
    if task.rule != PlacementRule():
        return "change the `placement` of the node, or the fleet"
    if task.kinds == ("cpu",) and all(stock.device.kind != "cpu" for stock in posed.fleet.stocks):
        return "add a CPU class to the fleet: tools and other general-purpose work run there"
    return "add a device with more memory, or narrow the precision"
