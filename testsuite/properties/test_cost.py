"""The cost model: what holds for all devices, models and figures."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentc import catalog, cost
from agentc.cost import estimate
from agentc.plan import demand
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.formula import constant
from agentc.plan.graph import Limit, Load, Task, TaskEdge, TaskGraph
from agentc.plan.placement import PlacementProblem
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work
from agentc.solve import solve

devices = st.sampled_from(list(catalog.devices().values()))
decoders = st.sampled_from([m for m in catalog.models().values() if m.kind == "decoder"])
precisions = st.sampled_from(["bf16", "fp8", "fp4"])
powers = st.sampled_from([1, 2, 4, 8])
phases = st.sampled_from(["prefill", "decode"])
counts = st.integers(1, 4096).map(float)


def work_of(phase: str, model, precision: str) -> Work:
    return demand.prefill(model, precision) if phase == "prefill" else demand.decode(model, precision)


def figures(tokens: float, output: float) -> dict[str, float]:
    return cost.environment({"input_tokens": Quantity(tokens), "output_tokens": Quantity(output)})


@given(devices, decoders, precisions, phases, powers, counts, counts)
def test_more_work_never_takes_less(device, model, precision, phase, tp, tokens, output):
    work, shards = work_of(phase, model, precision), 1 if model.kv_lora_rank else model.kv_heads
    kind = {"phase": phase, "precision": precision, "tp": tp, "kv_shards": shards}
    base = estimate(work, figures(tokens, output), device, batch=2, **kind)
    for env, batch in (
        (figures(tokens + 100, output), 2),
        (figures(tokens, output + 100), 2),
        (figures(tokens, output), 3),
    ):
        more = estimate(work, env, device, batch=batch, **kind)
        assert more.seconds >= base.seconds * (1 - 1e-12)
        assert more.memory_bytes_per_device >= base.memory_bytes_per_device * (1 - 1e-12)


@given(devices, st.floats(0, 1e15), st.floats(0, 1e12), st.floats(0, 1e12), st.floats(0, 1))
def test_more_flop_and_bytes_never_take_less(device, flops, read, written, share):
    def seconds(scale: float) -> float:
        rows = {"bytes_read": constant(read * scale), "bytes_written": constant(written * scale)}
        work = Work(flops={"bf16": constant(flops * scale)}, **rows)
        return float(estimate(work, {}, device, precision="bf16").seconds)

    assert seconds(share) <= seconds(1.0)


@given(devices, decoders, precisions, phases, powers, st.integers(1, 64), counts)
def test_never_faster_than_physics(device, model, precision, phase, tp, batch, tokens):
    work, env = work_of(phase, model, precision), {**figures(tokens, 64.0), "batch": float(batch)}
    found = estimate(work, env, device, phase=phase, precision=precision, tp=tp, batch=batch)
    best = max(device.flops_per_second.values())
    flops = sum(formula.evaluate(env) for formula in work.flops.values())
    moved = work.bytes_read.evaluate(env) + work.bytes_written.evaluate(env)
    assert found.step_seconds >= flops / (tp * best)
    assert found.step_seconds >= moved / (tp * device.bytes_per_second)


@given(devices, decoders, precisions, phases, st.sampled_from([1, 2, 4]), st.integers(4, 64), counts)
def test_parallelism_never_needs_more_memory_a_device(device, model, precision, phase, ways, batch, tokens):
    work, env = work_of(phase, model, precision), figures(tokens, 64.0)
    kind = {
        "phase": phase,
        "precision": precision,
        "batch": batch,
        "kv_shards": 1 if model.kv_lora_rank else model.kv_heads,
    }
    one = estimate(work, env, device, tp=ways, **kind).memory_bytes_per_device
    assert estimate(work, env, device, tp=2 * ways, **kind).memory_bytes_per_device <= one
    assert estimate(work, env, device, tp=ways, pp=2, **kind).memory_bytes_per_device <= one


def agent(tokens: int, output: int, rate: float, limits: tuple[Limit, ...]) -> TaskGraph:
    model, shape = catalog.model("llama-3.1-8b"), {"input_tokens": Quantity(tokens), "output_tokens": Quantity(output)}
    tasks = (
        Task("a.prefill", "llm.prefill", "", demand.prefill(model, "fp8"), shape, model, "fp8", pair="a.decode"),
        Task("a.decode", "llm.decode", "", demand.decode(model, "fp8"), shape, model, "fp8", pair="a.prefill"),
    )
    edges = (TaskEdge("a.prefill", "a.decode", demand.kv_cache_bytes(model, "bf16"), streams=True),)
    return TaskGraph("test", tasks, edges, limits, Load(rate))


def undominated(graph: TaskGraph, fleet: Fleet) -> PlacementProblem:
    """The problem with every option that was found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["agentc.cost.options"], "needed", lambda offers, *_: [offer.kept for offer in offers])
        return cost.problem(graph, fleet)[0]


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([128, 2048]),
    st.sampled_from([16, 512]),
    st.sampled_from([0.2, 5.0, 60.0]),
    st.sampled_from([(), (Limit("ttft", 0.3), Limit("tbt", 0.03)), (Limit("end_to_end", 4.0),)]),
)
def test_dropped_options_were_never_needed(tokens, output, rate, limits):
    stocks = (Stock(catalog.device("h100"), 8, 1.9), Stock(catalog.device("l40s"), 6, 0.85))
    graph, fleet = agent(tokens, output, rate, limits), Fleet("test", stocks)
    whole = undominated(graph, fleet)
    pruned = cost.problem(graph, fleet)[0]
    assert sum(len(t.options) for t in pruned.tasks) < sum(len(t.options) for t in whole.tasks)
    answers = solve(whole), solve(pruned)
    assert answers[0].status == answers[1].status
    assert answers[1].usd_per_hour == pytest.approx(answers[0].usd_per_hour, rel=1e-6)
