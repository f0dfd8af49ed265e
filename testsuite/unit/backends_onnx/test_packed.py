"""Checkpoints whose matrices are packed: MXFP4 (gpt-oss) and FP8 in blocks (DeepSeek, Qwen)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.fp8 import with_fp8
from agentc.backends.onnx.layouts import canonical, with_mxfp4
from agentc.backends.onnx.mxfp4 import VALUES, unpack
from agentc.backends.onnx.rope import plain_rope
from agentc.backends.onnx.safetensors import SafeTensors
from agentc.backends.onnx.weights import Checkpoint

CONFIG = DecoderConfig(
    *("m", 1, 64, 4, 2, 16, 32, 96, plain_rope(16), (0,), (False,)),
    experts=3,
    experts_per_token=2,
    expert_intermediate=32,
)
NAME = "model.layers.0.mlp.experts"


def test_the_values_of_mxfp4() -> None:
    assert VALUES.tolist() == [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6]
    blocks = np.zeros((1, 1, 16), np.uint8)
    blocks[0, 0, 0], blocks[0, 0, 15] = 0x2F, 0x70
    row = unpack(blocks, np.array([[129]], np.uint8))[0]
    assert row[:2].tolist() == [-24.0, 4.0] and row[-2:].tolist() == [0.0, 24.0] and not row[2:-2].any()


def test_mxfp4_is_unpacked_as_transformers_does() -> None:
    mxfp4 = pytest.importorskip("transformers.integrations.mxfp4")
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (3, 64, 2, 16), dtype=np.uint8)
    scales = random.integers(118, 130, (3, 64, 2), dtype=np.uint8)
    whole = mxfp4.convert_moe_packed_tensors(torch.tensor(blocks), torch.tensor(scales), dtype=torch.float32).numpy()
    for expert in range(3):
        np.testing.assert_array_equal(unpack(blocks[expert], scales[expert]), whole[expert].T)  # which it transposes


def test_packed_experts_are_those_of_the_plain_checkpoint() -> None:
    random = np.random.default_rng(0)
    blocks = {"gate_up_proj": (3, 64, 2, 16), "down_proj": (3, 64, 1, 16)}
    packed: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for stem, shape in blocks.items():
        packed[f"{NAME}.{stem}_blocks"] = random.integers(0, 256, shape, dtype=np.uint8)
        packed[f"{NAME}.{stem}_scales"] = random.integers(120, 130, shape[:-1], dtype=np.uint8)
        parts = zip(packed[f"{NAME}.{stem}_blocks"], packed[f"{NAME}.{stem}_scales"], strict=True)
        plain[f"{NAME}.{stem}"] = np.stack([unpack(*part).T for part in parts])
    first = with_mxfp4(CONFIG, canonical(CONFIG, "gpt_oss", packed))
    second = with_mxfp4(CONFIG, canonical(CONFIG, "gpt_oss", plain))
    assert set(first) == set(second) and len(first) == 9
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
        assert first.shape(name) == first[name].shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"down_proj_scales": None}, "down_proj_scales` is missing"),
        ({"down_proj_scales": np.zeros((3, 64, 2), np.uint8)}, r"has blocks \[64, 1, 16\] with scales \[64, 2\]"),
        ({"down_proj_blocks": np.zeros((2, 64, 1, 16), np.uint8)}, "not 3 experts"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    packed = {
        "down_proj_blocks": np.zeros((3, 64, 1, 16), np.uint8),
        "down_proj_scales": np.zeros((3, 64, 1), np.uint8),
    }
    packed |= change
    with pytest.raises(ValueError, match=message):
        with_mxfp4(CONFIG, canonical(CONFIG, "gpt_oss", {f"{NAME}.{k}": v for k, v in packed.items() if v is not None}))


def _fp8(folder: Path, matrix: np.ndarray, scales: np.ndarray) -> SafeTensors:
    """A file with the bytes of 8-bit floats, which no writer of the tests knows."""
    eight = matrix.astype(helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN))
    header = {
        "w.weight": {"dtype": "F8_E4M3", "shape": list(matrix.shape), "data_offsets": [0, eight.nbytes]},
        "w.weight_scale_inv": {
            "dtype": "F32",
            "shape": list(scales.shape),
            "data_offsets": [eight.nbytes, eight.nbytes + scales.nbytes],
        },
    }
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + eight.tobytes() + scales.tobytes()
    (folder / "m.safetensors").write_bytes(data)
    return SafeTensors(folder / "m.safetensors")


def test_fp8_in_blocks(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    matrix = random.integers(-8, 9, (130, 300)).astype(np.float32)  # which 8 bits hold exactly
    scales = random.uniform(0.5, 2, (2, 3)).astype(np.float32)
    view = with_fp8({}, _fp8(tmp_path, matrix, scales))
    assert list(view) == ["w.weight"]
    expected = matrix * np.kron(scales, np.ones((128, 128)))[:130, :300]
    np.testing.assert_allclose(view["w.weight"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "config", "message"),
    [
        ((3, 3), {}, r"`w.weight_scale_inv` has shape \[3, 3\], which goes with no matrix"),
        ((2, 3), {"quantization_config": {"weight_block_size": [64, 64]}}, r"`weight_block_size` is \[64, 64\]"),
    ],
)
def test_scales_that_do_not_fit_are_refused(
    shape: tuple[int, int], config: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        with_fp8(config, _fp8(tmp_path, np.ones((130, 300), np.float32), np.ones(shape, np.float32)))


def test_eight_bits_without_scales_are_refused(tmp_path: Path) -> None:
    """A file says of itself that there are scales, and one matrix has none."""
    eight = np.ones((4, 4), helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN))
    text = json.dumps({"w.weight": {"dtype": "F8_E4M3", "shape": [4, 4], "data_offsets": [0, 16]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + eight.tobytes())
    with pytest.raises(ValueError, match="`w.weight_scale_inv` is missing"):
        with_fp8({"quantization_config": {"quant_method": "fp8"}}, Checkpoint(tmp_path))
    assert np.array_equal(with_fp8({}, Checkpoint(tmp_path))["w.weight"].astype(np.float32), np.ones((4, 4)))
