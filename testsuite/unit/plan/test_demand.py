"""Work formulas against an independent count: every matrix product of a small model, layer by layer, token by token."""

from dataclasses import replace

import numpy as np
import pytest

from agentc import catalog
from agentc.plan import demand
from agentc.plan.formula import ZERO, constant
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

TINY = ModelShape(
    name="tiny",
    kind="decoder",
    layers=4,
    hidden=24,
    heads=4,
    kv_heads=2,
    head_dim=8,
    intermediate=40,
    vocab=100,
)
ROUTED = replace(TINY, experts=6, experts_per_token=2, expert_intermediate=16, shared_experts=1, dense_layers=1)
WINDOWED = replace(TINY, sliding_window=5, full_attention_every=2)
LATENT = replace(TINY, kv_heads=4, kv_lora_rank=12, qk_rope_head_dim=4, q_lora_rank=10)
ENV = {"batch": 3.0, "input_tokens": 11.0, "cached_tokens": 4.0, "context_tokens": 13.0, "output_tokens": 7.0}


def product(m: float, n: float, k: float) -> float:
    """FLOP of an m x k by k x n matrix product."""
    return 2 * m * n * k


def linear_flops(shape: ModelShape, layer: int) -> float:
    """One token through the matrix products of a layer, attention's own apart."""
    h, q, kv = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    if shape.kv_lora_rank:
        rank, rope = shape.kv_lora_rank, shape.qk_rope_head_dim
        total = product(1, shape.q_lora_rank, h) + product(1, q + shape.heads * rope, shape.q_lora_rank)
        total += product(1, rank + rope, h) + product(1, 2 * q, rank) + product(1, h, q)
    else:
        total = product(1, q, h) + 2 * product(1, kv, h) + product(1, h, q)
    if shape.experts and layer >= shape.dense_layers:
        total += product(1, shape.experts, h)
        width = shape.expert_intermediate * (shape.experts_per_token + shape.shared_experts)
        return total + 3 * product(1, width, h)
    return total + 3 * product(1, shape.intermediate, h)


def seen(shape: ModelShape, layer: int, position: int) -> int:
    """Tokens that the token at ``position`` (from 1) attends to in a layer."""
    windowed = shape.sliding_window and (layer + 1) % shape.full_attention_every
    return min(position, shape.sliding_window) if windowed else position


def attention_flops(shape: ModelShape, layer: int, position: int, absorbed: bool) -> float:
    pairs = seen(shape, layer, position)
    inner = shape.kv_lora_rank if shape.kv_lora_rank and absorbed else shape.head_dim
    return shape.heads * (product(1, pairs, inner + shape.qk_rope_head_dim) + product(1, inner, pairs))


def merge_flops(shape: ModelShape, layer: int) -> float:
    """The weighted sum of the experts' outputs."""
    return product(1, shape.hidden, shape.experts_per_token) if shape.experts and layer >= shape.dense_layers else 0


def flops(work: Work) -> float:
    return sum(formula.evaluate(ENV) for formula in work.flops.values())


@pytest.mark.parametrize("shape", [TINY, ROUTED, WINDOWED, LATENT], ids=["gqa", "moe", "window", "mla"])
def test_prefill_counts_every_matrix_product(shape: ModelShape):
    expected = product(1, shape.vocab, shape.hidden)
    for layer in range(shape.layers):
        for position in range(4 + 1, 11 + 1):
            expected += linear_flops(shape, layer) + attention_flops(shape, layer, position, absorbed=False)
            expected += merge_flops(shape, layer)
        expected += 4 * product(1, 2 * shape.heads * shape.head_dim, shape.kv_lora_rank)  # of the cached prefix
    assert flops(demand.prefill(shape, "bf16")) == pytest.approx(3 * expected)


@pytest.mark.parametrize("shape", [TINY, ROUTED, WINDOWED, LATENT], ids=["gqa", "moe", "window", "mla"])
def test_decode_counts_every_matrix_product(shape: ModelShape):
    expected = product(1, shape.vocab, shape.hidden)
    for layer in range(shape.layers):
        expected += linear_flops(shape, layer) + attention_flops(shape, layer, 13, absorbed=True)
        expected += merge_flops(shape, layer)
    work = demand.decode(shape, "bf16")
    assert flops(work) == pytest.approx(3 * expected)
    assert work.repeats.evaluate(ENV) == 7


@pytest.mark.parametrize("parts", [demand.prefill_parts, demand.decode_parts])
@pytest.mark.parametrize("shape", [ROUTED, catalog.model("mixtral-8x7b"), catalog.model("deepseek-v3")])
def test_parts_of_a_mixture_of_experts_make_the_whole(parts, shape: ModelShape):
    whole = {demand.prefill_parts: demand.prefill, demand.decode_parts: demand.decode}[parts](shape, "fp8")
    pieces = parts(shape, "fp8")
    assert list(pieces) == ["trunk", "experts", "merge"]
    for name in ("bytes_read", "bytes_written", "weights_bytes", "kv_bytes", "collective_bytes", "collectives"):
        total = sum(getattr(piece, name).evaluate(ENV) for piece in pieces.values())
        assert getattr(whole, name).evaluate(ENV) == pytest.approx(total), name
    assert flops(whole) == pytest.approx(sum(flops(piece) for piece in pieces.values()))
    assert whole.weights_bytes.evaluate(ENV) == pytest.approx(demand.weights_bytes(shape, "fp8"))


def test_a_dense_model_has_a_trunk_only():
    assert list(demand.decode_parts(TINY, "bf16")) == ["trunk"]


@pytest.mark.parametrize("tokens", [1, 2, 7, 300])
def test_touched_experts_by_quadrature(tokens: int):
    """Popularity of shape one half is the square of a normal variable: the chance to miss an expert, integrated."""
    share = 2 / 6
    points = np.linspace(-9, 9, 100_001)
    weights = np.exp(-(points**2) / 2)
    missed = (1 - share) * (weights * np.exp(-(tokens - 1) * share * points**2)).sum() / weights.sum()
    found = demand.touched_experts(ROUTED, constant(tokens)).evaluate({})
    assert found == pytest.approx(6 * (1 - missed), rel=1e-6)


def test_no_token_meets_no_expert_and_one_meets_its_own():
    assert demand.touched_experts(ROUTED, constant(0)).evaluate({}) == pytest.approx(0)
    assert demand.touched_experts(ROUTED, constant(1)).evaluate({}) == pytest.approx(2)


@pytest.mark.parametrize("name", [n for n, m in catalog.models().items() if m.kind in ("decoder", "embedding", "tts")])
def test_shapes_give_the_published_parameters(name: str):
    shape = catalog.model(name)
    assert demand.derived_parameters(shape) == pytest.approx(shape.parameters, rel=0.03)


def test_kv_cache_of_known_models():
    assert demand.kv_bytes_per_token(catalog.model("llama-3.1-70b"), "bf16") == 327_680
    assert demand.kv_bytes_per_token(catalog.model("deepseek-v3"), "bf16") == 70_272
    window = demand.kv_bytes(WINDOWED, "bf16", demand.kv_cache_bytes(TINY, "bf16") * 0 + 100)
    assert window.evaluate({}) == (2 * 100 + 2 * 5) * 2 * 2 * 8 * 2


def test_a_cached_prefix_saves_work_but_never_all_of_it():
    work = demand.prefill(TINY, "bf16")
    costs = [sum(f.evaluate({**ENV, "cached_tokens": c}) for f in work.flops.values()) for c in (0, 5, 10, 11, 50)]
    assert costs[0] > costs[1] > costs[2] == pytest.approx(costs[3])
    assert costs[4] > 0


def test_fp8_halves_weights_and_keeps_attention_in_16_bit():
    wide, narrow = demand.decode(TINY, "bf16"), demand.decode(TINY, "fp8")
    assert set(narrow.flops) == {"fp8", "bf16"}
    assert narrow.weights_bytes.evaluate(ENV) == wide.weights_bytes.evaluate(ENV) / 2
    assert narrow.kv_bytes.evaluate(ENV) == wide.kv_bytes.evaluate(ENV)
    assert demand.decode(TINY, "fp8", "fp8").kv_bytes.evaluate(ENV) == wide.kv_bytes.evaluate(ENV) / 2


def test_whisper_encodes_thirty_seconds_whatever_it_hears():
    """Of a window of 1,500 positions: linear layers, attention, cross keys and values, convolutions; then 30 tokens."""
    h, i, n = 1280, 5120, 1500
    encoder = 32 * (n * (4 * product(1, h, h) + 2 * product(1, i, h)) + 2 * product(n, n, h))
    stem = product(2 * n, h, 3 * 128) + product(n, h, 3 * h)
    cross = 32 * 2 * product(n, h, h)
    token = 32 * (6 * product(1, h, h) + 2 * product(1, i, h) + 2 * product(1, n + 15, h)) + product(1, 51866, h)
    work = demand.unroll(demand.transcribe(catalog.model("whisper-large-v3"), "fp16"))
    short, window, long = (
        sum(f.evaluate({"batch": 1, "audio_seconds": s, "output_tokens": 30}) for f in work.flops.values())
        for s in (3, 30, 60)
    )
    assert short == window == pytest.approx(encoder + stem + cross + 30 * token, rel=0.01)
    assert long > 1.9 * window


def test_embedding_counts_every_matrix_product():
    shape = catalog.model("all-minilm-l6-v2")
    env = {"batch": 2.0, "documents": 5.0, "input_tokens": 20.0}
    h, i = shape.hidden, shape.intermediate
    token = 4 * product(1, h, h) + 2 * product(1, i, h)
    text = 20 * token + shape.heads * (product(20, 20, 32) + product(20, 32, 20))
    assert demand.embed(shape, "fp32").flops["fp32"].evaluate(env) == pytest.approx(10 * 6 * text)


def test_speech_is_text_read_once_and_codes_one_by_one():
    shape = catalog.model("orpheus-3b")
    work = demand.synthesize(shape, "bf16")
    env = {"batch": 1.0, "input_tokens": 50.0, "audio_seconds": 2.0}
    steps = 2.0 * shape.frames_per_second
    assert work.repeats.evaluate(env) == pytest.approx(steps)
    total = sum(f.evaluate(env) for f in demand.unroll(work).flops.values())
    assert total == pytest.approx(2 * demand.parameters(shape) * (steps + 50), rel=0.2)


def test_diffusion_and_vision_scale_with_pixels():
    image = {"batch": 1.0, "pixels": 1024.0**2, "input_tokens": 0.0, "steps": 20.0}
    work = demand.unroll(demand.diffuse(catalog.model("dit-xl-2"), "bf16"))
    half = {**image, "pixels": 1024.0**2 / 4}
    assert work.flops["bf16"].evaluate(image) > 4 * work.flops["bf16"].evaluate(half)
    assert demand.vision(catalog.model("clip-vit-l-14"), "fp16").flops["fp16"].evaluate(image) > 0


def test_flat_search_reads_all_vectors_once_a_batch():
    work = demand.vector_lookup()
    env = {"batch": 4.0, "documents": 1000.0, "dimension": 384.0}
    assert work.flops["fp32"].evaluate(env) == 4 * product(1, 1000, 384)
    assert work.weights_bytes.evaluate(env) == 1000 * 384 * 4
    assert work.bytes_read.evaluate(env) == 1000 * 384 * 4 + 4 * 1000 * 4


def test_general_work():
    call = demand.tool_call(0.2, 0.01)
    assert call.static_seconds.evaluate({}) == 0.2
    assert call.cpu_core_seconds.evaluate({"batch": 3.0}) == pytest.approx(0.03)
    assert demand.json_transform().cpu_core_seconds.evaluate({"batch": 1.0, "bytes": 100e6}) == pytest.approx(2.0)
    assert demand.control().flops == {}
    assert demand.cpu_compute(0.5).weights_bytes == ZERO
    assert demand.memory_access(4096).disk_bytes.evaluate({"batch": 2.0}) == 8192


def test_a_sum_of_unlike_repeats_is_written_out():
    both = demand.add((demand.prefill(TINY, "bf16"), demand.decode(TINY, "bf16")))
    expected = flops(demand.prefill(TINY, "bf16")) + 7 * flops(demand.decode(TINY, "bf16"))
    assert flops(both) == pytest.approx(expected)
    assert both.repeats.evaluate(ENV) == 1


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="unknown precision `fp7`"):
        demand.decode(TINY, "fp7")
