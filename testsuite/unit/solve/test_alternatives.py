"""Alternatives say how much dearer, or which demand forbids."""

from dataclasses import replace

import pytest

from agentc.plan.placement import (
    Alternative,
    Deadline,
    Hop,
    Option,
    PlacementEdge,
    PlacementProblem,
    PlacementTask,
    Pool,
)
from agentc.solve import alternatives, solve


def problem() -> PlacementProblem:
    pools = {
        "cheap": Pool("cheap", "l40s", 1, 1.0),
        "dear": Pool("dear", "h100", 1, 4.0),
        "scarce": Pool("scarce", "b200", 8, 2.0),
    }

    def on(pool: str, seconds: float) -> Option:
        return Option(pool, pool, pools[pool].device, pools[pool].device, "single", seconds=seconds, busy_seconds=0.1)

    rows = tuple(PlacementTask(name, (on("cheap", 0.2), on("dear", 0.1), on("scarce", 0.05))) for name in ("a", "b"))
    places = [pool.device for pool in pools.values()]
    hops = {(x, y): Hop(0.0 if x == y else 0.01) for x in places for y in places if (x, y) != ("h100", "l40s")}
    return PlacementProblem(rows, (PlacementEdge("a", "b", hops),), pools, (), (), {"b200": 4})


def by_device(task: str, given: PlacementProblem) -> dict[str, Alternative]:
    return {a.device: a for a in alternatives(given, solve(given))[task]}


def test_dearer_by_what_the_whole_plan_would_cost():
    other = by_device("b", problem())["h100"]
    assert (other.verdict, other.option, other.usd_per_hour_delta) == ("dearer", "dear", pytest.approx(3.0))
    assert other.why == "the plan would cost $3.00/h more"


def test_the_rest_of_the_plan_follows():
    """``a`` on h100 has no link back to l40s, so ``b`` moves too: 4 for the pool, less the 1 that is left."""
    assert by_device("a", problem())["h100"].usd_per_hour_delta == pytest.approx(3.0)


def test_the_rest_of_the_plan_stays_where_following_does_not_pay():
    """Together they would take two replicas of h100; apart one of each."""
    busy = replace(problem(), requests_per_second=8.0)
    assert by_device("b", busy)["h100"].usd_per_hour_delta == pytest.approx(4.0 - 1.0)


def test_what_the_stock_forbids_is_told_with_figures():
    other = by_device("a", problem())["b200"]
    assert (other.verdict, other.why) == ("infeasible", "it takes 8 b200, and the fleet has 4")


def test_what_a_deadline_forbids_is_told_with_figures():
    tight = replace(problem(), deadlines=(Deadline("end_to_end", 0.25),))
    assert solve(tight).choice == {"a": "dear", "b": "dear"}
    other = by_device("a", tight)["l40s"]
    assert other.verdict == "infeasible"
    assert other.why == "end_to_end would be 300 ms or more, over 250 ms"


def test_slower_where_latency_is_the_objective():
    fast = replace(problem(), objective="latency")
    other = by_device("b", fast)["l40s"]
    assert (other.verdict, other.usd_per_hour_delta) == ("slower", pytest.approx(-3.0))


def test_an_infeasible_plan_has_none():
    late = replace(problem(), deadlines=(Deadline("end_to_end", 0.001),))
    assert alternatives(late, solve(late)) == {}
