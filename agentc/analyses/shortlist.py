"""Large problems made small without losing the best answer: a short list first, then only what could still beat it.

Agents of many tasks have an outline first (see ``agentc.solve.relaxation`` and, where stock or end-to-end time binds,
``agentc.solve.trade``), which is bounded over all options.

A short list of options gives a placement, and its cost U. A pool whose first replica, with the pools that are needed in
any case and the least that the tasks outside it cost, comes to more than U is in no better placement: its options go.
What is left is solved exactly, so that the answer and its proof are those of the whole problem.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from agentc.plan.placement import Option, PlacementProblem, PlacementSolution, PlacementTask
from agentc.support.record import record

FEW = 600
"""Options in all up to which a problem is solved as it is."""

MANY = 6000
"""Options in all that could beat the short list's answer, above which it stands with the gap that is proven."""

EXACT = 1e-6
"""Relative gap of an answer that counts as the best."""

CLOSE = 0.01
"""Relative gap at which the answer to a large problem is left as it is, with the gap that is proven."""

LARGE = 60
"""Tasks above which there is an outline first, and the first list is the shortest."""

HUGE = 150
"""Tasks above which the outline's answer stands, whatever its gap: programs of whole tasks gain nothing in time."""

OUTLINE_SECONDS = 30.0
"""For the outline; a thousand nodes take three where the stock is ample."""

PARTS = (1.0, 0.8, 0.5)
"""Parts of a limit: the tasks of a call share it."""

SECONDS_PER_HOUR = 3600.0

Solver: TypeAlias = Callable[[PlacementProblem, float], PlacementSolution]
"""Problem and relative gap -> answer."""


def _proven(answer: PlacementSolution, bound: float) -> PlacementSolution:
    """``answer`` with its distance from a lower bound of the whole problem."""
    gap = max(0.0, answer.usd_per_hour - bound) / answer.usd_per_hour if answer.usd_per_hour > 0 else 0.0
    return replace(answer, status="feasible" if gap > 1e-6 else "optimal", bound=bound, gap=gap)


@record
class Shortened:
    """An answer, and the short problem in which to look for alternatives to it."""

    solution: PlacementSolution
    problem: PlacementProblem


def solve_large(problem: PlacementProblem, solver: Solver) -> Shortened:
    """The answer of ``solver`` to ``problem``, by way of an outline and a short list where that is possible and worth
    it."""
    if sum(len(task.options) for task in problem.tasks) <= FEW:
        best = solver(problem, EXACT)
    elif len(problem.tasks) > LARGE:
        best = _of_many(problem, solver)
    else:
        first = solver(only(problem, shortlist(problem, PARTS)), EXACT)
        best = _beaten(problem, solver, first, -math.inf)
    return Shortened(best, _with(problem, best))


def _of_many(problem: PlacementProblem, solver: Solver) -> PlacementSolution:
    """For many tasks: the outline's answer, or what still beats it; a short list's where there is none."""
    from agentc.solve import outline

    found, bound = outline(problem, time_limit=OUTLINE_SECONDS, gap=EXACT, enough=CLOSE)
    if found is not None and problem.objective == "cost":
        many = len(problem.tasks) > HUGE or found.gap <= CLOSE
        return found if many else better(found, _beaten(problem, solver, found, bound))
    if found is not None and found.gap <= CLOSE:
        return found
    if bound == math.inf or problem.objective != "cost":
        return solver(problem, EXACT)
    first = solver(only(problem, shortlist(problem, PARTS[:1])), CLOSE)
    if first.status == "infeasible":
        first = solver(only(problem, shortlist(problem, PARTS)), CLOSE)
    return _beaten(problem, solver, first, bound)


def better(one: PlacementSolution, other: PlacementSolution) -> PlacementSolution:
    """The cheaper of two answers, with the better of their bounds."""
    first, second = sorted((one, other), key=lambda each: (each.status == "infeasible", each.objective))
    bound = min(first.objective, max(first.bound, second.bound if second.status != "infeasible" else -math.inf))
    gap = (first.objective - bound) / first.objective if first.objective > 0 else 0.0
    return replace(first, status="feasible" if gap > EXACT else "optimal", bound=bound, gap=gap)


def _beaten(problem: PlacementProblem, solver: Solver, first: PlacementSolution, bound: float) -> PlacementSolution:
    """The best answer, given a ``first`` one and a bound of the cost: what could still beat it is solved exactly."""
    soft = any(limit.usd_per_second is not None for limit in problem.deadlines)
    if first.status == "infeasible" or problem.objective != "cost" or soft:
        return solver(problem, EXACT)
    if first.usd_per_hour - bound <= EXACT * first.usd_per_hour:
        return _proven(first, bound)
    candidates = only(problem, affordable(problem, first.usd_per_hour) | set(first.replicas))
    if sum(len(task.options) for task in candidates.tasks) > MANY:
        return _proven(first, max(bound, sum(bill for bill, _ in least_bills(problem))))
    best = solver(candidates, EXACT)
    return best if best.status != "infeasible" else first


def only(problem: PlacementProblem, pools: set[str]) -> PlacementProblem:
    """``problem`` with the options of ``pools`` and those that need no pool."""
    rows: dict[int, tuple[Option, ...]] = {}
    for task in problem.tasks:
        if id(task.options) not in rows:
            rows[id(task.options)] = tuple(o for o in task.options if o.pool is None or o.pool in pools)
    tasks = tuple(replace(task, options=rows[id(task.options)]) for task in problem.tasks)
    kept = {(task.name, option.name) for task in tasks for option in task.options}
    return replace(
        problem,
        tasks=tasks,
        pools={name: pool for name, pool in problem.pools.items() if name in pools},
        together=tuple(group for group in problem.together if group <= kept),
    )


def _with(problem: PlacementProblem, best: PlacementSolution) -> PlacementProblem:
    """What alternatives to ``best`` are looked for in: what it uses, and a shorter list."""
    return only(problem, shortlist(problem, (1.0,)) | set(best.replicas))


def hourly(problem: PlacementProblem, task: PlacementTask, option: Option) -> float:
    """Dollars per hour of an option where its pool could be rented by the second."""
    rate = problem.requests_per_second * task.visits
    if option.pool is None:
        return SECONDS_PER_HOUR * rate * option.usd
    pool = problem.pools[option.pool]
    return pool.usd_per_hour * rate * option.busy_seconds / pool.capacity + SECONDS_PER_HOUR * rate * option.usd


def affordable(problem: PlacementProblem, budget: float) -> set[str]:
    """The pools that a placement of at most ``budget`` dollars per hour could use."""
    bills = least_bills(problem)
    total = sum(bill for bill, _ in bills)
    limit = budget * (1 + 1e-9)
    return {pool for bill, pools in bills for pool in pools if total - bill + problem.pools[pool].usd_per_hour <= limit}


def least_bills(problem: PlacementProblem) -> list[tuple[float, set[str]]]:
    """Sets of pools that no task chooses between (models, tools), each with the least that its tasks cost per hour.

    That is a whole replica for the task whose cheapest pool is dearest, and at least everybody's share by time.
    """
    members: dict[str, list[PlacementTask]] = {}
    sets: dict[str, set[str]] = {}
    for task in problem.tasks:
        own = {option.pool for option in task.options if option.pool is not None}
        if any(option.pool is None for option in task.options) or not own:
            own = {f" {task.name}", *own}
        _merge(sets, own)
        members.setdefault(min(own), []).append(task)
    grouped: dict[int, tuple[set[str], list[PlacementTask]]] = {}
    for name, tasks in members.items():
        grouped.setdefault(id(sets[name]), (sets[name], []))[1].extend(tasks)
    return [(_least(problem, tasks), pools & problem.pools.keys()) for pools, tasks in grouped.values()]


def _merge(sets: dict[str, set[str]], names: set[str]) -> None:
    """Make one set of all that hold one of ``names``."""
    joined = max((sets[name] for name in names if name in sets), key=len, default=set[str]())
    for name in names:
        other = sets.get(name, {name})
        if other is not joined:
            joined |= other
            for moved in other:
                sets[moved] = joined


def _least(problem: PlacementProblem, tasks: list[PlacementTask]) -> float:
    shares = sum(min((hourly(problem, task, o) for o in task.options), default=0.0) for task in tasks)
    return max(shares, max((_cheapest(problem, task) for task in tasks), default=0.0))


def _cheapest(problem: PlacementProblem, task: PlacementTask) -> float:
    """The rent of one replica of the cheapest pool of ``task``; nothing where it may do without."""
    return min((problem.pools[o.pool].usd_per_hour if o.pool is not None else 0.0 for o in task.options), default=0.0)


def shortlist(problem: PlacementProblem, parts: Sequence[float]) -> set[str]:
    """Pools worth trying first: for each task, device class and mode the fastest, and the cheapest of those that take
    no more of each limit than each of ``parts``."""
    limits: dict[str, float] = {}
    for deadline in problem.deadlines:
        limits[deadline.metric] = min(limits.get(deadline.metric, math.inf), deadline.seconds)
    kept: set[str] = set()
    seen: set[tuple[int, float]] = set()
    for task in problem.tasks:
        if (id(task.options), task.visits) not in seen:
            seen.add((id(task.options), task.visits))
            for row in _alike(task.options):
                kept.update(_best(problem, task, row, limits, parts))
    return kept


def _alike(options: Iterable[Option]) -> Iterable[list[Option]]:
    rows: dict[tuple[str, str], list[Option]] = {}
    for option in options:
        if option.pool is not None:
            rows.setdefault((option.device, option.mode), []).append(option)
    return rows.values()


def _best(
    problem: PlacementProblem,
    task: PlacementTask,
    row: list[Option],
    limits: Mapping[str, float],
    parts: Sequence[float],
) -> Iterable[str]:
    """The pools of a few options of ``row``: the cheapest within each limit or a part of it, the fastest."""

    def bill(option: Option) -> tuple[float, float, float]:
        share = hourly(problem, task, option)
        rent = problem.pools[option.pool].usd_per_hour if option.pool is not None else 0.0
        return max(share, rent), share, option.seconds

    for part in parts:
        timely = [o for o in row if all(v <= part * limits.get(m, math.inf) for m, v in o.metrics.items())]
        for option in sorted(timely, key=bill)[: len(parts)]:
            yield option.pool or ""
        if timely and len(parts) > 1:
            yield min(timely, key=lambda option: hourly(problem, task, option)).pool or ""
    yield min(row, key=lambda option: option.seconds).pool or ""
    if len(parts) > 1:
        for metric in sorted({name for option in row for name in option.metrics}):
            yield min(row, key=lambda option, m=metric: option.metrics.get(m, 0.0)).pool or ""
