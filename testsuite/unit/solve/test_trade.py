"""Prices in place of limits: figures by hand."""

import math
import time
from dataclasses import replace

import pytest

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.solve import outline
from agentc.solve.columns import Market
from agentc.solve.presolve import possible
from agentc.solve.search import Search
from agentc.solve.tables import tabulate
from agentc.solve.tariffs import Key, Tariff, between, charged, cleaned, second
from agentc.solve.trade import trade

SLOW, FAST = Pool("slow", "l40s", 1, 1.0), Pool("fast", "h100", 1, 4.0)
"""Of two seconds and of one."""


def way(pool: Pool, seconds: float) -> Option:
    return Option(pool.name, pool.name, pool.device, pool.device, "single", seconds=seconds, busy_seconds=0.01)


def row(count: int, limit: float, stock: dict[str, int] | None = None) -> PlacementProblem:
    """Tasks one after the other: each takes two seconds in the slow pool, one in the fast one."""
    ways = (way(SLOW, 2.0), way(FAST, 1.0))
    places = ("l40s", "h100")
    hops = {(a, b): Hop(0.0) for a in places for b in places}
    return PlacementProblem(
        tuple(PlacementTask(f"t{n}", ways) for n in range(count)),
        tuple(PlacementEdge(f"t{n}", f"t{n + 1}", hops) for n in range(count - 1)),
        {"slow": SLOW, "fast": FAST},
        (Deadline("end_to_end", limit),),
        stock=stock or {},
    )


HOPS: tuple[Key, ...] = tuple(("hop", n) for n in range(7))


def searched(problem: PlacementProblem) -> Search:
    tables, now = tabulate(problem), time.perf_counter()
    search = Search(tables, possible(tables), "cost", None, -math.inf, 1e-6, now + 20, 20)
    trade(search, now + 20)
    return search


def test_prices_of_a_limit_that_binds_prove_what_mixtures_of_answers_cost():
    tables = tabulate(row(8, 12.0))
    market, until = Market(tables, possible(tables), [], whole=True), time.perf_counter() + 20
    second = (4.0 - 1.0) / 8
    bound = market.ask(cleaned(tables, {("end", 7): second, **dict.fromkeys(HOPS, second)}), gap=1e-6, until=until)
    assert bound == pytest.approx((1.0 + 4.0) / 2)


def test_pools_beside_those_in_use_prove_the_placement():
    search = searched(row(8, 12.0))
    assert search.value == pytest.approx(4.0)
    assert search.bound == pytest.approx(4.0, rel=5e-3)


def test_a_limit_that_is_loose_costs_nothing():
    assert searched(row(8, 16.0)).value == pytest.approx(1.0)


def test_an_outline_counts_on_a_limit_that_binds():
    found, bound = outline(row(70, 100.0), time_limit=20, enough=0.01)
    assert found is not None
    assert found.usd_per_hour == pytest.approx(4.0)
    assert bound == pytest.approx(4.0, rel=1e-2)


def test_a_second_costs_a_task_what_its_links_and_its_end_do():
    tables = tabulate(row(3, 9.0))
    tariff: Tariff = {("hop", 0): 1.0, ("hop", 1): 2.0, ("end", 2): 2.0}
    assert [second(tables, tariff, t) for t in range(3)] == [1.0, 2.0, 2.0]
    assert [cell.usd for cell in charged(tables, tariff).cells[1]] == [4.0, 2.0]


def test_no_more_comes_to_a_task_than_leaves_it():
    tables = tabulate(row(3, 9.0))
    assert cleaned(tables, {("hop", 0): 3.0, ("hop", 1): 2.0, ("end", 2): 1.0}) == {
        ("hop", 0): 1.0,
        ("hop", 1): 1.0,
        ("end", 2): 1.0,
    }


def test_between_two_tariffs():
    assert between({("end", 0): 4.0}, {("stock", 1): 2.0}, 0.25) == {("end", 0): 3.0, ("stock", 1): 0.5}


def test_tasks_of_one_price_stay_alike():
    tables = tabulate(row(3, 9.0))
    tasks = charged(tables, {("hop", 0): 1.0, ("hop", 1): 2.0, ("end", 2): 2.0}).problem.tasks
    assert tasks[1].options is tasks[2].options
    assert tasks[0].options is not tasks[1].options


def test_a_mixture_of_answers_within_the_limit_tells_its_price():
    tables = tabulate(row(4, 6.0))
    market = Market(tables, possible(tables), [])
    until = time.perf_counter() + 20
    market.ask({}, gap=1e-6, until=until)
    market.ask({("hop", 0): 9.0, ("hop", 1): 9.0, ("hop", 2): 9.0, ("end", 3): 9.0}, gap=1e-6, until=until)
    _, tariff = market.mix()
    assert tariff["end", 3] > 0


def test_a_mixture_charges_for_devices_that_are_short():
    problem = row(4, math.inf, {"l40s": 0})
    tables = tabulate(problem)
    market = Market(tables, possible(tabulate(replace(problem, stock={}))), [])
    market.ask({}, gap=1e-6, until=time.perf_counter() + 20)
    _, tariff = market.mix()
    assert tariff["stock", 0] > 0
