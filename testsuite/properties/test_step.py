"""Laws of the step model: more work never takes less time, nothing beats the peak, intervals hold the estimate."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agentc import catalog
from agentc.cost import environment, estimate
from agentc.cost.arithmetic import compute_precision
from agentc.cost.grid import kv_shards
from agentc.cost.roofline import Estimate
from agentc.plan import demand
from agentc.plan.quantity import Quantity

MODELS = st.sampled_from(["llama-3.1-8b", "llama-3.1-70b", "deepseek-v3", "gpt-oss-120b", "qwen3-30b-a3b", "glm-5"])
DEVICES = st.sampled_from(["a100-80gb", "l40s", "h100-sxm", "b200", "mi300x", "mi355x", "gaudi2", "tpu-v6e"])
PRECISIONS = st.sampled_from(["bf16", "fp8", "fp4"])
WAYS = st.sampled_from([1, 2, 4, 8])
PHASES = st.sampled_from(["prefill", "decode"])


def step(phase: str, model: str, device: str, precision: str, tp: int, batch: float, tokens: int) -> Estimate:
    shape = catalog.model(model)
    work = demand.prefill(shape, precision) if phase == "prefill" else demand.decode(shape, precision)
    env = environment({"input_tokens": Quantity(tokens), "context_tokens": Quantity(tokens)})
    return estimate(
        work, env, catalog.device(device), phase=phase, precision=precision, tp=tp, batch=batch,
        kv_shards=kv_shards(shape), model=shape,
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(PHASES, MODELS, DEVICES, PRECISIONS, WAYS, st.integers(1, 512), st.integers(1, 512), st.integers(1, 20000))
def test_more_never_takes_less(
    phase: str, model: str, device: str, precision: str, tp: int, batch: int, more: int, tokens: int
):
    base = step(phase, model, device, precision, tp, batch, tokens)
    assert step(phase, model, device, precision, tp, batch + more, tokens).step_seconds > base.step_seconds
    longer = step(phase, model, device, precision, tp, batch, tokens + more)
    assert longer.step_seconds >= base.step_seconds
    assert longer.memory_bytes_per_device >= base.memory_bytes_per_device


@settings(deadline=None, max_examples=60)
@given(PHASES, MODELS, DEVICES, PRECISIONS, WAYS, st.integers(1, 512), st.integers(1, 20000))
def test_nothing_beats_the_peak(phase: str, model: str, device: str, precision: str, tp: int, batch: int, tokens: int):
    shape, machine = catalog.model(model), catalog.device(device)
    work = demand.prefill(shape, precision) if phase == "prefill" else demand.decode(shape, precision)
    env = {**environment({"input_tokens": Quantity(tokens), "context_tokens": Quantity(tokens)}), "batch": float(batch)}
    runs = {p: compute_precision(machine, p) for p in work.flops if p != "fp32"}
    flops = sum(work.flops[p].evaluate(env) / machine.flops_per_second[r] for p, r in runs.items() if r)
    bytes_ = (work.weights_traffic.evaluate(env) + work.kv_traffic.evaluate(env)) / machine.bytes_per_second
    found = step(phase, model, device, precision, tp, batch, tokens)
    assert found.step_seconds >= flops / tp
    assert found.step_seconds >= bytes_ / tp


@settings(deadline=None, max_examples=40)
@given(PHASES, MODELS, DEVICES, PRECISIONS, st.sampled_from([1, 2, 4]), st.integers(1, 512), st.integers(1, 20000))
def test_memory_and_intervals(phase: str, model: str, device: str, precision: str, tp: int, batch: int, tokens: int):
    one = step(phase, model, device, precision, tp, batch, tokens)
    assert step(phase, model, device, precision, 2 * tp, batch, tokens).memory_bytes_per_device <= (
        one.memory_bytes_per_device
    )
    low, high = one.band
    assert 0 < low <= 1 <= high
