"""Carbon: the same machinery as energy, other figures; the oracle is brute force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.plan.placement import Option, PlacementProblem, PlacementTask, Pool
from agentc.solve import alternatives, brute_force, solve
from agentc.solve.carbon import weighed

FIGURES = st.floats(0.01, 100)


def problem(figures: list[list[tuple[float, float]]]) -> PlacementProblem:
    """Tasks with one option a pool; ``figures[t][p]`` are its joules and grams."""
    pools = {f"p{p}": Pool(f"p{p}", f"d{p}", 1, float(p + 1)) for p in range(len(figures[0]))}
    tasks = tuple(
        PlacementTask(
            f"t{t}",
            tuple(
                Option(f"o{p}", f"p{p}", f"d{p}", f"d{p}", "single", seconds=1, busy_seconds=1, joules=j, grams=g)
                for p, (j, g) in enumerate(row)
            ),
        )
        for t, row in enumerate(figures)
    )
    return PlacementProblem(tasks, (), pools, requests_per_second=0.1, objective="carbon")


@given(st.lists(st.lists(st.tuples(FIGURES, FIGURES), min_size=2, max_size=2), min_size=1, max_size=3))
def test_the_least_carbon_is_found(figures: list[list[tuple[float, float]]]):
    asked = problem(figures)
    best = brute_force(asked)
    assert best
    found = solve(asked)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(best[1].grams_per_request)
    assert best[1].grams_per_request == pytest.approx(sum(min(g for _, g in row) for row in figures))


def test_a_clean_site_wins_though_it_takes_more_energy():
    asked = problem([[(100.0, 10.0), (130.0, 1.0)]])
    solution = solve(asked)
    assert solution.choice == {"t0": "o1"}
    (other,) = alternatives(asked, solution)["t0"]
    assert (other.device, other.verdict) == ("d0", "dearer")
    assert "9 g CO2e per request more" in other.why


def test_other_objectives_are_left_alone():
    asked = problem([[(1.0, 2.0)]])
    assert weighed(asked).objective == "energy"
    plain = PlacementProblem(asked.tasks, (), asked.pools, objective="cost")
    assert weighed(plain) is plain
