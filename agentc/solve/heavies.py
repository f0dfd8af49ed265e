"""First placements of tasks that share pools by whole replicas: what weighs most is decided first.

A linear program spreads heavy tasks over pools as if they were many light ones, and then its replicas fit none of
them. So the heaviest tasks are held to what it takes most of, program by program; then replicas are counted whole;
within these the lighter tasks are held, tier by tier. The lightest fill what is left, and are decided by one program.
"""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from agentc.solve.milp import Model
from agentc.solve.presolve import Reduced
from agentc.solve.tables import NO_POOL, Tables

WHOLE = 1 - 1e-6
"""Part of an option at which a task takes it."""

PART = 6
"""One of so many tasks in parts, those nearest to whole, is held at a time."""

TIER = 4
"""One of so many tasks that are left is in the next tier."""

COUNTED = 4e-3
"""Relative gap at which replicas are counted well."""

COUNT_SHARE = 0.6
"""Of the time, for that."""


@dataclass
class Heavies:
    """A linear program, and the tasks that are held in it."""

    linear: Model
    left: Reduced
    until: float
    """On the clock of ``time.perf_counter``."""
    held: dict[int, int] = field(default_factory=dict[int, int])
    """Task -> option."""
    values: list[dict[int, float]] = field(default_factory=list[dict[int, float]])
    """Task -> option -> its part, in the last program."""

    @property
    def favored(self) -> list[int]:
        """What each task takes most of."""
        return [max(row, key=lambda o, row=row: row[o]) for row in self.values]

    def hold(self, tasks: Iterable[int]) -> bool:
        """Hold ``tasks`` to what they take most of; those whose options do not go together stay open. False where
        there is no answer."""
        todo = set(tasks)
        while self._run():
            favored = self.favored
            parts = {t: self.values[t][favored[t]] for t in todo}
            mixed = sorted((t for t in todo if parts[t] < WHOLE), key=lambda t: (-parts[t], t))
            take = mixed[: 1 + len(mixed) // PART] if mixed else sorted(todo)
            self._bound((t, favored[t]) for t in take)
            if not mixed:
                return True
            todo -= set(take)
            if not self._run():
                self.release(take)
        return False

    def count(self, model: Model, seconds: float) -> dict[int, int]:
        """Whole replicas of each shared pool, by the program of what is held, ``model``, with parts of the other tasks;
        they are held from now on. Nothing where there is no answer in ``seconds``."""
        model.program.make_whole(model.n.values())
        result = model.program.run(time_limit=max(0.01, seconds), gap=COUNTED)
        if not result.values:
            return {}
        counts = {p: round(result.values[model.n[p]]) if p in model.n else 0 for p in self.linear.n}
        bounds = [float(count) for count in counts.values()]
        self.linear.program.bound_columns(list(self.linear.n.values()), bounds, bounds)
        return counts

    def release(self, tasks: Collection[int]) -> None:
        """All options of ``tasks`` again."""
        columns = [c for t in tasks for c in self.linear.x[t].values()]
        self.linear.program.bound_columns(columns, [0.0] * len(columns), [1.0] * len(columns))
        for t in tasks:
            self.held.pop(t, None)

    def _bound(self, picked: Iterable[tuple[int, int]]) -> None:
        for t, o in picked:
            self.held[t] = o
            columns = self.linear.x[t]
            bounds = [float(k == o) for k in columns]
            self.linear.program.bound_columns(list(columns.values()), bounds, bounds)

    def _run(self) -> bool:
        result = self.linear.program.run(time_limit=max(0.01, self.until - time.perf_counter()))
        if result.outcome == "optimal":
            self.values = [{o: result.values[c] for o, c in row.items()} for row in self.linear.x]
        return result.outcome == "optimal"


def by_weight(tables: Tables, left: Reduced) -> list[tuple[float, int]]:
    """The rent that each task's work may take at the most, in $/hour, and the task; the most first."""
    rents = [pool.usd for pool in tables.pools]

    def most(t: int, row: list[int]) -> float:
        cells = (tables.cells[t][o] for o in row)
        return max((cell.load * rents[cell.pool] for cell in cells if cell.pool != NO_POOL), default=0.0)

    return sorted(((most(t, row), t) for t, row in enumerate(left.alive)), key=lambda each: (-each[0], each[1]))


def place_by_weight(
    tables: Tables,
    left: Reduced,
    linear: Model,
    build: Callable[[Reduced], Model],
    *,
    heavy: float,
    light: int,
    until: float,
) -> tuple[list[int], set[int], dict[int, int]] | None:
    """A choice, the tasks that are yet to be decided, and the replicas of each shared pool; ``None`` where there is no
    answer.

    ``build`` writes the linear program of some options. Tasks count as heavy from ``heavy`` of the mean rent of a
    shared pool; the ``light`` lightest are left to decide. ``linear`` has all options again when this returns.
    """
    order = by_weight(tables, left)
    rents = [tables.pools[p].usd for p in linear.n]
    first = [t for weight, t in order if weight >= heavy * sum(rents) / len(rents)]
    rest = [t for _, t in order if t not in set(first)]
    work, columns = Heavies(linear, left, until), list(linear.n.values())
    box = linear.program.bounds_of(columns)
    try:
        if not work.hold(first):
            return None
        rows = [[work.held[t]] if t in work.held else row for t, row in enumerate(left.alive)]
        counts = work.count(build(Reduced(rows)), COUNT_SHARE * (until - time.perf_counter()))
        if not counts:
            return None
        while len(rest) > light and work.hold(rest[: max(1, len(rest) // TIER)]):
            rest = rest[max(1, len(rest) // TIER) :]
        return work.favored, set(range(tables.size)) - work.held.keys(), counts
    finally:
        work.release(range(tables.size))
        linear.program.bound_columns(columns, *box)
