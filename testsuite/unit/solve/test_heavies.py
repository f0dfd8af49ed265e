"""What weighs most, and replicas by a search of their own: figures by hand."""

import time

import pytest

from agentc.plan.placement import Option, PlacementProblem, PlacementTask, Pool
from agentc.solve.counts import Counting
from agentc.solve.heavies import by_weight, place_by_weight
from agentc.solve.highs import Program
from agentc.solve.milp import Model, Shape, build
from agentc.solve.presolve import Reduced, possible
from agentc.solve.tables import tabulate

SMALL, LARGE = Pool("small", "l40s", 1, 1.0), Pool("large", "h100", 1, 3.0)


def agent(*loads: float) -> PlacementProblem:
    """Tasks that take as much of a small pool, and a quarter of it of a large one."""

    def way(pool: Pool, busy: float) -> Option:
        return Option(pool.name, pool.name, pool.device, pool.device, "single", seconds=busy, busy_seconds=busy)

    tasks = (PlacementTask(f"t{n}", (way(SMALL, load), way(LARGE, load / 4))) for n, load in enumerate(loads))
    return PlacementProblem(tuple(tasks), (), {"small": SMALL, "large": LARGE})


def test_the_heaviest_come_first_and_the_earlier_among_equals():
    tables = tabulate(agent(0.1, 0.8, 0.4, 0.8))
    order = by_weight(tables, possible(tables))
    assert [t for _, t in order] == [1, 3, 2, 0]
    assert order[0][0] == pytest.approx(0.8)  # a small replica's rent, more than a quarter of a large one's


def test_eight_light_tasks_share_a_large_replica():
    tables = tabulate(agent(*[0.5] * 8))
    left = possible(tables)

    def linear(rows: Reduced) -> Model:
        model = build(tables, rows, Shape(integer=False), 1.0)
        model.minimize_cost()
        return model

    model, until = linear(left), time.perf_counter() + 60
    found = place_by_weight(tables, left, model, linear, heavy=9.0, light=0, until=until)
    assert found is not None
    picked, free, replicas = found
    assert picked == [1] * 8
    assert free == set()
    assert replicas == {0: 0, 1: 1}


def test_a_count_between_two_is_the_upper_one_if_the_lower_has_no_room():
    program = Program()
    one, two = program.column(0.0, 9.0), program.column(0.0, 9.0)
    program.row(2.5, 9.0, [(one, 1.0), (two, 2.0)])
    program.costs([(one, 1.0), (two, 1.7)])
    found = Counting(program, [one, two], 0.0, time.perf_counter() + 60).run()
    assert found.objective == pytest.approx(2.7)
    assert [round(found.values[c]) for c in (one, two)] == [1, 1]
    assert found.bound == pytest.approx(2.7)


def test_where_no_count_has_room_the_bound_says_so():
    program = Program()
    one = program.column(0.0, 9.0)
    program.row(0.2, 0.8, [(one, 1.0)])
    program.costs([(one, 1.0)])
    found = Counting(program, [one], 0.0, time.perf_counter() + 60).run()
    assert found.bound == float("inf")
    assert not found.values
