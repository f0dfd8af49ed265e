"""Models by name and from config.json."""

import json
from pathlib import Path

import pytest

from agentc import catalog
from agentc.catalog.config import model_from_config
from agentc.plan import demand

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}
GPT_OSS = {
    "model_type": "gpt_oss",
    "hidden_size": 2880,
    "num_hidden_layers": 24,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "intermediate_size": 2880,
    "vocab_size": 201088,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
}
DEEPSEEK = {
    "model_type": "deepseek_v3",
    "hidden_size": 7168,
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "first_k_dense_replace": 3,
    "vocab_size": 129280,
}
WHISPER = {
    "model_type": "whisper",
    "d_model": 1280,
    "decoder_layers": 32,
    "encoder_layers": 32,
    "decoder_attention_heads": 20,
    "decoder_ffn_dim": 5120,
    "vocab_size": 51866,
    "max_source_positions": 1500,
    "num_mel_bins": 128,
}
BERT = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "vocab_size": 30522,
}


@pytest.mark.parametrize("name", catalog.models())
def test_rows_are_whole(name: str):
    shape = catalog.model(name)
    assert shape.heads % shape.kv_heads == 0
    assert shape.source and shape.parameters > 1e6
    assert not shape.experts or 0 < shape.experts_per_token <= shape.experts and shape.expert_intermediate
    assert shape.kind not in ("stt", "tts") or shape.frames_per_second
    assert shape.kind not in ("diffusion", "vision") or shape.latent_tokens or shape.unet_channels


def test_holds_every_kind():
    kinds = {shape.kind for shape in catalog.models().values()}
    assert kinds == {"decoder", "stt", "tts", "embedding", "rerank", "diffusion", "vision"}


def test_unknown_models_suggest():
    with pytest.raises(catalog.UnknownName) as caught:
        catalog.model("lama-3.1-70b")
    assert caught.value.suggestions[0] == "llama-3.1-70b"
    assert catalog.model("Llama-3.1-8B").name == "llama-3.1-8b"


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (LLAMA, "llama-3.1-8b"),
        (GPT_OSS, "gpt-oss-20b"),
        (DEEPSEEK, "deepseek-v3"),
        (WHISPER, "whisper-large-v3"),
        (BERT, "all-minilm-l6-v2"),
    ],
)
def test_a_config_gives_the_catalogs_shape(config: dict[str, object], name: str):
    found, known = model_from_config(config), catalog.model(name)
    for field in known.__slots__:
        if field not in ("name", "source", "parameters", "max_tokens"):
            assert getattr(found, field) == getattr(known, field), field
    assert demand.parameters(found) == pytest.approx(known.parameters, rel=0.03)


def test_reads_a_file_a_directory_and_the_text_part(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": LLAMA}))
    assert model_from_config(tmp_path).layers == 32
    assert model_from_config(tmp_path / "config.json", "mine").name == "mine"


def test_a_cross_encoder_reranks():
    config = {**BERT, "architectures": ["BertForSequenceClassification"]}
    assert model_from_config(config).kind == "rerank"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_key_value_heads": 5}, "`num_key_value_heads` of config.json is 5, which does not divide 32 heads"),
        ({"num_attention_heads": 0}, "`num_attention_heads` of config.json is `0`"),
        ({"num_attention_heads": 24, "num_key_value_heads": 8}, "`hidden_size` of config.json is 4096, which 24 heads"),
        ({"hidden_size": "big"}, "`hidden_size` of config.json is `big`"),
        ({"vocab_size": None}, "config.json lacks `vocab_size`"),
        ({"num_experts": 4, "num_experts_per_tok": 8}, "more than its 4 experts"),
    ],
)
def test_contradictions_are_told(change: dict[str, object], message: str):
    with pytest.raises(ValueError, match="config.json") as caught:
        model_from_config({**LLAMA, **change})
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[1]", "\x00", "[" * 100_000])
def test_files_that_are_no_config(tmp_path: Path, text: str):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="config.json"):
        model_from_config(path)
    with pytest.raises(ValueError, match="cannot read"):
        model_from_config(tmp_path / "none.json")
