"""Tensors that are missing, that nothing would read, and heads that are tied in name only."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_reference import write_safetensors

from agentc.backends.onnx import emit_model
from agentc.backends.onnx.architectures import decoder_from_checkpoint
from agentc.backends.onnx.inventory import wanted
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
Tensors = dict[str, np.ndarray]


def _tensors(config: dict[str, Any]) -> Tensors:
    return dict(Seeded(decoder_shapes(decoder_from_checkpoint("m", config)), 1))


def _emit(tmp_path: Path, config: dict[str, Any], tensors: Tensors) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    write_safetensors(folder / "model.safetensors", tensors)
    emit_model(ModelShape("m", "decoder"), tmp_path / "out", role="decoder", weights=folder)


MISSING = {
    "qwen2": "model.layers.0.self_attn.q_proj.bias",
    "qwen3": "model.layers.0.self_attn.q_norm.weight",
    "gemma2": "model.layers.0.self_attn.output_norm.weight",
}


@pytest.mark.parametrize("family", MISSING)
def test_what_a_family_has_must_be_there(family: str, tmp_path: Path) -> None:
    """Llama's tensors alone would run, and answer without the part."""
    config = {**CONFIG, "model_type": family, "head_dim": 8, "tie_word_embeddings": False}
    tensors = _tensors(config)
    if family == "gemma2":  # which calls the norm before the second half otherwise
        for layer in range(2):
            stem = f"model.layers.{layer}"
            tensors[f"{stem}.pre_feedforward_layernorm.weight"] = tensors.pop(f"{stem}.post_attention_layernorm.weight")
    with pytest.raises(Refused, match=f"weight `{MISSING[family]}` is missing"):
        _emit(tmp_path, config, tensors)


@pytest.mark.parametrize("field", ["attention_bias", "mlp_bias"])
def test_a_bias_that_is_announced_must_be_there(field: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"_proj.bias` is missing"):
        _emit(tmp_path, {**CONFIG, field: True}, _tensors(CONFIG))
    assert not (tmp_path / "out").exists()


EXTRA = (
    "model.layers.1.self_attn.q_proj.bias",
    "model.layers.1.self_attn.q_proj.lora_A.weight",
    "model.layers.0.self_attn.q_norm.weight",
    "model.layers.0.mlp.down_proj.weight_scale",
    "model.layers.2.input_layernorm.weight",
    "lm_head.bias",
    "model.norm.bias",
)


@pytest.mark.parametrize("name", EXTRA)
def test_what_nothing_would_read_is_refused(name: str, tmp_path: Path) -> None:
    tensors = {**_tensors(CONFIG), name: np.ones(32, np.float32)}
    with pytest.raises(Refused, match=f"weight `{name}` has no place in a model of type `llama` with 2 layers"):
        _emit(tmp_path, CONFIG, tensors)


def test_tables_and_towers_may_be_there(tmp_path: Path) -> None:
    """What older versions of transformers saved, and what is no language."""
    names = ("model.layers.0.self_attn.rotary_emb.inv_freq", "vision_tower.patches.weight", "mtp.norm.weight")
    _emit(tmp_path, CONFIG, {**_tensors(CONFIG), **{name: np.ones(4, np.float32) for name in names}})
    assert (tmp_path / "out" / "prefill.onnx").exists()


def test_a_tied_head_may_be_in_the_file_too(tmp_path: Path) -> None:
    config = {**CONFIG, "tie_word_embeddings": True}
    tensors = _tensors(config)
    _emit(tmp_path, config, {**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"]})


def test_a_tied_head_of_its_own_is_refused(tmp_path: Path) -> None:
    config = {**CONFIG, "tie_word_embeddings": True}
    tensors = _tensors(config)
    head = tensors["model.embed_tokens.weight"].copy()
    head[-1, -1] += 1
    with pytest.raises(Refused, match=r"`tie_word_embeddings` is true, but `lm_head.weight` is not `model.embed_"):
        _emit(tmp_path, config, {**tensors, "lm_head.weight": head})


def test_draft_layers_are_no_layers_of_the_model(tmp_path: Path) -> None:
    tensors = {**_tensors(CONFIG), "model.layers.2.eh_proj.weight": np.ones(32, np.float32)}
    _emit(tmp_path, {**CONFIG, "num_nextn_predict_layers": 1}, tensors)


def test_every_tensor_of_a_bare_shape_is_wanted() -> None:
    config = decoder_from_checkpoint("m", CONFIG)
    assert set(wanted(config)) == set(decoder_shapes(config))
