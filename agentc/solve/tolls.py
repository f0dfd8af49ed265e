"""A placement of many tasks where stock is short: device classes that more tasks want than there are get a toll.

The tasks are gone through in order, as in ``pace``: each takes the option that is cheapest by its share of the bill,
the toll of the devices it keeps busy, and a price of time for when it ends. Tasks that are joined by edges have one
price of time, which rises while they are late. Nothing is taken that the stock does not hold, so that a try breaks a
demand only where a task finds no room or no time; tolls and prices rise and fall from try to try, each in smaller steps
once it has passed its mark (Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the
RPROP algorithm", ICNN 1993).
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from agentc.solve.bundles import Unions
from agentc.solve.company import Company, Member
from agentc.solve.evaluate import replicas_for
from agentc.solve.pace import ready_at
from agentc.solve.presolve import Reduced
from agentc.solve.relaxation import devices_held
from agentc.solve.state import State
from agentc.solve.tables import NO_POOL, Cell, Tables
from agentc.support.record import record

TRIES = 40
"""Prices that are tried; each try is one walk over all tasks."""

MENDED_TRIES, PASSES = 12, 3
"""The same, and sweeps over all tasks, where whole replicas are looked at afterwards."""

FIRST = 0.05
"""The first toll of a class that is short, as a part of its rent."""

STEP, WIDER, NARROWER, LEAST = 2.0, 1.2, 0.5, 0.02
"""Change of a price, as a power of two: the first, what the next one is times it in the same and in the other
direction, and the least."""

ROOM = 0.01
"""Of a deadline and of a stock, that is kept free: whole replicas need it."""

HURRIES, HURRY = 8, 4.0
"""How often homes that are late choose again, and how much dearer time is for them each time."""

Way: TypeAlias = tuple[float, float, int, float, str]
"""Of an option: share of the bill, devices that its work keeps busy, pool, seconds on the path, place."""


@dataclass
class _Price:
    """A price that rises while its mark is exceeded, and falls else."""

    value: float
    step: float = STEP
    rising: bool | None = None

    def turn(self, rising: bool) -> None:
        """One step up or down."""
        if self.rising is not None:
            self.step = max(LEAST, min(STEP, self.step * (WIDER if rising == self.rising else NARROWER)))
        self.rising = rising
        self.value *= 2.0 ** (self.step if rising else -self.step)


def tolled(tables: Tables, left: Reduced, *, until: float = math.inf, tries: int = TRIES) -> list[int]:
    """The cheapest choice that was found to keep all demands, else the one that breaks them least.

    ``until`` is on the clock of ``time.perf_counter``; one try is made in any case.
    """
    return _Tolls(tables, left).search(until, tries)


@record
class _Walk:
    """One walk over all tasks."""

    picked: list[int]
    wanted: Mapping[str, int]
    """Device class -> the devices that the tasks that chose would hold if there were enough."""
    ends: Mapping[int, float]
    """Home -> seconds at which its last task ends."""


def mended(tables: Tables, left: Reduced, *, until: float = math.inf, tries: int = MENDED_TRIES) -> State:
    """A choice as of ``tolled``, made better task by task: whole replicas are seen there."""
    from agentc.solve.heuristic import improve

    state = State(tables, tolled(tables, left, until=(time.perf_counter() + until) / 2, tries=tries), "cost")
    state.until = until
    improve(state, left, passes=PASSES)
    return state


@dataclass
class _Tolls:
    tables: Tables
    left: Reduced
    ways: list[dict[int, Way]] = field(default_factory=list[dict[int, Way]])
    """Task -> option -> what counts of it."""
    home: list[int] = field(default_factory=list[int])
    """Task -> a task that stands for those that edges join it with."""
    limit: float = math.inf
    tolls: dict[str, _Price] = field(default_factory=dict[str, _Price])
    """Device class -> $/hour for each device that is kept busy."""
    prices: dict[int, _Price] = field(default_factory=dict[int, _Price])
    """Tasks that edges join -> $/hour for each second."""

    def __post_init__(self) -> None:
        tables, unions = self.tables, Unions[int]()
        for link in tables.links:
            if link.on_path:
                unions.join(link.src, link.dst)
        self.home = [unions.find(t) for t in range(tables.size)]
        self.ways = [{o: self._way(t, o) for o in row} for t, row in enumerate(self.left.alive)]
        self.limit = min((bound.limit for bound in tables.path_bounds()), default=math.inf)
        bills: dict[int, float] = {}
        for t, row in enumerate(self.ways):
            bills[self.home[t]] = bills.get(self.home[t], 0.0) + min(share for share, *_ in row.values())
        if 0 < self.limit < math.inf:
            self.prices = {home: _Price((bill or 1.0) / self.limit / 100) for home, bill in bills.items()}

    def _way(self, t: int, o: int) -> Way:
        cell = self.tables.cells[t][o]
        devices = 0 if cell.pool == NO_POOL else self.tables.pools[cell.pool].devices
        return self.tables.shares[t][o], cell.load * devices, cell.pool, cell.seconds, cell.place

    def search(self, until: float, tries: int) -> list[int]:
        """See ``tolled``."""
        best: State | None = None
        for _ in range(tries):
            walk = self._walk({})
            state = State(self.tables, self._hurry(walk, until), "cost")
            if best is None or state.score().beats(best.score()):
                best = state
            self._charge(walk)
            if time.perf_counter() > until or not (self.prices or self.tolls):
                break
        assert best is not None
        return best.picked

    def _hurry(self, walk: "_Walk", until: float) -> list[int]:
        """The choice of ``walk``, in which the tasks of homes that are late choose again at ever higher prices of time,
        from what the others leave."""
        for step in range(1, HURRIES + 1):
            late = self._late(walk)
            if not late or time.perf_counter() > until:
                break
            walk = self._walk({home: self.prices[home].value * HURRY**step for home in late}, walk.picked)
        return walk.picked

    def _late(self, walk: "_Walk") -> set[int]:
        """The homes whose tasks end too late."""
        return {home for home, end in walk.ends.items() if home in self.prices and end > self.limit}

    def _charge(self, walk: "_Walk") -> None:
        """Change the tolls by what was wanted, and the prices of time by when the tasks of each home ended."""
        stock = self.tables.problem.stock
        for device, count in walk.wanted.items():
            short = count > (1 - ROOM) * stock.get(device, math.inf)
            if short and device not in self.tolls:
                rents = (pool.usd / (pool.devices or 1) for pool in self.tables.pools if pool.device == device)
                self.tolls[device] = _Price(FIRST * (max(rents, default=0.0) or 1.0))
            elif device in self.tolls:
                self.tolls[device].turn(rising=short)
        for device in self.tolls.keys() - walk.wanted.keys():
            self.tolls[device].turn(rising=False)
        for home, price in self.prices.items():
            price.turn(rising=walk.ends[home] > (1 - ROOM) * self.limit)

    def _walk(self, dear: Mapping[int, float], kept: Sequence[int] = ()) -> "_Walk":
        """Each task chooses; if some are ``kept``, only those of homes whose price of time is ``dear``."""
        tables, stores, company = self.tables, _Stores(self.tables), Company(self.tables, self.left)
        toll = [self.tolls[pool.device].value if pool.device in self.tolls else 0.0 for pool in tables.pools] + [0.0]
        ways = self.ways

        def bill(t: int, o: int) -> float:
            share, busy, pool, seconds, _ = ways[t][o]
            home = self.home[t]
            price = dear[home] if home in dear else self.prices[home].value if self.prices else 0.0
            return share + toll[pool] * busy + price * seconds

        stays = {t for t in range(tables.size) if kept and self.home[t] not in dear}
        for t in sorted(stays):
            stores.take([(t, kept[t])])
        picked, ends = list[int](), list[float]()
        wanted, last = dict[int, float](), dict.fromkeys(self.home, 0.0)
        for t in range(tables.size):
            row = [kept[t]] if t in stays else company.open(picked, t)
            home = self.home[t]
            price = dear[home] if home in dear else self.prices[home].value if self.prices else 0.0
            places = dict.fromkeys(ways[t][o][4] for o in row)
            begin = {place: ready_at(tables, picked, ends, t, place) for place in places}
            best = row[0]
            if t not in stays and t not in company.entailed:
                bills = {o: bill(t, o) + price * begin[ways[t][o][4]] + company.beyond(t, o, bill) for o in row}
                order = sorted(row, key=bills.__getitem__)
                best = next((o for o in order if stores.take([(t, o), *company.after(t, o)])), order[0])
                for u, o in ((t, order[0]), *company.after(t, order[0])):
                    wanted[ways[u][o][2]] = wanted.get(ways[u][o][2], 0.0) + tables.cells[u][o].load
                company.choose(t, best)
            picked.append(best)
            ends.append(begin[ways[t][best][4]] + ways[t][best][3])
            last[home] = max(last[home], ends[-1])
        wanted.pop(NO_POOL, None)
        return _Walk(picked, devices_held(tables, {pool: replicas_for(load) for pool, load in wanted.items()}), last)


class _Stores:
    """What is left of stock and memory while tasks take of it; no memory is shared here."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.load: dict[int, float] = {}
        self.held: dict[str, int] = {}
        self.lying: dict[int, float] = {}

    def take(self, members: Sequence[Member]) -> bool:
        """Take some options together if there is room for them."""
        before = [self._before(self.tables.cells[t][o].pool) for t, o in members]
        if all(self._take(self.tables.cells[t][o]) for t, o in members):
            return True
        for (t, o), old in zip(reversed(members), reversed(before), strict=True):
            self._restore(self.tables.cells[t][o].pool, *old)
        return False

    def _before(self, pool: int) -> tuple[float | None, int, float]:
        if pool == NO_POOL:
            return None, 0, 0.0
        return self.load.get(pool), self.held.get(self.tables.pools[pool].device, 0), self.lying.get(pool, 0.0)

    def _restore(self, pool: int, load: float | None, held: int, lying: float) -> None:
        if pool == NO_POOL:
            return
        self.held[self.tables.pools[pool].device], self.lying[pool] = held, lying
        if load is None:
            self.load.pop(pool, None)
        else:
            self.load[pool] = load

    def _take(self, cell: Cell) -> bool:
        if cell.pool == NO_POOL:
            return True
        pool = self.tables.pools[cell.pool]
        lying = self.lying.get(cell.pool, 0.0) + cell.option.memory_bytes
        before = self.load.get(cell.pool)
        load = (before or 0.0) + cell.load
        more = replicas_for(load) - (0 if before is None else replicas_for(before))
        held = self.held.get(pool.device, 0) + more * pool.devices
        if held > pool.stock or lying > pool.memory:
            return False
        self.load[cell.pool], self.held[pool.device], self.lying[cell.pool] = load, held, lying
        return True
