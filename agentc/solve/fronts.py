"""Placements of a series-parallel path by dynamic programming: for each stretch, what it costs to be how fast.

Between two tasks that stand in given places a stretch has a front: seconds and dollars, of which neither can be less
without the other being more. Fronts of stretches in a row are added; those side by side wait for the slower. What is
too dear, by prices of time (see ``paths``), to lead to a better placement than is known is left out on the way, as in
labeling algorithms for constrained shortest paths (I. Dumitrescu and N. Boland, "Improved preprocessing, labeling and
scaling algorithms for the weight-constrained shortest path problem", Networks 42(3), 2003). A front that still is long
is thinned: to some of its points, which leads to placements, or to points as good as all that they stand for, which
leads to a bound.
"""

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from agentc.solve.nested import Stretch
from agentc.solve.paths import Path, Prices
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Whole: TypeAlias = NDArray[np.int64]

PAIRS = 1 << 20
"""Pairs of points that are held at once."""

SLACK = 1 + 1e-9
"""Of the limit: rounding may exceed it by that."""


@record
class Found:
    """What fronts of the whole path lead to."""

    usd: float
    """$/hour, of a placement or at the least; infinite where nothing is below what was asked for."""
    picked: dict[int, int]
    """Task on the path -> option."""
    exact: bool
    """No front was thinned."""


@record(slots=True)
class _Front:
    """Points of a stretch, in order of the places that it lies between, then of their seconds."""

    begin: "Whole"
    end: "Whole"
    """Numbers of places."""
    seconds: "Floats"
    usd: "Floats"
    first: "Whole"
    """The points of both stretches that each is made of, and the option of the task between; -1: none."""
    option: "Whole"
    second: "Whole"

    @property
    def columns(self) -> "tuple[Whole | Floats, ...]":
        """All of it."""
        return self.begin, self.end, self.seconds, self.usd, self.first, self.option, self.second

    def some(self, index: "Whole | NDArray[np.bool_]") -> "_Front":
        """These points."""
        integers = (self.first[index], self.option[index], self.second[index])
        return _Front(self.begin[index], self.end[index], self.seconds[index], self.usd[index], *integers)


def search_fronts(
    path: Path, prices: Prices, *, below: float, points: int, bounding: bool, until: float
) -> Found | None:
    """The best placement below so many $/hour, or with ``bounding`` what all of these cost at least.

    Demands beside the deadline are left out. ``points`` is how many a front has between two places at the most;
    ``until`` is on the clock of ``time.perf_counter``: ``None`` where it has passed.
    """
    return _Fronts(path, prices, below, points, bounding).run(until)


class _Fronts:
    """The fronts of all stretches."""

    def __init__(self, path: Path, prices: Prices, below: float, points: int, bounding: bool) -> None:
        self.path, self.prices, self.below, self.points, self.bounding = path, prices, below, points, bounding
        self.most = below - path.beside + prices.flow[-1] * path.limit
        """Of a point with all that is around it, at the prices."""
        self.exact = True
        self.fronts: list[_Front] = []

    def run(self, until: float) -> Found | None:
        """See ``search_fronts``."""
        for s, stretch in enumerate(self.path.nest.stretches):
            if time.perf_counter() > until:
                return None
            self.fronts.append(self._thin(s, self._front(s, stretch)))
        usd = self.fronts[-1].usd
        least = float(usd[-1]) + self.path.beside if len(usd) else math.inf
        if least >= self.below:
            return Found(math.inf, {}, self.exact)
        return Found(least, self._options_of(len(usd) - 1), self.exact)

    def _front(self, s: int, stretch: Stretch) -> _Front:
        import numpy as np

        link = self.path.links[s]
        if link is None:
            return self._side_by_side(s, stretch) if stretch.task < 0 else self._in_a_row(s, stretch)
        begin, end = np.nonzero(np.isfinite(link[0]))
        none = np.full(len(begin), -1)
        return self._open(s, _Front(begin, end, link[0][begin, end], link[1][begin, end], none, none, none))

    def _open(self, s: int, front: _Front) -> _Front:
        """The points that are neither too dear nor too late."""
        bill = front.usd + self.prices.flow[s] * front.seconds + self.prices.rest[s][front.begin, front.end]
        seconds = front.seconds + self.path.around(s, front.begin, front.end)
        return front.some((bill <= self.most) & (seconds <= self.path.limit * SLACK))

    def _in_a_row(self, s: int, stretch: Stretch) -> _Front:
        """Both stretches and the task between, place by place."""
        import numpy as np

        one, two = self.fronts[stretch.first], self.fronts[stretch.second]
        found: list[_Front] = []
        for place in range(len(self.path.places(stretch.task))):
            here, there = np.nonzero(one.end == place)[0], np.nonzero(two.begin == place)[0]
            if not (len(here) and len(there)):
                continue
            half = self._with_task(s, stretch, place, here)
            step = max(1, PAIRS // len(there))
            for low in range(0, len(half.usd), step):
                found.append(self._pairs(s, half.some(np.arange(low, min(low + step, len(half.usd)))), there))
        return self._best_of(s, found)

    def _with_task(self, s: int, stretch: Stretch, place: int, here: "Whole") -> _Front:
        """The points ``here`` of the first stretch with each option of the task in one place."""
        import numpy as np

        one, ways = self.fronts[stretch.first], self.path.ways[stretch.task]
        options = np.nonzero(ways.at == place)[0]
        begin = np.repeat(one.begin[here], len(options))
        seconds = (one.seconds[here][:, None] + ways.seconds[options]).ravel()
        usd = (one.usd[here][:, None] + ways.usd[options]).ravel()
        onward = (self.prices.rest[s] + self.prices.least[stretch.second][place]).min(axis=1)
        keep = np.nonzero(usd + self.prices.flow[s] * seconds + onward[begin] <= self.most)[0]
        keep = keep[_best(begin[keep], seconds[keep], usd[keep])]
        first, option = np.repeat(here, len(options))[keep], np.tile(ways.option[options], len(here))[keep]
        return _Front(begin[keep], np.full(len(keep), place), seconds[keep], usd[keep], first, option, keep)

    def _pairs(self, s: int, half: _Front, there: "Whole") -> _Front:
        """Each point so far with each of the points ``there`` of the second stretch."""
        import numpy as np

        two, many = self.fronts[self.path.nest.stretches[s].second], len(there)
        front = _Front(
            np.repeat(half.begin, many),
            np.tile(two.end[there], len(half.usd)),
            (half.seconds[:, None] + two.seconds[there]).ravel(),
            (half.usd[:, None] + two.usd[there]).ravel(),
            np.repeat(half.first, many),
            np.repeat(half.option, many),
            np.tile(there, len(half.usd)),
        )
        return self._open(s, front)

    def _side_by_side(self, s: int, stretch: Stretch) -> _Front:
        """At each time that one of both takes: what they cost if each may take as long."""
        import numpy as np

        one, two, found = self.fronts[stretch.first], self.fronts[stretch.second], list[_Front]()
        keys = self._between(s, one), self._between(s, two)
        for key in np.intersect1d(*keys):
            i, j = (np.nonzero(each == key)[0] for each in keys)
            seconds = np.union1d(one.seconds[i], two.seconds[j])
            seconds = seconds[seconds >= max(one.seconds[i[0]], two.seconds[j[0]])]
            i = i[np.searchsorted(one.seconds[i], seconds, side="right") - 1]
            j = j[np.searchsorted(two.seconds[j], seconds, side="right") - 1]
            none = np.full(len(seconds), -1)
            found.append(self._open(s, _Front(one.begin[i], one.end[i], seconds, one.usd[i] + two.usd[j], i, none, j)))
        return self._best_of(s, found)

    def _between(self, s: int, front: _Front) -> "Whole":
        """A number for the two places of each point."""
        return front.begin * len(self.path.places(self.path.nest.stretches[s].end)) + front.end

    def _best_of(self, s: int, fronts: Sequence[_Front]) -> _Front:
        """The points of all together that no other beats."""
        import numpy as np

        if not fronts:
            none, no = np.zeros(0, dtype=np.int64), np.zeros(0)
            return _Front(none, none, no, no, none, none, none)
        begin, end, seconds, usd, first, option, second = (
            np.concatenate(parts) for parts in zip(*(front.columns for front in fronts), strict=True)
        )
        front = _Front(begin, end, seconds, usd, first, option, second)
        return front.some(_best(self._between(s, front), seconds, usd))

    def _thin(self, s: int, front: _Front) -> _Front:
        """So many points between two places at the most, in even steps of dollars.

        Of the points of a step the fastest stays; with ``bounding`` it is as cheap as any of them.
        """
        import numpy as np

        key = self._between(s, front)
        starts = np.nonzero(np.diff(key, prepend=-1))[0]
        sizes = np.diff(starts, append=len(key))
        if not len(key) or sizes.max() <= self.points:
            return front
        self.exact = False
        highest, lowest = (np.repeat(front.usd[at], sizes) for at in (starts, starts + sizes - 1))
        step = np.where(highest > lowest, (highest - front.usd) * self.points / np.maximum(highest - lowest, 1e-300), 0)
        long = np.repeat(sizes > self.points, sizes)
        step = np.where(long, step.astype(np.int64), np.arange(len(key)))
        changes = (np.diff(key, prepend=-1) != 0) | (np.diff(step, prepend=-1) != 0)
        heads = np.nonzero(changes)[0]
        if not self.bounding:
            return front.some(heads)
        lasts = np.append(heads[1:], len(key)) - 1
        thin = front.some(lasts)
        return _Front(thin.begin, thin.end, front.seconds[heads], thin.usd, thin.first, thin.option, thin.second)

    def _options_of(self, point: int) -> dict[int, int]:
        """The options that a point of the whole path is made of."""
        picked: dict[int, int] = {}
        todo = [(len(self.fronts) - 1, point)]
        while todo:
            s, at = todo.pop()
            stretch, front = self.path.nest.stretches[s], self.fronts[s]
            if stretch.task >= 0:
                picked[stretch.task] = int(front.option[at])
            if not stretch.plain:
                todo += [(stretch.first, int(front.first[at])), (stretch.second, int(front.second[at]))]
        return picked


def _best(key: "Whole", seconds: "Floats", usd: "Floats") -> "Whole":
    """The points that no other with the same key beats, in order of key, then of seconds."""
    import numpy as np

    order = np.lexsort((usd, seconds, key))
    if not len(order):
        return order
    apart = 2 * (usd.max() - usd.min()) + 1.0
    fallen = usd[order] - key[order] * apart
    before = np.concatenate([[np.inf], np.minimum.accumulate(fallen)[:-1]])
    return order[fallen < before]
