"""The step model by hand, and as plans and accuracy use it."""

from dataclasses import replace

import pytest

from agentc import catalog
from agentc.cost import decoder, environment, estimate, step
from agentc.cost.accuracy.measurement import Measurement
from agentc.cost.accuracy.rows import causal, load, machine, positions, rows_of
from agentc.cost.curves import QUANTITIES
from agentc.cost.grid import kv_shards
from agentc.cost.hardware import Hardware
from agentc.cost.roofline import added_seconds, evaluate
from agentc.plan import demand
from agentc.plan.quantity import Quantity

ONES = dict.fromkeys(QUANTITIES, 1.0) | {"step_seconds": 0.0, "sequence_seconds": 0.0}


def rates(**known: float) -> step.Rates:
    zero = dict.fromkeys(("layer_seconds", "routed_seconds", "latent_seconds", "index_seconds", "hop_seconds"), 0.0)
    return step.Rates({**ONES, **zero, "tile_rows": 0.0, **known})


LOAD = step.Load(
    dense=8e12, head=0.0, dense_bytes=1e9, expert=0.0, expert_bytes=0.0, tile=0.0, scores=0.0, lookups=0.0,
    kv_bytes=0.0, moved=0.0, reductions=0.0, reduced_bytes=0.0, layers=2.0, routed=0.0, latent=0.0, indexed=0.0,
    sequences=4.0,
)  # fmt: skip
MACHINE = step.Machine(1e15, 1e15, 1e15, 1e12, 1e11, tp=1.0, dp=1.0, kv_ways=1.0, latent=0.0)


def test_one_roof_alone_is_work_over_share_of_peak():
    compute = step.seconds(replace(LOAD, dense_bytes=0.0), MACHINE, rates(matrix_compute=0.5))
    memory = step.seconds(replace(LOAD, dense=0.0), MACHINE, rates(matrix_memory=0.5))
    assert compute == pytest.approx(8e12 / 0.5e15)
    assert memory == pytest.approx(1e9 / 0.5e12)


def test_roofs_join_above_the_larger_and_below_the_sum():
    both = step.seconds(LOAD, MACHINE, rates(matrix_compute=0.5, matrix_memory=0.5))
    assert 0.016 < both < 0.018
    assert both == pytest.approx((0.016**2.5 + 0.002**2.5) ** 0.4)


def test_no_share_is_above_the_peak():
    assert step.seconds(replace(LOAD, dense_bytes=0.0), MACHINE, rates(matrix_compute=40.0)) > 8e12 / 1e15


def test_collectives_are_rounds_and_volume():
    one = replace(LOAD, dense=0.0, dense_bytes=0.0, reductions=10.0, reduced_bytes=1e9)
    four = replace(MACHINE, tp=4.0)
    found = step.network(one, four, rates(hop_seconds=1e-5, link_share=0.5))
    assert found == pytest.approx(10 * 1e-5 * 3 / 2 + 1.5 * 1e9 / 0.5e11)
    assert step.network(one, MACHINE, rates(hop_seconds=1e-5)) == 0


def test_fixed_times_count_layers_sequences_and_steps():
    found = step.parts(LOAD, MACHINE, rates(layer_seconds=1e-5, step_seconds=1e-3, sequence_seconds=1e-5))
    assert found["launch"] == pytest.approx(2e-5)
    assert found["engine"] == pytest.approx(1e-3 + 4e-5)


def test_heads_that_share_a_head_of_the_cache_read_it_more_than_once():
    read = replace(LOAD, dense=0.0, dense_bytes=0.0, kv_bytes=1e9)
    found = step.parts(read, replace(MACHINE, group=8.0), rates(kv_memory=0.5, group_growth=1 / 3))
    assert found["cache"] == pytest.approx(2 * 1e9 / 0.5e12)


def test_groups_of_data_parallel_attention_schedule_their_own_sequences():
    found = step.parts(LOAD, replace(MACHINE, dp=4.0), rates(step_seconds=1e-3, sequence_seconds=1e-5))
    assert found["engine"] == pytest.approx(1e-3 + 1e-5)


@pytest.mark.parametrize(
    "model", ["llama-3.1-70b", "deepseek-v3", "gpt-oss-120b", "qwen3-235b-a22b", "glm-5", "qwen3-next-80b-a3b"]
)
@pytest.mark.parametrize("precision", ["bf16", "fp8", "fp4"])
@pytest.mark.parametrize("tp", [1, 8])
def test_rows_and_plans_are_priced_alike(model: str, precision: str, tp: int):
    """The coefficients of a row give what the work formulas give, for decodes and prefills."""
    shape, device = catalog.model(model), catalog.device("b200")
    row = Measurement(
        "test", 2, "b200", tp, tp, 1, 1, 1, model, precision, "vllm", "", 1024, 1024, 16, "static", "tpot", 1.0
    )
    rows, figures = rows_of([row]), decoder.rates(shape, device, precision)
    kv = "fp8" if precision != "bf16" and not shape.sliding_window else "bf16"
    env = environment({"input_tokens": Quantity(1024), "context_tokens": Quantity(1500)})
    shards = kv_shards(shape)
    there = Hardware(decoder.hardware(shape, device, precision))
    machine_ = decoder.machine(shape, there, tp, 1, min(tp, shards))
    seen = positions(rows, 1500.0)
    mine = step.seconds(load(rows, 16.0, 16.0, 16 * seen, 16 * seen, 0.0), machine(rows), figures)
    asked = evaluate(demand.decode(shape, precision, kv), env, 16, model=shape)
    theirs = step.seconds(decoder.load(asked, shape, there, precision, "decode"), machine_, figures)
    assert float(mine[0]) == pytest.approx(float(theirs), rel=0.02)
    prompts = load(rows, 1024.0, 1.0, 0.0, 0.0, causal(rows, rows.inputs))
    asked = evaluate(demand.prefill(shape, precision, kv), env, 1, model=shape)
    theirs = step.seconds(decoder.load(asked, shape, there, precision, "prefill"), machine_, figures)
    assert float(step.seconds(prompts, machine(rows), figures)[0]) == pytest.approx(float(theirs), rel=0.02)


def test_a_decoder_takes_the_step_model_and_has_a_band():
    shape, device = catalog.model("llama-3.1-70b"), catalog.device("h200")
    env = environment({"input_tokens": Quantity(1024), "output_tokens": Quantity(1024)})
    found = estimate(demand.decode(shape, "fp8"), env, device, phase="decode", precision="fp8", tp=2, model=shape)
    assert found.calibrated
    assert found.band[0] < 1 < found.band[1]
    assert found.bottleneck == "memory"


def test_a_family_without_rows_has_a_wider_band():
    shape = catalog.model("llama-3.1-70b")
    bands = {}
    for name in ("h200", "tpu-v6e"):
        work = demand.decode(shape, "bf16")
        found = estimate(
            work, environment({}), catalog.device(name), phase="decode", precision="bf16", tp=8, model=shape
        )
        bands[name] = found.band[1] / found.band[0]
        assert found.calibrated is (name == "h200")
    assert bands["tpu-v6e"] > bands["h200"]


def test_what_a_prompt_adds_is_less_than_a_prefill_of_its_own():
    shape, device = catalog.model("llama-3.1-8b"), catalog.device("h100")
    env = environment({"input_tokens": Quantity(2048)})
    asked = evaluate(demand.prefill(shape, "bf16"), env, model=shape)
    whole = estimate(demand.prefill(shape, "bf16"), env, device, phase="prefill", precision="bf16", model=shape)
    added = added_seconds(asked, device, precision="bf16")
    assert 0.5 * whole.seconds < float(added) < whole.seconds
    with pytest.raises(ValueError, match="decoder"):
        added_seconds(replace(asked, model=None), device, precision="bf16")
