"""The user's word on which nodes are apart and which are together, as edges that carry nothing.

An edge's hops say which places go together; a pair that is missing cannot be chosen. So the solver needs no rows of
another kind for affinity and anti-affinity: two tasks that share no zone have an edge without the pairs of one zone.
"""

from collections.abc import Mapping
from dataclasses import replace

from agentc.plan.fleet import Fleet
from agentc.plan.graph import Company, Domain, Neighbor, TaskGraph
from agentc.plan.placement import Hop, Option, PlacementEdge, PlacementProblem, PlacementTask

NOTHING = Hop(0.0, link="none")
"""What such an edge takes."""

SHARED: Mapping[Domain, str] = {"device": "device class", "site": "site", "zone": "zone"}


def accompanied(problem: PlacementProblem, graph: TaskGraph, fleet: Fleet) -> PlacementProblem:
    """``problem`` with an edge for each two tasks that are to be apart or together; of a group its first task."""
    if not graph.company:
        return problem
    heads = _heads(graph)
    order = {task.name: number for number, task in enumerate(problem.tasks)}
    edges: dict[tuple[str, str, Neighbor], PlacementEdge] = {}
    for company in graph.company:
        places = _places(company.rule.domain, fleet)
        for one in dict.fromkeys(heads[name] for name in company.ones):
            for other in dict.fromkeys(heads[name] for name in company.others):
                src, dst = sorted((one, other), key=order.__getitem__)
                if src != dst:
                    tasks = problem.tasks[order[src]], problem.tasks[order[dst]]
                    edges[src, dst, replace(company.rule, node="")] = _edge(*tasks, company, places)
    return replace(problem, edges=(*problem.edges, *edges.values()))


def _heads(graph: TaskGraph) -> dict[str, str]:
    """Task -> the first task of its group, else itself."""
    first: dict[str, str] = {}
    return {task.name: first.setdefault(task.group or task.name, task.name) for task in graph.tasks}


def _places(domain: Domain, fleet: Fleet) -> dict[str, str]:
    """Device class -> the place of the domain that it is at; classes without a zone are at none."""
    rows = ((stock.device.name, stock) for stock in fleet.stocks)
    if domain == "device":
        return {name: name for name, _ in rows}
    return {name: at for name, stock in rows if (at := stock.site if domain == "site" else stock.zone)}


def _edge(src: PlacementTask, dst: PlacementTask, company: Company, places: Mapping[str, str]) -> PlacementEdge:
    apart, domain = company.rule.apart, SHARED[company.rule.domain]
    here, there = _where(src.options, places), _where(dst.options, places)
    hops = {
        (a, b): NOTHING
        for a, one in here.items()
        for b, other in there.items()
        if (one is None or one != other if apart else one is not None and one == other)
    }
    verb = f"are to share no {domain}" if apart else f"are to be at one {domain}"
    return PlacementEdge(src.name, dst.name, hops, True, f"`{src.name}` and `{dst.name}` {verb}")


def _where(options: tuple[Option, ...], places: Mapping[str, str]) -> dict[str, str | None]:
    """Place of each option -> where that is in the domain; ``None`` for what is nowhere known, as hosted models."""
    return {option.place: places.get(option.device) for option in options}
