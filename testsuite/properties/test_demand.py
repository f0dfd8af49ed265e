"""Work formulas: what holds for any shape, batch and size."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc import catalog
from agentc.cost.phases import RUNS
from agentc.plan import demand
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

NAMES = [f.name for f in fields(Work) if f.name != "flops"]
counts = st.integers(1, 5000).map(float)
precisions = st.sampled_from(["bf16", "fp8", "fp4", "fp32"])
others = st.sampled_from([m for m in catalog.models().values() if m.kind in RUNS])


@st.composite
def decoders(draw: st.DrawFn) -> ModelShape:
    """A small decoder of any architecture that a shape can state."""
    kv, groups, head = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.sampled_from([4, 8]))
    layers = draw(st.integers(1, 6))
    shape = ModelShape(
        "any", "decoder", layers=layers, hidden=draw(st.integers(1, 4)) * 8, heads=kv * groups, kv_heads=kv,
        head_dim=head, intermediate=24, vocab=40, gated_mlp=draw(st.booleans()),
        value_head_dim=draw(st.sampled_from([0, 6])), attention_gate=draw(st.booleans()),
    )  # fmt: skip
    if draw(st.booleans()):
        experts = draw(st.integers(1, 9))
        shape = replace(
            shape, experts=experts, experts_per_token=draw(st.integers(1, experts)), expert_intermediate=12,
            shared_experts=draw(st.integers(0, 2)), dense_layers=draw(st.integers(0, layers - 1)),
            four_bit=draw(st.sampled_from(["all", "experts"])),
        )  # fmt: skip
    match draw(st.sampled_from(["full", "window", "latent", "linear"])):
        case "window":
            return replace(
                shape, sliding_window=draw(st.integers(1, 900)), full_attention_every=draw(st.integers(1, 4))
            )
        case "latent":
            return replace(shape, kv_lora_rank=6, q_lora_rank=draw(st.sampled_from([0, 5])), qk_rope_head_dim=2)
        case "linear":
            linear = draw(st.integers(1, layers))
            return replace(shape, linear_layers=linear, linear_key_heads=1, linear_value_heads=2, linear_key_dim=4,
                           linear_value_dim=6)  # fmt: skip
        case _:
            return shape


def figures(work: Work, env: dict[str, float]) -> dict[str, float]:
    rows = {name: getattr(work, name).evaluate(env) for name in NAMES}
    return rows | {"flops": sum(f.evaluate(env) for f in work.flops.values())}


def total(work: Work, env: dict[str, float]) -> dict[str, float]:
    """Of the whole task: all its repeats."""
    return figures(demand.unroll(work), env)


@given(decoders(), precisions, counts, counts, counts, st.integers(1, 64))
def test_more_tokens_and_requests_are_never_less_work(shape, precision, tokens, cached, output, batch):
    env = {"batch": float(batch), "input_tokens": tokens + cached, "cached_tokens": cached, "output_tokens": output,
           "context_tokens": tokens + cached}  # fmt: skip
    works = (
        demand.prefill(shape, precision),
        demand.decode(shape, precision),
        demand.chunked_prefill(shape, precision, 100),
        demand.speculate(shape, shape, precision, 3, 0.5),
    )
    for work in works:
        base = total(work, env)
        for name in ("batch", "input_tokens", "context_tokens", "output_tokens"):
            more = total(work, env | {name: env[name] + 7})
            assert all(more[row] >= base[row] * (1 - 1e-9) for row in base), (name, base, more)


@given(decoders(), precisions, counts, counts)
def test_a_longer_prefix_in_the_cache_saves_flop(shape, precision, tokens, cached):
    """Beyond what expands a compressed prefix, which latent attention pays for."""
    env = {"batch": 1.0, "input_tokens": tokens + cached}
    work = demand.prefill(replace(shape, kv_lora_rank=0), precision)
    whole, part = (figures(work, env | {"cached_tokens": c}) for c in (0.0, cached))
    assert part["flops"] <= whole["flops"] * (1 + 1e-9)
    assert part["kv_bytes"] == whole["kv_bytes"]


@given(decoders(), precisions, counts, st.integers(1, 64))
def test_parts_are_parts(shape, precision, tokens, batch):
    env = {"batch": float(batch), "input_tokens": tokens, "cached_tokens": 0.0, "output_tokens": 9.0,
           "context_tokens": tokens}  # fmt: skip
    for work in (demand.prefill(shape, precision), demand.decode(shape, precision)):
        row = figures(work, env)
        assert all(value >= 0 for value in row.values())
        assert row["attention_flops"] + row["expert_flops"] <= row["flops"] * (1 + 1e-9)
        assert row["expert_traffic"] <= row["weights_traffic"] * (1 + 1e-9)
        assert row["weights_traffic"] + row["kv_traffic"] <= row["bytes_read"] * (1 + 1e-9)
        assert row["expert_traffic"] <= demand.parameters(shape) * demand.width(precision) * (1 + 1e-9)


@given(decoders(), st.integers(1, 300))
def test_touched_experts_are_within_what_is_chosen(shape, tokens):
    if not shape.experts:
        return
    touched = demand.touched_experts(shape, demand.prefill(shape, "bf16").repeats * tokens).evaluate({})
    assert (
        shape.experts_per_token * (1 - 1e-9) <= touched <= min(shape.experts, shape.experts_per_token * tokens) + 1e-9
    )


@given(decoders(), precisions)
def test_weights_are_what_the_parts_hold(shape, precision):
    env = {"batch": 1.0, "input_tokens": 5.0, "cached_tokens": 0.0}
    held = sum(part.weights_bytes.evaluate(env) for part in demand.prefill_parts(shape, precision).values())
    assert held == pytest.approx(demand.weights_bytes(shape, precision), rel=1e-6)


@given(others, precisions, counts, st.integers(1, 64))
def test_other_models_grow_with_what_they_get(shape, precision, size, batch):
    env = {"batch": float(batch), "input_tokens": size, "documents": 3.0, "audio_seconds": size / 50, "steps": 20.0,
           "pixels": 256.0 * size, "output_tokens": size}  # fmt: skip
    work = RUNS[shape.kind](shape, precision)
    base = total(work, env)
    assert base["flops"] > 0
    for name in env:
        more = total(work, env | {name: env[name] * 1.25})
        assert all(more[row] >= base[row] * (1 - 1e-9) for row in base), (name, base, more)


@given(decoders(), precisions)
def test_formulas_take_arrays(shape, precision):
    """One call for many points is what one call a point gives."""
    tokens = np.array([1.0, 40.0, 3000.0])
    env = {"batch": np.array([1.0, 4.0, 9.0]), "input_tokens": tokens, "cached_tokens": tokens / 4}
    [*formulas] = demand.prefill(shape, precision).flops.values()
    for formula in formulas:
        many = formula.evaluate(env)
        each = [formula.evaluate({name: float(values[i]) for name, values in env.items()}) for i in range(3)]
        np.testing.assert_allclose(many, each)
