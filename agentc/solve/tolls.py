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
from agentc.solve.evaluate import replicas_for
from agentc.solve.pace import ready_at
from agentc.solve.presolve import Reduced
from agentc.solve.state import State
from agentc.solve.tables import NO_POOL, Tables
from agentc.support.record import record

TRIES = 40
"""Prices that are tried; each try is one walk over all tasks."""

FIRST = 0.05
"""The first toll of a class that is short, as a part of its rent."""

STEP, WIDER, NARROWER, LEAST = 2.0, 1.2, 0.5, 0.02
"""Change of a price, as a power of two: the first, what the next one is times it in the same and in the other
direction, and the least."""

ROOM = 0.01
"""Of a deadline and of a stock, that is kept free: whole replicas need it."""

HURRIES, HURRY = 8, 4.0
"""How often homes that are late choose again, and how much dearer time is for them each time."""

Row: TypeAlias = tuple[float, float, int, float, str]
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
    wanted: Mapping[str, float]
    """Device class -> the devices that the tasks that chose would keep busy if there were enough."""
    ends: Mapping[int, float]
    """Home -> seconds at which its last task ends."""


@dataclass
class _Tolls:
    tables: Tables
    left: Reduced
    rows: list[list[Row]] = field(default_factory=list[list[Row]])
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
        self.rows = [[self._row(t, o) for o in row] for t, row in enumerate(self.left.alive)]
        self.limit = min((bound.limit for bound in tables.path_bounds()), default=math.inf)
        bills: dict[int, float] = {}
        for t, row in enumerate(self.rows):
            bills[self.home[t]] = bills.get(self.home[t], 0.0) + min(share for share, *_ in row)
        if 0 < self.limit < math.inf:
            self.prices = {home: _Price((bill or 1.0) / self.limit / 100) for home, bill in bills.items()}

    def _row(self, t: int, o: int) -> Row:
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
        tables, stores = self.tables, _Stores(self.tables)
        toll = [self.tolls[pool.device].value if pool.device in self.tolls else 0.0 for pool in tables.pools] + [0.0]
        for t, o in enumerate(kept):
            if self.home[t] not in dear:
                stores.take(t, o)
        picked, ends = list[int](), list[float]()
        wanted, last = dict[str, float](), dict.fromkeys(self.home, 0.0)
        for t, row in enumerate(self.rows):
            home, alive = self.home[t], self.left.alive[t]
            places = dict.fromkeys(place for *_, place in row)
            begin = {place: ready_at(tables, picked, ends, t, place) for place in places}
            if kept and home not in dear:
                first = alive.index(kept[t])
            else:
                price = dear[home] if home in dear else self.prices[home].value if self.prices else 0.0
                bills = [
                    share + toll[pool] * busy + price * (begin[place] + seconds)
                    for share, busy, pool, seconds, place in row
                ]
                first = min(range(len(row)), key=bills.__getitem__)
                if (pool := row[first][2]) != NO_POOL:
                    device = tables.pools[pool].device
                    wanted[device] = wanted.get(device, 0.0) + row[first][1]
                if not stores.take(t, alive[first]):
                    first = self._next(stores, t, bills)
            picked.append(alive[first])
            ends.append(begin[row[first][4]] + row[first][3])
            last[home] = max(last[home], ends[-1])
        return _Walk(picked, wanted, last)

    def _next(self, stores: "_Stores", t: int, bills: Sequence[float]) -> int:
        """The cheapest option that there is room for, which is taken; the cheapest of all where there is none."""
        order, alive = sorted(range(len(bills)), key=bills.__getitem__), self.left.alive[t]
        return next((i for i in order[1:] if stores.take(t, alive[i])), order[0])


class _Stores:
    """What is left of stock and memory while tasks take of it; no memory is shared here."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.load: dict[int, float] = {}
        self.held: dict[str, int] = {}
        self.lying: dict[int, float] = {}

    def take(self, t: int, o: int) -> bool:
        """Take an option if there is room for it."""
        cell = self.tables.cells[t][o]
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
