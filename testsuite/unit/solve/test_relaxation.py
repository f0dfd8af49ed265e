"""Which pools are needless, what is put back, and how counts become choices: figures by hand."""

import math
import time

import pytest

from agentc.plan.placement import Deadline, Option, PlacementProblem, PlacementTask, Pool
from agentc.solve import evaluate, outline, solve
from agentc.solve.bundles import Unions, alike, bundles, kinds_of
from agentc.solve.presolve import possible
from agentc.solve.relaxation import Relaxed, relax
from agentc.solve.tables import tabulate


def way(pool: Pool, busy: float, ttft: float = 0.1) -> Option:
    return Option(
        pool.name,
        pool.name,
        pool.device,
        pool.device,
        "single",
        busy_seconds=busy,
        seconds=busy,
        metrics={"ttft": ttft},
    )


def of(
    ways: list[tuple[Pool, float]],
    copies: int,
    stock: dict[str, int] | None = None,
    *,
    late: float = math.inf,
    ttft: tuple[float, ...] = (),
) -> PlacementProblem:
    """``copies`` of one task, at one request per second."""
    row = tuple(way(pool, busy, at) for (pool, busy), at in zip(ways, ttft or [0.1] * len(ways), strict=True))
    tasks = tuple(PlacementTask(f"t{n}", row) for n in range(copies))
    limits = tuple(Deadline("ttft", late, (f"t{n}", f"t{n + 1}")) for n in range(0, copies, 2)) if ttft else ()
    return PlacementProblem(tasks, (), {pool.name: pool for pool, _ in ways}, limits, stock=stock or {})


def relaxed(problem: PlacementProblem) -> Relaxed:
    tables = tabulate(problem)
    return relax(tables, possible(tables), gap=1e-9, until=time.perf_counter() + 10)


def kept(problem: PlacementProblem) -> set[str]:
    names = list(problem.pools)
    return {names[p] for p in relaxed(problem).pools}


SMALL, LARGE = Pool("small", "l40s", 1, 1.0), Pool("large", "h100", 1, 2.0)


def test_a_pool_is_needless_if_another_is_as_cheap_and_as_fast():
    assert kept(of([(SMALL, 0.3), (LARGE, 0.3)], 5)) == {"small"}


def test_a_replica_pays_for_several_of_another_pool():
    """2 $/h pay for two small replicas, which do as much as one large if their work takes up to twice the time."""
    assert kept(of([(SMALL, 0.6), (LARGE, 0.3)], 5)) == {"small"}
    assert kept(of([(SMALL, 0.61), (LARGE, 0.3)], 5)) == {"small", "large"}


def test_the_dearer_pool_stays_where_it_is_worth_its_money():
    """Ten tasks of 0.61 take 7 replicas, 7 $/h; of 0.3 take 3, 6 $/h."""
    problem = of([(SMALL, 0.61), (LARGE, 0.3)], 10)
    assert relaxed(problem).bound == pytest.approx(6.0)
    assert outline(problem)[0].usd_per_hour == pytest.approx(6.0)  # pyright: ignore[reportOptionalMemberAccess]


def test_what_holds_more_of_a_scarce_class_makes_nothing_needless():
    """Three small ones would do for 3 $/h, but there are two of them: the rest takes a large one."""
    assert relaxed(of([(SMALL, 0.6), (LARGE, 0.3)], 5)).bound == pytest.approx(3.0)
    problem = of([(SMALL, 0.6), (LARGE, 0.3)], 5, {"l40s": 2})
    assert relaxed(problem).bound == pytest.approx(4.0)
    assert solve(problem).usd_per_hour == pytest.approx(relaxed(problem).bound)


def test_a_stock_that_is_too_small_for_everything_is_proof():
    assert relaxed(of([(SMALL, 0.6)], 5, {"l40s": 2})).bound == math.inf
    assert outline(of([(SMALL, 0.6)], 5, {"l40s": 2})) == (None, math.inf)


def test_deadlines_are_put_back_when_the_choice_breaks_them():
    """Cheap is 0.3 s for either half of a call and 0.5 s are allowed, so one half of each is dear: 1 + 2 $/h."""
    problem = of([(SMALL, 0.1), (LARGE, 0.1)], 4, late=0.5, ttft=(0.3, 0.1))
    found = relaxed(problem)
    assert found.bound == pytest.approx(2.0)
    assert found.picked is not None
    tables = tabulate(problem)
    assert evaluate(problem, tables.choice(found.picked)).feasible


def test_without_limits_that_bind_the_cheapest_of_all_is_found():
    assert relaxed(of([(SMALL, 0.1), (LARGE, 0.1)], 4, late=0.7, ttft=(0.3, 0.1))).bound == pytest.approx(1.0)


def test_alike_tasks_are_one_kind_and_others_are_not():
    problem = of([(SMALL, 0.3), (LARGE, 0.2)], 4, late=0.5, ttft=(0.3, 0.1))
    tables = tabulate(problem)
    apart = kinds_of(tables, possible(tables), bundles(tables, ()), ())
    assert [(len(kind.copies), len(kind.tasks)) for kind in apart] == [(4, 1)]
    calls = kinds_of(tables, possible(tables), bundles(tables, tables.bounds), tables.bounds)
    assert [(len(kind.copies), len(kind.tasks)) for kind in calls] == [(2, 2)]
    assert [limit.left for limit in calls[0].limits] == [0.5]
    assert alike(tables, tables.bounds[:1]) == list(tables.bounds)


def test_unions_join_what_is_joined_by_others():
    unions: Unions[str] = Unions()
    for one, two in (("a", "b"), ("c", "d"), ("b", "d")):
        unions.join(one, two)
    assert unions.find("a") == unions.find("c") != unions.find("e")
