"""Percentiles of end-to-end times, against draws of the same figures."""

import math
import random
from dataclasses import replace

import pytest
from study_sample import question

from agentc.analyses.study.answer import Answer
from agentc.analyses.study.tail import NORMAL, deviation, lognormal, response_seconds, variance
from agentc.plan.formula import symbol
from agentc.plan.graph import Task, TaskGraph
from agentc.plan.placement import Assignment, PlanSummary, PoolPlan
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

DRAWS = 40_000


def task(name: str, factor: float, visits: float = 1.0) -> Task:
    """A step whose time goes with a size that has this 95th percentile over its mean."""
    work = Work(static_seconds=symbol("documents"))
    return Task(name, "tool.invoke", "", work, {"documents": Quantity(1.0, p95=factor)}, visits=visits)


def plan(tasks: list[Task], seconds: list[float], pools: tuple[PoolPlan, ...] = ()) -> Answer:
    asked = question()
    graph = TaskGraph("a", tuple(tasks), ())
    mean = sum(t.visits * s for t, s in zip(tasks, seconds, strict=True))
    names = tuple(t.name for t in tasks)
    summary = PlanSummary("optimal", "cost", end_to_end_seconds=mean, critical_path=names, pools=pools)
    placed = {
        t.name: Assignment("cpu", "single", "p", seconds=s, bottleneck="static")
        for t, s in zip(tasks, seconds, strict=True)
    }
    return Answer(replace(asked, graph=graph), summary, placed)


def draw(rng: random.Random, seconds: float, factor: float) -> float:
    sigma = math.sqrt(math.log1p(deviation(factor) ** 2))
    return seconds * math.exp(rng.gauss(0, sigma) - sigma * sigma / 2)


def percentiles(draws: list[float]) -> dict[str, float]:
    draws = sorted(draws)
    return {name: draws[int(len(draws) * int(name[1:]) / 100)] for name in NORMAL}


def test_a_single_figure_has_the_percentile_that_is_stated():
    for factor in (1.2, 2.0, 3.5):
        assert response_seconds(plan([task("t", factor)], [2.0]), "p95") == pytest.approx(2.0 * factor, rel=1e-6)
    assert response_seconds(plan([task("t", 2.0)], [2.0]), "mean") == 2.0
    assert deviation(1.0) == deviation(0.5) == 0.0
    assert deviation(50.0) == pytest.approx(math.sqrt(math.expm1(NORMAL["p95"] ** 2)))


def test_what_does_not_vary_is_the_same_at_all_percentiles():
    fixed = plan([task("t", 1.0)], [2.0])
    assert {response_seconds(fixed, name) for name in NORMAL} == {2.0}


def test_a_sum_of_steps_is_near_that_of_draws():
    rng = random.Random(7)
    factors, seconds = [2.0, 1.5, 2.5], [1.0, 3.0, 0.5]
    drawn = percentiles([sum(map(lambda s, f: draw(rng, s, f), seconds, factors)) for _ in range(DRAWS)])
    found = plan([task(f"t{i}", factor) for i, factor in enumerate(factors)], seconds)
    for name in ("p50", "p90", "p95", "p99"):
        assert response_seconds(found, name) == pytest.approx(drawn[name], rel=0.03)


def test_a_loop_varies_with_its_trips():
    rng = random.Random(11)

    def loop() -> float:
        trips = 1
        while rng.random() < 0.5:  # two trips on average
            trips += 1
        return sum(draw(rng, 1.0, 1.5) + draw(rng, 0.5, 1.5) for _ in range(trips))

    draws = [loop() for _ in range(DRAWS)]
    mean = sum(draws) / DRAWS
    spread = sum((each - mean) ** 2 for each in draws) / DRAWS
    found = plan([task("a", 1.5, visits=2.0), task("b", 1.5, visits=2.0)], [1.0, 0.5])
    assert variance(found) == pytest.approx(spread, rel=0.05)
    assert response_seconds(found, "p95") == pytest.approx(percentiles(draws)["p95"], rel=0.1)


def test_a_branch_varies_with_whether_it_is_taken():
    assert variance(plan([task("t", 1.0, visits=0.25)], [4.0])) == pytest.approx(0.25 * 0.75 * 16)


def test_a_busy_pool_makes_a_longer_tail_and_more_replicas_a_shorter_one():
    def spread(busy: float, replicas: int) -> float:
        return variance(plan([task("t", 1.0)], [1.0], (PoolPlan("p", "cpu", replicas, replicas, 1.0, busy),)))

    assert 0 == spread(0.0, 1) < spread(0.5, 1) < spread(0.9, 1)
    assert spread(0.9, 4) < spread(0.9, 1)
    assert spread(0.5, 1) == pytest.approx((0.5 / (2 * 0.5)) ** 2)  # M/D/1


def test_the_lognormal_has_its_mean_and_variance():
    squared = math.log1p(4.0 / 9.0)
    assert lognormal(3.0, 4.0, "p50") == pytest.approx(3.0 * math.exp(-squared / 2))
