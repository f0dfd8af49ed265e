"""A model's folder: files, bytes, refusals."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_reference import decoder_logits, write_safetensors

from agentc.backends.onnx import emit_model
from agentc.backends.onnx.architectures import decoder_from_checkpoint
from agentc.backends.onnx.sources import Role
from agentc.backends.onnx.stand_in import decoder_shapes
from agentc.backends.onnx.weights import Seeded
from agentc.plan.models import ModelShape
from agentc.runtime.engines.base import Prompt
from agentc.runtime.engines.local import LocalLanguage
from agentc.runtime.models.llm import Decoder
from agentc.support.diagnostics import Refused

MIXTRAL = ModelShape(
    "mixtral", "decoder", 32, 4096, 32, 8, 128, 14336, 32000, experts=8, experts_per_token=2, expert_intermediate=14336
)
CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 80,
    "eos_token_id": [7, 9],
    "max_position_embeddings": 64,
}
SHAPE = ModelShape("tiny", "decoder", layers=2, hidden=32, heads=4, kv_heads=2, vocab=80)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A Llama checkpoint with a tokenizer, as Hugging Face lays it out."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    config = decoder_from_checkpoint("tiny", CONFIG)
    write_safetensors(folder / "model.safetensors", dict(Seeded(decoder_shapes(config), 11)))
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2, "sat": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_stand_in_says_so_everywhere(tmp_path: Path) -> None:
    artifacts = emit_model(MIXTRAL, tmp_path, role="decoder", weights=None)
    assert [(a.path, a.kind, a.target, a.of) for a in artifacts] == [
        ("prefill.onnx", "onnx", "onnx", "mixtral"),
        ("decode.onnx", "onnx", "onnx", "mixtral"),
        ("weights.bin", "weights", "onnx", "mixtral"),
        ("model.json", "metadata", "onnx", "mixtral"),
    ]
    assert all("stand-in" in artifact.note for artifact in artifacts)
    assert json.loads((tmp_path / "model.json").read_text())["stand_in"] is True
    assert {path.name for path in tmp_path.iterdir()} == {artifact.path for artifact in artifacts}


@pytest.mark.parametrize("role", ["embedding", "rerank"])
def test_encoders_have_one_graph(role: Role, tmp_path: Path) -> None:
    artifacts = emit_model(ModelShape("e", role), tmp_path, role=role, weights=None)
    assert [a.path for a in artifacts] == [
        {"embedding": "embed.onnx"}.get(role, "rerank.onnx"),
        "weights.bin",
        "model.json",
    ]


def test_the_same_bytes_in_any_process_and_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from agentc.backends.onnx import emit_model\n"
        "from agentc.plan.models import ModelShape\n"
        f"emit_model({MIXTRAL!r}, Path(sys.argv[1]), role='decoder', weights=None, seed=3)"
    )
    folders = [tmp_path / "a", tmp_path / "elsewhere" / "b"]
    for seed, folder in enumerate(folders):
        env = {"PYTHONHASHSEED": str(seed + 1)}
        subprocess.run([sys.executable, "-c", code, str(folder)], env=env, check=True)
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name
    emit_model(MIXTRAL, tmp_path / "c", role="decoder", weights=None, seed=4)
    assert (tmp_path / "c" / "weights.bin").read_bytes() != (folders[0] / "weights.bin").read_bytes()


def test_graphs_are_portable_opset_23(tmp_path: Path) -> None:
    emit_model(MIXTRAL, tmp_path, role="decoder", weights=None)
    model = onnx.load(str(tmp_path / "decode.onnx"), load_external_data=False)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 23)]
    kinds = {node.op_type for node in model.graph.node}
    assert {"Attention", "RMSNormalization", "RotaryEmbedding", "TopK"} <= kinds
    assert all(node.domain == "" for node in model.graph.node)
    large = [tensor.name for tensor in model.graph.initializer if len(tensor.raw_data) > 1024]
    assert large == []


def test_a_checkpoint_answers_as_its_weights_say(checkpoint: Path, tmp_path: Path) -> None:
    artifacts = emit_model(SHAPE, tmp_path / "out", role="decoder", weights=checkpoint)
    assert artifacts[-1].path == "tokenizer.json" and not any(artifact.note for artifact in artifacts)
    model = Decoder(tmp_path / "out")
    assert not model.is_stand_in and model.bundle.end == {7, 9} and model.bundle.max_tokens == 64
    cache = model.prefill("the cat sat")
    config = decoder_from_checkpoint("tiny", CONFIG)
    expected = decoder_logits(config, Seeded(decoder_shapes(config), 11), [1, 2, 3])
    assert cache.tokens == (1, 2, 3)
    np.testing.assert_allclose(cache.logits, expected[-1], atol=1e-4)


def test_generation_settings_know_the_end_better(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "generation_config.json").write_text('{"eos_token_id": 5}')
    emit_model(SHAPE, tmp_path / "out", role="decoder", weights=checkpoint)
    assert json.loads((tmp_path / "out" / "model.json").read_text())["end"] == [5]


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def _of_another_family(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"model_type": "mamba"}))


def _without_a_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _without_a_layer(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": 3}))


def _without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


@pytest.mark.parametrize(
    ("damage", "shape", "message"),
    [
        (_truncate, SHAPE, "it is cut off"),
        (_of_another_family, SHAPE, "model_type `mamba` is not one of"),
        (_without_a_tokenizer, SHAPE, "tokenizer.json is missing"),
        (_without_a_layer, replace(SHAPE, layers=3), "weight `model.layers.2.input_layernorm.weight` is missing"),
        (_without_config, SHAPE, "config.json is missing"),
        (lambda _: None, replace(SHAPE, hidden=64), "hidden = 32, but model `tiny` states 64"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_refused(
    damage: Any, shape: ModelShape, message: str, checkpoint: Path, tmp_path: Path
) -> None:
    damage(checkpoint)
    with pytest.raises(Refused) as refused:
        emit_model(shape, tmp_path / "out", role="decoder", weights=checkpoint)
    (found,) = refused.value.diagnostics
    assert found.slug == "weights-refused" and message in found.message
    assert str(tmp_path) not in found.message


def test_an_encoder_checkpoint_for_a_decoder_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="model_type `llama` is not one of bert"):
        emit_model(SHAPE, tmp_path / "out", role="embedding", weights=checkpoint)


def test_a_half_precision_checkpoint_is_read(checkpoint: Path, tmp_path: Path) -> None:
    weights = Seeded(decoder_shapes(decoder_from_checkpoint("tiny", CONFIG)), 11)
    bits = {name: (weights[name].view(np.uint32) >> 16).astype(np.uint16) for name in weights}
    write_safetensors(checkpoint / "model.safetensors", bits)
    emit_model(SHAPE, tmp_path / "bf16", role="decoder", weights=checkpoint)
    cut = {name: (array.astype(np.uint32) << 16).view(np.float32) for name, array in bits.items()}
    expected = decoder_logits(decoder_from_checkpoint("tiny", CONFIG), cut, [1, 2, 3])
    np.testing.assert_allclose(Decoder(tmp_path / "bf16").prefill("the cat sat").logits, expected[-1], atol=1e-4)


def test_the_precision_of_the_definition_is_that_of_the_weights(checkpoint: Path, tmp_path: Path) -> None:
    sizes: list[int] = []
    for precision, said in (("bf16", None), ("fp8", "int8 in blocks of 32"), ("int4", "int4 in blocks of 32")):
        out = tmp_path / precision
        emit_model(SHAPE, out, role="decoder", weights=checkpoint, precision=precision)
        assert json.loads((out / "model.json").read_text()).get("weights") == said
        sizes.append((out / "weights.bin").stat().st_size)
        assert Decoder(out).prefill("the cat sat").logits.shape == (80,)
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize(
    ("settings", "file", "template"),
    [
        ({"chat_template": "{{ a }}"}, None, "{{ a }}"),
        ({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}, None, "d"),
        ({"chat_template": "old"}, "new", "new"),
        ({}, None, None),
        ({"chat_template": 7}, None, None),
    ],
)
def test_a_chat_template_travels(
    settings: dict[str, Any], file: str | None, template: str | None, checkpoint: Path, tmp_path: Path
) -> None:
    tokens = {"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False}}
    (checkpoint / "tokenizer_config.json").write_text(json.dumps(settings | tokens))
    if file is not None:
        (checkpoint / "chat_template.jinja").write_text(file)
    artifacts = emit_model(SHAPE, tmp_path / "out", role="decoder", weights=checkpoint)
    assert ("chat.json" in [artifact.path for artifact in artifacts]) == (template is not None)
    if template is not None:
        facts = json.loads((tmp_path / "out" / "chat.json").read_text())
        assert facts == {"template": template, "bos_token": "<s>", "eos_token": "</s>"}


def test_an_answer_is_asked_for_by_the_template(checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    settings = {
        "chat_template": "{{ bos_token }} {% for m in messages %}{{ m.content }} {% endfor %}sat",
        "bos_token": "the",
    }
    (checkpoint / "tokenizer_config.json").write_text(json.dumps(settings))
    emit_model(SHAPE, tmp_path / "out", role="decoder", weights=checkpoint)
    model = LocalLanguage("mind", tmp_path / "out")
    assert model.note == ""
    assert model.prefill(Prompt("cat")).state.tokens == (1, 2, 3)


def test_the_folder_can_move(tmp_path: Path) -> None:
    emit_model(MIXTRAL, tmp_path / "a", role="decoder", weights=None)
    before = Decoder(tmp_path / "a").generate("x", 8)
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert Decoder(tmp_path / "b").generate("x", 8) == before
