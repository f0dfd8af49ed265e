"""Why a problem has no placement: a minimal set of demands that cannot hold together, and what would help.

A deletion filter over one elastic program: demands are taken away in halves; what the problem stays
infeasible without is not part of the conflict. Then each deadline and stock of the conflict is
relaxed alone as little as possible. (A demand outside the conflict cannot help: the conflict would remain.)
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentc.plan.placement import PlacementProblem
from agentc.solve import presolve
from agentc.solve.demands import Conflict, Relaxation, describe, round_down, round_up, sla_name
from agentc.solve.evaluate import evaluate
from agentc.solve.heuristic import heuristic
from agentc.solve.highs import INF
from agentc.solve.milp import DemandKey, Model, Shape, build, typical_cost
from agentc.solve.tables import Tables, tabulate

ORDER = ("link", "together", "task", "stock", "deadline")
"""Kinds in the order in which they are tried to be left out: a conflict names SLA and stock rather than links."""

PROBE_SECONDS = 5.0
"""One check; a check that takes longer counts as feasible, which keeps the demand in the conflict."""

RATE_TASKS = 60
"""Up to so many tasks the highest rate that the stock can serve is looked for."""

RATE_STEPS = 14
"""Bisections of the rate."""


@dataclass
class _Filter:
    """The elastic program and which demands are in force."""

    tables: Tables
    model: Model
    until: float
    off: set[DemandKey] = field(default_factory=set[DemandKey])
    complete: bool = True
    """False once a check was cut off by time."""

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


def explain(problem: PlacementProblem, *, time_limit: float = 20.0) -> Conflict:
    """Why ``problem`` is infeasible, in at most about ``time_limit`` seconds.

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
    search = _Filter(tables, model, time.perf_counter() + time_limit)
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
    return Conflict(
        tuple(describe(search.tables, key, conflict) for key in ordered),
        tuple(relaxations),
        minimal=search.complete,
    )


def _least(search: _Filter, column: int) -> list[int] | None:
    """The choice that needs least of a relaxing column, with every demand in force."""
    program = search.model.program
    program.bound_column(column, 0.0, INF)
    program.costs([(column, 1.0)])
    result = program.run(time_limit=max(0.1, min(PROBE_SECONDS, search.until - time.perf_counter())))
    program.bound_column(column, 0.0, 0.0)
    program.costs([])
    return search.model.decode(result.values) if result.values else None


def _deadlines(search: _Filter, conflict: set[DemandKey]) -> list[Relaxation]:
    """Deadlines of one metric and limit are one line of the SLA, and are relaxed together."""
    found: list[Relaxation] = []
    bounds = search.tables.bounds
    lines = dict.fromkeys((bounds[n].metric, bounds[n].limit) for kind, n in sorted(conflict) if kind == "deadline")
    for metric, limit in lines:
        picked = _least(search, search.model.excess[metric, limit])
        if picked is None:
            continue
        values = evaluate(search.tables.problem, search.tables.choice(picked)).deadline_seconds
        needed = max(v for v, b in zip(values, bounds, strict=True) if (b.metric, b.limit) == (metric, limit))
        found.append(Relaxation("deadline", sla_name(metric), limit * 1e3, round_up(needed * 1e3)))
    return found


def _stocks(search: _Filter, conflict: set[DemandKey]) -> list[Relaxation]:
    found: list[Relaxation] = []
    stock = search.tables.problem.stock
    for device in (list(stock)[n] for kind, n in sorted(conflict) if kind == "stock"):
        picked = _least(search, search.model.extra[device])
        if picked is not None:
            held = evaluate(search.tables.problem, search.tables.choice(picked)).devices.get(device, 0)
            found.append(Relaxation("stock", f"fleet {device}", stock[device], held))
    return found


def _rate(search: _Filter, conflict: set[DemandKey]) -> list[Relaxation]:
    """The highest rate, to three figures, that the stock can serve."""
    tables = search.tables
    if tables.size > RATE_TASKS or not any(kind == "stock" for kind, _ in conflict):
        return []
    high = tables.problem.requests_per_second
    low = high * 1e-3
    if not _can_serve(tables.problem, low):
        return []
    for _ in range(RATE_STEPS):
        middle = math.sqrt(low * high)
        if _can_serve(tables.problem, middle):
            low = middle
        else:
            high = middle
    current = tables.problem.requests_per_second
    return [Relaxation("load", "load.requests_per_second", current, round_down(low))]


def _can_serve(problem: PlacementProblem, rate: float) -> bool:
    """A placement is known at this rate: found by search, or by a short run of the program."""
    tables = tabulate(replace(problem, requests_per_second=rate))
    left = presolve.reduce(tables)
    if any(not row for row in left.alive):
        return False
    if heuristic(tables, left, "cost", passes=2).score().violation == 0:
        return True
    model = build(tables, left, Shape(path=bool(tables.path_bounds())), typical_cost(tables, left))
    return bool(model.program.run(time_limit=PROBE_SECONDS).values)
