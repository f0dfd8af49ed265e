"""What a choice of options costs, how long it takes, and which demands it breaks.

This is the definition of the placement problem: plain arithmetic on ``agentc.plan.placement``, shared
with no solver. The MILP's figures are checked against it, and brute force is nothing but this in a loop.
"""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

from agentc.plan.placement import Deadline, Hop, Objective, Option, PlacementEdge, PlacementProblem
from agentc.support.record import record

TOLERANCE = 1e-9
"""Relative slack of every comparison with a limit, so that sums of decimal fractions meet a limit exactly."""

SECONDS_PER_HOUR = 3600.0

ViolationKind: TypeAlias = Literal["choice", "link", "rule", "together", "deadline", "stock", "memory"]


@record(slots=True)
class Violation:
    """One demand that a choice breaks: ``value`` is over ``limit`` (seconds, devices, bytes)."""

    kind: ViolationKind
    name: str
    """Metric, device class, pool, edge ``a -> b``, task, or the sentence of a rule."""
    value: float = 0.0
    limit: float = 0.0


@record(slots=True)
class Evaluation:
    """All figures of one choice. Money and time are meaningful only where every task has an option."""

    replicas: Mapping[str, int]
    """Pool -> the fewest replicas that carry its load; only used pools."""
    devices: Mapping[str, int]
    """Device class -> devices held."""
    usd_per_hour: float
    """Rent of the pools, and what options and transfers charge at the stated rate; penalties are not in it."""
    usd_per_request: float
    penalty_usd_per_hour: float
    """Price of the soft deadlines that are missed."""
    joules_per_request: float
    grams_per_request: float
    """Of carbon dioxide equivalent."""
    end_to_end_seconds: float
    ttft_seconds: float
    """Largest over the deadlines on ``ttft`` (an infinite limit measures without binding)."""
    tbt_seconds: float
    deadline_seconds: tuple[float, ...]
    """The value of each of the problem's deadlines, in their order."""
    critical_path: tuple[str, ...]
    violations: tuple[Violation, ...]

    @property
    def feasible(self) -> bool:
        """No hard demand is broken."""
        return not self.violations

    def objective(self, kind: Objective) -> float:
        """The minimized quantity: $/hour with penalties, seconds end to end, joules or grams per request."""
        if kind == "latency":
            return self.end_to_end_seconds
        per_request = {"energy": self.joules_per_request, "carbon": self.grams_per_request}
        return per_request.get(kind, self.cost)

    @property
    def cost(self) -> float:
        """$/hour with the penalties of soft deadlines."""
        return self.usd_per_hour + self.penalty_usd_per_hour


def over(value: float, limit: float) -> bool:
    """True where ``value`` is beyond ``limit`` by more than rounding."""
    return value > limit + TOLERANCE * abs(limit)


def replicas_for(load: float) -> int:
    """Fewest whole replicas for ``load`` replicas' worth of work; a used pool has at least one."""
    return max(1, math.ceil(load - TOLERANCE * max(1.0, load)))


def synchronous_edges(problem: PlacementProblem) -> tuple[PlacementEdge, ...]:
    """Edges that the answer waits for: neither they nor their ends are asynchronous."""
    aside = {task.name for task in problem.tasks if task.asynchronous}
    return tuple(e for e in problem.edges if not e.asynchronous and e.src not in aside and e.dst not in aside)


def evaluate(problem: PlacementProblem, choice: Mapping[str, str]) -> Evaluation:
    """Figures and broken demands of ``choice`` (task -> option name).

    A task that is not in ``choice``, or names an option it does not have, is a violation of kind ``choice``.
    """
    chosen = _chosen(problem, choice)
    replicas = _replicas(problem, chosen)
    devices = _devices(problem, replicas)
    hops = _hops(problem, chosen)
    end_to_end, path = _longest_path(problem, chosen, hops)
    leaving = _leaving(problem, hops)
    values = tuple(_metric(problem, deadline, chosen, hops, leaving, end_to_end) for deadline in problem.deadlines)
    hourly = SECONDS_PER_HOUR * problem.requests_per_second
    dollars = _rent(problem, replicas) + hourly * _usd_per_request(problem, chosen, hops)
    return Evaluation(
        replicas=replicas,
        devices=devices,
        usd_per_hour=dollars,
        usd_per_request=dollars / hourly,
        penalty_usd_per_hour=hourly * _penalty(problem, values),
        joules_per_request=math.fsum(
            (
                *(t.visits * chosen[t.name].joules for t in problem.tasks if t.name in chosen),
                *(problem.pools[name].watts * n / problem.requests_per_second for name, n in replicas.items()),
            )
        ),
        grams_per_request=math.fsum(
            (
                *(t.visits * chosen[t.name].grams for t in problem.tasks if t.name in chosen),
                *(
                    problem.pools[name].grams_per_second * n / problem.requests_per_second
                    for name, n in replicas.items()
                ),
            )
        ),
        end_to_end_seconds=end_to_end,
        ttft_seconds=_largest(problem, "ttft", values),
        tbt_seconds=_largest(problem, "tbt", values),
        deadline_seconds=values,
        critical_path=path,
        violations=(
            *_broken_choices(problem, chosen),
            *_broken_links(problem, chosen, hops),
            *_broken_groups(problem, choice),
            *_broken_deadlines(problem, values),
            *_broken_stock(problem, devices),
            *_broken_memory(problem, chosen),
        ),
    )


def _chosen(problem: PlacementProblem, choice: Mapping[str, str]) -> dict[str, Option]:
    found: dict[str, Option] = {}
    for task in problem.tasks:
        name = choice.get(task.name)
        option = next((o for o in task.options if o.name == name), None)
        if option is not None:
            found[task.name] = option
    return found


def _replicas(problem: PlacementProblem, chosen: Mapping[str, Option]) -> dict[str, int]:
    work: dict[str, list[float]] = {}
    for task in problem.tasks:
        option = chosen.get(task.name)
        if option is not None and option.pool is not None:
            work.setdefault(option.pool, []).append(task.visits * option.busy_seconds)
    rate = problem.requests_per_second
    return {
        name: replicas_for(rate * math.fsum(work[name]) / pool.capacity)
        for name, pool in problem.pools.items()
        if name in work
    }


def _devices(problem: PlacementProblem, replicas: Mapping[str, int]) -> dict[str, int]:
    held: dict[str, int] = {}
    for name, count in replicas.items():
        pool = problem.pools[name]
        held[pool.device] = held.get(pool.device, 0) + pool.devices * count
    return held


def _hops(problem: PlacementProblem, chosen: Mapping[str, Option]) -> dict[int, Hop]:
    """Edge number -> its hop; an edge whose pair of places has none is left out."""
    found: dict[int, Hop] = {}
    for number, edge in enumerate(problem.edges):
        if edge.src in chosen and edge.dst in chosen:
            hop = edge.hops.get((chosen[edge.src].place, chosen[edge.dst].place))
            if hop is not None:
                found[number] = hop
    return found


def _rent(problem: PlacementProblem, replicas: Mapping[str, int]) -> float:
    return math.fsum(problem.pools[name].usd_per_hour * count for name, count in replicas.items())


def _usd_per_request(problem: PlacementProblem, chosen: Mapping[str, Option], hops: Mapping[int, Hop]) -> float:
    visits = {task.name: task.visits for task in problem.tasks}
    work = [visits[name] * option.usd for name, option in chosen.items()]
    return math.fsum([*work, *(visits[problem.edges[n].dst] * hop.usd for n, hop in hops.items())])


def _longest_path(
    problem: PlacementProblem, chosen: Mapping[str, Option], hops: Mapping[int, Hop]
) -> tuple[float, tuple[str, ...]]:
    """Seconds and tasks of the longest synchronous path; the first in order among equals."""
    numbers = {id(edge): n for n, edge in enumerate(problem.edges)}
    arriving: dict[str, list[PlacementEdge]] = {}
    for edge in synchronous_edges(problem):
        arriving.setdefault(edge.dst, []).append(edge)
    finish: dict[str, float] = {}
    before: dict[str, str] = {}
    for task in problem.tasks:
        if task.asynchronous:
            continue
        start = 0.0
        for edge in arriving.get(task.name, ()):
            hop = hops.get(numbers[id(edge)])
            ready = finish[edge.src] + (task.weight * hop.seconds if hop is not None else 0.0)
            if ready > start or task.name not in before:
                start, before[task.name] = max(start, ready), edge.src
        finish[task.name] = start + (task.weight * chosen[task.name].seconds if task.name in chosen else 0.0)
    if not finish:
        return 0.0, ()
    last = max(finish, key=finish.__getitem__)
    return finish[last], _walk_back(last, before)


def _walk_back(last: str, before: Mapping[str, str]) -> tuple[str, ...]:
    path = [last]
    while path[-1] in before:
        path.append(before[path[-1]])
    return tuple(reversed(path))


def _leaving(problem: PlacementProblem, hops: Mapping[int, Hop]) -> dict[str, list[int]]:
    """Task -> the edges with a hop that leave it."""
    found: dict[str, list[int]] = {}
    for number in hops:
        found.setdefault(problem.edges[number].src, []).append(number)
    return found


def _metric(
    problem: PlacementProblem,
    deadline: Deadline,
    chosen: Mapping[str, Option],
    hops: Mapping[int, Hop],
    leaving: Mapping[str, list[int]],
    end_to_end: float,
) -> float:
    if deadline.metric == "end_to_end":
        return end_to_end
    members = set(deadline.tasks)
    parts = [chosen[name].metrics.get(deadline.metric, 0.0) for name in deadline.tasks if name in chosen]
    between = [
        hops[number].seconds
        for name in members
        for number in leaving.get(name, ())
        if problem.edges[number].dst in members
    ]
    return math.fsum([*parts, *between])


def _largest(problem: PlacementProblem, metric: str, values: tuple[float, ...]) -> float:
    return max((v for d, v in zip(problem.deadlines, values, strict=True) if d.metric == metric), default=0.0)


def _penalty(problem: PlacementProblem, values: tuple[float, ...]) -> float:
    """Dollars per request for the soft deadlines that are missed."""
    return math.fsum(
        deadline.usd_per_second * max(0.0, value - deadline.seconds)
        for deadline, value in zip(problem.deadlines, values, strict=True)
        if deadline.usd_per_second is not None
    )


def _broken_choices(problem: PlacementProblem, chosen: Mapping[str, Option]) -> list[Violation]:
    return [Violation("choice", task.name) for task in problem.tasks if task.name not in chosen]


def unlinked(edge: PlacementEdge) -> Violation:
    """An edge whose ends are at places that do not go together."""
    return Violation("rule", edge.rule) if edge.rule else Violation("link", f"{edge.src} -> {edge.dst}")


def _broken_links(problem: PlacementProblem, chosen: Mapping[str, Option], hops: Mapping[int, Hop]) -> list[Violation]:
    return [
        unlinked(edge)
        for number, edge in enumerate(problem.edges)
        if edge.src in chosen and edge.dst in chosen and number not in hops
    ]


def _broken_groups(problem: PlacementProblem, choice: Mapping[str, str]) -> list[Violation]:
    broken: list[Violation] = []
    for group in problem.together:
        inside = sum(choice.get(task) == option for task, option in group)
        if 0 < inside < len(group):
            broken.append(Violation("together", ", ".join(sorted(task for task, _ in group))))
    return broken


def _broken_deadlines(problem: PlacementProblem, values: tuple[float, ...]) -> list[Violation]:
    return [
        Violation("deadline", deadline.metric, value, deadline.seconds)
        for deadline, value in zip(problem.deadlines, values, strict=True)
        if deadline.usd_per_second is None and over(value, deadline.seconds)
    ]


def _broken_stock(problem: PlacementProblem, devices: Mapping[str, int]) -> list[Violation]:
    return [
        Violation("stock", device, held, problem.stock[device])
        for device, held in devices.items()
        if held > problem.stock.get(device, held)
    ]


def _broken_memory(problem: PlacementProblem, chosen: Mapping[str, Option]) -> list[Violation]:
    limits = {name: pool.memory_bytes for name, pool in problem.pools.items() if math.isfinite(pool.memory_bytes)}
    held: dict[str, dict[str, float]] = {}
    for task, option in chosen.items():
        if option.pool in limits:
            lying, whose = held.setdefault(option.pool, {}), option.resident or f"task {task}"
            lying[whose] = max(lying.get(whose, 0.0), option.memory_bytes)
    taken = {pool: math.fsum(lying.values()) for pool, lying in held.items()}
    return [
        Violation("memory", pool, bytes_, limits[pool]) for pool, bytes_ in taken.items() if over(bytes_, limits[pool])
    ]
