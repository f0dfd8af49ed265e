"""Checkpoints that lie: refused with the file and the tensor named, before anything is written or much is read."""

import json
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_reference import write_safetensors

from agentc.backends.onnx import emit_model, locate_weights
from agentc.backends.onnx.architectures import decoder_from_checkpoint
from agentc.backends.onnx.stand_in import decoder_shapes
from agentc.backends.onnx.weights import Seeded
from agentc.plan.models import ModelShape
from agentc.support.diagnostics import Refused

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 80,
}
SHAPE = ModelShape("m", "decoder")
INDEX = "model.safetensors.index.json"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Two shards with an index."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text("{}")
    tensors = dict(Seeded(decoder_shapes(decoder_from_checkpoint("m", CONFIG)), 1))
    names = sorted(tensors)
    where = {name: f"model-{1 + (place % 2):05}-of-00002.safetensors" for place, name in enumerate(names)}
    for file in set(where.values()):
        write_safetensors(folder / file, {name: tensors[name] for name in names if where[name] == file})
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


def _shard(folder: Path) -> Path:
    return folder / "model-00001-of-00002.safetensors"


def _header(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite the header, leaving the tensors as they are."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def _index(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    index = json.loads((folder / INDEX).read_text())
    change(index)
    (folder / INDEX).write_text(json.dumps(index))


def _transposed(folder: Path) -> None:
    def swap(header: dict[str, Any]) -> None:
        name = next(name for name in header if name.endswith("down_proj.weight"))
        header[name]["shape"] = header[name]["shape"][::-1]

    _header(_shard(folder), swap)


def _of_bytes(folder: Path) -> None:
    """Four times as many values in the same bytes."""

    def lie(header: dict[str, Any]) -> None:
        name = next(name for name in header if name.endswith("down_proj.weight"))
        rows, columns = header[name]["shape"]
        header[name] |= {"dtype": "F8_E4M3", "shape": [rows, columns * 4]}

    _header(_shard(folder), lie)


def _vast(folder: Path) -> None:
    """A table of 2^62 rows."""

    def lie(header: dict[str, Any]) -> None:
        name = next(name for name in header if name != "__metadata__")
        header[name]["shape"] = [2**62, 2**40]

    _header(_shard(folder), lie)


def _overlapping(folder: Path) -> None:
    def lie(header: dict[str, Any]) -> None:
        norms = [name for name in header if name.endswith("layernorm.weight")]
        header[norms[0]]["data_offsets"] = header[norms[1]]["data_offsets"]

    _header(_shard(folder), lie)


def _huge_header(folder: Path) -> None:
    with _shard(folder).open("r+b") as file:
        file.write(struct.pack("<Q", 90_000_000))
        file.truncate(100_000_000)
        file.seek(8)
        file.write(b" " * 100)


def _without_a_shard(folder: Path) -> None:
    _shard(folder).unlink()


def _outside(folder: Path) -> None:
    _index(folder, lambda index: index["weight_map"].update({"model.norm.weight": "../secret.safetensors"}))


def _misplaced(folder: Path) -> None:
    def swap(index: dict[str, Any]) -> None:
        files = sorted(set(index["weight_map"].values()))
        now = index["weight_map"]["model.norm.weight"]
        index["weight_map"]["model.norm.weight"] = files[1 - files.index(now)]

    _index(folder, swap)


def _unmapped(folder: Path) -> None:
    _index(folder, lambda index: index["weight_map"].pop("model.norm.weight"))


def _no_map(folder: Path) -> None:
    _index(folder, lambda index: index.update(weight_map=["model.norm.weight"]))


def _bad_names(folder: Path) -> None:
    _index(folder, lambda index: index["weight_map"].update({"model.norm.weight": 7}))


def _infinite_config(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"rope_theta": float("inf")}))


def _deep_config(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 200_000)


def _quantized(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"quantization_config": {"quant_method": "gptq"}}))


def _unfolding(folder: Path) -> None:
    """A header within the reference implementation's limit that would unfold to gigabytes."""
    text = b'{"a":[' + b"[]," * 25_000_000 + b"[]]}"
    _shard(folder).write_bytes(struct.pack("<Q", len(text)) + text)


def _leading_nowhere(folder: Path) -> None:
    _shard(folder).unlink()
    _shard(folder).symlink_to(folder / "nowhere")


def _a_folder(folder: Path) -> None:
    (folder / "model.safetensors").mkdir()


def _a_pipe(folder: Path) -> None:
    """Who opens it waits for ever."""
    os.mkfifo(folder / "model-00003-of-00002.safetensors")
    (folder / INDEX).unlink()


def _a_name_of_any_length(folder: Path) -> None:
    _index(folder, lambda index: index["weight_map"].update({"model.norm.weight": "x" * 5000 + ".safetensors"}))


def _in_two_files(folder: Path) -> None:
    (folder / INDEX).unlink()
    (folder / "older.safetensors").write_bytes(_shard(folder).read_bytes())


def _an_adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def _integers(folder: Path) -> None:
    def lie(header: dict[str, Any]) -> None:
        for entry in header.values():
            if entry.get("dtype") == "F32":
                entry["dtype"] = "I32"

    _header(_shard(folder), lie)


def _vast_theta(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"rope_theta": 10**400}))


def _vast_context(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"max_position_embeddings": 10**400}))


def _vast_heads(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"head_dim": 1 << 24}))


DAMAGE: dict[Callable[[Path], None], str] = {
    _transposed: r"weight `model.layers.\d.mlp.down_proj.weight` has shape \[48, 32\], not \[32, 48\]",
    _of_bytes: r"down_proj.weight` has shape \[32, 192\], not \[32, 48\]",
    _vast: r"model-00001-of-00002.safetensors: tensor `.*`: .* needs \d+ bytes, but its range holds \d+",
    _overlapping: r"model-00001-of-00002.safetensors: tensor `.*` (overlaps the tensor|leaves a hole) before it",
    _huge_header: r"model-00001-of-00002.safetensors: the header claims 90000000 bytes; 16777216 is the limit",
    _unfolding: r"the header claims 75000010 bytes; 16777216 is the limit",
    _leading_nowhere: r"shard model-00001-of-00002.safetensors is missing",
    _a_folder: r"model.safetensors is no file",
    _a_pipe: r"model-00003-of-00002.safetensors is no file",
    _a_name_of_any_length: r"cannot be used: x{200,}…x+.safetensors: File name too long",
    _in_two_files: r"tensor `.*` is in older.safetensors and in another file",
    _an_adapter: r"an adapter is not merged yet",
    _integers: r"weight `.*` is of type I32, which holds no floats",
    _vast_theta: r"config.json: `rope_theta` is 10+, not a number",
    _vast_context: r"config.json: `max_position_embeddings` is 10+, not a whole number",
    _vast_heads: r"config.json: `head_dim` is 16777216, more than 16384",
    _without_a_shard: r"shard model-00001-of-00002.safetensors is missing",
    _outside: r"index.json names `../secret.safetensors`, which is no shard of this folder",
    _misplaced: r"index.json places `model.norm.weight` in model-0000\d-of-00002.safetensors, where it is not",
    _unmapped: r"weight `model.norm.weight` is missing",
    _no_map: r"model.safetensors.index.json has no weight_map",
    _bad_names: r"index.json names `7`, which is no shard",
    _infinite_config: r"config.json: `rope_theta` is inf, not a number",
    _deep_config: r"config.json is not JSON",
    _quantized: r"quantized by `gptq`, which is not read; take the checkpoint that it was made from",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__.strip("_"))
def test_a_lie_is_told_and_nothing_is_written(damage: Callable[[Path], None], checkpoint: Path, tmp_path: Path) -> None:
    damage(checkpoint)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=DAMAGE[damage]) as refused:
            emit_model(SHAPE, tmp_path / "out", role="decoder", weights=checkpoint)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.diagnostics[0].slug == "weights-refused"
    assert peak < 20 * 2**20
    assert len(refused.value.diagnostics[0].message) < 800
    assert not (tmp_path / "out").exists()


def test_the_whole_checkpoint_is_no_lie(checkpoint: Path, tmp_path: Path) -> None:
    assert emit_model(SHAPE, tmp_path / "out", role="decoder", weights=checkpoint)


def test_large_weights_are_copied_in_pieces(tmp_path: Path) -> None:
    """A table of 64 MB is never in memory as a whole."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    config = CONFIG | {"vocab_size": 1_000_000, "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    shapes = decoder_shapes(decoder_from_checkpoint("m", config))
    write_safetensors(
        folder / "model.safetensors", {name: np.ones(shape, np.float16) for name, shape in shapes.items()}
    )
    tracemalloc.start()
    try:
        emit_model(SHAPE, tmp_path / "out", role="decoder", weights=folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert os.path.getsize(tmp_path / "out" / "weights.bin") > 64e6
    assert peak < 40e6


def test_matrices_are_let_go_when_they_are_quantized(tmp_path: Path) -> None:
    """Of 63 MB, of which queries with keys and gates with their other half are joined, one at a time is in memory."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    config = CONFIG | {"num_hidden_layers": 40, "hidden_size": 128, "intermediate_size": 2048}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    shapes = decoder_shapes(decoder_from_checkpoint("m", config))
    write_safetensors(
        folder / "model.safetensors", {name: np.ones(shape, np.float16) for name, shape in shapes.items()}
    )
    tracemalloc.start()
    try:
        emit_model(SHAPE, tmp_path / "out", role="decoder", weights=folder, precision="int8")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30e6


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "model.ckpt"])
def test_pickles_are_refused_with_the_remedy(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / name).write_bytes(b"cos\nsystem\n(S'echo hacked'\ntR.")
    with pytest.raises(Refused) as refused:
        locate_weights({"path": "checkpoint"}, tmp_path)
    (found,) = refused.value.diagnostics
    assert found.slug == "weights-not-found"
    assert f"`{name}` is a pickle, which can run code when it is read" in found.message
    assert found.help is not None and "safe_serialization" in found.help
