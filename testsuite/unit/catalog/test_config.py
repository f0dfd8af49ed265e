"""``config.json``: what families leave unsaid, and what is refused, by file, line and field."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc import api, catalog
from agentc.catalog.config import ConfigError, model_from_config
from agentc.support.diagnostics import Refused

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
}
MLA: dict[str, Any] = LLAMA | {
    "model_type": "deepseek_v3",
    "num_key_value_heads": 32,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
}
HYBRID: dict[str, Any] = LLAMA | {
    "model_type": "qwen3_next",
    "head_dim": 256,
    "full_attention_interval": 4,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "num_experts": 64,
    "num_experts_per_tok": 4,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 768,
}
SDXL: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel",
    "block_out_channels": [320, 640, 1280],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "transformer_layers_per_block": [1, 2, 10],
    "layers_per_block": 2,
    "attention_head_dim": [5, 10, 20],
    "cross_attention_dim": 2048,
}
SD3: dict[str, Any] = {
    "_class_name": "SD3Transformer2DModel",
    "num_attention_heads": 38,
    "attention_head_dim": 64,
    "num_layers": 38,
    "patch_size": 2,
    "sample_size": 128,
}
FLUX: dict[str, Any] = {
    "_class_name": "FluxTransformer2DModel",
    "num_attention_heads": 24,
    "attention_head_dim": 128,
    "num_layers": 19,
    "num_single_layers": 38,
    "patch_size": 1,
}
PIXART: dict[str, Any] = {
    "_class_name": "PixArtTransformer2DModel",
    "num_attention_heads": 16,
    "attention_head_dim": 72,
    "num_layers": 28,
    "patch_size": 2,
    "cross_attention_dim": 1152,
}
VIT: dict[str, Any] = {
    "model_type": "clip",
    "text_config": {"hidden_size": 8},
    "vision_config": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "patch_size": 14,
        "projection_dim": 768,
    },
}


def read(config: dict[str, Any]) -> Any:
    return model_from_config(config)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"model_type": "phi", "vocab_size": 51200}, {"gated_mlp": False}),
        ({"model_type": "gemma3_text", "sliding_window": 512}, {"sliding_window": 512, "full_attention_every": 6}),
        ({"model_type": "gemma2", "sliding_window": 512}, {"full_attention_every": 2, "tied_embeddings": True}),
        ({"model_type": "mistral", "sliding_window": 4096}, {"sliding_window": 4096, "full_attention_every": 1}),
        ({"model_type": "mistral", "sliding_window": None}, {"sliding_window": 0}),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False}, {"sliding_window": 0}),
        (
            {"model_type": "qwen2", "sliding_window": 64, "use_sliding_window": True, "max_window_layers": 28},
            {"sliding_window": 64, "full_attention_layers": 28},
        ),
        (
            {"model_type": "exaone4", "sliding_window": 64, "sliding_window_pattern": "LLLG"},
            {"full_attention_every": 4},
        ),
        (
            {"layer_types": ["full_attention"] * 7 + ["sliding_attention"] * 25, "sliding_window": 9},
            {"sliding_window": 9, "full_attention_layers": 7},
        ),
        ({"num_key_value_heads": None}, {"kv_heads": 32}),
        ({"text_config": {"model_type": "qwen3", "head_dim": 64}}, {"head_dim": 64}),
        (
            {"model_type": "llama4", "num_local_experts": 8, "num_experts_per_tok": 1, "intermediate_size_mlp": 16384}
            | {"interleave_moe_layer_step": 2, "attention_chunk_size": 8192},
            {"shared_experts": 1, "dense_layers": 16, "intermediate": 16384, "expert_intermediate": 14336}
            | {"sliding_window": 8192, "full_attention_every": 4},
        ),
    ],
)
def test_families(change: dict[str, Any], fields: dict[str, Any]):
    shape = read(LLAMA | change)
    assert {name: getattr(shape, name) for name in fields} == fields


def test_hybrids():
    shape = read(HYBRID)
    assert (shape.linear_layers, shape.linear_key_heads, shape.linear_value_heads) == (24, 16, 32)
    assert shape.attention_gate and (shape.shared_experts, shape.shared_intermediate) == (1, 768)
    lightning = read(LLAMA | {"model_type": "minimax_text_01", "attn_type_list": [0, 0, 0, 1] * 8, "head_dim": 128})
    assert (lightning.linear_layers, lightning.linear_value_heads, lightning.linear_key_dim) == (24, 32, 128)


def test_values_wider_than_keys():
    shape = read(MLA | {"v_head_dim": 256})
    assert (shape.head_dim, shape.value_head_dim) == (128, 256)


@pytest.mark.parametrize(
    ("config", "name"),
    [(SDXL, "sdxl"), (SD3, "sd3.5-large"), (FLUX, "flux.1-dev"), (PIXART, "pixart-sigma"), (VIT, "clip-vit-l-14")],
)
def test_pictures(config: dict[str, Any], name: str):
    found, known = read(config), catalog.model(name)
    same = ("kind", "layers", "hidden", "conditioning", "latent_tokens", "unet_channels", "unet_depths", "cross_dim")
    assert {field: getattr(found, field) for field in same} == {field: getattr(known, field) for field in same}
    assert not found.parameters or found.parameters == pytest.approx(known.parameters, rel=0.05)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (LLAMA | {"num_key_value_heads": 64}, "`num_key_value_heads` of config.json is 64, more than its 32 heads"),
        (LLAMA | {"hidden_size": -4096}, "`hidden_size` of config.json is `-4096`, but should be a positive whole"),
        (LLAMA | {"hidden_size": 4096.0}, "`hidden_size` of config.json is `4096.0`"),
        (LLAMA | {"hidden_size": True}, "`hidden_size` of config.json is `True`"),
        (LLAMA | {"hidden_size": 4096 * 10**9}, "`hidden_size` of config.json is 4096000000000, more than any model"),
        (LLAMA | {"hidden_size": 10**4000}, "is a number of over 30 digits, more than any"),
        (LLAMA | {"num_hidden_layers": 20_000}, "`num_hidden_layers` of config.json is 20000, more than any model has"),
        (LLAMA | {"num_hidden_layers": 10_000, "hidden_size": 320_000}, "implies 2.7e+15 parameters"),
        (LLAMA | {"head_dim": 8192}, "`head_dim` of config.json is 8192, so that 32 heads are 64 times as wide"),
        (LLAMA | {"layer_types": ["full_attention"] * 31}, "`layer_types` of config.json has 31 entries for 32 layers"),
        (LLAMA | {"layer_types": ["mamba"] * 32}, "has layers of `mamba`, which no work formula counts"),
        (
            LLAMA | {"layer_types": "full_attention"},
            "`layer_types` of config.json is `full_attention`, but should be a",
        ),
        (LLAMA | {"layer_types": ["sliding_attention"] * 32}, "states no `sliding_window`"),
        (LLAMA | {"tie_word_embeddings": "no"}, "`tie_word_embeddings` of config.json is `no`, but should be true or"),
        (LLAMA | {"model_type": "mamba2"}, "`model_type` of config.json is `mamba2`, which has layers with a state"),
        (LLAMA | {"model_type": 7}, "`model_type` of config.json is `7`, but should be a text"),
        (LLAMA | {"model_type": "new", "ssm_state_size": 128}, "`ssm_state_size` of config.json tells of an arch"),
        (MLA | {"qk_head_dim": 96}, "`qk_head_dim` of config.json is 96, but its parts are 128 and 64"),
        (MLA | {"qk_nope_head_dim": None}, "config.json lacks `qk_nope_head_dim`"),
        (HYBRID | {"num_experts_per_tok": 65}, "`num_experts_per_tok` of config.json is 65, more than its 64 experts"),
        (HYBRID | {"first_k_dense_replace": 33}, "`first_k_dense_replace` of config.json is 33, more than its 32"),
        (HYBRID | {"linear_num_value_heads": 24}, "`linear_num_value_heads` of config.json is 24, which 16 heads"),
        (SDXL | {"down_block_types": ["DownBlock2D"]}, "has 1 entries for the 3 levels of `block_out_channels`"),
        (SDXL | {"block_out_channels": []}, "lacks `block_out_channels`"),
        (SDXL | {"block_out_channels": [320, "x", 1280]}, "`block_out_channels` of config.json is `x`"),
        (SDXL | {"transformer_layers_per_block": [1, 2]}, "has 2 entries for 3 levels"),
        ({"_class_name": "AutoencoderKL"}, "`_class_name` of config.json is `AutoencoderKL`, which no work formula"),
        ({}, "config.json lacks `num_hidden_layers`"),
    ],
)
def test_refusals(config: dict[str, Any], message: str):
    with pytest.raises(ConfigError) as caught:
        read(config)
    assert message in str(caught.value)


def test_a_misspelled_field_is_told_with_what_was_meant():
    config = {("num_hiden_layers" if name == "num_hidden_layers" else name): value for name, value in LLAMA.items()}
    with pytest.raises(ConfigError, match="lacks `num_hidden_layers`") as caught:
        read(config)
    assert caught.value.help is not None and "num_hiden_layers" in caught.value.help


def test_an_unknown_family_is_read_as_a_plain_decoder():
    assert "read as a plain decoder" in read(LLAMA | {"model_type": "brand_new"}).source


def test_the_line_of_what_is_wrong(tmp_path: Path):
    path = tmp_path / "config.json"
    whole = {"model_type": "gemma3", "vision_config": {"hidden_size": 5}, "text_config": LLAMA | {"hidden_size": "x"}}
    path.write_text(json.dumps(whole, indent=1))
    line = path.read_text().splitlines().index('  "hidden_size": "x",') + 1
    with pytest.raises(ConfigError, match=f"config.json:{line} is `x`"):
        model_from_config(path)
    with pytest.raises(Refused) as caught:
        api.model(str(path))
    [told] = caught.value.diagnostics
    assert (told.slug, told.span and told.span.line) == ("bad-model-config", line)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b'{"a": 1,\n "b": }', "is not JSON: Expecting value: line 2"),
        (b"\xff\xfe{}", "is not JSON: byte 0 is no UTF-8"),
        (b'{"hidden_size": ' + b"9" * 5000 + b"}", "is not JSON: a number has too many digits"),
        (b"[" * 200_000, "is not JSON: it is nested too deeply"),
        (b"null", "should hold an object, but holds `null`"),
        (b" " * 50_000_000, "is larger than 10 MB"),
    ],
)
def test_files_that_are_no_config(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="config.json") as caught:
        model_from_config(path)
    assert message in str(caught.value)


values = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 40_000), st.floats(), st.text(max_size=3), st.just([]), st.just({})
)


@given(st.sampled_from([LLAMA, MLA, HYBRID, SDXL, SD3, VIT["vision_config"] | {"model_type": "vit"}]), st.data())
def test_any_content_gives_a_model_or_a_refusal(config: dict[str, Any], data: st.DataObject):
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(config)), values, max_size=4))
    try:
        shape = read(config | changed)
    except ConfigError as refused:
        assert "config.json" in str(refused)
    else:
        assert shape.layers > 0 and shape.hidden > 0
