"""Why nothing fits, for the user: the demands that conflict, what each device lacks, and what would help."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentc.analyses.names import task_names
from agentc.analyses.placement_problem import Posed, pose, restricted
from agentc.dialects.agent import GraphOp
from agentc.dialects.provenance import span
from agentc.plan.fleet import Fleet
from agentc.plan.graph import TaskGraph
from agentc.plan.placement import PlacementProblem
from agentc.solve.conflict import explain
from agentc.solve.demands import Relaxation
from agentc.support.diagnostics import Diagnostic, Label

UNPROVEN = "no placement was found within the time limit, and none is proven to be impossible"

Allowed = Mapping[str, frozenset[str]]
"""Task -> the only options that it may take."""


def refusal(posed: Posed, allowed: Allowed, graph: GraphOp, *, proven: bool) -> Diagnostic:
    """The diagnostic of a problem without an answer; ``proven``: none exists.

    The demands are looked at once more with the options that they rule out: only these tell by how much one must give.
    """
    lenient = pose(posed.graph, posed.fleet, posed.problem.objective, lenient=True)
    lacking = homeless(lenient)
    told, cures = ((UNPROVEN,), ()) if not proven else ((), ()) if lacking else _conflict(posed, lenient, allowed)
    because = (*told, *lacking.values())
    named = [op for op, name in task_names(graph).items() if any(f"`{name}`" in text for text in because)]
    places = dict.fromkeys(place for op in named if (place := span(op)) is not None)
    labels = tuple(Label(place, "this node") for place in list(places)[1:4])
    message = f"no placement on fleet `{posed.fleet.name}` keeps what agent `{posed.graph.agent}` demands"
    first = next(iter(places), span(graph))
    return Diagnostic(
        "infeasible-placement", message, first, labels=labels, notes=because, help="; ".join(cures) or None
    )


def _conflict(posed: Posed, lenient: Posed, allowed: Allowed) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences on what conflicts, and on what would help."""

    def changed(changes: Sequence[Relaxation]) -> PlacementProblem:
        graph, fleet = change(posed.graph, posed.fleet, changes)
        return restricted(pose(graph, fleet, posed.problem.objective).problem, allowed)

    found = explain(restricted(lenient.problem, allowed), changed=changed)
    return found.demand_sentences, found.cure_sentences


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


def homeless(posed: Posed) -> dict[str, str]:
    """The first task of each group that fits no device -> a sentence with what each device lacks."""
    found: dict[str, str] = {}
    groups = {task.name: task.group or task.name for task in posed.graph.tasks}
    seen: set[str] = set()
    for task in posed.problem.tasks:
        if not task.options and groups[task.name] not in seen:
            seen.add(groups[task.name])
            rows = [f"{row.device}: {row.why}" for row in posed.table.rejected if row.task == task.name]
            found[task.name] = f"`{task.name}` fits no device: {'; '.join(rows)}"
    return found
