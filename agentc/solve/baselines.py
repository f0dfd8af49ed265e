"""What simpler fleets would cost under the same demands, so that a saving is measured against something real.

Each baseline is the same problem with options taken away, solved by the same solver. Options that no
accelerator is needed for (``keep``: CPU classes, hosted APIs) stay, as in any fleet; a class that lacks
options for some task is no baseline.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from agentc.plan.placement import Baseline, Option, PlacementProblem, PlacementSolution
from agentc.solve.presolve import Reduced
from agentc.solve.solver import solve_among
from agentc.solve.tables import Tables, tabulate

TIME_LIMIT = 10.0
"""Seconds for one baseline."""

GAP = 1e-4
"""A saving is told in percent."""


def classes(problem: PlacementProblem, keep: Collection[str] = ()) -> tuple[str, ...]:
    """Device classes that some pool of the problem is made of and that are not in ``keep``, in order."""
    found = dict.fromkeys(o.device for task in problem.tasks for o in task.options if o.pool is not None)
    return tuple(device for device in found if device not in keep)


def restrict(problem: PlacementProblem, allowed: Callable[[Option], bool]) -> PlacementProblem:
    """The problem with only the options that are ``allowed``; ``together`` sets that lose a member are gone."""
    tasks = tuple(replace(t, options=tuple(o for o in t.options if allowed(o))) for t in problem.tasks)
    left = {(t.name, o.name) for t in tasks for o in t.options}
    lost = {member for group in problem.together if not group <= left for member in group}
    if lost:
        tasks = tuple(replace(t, options=tuple(o for o in t.options if (t.name, o.name) not in lost)) for t in tasks)
    return replace(problem, tasks=tasks, together=tuple(group for group in problem.together if group <= left))


def on_one_class(tables: Tables, device: str, keep: Collection[str] = ()) -> PlacementSolution | None:
    """The best placement on ``device`` and what is in ``keep``; ``None`` where there is none."""
    return _solved(tables, lambda o: o.pool is None or o.device == device or o.device in keep)


def disaggregated(tables: Tables, device: str, keep: Collection[str] = ()) -> PlacementSolution | None:
    """As ``on_one_class``, and prefill and decode each have pools of their own."""
    return _solved(
        tables, lambda o: (o.pool is None or o.device == device or o.device in keep) and o.mode != "aggregated"
    )


def _solved(tables: Tables, allowed: Callable[[Option], bool]) -> PlacementSolution | None:
    rows = [[o for o, cell in enumerate(row) if allowed(cell.option)] for row in tables.cells]
    if not rows or not all(rows):
        return None
    # Why a baseline does not fit is nobody's question, so a conflict is not looked for.
    answer = solve_among(tables, Reduced(rows), time_limit=TIME_LIMIT, gap=GAP, reasons=False)
    return None if answer.status == "infeasible" else answer


def baselines(problem: PlacementProblem, *, keep: Collection[str] = ()) -> tuple[Baseline, ...]:
    """``best single class``, ``worst single class`` and ``best single class, disaggregated``.

    ``keep`` names device classes that every baseline may use beside the one (CPU nodes). A baseline
    that cannot keep the demands has ``usd_per_hour`` ``None``. Ties go to the class that comes first.
    """
    tables = tabulate(problem)
    single = _single(tables, keep)
    best = min(single.items(), key=_usd, default=None)
    worst = max(single.items(), key=_usd, default=None)
    if any(o.mode in ("aggregated", "disaggregated") for task in problem.tasks for o in task.options):
        apart = min(_apart(tables, single, keep).items(), key=_usd, default=None)
    else:
        apart = best
    return (
        _baseline("best single class", best),
        _baseline("worst single class", worst),
        _baseline("best single class, disaggregated", apart),
    )


def _usd(priced: tuple[str, PlacementSolution]) -> float:
    return priced[1].usd_per_hour


def _single(tables: Tables, keep: Collection[str]) -> dict[str, PlacementSolution]:
    answers = {device: on_one_class(tables, device, keep) for device in classes(tables.problem, keep)}
    return {device: answer for device, answer in answers.items() if answer is not None}


def _apart(tables: Tables, single: dict[str, PlacementSolution], keep: Collection[str]) -> dict[str, PlacementSolution]:
    """The classes disaggregated, in order; without those that cannot be the cheapest.

    Disaggregated a class costs no less than with all its options, and the same where its answer has no aggregated one.
    """
    problem = tables.problem
    mode = {(task.name, option.name): option.mode for task in problem.tasks for option in task.options}
    found: dict[str, PlacementSolution] = {}
    least = float("inf")
    for device, answer in sorted(single.items(), key=_usd):
        if problem.objective == "cost" and answer.usd_per_hour > least:
            break
        if any(mode[chosen] == "aggregated" for chosen in answer.choice.items()):
            answer = disaggregated(tables, device, keep)
        if answer is not None:
            found[device] = answer
            least = min(least, answer.usd_per_hour)
    return {device: found[device] for device in single if device in found}


def _baseline(name: str, found: tuple[str, PlacementSolution] | None) -> Baseline:
    return Baseline(name, None) if found is None else Baseline(name, found[1].usd_per_hour, (found[0],))
