"""Why a problem has no placement: a minimal set of demands that cannot hold together, and what would help.

A deletion filter over one elastic program: demands are taken away in halves; what the problem stays
infeasible without is not part of the conflict. Then each deadline and stock of the conflict is
relaxed alone as little as possible (a demand outside the conflict cannot help: the conflict would remain), and where
none of them helps alone, several are relaxed together. What is told is tried: the problem is posed with the change.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from agentc.plan.placement import PlacementProblem
from agentc.solve import presolve
from agentc.solve.demands import Conflict, Relaxation, describe, round_down, round_up, sla_name
from agentc.solve.evaluate import evaluate, over
from agentc.solve.heuristic import heuristic
from agentc.solve.highs import INF
from agentc.solve.milp import DemandKey, Model, Shape, build, typical_cost
from agentc.solve.tables import Tables, tabulate

ORDER = ("link", "together", "memory", "task", "stock", "deadline")
"""Kinds in the order in which they are tried to be left out: a conflict names SLA and stock rather than links."""

PROBE_SECONDS = 5.0
"""One check; a check that takes longer counts as feasible, which keeps the demand in the conflict."""

RATE_TASKS = 60
"""Up to so many tasks the highest rate that the stock can serve is looked for."""

RATE_STEPS = 14
"""Bisections of the rate."""

SLOWER = (1.0, 1.002, 1.01, 1.05)
"""Deadlines that are tried around what was found to be needed: with the change the rest can change a little, too."""

MORE = 8
"""Devices beyond what was found to be needed that are tried."""

Changed: TypeAlias = Callable[[Sequence[Relaxation]], PlacementProblem]
"""Poses the problem again with demands changed."""


@dataclass
class _Filter:
    """The elastic program and which demands are in force."""

    tables: Tables
    model: Model
    until: float
    off: set[DemandKey] = field(default_factory=set[DemandKey])
    complete: bool = True
    """False once a check was cut off by time."""
    changed: Changed | None = None

    def holds(self, changes: Sequence[Relaxation]) -> bool:
        """A placement is known once these demands are changed."""
        return _can_serve(self.changed(changes) if self.changed else _replaced(self.tables.problem, changes))

    def enforce(self, key: DemandKey, on: bool) -> None:
        """Put a demand in force, or take it away; a task that is away takes its ``together`` sets with it."""
        (self.off.discard if on else self.off.add)(key)
        keys: list[DemandKey] = [key]
        if key[0] == "task":
            keys.extend(("together", g) for g, group in enumerate(self.tables.groups) if key[1] in dict(group))
        for each in keys:
            free = each in self.off or (each[0] == "together" and self._loose(each[1]))
            for row, lower, upper in self.model.rows.get(each, ()):
                if not free:
                    self.model.program.bound_row(row, lower, upper)
                elif each[0] == "task":
                    self.model.program.bound_row(row, 0.0, 1.0)
                else:
                    self.model.program.bound_row(row, -INF, INF)

    def _loose(self, group: int) -> bool:
        return any(("task", t) in self.off for t, _ in self.tables.groups[group])

    def infeasible(self) -> bool:
        """What is in force cannot hold."""
        left = self.until - time.perf_counter()
        if left <= 0:
            self.complete = False
            return False
        outcome = self.model.program.run(time_limit=min(PROBE_SECONDS, left))
        if outcome.outcome == "limit" and not outcome.values:
            self.complete = False
        return outcome.outcome == "infeasible"

    def shrink(self, keys: Sequence[DemandKey], *, whole: bool = True) -> list[DemandKey]:
        """The demands of ``keys`` that stay in the conflict; the others are taken away for good."""
        if not keys:
            return []
        if whole:
            for key in keys:
                self.enforce(key, False)
            if self.infeasible():
                return []
            for key in keys:
                self.enforce(key, True)
        if len(keys) == 1:
            return list(keys)
        middle = len(keys) // 2
        first = self.shrink(keys[:middle])
        # Where the first half has gone altogether, the second cannot go as a whole too: that was tried.
        return first + self.shrink(keys[middle:], whole=bool(first))


def explain(problem: PlacementProblem, *, time_limit: float = 20.0, changed: Changed | None = None) -> Conflict:
    """Why ``problem`` is infeasible, in at most about ``time_limit`` seconds.

    ``problem`` should hold the options that break a demand on their own, too, or the changes that are told are larger
    than need be. ``changed`` poses it again where more than the demand itself depends on a demand; else nothing does.
    Raises ValueError where the problem is feasible: there is nothing to explain then.
    """
    tables = tabulate(problem)
    empty = [t for t, row in enumerate(tables.cells) if not row]
    if empty:
        return Conflict(tuple(describe(tables, ("task", t), set()) for t in empty[:1]))
    everything = presolve.everything(tables)
    paths = any(b.usd is None for b in tables.path_bounds())
    shape = Shape(path=paths, elastic=True, exact_hops=True)
    model = build(tables, everything, shape, typical_cost(tables, everything))
    search = _Filter(tables, model, time.perf_counter() + time_limit, changed=changed)
    if not search.infeasible() and search.complete:
        raise ValueError("the problem is feasible: no demands conflict")
    kept: list[DemandKey] = []
    for kind in ORDER:
        kept += search.shrink([key for key in model.rows if key[0] == kind])
    return _told(search, kept)


def _told(search: _Filter, kept: list[DemandKey]) -> Conflict:
    conflict = set(kept)
    ordered = sorted(kept, key=lambda key: (-ORDER.index(key[0]), key[1]))
    for key in sorted(search.off):
        search.enforce(key, True)
    relaxations = [*_deadlines(search, conflict), *_stocks(search, conflict), *_rate(search, conflict)]
    limited = any(kind in ("deadline", "stock") for kind, _ in kept)
    return Conflict(
        tuple(describe(search.tables, key, conflict) for key in ordered),
        tuple(relaxations),
        _jointly(search) if limited and not relaxations else (),
        minimal=search.complete,
    )


def _least(search: _Filter, columns: Iterable[int]) -> list[int] | None:
    """The choice that needs least of relaxing columns, with every demand in force."""
    program, columns = search.model.program, list(columns)
    for column in columns:
        program.bound_column(column, 0.0, INF)
    program.costs([(column, 1.0) for column in columns])
    result = program.run(time_limit=max(0.1, min(PROBE_SECONDS, search.until - time.perf_counter())))
    for column in columns:
        program.bound_column(column, 0.0, 0.0)
    program.costs([])
    return search.model.decode(result.values) if result.values else None


def _needs(search: _Filter, picked: list[int]) -> list[Relaxation]:
    """What has to change for a choice: each line of the SLA that it breaks, each class that it takes too much of."""
    problem, bounds = search.tables.problem, search.tables.bounds
    figures = evaluate(problem, search.tables.choice(picked))
    found: list[Relaxation] = []
    for metric, limit in search.model.excess:
        rows = zip(figures.deadline_seconds, bounds, strict=True)
        needed = max(value for value, b in rows if (b.metric, b.limit) == (metric, limit) and b.usd is None)
        if over(needed, limit):
            found.append(Relaxation("deadline", sla_name(metric), limit * 1e3, round_up(needed * 1e3)))
    held = figures.devices
    found += [
        Relaxation("stock", f"fleet {device}", count, held[device])
        for device, count in problem.stock.items()
        if held.get(device, 0) > count
    ]
    return found


def _deadlines(search: _Filter, conflict: set[DemandKey]) -> list[Relaxation]:
    """Deadlines of one metric and limit are one line of the SLA, and are relaxed together."""
    bounds = search.tables.bounds
    lines = dict.fromkeys((bounds[n].metric, bounds[n].limit) for kind, n in sorted(conflict) if kind == "deadline")
    needed = [_alone(search, search.model.excess[line]) for line in lines]
    return [tried for each in needed if each is not None and (tried := _tried(search, each)) is not None]


def _stocks(search: _Filter, conflict: set[DemandKey]) -> list[Relaxation]:
    devices = list(search.tables.problem.stock)
    needed = [_alone(search, search.model.extra[devices[n]]) for kind, n in sorted(conflict) if kind == "stock"]
    return [tried for each in needed if each is not None and (tried := _tried(search, each)) is not None]


def _alone(search: _Filter, column: int) -> Relaxation | None:
    """The least change of one demand that helps; ``None`` where none does."""
    picked = _least(search, [column])
    needs = _needs(search, picked) if picked is not None else []
    return needs[0] if len(needs) == 1 else None


def _tried(search: _Filter, change: Relaxation) -> Relaxation | None:
    """``change``, or one a little larger, that is known to help."""
    if change.kind == "stock":
        larger = [replace(change, needed=change.needed + more) for more in range(MORE)]
    else:
        larger = [replace(change, needed=round_up(change.needed * factor)) for factor in SLOWER]
    return next((each for each in larger if search.holds([each])), None)


def _jointly(search: _Filter) -> tuple[Relaxation, ...]:
    """Changes of several demands that help together, each of which is needed; empty where none is known."""
    best = _least(search, [*search.model.excess.values(), *search.model.extra.values()])
    if best is None:
        return ()
    open_ = [_column(search.model, change) for change in _needs(search, best)]
    for column in list(open_):
        rest = [each for each in open_ if each != column]
        if (picked := _least(search, rest)) is not None:
            open_, best = rest, picked
    changes = _needs(search, best)
    return next((tuple(larger) for step in range(len(SLOWER)) if search.holds(larger := _larger(changes, step))), ())


def _larger(changes: Iterable[Relaxation], step: int) -> list[Relaxation]:
    return [
        replace(each, needed=each.needed + step if each.kind == "stock" else round_up(each.needed * SLOWER[step]))
        for each in changes
    ]


def _column(model: Model, change: Relaxation) -> int:
    """The column that relaxes the demand of ``change``."""
    if change.kind == "stock":
        return model.extra[change.name.removeprefix("fleet ")]
    return next(column for line, column in model.excess.items() if change.is_of(*line))


def _replaced(problem: PlacementProblem, changes: Iterable[Relaxation]) -> PlacementProblem:
    """``problem`` with the limits changed, and nothing else."""
    for change in changes:
        if change.kind == "load":
            problem = replace(problem, requests_per_second=change.needed)
        elif change.kind == "stock":
            device = change.name.removeprefix("fleet ")
            problem = replace(problem, stock={**problem.stock, device: int(change.needed)})
        else:
            rows = (
                replace(row, seconds=change.needed / 1e3)
                if row.usd_per_second is None and change.is_of(row.metric, row.seconds)
                else row
                for row in problem.deadlines
            )
            problem = replace(problem, deadlines=tuple(rows))
    return problem


def _rate(search: _Filter, conflict: set[DemandKey]) -> list[Relaxation]:
    """The highest rate, to three figures, that the stock can serve."""
    tables = search.tables
    if tables.size > RATE_TASKS or not any(kind == "stock" for kind, _ in conflict):
        return []
    current = tables.problem.requests_per_second
    at = Relaxation("load", "load.requests_per_second", current, round_down(current * 1e-3))
    low, high = at.needed, current
    if not search.holds([at]):
        return []
    for _ in range(RATE_STEPS):
        middle = round_down(math.sqrt(low * high))
        if not low < middle < high or time.perf_counter() > search.until:
            break
        if search.holds([replace(at, needed=middle)]):
            low = middle
        else:
            high = middle
    return [replace(at, needed=low)]


def _can_serve(problem: PlacementProblem) -> bool:
    """A placement is known: found by search, or by a short run of the program."""
    tables = tabulate(problem)
    left = presolve.reduce(tables)
    if any(not row for row in left.alive):
        return False
    if heuristic(tables, left, "cost", passes=2).score().violation == 0:
        return True
    model = build(tables, left, Shape(path=bool(tables.path_bounds())), typical_cost(tables, left))
    return bool(model.program.run(time_limit=PROBE_SECONDS).values)
