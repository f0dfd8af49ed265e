"""Few whole columns by branch and bound, against all their values one by one."""

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from problem_sample import QUICK, one_of, problems

from agentc.plan.placement import PlacementProblem
from agentc.solve import counts
from agentc.solve.counts import Counting
from agentc.solve.heavies import Heavies, by_weight, place_by_weight
from agentc.solve.highs import Program
from agentc.solve.milp import Model, Shape, build, typical_cost
from agentc.solve.presolve import Reduced, possible
from agentc.solve.tables import tabulate

MOST = 3
"""Of each count."""


@st.composite
def packings(draw: st.DrawFn) -> tuple[Program, list[int]]:
    """Parts of tasks in pools whose replicas have a rent, all of them charged a little; some pools have no room."""
    pools, tasks = draw(one_of(1, 2, 3)), draw(one_of(1, 2, 3))
    program, money = Program(), list[tuple[int, float]]()
    columns = [program.column(0.0, float(draw(one_of(0, 1, MOST)))) for _ in range(pools)]
    parts = [[program.column(0.0, 1.0) for _ in columns] for _ in range(tasks)]
    for row in parts:
        program.row(1.0, 1.0, [(part, 1.0) for part in row])
        money += [(part, draw(one_of(0.0, 0.1, 0.35))) for part in row]
    for p, column in enumerate(columns):
        money.append((column, draw(one_of(0.0, 0.7, 1.0, 1.9))))
        program.row(0.0, math.inf, [(column, 1.0), *((row[p], -draw(one_of(0.2, 0.55, 0.9, 1.6))) for row in parts)])
    program.costs(money)
    return program, columns


def least(program: Program, columns: Sequence[int]) -> float:
    """Over all counts, one after the other."""
    lower, upper = program.bounds_of(columns)
    best = math.inf
    for box in itertools.product(*(range(int(most) + 1) for most in upper)):
        program.bound_columns(columns, box, box)
        best = min(best, program.run().objective)
    program.bound_columns(columns, lower, upper)
    return best


@QUICK
@given(packings(), one_of(0, 2), one_of(0, 8))
def test_counting_finds_the_least_of_all_counts(packing: tuple[Program, list[int]], plunges: int, tries: int):
    program, columns = packing
    best = least(program, columns)
    with patch.object(counts, "TRIES", tries):
        found = Counting(program, columns, 1e-9, time.perf_counter() + 60, plunges=plunges).run()
    assert found.objective == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert found.bound == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert bool(found.values) == math.isfinite(best)
    assert all(abs(found.values[c] - round(found.values[c])) < 1e-5 for c in columns if found.values)


@QUICK
@given(packings(), st.floats(-0.5, 0.5), one_of(0.0, 0.05, 0.3))
def test_what_is_known_bounds_the_search_and_never_the_answer(
    packing: tuple[Program, list[int]], off: float, gap: float
):
    program, columns = packing
    best = least(program, columns)
    known = best + off if math.isfinite(best) else 3.0
    found = Counting(program, columns, gap, time.perf_counter() + 60, known).run()
    assert found.bound <= best + 1e-6
    assert found.bound >= min(known, best) - gap * abs(min(known, best)) - 1e-6
    assert not found.values or best - 1e-6 <= found.objective < known


@QUICK
@given(packings())
def test_a_search_without_time_says_nothing_that_is_not_so_and_leaves_all_as_it_was(
    packing: tuple[Program, list[int]],
):
    program, columns = packing
    before, best = program.bounds_of(columns), least(program, columns)
    clock = itertools.count(0.0, 1.0)
    with patch.object(counts.time, "perf_counter", lambda: next(clock)):
        found = Counting(program, columns, 1e-9, 3.0).run()
    assert found.bound <= best + 1e-6
    assert found.objective >= best - 1e-6
    assert program.bounds_of(columns) == before


def shared(problem: PlacementProblem) -> Iterator[tuple[Model, Reduced]]:
    """The linear program of a problem with pools that several tasks share."""
    tables = tabulate(problem)
    left = possible(tables)
    if all(left.alive):
        model = build(tables, left, Shape(integer=False), typical_cost(tables, left))
        model.minimize_cost()
        if model.n:
            yield model, left


@QUICK
@given(problems(), one_of(0.0, 0.3, 10.0), one_of(0, 2))
def test_a_choice_by_weight_is_one_of_the_options_and_leaves_all_open(
    problem: PlacementProblem, heavy: float, light: int
):
    for model, left in shared(problem):
        tables, columns = model.tables, [c for row in model.x for c in row.values()] + list(model.n.values())
        before = model.program.bounds_of(columns)

        def linear(rows: Reduced, tables=model.tables, unit=model.cost_unit) -> Model:
            made = build(tables, rows, Shape(integer=False), unit)
            made.minimize_cost()
            return made

        until = time.perf_counter() + 60
        found = place_by_weight(tables, left, model, linear, heavy=heavy, light=light, until=until)
        assert model.program.bounds_of(columns) == before
        if found is not None:
            picked, free, replicas = found
            assert all(o in row for o, row in zip(picked, left.alive, strict=True))
            assert free <= set(range(tables.size))
            assert replicas.keys() == model.n.keys()


@QUICK
@given(problems())
def test_what_is_held_stays(problem: PlacementProblem):
    for model, left in shared(problem):
        work = Heavies(model, left, time.perf_counter() + 60)
        order = [t for _, t in by_weight(model.tables, left)]
        assert sorted(order) == list(range(model.tables.size))
        if work.hold(order[:2]):
            assert all(work.favored[t] == o for t, o in work.held.items())
