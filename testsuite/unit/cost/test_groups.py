"""Data-parallel attention with expert parallelism: memory and time of a replica, against what is split by hand."""

import pytest

from agentc import catalog
from agentc.cost.environment import environment
from agentc.cost.grid import kv_shards, model_grid
from agentc.cost.roofline import Demand, Estimate, evaluate, price
from agentc.plan import demand
from agentc.plan.fleet import Stock
from agentc.plan.quantity import Quantity

R1 = catalog.model("deepseek-r1")
H200 = catalog.device("h200")
ENV = environment({"input_tokens": Quantity(2048), "output_tokens": Quantity(256)}, model=R1)


def step(tp: int, dp: int, batch: float = 64.0) -> tuple[Demand, Estimate]:
    figures = evaluate(demand.decode(R1, "fp8"), ENV, batch, 1, ENV, R1)
    return figures, price(figures, H200, phase="decode", precision="fp8", tp=tp, dp=dp, kv_shards=kv_shards(R1))


def test_memory_of_a_group_is_its_dense_weights_its_experts_and_its_part_of_the_cache() -> None:
    figures, found = step(1, 8)
    experts = 58 * 256 * 3 * 7168 * 2048
    expected = (figures.weights - experts) + experts / 8 + figures.kv / 8 + figures.activations / 8
    assert found.memory_bytes_per_device == pytest.approx(float(expected), rel=1e-9)


def test_groups_hold_one_latent_cache_once_where_tensor_parallelism_copies_it() -> None:
    (_, split), (_, copied) = step(1, 8, 2048.0), step(8, 1, 2048.0)
    assert split.memory_bytes_per_device < copied.memory_bytes_per_device
    assert split.step_seconds < copied.step_seconds  # at large batches; the reason that engines do it


def test_few_requests_prefer_tensor_parallelism() -> None:
    assert step(8, 1, 8.0)[1].step_seconds < step(1, 8, 8.0)[1].step_seconds


def test_only_models_with_experts_try_groups() -> None:
    dense = model_grid(catalog.model("llama-3.1-8b"), Stock(H200, 64, 2.6), (1, 64))
    routed = model_grid(R1, Stock(H200, 64, 2.6), (1, 64))
    assert set(dense.dp) == {1.0}
    assert set(routed.dp) == {1.0, 2.0, 4.0, 8.0}
    assert all(routed.batch >= routed.dp)
    assert all(routed.pp[routed.dp > 1] == 1)
