"""Large problems made small without losing the best answer: a short list first, then only what could still beat it.

A short list of options gives a placement, and its cost U. A pool whose first replica, with the pools that are needed in
any case and the least that the tasks outside it cost, comes to more than U is in no better placement: its options go.
What is left is solved exactly, so that the answer and its proof are those of the whole problem.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from agentc.plan.placement import Option, PlacementProblem, PlacementSolution, PlacementTask

FEW = 600
"""Options in all up to which a problem is solved as it is."""

PARTS = (1.0, 0.8, 0.5)
"""Parts of a limit: the tasks of a call share it."""

SECONDS_PER_HOUR = 3600.0

Solver: TypeAlias = Callable[[PlacementProblem], PlacementSolution]


@dataclass(frozen=True)
class Shortened:
    """An answer, and the short problem in which to look for alternatives to it."""

    solution: PlacementSolution
    problem: PlacementProblem


def solve_large(problem: PlacementProblem, solver: Solver) -> Shortened:
    """The answer of ``solver`` to ``problem``, by way of a short list where that is possible and worth it."""
    if sum(len(task.options) for task in problem.tasks) <= FEW:
        best = solver(problem)
        return Shortened(best, _with(problem, best))
    first = solver(only(problem, shortlist(problem, PARTS)))
    if first.status == "infeasible":
        best = solver(problem)
        return Shortened(best, _with(problem, best))
    if problem.objective != "cost" or any(limit.usd_per_second is not None for limit in problem.deadlines):
        best = solver(problem)
        return Shortened(best, _with(problem, best))
    candidates = only(problem, affordable(problem, first.usd_per_hour) | set(first.replicas))
    best = solver(candidates)
    best = best if best.status != "infeasible" else first
    return Shortened(best, _with(problem, best))


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
    least = {task.name: min((hourly(problem, task, o) for o in task.options), default=0.0) for task in problem.tasks}
    needed = {pool for task in problem.tasks if (pool := _sole_pool(task)) is not None}
    rent = sum(problem.pools[pool].usd_per_hour for pool in needed)
    free = {task.name for task in problem.tasks if _sole_pool(task) is None}
    users: dict[str, set[str]] = {}
    for task in problem.tasks:
        for option in task.options:
            if option.pool is not None:
                users.setdefault(option.pool, set()).add(task.name)
    total = sum(least[name] for name in free)
    return {
        name
        for name, pool in problem.pools.items()
        if name in needed
        or rent + pool.usd_per_hour + total - sum(least[task] for task in users.get(name, set()) & free)
        <= budget * (1 + 1e-9)
    }


def _sole_pool(task: PlacementTask) -> str | None:
    """The pool that ``task`` needs whatever is chosen."""
    pools = {option.pool for option in task.options}
    return next(iter(pools)) if len(pools) == 1 else None


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
        if timely:
            yield min(timely, key=lambda option: hourly(problem, task, option)).pool or ""
    yield min(row, key=lambda option: option.seconds).pool or ""
    if len(parts) > 1:
        for metric in sorted({name for option in row for name in option.metrics}):
            yield min(row, key=lambda option, m=metric: option.metrics.get(m, 0.0)).pool or ""
