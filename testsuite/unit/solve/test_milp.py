"""The program where the random problems seldom go: dear pairs of places, slack limits, excluded choices."""

import pytest

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask
from agentc.solve.highs import Result
from agentc.solve.milp import Model, Shape, build
from agentc.solve.presolve import everything
from agentc.solve.tables import tabulate

PLACES = ("a", "b", "c", "d")


def problem(dear: dict[tuple[str, str], Hop], deadlines: tuple[Deadline, ...] = ()) -> PlacementProblem:
    """Two tasks, cheapest on ``a`` both; every pair of places is free but the ``dear`` ones."""
    options = tuple(Option(p, None, p, p, "hosted", usd=1.0 + i / 10) for i, p in enumerate(PLACES))
    hops = {(x, y): dear.get((x, y), Hop(0.0)) for x in PLACES for y in PLACES}
    tasks = (PlacementTask("src", options), PlacementTask("dst", options))
    return PlacementProblem(tasks, (PlacementEdge("src", "dst", hops),), {}, deadlines)


def solved(given: PlacementProblem, shape: Shape) -> tuple[Model, Result]:
    tables = tabulate(given)
    model = build(tables, everything(tables), shape, 1.0)
    model.minimize_cost()
    return model, model.program.run()


def test_a_pair_that_costs_more_than_the_rest_is_charged():
    model, result = solved(problem({("a", "a"): Hop(0.0, 5.0)}), Shape())
    assert sorted(model.decode(result.values)) == [0, 1]


def test_a_pair_that_takes_longer_than_the_rest_is_timed():
    late = problem({("a", "a"): Hop(2.0)}, (Deadline("end_to_end", 1.0),))
    model, result = solved(late, Shape())
    assert sorted(model.decode(result.values)) == [0, 1]


def test_without_exact_hops_the_program_is_a_bound():
    given = problem({("a", "a"): Hop(0.0, 5.0)})
    exact, below = solved(given, Shape()), solved(given, Shape(exact_hops=False))
    assert below[1].objective <= exact[1].objective


def test_an_excluded_choice_does_not_come_back():
    model, result = solved(problem({}), Shape())
    first = model.decode(result.values)
    model.exclude(first)
    again = model.program.run()
    assert first == [0, 0]
    assert model.decode(again.values) != first
    assert again.objective > result.objective


def test_the_linear_relaxation_is_never_above():
    dear = {("a", "a"): Hop(0.0, 5.0), ("a", "b"): Hop(0.0, 1.0), ("c", "a"): Hop(0.0, 0.3)}
    exact, relaxed = solved(problem(dear), Shape()), solved(problem(dear), Shape(integer=False))
    assert relaxed[1].objective <= exact[1].objective * (1 + 1e-9)


def test_a_deadline_of_zero_leaves_only_what_takes_no_time():
    given = problem({("a", "a"): Hop(0.5), ("a", "b"): Hop(0.5)}, (Deadline("ttft", 0.0, ("src", "dst")),))
    model, result = solved(given, Shape())
    assert result.outcome == "optimal"
    assert model.decode(result.values) == [1, 0]


@pytest.mark.parametrize("limit", [0.0, 0.01])
def test_a_limit_of_time_gives_a_bound_that_holds(limit: float):
    model, best = solved(problem({("a", "a"): Hop(0.0, 5.0)}), Shape())
    again = model.program.run(time_limit=limit)
    assert again.bound <= best.objective * (1 + 1e-9)
