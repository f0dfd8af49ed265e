"""Figures of every size: the same placement whatever the units, and with many powers of ten in one problem."""

from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problem_sample import QUICK, one_of, problems

from agentc.plan.placement import PlacementProblem
from agentc.solve import brute_force, evaluate, parts, solve
from agentc.solve.milp import Shape, build, typical_cost
from agentc.solve.presolve import everything
from agentc.solve.tables import tabulate


@QUICK
@given(problems(4), one_of(1e-9, 1e-4, 1e6, 1e12))
def test_units_of_money_and_time_do_not_matter(problem: PlacementProblem, factor: float):
    """Cents or billions, the choice costs the same in proportion."""
    problem = replace(problem, objective="cost")
    pools = {name: replace(pool, usd_per_hour=pool.usd_per_hour * factor) for name, pool in problem.pools.items()}
    tasks = tuple(replace(t, options=tuple(replace(o, usd=o.usd * factor) for o in t.options)) for t in problem.tasks)
    edges = tuple(
        replace(e, hops={k: replace(h, usd=h.usd * factor) for k, h in e.hops.items()}) for e in problem.edges
    )
    deadlines = tuple(
        replace(d, usd_per_second=None if d.usd_per_second is None else d.usd_per_second * factor)
        for d in problem.deadlines
    )
    scaled = solve(replace(problem, pools=pools, tasks=tasks, edges=edges, deadlines=deadlines))
    plain = solve(problem)
    assert scaled.status == plain.status
    assert scaled.objective == pytest.approx(plain.objective * factor, rel=1e-5)


def _times(problem: PlacementProblem, factor: float) -> PlacementProblem:
    """The same problem in another unit of time: what is dollars an hour stays so."""
    tasks = tuple(
        replace(
            task,
            options=tuple(
                replace(
                    option,
                    seconds=option.seconds * factor,
                    busy_seconds=option.busy_seconds * factor,
                    usd=option.usd * factor,
                    metrics={metric: value * factor for metric, value in option.metrics.items()},
                )
                for option in task.options
            ),
        )
        for task in problem.tasks
    )
    edges = tuple(
        replace(e, hops={k: replace(h, seconds=h.seconds * factor, usd=h.usd * factor) for k, h in e.hops.items()})
        for e in problem.edges
    )
    deadlines = tuple(replace(d, seconds=d.seconds * factor) for d in problem.deadlines)
    rate = problem.requests_per_second / factor
    return replace(problem, tasks=tasks, edges=edges, deadlines=deadlines, requests_per_second=rate)


@QUICK
@given(problems(4), one_of(1e-9, 1e-4, 1e5, 1e9, 1e12), st.booleans())
def test_units_of_time_do_not_matter(problem: PlacementProblem, factor: float, whole: bool):
    """Nanoseconds or years: loads are the same, and so is the placement's cost."""
    problem = replace(problem, objective="cost")
    with patch.object(parts, "CHOICES", 0 if whole else parts.CHOICES):
        scaled, plain = solve(_times(problem, factor), reasons=False), solve(problem, reasons=False)
    assert scaled.status == plain.status
    assert scaled.objective == pytest.approx(plain.objective, rel=1e-5)


@QUICK
@given(problems(4), one_of(1e-9, 1e-3, 1e6, 1e12))
def test_units_of_memory_do_not_matter(problem: PlacementProblem, factor: float):
    """Bits or exabytes."""
    problem = replace(problem, objective="cost")
    pools = {name: replace(pool, memory_bytes=pool.memory_bytes * factor) for name, pool in problem.pools.items()}
    tasks = tuple(
        replace(t, options=tuple(replace(o, memory_bytes=o.memory_bytes * factor) for o in t.options))
        for t in problem.tasks
    )
    scaled, plain = solve(replace(problem, pools=pools, tasks=tasks)), solve(problem)
    assert scaled.status == plain.status
    assert scaled.objective == pytest.approx(plain.objective, rel=1e-5)


MAGNITUDES = (1e-9, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9)


def _of_all_sizes(problem: PlacementProblem, sizes: list[float], rate: float) -> PlacementProblem:
    """Prices and loads that are many powers of ten apart, beside each other."""
    pools = {
        name: replace(pool, usd_per_hour=pool.usd_per_hour * size)
        for (name, pool), size in zip(problem.pools.items(), sizes, strict=False)
    }
    tasks = tuple(
        replace(task, visits=task.visits * size) for task, size in zip(problem.tasks, sizes[5:], strict=False)
    )
    stock = {device: count * 10**6 for device, count in problem.stock.items()}
    return replace(
        problem, pools=pools, tasks=tasks, stock=stock, objective="cost", requests_per_second=rate, deadlines=()
    )


@settings(QUICK, max_examples=150)
@given(
    problems(3), st.lists(one_of(*MAGNITUDES), min_size=15, max_size=15), one_of(1e-9, 1e-3, 1.0, 1e3), st.booleans()
)
def test_figures_of_all_sizes_in_one_problem_equal_brute_force(
    problem: PlacementProblem, sizes: list[float], rate: float, whole: bool
):
    problem = _of_all_sizes(problem, sizes, rate)
    with patch.object(parts, "CHOICES", 0 if whole else parts.CHOICES):
        expected, found = brute_force(problem), solve(problem, reasons=False)
    if expected is None:
        assert found.status == "infeasible"
        return
    assert found.status == "optimal"
    assert found.objective == pytest.approx(expected[1].cost, rel=1e-5)


@settings(QUICK, max_examples=100)
@given(problems(4), st.lists(one_of(*MAGNITUDES[2:5]), min_size=15, max_size=15), one_of(1e-9, 1.0, 1e9))
def test_the_program_alone_is_scaled(problem: PlacementProblem, sizes: list[float], unit: float):
    """Without heuristic or presolve, in which rounding would not show: what it takes for the best is the best."""
    problem = _of_all_sizes(problem, sizes, 1.0)
    pools = {name: replace(pool, usd_per_hour=pool.usd_per_hour * unit) for name, pool in problem.pools.items()}
    problem = replace(problem, pools=pools)
    best = brute_force(problem)
    if best is None:
        return
    tables = tabulate(problem)
    left = everything(tables)
    model = build(tables, left, Shape(path=False), typical_cost(tables, left))
    model.minimize_cost()
    result = model.program.run()
    figures = evaluate(problem, tables.choice(model.decode(result.values)))
    assert figures.cost <= best[1].cost * (1 + 1e-5)
