"""Chunks, drafts, linear attention: against sums written out step by step, and simulations."""

import random

import pytest

from agentc import catalog
from agentc.plan import demand
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

DENSE = catalog.model("llama-3.1-8b")
DRAFT = catalog.model("llama-3.2-1b")
ENV = {"batch": 2.0, "input_tokens": 5000.0, "cached_tokens": 904.0, "output_tokens": 100.0, "context_tokens": 5050.0}


def flops(work: Work, **env: float) -> float:
    return sum(f.evaluate(ENV | env) for f in work.flops.values())


@pytest.mark.parametrize("name", ["llama-3.1-8b", "mixtral-8x7b", "deepseek-v3", "qwen3-next-80b-a3b"])
def test_chunks_one_by_one(name: str):
    """4,096 new tokens after 904 cached ones in chunks of 512: eight prefills, each after those before it."""
    shape, chunk = catalog.model(name), 512
    steps = [
        {"input_tokens": 904.0 + (i + 1) * chunk, "cached_tokens": 904.0 + i * chunk, "batch": 2.0} for i in range(8)
    ]
    whole, chunked = demand.prefill(shape, "bf16"), demand.chunked_prefill(shape, "bf16", chunk)
    assert chunked.repeats.evaluate(ENV) == 8
    for row in ("bytes_read", "bytes_written", "kv_traffic", "collective_bytes"):
        each = sum(getattr(whole, row).evaluate(env) for env in steps)
        assert 8 * getattr(chunked, row).evaluate(ENV) == pytest.approx(each, rel=1e-9), row
    assert 8 * flops(chunked) == pytest.approx(sum(flops(whole, **env) for env in steps), rel=1e-9)
    assert chunked.kv_bytes.evaluate(ENV) == whole.kv_bytes.evaluate(ENV)
    assert 8 * chunked.network_bytes.evaluate(ENV) == pytest.approx(whole.network_bytes.evaluate(ENV))


def test_one_chunk_is_a_prefill():
    whole, chunked = demand.prefill(DENSE, "bf16"), demand.chunked_prefill(DENSE, "bf16", 100_000)
    assert chunked.repeats.evaluate(ENV) == 1
    assert flops(chunked) == pytest.approx(flops(whole))
    assert chunked.bytes_read.evaluate(ENV) == pytest.approx(whole.bytes_read.evaluate(ENV))


def test_a_chunk_has_tokens():
    with pytest.raises(ValueError, match="a chunk of 0 tokens"):
        demand.chunked_prefill(DENSE, "bf16", 0)


@pytest.mark.parametrize(("drafted", "acceptance"), [(1, 0.5), (4, 0.7), (8, 0.9), (3, 0.0), (5, 1.0)])
def test_expected_tokens_by_simulation(drafted: int, acceptance: float):
    """A round gives the accepted run of the draft, and one token of the model itself."""
    draw, rounds, gained = random.Random(7), 40_000, 0
    for _ in range(rounds):
        run = next((i for i in range(drafted) if draw.random() >= acceptance), drafted)
        gained += run + 1
    assert demand.expected_tokens(drafted, acceptance) == pytest.approx(gained / rounds, rel=0.02)


def test_speculation_round_by_round():
    work, (k, a) = demand.speculate(DENSE, DRAFT, "bf16", 4, 0.7), (4, 0.7)
    assert work.repeats.evaluate(ENV) == pytest.approx(100 * (1 - a) / (1 - a ** (k + 1)))
    verified = demand.decode(DENSE, "bf16")
    seen = sum(flops(verified, context_tokens=ENV["context_tokens"] + i) for i in range(k + 1))
    assert flops(work) == pytest.approx(k * flops(demand.decode(DRAFT, "bf16")) + seen)
    weights = demand.weights_bytes(DENSE, "bf16") + demand.weights_bytes(DRAFT, "bf16")
    assert work.weights_bytes.evaluate(ENV) == pytest.approx(weights)
    one, small = verified.bytes_read.evaluate(ENV), demand.decode(DRAFT, "bf16").bytes_read.evaluate(ENV)
    assert work.bytes_read.evaluate(ENV) == pytest.approx(one + k * small, rel=0.002)  # activations of 4 more


def test_no_draft_is_a_decode():
    work, plain = demand.speculate(DENSE, DRAFT, "bf16", 0, 0.7), demand.decode(DENSE, "bf16")
    assert flops(work) == flops(plain)
    assert work.repeats == plain.repeats


@pytest.mark.parametrize(("drafted", "acceptance"), [(-1, 0.5), (4, 1.5), (4, -0.1), (4, float("nan"))])
def test_drafts_that_are_none(drafted: int, acceptance: float):
    with pytest.raises(ValueError, match="no such thing"):
        demand.expected_tokens(drafted, acceptance)


def test_a_draft_of_a_mixture_of_experts_touches_more_of_them():
    shape = catalog.model("gpt-oss-20b")
    one, five = demand.decode(shape, "bf16"), demand.speculate(shape, DRAFT, "bf16", 4, 0.7)
    assert five.expert_traffic.evaluate(ENV) > 2 * one.expert_traffic.evaluate(ENV)


def test_the_state_of_linear_attention_is_as_large_for_any_context():
    shape = catalog.model("qwen3-next-80b-a3b")
    state = 36 * 32 * 128 * 128 * 4
    short, long = (
        demand.decode(shape, "bf16").kv_bytes.evaluate(ENV | {"context_tokens": c}) for c in (1000.0, 3000.0)
    )
    assert long - short == 2 * 2000 * 12 * 2 * 2 * 256 * 2
    assert short == 2 * (1000 * 12 * 2 * 2 * 256 * 2 + state)
    growth = [flops(demand.decode(shape, "bf16"), context_tokens=c) for c in (1000.0, 2000.0, 3000.0)]
    assert growth[2] - growth[1] == growth[1] - growth[0] == 2 * 1000 * 12 * 4 * 16 * 256


def test_windows_that_no_period_counts():
    """7 layers, 5 of them with a window of 10 tokens."""
    shape = ModelShape("w", "decoder", layers=7, hidden=8, heads=2, kv_heads=1, head_dim=4, intermediate=8, vocab=2,
                       sliding_window=10, full_attention_every=3, full_attention_layers=2)  # fmt: skip
    work = demand.decode(shape, "fp32")
    assert work.kv_bytes.evaluate(ENV | {"context_tokens": 100.0}) == 2 * (2 * 100 + 5 * 10) * 2 * 4 * 4
    assert work.attention_flops.evaluate(ENV | {"context_tokens": 100.0}) == 2 * (2 * 100 + 5 * 10) * 2 * 2 * 2 * 4
