"""The front against brute force: every point of it, none that is dominated; and objectives one after the other."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties.test_solve import problems

from agentc.plan.placement import Objective, PlacementProblem
from agentc.solve import evaluate
from agentc.solve.evaluate import Evaluation
from agentc.solve.front import front, in_order

PAIRS: tuple[tuple[Objective, Objective], ...] = (
    ("cost", "latency"),
    ("latency", "cost"),
    ("cost", "energy"),
    ("carbon", "cost"),
    ("energy", "latency"),
)
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    derandomize=True,
)


def feasible(problem: PlacementProblem) -> list[Evaluation]:
    """Every choice that keeps all demands."""
    rows = [[option.name for option in task.options] for task in problem.tasks]
    names = [task.name for task in problem.tasks]
    figures = (evaluate(problem, dict(zip(names, picked, strict=True))) for picked in itertools.product(*rows))
    return [each for each in figures if each.feasible]


def best_pairs(problem: PlacementProblem, first: Objective, second: Objective) -> list[tuple[float, float]]:
    """The values of the front, by the first objective; those that differ by rounding are one."""
    pairs = sorted({(each.objective(first), each.objective(second)) for each in feasible(problem)})
    kept: list[tuple[float, float]] = []
    for pair in pairs:
        if not kept or pair[1] < kept[-1][1] * (1 - 1e-5):
            kept.append(pair)
    return kept


@QUICK
@given(problems(4), st.sampled_from(PAIRS))
def test_the_whole_front_is_that_of_brute_force(problem: PlacementProblem, pair: tuple[Objective, Objective]):
    found = front(problem, *pair, points=None)
    wanted = best_pairs(problem, *pair)
    assert [point.second for point in found] == pytest.approx([two for _, two in wanted], rel=1e-4, abs=1e-9)
    assert [point.first for point in found] == pytest.approx([one for one, _ in wanted], rel=1e-4, abs=1e-9)


@QUICK
@given(problems(5), st.sampled_from(PAIRS), st.integers(2, 6))
def test_some_points_hold_both_ends_and_none_is_dominated(
    problem: PlacementProblem, pair: tuple[Objective, Objective], points: int
):
    found = front(problem, *pair, points=points)
    wanted = best_pairs(problem, *pair)
    assert bool(found) == bool(wanted) and len(found) <= points
    for point in found:
        assert any(
            math.isclose(point.first, one, rel_tol=1e-4, abs_tol=1e-9)
            and math.isclose(point.second, two, rel_tol=1e-4, abs_tol=1e-9)
            for one, two in wanted
        )
        assert evaluate(problem, point.solution.choice).feasible
        assert point.solution.status == "optimal"
    if found:
        assert found[0].first == pytest.approx(wanted[0][0], rel=1e-4)
        assert found[-1].second == pytest.approx(wanted[-1][1], rel=1e-4)


@QUICK
@given(problems(5), st.sampled_from(PAIRS))
def test_objectives_in_order(problem: PlacementProblem, pair: tuple[Objective, Objective]):
    answer, all_ = in_order(problem, pair), feasible(problem)
    if answer is None:
        assert not all_
        return
    best = min(each.objective(pair[0]) for each in all_)
    then = min(each.objective(pair[1]) for each in all_ if each.objective(pair[0]) <= best * (1 + 1e-6) + 1e-12)
    figures = evaluate(problem, answer.choice)
    assert figures.objective(pair[0]) == pytest.approx(best, rel=1e-5, abs=1e-9)
    assert figures.objective(pair[1]) == pytest.approx(then, rel=1e-4, abs=1e-9)


def test_three_in_order():
    @QUICK
    @given(problems(4))
    def check(problem: PlacementProblem) -> None:
        answer = in_order(problem, ("cost", "energy", "latency"))
        assert (answer is None) == (not feasible(problem))

    check()


@pytest.mark.parametrize("pair", [("cost", "cost"), ("energy", "carbon")])
def test_objectives_that_cannot_be_weighed(pair: tuple[Objective, Objective]):
    problem = PlacementProblem((), (), {})
    with pytest.raises(ValueError, match="no objectives"):
        front(replace(problem), *pair)
