"""Steps by several routes: several device classes share a step's load where none has the stock for it, or where whole
replicas of several cost less than those of one.

A route is a copy of a step's tasks (of a call's prefill and decode, with all their parts) that serves a share of its
visits: a task like any other, so that the cost model tells its waits at its own share of the load, and limits hold on
each route. The shares are the solver's (``agentc.solve.split``); as waits depend on shares, what was found is posed
again at its shares until it stands.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from agentc.analyses.contraction import contract
from agentc.analyses.placement_problem import Posed, pose, restricted
from agentc.analyses.shortlist import PARTS, affordable, least_bills, only, shortlist
from agentc.plan.graph import ROUTE, Company, Task, TaskEdge, TaskGraph, step_of
from agentc.plan.placement import PlacementProblem

if TYPE_CHECKING:
    from agentc.solve.split import Shares

Step: TypeAlias = tuple[str, ...]
"""The tasks that go the same way."""

Ways: TypeAlias = dict[Step, tuple[float, ...]]
"""Step -> the shares of its routes; steps that are not in it go one way."""

Allowed: TypeAlias = Mapping[str, frozenset[str]]
"""Task -> the only options that it may take."""

MOST = 3
"""Routes of a step that are tried."""

LARGE = 40
"""Tasks above which no step is split."""

FEW = 600
"""Options in all, of three routes, up to which shares are looked for where one way would do: seconds for what most
often is not there."""

MANY = 4000
"""Options in all, of routes, above which shares are those of a short list."""

TRIES = 8
"""Poses with shares before it is given up."""

GAP = 5e-3
"""Relative gap at which shares are good enough."""

ROUNDS = 4
"""Linear programs that tell which pools are too dear."""

PROOF_SECONDS = 3.0
"""For the bound of what shares cost."""

SECONDS = 30.0
"""For all shares, should a machine be slow; an agent of few calls takes a second, as searches end by their nodes."""


def split(
    posed: Posed,
    one_way: PlacementProblem,
    allowed: Allowed,
    most: Callable[[], float],
    *,
    time_limit: float = SECONDS,
) -> Iterator[tuple[Posed, float]]:
    """Problems with steps by two or more routes that may cost no more than ``most`` by then, in $/hour; each with a
    bound of what any shares cost, if waits were those of the whole load.

    ``one_way`` is ``posed`` with groups as one.
    """
    from agentc.solve.split import floor, shares

    steps = splittable(posed.graph) if len(posed.graph.tasks) <= LARGE else []
    until = time.perf_counter() + min(time_limit, SECONDS)
    if not steps or math.fsum(bill for bill, _ in least_bills(one_way)) > most():
        return
    name = {task.name: task.group or task.name for task in posed.graph.tasks}
    units = [list(dict.fromkeys(name[task] for task in step)) for step in steps]
    left = only(one_way, affordable(one_way, most())) if most() < math.inf else one_way
    for _ in range(ROUNDS):
        least = floor(left, units, most=most())
        if least.bound > most() or least.bound == math.inf:
            return
        if len(least.pools) == len(left.pools):
            break
        left = only(left, set(least.pools))
    dear = set(one_way.pools) - set(left.pools)
    if most() < math.inf and MOST * _options(left) > FEW:
        return

    def seek(ways: Ways) -> "Shares | None":
        """The shares that are cheapest if waits are those of ``ways``; of problems with many options, among a few."""
        seconds = until - time.perf_counter()
        if seconds <= 0:
            return None
        asked, routes = _asked(posed, allowed, ways)
        asked = only(asked, set(asked.pools) - dear)
        if _options(asked) > MANY:
            asked = only(asked, shortlist(asked, PARTS))
        return shares(asked, routes, most=most(), time_limit=seconds, gap=GAP)

    bound = 0.0
    tried: list[Ways] = []
    for ways in _starts(steps, short=most() == math.inf):
        while ways and ways not in tried and len(tried) < TRIES:
            tried.append(ways)
            found = seek(ways)
            new = {step: _taken(row) for step, row in zip(ways, found or (), strict=False)}
            # Routes that took nothing are tried no more; of the rest, waits are now those of their shares.
            ways = {step: row for step, row in new.items() if len(row) > 1}
            if ways and ways not in tried:
                bound = bound or floor(left, units, time_limit=PROOF_SECONDS).bound
                yield pose(routed(posed.graph, new), posed.fleet, posed.problem.objective), bound


def _starts(steps: Sequence[Step], *, short: bool) -> Iterator[Ways]:
    """Shares whose waits come first: equal ones; where nothing else fits also those of the whole load, at which most
    options are there."""
    for count in range(2, MOST + 1):
        for share in (1.0, 1.0 / count) if short else (1.0 / count,):
            yield dict.fromkeys(steps, (share,) * count)


def _options(problem: PlacementProblem) -> int:
    return sum(len(task.options) for task in problem.tasks)


def splittable(graph: TaskGraph) -> list[Step]:
    """The steps that can go several ways: calls of models on the fleet, whose cache nothing else reads."""
    units: dict[str, list[Task]] = {}
    for task in graph.tasks:
        units.setdefault(task.group or task.name, []).append(task)
    unit = {task.name: name for name, tasks in units.items() for task in tasks}
    pairs = {unit[task.name]: unit[task.pair] for task in graph.tasks if task.pair in unit}
    found: dict[frozenset[str], Step] = {}
    for name, tasks in units.items():
        whole = [*tasks, *units[pairs[name]]] if name in pairs else tasks
        if any(task.model for task in whole) and not any(task.hosted for task in whole):
            names = frozenset(task.name for task in whole)
            if not _lends(graph, whole, names):
                found.setdefault(names, tuple(task.name for task in graph.tasks if task.name in names))
    return list(found.values())


def _lends(graph: TaskGraph, tasks: list[Task], names: frozenset[str]) -> bool:
    """Whether a cache goes beyond the step: into a decode or a prefill of another, or from one."""
    if all(task.model is None or task.model.kind != "decoder" for task in tasks):
        return False
    return any(edge.streams and (edge.src in names) != (edge.dst in names) for edge in graph.edges)


def routed(graph: TaskGraph, ways: Ways) -> TaskGraph:
    """``graph`` with a copy of a step's tasks for each of its routes, which serves its share."""
    shares = {name: row for step, row in ways.items() if len(row) > 1 for name in step}
    home = {name: step for step in ways for name in step}
    tasks = tuple(
        _route(task, number, share)
        for task in graph.tasks
        for number, share in enumerate(shares.get(task.name, (1.0,)))
    )
    edges = tuple(each for edge in graph.edges for each in _edges(edge, shares, home))
    copies = {name: tuple(_name(name, number) for number in range(len(row))) for name, row in shares.items()}
    company = tuple(Company(_all(each.ones, copies), _all(each.others, copies), each.rule) for each in graph.company)
    return replace(graph, tasks=tasks, edges=edges, company=company)


def _name(name: str, number: int) -> str:
    """Of a route; the first, which has the largest share, keeps the step's."""
    return f"{name}{ROUTE}{number + 1}" if number else name


def _route(task: Task, number: int, share: float) -> Task:
    return replace(
        task,
        name=_name(task.name, number),
        visits=task.visits * share,
        pair=_name(task.pair, number) if task.pair else None,
        group=_name(task.group, number) if task.group else None,
        share=share,
    )


def _edges(edge: TaskEdge, shares: Mapping[str, tuple[float, ...]], home: Mapping[str, Step]) -> Iterator[TaskEdge]:
    """The edge on each way: within a step from route to the same route, between steps from each to each."""
    sources, targets = range(len(shares.get(edge.src, (1.0,)))), range(len(shares.get(edge.dst, (1.0,))))
    within = edge.src in home and home[edge.src] == home.get(edge.dst)
    for src in sources:
        for dst in targets:
            if not within or src == dst:
                yield replace(edge, src=_name(edge.src, src), dst=_name(edge.dst, dst))


def _all(names: tuple[str, ...], copies: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(each for name in names for each in copies.get(name, (name,)))


def _asked(posed: Posed, allowed: Allowed, ways: Ways) -> tuple[PlacementProblem, list[list[list[str]]]]:
    """The problem with routes of these shares, for the solver: groups as one. And the tasks of each route."""
    graph = routed(posed.graph, ways)
    problem = restricted(pose(graph, posed.fleet, posed.problem.objective).problem, of_routes(allowed, graph))
    name = {task.name: task.group or task.name for task in graph.tasks}
    routes = [
        [list(dict.fromkeys(name[_name(task, number)] for task in step)) for number in range(len(row))]
        for step, row in ways.items()
    ]
    return contract(problem, graph).problem, routes


def of_routes(allowed: Allowed, graph: TaskGraph) -> dict[str, frozenset[str]]:
    """What the routes of ``graph`` may take: what their steps may."""
    names = (task.name for task in graph.tasks) if allowed else ()
    return {name: allowed[step_of(name)] for name in names if step_of(name) in allowed}


def _taken(row: tuple[float, ...]) -> tuple[float, ...]:
    """The shares of the routes that are used, the largest first."""
    return tuple(sorted((share for share in row if share > 0), reverse=True))
