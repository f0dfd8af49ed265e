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
from functools import cached_property
from typing import TypeAlias

from agentc.plan.placement import PlacementProblem
from agentc.solve import presolve
from agentc.solve.company import whole
from agentc.solve.demands import Conflict, Relaxation, describe, round_down, round_up, sla_name
from agentc.solve.evaluate import evaluate, over
from agentc.solve.highs import INF
from agentc.solve.milp import DemandKey, Model, Shape, build, typical_cost
from agentc.solve.state import State
from agentc.solve.suspects import suspects
from agentc.solve.tables import Tables, tabulate
from agentc.solve.tolls import mended, tolled
from agentc.solve.without import demands_of, refuted, without

ORDER = ("link", "together", "memory", "task", "stock", "deadline")
"""Kinds in the order in which they are tried to be left out: a conflict names SLA and stock rather than links."""

PROBE_SECONDS = 5.0
"""One check; a check that takes longer counts as feasible, which keeps the demand in the conflict."""

PART_TASKS = 60
"""Above so many tasks a conflict among few of them is looked for first."""

RATE_STEPS = 14
"""Bisections of the rate."""

SLOWER = (1.0, 1.002, 1.01, 1.05)
"""Deadlines that are tried around what was found to be needed: with the change the rest can change a little, too."""

TRIALS, FIRST, STEP, TRIAL_SECONDS = 8, 1.2, 2.0, 12.0
"""Limits that are tried for a large problem, the first so many times the least, then each so many times the last until
one helps; the time for all of one demand."""

TRY_SECONDS = 4.0
"""For one of them; what takes longer counts as not helping."""

TRIES = 6
"""Prices that are tried for one of them."""

FINE = 1.05
"""How near two limits, of which the one helps and the other does not, have to be."""

MORE = 8
"""Devices beyond what was found to be needed that are tried."""

Line: TypeAlias = tuple[str, float]
"""A line of the SLA: metric, and limit in seconds."""

Changed: TypeAlias = Callable[[Sequence[Relaxation]], PlacementProblem]
"""Poses the problem again with demands changed."""


@dataclass
class _Filter:
    """The elastic program and which demands are in force."""

    tables: Tables
    until: float
    off: set[DemandKey] = field(default_factory=set[DemandKey])
    complete: bool = True
    """False once a check was cut off by time."""
    changed: Changed | None = None
    parts: bool = False
    """Parts of tasks count: what cannot hold with them cannot hold with whole ones."""
    quick: bool = False
    """Only what presolve sees counts."""

    @cached_property
    def model(self) -> Model:
        """The elastic program."""
        return self._build(whole=not self.parts)

    @cached_property
    def linear(self) -> Model:
        """A smaller one of parts of tasks, in which transfers take no longer than they do."""
        return self._build(whole=False)

    def _build(self, *, whole: bool) -> Model:
        everything = presolve.everything(self.tables)
        paths = any(b.usd is None for b in self.tables.path_bounds())
        shape = Shape(path=paths, elastic=True, exact_hops=whole, integer=whole)
        return build(self.tables, everything, shape, typical_cost(self.tables, everything))

    @property
    def keys(self) -> list[DemandKey]:
        """The demands that can be taken away."""
        return [key for key in (demands_of(self.tables) if self.quick else self.model.rows) if key not in self.off]

    @property
    def large(self) -> bool:
        """Programs of whole tasks may take long."""
        return self.tables.size > PART_TASKS

    def at_least(self, column: int) -> float:
        """What a relaxing column must come to if it alone relaxes anything, by parts of tasks; infinite where it does
        not help."""
        program = self.linear.program
        program.bound_column(column, 0.0, INF)
        program.costs([(column, 1.0)])
        result = program.run(time_limit=max(0.1, min(PROBE_SECONDS, self.until - time.perf_counter())))
        program.bound_column(column, 0.0, 0.0)
        return INF if result.outcome == "infeasible" else max(0.0, result.bound)

    def holds(self, changes: Sequence[Relaxation]) -> bool:
        """A placement is known once these demands are changed."""
        return _can_serve(self.posed(changes))

    def posed(self, changes: Sequence[Relaxation]) -> PlacementProblem:
        """The problem with these demands changed."""
        return self.changed(changes) if self.changed else _replaced(self.tables.problem, changes)

    def enforce(self, key: DemandKey, on: bool) -> None:
        """Put a demand in force, or take it away; a task that is away takes its ``together`` sets with it."""
        (self.off.discard if on else self.off.add)(key)
        if self.quick:
            return
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
        if refuted(without(self.tables, self.off)):
            return True
        left = self.until - time.perf_counter()
        if self.quick or left <= 0:
            self.complete = self.quick
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
    search = _Filter(tables, time.perf_counter() + time_limit, changed=changed)
    found = _part(search)
    if found is search and not search.infeasible() and search.complete:
        raise ValueError("the problem is feasible: no demands conflict")
    kept = _shrunk(found)
    if found.quick or (found.parts and not search.large):
        # Whole tasks, and all that presolve does not see, may need fewer demands for a conflict.
        found = _Filter(without(found.tables, found.off), search.until, off=found.off)
        kept = _shrunk(found)
    if found is search:
        for key in sorted(found.off):
            found.enforce(key, True)
    return _told(search, found.tables, kept, minimal=found.complete)


def _shrunk(found: _Filter) -> list[DemandKey]:
    """The demands that stay in the conflict."""
    kept: list[DemandKey] = []
    for kind in ORDER:
        kept += found.shrink([key for key in found.keys if key[0] == kind])
    return kept


def _part(search: _Filter) -> _Filter:
    """What tells quickly that the demands conflict: of a large problem a few tasks, if such are found; what presolve
    sees; a program of parts of tasks. Else the problem."""
    for problem in suspects(search.tables) if search.large else ():
        part = _Filter(tabulate(problem), search.until)
        if part.infeasible():
            return part
    quick = replace(search, quick=True, off=set[DemandKey]())
    if quick.infeasible():
        return _guessed(quick)
    rough = replace(search, parts=True, off=set[DemandKey]())
    return rough if rough.infeasible() else search


def _guessed(quick: _Filter) -> _Filter:
    """``quick`` without the tasks that are not on the path that is too long, if that is what is wrong."""
    tables = quick.tables
    free = without(tables, [("deadline", n) for n, bound in enumerate(tables.bounds) if bound.on_path])
    left = presolve.possible(free)
    if any(not row for row in left.alive):
        return quick
    _, path = presolve.shortest_possible(free, left)
    others: list[DemandKey] = [("task", t) for t in range(tables.size) if t not in path]
    if refuted(without(tables, others)):
        quick.off.update(others)
    return quick


def _told(search: _Filter, tables: Tables, kept: list[DemandKey], *, minimal: bool) -> Conflict:
    """The conflict ``kept``, which is of ``tables``, and what would help the problem of ``search``."""
    conflict = set(kept)
    ordered = sorted(kept, key=lambda key: (-ORDER.index(key[0]), key[1]))
    bounds, devices = tables.bounds, list(tables.problem.stock)
    lines = dict.fromkeys((bounds[n].metric, bounds[n].limit) for kind, n in sorted(kept) if kind == "deadline")
    scarce = [devices[n] for kind, n in sorted(kept) if kind == "stock"]
    late, rate = [_deadline(search, line) for line in lines], _rate(search) if scarce else None
    helpful = (*late, *(_stock(search, device) for device in scarce), rate)
    relaxations = [each for each in helpful if each is not None]
    return Conflict(
        tuple(describe(tables, key, conflict) for key in ordered),
        tuple(relaxations),
        _jointly(search) if (lines or scarce) and not relaxations else (),
        minimal=minimal,
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


def _deadline(search: _Filter, line: Line) -> Relaxation | None:
    """Deadlines of one metric and limit are one line of the SLA, and are relaxed together."""
    least = _floor(search.tables.problem, line)
    if math.isinf(least):
        return None
    change = Relaxation("deadline", sla_name(line[0]), line[1] * 1e3, round_up(least * 1e3))
    if search.holds([change]):
        return change
    if search.large:
        by_trial = _by_trial(search, change)
        return _by_latency(search, change) if by_trial is None and line[0] == "end_to_end" else by_trial
    needed = _alone(search, search.model.excess[line])
    return _tried(search, needed) if needed is not None else None


def _by_latency(search: _Filter, change: Relaxation) -> Relaxation | None:
    """For large problems: the shortest end-to-end time that is found while all else is kept."""
    from agentc.solve.solver import solve

    problem = search.posed([replace(change, needed=1e3 * change.needed)])
    found = solve(replace(problem, objective="latency"), time_limit=4 * PROBE_SECONDS, gap=0.01, reasons=False)
    if found.status == "infeasible":
        return None
    return replace(change, needed=round_up(found.end_to_end_seconds * 1e3))


def _by_trial(search: _Filter, floor: Relaxation) -> Relaxation | None:
    """For large problems: a limit that is known to help, near the least, which is at least ``floor``."""
    low, until = floor, min(search.until, time.perf_counter() + TRIAL_SECONDS)
    high: Relaxation | None = None
    for trial in range(TRIALS):
        if time.perf_counter() > until or (high is not None and high.needed <= FINE * low.needed):
            break
        factor = (STEP if trial else FIRST) if high is None else math.sqrt(high.needed / low.needed)
        tried = replace(floor, needed=_whole(floor, low.needed * factor))
        if high is not None and tried.needed >= high.needed:
            break
        low, high = (low, tried) if search.holds([tried]) else (tried, high)
    return high


def _whole(change: Relaxation, needed: float) -> float:
    """Devices come whole, and times in few figures."""
    return math.ceil(needed) if change.kind == "stock" else round_up(needed)


def _floor(problem: PlacementProblem, line: Line) -> float:
    """Seconds below which a line of the SLA cannot be kept while all else is; infinite where all else conflicts."""
    limits = (
        replace(row, seconds=INF) if row.usd_per_second is None and (row.metric, row.seconds) == line else row
        for row in problem.deadlines
    )
    tables = tabulate(replace(problem, deadlines=tuple(limits)))
    left = presolve.possible(tables)
    if any(not row for row in left.alive):
        return INF
    freed = [b for b in tables.bounds if b.metric == line[0] and b.usd is None and not b.binding]
    if line[0] == "end_to_end":
        return presolve.shortest_possible(tables, left)[0]
    return max(presolve.fastest(tables, left, bound) for bound in freed)


def _stock(search: _Filter, device: str) -> Relaxation | None:
    if search.large:
        return _many_more(search, device)
    needed = _alone(search, search.model.extra[device])
    return _tried(search, needed) if needed is not None else None


def _many_more(search: _Filter, device: str) -> Relaxation | None:
    """For large problems: as many devices of a class as are known to help."""
    more, count = search.at_least(search.linear.extra[device]), search.tables.problem.stock[device]
    if math.isinf(more) or time.perf_counter() > search.until:
        return None
    floor = Relaxation("stock", f"fleet {device}", count, count + max(1, math.ceil(more * (1 - 1e-9))))
    return floor if search.holds([floor]) else _by_trial(search, floor)


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


def _rate(search: _Filter) -> Relaxation | None:
    """The highest rate, to three figures, that the stock can serve; of a large problem one near it."""
    current = search.tables.problem.requests_per_second
    at = Relaxation("load", "load.requests_per_second", current, round_down(current * 1e-3))
    until = min(search.until, time.perf_counter() + TRIAL_SECONDS) if search.large else search.until
    low, high = _served(search, at, until)
    if low <= 0:
        return None
    for _ in range(RATE_STEPS):
        middle = round_down(math.sqrt(low * high), 2 if search.large else 3)
        if not low < middle < high or time.perf_counter() > until:
            break
        if search.holds([replace(at, needed=middle)]):
            low = middle
        else:
            high = middle
    return replace(at, needed=low)


def _served(search: _Filter, at: Relaxation, until: float) -> tuple[float, float]:
    """A rate that can be served and a higher one that cannot; the first is zero where none is known."""
    if not search.large:
        return (at.needed if search.holds([at]) else 0.0), at.current
    high = at.current
    for _ in range(TRIALS):
        tried = round_down(high / STEP**2)
        if search.holds([replace(at, needed=tried)]):
            return tried, high
        high = tried
        if time.perf_counter() > until:
            break
    return 0.0, high


def _can_serve(problem: PlacementProblem) -> bool:
    """A placement is known: found by search, or by a short run of the program."""
    if len(problem.tasks) > PART_TASKS:
        return _can_serve_many(problem)
    tables = tabulate(problem)
    left = presolve.reduce(tables)
    if any(not row for row in left.alive):
        return False
    model = build(tables, left, Shape(path=bool(tables.path_bounds())), typical_cost(tables, left))
    # Where not even parts of tasks fit, that is known at once; where whole ones fit easily, a short search finds them.
    model.program.option("solve_relaxation", True)
    if model.program.run(time_limit=PROBE_SECONDS).outcome == "infeasible":
        return False
    model.program.option("solve_relaxation", False)
    picked = tolled(tables, left, until=time.perf_counter() + TRY_SECONDS, tries=TRIES)
    if whole(tables, picked) and State(tables, picked, "cost").score().violation == 0:
        return True
    return bool(model.program.run(time_limit=PROBE_SECONDS).values)


def _can_serve_many(problem: PlacementProblem) -> bool:
    """The same by a short search alone."""
    tables = tabulate(problem)
    left = presolve.possible(tables)
    if any(not row for row in left.alive):
        return False
    found = mended(tables, left, until=time.perf_counter() + TRY_SECONDS, tries=TRIES)
    return found.score().violation == 0 and whole(tables, found.picked)
