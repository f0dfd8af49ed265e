"""Two objectives: one after the other, and the front of what one costs in the other.

Epsilon-constraint method on one program: each point minimizes the first objective under a cap on the second, then the
second among the placements that are as good in the first, so that no point is dominated. Every point is weighed by the
evaluator; a choice that breaks a demand by the program's rounding is cut off, and the program runs again.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentc.plan.placement import Objective, PlacementProblem, PlacementSolution
from agentc.solve import presolve
from agentc.solve.evaluate import Evaluation, evaluate
from agentc.solve.highs import INF
from agentc.solve.milp import Model, Shape, Terms, build, typical_cost
from agentc.solve.tables import Tables, tabulate
from agentc.support.record import record

CUTS = 20
"""Choices that are cut off for rounding before a program is given up."""

SLACK = 1e-6
"""Relative slack of a cap: as much as a proof leaves open."""

POINTS = 12
"""Points of a front that are looked for, its two ends among them."""


@record
class Point:
    """One placement of a front."""

    solution: PlacementSolution
    first: float
    second: float


@dataclass
class _Found:
    picked: list[int]
    figures: Evaluation
    bound: float


@dataclass
class _Caps:
    """The program with a row for each objective, which caps it."""

    problem: PlacementProblem
    objectives: tuple[Objective, ...]
    gap: float
    until: float
    model: Model = field(init=False)
    units: dict[Objective, float] = field(default_factory=dict[Objective, float])
    terms: dict[Objective, Terms] = field(default_factory=dict[Objective, Terms])
    rows: dict[Objective, int] = field(default_factory=dict[Objective, int])
    empty: bool = False
    """Some task has no option that could be chosen."""
    known: PlacementSolution | None = None
    """An answer for the first objective, where only what is as good matters."""

    def __post_init__(self) -> None:
        drawn = [each for each in self.objectives if each in ("energy", "carbon")]
        tables = tabulate(replace(self.problem, objective=drawn[0] if drawn else "cost"))
        left = presolve.possible(tables)
        self.empty = any(not row for row in left.alive)
        if self.empty:
            return
        presolve.drop_dominated(tables, left)
        if self.known is not None and self.objectives[0] == "cost":
            usd = evaluate(self.problem, self.known.choice).cost
            presolve.drop_costly(tables, left, usd, numbers(tables, self.known.choice))
        timed = "latency" in self.objectives or bool(tables.path_bounds())
        self.model = build(tables, left, Shape(path=timed), typical_cost(tables, left))
        for each in self.objectives:
            self._row(each)

    def _row(self, objective: Objective) -> None:
        """The objective as terms of the order of one, and as a row."""
        model, tables = self.model, self.model.tables
        if objective == "latency":
            unit, terms = model.time_unit, [(model.end, 1.0)]
        elif objective == "cost":
            unit, terms = model.cost_unit, model.money
        else:
            rows = enumerate(model.left.alive)
            unit = math.fsum(min(tables.cells[t][o].joules for o in row) for t, row in rows) or 1.0
            terms = model.joules(unit)
        self.units[objective], self.terms[objective] = unit, terms
        self.rows[objective] = model.program.row(-INF, INF, terms)

    def picked(self, solution: PlacementSolution) -> list[int]:
        """The numbers of a solution's options."""
        return numbers(self.model.tables, solution.choice)

    def least(self, objective: Objective, **caps: float) -> _Found | None:
        """The choice with the least of ``objective`` that keeps all demands and ``caps``, by the evaluator's word."""
        program, slack = self.model.program, 1 + SLACK
        for each, row in self.rows.items():
            cap = caps.get(each, INF)
            program.bound_row(row, -INF, cap * slack / self.units[each] if math.isfinite(cap) else INF)
        program.costs(self.terms[objective])
        for _ in range(CUTS):
            result = program.run(time_limit=max(0.05, self.until - time.perf_counter()), gap=self.gap / 2)
            if not result.values:
                return None
            picked = self.model.decode(result.values)
            figures = evaluate(self.problem, self.model.tables.choice(picked))
            kept = all(figures.objective(each) <= cap * (1 + 2 * SLACK) for each, cap in _capped(caps))
            if figures.feasible and kept:
                return _Found(picked, figures, result.bound * self.units[objective])
            self.model.exclude(picked)
        return None

    def solution(self, found: _Found, proven: float) -> PlacementSolution:
        """``found`` as an answer; ``proven`` is its relative gap in the first objective."""
        figures, first = found.figures, self.objectives[0]
        value = figures.objective(first)
        return PlacementSolution(
            "optimal" if proven <= self.gap + SLACK else "feasible",
            self.model.tables.choice(found.picked),
            figures.replicas,
            objective=value,
            bound=value * (1 - proven),
            gap=proven if proven > self.gap + SLACK else 0.0,
            usd_per_hour=figures.usd_per_hour,
            usd_per_request=figures.usd_per_request,
            end_to_end_seconds=figures.end_to_end_seconds,
            ttft_seconds=figures.ttft_seconds,
            tbt_seconds=figures.tbt_seconds,
            critical_path=figures.critical_path,
        )


def numbers(tables: Tables, choice: Mapping[str, str]) -> list[int]:
    """The numbers of the options that are chosen."""
    rows = zip(tables.problem.tasks, tables.cells, strict=True)
    return [next(o for o, cell in enumerate(row) if cell.option.name == choice[task.name]) for task, row in rows]


def _capped(caps: dict[str, float]) -> Sequence[tuple[Objective, float]]:
    return [(each, caps[each]) for each in ("cost", "latency", "energy", "carbon") if each in caps]


def in_order(
    problem: PlacementProblem, best: PlacementSolution, then: Sequence[Objective], *, time_limit: float = 60.0
) -> PlacementSolution:
    """Among the placements that are as good as ``best``, which answers ``problem``, the best for the objectives that
    come ``then``, one after the other. Its proof is that of ``best``, and so is the answer where time is up.

    Raises:
        ValueError: An objective comes twice, or energy and carbon both do; the program holds one of them.
    """
    objectives = (problem.objective, *then)
    _check(objectives)
    figures = evaluate(problem, best.choice)
    caps = _Caps(problem, objectives, best.gap + SLACK, time.perf_counter() + time_limit, known=best)
    found = _Found(caps.picked(best), figures, best.bound)
    limits: dict[str, float] = {problem.objective: figures.objective(problem.objective)}
    for objective in then:
        better = caps.least(objective, **limits)
        if better is None:
            break
        found, limits[objective] = better, better.figures.objective(objective)
    answer = caps.solution(found, 0.0)
    return replace(answer, status=best.status, bound=best.bound, gap=best.gap, solve_seconds=best.solve_seconds)


def _in_order(caps: _Caps, objectives: Sequence[Objective], given: dict[str, float]) -> PlacementSolution | None:
    best: _Found | None = None
    proven, limits = 0.0, dict(given)
    for number, objective in enumerate(objectives):
        found = caps.least(objective, **limits)
        if found is None:
            break
        value = found.figures.objective(objective)
        if number == 0:
            proven = max(0.0, (value - found.bound) / value) if value else 0.0
        best, limits[objective] = found, value
    return None if best is None else caps.solution(best, proven)


def front(
    problem: PlacementProblem,
    first: Objective,
    second: Objective,
    *,
    points: int | None = POINTS,
    time_limit: float = 60.0,
    gap: float = 1e-6,
) -> tuple[Point, ...]:
    """Placements of which none is as good as another in both objectives and better in one, by the first.

    At most ``points``, at caps of the second that are evenly spread by factors between its ends; ``None``: all there
    are. Empty where no placement keeps the demands.

    Raises:
        ValueError: The objectives are one, or energy and carbon.
    """
    _check((first, second))
    caps = _Caps(problem, (first, second), gap, time.perf_counter() + time_limit)
    best = None if caps.empty else _point(caps, first, second, INF)
    if best is None:
        return ()
    last = caps.least(second)
    least = last.figures.objective(second) if last is not None else best.second
    found = [best]
    for cap in _spread(best.second, least, points):
        if found[-1].second <= least * (1 + 2 * SLACK):
            break
        at = min(cap, found[-1].second * (1 - 4 * SLACK)) if points is None else cap
        if found[-1].second <= at * (1 + 2 * SLACK):
            continue
        point = _point(caps, first, second, at)
        if point is not None and point.second < found[-1].second:
            found.append(point)
        elif points is None:
            break
    return tuple(found)


def _point(caps: _Caps, first: Objective, second: Objective, cap: float) -> Point | None:
    answer = _in_order(caps, (first, second), {second: cap} if math.isfinite(cap) else {})
    if answer is None:
        return None
    figures = evaluate(caps.problem, answer.choice)
    return Point(answer, figures.objective(first), figures.objective(second))


def _spread(most: float, least: float, points: int | None) -> Sequence[float]:
    """Caps from below ``most`` to ``least``; without a number of points the cap that does not bind, again and again."""
    if points is None:
        return [most] * 10_000
    steps = max(points - 1, 1)
    if least <= 0:
        return [most + (least - most) * k / steps for k in range(1, steps + 1)]
    return [most * (least / most) ** (k / steps) for k in range(1, steps + 1)]


def _check(objectives: Sequence[Objective]) -> None:
    if len(set(objectives)) < len(objectives) or {"energy", "carbon"} <= set(objectives):
        raise ValueError(f"these are no objectives to weigh against each other: {', '.join(objectives)}")
