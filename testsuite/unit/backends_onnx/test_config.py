"""What `config.json` says, and what it must not say."""

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.backends.onnx.architectures import decoder_from_checkpoint
from agentc.backends.onnx.config import check_agrees, decoder_from_shape
from agentc.backends.onnx.encoders import encoder_from_checkpoint
from agentc.backends.onnx.rope import plain_rope, read_rope
from agentc.plan.models import ModelShape

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 100,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "max_position_embeddings": 2048,
}
BERT: dict[str, Any] = {
    "model_type": "bert",
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 50,
}


def test_llama() -> None:
    config = decoder_from_checkpoint("m", LLAMA)
    assert (config.layers, config.heads, config.kv_heads, config.head_dim) == (4, 8, 2, 8)
    assert config.rope == plain_rope(8, 500000.0)
    assert config.windows == (0,) * 4 and all(config.dense) and config.max_tokens == 2048


def test_a_theta_among_the_rotary_parameters() -> None:
    """Where newer versions of transformers write it."""
    config = {k: v for k, v in LLAMA.items() if k != "rope_theta"}
    config["rope_parameters"] = {"rope_type": "default", "rope_theta": 500000.0}
    assert decoder_from_checkpoint("m", config) == decoder_from_checkpoint("m", LLAMA)


@pytest.mark.parametrize(
    ("change", "windows"),
    [
        ({"model_type": "mistral", "sliding_window": 9}, (9, 9, 9, 9)),
        ({"model_type": "mistral", "sliding_window": None}, (0, 0, 0, 0)),
        ({"model_type": "llama", "sliding_window": 9}, (0, 0, 0, 0)),
        ({"model_type": "qwen2", "sliding_window": 9, "use_sliding_window": False}, (0, 0, 0, 0)),
        (
            {"model_type": "qwen2", "sliding_window": 9, "use_sliding_window": True, "max_window_layers": 3},
            (0, 0, 0, 9),
        ),
        (
            {
                "model_type": "qwen3",
                "sliding_window": 9,
                "use_sliding_window": True,
                "layer_types": ["sliding_attention", "full_attention"] * 2,
            },
            (9, 0, 9, 0),
        ),
    ],
)
def test_windows(change: dict[str, Any], windows: tuple[int, ...]) -> None:
    assert decoder_from_checkpoint("m", LLAMA | change).windows == windows


def test_mixtures() -> None:
    mixtral = {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}
    config = decoder_from_checkpoint("m", LLAMA | mixtral)
    assert (config.experts, config.experts_per_token, config.expert_intermediate) == (8, 2, 128)
    assert config.normalize_experts and not any(config.dense)
    qwen = {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 16, "mlp_only_layers": [0]}
    config = decoder_from_checkpoint("m", LLAMA | qwen | {"model_type": "qwen3_moe", "decoder_sparse_step": 2})
    assert config.dense == (True, False, True, False) and config.expert_intermediate == 16
    assert not config.normalize_experts
    shared = {"model_type": "qwen2_moe", "shared_expert_intermediate_size": 40, "norm_topk_prob": True}
    config = decoder_from_checkpoint("m", LLAMA | qwen | shared)
    assert config.shared_intermediate == 40 and config.normalize_experts


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gpt2"}, "model_type `gpt2` is not one of llama"),
        ({"model_type": None}, "model_type `None`"),
        ({"model_type": ["llama"]}, "is not one of"),
        ({"num_hidden_layers": None}, "`num_hidden_layers` is None, not a whole number"),
        ({"num_hidden_layers": 10**9}, "are no model"),
        ({"num_attention_heads": 0}, "are no model"),
        ({"hidden_size": -4}, "`hidden_size` is -4"),
        ({"vocab_size": "many"}, "`vocab_size` is 'many'"),
        ({"rms_norm_eps": "small"}, "`rms_norm_eps` is 'small', not a number"),
        ({"rms_norm_eps": math.nan}, "not a number"),
        ({"rope_theta": -1}, "not above one"),
        ({"rope_scaling": "yarn"}, "`rope_scaling` is 'yarn', not an object"),
        ({"rope_scaling": {"rope_type": "spiral"}}, "rope_scaling `spiral` is not known; linear, dynamic"),
        ({"rope_scaling": {"rope_type": "longrope", "factor": 2}}, "`short_factor` is no list of 4 numbers"),
        (
            {"rope_scaling": {"rope_type": "llama3", "factor": 2, "low_freq_factor": 4.0}},
            "low_freq_factor 4, not below",
        ),
        ({"partial_rotary_factor": 1.5}, "`partial_rotary_factor` is 1.5"),
        ({"head_dim": 7}, "are no attention"),
        ({"num_key_value_heads": 3}, "are no attention"),
        ({"vocab_size": 10**9}, "`vocab_size` is 1000000000, more than"),
        ({"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 3}, "is 3, for 2 experts"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, "factor 0, not above zero"),
        ({"model_type": "mistral", "sliding_window": "wide"}, "`sliding_window` is 'wide'"),
        ({"model_type": "mistral", "sliding_window": 4, "layer_types": ["full_attention"]}, "1 entries for 4 layers"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoder_from_checkpoint("m", LLAMA | change)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**12) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*LLAMA, "rope_scaling", "layer_types", "head_dim"]), json_values, max_size=3))
def test_no_config_is_a_traceback(change: dict[str, Any]) -> None:
    try:
        decoder_from_checkpoint("m", LLAMA | {"model_type": "qwen3_moe"} | change)
    except ValueError as error:
        assert str(error)


def test_linear_scaling_slows_every_wave() -> None:
    plain = plain_rope(8).frequencies
    slow = read_rope({"type": "linear", "factor": 4.0}, 8, 1e4, {}).frequencies
    assert slow == pytest.approx([f / 4 for f in plain])


def test_llama3_scaling_keeps_short_waves_and_slows_long_ones() -> None:
    scaling = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    plain, scaled = plain_rope(128, 5e5).frequencies, read_rope(scaling, 128, 5e5, {}).frequencies
    for before, after in zip(plain, scaled, strict=True):
        wave = 2 * math.pi / before
        if wave < 8192 / 4:
            assert after == before
        elif wave > 8192:
            assert after == pytest.approx(before / 8)
        else:
            assert before / 8 <= after <= before
    assert sorted(scaled, reverse=True) == list(scaled)


def test_bert() -> None:
    config = encoder_from_checkpoint("m", BERT, {"pooling_mode_cls_token": True}, {"max_seq_length": 128})
    assert (config.pooling, config.max_tokens, config.positions) == ("cls", 128, 512)
    assert encoder_from_checkpoint("m", BERT, {}, {}).pooling == "mean"


@pytest.mark.parametrize(
    ("change", "pooling", "message"),
    [
        ({"model_type": "deberta"}, {}, "model_type `deberta` is not one of bert"),
        ({"position_embedding_type": "relative_key"}, {}, "`relative_key` is not `absolute`"),
        ({}, {"pooling_mode_max_tokens": True}, "is neither of mean and first token"),
        ({}, {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, "is neither of"),
    ],
)
def test_an_encoder_that_is_not_ours_is_refused(change: dict[str, Any], pooling: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoder_from_checkpoint("m", BERT | change, pooling, {})


def test_a_shape_states_windows_as_the_cost_model_reads_them() -> None:
    shape = ModelShape("m", "decoder", layers=4, hidden=32, heads=4, kv_heads=4, sliding_window=8)
    assert decoder_from_shape(shape).windows == (8, 8, 8, 8)
    mixed = ModelShape("m", "decoder", layers=4, hidden=32, heads=4, sliding_window=8, full_attention_every=2)
    assert decoder_from_shape(mixed).windows == (8, 0, 8, 0)
    assert decoder_from_shape(mixed).kv_heads == 4


def test_a_checkpoint_of_another_model_is_refused() -> None:
    config = decoder_from_checkpoint("m", LLAMA)
    check_agrees(ModelShape("m", "decoder", layers=4, hidden=64), config)
    with pytest.raises(ValueError, match="the checkpoint has layers = 4, but model `m` states 32"):
        check_agrees(ModelShape("m", "decoder", layers=32), config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer_types": ["chunked_attention"] * 4, "model_type": "qwen3"}, "layer_types has `chunked_attention`"),
        (
            {"layer_types": ["sliding_attention", "full_attention"] * 2, "model_type": "mistral", "sliding_window": 9},
            "lists kinds that a model of type `mistral` does not have",
        ),
        ({"partial_rotary_factor": 0.5}, "heads of type `llama` are rotated as a whole, not 0.5 of them"),
        ({"model_type": "gemma", "use_bidirectional_attention": True}, "makes an encoder of it"),
    ],
)
def test_traits_that_a_family_does_not_have(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoder_from_checkpoint("m", LLAMA | change)


def test_the_first_files_of_gemma_mean_the_approximation() -> None:
    for stated in ({"hidden_act": "gelu"}, {"hidden_act": "gelu", "hidden_activation": None}):
        gemma = decoder_from_checkpoint("m", LLAMA | {"model_type": "gemma", "head_dim": 8} | stated)
        assert gemma.activation == "gelu_pytorch_tanh"


def test_windows_of_mixtures() -> None:
    """Qwen 3's hold for all layers, whatever is said of a first one; Qwen 2's for every other one below it."""
    stated = {"sliding_window": 9, "use_sliding_window": True, "max_window_layers": 3, "num_experts_per_tok": 1}
    stated |= {"num_experts": 2, "head_dim": 8, "moe_intermediate_size": 16}
    windows = [decoder_from_checkpoint("m", LLAMA | stated | {"model_type": f"qwen{n}_moe"}).windows for n in (2, 3)]
    assert windows == [(9, 0, 9, 0), (9, 9, 9, 9)]


@pytest.mark.parametrize(
    ("scaling", "tokens"),
    [
        (None, 2048),
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}, 8192),
        ({"type": "yarn", "factor": 4.0}, 8192),
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256}, 2048),
        ({"type": "linear", "factor": 4.0}, 2048),
        ({"type": "dynamic", "factor": 2.0}, 4096),
    ],
)
def test_how_far_positions_reach(scaling: dict[str, Any] | None, tokens: int) -> None:
    """A file to which YaRN was added still states the context of training."""
    assert decoder_from_checkpoint("m", LLAMA | {"rope_scaling": scaling}).max_tokens == tokens


HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 3, 2**53, 2**63, 10**400, -(10**400), 0.0, -0.5, 1e-320, 1e308, math.nan, math.inf, "x"),
    *([], [1], [None], {}, {"a": 1}, [math.nan] * 4, [10**400] * 4, {"rope_type": "yarn"}, ["full_attention"] * 4),
)
STRETCHED: dict[str, dict[str, Any]] = {
    "none": {},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "beta_fast": 32.0},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    "longrope": {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4, "factor": 4.0},
}
EVERYTHING: dict[str, Any] = LLAMA | {
    "head_dim": 8, "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16, "sliding_window": 8, "use_sliding_window": True, "layer_types": None,
    "partial_rotary_factor": 1.0, "query_pre_attn_scalar": 8, "swiglu_limit": 7.0, "kv_lora_rank": 16,
    "q_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8, "n_routed_experts": 4,
    "n_group": 2, "topk_group": 1, "hidden_act": "silu", "rope_local_base_freq": 1e4, "mlp_only_layers": [],
}  # fmt: skip


@pytest.mark.parametrize("stretched", STRETCHED)
@pytest.mark.parametrize("family", ["llama", "qwen2_moe", "qwen3_moe", "gemma3_text", "phi3", "gpt_oss", "deepseek_v3"])
def test_whatever_a_field_holds_it_is_read_or_refused(family: str, stretched: str) -> None:
    """No other error, no table of 2^53 entries, no loop without end."""
    scaling = STRETCHED[stretched]
    for field in (*EVERYTHING, "rope_scaling"):
        for value in HOSTILE:
            with suppress(ValueError):
                decoder_from_checkpoint("m", EVERYTHING | {"rope_scaling": scaling, "model_type": family, field: value})
    for field in (*scaling, "attention_factor", "mscale", "mscale_all_dim", "beta_slow", "truncate"):
        for value in HOSTILE:
            config = EVERYTHING | {"rope_scaling": {**scaling, field: value}, "model_type": family}
            with suppress(ValueError):
                decoder_from_checkpoint("m", config)
