"""What parts of a problem that share no pool answer to prices, and the mixture of such answers within the limits.

At prices of seconds and devices (see ``tariffs``) the tasks fall apart into parts that share no pool, and each part is
a small program (see ``relaxation``). What the parts cost together, less what the limits themselves are worth, is a
lower bound of the whole, for all its options and at any prices (Lagrange); with whole replicas it is better than that
of the linear program. The answers are columns of a linear program that mixes them within the limits, and whose prices
are asked next (Dantzig and Wolfe, "Decomposition principle for linear programs", Operations Research 8(1), 1960).
"""

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentc.solve.evaluate import replicas_for
from agentc.solve.highs import INF, Program
from agentc.solve.presolve import Reduced, least_hop
from agentc.solve.relaxation import Demands, Part, Round
from agentc.solve.tables import NO_POOL, Bound, Cell, Tables
from agentc.solve.tariffs import Key, Tariff, charged, scarce, worth
from agentc.support.record import record

TINY = 1e-9
"""Of a task, that is none."""

SCALE = 1e3
"""A typical bill in the unit of a mixture's objective."""

DEAREST = 8.0
"""Rents of a device that one beyond the stock costs in a mixture; bills of all tasks that the whole limit does."""


@record
class Column:
    """What a part of the tasks answered; of tasks that are alike the average."""

    usd: float
    """$/hour, without what was charged for seconds and devices."""
    seconds: Mapping[int, float]
    """Task -> on the path."""
    held: Mapping[str, float]
    """Device class -> devices."""
    pools: Mapping[int, float]
    """Pool -> replicas."""


@dataclass
class Market:
    """The parts, and what they have answered so far."""

    tables: Tables
    left: Reduced
    timed: list[Bound]
    """Deadlines that add up, which every answer keeps."""
    whole: bool = False
    """Replicas and tasks are whole in answers."""
    columns: dict[tuple[int, ...], list[Column]] = field(default_factory=dict[tuple[int, ...], list[Column]])
    """Tasks of a part -> its answers."""
    used: dict[int, None] = field(default_factory=dict[int, None])
    """Pools that some answer used, in order."""
    proven: "Proven | None" = None
    """The best bound with whole replicas."""
    slack: dict[int, float] = field(default_factory=dict[int, float])
    """Pool -> by how much a part of a replica was too dear, at the last prices that were asked with such parts."""
    kept: Reduced = field(default_factory=lambda: Reduced([]))
    """What is left without the pools that others make needless at any price of a second."""
    dear: frozenset[str] | None = None
    """The device classes that may cost something, as far as ``kept`` goes."""
    limit: float = INF
    """Seconds from end to end."""

    def __post_init__(self) -> None:
        self.limit = min((bound.limit for bound in self.tables.path_bounds() if bound.usd is None), default=INF)

    def ask(self, tariff: Tariff, *, gap: float, until: float) -> float:
        """The bound in $/hour that the answers of all parts to ``tariff`` prove; they are columns from now on.

        ``gap`` is relative to what a part costs; ``until`` is on the clock of ``time.perf_counter``. The bound is minus
        infinity where time ran out, and infinity where a part has no answer.
        """
        self._prepare(scarce(self.tables, tariff))
        asked = Round(charged(self.tables, tariff), self.kept, Demands(timed=self.timed))
        bounds: dict[tuple[int, ...], float] = {}
        for kinds, pools in asked.parts():
            part = Part(asked, kinds, pools, whole=self.whole)
            if not self.whole:
                part.program.option("solve_relaxation", True)
                part.program.integer.clear()
            result = part.program.run(time_limit=max(0.01, until - time.perf_counter()), gap=gap)
            bounds[_tasks(part)] = result.bound * asked.unit
            if result.values:
                self._take(part, result.values)
                if not self.whole:
                    costs = part.program.reduced_costs()
                    self.slack |= {pool: costs[column] * asked.unit for pool, column in part.counts.items()}
        if INF in bounds.values():
            return INF
        bound = math.fsum(bounds.values()) - worth(self.tables, self.left, tariff, self.limit)
        if self.whole and bound > (self.proven.bound if self.proven else -INF):
            self.proven = Proven(bound, tariff, bounds)
        return bound

    def beyond(self, known: Collection[int], *, gap: float, until: float) -> float:
        """The bound of placements that use some pool beside those that are ``known``, at the best prices of ``ask``;
        what they use is noted."""
        if self.proven is None:
            return -INF
        asked = Round(charged(self.tables, self.proven.tariff), self.left, Demands(timed=self.timed))
        least = INF
        for kinds, pools in asked.parts():
            part = Part(asked, kinds, pools, whole=True)
            terms = _used_beyond(part, known)
            if not terms:
                continue
            part.program.row(1.0, INF, terms)
            result = part.program.run(time_limit=max(0.01, until - time.perf_counter()), gap=gap)
            if result.bound == -INF:
                return -INF
            inside = set(_tasks(part))
            own = math.fsum(bound for tasks, bound in self.proven.parts.items() if inside.issuperset(tasks))
            least = min(least, self.proven.bound - own + result.bound * asked.unit)
            if result.values:
                self._take(part, result.values)
        return least

    def _prepare(self, dear: set[str]) -> None:
        """Leave out pools that are needless while no other device classes than these cost anything."""
        if self.dear is not None and dear <= self.dear:
            return
        self.dear = frozenset(dear | (self.dear or frozenset()))
        first = Round(self.tables, self.left, Demands(timed=self.timed), timed=True)
        parts = first.parts()
        first.demands = replace(first.demands, scarce=set(self.dear))
        needed = {NO_POOL, *(pool for _, pools in parts for pool in first.needed(pools))}
        cells = self.tables.cells
        self.kept = Reduced([[o for o in row if cells[t][o].pool in needed] for t, row in enumerate(self.left.alive)])

    def _take(self, part: Part, values: Sequence[float]) -> None:
        """Note an answer."""
        seconds, taken = dict[int, float](), list[tuple[Cell, float]]()
        for (kind, member), row in part.columns.items():
            copies = part.around.kinds[kind].copies
            cells = [(self.tables.cells[copies[0][member]][o], values[c]) for o, c in row.items() if values[c] > TINY]
            mean = math.fsum(cell.seconds * count for cell, count in cells) / len(copies)
            seconds.update((copy[member], mean) for copy in copies)
            taken += cells
        self._note(seconds, taken, {pool: values[column] for pool, column in part.counts.items()})

    def deal(self, picked: Sequence[int]) -> None:
        """Note what a placement is made of: the columns of a mixture that keeps all limits."""
        for tasks in list(self.columns):
            cells = [self.tables.cells[t][picked[t]] for t in tasks]
            seconds = {t: cell.seconds for t, cell in zip(tasks, cells, strict=True)}
            self._note(seconds, [(cell, 1.0) for cell in cells], {})

    def _note(self, seconds: dict[int, float], taken: list[tuple[Cell, float]], counts: Mapping[int, float]) -> None:
        """One more column. Pools without a count have what the work in them takes."""
        load: dict[int, float] = {}
        for cell, count in taken:
            if cell.pool != NO_POOL:
                load[cell.pool] = load.get(cell.pool, 0.0) + cell.load * count
        pools = {p: counts[p] if p in counts else self._count(busy) for p, busy in load.items()}
        held: dict[str, float] = {}
        for p, count in pools.items():
            device = self.tables.pools[p].device
            held[device] = held.get(device, 0.0) + count * self.tables.pools[p].devices
        rent = [count * self.tables.pools[p].usd for p, count in pools.items()]
        usd = math.fsum([*rent, *(cell.usd * count for cell, count in taken)])
        self.columns.setdefault(tuple(sorted(seconds)), []).append(Column(usd, seconds, held, pools))
        self.used |= dict.fromkeys(pools)

    def _count(self, busy: float) -> float:
        return float(replicas_for(busy)) if self.whole else busy

    def nearest(self, count: int) -> list[int]:
        """Pools that no answer used, and that were the least too dear; of those the cheapest."""
        pools = self.tables.pools
        rank = sorted((round(cost, 6), pools[p].usd, p) for p, cost in self.slack.items() if p not in self.used)
        return [p for *_, p in rank[:count]]

    def mix(self) -> tuple[float, dict[Key, float]]:
        """$/hour of the cheapest mixture of all columns within the limits, and the prices of these."""
        return _Mixture(self).solve()


@record
class Proven:
    """A bound, the prices that prove it, and what each part costs at the least at these."""

    bound: float
    tariff: Tariff
    parts: Mapping[tuple[int, ...], float]


def _tasks(part: Part) -> tuple[int, ...]:
    return tuple(sorted(t for kind in part.kinds for copy in kind.copies for t in copy))


def _used_beyond(part: Part, known: Collection[int]) -> list[tuple[int, float]]:
    """Terms whose sum is at least one where the part uses a pool that is not ``known``."""
    counts = [(column, 1.0) for pool, column in part.counts.items() if pool not in known]
    for (kind, member), row in part.columns.items():
        cells = part.tables.cells[part.around.kinds[kind].tasks[member]]
        for o, column in row.items():
            pool = cells[o].pool
            if pool != NO_POOL and pool not in known and pool not in part.counts:
                counts.append((column, 1.0))
    return counts


class _Mixture:
    """The linear program of shares of columns."""

    def __init__(self, market: Market) -> None:
        self.market, self.tables, self.program = market, market.tables, Program()
        self.shares = [[(self.program.column(), column) for column in known] for known in market.columns.values()]
        self.bill = math.fsum(min(column.usd for column in known) for known in market.columns.values()) or 1.0
        self.unit = self.bill / SCALE
        self.money = [(share, column.usd / self.unit) for share, column in self._all()]
        self.rows: dict[Key, tuple[int, float]] = {}
        """What has a price -> its row, and how much of it a unit of the row is."""
        for row in self.shares:
            self.program.row(1.0, 1.0, [(share, 1.0) for share, _ in row])
        if market.limit < INF:
            self._path(market.limit or 1.0)
        self._stock()

    def _all(self) -> Iterator[tuple[int, Column]]:
        return (each for row in self.shares for each in row)

    def _work(self, limit: float) -> list[list[tuple[int, float]]]:
        """Task -> its seconds, as parts of the limit, as terms."""
        found: list[list[tuple[int, float]]] = [[] for _ in range(self.tables.size)]
        for share, column in self._all():
            for t, seconds in column.seconds.items():
                found[t].append((share, -seconds / limit))
        return found

    def _path(self, limit: float) -> None:
        """Start times, as in the program of the whole."""
        tables, program, work = self.tables, self.program, self._work(limit)
        start = [program.column() for _ in range(tables.size)]
        end, late = program.column(), program.column()
        self.money.append((late, DEAREST * self.bill / self.unit))
        for t, task in enumerate(tables.problem.tasks):
            onward = [n for n in tables.leaving[t] if tables.links[n].on_path]
            for n in onward:
                hop = least_hop(tables, self.market.left, tables.links[n], path=True)
                terms = [(start[tables.links[n].dst], 1.0), (start[t], -1.0), *work[t]]
                self.rows["hop", n] = program.row(hop / limit, INF, terms), limit
            if not onward and not task.asynchronous:
                self.rows["end", t] = program.row(0.0, INF, [(end, 1.0), (start[t], -1.0), *work[t]]), limit
        program.row(-INF, self.market.limit / limit, [(end, 1.0), (late, -1.0)])

    def _stock(self) -> None:
        for n, (device, count) in enumerate(self.tables.problem.stock.items()):
            held = [(share, value) for share, column in self._all() if (value := column.held.get(device, 0.0))]
            if held:
                beyond = self.program.column()
                self.money.append((beyond, DEAREST * self._rent(device) / self.unit))
                row = self.program.row(-INF, float(count), [*held, (beyond, -1.0)])
                self.rows["stock", n] = row, -1.0

    def _rent(self, device: str) -> float:
        """The most that one device of a class costs an hour."""
        rents = (pool.usd / pool.devices for pool in self.tables.pools if pool.device == device and pool.devices)
        return max(rents, default=0.0) or self.bill

    def solve(self) -> tuple[float, dict[Key, float]]:
        """See ``Market.mix``."""
        self.program.costs(self.money)
        result = self.program.run()
        duals = self.program.row_prices()
        found = {key: duals[row] * self.unit / unit for key, (row, unit) in self.rows.items()}
        return result.objective * self.unit, {key: price for key, price in found.items() if price > TINY * self.unit}
