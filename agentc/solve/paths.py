"""Prices of time on a series-parallel path, and what every placement costs at least by them.

A price of time for each stretch, which parts where branches part (see ``nested``), turns the deadline into money;
memory that is short has a price too. What then is best for a stretch between two places, and for all that is around it,
is found by dynamic programming (Lagrangian relaxation: M. L. Fisher, "The Lagrangian relaxation method for solving
integer programming problems", Management Science 27(1), 1981).
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from agentc.solve.evaluate import replicas_for
from agentc.solve.nested import NO_LINK, Nest, Stretch
from agentc.solve.presolve import Reduced
from agentc.solve.tables import NO_POOL, Tables
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Whole: TypeAlias = NDArray[np.int64]


@record(slots=True)
class Ways:
    """The options of a task, as columns."""

    places: tuple[str, ...]
    option: "Whole"
    """Numbers."""
    at: "Whole"
    """Where in ``places`` each is."""
    seconds: "Floats"
    usd: "Floats"
    """$/hour, with the price of the memory that it takes."""

    def least(self, values: "Floats") -> "Floats":
        """Place -> the least of its options' ``values``."""
        import numpy as np

        found = np.full(len(self.places), np.inf)
        np.minimum.at(found, self.at, values)
        return found


@record(slots=True)
class Prices:
    """What stretches and all that is around them come to, if seconds have these prices."""

    flow: Sequence[float]
    """Stretch -> $/hour for a second. What flows into a task flows out of it."""
    least: "Sequence[Floats]"
    """Of each stretch, by the places of its ends."""
    rest: "Sequence[Floats]"
    """Of all others, by the same."""
    bound: float
    """What every placement costs at least: paths within the limit take no more than the limit at the whole flow."""


class Path:
    """What can be chosen for the tasks of a series-parallel path that has a ``limit`` (seconds).

    ``rooms`` is the price of memory: pool -> $/hour for a byte.
    """

    def __init__(self, tables: Tables, left: Reduced, nest: Nest, limit: float, rooms: Mapping[int, float]) -> None:
        self.tables, self.nest, self.limit, self._rooms = tables, nest, limit, rooms
        self._private = _private_pools(tables, left)
        self.ways = [self._ways(t, row) for t, row in enumerate(left.alive)]
        self.links = [self._link(stretch) if stretch.plain else None for stretch in nest.stretches]
        """Stretch -> seconds and $/hour of its transfer by the places of its ends; infinite where there is no way."""
        waited = {stretch.end for stretch in nest.stretches}
        self.beside = math.fsum(ways.usd.min() for t, ways in enumerate(self.ways) if t not in waited) - math.fsum(
            price * tables.pools[pool].memory for pool, price in rooms.items()
        )
        """$/hour of what is not waited for, less what all memory is worth."""
        self._heads, self._tails = self._ends_of_tasks(), self._times_after()

    def _ways(self, t: int, row: Sequence[int]) -> Ways:
        import numpy as np

        cells = [self.tables.cells[t][o] for o in row]
        places = {place: number for number, place in enumerate(dict.fromkeys(cell.place for cell in cells))}
        at = np.array([places[cell.place] for cell in cells])
        usd = np.array([self._usd(t, o) for o in row])
        return Ways(tuple(places), np.array(row), at, np.array([cell.seconds for cell in cells]), usd)

    def _usd(self, t: int, o: int) -> float:
        """Of an option; whole replicas of a pool that only this task can choose."""
        cell = self.tables.cells[t][o]
        room = 0.0 if cell.option.resident else self._rooms.get(cell.pool, 0.0) * cell.option.memory_bytes
        if cell.pool in self._private:
            return room + cell.usd + replicas_for(cell.load) * self.tables.pools[cell.pool].usd
        return room + self.tables.shares[t][o]

    def places(self, task: int) -> tuple[str, ...]:
        """Where a task can be; the ends of the path are nowhere."""
        return self.ways[task].places if task < len(self.ways) else ("",)

    def _link(self, stretch: Stretch) -> "tuple[Floats, Floats]":
        import numpy as np

        begin, end = self.places(stretch.begin), self.places(stretch.end)
        if stretch.link == NO_LINK:
            return np.zeros((len(begin), len(end))), np.zeros((len(begin), len(end)))
        carries = self.tables.links[stretch.link].carries
        found = [[carries.get((a, b)) for b in end] for a in begin]
        seconds = [[math.inf if carry is None else carry.path_seconds for carry in row] for row in found]
        usd = [[math.inf if carry is None else carry.usd for carry in row] for row in found]
        return np.array(seconds), np.array(usd)

    def _ends_of_tasks(self) -> "dict[int, Floats]":
        """Task -> place -> when it has ended there at the earliest."""
        import numpy as np

        before: dict[int, list[tuple[int, Floats]]] = {}
        for stretch, link in zip(self.nest.stretches, self.links, strict=True):
            if link is not None:
                before.setdefault(stretch.end, []).append((stretch.begin, link[0]))
        found: dict[int, Floats] = {self.nest.source: np.zeros(1)}
        for t in sorted(before):
            ready = np.max([(found[u][:, None] + seconds).min(axis=0) for u, seconds in before[t]], axis=0)
            found[t] = ready if t == self.nest.sink else ready + self.ways[t].least(self.ways[t].seconds)
        return found

    def _times_after(self) -> "dict[int, Floats]":
        """Task -> place -> what passes from its beginning there to the end of all at the least."""
        import numpy as np

        after: dict[int, list[tuple[int, Floats]]] = {}
        for stretch, link in zip(self.nest.stretches, self.links, strict=True):
            if link is not None:
                after.setdefault(stretch.begin, []).append((stretch.end, link[0]))
        found: dict[int, Floats] = {self.nest.sink: np.zeros(1)}
        for t in sorted(after.keys() - {self.nest.source}, reverse=True):
            onward = np.max([(seconds + found[v]).min(axis=1) for v, seconds in after[t]], axis=0)
            found[t] = onward + self.ways[t].least(self.ways[t].seconds)
        return found

    def around(self, stretch: int, begin: "Whole", end: "Whole") -> "Floats":
        """Seconds that pass before and after a stretch at the least, by places of its ends."""
        ends = self.nest.stretches[stretch]
        return self._heads[ends.begin][begin] + self._tails[ends.end][end]

    def completed(self, picked: Mapping[int, int]) -> list[int]:
        """Options for all tasks; those that nothing waits for take their cheapest."""
        return [picked[t] if t in picked else int(ways.option[ways.usd.argmin()]) for t, ways in enumerate(self.ways)]

    def priced(self, raw: Mapping[int, float]) -> Prices:
        """What all comes to at prices of time like those of the links, ``raw`` (link -> $/hour for a second)."""
        flow = _flow(self.nest, raw)
        least = self._least(flow)
        bound = float(least[-1].min()) - flow[-1] * self.limit + self.beside
        return Prices(flow, least, self._rest(flow, least), bound)

    def _least(self, flow: Sequence[float]) -> "list[Floats]":
        import numpy as np

        least: list[Floats] = []
        for price, stretch, link in zip(flow, self.nest.stretches, self.links, strict=True):
            if link is not None:
                least.append(
                    np.where(np.isfinite(link[0]), link[1], np.inf) + price * np.where(np.isfinite(link[0]), link[0], 0)
                )
            elif stretch.task < 0:
                least.append(least[stretch.first] + least[stretch.second])
            else:
                there = least[stretch.first] + self._own(stretch.task, price)
                least.append((there[:, :, None] + least[stretch.second][None, :, :]).min(axis=1))
        return least

    def _rest(self, flow: Sequence[float], least: "Sequence[Floats]") -> "list[Floats]":
        import numpy as np

        stretches = self.nest.stretches
        rest: list[Floats] = [np.zeros((1, 1))] * len(stretches)
        for s in reversed(range(len(stretches))):
            one, two, task = stretches[s].first, stretches[s].second, stretches[s].task
            if stretches[s].plain:
                continue
            if task < 0:
                rest[one], rest[two] = rest[s] + least[two], rest[s] + least[one]
                continue
            own = self._own(task, flow[s])
            rest[one] = (rest[s][:, None, :] + (least[two] + own[:, None])[None, :, :]).min(axis=2)
            rest[two] = (rest[s][:, None, :] + (least[one] + own)[:, :, None]).min(axis=0)
        return rest

    def _own(self, task: int, price: float) -> "Floats":
        """Place -> what a task comes to there at the least."""
        ways = self.ways[task]
        return ways.least(ways.usd + price * ways.seconds)


def _private_pools(tables: Tables, left: Reduced) -> set[int]:
    users: dict[int, set[int]] = {}
    for t, row in enumerate(left.alive):
        for o in row:
            users.setdefault(tables.cells[t][o].pool, set()).add(t)
    return {pool for pool, tasks in users.items() if len(tasks) == 1 and pool != NO_POOL}


def _flow(nest: Nest, raw: Mapping[int, float]) -> list[float]:
    """What flows through each stretch: the links' prices tell how much there is, and how it parts."""
    wants: list[float] = []
    for stretch in nest.stretches:
        if stretch.plain:
            wants.append(raw.get(stretch.link, 0.0))
        elif stretch.task < 0:
            wants.append(wants[stretch.first] + wants[stretch.second])
        else:
            wants.append(max(wants[stretch.first], wants[stretch.second]))
    flow = [0.0] * len(wants)
    flow[-1] = wants[-1]
    for s in reversed(range(len(wants))):
        stretch = nest.stretches[s]
        one, two = stretch.first, stretch.second
        if stretch.plain:
            continue
        if stretch.task >= 0:
            flow[one] = flow[two] = flow[s]
            continue
        part = wants[one] / wants[s] if wants[s] > 0 else 0.5
        flow[one], flow[two] = part * flow[s], (1 - part) * flow[s]
    return flow
