"""Placements from a linear program, and from each other: most tasks keep their options, a program decides the rest.

What the linear program takes whole stays, and its parts of tasks are decided whole (a dive). From then on tasks that
follow each other in the graph are decided anew, some at a time, while the others keep their options.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentc.solve.evaluate import replicas_for
from agentc.solve.milp import Model
from agentc.solve.presolve import Reduced
from agentc.solve.search import Search
from agentc.solve.state import State
from agentc.solve.tables import NO_POOL

WHOLE = 1 - 1e-6
"""Part of an option at which a task takes it; of the others a quarter is held to theirs, linear program by program."""

FAR = 0.3
"""Violation of all demands, as parts of their limits, beyond which the tasks that are left to decide mend nothing."""

FREE = 40
"""Tasks in parts that are few enough to be decided whole."""

TIGHTER = (1.0, 0.98, 0.95, 0.9)
"""Parts of the end-to-end deadline for the linear program: whole tasks need more time than parts of them."""

DIVE_SHARE = 0.12
"""Of the time that is left, for one dive."""

WINDOW = 60
"""Tasks that are decided anew at a time."""

SECONDS = 3.0
"""For each time."""

SLOW = 3e-3
"""Relative gain of all windows together below which they get twice as wide."""

CLOSE = 1e-4
"""Relative gap at which a window is decided well enough."""


@dataclass
class Dives:
    """Programs that share what is known: ``build`` writes one of some options, ``offer`` weighs a choice."""

    search: Search
    build: Callable[[Reduced], Model]
    offer: Callable[[list[int]], State]

    def dive(self, linear: Callable[[], Model], most: Mapping[int, int], *, light: int = 0) -> None:
        """A first placement: the ``linear`` program, within a part of the deadline and with at most so many replicas of
        each pool, is solved again and again while more and more tasks take what they take most of. The others, and
        ``light`` tasks of the least work, are decided whole.

        What is late then has links whose transfers are not in the program; ``offer`` notes them for the next one.
        """
        for part in TIGHTER if self.search.tables.path_bounds() else (1.0,):
            model = linear()
            self._open(model, most)
            self._allow(model, part)
            favored, free = self._fix(model)
            if not favored:
                continue
            free |= self._lightest(favored, light)
            if self.offer(favored).score().violation < FAR and self.decide(
                favored, free, DIVE_SHARE * self.search.seconds_left
            ):
                return

    def _open(self, model: Model, most: Mapping[int, int]) -> None:
        """All options again, and at most so many replicas."""
        for pool, column in model.n.items():
            model.program.bound_column(column, 0.0, most.get(pool, 0) if most else math.inf)
        for row in model.x:
            for column in row.values():
                model.program.bound_column(column, 0.0, 1.0)

    def _allow(self, model: Model, part: float) -> None:
        """A part of the deadlines from end to end."""
        bounds = self.search.tables.bounds
        for (kind, b), rows in model.rows.items():
            if kind == "deadline" and bounds[b].on_path:
                for number, lower, upper in rows:
                    model.program.bound_row(number, lower, upper * part)

    def _fix(self, linear: Model) -> tuple[list[int], set[int]]:
        """What each task takes most of, and the tasks that are not held to it; nothing where there is no answer."""
        favored, program = list[int](), linear.program
        free = before = set(range(len(linear.x)))
        while True:
            result = program.run(time_limit=max(0.01, DIVE_SHARE * self.search.seconds_left))
            if result.outcome != "optimal":
                return favored, before
            values = parts_of(linear, result.values)
            before, favored = free, [max(row, key=lambda o, row=row: row[o]) for row in values]
            mixed = sorted((t for t in before if values[t][favored[t]] < WHOLE), key=lambda t: values[t][favored[t]])
            if len(mixed) <= FREE:
                return favored, set(mixed)
            free = set(mixed[: 3 * len(mixed) // 4]) if len(before) < len(values) else set(mixed)
            for t in before - free:
                for o, column in linear.x[t].items():
                    program.bound_column(column, float(o == favored[t]), float(o == favored[t]))

    def _lightest(self, picked: Sequence[int], count: int) -> set[int]:
        """The tasks with the least work: replicas that are full of others have room for these."""
        cells = self.search.tables.cells
        return set(sorted(range(len(picked)), key=lambda t: cells[t][picked[t]].load)[:count])

    def polish(self, until: float, close: Callable[[], bool]) -> None:
        """Decide window by window anew, until none gets better, ``close`` says so, or the time is up."""
        size = self.search.tables.size
        width, best, stride = min(WINDOW, size), self.search.value, 0
        while not close():
            stride += 1
            for window in (*_windows(size, width), *self._pool_windows(width // 2, stride)):
                if time.perf_counter() > until or close() or self.search.best is None:
                    return
                seconds = min(SECONDS, until - time.perf_counter())
                self.decide(self.search.best.picked, window, seconds)
            if self.search.value >= best * (1 - SLOW):
                if width == size:
                    return
                width = min(2 * width, size)
            best = self.search.value

    def _pool_windows(self, width: int, stride: int) -> Iterator[list[int]]:
        """The tasks of a few pools at a time, those with most room first: only together can they leave a replica. With
        each ``stride`` other pools come together."""
        state = self.search.best
        if state is None:
            return
        cells, rows = self.search.tables.cells, self.search.tables.pools
        inside: dict[int, list[int]] = {}
        for t, o in enumerate(state.picked):
            if (pool := cells[t][o].pool) != NO_POOL:
                inside.setdefault(pool, []).append(t)
        idle = {p: (replicas_for(load) - load) * rows[p].usd for p, load in state.totals.load.items()}
        order = sorted(inside, key=lambda p: (-idle.get(p, 0.0), p))
        for first in range(len(order) if len(order) > 1 else 0):
            window, at = list[int](), first
            while len(window) < width and at < first + stride * len(order):
                window += inside[order[at % len(order)]]
                at += stride
            yield sorted(set(window))

    def decide(self, picked: Sequence[int], free: Collection[int], seconds: float) -> bool:
        """Decide the tasks that are ``free`` anew while the others keep what is ``picked``. True where that is a
        placement."""
        search = self.search
        rows = [row if t in free else [picked[t]] for t, row in enumerate(search.left.alive)]
        model = self.build(Reduced(rows))
        if search.best is not None and search.best.picked == list(picked):
            model.program.start_from(model.start_of(search.best))
        result = model.program.run(time_limit=max(0.01, seconds), gap=max(CLOSE, search.gap / 4))
        if not result.values:
            return False
        return self.offer(model.decode(result.values)).score().violation == 0


def parts_of(model: Model, values: Sequence[float]) -> list[dict[int, float]]:
    """Task -> option -> the part of the task that takes it."""
    return [{o: values[column] for o, column in row.items()} for row in model.x]


def _windows(size: int, width: int) -> Iterator[range]:
    """Tasks in a row, each window half over the one before."""
    for first in range(0, max(1, size - width // 2), max(1, width // 2)):
        yield range(first, min(size, first + width))
