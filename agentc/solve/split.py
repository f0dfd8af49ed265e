"""What share of a step's load each of its routes takes, where whole replicas and the stock decide it.

A route is a task (of a language model's call its prefill and its decode) that stands for part of a step's visits. Each
chooses its option for itself. With x = 1 where a route takes an option and z its share there, z <= x, and the shares of
a step's routes sum to one: load and dollars go by z, while deadlines, links and paths go by x, so that they hold on
each route whatever its share. Replicas are whole, so that the program tells the cheapest shares exactly, for the
figures of the options as they were posed. (The x_ij of arXiv 2507.19635 is a share, too, of devices by the fraction.)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

from agentc.plan.placement import PlacementProblem
from agentc.solve import presolve
from agentc.solve.evaluate import TOLERANCE, replicas_for
from agentc.solve.highs import INF
from agentc.solve.milp import LARGE_LOAD, Model, Shape, Terms, build, typical_cost
from agentc.solve.tables import NO_POOL, Cell, Tables, tabulate
from agentc.support.record import record

Steps: TypeAlias = Sequence[Sequence[Sequence[str]]]
"""Step -> route -> the names of its tasks."""

Rows: TypeAlias = list[list[float]]
"""Step -> route -> share."""

LEAST = 1e-3
"""Share below which a route is not worth its replicas."""

PREFERENCE = 1e-2
"""What a route costs, in the program's unit, of which a typical bill has a thousand: among plans that are as good, the
one that splits least."""

MARGIN = 1e-6
"""Loads are this much larger in the program, so that what takes a full replica is not one and a rounding."""

GAP = 1e-3
"""Relative gap at which a bound is as good as another."""

NODES = 200_000
"""Of the search, times columns: a second or two of any program, on a machine of its own."""

LEAST_NODES = 20
"""The same of a large one."""

DIGITS = (2, 3, 4, 6, 9)
"""Decimals of a share, the fewest that keep the replicas."""


Shares: TypeAlias = tuple[tuple[float, ...], ...]
"""Step -> route -> share, zero for those that are not needed."""


def shares(
    problem: PlacementProblem,
    steps: Steps,
    *,
    most: float = INF,
    time_limit: float = 60.0,
    gap: float = 1e-6,
) -> Shares | None:
    """The cheapest shares of the ``steps``, whose routes are tasks of ``problem``, each with some share.

    ``None`` where no shares keep every demand for at most ``most`` $/hour, or none were found in so many nodes of the
    search or such time (seconds). Objectives other than cost have no say.
    """
    split = _written(problem, steps, most)
    if split is None:
        return None
    program = split.model.program
    program.option("mip_max_nodes", max(LEAST_NODES, NODES // len(program.lower)))
    found = program.run(time_limit=time_limit, gap=gap)
    if not found.values:
        return None
    return split.read(found.values)


@record
class Floor:
    """What any shares of any number of routes cost at least, in $/hour, and which pools those use that cost little."""

    bound: float
    pools: frozenset[str]


def floor(
    problem: PlacementProblem, steps: Sequence[Sequence[str]], *, most: float = INF, time_limit: float = 0.0
) -> Floor:
    """A bound of what any shares of any number of routes cost of a problem in which the ``steps`` go one way each,
    infinite where none keep every demand; and the pools of those that cost no more than ``most`` $/hour.

    Of routes of whatever shares, the shares by which an option is taken, and the replicas, make a solution of the
    program in which a step takes parts of several options. Its bound is that of the linear program, or with whole
    replicas what is proven within ``time_limit`` seconds. A pool that is used has a replica, so that what one more of
    it costs in the linear program tells which are too dear.
    """
    split = _written(problem, [[step] for step in steps], INF, in_parts=True)
    if split is None:
        return Floor(INF, frozenset())
    program, unit = split.model.program, split.model.cost_unit
    bound = program.run().bound
    if bound == INF:
        return Floor(INF, frozenset())
    dear = program.reduced_costs()
    pools = (p for p, column in split.replicas.items() if (bound + dear[column]) * unit <= most * (1 + MARGIN))
    if time_limit > 0:
        program.make_whole(split.replicas.values())
        bound = max(bound, program.run(time_limit=time_limit, gap=GAP).bound)
    return Floor(bound * unit, frozenset(split.tables.pools[p].name for p in pools))


def _written(problem: PlacementProblem, steps: Steps, most: float, *, in_parts: bool = False) -> "_Split | None":
    """The program for the ``steps`` of ``problem``; ``None`` where some task has no option that keeps the limits.

    ``in_parts`` nothing is whole: a task takes parts of several options.
    """
    tables = tabulate(problem)
    free = _unburdened(tables)
    left = presolve.possible(free)
    if any(not row for row in left.alive):
        return None
    unit = typical_cost(tables, left)
    split = _Split(tables, build(free, left, Shape(path=bool(tables.path_bounds())), unit), _numbers(tables, steps))
    split.write()
    if in_parts:
        split.model.program.integer = []
    split.model.minimize_cost()
    if most < INF:
        routes = sum(map(len, split.columns))
        split.model.program.row(-INF, most / split.model.cost_unit + routes * PREFERENCE, split.model.money)
    return split


def _numbers(tables: Tables, steps: Steps) -> list[list[list[int]]]:
    """The steps by the numbers of their tasks."""
    index = {task.name: t for t, task in enumerate(tables.problem.tasks)}
    return [[[index[name] for name in names] for names in routes] for routes in steps]


def _unburdened(tables: Tables) -> Tables:
    """The tables with pools that cost nothing, never run out and carry nothing: what is left are the other demands."""
    return replace(
        tables,
        cells=tuple(tuple(replace(cell, load=0.0, usd=0.0) for cell in row) for row in tables.cells),
        pools=tuple(replace(pool, usd=0.0, joules=0.0, stock=INF) for pool in tables.pools),
    )


@dataclass
class _Split:
    """Loads, replicas, stock and dollars of a program whose options have none, and the columns of the shares."""

    tables: Tables
    model: Model
    steps: list[list[list[int]]]
    columns: list[list[int]] = field(default_factory=list[list[int]])
    """Step -> route -> the column of its share."""
    loads: dict[int, Terms] = field(default_factory=dict[int, Terms])
    """Pool -> the replicas that are busy, as terms."""
    replicas: dict[int, int] = field(default_factory=dict[int, int])
    """Pool -> column."""
    parts: list[tuple[Sequence[Cell], dict[int, int]]] = field(
        default_factory=list[tuple[Sequence[Cell], dict[int, int]]]
    )
    """Of each task of a route its cells, and option -> the column of the share that goes there."""

    @property
    def routed(self) -> dict[int, tuple[int, int]]:
        """Task -> step and route."""
        return {t: (s, r) for s, routes in enumerate(self.steps) for r, tasks in enumerate(routes) for t in tasks}

    def write(self) -> None:
        """Add the columns, the rows and the money."""
        self.columns = [self._routes(len(routes)) for routes in self.steps]
        routed = self.routed
        for t, row in enumerate(self.model.x):
            if t in routed:
                step, route = routed[t]
                parts = self._parts(row, self.columns[step][route])
                self.parts.append((self.tables.cells[t], parts))
                self._carry(t, parts)
            else:
                self._carry(t, row)
        self.replicas = {p: self._count(p, terms) for p, terms in self.loads.items()}
        for t, row in enumerate(self.model.x):
            if t not in routed:
                self._at_least(t, row)
        self._opened()
        self._stock()

    def _opened(self) -> None:
        """A pool has as many replicas as the parts of a task that go there: at least one, but for linear programs."""
        for row, parts in self.parts:
            inside: dict[int, Terms] = {}
            for o, column in parts.items():
                if row[o].pool != NO_POOL:
                    inside.setdefault(row[o].pool, []).append((column, -1.0))
            for p, terms in inside.items():
                self.model.program.row(0.0, INF, [(self.replicas[p], 1.0), *terms])

    def _routes(self, count: int) -> list[int]:
        """Shares sum to one, from large to small; one that is taken is worth it."""
        program = self.model.program
        row = [program.column(0.0, 1.0) for _ in range(count)]
        program.row(1.0, 1.0, [(column, 1.0) for column in row])
        for column in row if count > 1 else ():
            taken = program.column(0.0, 1.0, integer=True)
            program.row(-INF, 0.0, [(column, 1.0), (taken, -1.0)])
            program.row(0.0, INF, [(column, 1.0), (taken, -LEAST)])
            self.model.money.append((taken, PREFERENCE))
        for one, two in pairwise(row):
            program.row(0.0, INF, [(one, 1.0), (two, -1.0)])
        return row

    def _parts(self, row: Mapping[int, int], share: int) -> dict[int, int]:
        """Option -> the column of the share that goes there."""
        program = self.model.program
        parts = {o: program.column(0.0, 1.0) for o in row}
        for o, column in parts.items():
            program.row(0.0, INF, [(row[o], 1.0), (column, -1.0)])
        program.row(0.0, 0.0, [(share, -1.0), *((column, 1.0) for column in parts.values())])
        return parts

    def _whole(self, t: int, cell: Cell) -> tuple[float, float]:
        """Replicas that an option keeps busy and its $/hour, if all visits of the step came to it."""
        share = self.tables.problem.tasks[t].share
        return cell.load / share, cell.usd / share

    def _carry(self, t: int, columns: Mapping[int, int]) -> None:
        """The work of a task goes by these columns."""
        for o, column in columns.items():
            cell = self.tables.cells[t][o]
            load, usd = self._whole(t, cell)
            self.model.money.append((column, usd / self.model.cost_unit))
            if cell.pool != NO_POOL:
                self.loads.setdefault(cell.pool, []).append((column, load * (1 + MARGIN)))

    def _count(self, p: int, terms: Terms) -> int:
        """The column of a pool's replicas, which carry its load."""
        program, pool = self.model.program, self.tables.pools[p]
        most = pool.stock // pool.devices if pool.devices and math.isfinite(pool.stock) else INF
        column = program.column(0.0, float(most), integer=True)
        unit = max(1.0, max(value for _, value in terms) / LARGE_LOAD)
        program.row(0.0, INF, [(column, 1.0 / unit), *((c, -value / unit) for c, value in terms)])
        self.model.money.append((column, pool.usd / self.model.cost_unit))
        return column

    def _at_least(self, t: int, row: Mapping[int, int]) -> None:
        """A pool has the replicas that the option of a whole task takes, at least one."""
        inside: dict[int, Terms] = {}
        for o, column in row.items():
            cell = self.tables.cells[t][o]
            if cell.pool != NO_POOL:
                inside.setdefault(cell.pool, []).append((column, -float(replicas_for(cell.load))))
        for p, terms in inside.items():
            self.model.program.row(0.0, INF, [(self.replicas[p], 1.0), *terms])

    def _stock(self) -> None:
        held: dict[str, Terms] = {}
        for p, column in self.replicas.items():
            pool = self.tables.pools[p]
            held.setdefault(pool.device, []).append((column, float(pool.devices)))
        for device, limit in self.tables.problem.stock.items():
            if device in held:
                unit = float(max(1, limit))
                self.model.program.row(-INF, limit / unit, [(column, n / unit) for column, n in held[device]])

    def read(self, values: Sequence[float]) -> tuple[tuple[float, ...], ...]:
        """The shares in few digits; even, where that costs nothing: then the pools of all routes are as full."""
        exact = [[values[column] for column in row] for row in self.columns]
        room = self._room(values)
        even = [_evened(room, routes) for routes in room.taken]
        for rows in ([_rounded(row, digits) for row in each] for each in (even, exact) for digits in DIGITS):
            if room.holds(rows, exact):
                return tuple(map(tuple, rows))
        return tuple(map(tuple, exact))

    def _room(self, values: Sequence[float]) -> "_Room":
        """What the routes take of the pools, by the options that they chose."""
        picked, routed = self.model.decode(values), self.routed
        room = _Room(
            {p: float(round(values[column])) for p, column in self.replicas.items()},
            [[{} for _ in routes] for routes in self.steps],
            [[0.0 for _ in routes] for routes in self.steps],
        )
        for t, o in enumerate(picked):
            cell = self.tables.cells[t][o]
            load, usd = self._whole(t, cell)
            if t in routed:
                step, route = routed[t]
                room.usd[step][route] += usd
                if cell.pool != NO_POOL:
                    room.taken[step][route][cell.pool] = room.taken[step][route].get(cell.pool, 0.0) + load
            elif cell.pool != NO_POOL:
                room.left[cell.pool] -= load
        return room


@dataclass
class _Room:
    """Replicas that pools have for the steps, and what each route would take of them if its whole step went there."""

    left: dict[int, float]
    """Pool -> replicas."""
    taken: list[list[dict[int, float]]]
    """Step -> route -> pool -> replicas."""
    usd: list[list[float]]
    """Step -> route -> $/hour."""

    def holds(self, rows: Rows, exact: Rows) -> bool:
        """Shares ``rows`` fill no pool beyond its replicas, and cost no more than ``exact`` ones."""
        used = dict.fromkeys(self.left, 0.0)
        for routes, row in zip(self.taken, rows, strict=True):
            for pools, share in zip(routes, row, strict=True):
                for p, load in pools.items():
                    used[p] += share * load
        fits = all(used[p] <= self.left[p] * (1 + TOLERANCE) for p in used)
        return fits and min(map(min, rows)) >= 0 and self._bill(rows) <= self._bill(exact) * (1 + MARGIN)

    def _bill(self, rows: Rows) -> float:
        return math.fsum(
            share * usd for row, each in zip(rows, self.usd, strict=True) for share, usd in zip(row, each, strict=True)
        )


def _evened(room: _Room, routes: Sequence[Mapping[int, float]]) -> list[float]:
    """Shares by what the pools of each route can carry, as if no other step came to them."""
    most = [min((room.left[p] / load for p, load in pools.items() if load > 0), default=0.0) for pools in routes]
    total = math.fsum(most)
    return [each / total for each in most] if total > 0 else [1.0, *(0.0 for _ in most[1:])]


def _rounded(row: Sequence[float], digits: int) -> list[float]:
    """Shares of so many decimals that sum to one; what is next to nothing is none."""
    rest = [round(share, digits) if share >= LEAST / 2 else 0.0 for share in row[1:]]
    return [round(1.0 - math.fsum(rest), digits), *rest]
