"""Weights in blocks of 4 and 8 bits: the error of rounding, and graphs that compute with exactly those values."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx_reference import decoder_logits

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.decoder import build
from agentc.backends.onnx.graph import WeightFile, check
from agentc.backends.onnx.quantize import Quantization, Quantized, of_precision, quantize
from agentc.backends.onnx.rope import plain_rope
from agentc.backends.onnx.stand_in import decoder_shapes
from agentc.backends.onnx.weights import Seeded

TOKENS = [3, 14, 15, 9, 26, 5, 35, 8]
DENSE = DecoderConfig("m", 2, 64, 4, 2, 16, 96, 62, plain_rope(16), (0, 0), (True, True))
MIXTURE = DecoderConfig(
    *("m", 2, 64, 4, 2, 16, 96, 62, plain_rope(16), (0, 0), (True, False)),
    experts=4,
    experts_per_token=2,
    expert_intermediate=32,
    tied=True,
)


def _restored(matrix: np.ndarray, how: Quantization) -> np.ndarray:
    """The values ``[out, in]`` that the integers and scales stand for."""
    integers, scales = quantize(np.ascontiguousarray(matrix.T, np.float32), how)
    return (integers * np.repeat(scales, how.block, 0)).T


rows = arrays.arrays(np.float32, (64, 3), elements=st.floats(-100, 100, width=32))


@given(rows, st.sampled_from([4, 8]))
def test_no_value_is_further_off_than_its_share_of_the_range(matrix: Any, bits: Literal[4, 8]) -> None:
    how = Quantization(bits)
    blocks = matrix.T.reshape(3, -1, 32)
    off = np.abs(_restored(matrix.T, how).reshape(3, -1, 32) - blocks)
    largest = np.abs(blocks).max(-1, keepdims=True)
    steps = 1.0 if bits == 8 else 2.0  # the far end of the range is one step short; a narrower range clips one more
    assert (off <= largest / 2 ** (bits - 1) * steps + 1e-30).all()


def test_four_bits_are_within_what_theory_gives_for_normal_weights() -> None:
    """A uniform quantizer of 16 steps over the range of 32 normal values: about 8 % of their deviation."""
    matrix = np.random.default_rng(0).normal(size=(256, 512)).astype(np.float32)
    errors = {bits: (_restored(matrix, Quantization(bits)) - matrix).std() for bits in (4, 8)}
    assert errors[4] < 0.09 and errors[8] < 0.006


def test_zeros_stay_zero() -> None:
    integers, scales = quantize(np.zeros((32, 4), np.float32), Quantization(4))
    assert not integers.any() and np.isfinite(scales).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_no_number_is_refused(value: float) -> None:
    matrix = np.ones((4, 32), np.float32)
    matrix[1, 2] = value
    with pytest.raises(ValueError, match="infinite or no number"):
        list(Quantized(lambda: matrix, Quantization(8)).integers())


def test_precisions() -> None:
    assert [of_precision(p) for p in ("bf16", "fp16", "fp32", "")] == [None] * 4
    assert of_precision("int4") == of_precision("mxfp4") == Quantization(4)
    assert of_precision("fp8") == of_precision("int8") == Quantization(8)


def _written(config: DecoderConfig, weights: Any, how: Quantization, folder: Path) -> Path:
    file = WeightFile("weights.bin")
    build(config, weights, "prefill", file, how).write(folder / "prefill.onnx")
    build(config, weights, "decode", file, how).write(folder / "decode.onnx")
    with (folder / "weights.bin").open("wb") as data:
        file.write(data)
    return folder


def _logits(folder: Path, config: DecoderConfig, level: str) -> np.ndarray:
    """Prefill of all tokens but the last, which decode takes."""
    options = ort.SessionOptions()
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", level)
    sessions = [ort.InferenceSession(str(folder / f"{p}.onnx"), options) for p in ("prefill", "decode")]
    empty = np.zeros((1, config.kv_heads, 0, config.head_dim), np.float32)
    past = {f"past.{layer}.{part}": empty for layer in range(config.layers) for part in ("key", "value")}
    feed = {"input_ids": np.array([TOKENS[:-1]]), "keep": np.arange(len(TOKENS) - 1), **past}
    logits, *present = sessions[0].run(None, feed)
    last, *_ = sessions[1].run(None, {"input_ids": np.array([TOKENS[-1:]]), **dict(zip(past, present, strict=True))})
    return np.concatenate([np.asarray(logits)[0], np.asarray(last)[0]])


def _as_stored(weights: Any, config: DecoderConfig, bits: Literal[4, 8]) -> dict[str, np.ndarray]:
    """The weights that a graph in blocks computes with. Experts keep eight bits; embeddings stay as they are."""
    stored = dict(weights)
    for name, array in stored.items():
        if array.ndim == 2 and "embed_tokens" not in name and Quantization(bits).fits(array.shape[1], array.shape[0]):
            stored[name] = _restored(array, Quantization(8 if ".experts." in name else bits))
    if config.tied:
        stored["lm_head.weight"] = _restored(stored["model.embed_tokens.weight"], Quantization(bits))
    return stored


@pytest.mark.parametrize("config", [DENSE, MIXTURE], ids=["dense", "mixture"])
@pytest.mark.parametrize("bits", [4, 8])
def test_graphs_compute_with_the_stored_values(config: DecoderConfig, bits: Literal[4, 8], tmp_path: Path) -> None:
    from dataclasses import replace

    weights = Seeded(decoder_shapes(config), 5)
    folder = _written(config, weights, Quantization(bits), tmp_path)
    check(folder / "decode.onnx")
    expected = decoder_logits(replace(config, tied=False), _as_stored(weights, config, bits), TOKENS)
    np.testing.assert_allclose(_logits(folder, config, "0"), expected, atol=1e-4)
    spread = expected.std()
    assert np.abs(_logits(folder, config, "4") - expected).max() < 0.1 * spread


def test_operators_are_standard_and_the_file_is_small(tmp_path: Path) -> None:
    weights = Seeded(decoder_shapes(DENSE), 5)
    folder = _written(DENSE, weights, Quantization(4), tmp_path)
    model = onnx.load(str(folder / "decode.onnx"), load_external_data=False)
    assert {node.domain for node in model.graph.node} == {""}
    matrices = sum(array.size for name, array in weights.items() if array.ndim == 2 and "embed" not in name)
    table = weights["model.embed_tokens.weight"].nbytes
    assert (folder / "weights.bin").stat().st_size - table < matrices * (0.5 + 4 / 32) + 40 * 4096
