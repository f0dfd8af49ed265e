"""Rates against the roofline one configuration at a time, and pairs against every pair tried."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc import catalog
from agentc.cost.environment import environment, resident_environment
from agentc.cost.grid import Grid, model_grid
from agentc.cost.network import streamed_seconds
from agentc.cost.rates import Rates, cheapest, cheapest_pair, frontier, rates, received, sent
from agentc.cost.roofline import estimate, evaluate
from agentc.plan import demand
from agentc.plan.fleet import Link, Stock
from agentc.plan.quantity import Quantity

MODEL, H100 = catalog.model("llama-3-8b"), catalog.device("h100")
STATED = {"input_tokens": Quantity(4096), "output_tokens": Quantity(512)}
LINK = Link("roce", 50e9, 5e-6)


def found(phase: str) -> Rates:
    make = demand.prefill if phase == "prefill" else demand.decode
    grid = model_grid(MODEL, Stock(H100), (1, 4, 16, 64, 256))
    work = evaluate(make(MODEL, "fp8"), environment(STATED), grid.batch, grid.pp, resident_environment(STATED))
    return rates(work, grid, H100, phase=phase, precision="fp8", kv_shards=8)


@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_rates_are_the_rooflines(phase: str):
    rows = found(phase)
    make = demand.prefill if phase == "prefill" else demand.decode
    for i in range(len(rows)):
        tp, pp, batch = int(rows.grid.tp[i]), int(rows.grid.pp[i]), int(rows.grid.batch[i])
        one = estimate(
            make(MODEL, "fp8"),
            environment(STATED),
            H100,
            phase=phase,
            precision="fp8",
            tp=tp,
            pp=pp,
            batch=batch,
            kv_shards=8,
            resident_env=resident_environment(STATED),
        )
        assert one.fits
        assert rows.seconds[i] == pytest.approx(one.seconds if phase == "prefill" else one.step_seconds)
        assert rows.device_seconds[i] == pytest.approx(one.busy_seconds / batch * tp * pp)


def test_what_does_not_fit_is_left_out():
    batches = set(found("decode").grid.batch[found("decode").grid.devices == 1])
    assert 16 in batches and 256 not in batches


def made(rows: list[tuple[float, float]], devices: int = 1, batch: int = 1) -> Rates:
    """(latency, device seconds) as replicas of ``devices``."""
    size = len(rows)
    grid = Grid(np.full(size, float(devices)), np.ones(size), np.full(size, float(batch)), np.ones(size))
    return Rates(grid, np.array([s for s, _ in rows]), np.array([d / devices for _, d in rows]))


def test_a_sent_cache_takes_what_is_left_of_it():
    before = made([(1.0, 8.0)], devices=4, batch=2)
    after = sent(before, 100e9, LINK)
    assert after.seconds[0] - 1.0 == pytest.approx(streamed_seconds(200e9 / 4, LINK, 1.0))
    assert after.busy_seconds[0] == pytest.approx(2.0)


def test_a_slow_link_sets_the_pace_on_both_sides():
    before = made([(1.0, 1.0)], devices=2)
    for carry in (sent, received):
        assert carry(before, 400e9, LINK).busy_seconds[0] == pytest.approx(4.0)
    assert received(before, 400e9, LINK).seconds[0] == 1.0


def test_frontier_by_hand():
    rows = frontier(made([(3, 1), (1, 5), (2, 5), (2, 2), (4, 1)]))
    assert list(zip(rows.seconds, rows.device_seconds, strict=True)) == [(1, 5), (2, 2), (3, 1)]
    assert len(frontier(made([]))) == 0


def test_cheapest_within_a_limit():
    rows = made([(1, 5), (2, 2), (3, 1)])
    assert (cheapest(rows), cheapest(rows, 2.5), cheapest(rows, 0.5), cheapest(made([]))) == (2, 1, None, None)


def test_a_pair_shares_the_time_to_first_token():
    prefill, decode = made([(0.20, 1), (0.10, 3)]), made([(0.10, 1), (0.01, 4)])
    assert cheapest_pair(prefill, decode, (1, 1)) == (0, 0)
    assert cheapest_pair(prefill, decode, (1, 1), ttft_seconds=0.25) == (1, 0)
    assert cheapest_pair(prefill, decode, (10, 1), ttft_seconds=0.25) == (0, 1)
    assert cheapest_pair(prefill, decode, (1, 1), tbt_seconds=0.02) == (0, 1)
    assert cheapest_pair(prefill, decode, (1, 1), tbt_seconds=0.001) is None
    assert cheapest_pair(made([]), decode, (1, 1)) is None


points = st.lists(st.tuples(st.floats(0.01, 10), st.floats(0.01, 10)), min_size=1, max_size=12)


@given(points, points, st.floats(0.01, 10), st.floats(0.1, 20), st.floats(0.01, 10))
def test_the_frontier_loses_no_pair(
    first: list[tuple[float, float]], then: list[tuple[float, float]], price: float, ttft: float, tbt: float
):
    costs = [a * price + b for p, a in first for s, b in then if p + s <= ttft and s <= tbt]  # every pair, the slow way
    prefill, decode = frontier(made(first)), frontier(made(then))
    best = cheapest_pair(prefill, decode, (price, 1.0), ttft_seconds=ttft, tbt_seconds=tbt)
    assert (best is None) == (not costs)
    if best:
        cost = prefill.device_seconds[best[0]] * price + decode.device_seconds[best[1]]
        assert cost == pytest.approx(min(costs))
