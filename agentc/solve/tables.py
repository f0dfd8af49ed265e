"""A placement problem with names turned into numbers and rates multiplied in: what the algorithms work on.

Seconds of tasks and hops are weighted by visits here (of a request that goes there), money is in $/hour at the stated
rate, and the work of an option is in replicas of its pool.
"""

import math
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property

from agentc.plan.placement import Deadline, Option, PlacementEdge, PlacementProblem
from agentc.solve.carbon import weighed
from agentc.solve.evaluate import SECONDS_PER_HOUR, TOLERANCE, replicas_for
from agentc.support.record import record

NO_POOL = -1


@record(slots=True)
class Cell:
    """One option of one task."""

    option: Option
    place: str
    pool: int
    load: float
    """Replicas of the pool that the work keeps busy."""
    usd: float
    """$/hour beside the pool's rent."""
    seconds: float
    """On the end-to-end path: visits x seconds; zero for asynchronous tasks."""
    joules: float
    """Per request."""


@record(slots=True)
class Carry:
    """One transfer of one edge."""

    seconds: float
    """Once, as it enters ``ttft`` and ``tbt``."""
    path_seconds: float
    """On the end-to-end path: weighted by the visits of the edge's end; zero on asynchronous edges."""
    usd: float
    """$/hour."""


@record(slots=True)
class Link:
    """One edge; ``carries`` has the pairs of places that can be chosen."""

    src: int
    dst: int
    carries: Mapping[tuple[str, str], Carry]
    on_path: bool
    weight: float
    """Visits of the edge's end where the edge is on the end-to-end path, else zero."""


@record(slots=True)
class Bound:
    """One deadline; ``links`` are the edges between its ``tasks``."""

    metric: str
    limit: float
    tasks: tuple[int, ...]
    links: tuple[int, ...]
    usd: float | None
    """$/hour for each second beyond; ``None``: hard."""

    @property
    def on_path(self) -> bool:
        return self.metric == "end_to_end"

    @property
    def binding(self) -> bool:
        """False for a limit of infinity, which only measures."""
        return math.isfinite(self.limit)


@record(slots=True)
class PoolRow:
    """One pool; ``usd`` is the rent of one replica per hour, ``devices`` what it holds."""

    name: str
    usd: float
    devices: int
    device: str
    stock: float
    """Devices of the class at hand; infinite where unlimited."""
    joules: float = 0.0
    """Per request, of one replica that has nothing to do."""
    memory: float = math.inf
    """Bytes of a device that what runs here may take together."""

    def fits(self, load: float) -> bool:
        """The stock alone can hold the replicas that ``load`` takes."""
        return replicas_for(load) * self.devices <= self.stock


@record
class Tables:
    """``cells[t][o]`` is option ``o`` of task ``t``, in the problem's order."""

    problem: PlacementProblem
    cells: tuple[tuple[Cell, ...], ...]
    links: tuple[Link, ...]
    arriving: tuple[tuple[int, ...], ...]
    """Task -> numbers of the links that end there."""
    leaving: tuple[tuple[int, ...], ...]
    pools: tuple[PoolRow, ...]
    bounds: tuple[Bound, ...]
    bounds_of: tuple[tuple[int, ...], ...]
    """Task -> numbers of the additive deadlines that count it."""
    groups: tuple[tuple[tuple[int, int], ...], ...]
    """Sets of (task, option) that are chosen all or none; a set of two options of one task never is."""
    group_of: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict[tuple[int, int], tuple[int, ...]])

    @cached_property
    def shares(self) -> tuple[tuple[float, ...], ...]:
        """Task -> option -> $/hour with the fraction of its pool's rent that its work takes."""
        rent = [pool.usd for pool in self.pools]
        return tuple(
            tuple(cell.usd + (0.0 if cell.pool == NO_POOL else cell.load * rent[cell.pool]) for cell in row)
            for row in self.cells
        )

    @cached_property
    def crowded(self) -> Mapping[int, Mapping[str, tuple[int, ...]]]:
        """Pool whose memory counts -> resident -> the tasks that may bring it there; a task's own is ``task NAME``."""
        found: dict[int, dict[str, dict[int, None]]] = {}
        for t, row in enumerate(self.cells):
            for cell in row:
                if cell.pool != NO_POOL and math.isfinite(self.pools[cell.pool].memory):
                    found.setdefault(cell.pool, {}).setdefault(self.resident(t, cell), {})[t] = None
        return {p: {whose: tuple(tasks) for whose, tasks in lying.items()} for p, lying in found.items()}

    def resident(self, task: int, cell: Cell) -> str:
        """Whose memory an option takes."""
        return cell.option.resident or f"task {self.name(task)}"

    @cached_property
    def loose(self) -> tuple[tuple[int, ...], ...]:
        """Task -> its options that are in no group, by their share, then by their order."""
        return tuple(
            tuple(sorted((o for o in range(len(row)) if (t, o) not in self.group_of), key=lambda o: (shares[o], o)))
            for t, (row, shares) in enumerate(zip(self.cells, self.shares, strict=True))
        )

    @cached_property
    def metrics(self) -> tuple[tuple[tuple[tuple[int, float], ...], ...], ...]:
        """Task -> option -> the additive deadlines that it takes time of, and how much."""
        return tuple(
            tuple(
                tuple((b, seconds) for b in self.bounds_of[t] if (seconds := self.metric(self.bounds[b], t, o)))
                for o in range(len(row))
            )
            for t, row in enumerate(self.cells)
        )

    @cached_property
    def counted_by(self) -> tuple[tuple[int, ...], ...]:
        """Link -> the deadlines that count it."""
        found: list[list[int]] = [[] for _ in self.links]
        for b, bound in enumerate(self.bounds):
            for n in bound.links:
                found[n].append(b)
        return tuple(tuple(numbers) for numbers in found)

    @cached_property
    def charging(self) -> frozenset[int]:
        """The links that charge for some of their hops."""
        return frozenset(n for n, link in enumerate(self.links) if any(carry.usd for carry in link.carries.values()))

    @cached_property
    def priced(self) -> tuple[tuple[int, ...], ...]:
        """Task -> the links at it that charge for some of their hops."""
        both = zip(self.arriving, self.leaving, strict=True)
        return tuple(tuple(n for n in (*before, *after) if n in self.charging) for before, after in both)

    @property
    def size(self) -> int:
        return len(self.cells)

    def name(self, task: int) -> str:
        return self.problem.tasks[task].name

    def choice(self, picked: list[int]) -> dict[str, str]:
        """Task -> option name for option numbers ``picked``."""
        return {self.name(t): self.cells[t][o].option.name for t, o in enumerate(picked)}

    def metric(self, bound: Bound, task: int, option: int) -> float:
        return self.cells[task][option].option.metrics.get(bound.metric, 0.0)

    @cached_property
    def limits(self) -> tuple[tuple[int, float, float, bool, float | None], ...]:
        """Number, limit, what rounding may exceed it by, whether it is of the longest path, and price of each deadline
        that binds."""
        return tuple(
            (b, bound.limit, TOLERANCE * abs(bound.limit), bound.on_path, bound.usd)
            for b, bound in enumerate(self.bounds)
            if bound.binding
        )

    def path_bounds(self) -> tuple[Bound, ...]:
        """The limits on the longest path."""
        return self._path_bounds

    @cached_property
    def _path_bounds(self) -> tuple[Bound, ...]:
        return tuple(b for b in self.bounds if b.on_path and b.binding)


def tabulate(problem: PlacementProblem) -> Tables:
    """Check ``problem`` and compile it; where carbon is the objective, as one of energy (see ``carbon.weighed``).

    Raises ValueError, with the offending name and value, for what is no problem at all: names that
    are double or unknown, edges against the order of the tasks, figures that are negative or not finite.
    """
    check(problem)
    problem = weighed(problem)
    index = {task.name: t for t, task in enumerate(problem.tasks)}
    pool_index = {name: p for p, name in enumerate(problem.pools)}
    cells = tuple(tuple(_cell(problem, t, o, pool_index) for o in task.options) for t, task in enumerate(problem.tasks))
    links = tuple(_link(problem, edge, index) for edge in problem.edges)
    bounds = tuple(_bound(problem, deadline, index, links) for deadline in problem.deadlines)
    groups = _groups(problem, index)
    members: dict[tuple[int, int], tuple[int, ...]] = {}
    for g, group in enumerate(groups):
        for member in group:
            members[member] = (*members.get(member, ()), g)
    tasks = range(len(cells))
    return Tables(
        problem=problem,
        cells=cells,
        links=links,
        arriving=_by_end(len(cells), [link.dst for link in links]),
        leaving=_by_end(len(cells), [link.src for link in links]),
        pools=tuple(
            PoolRow(
                name,
                pool.usd_per_hour,
                pool.devices,
                pool.device,
                problem.stock.get(pool.device, math.inf),
                pool.watts / problem.requests_per_second,
                pool.memory_bytes,
            )
            for name, pool in problem.pools.items()
        ),
        bounds=bounds,
        bounds_of=tuple(tuple(b for b, bound in enumerate(bounds) if t in bound.tasks) for t in tasks),
        groups=groups,
        group_of=members,
    )


def _by_end(size: int, ends: list[int]) -> tuple[tuple[int, ...], ...]:
    found: list[list[int]] = [[] for _ in range(size)]
    for number, end in enumerate(ends):
        found[end].append(number)
    return tuple(tuple(numbers) for numbers in found)


def _cell(problem: PlacementProblem, t: int, option: Option, pool_index: Mapping[str, int]) -> Cell:
    task = problem.tasks[t]
    rate = problem.requests_per_second
    capacity = 1.0 if option.pool is None else problem.pools[option.pool].capacity
    return Cell(
        option=option,
        place=option.place,
        pool=NO_POOL if option.pool is None else pool_index[option.pool],
        load=0.0 if option.pool is None else rate * task.visits * option.busy_seconds / capacity,
        usd=SECONDS_PER_HOUR * rate * task.visits * option.usd,
        seconds=0.0 if task.asynchronous else task.weight * option.seconds,
        joules=task.visits * option.joules,
    )


def _link(problem: PlacementProblem, edge: PlacementEdge, index: Mapping[str, int]) -> Link:
    src, dst = problem.tasks[index[edge.src]], problem.tasks[index[edge.dst]]
    on_path = not (edge.asynchronous or src.asynchronous or dst.asynchronous)
    hourly = SECONDS_PER_HOUR * problem.requests_per_second * dst.visits
    weight = dst.weight if on_path else 0.0
    here, there = {o.place for o in src.options}, {o.place for o in dst.options}
    carries = {
        pair: Carry(hop.seconds, weight * hop.seconds, hourly * hop.usd)
        for pair, hop in edge.hops.items()
        if pair[0] in here and pair[1] in there
    }
    return Link(index[edge.src], index[edge.dst], carries, on_path, weight)


def _bound(problem: PlacementProblem, deadline: Deadline, index: Mapping[str, int], links: tuple[Link, ...]) -> Bound:
    price = deadline.usd_per_second
    whole = deadline.metric == "end_to_end"
    tasks = () if whole else tuple(sorted({index[name] for name in deadline.tasks}))
    inside = set(tasks)
    return Bound(
        metric=deadline.metric,
        limit=deadline.seconds,
        tasks=tasks,
        links=tuple(n for n, link in enumerate(links) if link.src in inside and link.dst in inside),
        usd=None if price is None else SECONDS_PER_HOUR * problem.requests_per_second * price,
    )


def _groups(problem: PlacementProblem, index: Mapping[str, int]) -> tuple[tuple[tuple[int, int], ...], ...]:
    number = {(task.name, o.name): i for task in problem.tasks for i, o in enumerate(task.options)}
    return tuple(
        tuple(sorted((index[task], number[task, option]) for task, option in group)) for group in problem.together
    )


def check(problem: PlacementProblem) -> None:
    """Raise ValueError where ``problem`` breaks the contract of its types."""
    if not (problem.requests_per_second > 0 and math.isfinite(problem.requests_per_second)):
        raise ValueError(f"requests_per_second is {problem.requests_per_second}; it must be positive and finite")
    _check_pools(problem)
    order = {task.name: t for t, task in enumerate(problem.tasks)}
    if len(order) != len(problem.tasks):
        raise ValueError("two tasks have the same name")
    _check_options(problem)
    for edge in problem.edges:
        if edge.src not in order or edge.dst not in order or order[edge.src] >= order[edge.dst]:
            raise ValueError(f"edge {edge.src} -> {edge.dst} is not between tasks in topological order")
        for pair, hop in edge.hops.items():
            if 0 <= hop.seconds < math.inf and 0 <= hop.usd < math.inf:
                continue  # there are many
            _figures(f"edge {edge.src} -> {edge.dst}, hop {pair[0]} -> {pair[1]}", seconds=hop.seconds, usd=hop.usd)
    _check_deadlines(problem, order)
    _check_groups(problem)


def _check_pools(problem: PlacementProblem) -> None:
    for name, pool in problem.pools.items():
        _figures(f"pool {name}", usd_per_hour=pool.usd_per_hour, devices=pool.devices, capacity=pool.capacity)
        if pool.capacity <= 0:
            raise ValueError(f"pool {name}: capacity is {pool.capacity}; it must be positive")
        if not pool.memory_bytes >= 0:
            raise ValueError(f"pool {name}: memory is {pool.memory_bytes} bytes; it must not be negative")
    for device, count in problem.stock.items():
        _figures(f"stock of {device}", count=count)


def _check_options(problem: PlacementProblem) -> None:
    for task in problem.tasks:
        _figures(f"task {task.name}", visits=task.visits)
        if not 0 < task.share <= 1:
            raise ValueError(f"task {task.name}: its share is {task.share}; it must be above 0 and at most 1")
        if len({o.name for o in task.options}) != len(task.options):
            raise ValueError(f"task {task.name}: two options have the same name")
        for o in task.options:
            if o.pool is not None and o.pool not in problem.pools:
                raise ValueError(f"task {task.name}: option {o.name} names the unknown pool {o.pool}")
            figures = {
                "seconds": o.seconds,
                "busy_seconds": o.busy_seconds,
                "usd": o.usd,
                "joules": o.joules,
                "memory": o.memory_bytes,
            }
            _figures(f"task {task.name}, option {o.name}", **figures, **o.metrics)


def _check_deadlines(problem: PlacementProblem, order: Mapping[str, int]) -> None:
    for deadline in problem.deadlines:
        for task in deadline.tasks:
            if task not in order:
                raise ValueError(f"deadline on {deadline.metric} names the unknown task {task}")
        if not deadline.seconds >= 0:
            raise ValueError(f"deadline on {deadline.metric} is {deadline.seconds} seconds")
        _figures(f"deadline on {deadline.metric}", usd_per_second=deadline.usd_per_second or 0.0)


def _check_groups(problem: PlacementProblem) -> None:
    known = {(task.name, option.name) for task in problem.tasks for option in task.options}
    for group in problem.together:
        for task, option in sorted(group - known):
            raise ValueError(f"together names the unknown option {option} of task {task}")


def _figures(where: str, **figures: float) -> None:
    for name, value in figures.items():
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"{where}: {name} is {value}; it must be finite and not negative")
