"""Links and transfers."""

from functools import partial

import pytest

from agentc import catalog
from agentc.cost import link_between, streamed_seconds, transfer_seconds
from agentc.cost.network import hops
from agentc.plan.fleet import Fleet, Link, Stock
from agentc.plan.placement import Hop

FAST, SLOW = Link("fast", 50e9, 5e-6), Link("slow", 12.5e9, 10e-6)


def fleet(**links: Link) -> Fleet:
    named = {key.replace("_to_", "->").replace("any", "*"): link for key, link in links.items()}
    stocks = (
        Stock(catalog.device("h200")),
        Stock(catalog.device("b200"), count=16),
        Stock(catalog.device("l4"), count=4, per_host=8),
    )
    return Fleet("test", stocks, links=named)


def test_the_nearest_statement_counts():
    assert link_between(fleet(h200_to_b200=SLOW, any_to_any=FAST), "b200", "h200") is SLOW
    assert link_between(fleet(any_to_any=FAST), "b200", "h200") is FAST
    assert link_between(fleet(h200_to_any=FAST, b200_to_any=SLOW), "h200", "b200") is SLOW
    assert link_between(fleet(h200_to_any=FAST, any_to_any=SLOW), "h200", "b200") is FAST


def test_without_a_statement_the_slower_card_counts():
    assert link_between(fleet(), "h200", "l4").name == "ethernet-25g"


def test_one_host_needs_no_network():
    assert link_between(fleet(any_to_any=SLOW), "l4", "l4").name == "pcie4-x16"
    assert link_between(fleet(any_to_any=SLOW), "b200", "b200") is SLOW


def test_hosted_services_are_far():
    assert link_between(fleet(), "hosted", "h200").latency_seconds >= 0.01


def test_a_transfer_takes_latency_and_bytes():
    assert transfer_seconds(50e9, FAST) == pytest.approx(1.000005)


def test_a_streamed_transfer_hides_behind_its_producer_but_for_its_tail():
    whole = 1e9 / FAST.bytes_per_second
    assert streamed_seconds(1e9, FAST, 0) == pytest.approx(5e-6 + whole)
    assert streamed_seconds(1e9, FAST, 10) == pytest.approx(5e-6 + whole / 16)
    assert 5e-6 + whole / 16 < streamed_seconds(1e9, FAST, whole / 2) < 5e-6 + whole


def test_the_papers_claim_on_links():
    """200 to 400 Gbit/s carry the cache of 32K tokens of Llama 3 70B while it is made: what is left is under 100 ms."""
    bytes_ = 32_768 * 327_680
    for gbps in (200, 400):
        left = streamed_seconds(bytes_, Link("roce", gbps * 1e9 / 8, 5e-6), producer_seconds=1.0)
        assert left < 0.1


def test_an_aggregated_call_moves_nothing_and_mixes_with_nothing():
    found = hops(
        partial(link_between, fleet()), {"h200": 0.1, "h200+agg": 0.1}, ["h200", "h200+agg", "b200"], 1e9, paired=True
    )
    assert set(found) == {("h200", "h200"), ("h200", "b200"), ("h200+agg", "h200+agg")}
    assert found["h200+agg", "h200+agg"] == Hop(0.0, link="none")


def test_other_edges_reach_an_aggregated_pool_as_its_device():
    found = hops(partial(link_between, fleet()), {"l4": 0.1}, ["h200+agg", "h200"], 1e6)
    assert found["l4", "h200+agg"] == found["l4", "h200"]
    assert found["l4", "h200"].bytes_ == 1e6
