"""The front against brute force: every point of it, none that is dominated; and objectives one after the other."""

import itertools
import math
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentc.plan.placement import (
    Deadline,
    Hop,
    Objective,
    Option,
    PlacementEdge,
    PlacementProblem,
    PlacementTask,
    Pool,
)
from agentc.solve import evaluate, solve
from agentc.solve.evaluate import Evaluation
from agentc.solve.front import front, in_order

PAIRS: tuple[tuple[Objective, Objective], ...] = (
    ("cost", "latency"),
    ("latency", "cost"),
    ("cost", "energy"),
    ("carbon", "cost"),
    ("energy", "latency"),
)
IN_ORDER: tuple[Objective, ...] = ("cost", "energy", "latency")
T = TypeVar("T")
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    derandomize=True,
)


def one_of(*values: T) -> st.SearchStrategy[T]:
    return st.sampled_from(values)


@st.composite
def options(draw: st.DrawFn, name: str, pools: dict[str, Pool]) -> Option:
    pool = draw(one_of(None, *pools, *pools))
    place = "hosted" if pool is None else pools[pool].device
    return Option(
        name,
        pool,
        place,
        place,
        "hosted" if pool is None else "single",
        seconds=draw(one_of(0.1, 0.2, 0.3, 0.45, 0.0)),
        busy_seconds=0.0 if pool is None else draw(one_of(0.1, 0.5, 0.77)),
        usd=draw(one_of(0.0005, 0.002)) if pool is None else draw(one_of(0.0, 0.0001)),
        joules=draw(one_of(1.0, 2.0, 3.5)),
        grams=draw(one_of(0.5, 1.0, 4.0)),
        metrics={"ttft": draw(one_of(0.1, 0.2))},
    )


@st.composite
def problems(draw: st.DrawFn, most: int) -> PlacementProblem:
    """Up to ``most`` tasks in a row or a fan, on up to four pools, some scarce, with hard and soft deadlines."""
    pools = {
        f"p{i}": Pool(
            f"p{i}", "abc"[i % 3], draw(one_of(1, 2)), draw(one_of(0.5, 1.0, 3.25)), draw(one_of(0.0, 1.5)), 0.8, 0.5
        )
        for i in range(draw(st.integers(1, 4)))
    }
    size = draw(st.integers(1, most))
    tasks = tuple(
        PlacementTask(
            f"t{t}",
            tuple(draw(options(f"o{o}", pools)) for o in range(draw(st.integers(1, 5)))),
            draw(one_of(1.0, 1.5, 0.5)),
            draw(st.integers(0, 9)) == 0,
        )
        for t in range(size)
    )
    places = ("a", "b", "c", "hosted")
    edges: list[PlacementEdge] = []
    for t in range(1, size):
        hops = {
            (a, b): Hop(0.0 if a == b else draw(one_of(0.05, 0.1)), 0.0 if a == b else draw(one_of(0.0, 0.0002)))
            for a in places
            for b in places
            if a == b or draw(st.integers(0, 14))
        }
        edges.append(PlacementEdge(f"t{draw(st.integers(0, t - 1))}", f"t{t}", hops))
    deadlines: list[Deadline] = []
    if draw(st.booleans()):
        deadlines.append(Deadline("end_to_end", draw(one_of(0.35, 0.6)) * size, (), draw(one_of(None, 0.01))))
    if size > 1 and draw(st.booleans()):
        deadlines.append(Deadline("ttft", draw(one_of(0.25, 0.35)), ("t0", "t1"), draw(one_of(None, 0.005))))
    stock = {device: draw(one_of(1, 4, 16)) for device in "abc" if draw(st.booleans())}
    return PlacementProblem(tasks, tuple(edges), pools, tuple(deadlines), (), stock, draw(one_of(0.5, 1.0, 3.0)))


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
    problem = replace(problem, objective=pair[0])
    first, all_ = solve(problem), feasible(problem)
    if first.status == "infeasible":
        assert not all_
        return
    answer = in_order(problem, first, pair[1:])
    best = min(each.objective(pair[0]) for each in all_)
    then = min(each.objective(pair[1]) for each in all_ if each.objective(pair[0]) <= best * (1 + 1e-6) + 1e-12)
    figures = evaluate(problem, answer.choice)
    assert figures.feasible and answer.status == first.status
    assert figures.objective(pair[0]) == pytest.approx(best, rel=1e-5, abs=1e-9)
    assert figures.objective(pair[1]) == pytest.approx(then, rel=1e-4, abs=1e-9)


@QUICK
@given(problems(4))
def test_three_in_order(problem: PlacementProblem):
    problem = replace(problem, objective="cost")
    first = solve(problem)
    if first.status == "infeasible":
        return
    answer = evaluate(problem, in_order(problem, first, IN_ORDER[1:]).choice)
    slack = 1 + 1e-5
    for objective in IN_ORDER:
        rivals = [each for each in feasible(problem) if each.cost <= first.objective * slack]
        if objective == "latency":
            rivals = [each for each in rivals if each.joules_per_request <= answer.joules_per_request]
        best = min(each.objective(objective) for each in rivals)
        assert answer.objective(objective) <= best * slack + 1e-9


@pytest.mark.parametrize("pair", [("cost", "cost"), ("energy", "carbon")])
def test_objectives_that_cannot_be_weighed(pair: tuple[Objective, Objective]):
    problem = PlacementProblem((), (), {})
    with pytest.raises(ValueError, match="no objectives"):
        front(replace(problem), *pair)
