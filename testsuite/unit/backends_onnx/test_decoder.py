"""The decoder's graphs against plain NumPy in double precision."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx_reference import decoder_logits

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.decoder import build
from agentc.backends.onnx.graph import WeightFile, check
from agentc.backends.onnx.rope import plain_rope
from agentc.backends.onnx.stand_in import decoder_shapes
from agentc.backends.onnx.weights import Seeded

BASE = DecoderConfig(
    name="tiny",
    layers=2,
    hidden=32,
    heads=4,
    kv_heads=2,
    head_dim=8,
    intermediate=48,
    vocab=61,
    rope=plain_rope(8),
    windows=(0, 0),
    dense=(True, True),
)
MIXTURE = replace(BASE, dense=(True, False), experts=6, experts_per_token=2, expert_intermediate=24)
CONFIGS = {
    "grouped": BASE,
    "one-kv-head": replace(BASE, kv_heads=1),
    "all-heads": replace(BASE, kv_heads=4),
    "wide-heads": replace(BASE, head_dim=12, rope=plain_rope(12, 500000.0)),
    "tied": replace(BASE, tied=True),
    "ungated": replace(BASE, gated=False, activation="gelu"),
    "window": replace(BASE, windows=(3, 0)),
    "experts": MIXTURE,
    "experts-not-normalized": replace(MIXTURE, normalize_experts=False, dense=(False, False)),
    "shared-expert": replace(MIXTURE, shared_intermediate=16),
    "every-expert": replace(MIXTURE, experts_per_token=6),
}


class Graphs:
    """Both phases, loaded."""

    def __init__(self, config: DecoderConfig, weights: Any, folder: Path) -> None:
        file = WeightFile("weights.bin")
        graphs = {
            "prefill": build(config, weights, "prefill", file),
            "decode": build(config, weights, "decode", file),
        }
        with (folder / "weights.bin").open("wb") as data:
            file.write(data)
        self.sessions = {}
        for phase, graph in graphs.items():
            graph.write(folder / f"{phase}.onnx")
            check(folder / f"{phase}.onnx")
            self.sessions[phase] = ort.InferenceSession(
                str(folder / f"{phase}.onnx"), providers=["CPUExecutionProvider"]
            )
        self.empty = np.zeros((1, config.kv_heads, 0, config.head_dim), np.float32)
        self.past = [f"past.{layer}.{part}" for layer in range(config.layers) for part in ("key", "value")]

    def prefill(self, tokens: list[list[int]], past: list[Any] | None = None, keep: list[int] | None = None) -> Any:
        ids = np.array(tokens)
        past = past or [np.repeat(self.empty, len(tokens), 0)] * len(self.past)
        feed = dict(zip(self.past, past, strict=True))
        rows = np.array(keep if keep is not None else range(ids.shape[1]))
        logits, *present = self.sessions["prefill"].run(None, {"input_ids": ids, "keep": rows, **feed})
        return logits, present

    def decode(self, tokens: list[list[int]], past: list[Any]) -> Any:
        feed = dict(zip(self.past, past, strict=True))
        logits, *present = self.sessions["decode"].run(None, {"input_ids": np.array(tokens), **feed})
        return logits, present


TOKENS = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 3]


@pytest.fixture(params=CONFIGS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Graphs, Any]:
    config = CONFIGS[request.param]
    weights = Seeded(decoder_shapes(config), seed=7)
    return Graphs(config, weights, tmp_path), decoder_logits(config, weights, TOKENS)


def test_prefill_is_the_reference(case: tuple[Graphs, Any]) -> None:
    graphs, expected = case
    logits, present = graphs.prefill([TOKENS])
    np.testing.assert_allclose(logits[0], expected, atol=1e-4)
    assert present[0].shape[2] == len(TOKENS)


def test_prefill_then_decode_is_the_whole_forward(case: tuple[Graphs, Any]) -> None:
    graphs, expected = case
    logits, past = graphs.prefill([TOKENS[:5]], keep=[4])
    np.testing.assert_allclose(logits[0, 0], expected[4], atol=1e-4)
    for place in range(5, len(TOKENS)):
        logits, past = graphs.decode([[TOKENS[place]]], past)
        np.testing.assert_allclose(logits[0, 0], expected[place], atol=1e-4)


def test_a_prefill_in_chunks_is_the_whole_prefill(case: tuple[Graphs, Any]) -> None:
    graphs, expected = case
    _, past = graphs.prefill([TOKENS[:4]])
    _, past = graphs.prefill([TOKENS[4:5]], past)
    logits, _ = graphs.prefill([TOKENS[5:]], past)
    np.testing.assert_allclose(logits[0], expected[5:], atol=1e-4)


@pytest.mark.parametrize("name", ["grouped", "experts", "window"])
def test_sequences_of_a_batch_do_not_mix(name: str, tmp_path: Path) -> None:
    config = CONFIGS[name]
    weights = Seeded(decoder_shapes(config), seed=1)
    graphs = Graphs(config, weights, tmp_path)
    other = TOKENS[::-1]
    logits, past = graphs.prefill([TOKENS[:-1], other[:-1]])
    last, _ = graphs.decode([TOKENS[-1:], other[-1:]], past)
    for row, tokens in enumerate([TOKENS, other]):
        expected = decoder_logits(config, weights, tokens)
        np.testing.assert_allclose(np.concatenate([logits[row], last[row]]), expected, atol=1e-4)


def test_biases_and_norms_of_queries_and_keys(tmp_path: Path) -> None:
    shapes = decoder_shapes(BASE)
    for layer in range(BASE.layers):
        name = f"model.layers.{layer}.self_attn"
        shapes |= {f"{name}.q_norm.weight": (8,), f"{name}.k_norm.weight": (8,)}
    weights: dict[str, Any] = dict(Seeded(shapes, seed=2))
    random = np.random.default_rng(0)
    for layer in range(BASE.layers):
        name = f"model.layers.{layer}.self_attn"
        weights |= {
            f"{name}.{part}_proj.bias": random.normal(size=rows) for part, rows in (("q", 32), ("k", 16), ("v", 16))
        }
        weights |= {f"{name}.{part}_norm.weight": random.uniform(0.5, 2, 8) for part in "qk"}
    logits, _ = Graphs(BASE, weights, tmp_path).prefill([TOKENS])
    np.testing.assert_allclose(logits[0], decoder_logits(BASE, weights, TOKENS), atol=1e-4)


def test_a_gated_shared_expert(tmp_path: Path) -> None:
    config = replace(MIXTURE, shared_intermediate=16)
    gate = {"model.layers.1.mlp.shared_expert_gate.weight": np.random.default_rng(0).normal(size=(1, 32))}
    weights: dict[str, Any] = {**Seeded(decoder_shapes(config), seed=3), **gate}
    logits, _ = Graphs(config, weights, tmp_path).prefill([TOKENS])
    np.testing.assert_allclose(logits[0], decoder_logits(config, weights, TOKENS), atol=1e-4)


def test_an_expert_that_no_token_wants_is_no_trouble(tmp_path: Path) -> None:
    weights = Seeded(decoder_shapes(MIXTURE), seed=3)
    logits, _ = Graphs(MIXTURE, weights, tmp_path).prefill([TOKENS[:1]])
    np.testing.assert_allclose(logits[0], decoder_logits(MIXTURE, weights, TOKENS[:1]), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.norm.weight": None}, "weight `model.norm.weight` is missing"),
        ({"model.norm.weight": np.zeros(31)}, r"weight `model.norm.weight` has shape \[31\], not \[32\]"),
        ({"model.layers.1.mlp.up_proj.weight": np.zeros((32, 48))}, r"has shape \[32, 48\], not \[48, 32\]"),
    ],
)
def test_a_wrong_weight_is_named(change: dict[str, Any], message: str) -> None:
    weights = {**Seeded(decoder_shapes(BASE)), **change}
    weights = {name: array for name, array in weights.items() if array is not None}
    with pytest.raises(ValueError, match=message):
        build(BASE, weights, "prefill", WeightFile("weights.bin"))


def test_both_graphs_share_the_weights(tmp_path: Path) -> None:
    weights = Seeded(decoder_shapes(MIXTURE))
    alone, both = BytesIO(), BytesIO()
    file = WeightFile("weights.bin")
    build(MIXTURE, weights, "prefill", file)
    file.write(alone)
    file = WeightFile("weights.bin")
    build(MIXTURE, weights, "prefill", file)
    build(MIXTURE, weights, "decode", file)
    file.write(both)
    assert alone.getvalue() == both.getvalue()
