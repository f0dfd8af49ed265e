"""Encoders and Whisper against transformers: tiny random models, saved as it saves them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from agentc.backends.onnx import emit_model
from agentc.plan.models import ModelShape
from agentc.support.diagnostics import Refused

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BASE: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
    "num_labels": 1,
    "layer_norm_eps": 1e-5,
}
RERANKERS: dict[str, dict[str, Any]] = {
    "Bert": {"type_vocab_size": 2, "pad_token_id": 0},
    "XLMRoberta": {"type_vocab_size": 1, "pad_token_id": 1},
    "Roberta": {"type_vocab_size": 1, "pad_token_id": 1},
    "Camembert": {"type_vocab_size": 1, "pad_token_id": 1},
    "Electra": {"embedding_size": 16, "pad_token_id": 0},
    "DistilBert": {"dim": 32, "n_heads": 4, "n_layers": 2, "hidden_dim": 48, "pad_token_id": 0},
    "MPNet": {"pad_token_id": 1},
}
NO_SEGMENTS = ("DistilBert", "MPNet")
AFTER_PADDING = ("XLMRoberta", "Roberta", "Camembert", "MPNet")
WHISPER: dict[str, Any] = {
    "vocab_size": 64,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 40,
    "num_mel_bins": 16,
    "max_source_positions": 20,
    "max_target_positions": 24,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
}


def _scattered(model: Any) -> Any:
    torch.manual_seed(7)
    for parameter in model.parameters():
        spread = 0.3 if parameter.dim() == 1 else 0.8 * parameter.shape[-1] ** -0.5
        parameter.data = (parameter.data if parameter.dim() == 1 else 0) + torch.randn_like(parameter) * spread
    return model.eval()


def _saved(model: Any, folder: Path) -> Path:
    from tokenizers import Tokenizer, models

    model.save_pretrained(folder)
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    return folder


def _session(path: Path) -> Any:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("family", RERANKERS)
def test_a_cross_encoder_scores_as_transformers_does(family: str, tmp_path: Path) -> None:
    config = getattr(transformers, f"{family}Config")(**BASE, **RERANKERS[family])
    model = _scattered(getattr(transformers, f"{family}ForSequenceClassification")(config))
    folder = _saved(model, tmp_path / "in")
    emit_model(ModelShape("judge", "rerank"), tmp_path / "out", role="rerank", weights=folder)
    pad = config.pad_token_id
    ids = np.random.default_rng(0).integers(3, 64, (3, 14))
    mask = np.ones_like(ids)
    ids[1, 9:], mask[1, 9:] = pad, 0
    types = np.zeros_like(ids)
    if getattr(config, "type_vocab_size", 1) > 1 and family not in NO_SEGMENTS:
        types[:, 5:] = 1
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    known = {key: torch.tensor(array) for key, array in feed.items()}
    if family in NO_SEGMENTS:
        del known["token_type_ids"]
    with torch.no_grad():
        expected = model(**known).logits[:, 0].numpy()
    (scores,) = _session(tmp_path / "out" / "rerank.onnx").run(None, feed)
    np.testing.assert_allclose(scores, expected, atol=2e-5)
    assert expected.std() > 0.01
    limit = json.loads((tmp_path / "out" / "model.json").read_text())["max_tokens"]
    assert limit == (38 if family in AFTER_PADDING else 40)


@pytest.mark.parametrize("family", RERANKERS)
def test_an_embedding_is_the_mean_that_transformers_gives(family: str, tmp_path: Path) -> None:
    config = getattr(transformers, f"{family}Config")(**BASE, **RERANKERS[family])
    model = _scattered(getattr(transformers, f"{family}Model")(config))
    folder = _saved(model, tmp_path / "in")
    emit_model(ModelShape("embed", "embedding"), tmp_path / "out", role="embedding", weights=folder)
    ids = np.random.default_rng(0).integers(3, 64, (2, 11))
    with torch.no_grad():
        states = model(torch.tensor(ids)).last_hidden_state.mean(1).numpy()
    expected = states / np.linalg.norm(states, axis=-1, keepdims=True)
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    (vectors,) = _session(tmp_path / "out" / "embed.onnx").run(None, feed)
    np.testing.assert_allclose(vectors, expected, atol=2e-6)


def test_a_classifier_of_several_classes_is_no_reranker(tmp_path: Path) -> None:
    config = transformers.BertConfig(**{**BASE, "num_labels": 3})
    folder = _saved(transformers.BertForSequenceClassification(config), tmp_path / "in")
    with pytest.raises(Refused, match=r"`classifier.weight` has shape \[3, 32\], not \[1, 32\]"):
        emit_model(ModelShape("judge", "rerank"), tmp_path / "out", role="rerank", weights=folder)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def whisper(tmp_path: Path) -> tuple[Any, Path]:
    config = transformers.WhisperConfig(**WHISPER)
    config._attn_implementation = "eager"
    model = _scattered(transformers.WhisperForConditionalGeneration(config))
    model.tie_weights()
    folder = _saved(model, tmp_path / "in")
    (folder / "generation_config.json").write_text(
        json.dumps(
            {
                "decoder_start_token_id": 3,
                "eos_token_id": 2,
                "lang_to_id": {"<|en|>": 5, "<|de|>": 6},
                "task_to_id": {"transcribe": 7, "translate": 8},
                "no_timestamps_token_id": 9,
                "suppress_tokens": [10, 11],
                "begin_suppress_tokens": [12, 2],
            }
        )
    )
    emit_model(ModelShape("ears", "stt"), tmp_path / "out", role="stt", weights=folder)
    return model, tmp_path / "out"


def test_whisper_hears_as_transformers_does(whisper: tuple[Any, Path]) -> None:
    model, folder = whisper
    mel = np.random.default_rng(0).normal(size=(1, 16, 40)).astype(np.float32)
    tokens = [3, 5, 7, 9, 20, 31, 44]
    with torch.no_grad():
        expected = model(torch.tensor(mel), decoder_input_ids=torch.tensor([tokens])).logits[0].numpy()
    encode, decode = _session(folder / "encode.onnx"), _session(folder / "decode.onnx")
    cross = dict(zip([o.name for o in encode.get_outputs()], encode.run(None, {"mel": mel}), strict=True))
    names = [i.name for i in decode.get_inputs() if i.name.startswith("past.")]
    past = {name: np.zeros((1, 2, 0, 16), np.float32) for name in names}
    logits, *present = decode.run(None, {"input_ids": np.array([tokens[:4]]), **cross, **past})
    rows = [logits[0]]
    for token in tokens[4:]:
        feed = {"input_ids": np.array([[token]]), **cross, **dict(zip(names, present, strict=True))}
        logits, *present = decode.run(None, feed)
        rows.append(logits[0])
    np.testing.assert_allclose(np.stack(rows), expected[3:], atol=2e-5, rtol=2e-5)
    assert expected.std() > 0.3


def test_whispers_prompt_is_written_down(whisper: tuple[Any, Path]) -> None:
    facts = json.loads((whisper[1] / "model.json").read_text())
    assert facts["speech"] == {
        "bands": 16,
        "frames": 40,
        "start": 3,
        "languages": [5, 6],
        "transcribe": 7,
        "no_timestamps": 9,
        "never": [10, 11],
        "never_first": [12, 2],
    }


def test_distances_fall_into_the_buckets_of_transformers() -> None:
    from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

    from agentc.backends.onnx.encoder import buckets

    distances = torch.arange(-513, 514)
    expected = MPNetEncoder.relative_position_bucket(distances, num_buckets=32)
    np.testing.assert_array_equal(buckets(32, 514), expected.numpy())


def _bert(tmp_path: Path, **change: Any) -> Path:
    config = transformers.BertConfig(**{**BASE, **change})
    return _saved(_scattered(transformers.BertModel(config)), tmp_path / "0_Transformer")


def _modules(root: Path, *kinds: str) -> None:
    rows = [{"idx": n, "name": f"{n}", "path": f"{n}_{kind}", "type": f"x.{kind}"} for n, kind in enumerate(kinds)]
    (root / "modules.json").write_text(json.dumps(rows))


def test_a_module_that_would_change_the_vector_is_refused(tmp_path: Path) -> None:
    folder = _bert(tmp_path)
    _modules(folder, "Transformer", "Pooling", "Dense")
    with pytest.raises(Refused, match="modules.json: module `Dense` is not known"):
        emit_model(ModelShape("e", "embedding"), tmp_path / "out", role="embedding", weights=folder)


@pytest.mark.parametrize("stated", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls"}])
def test_the_pooling_lies_beside_the_encoder(stated: dict[str, Any], tmp_path: Path) -> None:
    """Where the encoder is a folder of the checkpoint, as older ones have it."""
    folder = _bert(tmp_path)
    _modules(tmp_path, "Transformer", "Pooling", "Normalize")
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(stated))
    emit_model(ModelShape("e", "embedding"), tmp_path / "out", role="embedding", weights=folder)
    model = transformers.BertModel.from_pretrained(folder)
    ids = np.random.default_rng(0).integers(3, 64, (2, 11))
    with torch.no_grad():
        first = model(torch.tensor(ids)).last_hidden_state[:, 0].numpy()
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    (vectors,) = _session(tmp_path / "out" / "embed.onnx").run(None, feed)
    np.testing.assert_allclose(vectors, first / np.linalg.norm(first, axis=-1, keepdims=True), atol=2e-6)


@pytest.mark.parametrize("path", ["../secret", "/etc", "a/b"])
def test_a_pooling_outside_of_the_checkpoint_is_refused(path: str, tmp_path: Path) -> None:
    folder = _bert(tmp_path)
    (folder / "modules.json").write_text(json.dumps([{"path": path, "type": "x.Pooling"}]))
    with pytest.raises(Refused, match="which is no folder of this one"):
        emit_model(ModelShape("e", "embedding"), tmp_path / "out", role="embedding", weights=folder)


def test_an_encoder_without_a_bias_or_with_an_adapter_is_refused(tmp_path: Path) -> None:
    from onnx_reference import write_safetensors

    from agentc.backends.onnx.safetensors import SafeTensors

    folder = _bert(tmp_path)
    file = folder / "model.safetensors"
    whole = {name: np.array(array) for name, array in SafeTensors(file).items()}
    bias, adapter = (f"encoder.layer.1.attention.self.query.{part}" for part in ("bias", "lora_A.weight"))
    lacking = {name: array for name, array in whole.items() if name != bias}
    grown = {**whole, adapter: np.ones((2, 32), np.float32)}
    for tensors, message in ((lacking, f"`{bias}` is missing"), (grown, f"`{adapter}` has no place")):
        write_safetensors(file, tensors)
        with pytest.raises(Refused, match=message):
            emit_model(ModelShape("e", "embedding"), tmp_path / "out", role="embedding", weights=folder)


def test_an_encoder_that_looks_back_only_is_refused(tmp_path: Path) -> None:
    folder = _bert(tmp_path, is_decoder=True)
    with pytest.raises(Refused, match="`is_decoder` makes a writer of it"):
        emit_model(ModelShape("e", "embedding"), tmp_path / "out", role="embedding", weights=folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.decoder.layers.1.fc1.bias", "`model.decoder.layers.1.fc1.bias` is missing"),
        ("model.encoder.layers.0.fc1.lora_A.weight", "has no place in a Whisper"),
        ("proj_out.weight", "a head of its own is not known"),
    ],
)
def test_a_whisper_with_less_or_more_is_refused(name: str, message: str, tmp_path: Path) -> None:
    from onnx_reference import write_safetensors

    from agentc.backends.onnx.safetensors import SafeTensors

    folder = _saved(
        transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**WHISPER)), tmp_path / "in"
    )
    tensors = {key: np.array(array) for key, array in SafeTensors(folder / "model.safetensors").items()}
    if name in tensors and name != "proj_out.weight":
        del tensors[name]
    else:
        tensors[name] = np.ones((64, 32), np.float32)
    write_safetensors(folder / "model.safetensors", tensors)
    with pytest.raises(Refused, match=message):
        emit_model(ModelShape("ears", "stt"), tmp_path / "out", role="stt", weights=folder)
    assert not (tmp_path / "out").exists()
