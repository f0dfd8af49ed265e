"""The safetensors reader: what it reads, and what it refuses."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx_reference import write_safetensors

from agentc.backends.onnx.safetensors import SafeTensors, read_header


def _file(folder: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def _one(**changes: Any) -> dict[str, Any]:
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}


def test_tensors_come_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    tensors: dict[str, Any] = {
        "a": random.normal(size=(3, 4)).astype(np.float32),
        "half": random.normal(size=5).astype(np.float16),
        "ids": np.arange(6).reshape(2, 3),
        "empty": np.zeros((0, 4), np.float32),
        "scalar": np.array(2.5, np.float32),
    }
    write_safetensors(tmp_path / "m.safetensors", tensors)
    file = SafeTensors(tmp_path / "m.safetensors")
    assert list(file) == list(tensors) and len(file) == len(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(file[name], array)
        assert file[name].dtype == array.dtype and file.shape(name) == array.shape


def test_bfloat16_is_widened_exactly(tmp_path: Path) -> None:
    exact = np.array([1.0, -2.5, 0.0, 3.0e38, 1e-30], np.float32)
    bits = (exact.view(np.uint32) >> 16).astype(np.uint16)
    write_safetensors(tmp_path / "m.safetensors", {"w": bits})
    expected = (bits.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(SafeTensors(tmp_path / "m.safetensors")["w"], expected)


TWO = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"{", b"", "the header is not JSON"),
        (b"\xff\xfe", b"", "the header is not JSON"),
        (b"[" * 100_000, b"", "the header is not JSON"),
        ([1], b"", "not a JSON object"),
        (b'{"w": {}, "w": {}}', b"", "names `w` twice"),
        ({"w": 3}, b"", "tensor `w` is not an object"),
        (_one(dtype="PICKLE"), bytes(8), "unknown dtype 'PICKLE'"),
        (_one(dtype=["F32"]), bytes(8), "unknown dtype"),
        (_one(shape=[-2]), bytes(8), "shape is not a list of whole numbers"),
        (_one(shape=[True, 2]), bytes(8), "shape is not a list of whole numbers"),
        (_one(shape="2"), bytes(8), "shape is not a list of numbers"),
        (_one(shape=[1] * 17), bytes(8), "shape is not a list of numbers"),
        (_one(shape=[2**62, 2**62]), bytes(8), "needs .* bytes, but its range holds 8"),
        (_one(data_offsets=[0]), bytes(8), "are no range"),
        (_one(data_offsets=[8, 0]), bytes(8), "are no range"),
        (_one(data_offsets=[8, 7]), bytes(8), "are no range"),
        (_one(data_offsets=[0, 8, 8]), bytes(8), "are no range"),
        (_one(shape=[2**63, 0], data_offsets=[0, 0]), b"", "shape is not a list of whole numbers"),
        (b'{"w": {"dtype": "F32", "shape": [' + b"9" * 5000 + b'], "data_offsets": [0, 0]}}', b"", "digits"),
        (b'{"w\xe9": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', bytes(8), "the header is not JSON"),
        (_one(data_offsets=[0, 12]), bytes(12), "needs 8 bytes, but its range holds 12"),
        (_one(), bytes(4), "it is cut off"),
        (_one(), bytes(12), "4 bytes follow the last tensor"),
        (_one(data_offsets=[4, 12]), bytes(12), "leaves a hole"),
        ({"a": TWO, "b": TWO}, bytes(4), "`b` overlaps"),
    ],
)
def test_a_hostile_header_is_refused_with_the_cause(header: object, data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_header(_file(tmp_path, header, data))


@pytest.mark.parametrize(
    ("length", "message"),
    [(2**63, "is the limit"), (100, "only 2 follow"), (3, "claims 3 bytes, but only 2"), (2**27, "is the limit")],
)
def test_a_lying_length_is_refused_before_anything_is_read(length: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_header(_file(tmp_path, b"{}", length=length))


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_stub_of_a_file_is_refused(size: int, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"\x02" * size)
    with pytest.raises(ValueError, match=f"{size} bytes are too few"):
        read_header(tmp_path / "m.safetensors")


def test_a_file_that_shrinks_behind_our_back_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, _one(), bytes(8))
    tensors = SafeTensors(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 4)
    with pytest.raises(ValueError, match="tensor `w` is cut off"):
        tensors["w"]


def test_a_file_of_nothing_but_empty_tensors_is_read(tmp_path: Path) -> None:
    path = _file(tmp_path, _one(shape=[0, 3], data_offsets=[0, 0]))
    assert SafeTensors(path)["w"].shape == (0, 3)


@given(place=st.integers(0, 200), value=st.integers(0, 255), cut=st.integers(0, 12))
def test_damage_is_refused_or_harmless(
    place: int, value: int, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("damage") / "m.safetensors"
    write_safetensors(path, {"a": np.ones((2, 2), np.float32), "b": np.ones(3, np.float32)})
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(data[: len(data) - cut])
    try:
        file = SafeTensors(path)
    except ValueError:
        return
    assert all(file[name].shape == file.shape(name) for name in file)
