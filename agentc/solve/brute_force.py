"""The oracle: every choice is tried. For tests and for the smallest of problems."""

import itertools
import math
from collections.abc import Iterator, Mapping

from agentc.plan.placement import PlacementProblem
from agentc.solve.evaluate import Evaluation, evaluate

TIE = 1e-7
"""Relative difference below which two values of the first objective count as equal and cost decides."""


def choices(problem: PlacementProblem) -> Iterator[dict[str, str]]:
    """Every way to give each task one of its options, in the order of the options."""
    names = [task.name for task in problem.tasks]
    for combination in itertools.product(*([o.name for o in task.options] for task in problem.tasks)):
        yield dict(zip(names, combination, strict=True))


def brute_force(problem: PlacementProblem, *, limit: int = 1_000_000) -> tuple[Mapping[str, str], Evaluation] | None:
    """The best feasible choice and its figures, the first in order among equals; ``None`` where nothing is feasible.

    Least objective first; for ``latency`` and ``energy``, least cost among those within ``TIE`` of it.
    Raises ValueError where there are more than ``limit`` choices.
    """
    count = math.prod(len(task.options) for task in problem.tasks)
    if count > limit:
        raise ValueError(f"{count} choices are more than the {limit} that brute force may try")
    tried = ((choice, evaluate(problem, choice)) for choice in choices(problem))
    feasible = [(choice, figures) for choice, figures in tried if figures.feasible]
    if not feasible:
        return None
    best = min(figures.objective(problem.objective) for _, figures in feasible)
    near = best + TIE * abs(best)
    return min(
        ((choice, figures) for choice, figures in feasible if figures.objective(problem.objective) <= near),
        key=lambda pair: pair[1].cost,
    )
