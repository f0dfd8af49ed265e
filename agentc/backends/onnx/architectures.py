"""The architecture of a decoder-only checkpoint in Hugging Face layout, from its ``config.json``."""

from dataclasses import replace
from typing import Final, cast

from agentc.backends.onnx.config import DecoderConfig, extents
from agentc.backends.onnx.fields import Json, number, table, whole
from agentc.backends.onnx.inventory import extras
from agentc.backends.onnx.rope import Rope, context, read_rope, rope_table, yarn_magnitude
from agentc.backends.onnx.windows import LOCAL, layer_windows

_GEMMA: Final = {"head_dim": 256, "tie_word_embeddings": True, "hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6}
_QWEN: Final = {"sliding_window": 4096, "max_window_layers": 28, "use_sliding_window": False}

FAMILIES: Final[dict[str, Json]] = {
    "llama": {"sliding_window": 0},
    "mistral": {},
    "mixtral": {"norm_topk_prob": True, "rope_theta": 1e6},
    "qwen2": _QWEN,
    "qwen2_moe": _QWEN,
    "qwen3": {**_QWEN, "head_dim": 128},
    "qwen3_moe": _QWEN,
    "gemma": {**_GEMMA, "sliding_window": 0},
    "gemma2": {
        **_GEMMA,
        "query_pre_attn_scalar": 256,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
        "sliding_window": 4096,
        "sliding_window_pattern": 2,
        "max_position_embeddings": 8192,
    },
    "gemma3_text": {
        **_GEMMA,
        "num_hidden_layers": 26,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "vocab_size": 262_208,
        "query_pre_attn_scalar": 256,
        "sliding_window": 4096,
        "sliding_window_pattern": 6,
        "rope_theta": 1e6,
        "rope_local_base_freq": 10000.0,
        "max_position_embeddings": 131_072,
    },
    "phi3": {},
    "gpt_oss": {
        "norm_topk_prob": True,
        "head_dim": 64,
        "swiglu_limit": 7.0,
        "sliding_window_pattern": 2,
        "rope_theta": 150_000.0,
        "rms_norm_eps": 1e-5,
    },
    "deepseek_v3": {
        "first_k_dense_replace": 3,
        "kv_lora_rank": 512,
        "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128,
        "v_head_dim": 128,
        "n_shared_experts": 1,
        "n_group": 8,
        "topk_group": 4,
        "routed_scaling_factor": 2.5,
        "norm_topk_prob": True,
        "rope_interleave": True,
    },
}
"""``model_type`` values whose arithmetic the graphs reproduce (others would run and answer wrongly), and what each
leaves unsaid: the defaults of its configuration class in transformers."""

_NESTED: Final = ("text_config",)
_WIDE, _NARROW, _MANY = 1 << 24, 1 << 14, 1 << 16
_MOST: Final = {
    **dict.fromkeys(("hidden_size", "vocab_size", "intermediate_size", "moe_intermediate_size"), _WIDE),
    **dict.fromkeys(("shared_expert_intermediate_size", "kv_lora_rank", "q_lora_rank"), _WIDE),
    **dict.fromkeys(("head_dim", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"), _NARROW),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts"), _MANY),
}
"""What no model comes near; tables are made of such sizes before a tensor is looked at."""
_PARTLY_ROTATED: Final = ("phi3",)
"""Families that ``partial_rotary_factor`` is for; transformers passes over it in others."""


def text_config(config: Json) -> Json:
    """The language model's part of a file: its ``text_config`` where the model also sees or hears (Gemma 3).

    Whether the head is the table of embeddings is said of the whole, where it is said.
    """
    for key in _NESTED:
        inner = table(config, key)
        if inner and config.get("model_type") not in FAMILIES:
            tied = config.get("tie_word_embeddings")
            return inner if tied is None else {**inner, "tie_word_embeddings": tied}
    return config


def decoder_from_checkpoint(name: str, stated: Json) -> DecoderConfig:
    """The architecture that a Hugging Face ``config.json`` states.

    Raises:
        ValueError: a field is missing or wrong, or the architecture is not one of ``FAMILIES``.
    """
    stated = text_config(stated)
    kind: object = stated.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ValueError(f"config.json: model_type `{kind}` is not one of {', '.join(FAMILIES)}")
    config: Json = {**FAMILIES[kind], **{key: value for key, value in stated.items() if value is not None}}
    config = {**config, **{key: None for key, value in stated.items() if value is None and key in _MAY_BE_NULL}}
    if config.get("use_bidirectional_attention"):
        raise ValueError("config.json: `use_bidirectional_attention` makes an encoder of it, which writes no text")
    layers, hidden, heads = extents(config)
    _check_most(config)
    latent = kind == "deepseek_v3"
    head_dim = whole(config, "qk_nope_head_dim" if latent else "head_dim", hidden // heads)
    kv_heads = whole(config, "num_key_value_heads", heads)
    _check_extents(heads, kv_heads, head_dim)
    windows = layer_windows(config, kind, layers)
    experts = _experts(config, kind)
    intermediate = whole(config, "intermediate_size")
    rotary = whole(config, "qk_rope_head_dim") if latent else head_dim
    rope = _rope(config, rotary, "full_attention")
    query = number(config, "query_pre_attn_scalar", 0.0)
    decoder = DecoderConfig(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        intermediate=intermediate,
        vocab=whole(config, "vocab_size"),
        rope=rope,
        local_rope=_rope(config, head_dim, LOCAL) if kind == "gemma3_text" else None,
        windows=windows,
        dense=_dense(config, layers, experts),
        epsilon=number(config, "rms_norm_eps", 1e-6),
        activation=_activation(config, kind),
        tied=bool(config.get("tie_word_embeddings", False)),
        experts=experts,
        experts_per_token=_experts_per_token(config, experts),
        expert_intermediate=whole(config, "moe_intermediate_size", intermediate) if experts else 0,
        normalize_experts=bool(config.get("norm_topk_prob", False)),
        shared_intermediate=whole(config, "shared_expert_intermediate_size", 0) if kind == "qwen2_moe" else 0,
        max_tokens=context(config, rope, "full_attention"),
        scale=query**-0.5 if query > 0 else 0.0,
        embed_scale=hidden**0.5 if kind.startswith("gemma") else 1.0,
        attention_cap=number(config, "attn_logit_softcapping", 0.0) if kind == "gemma2" else 0.0,
        logit_cap=number(config, "final_logit_softcapping", 0.0),
        swiglu_limit=number(config, "swiglu_limit", 0.0),
        swiglu_alpha=number(config, "swiglu_alpha", 1.702),
        extras=extras(config, kind, compressed=latent and bool(config.get("q_lora_rank"))),
    )
    return _with_latents(decoder, config) if latent else decoder


def _with_latents(decoder: DecoderConfig, config: Json) -> DecoderConfig:
    """DeepSeek-V3: latent attention, and a router that scores each expert for itself."""
    names = ("kv_lora_rank", "qk_rope_head_dim", "v_head_dim")
    latent, rope_dim, value_dim = (whole(config, name) for name in names)
    groups, expert_groups = whole(config, "topk_group"), whole(config, "n_group")
    if not latent or not value_dim or rope_dim % 2 or (expert_groups and decoder.experts % expert_groups):
        raise ValueError(f"config.json: latents of {latent} and {expert_groups} groups of experts are no model")
    scaling = rope_table(config, "full_attention")
    weight = number(scaling, "mscale_all_dim", 0.0)
    magnitude = yarn_magnitude(number(scaling, "factor", 1.0), weight) if weight else 1.0
    return replace(
        decoder,
        latent=latent,
        query_latent=whole(config, "q_lora_rank", 0),
        rope_dim=rope_dim,
        value_dim=value_dim,
        kv_heads=1,
        interleaved=bool(config.get("rope_interleave", True)),
        scale=(decoder.head_dim + rope_dim) ** -0.5 * magnitude**2,
        sigmoid_router=True,
        expert_groups=expert_groups,
        groups_per_token=groups,
        routed_scale=number(config, "routed_scaling_factor", 1.0),
        shared_intermediate=whole(config, "n_shared_experts", 0) * decoder.expert_intermediate,
    )


_MAY_BE_NULL: Final = ("sliding_window", "attn_logit_softcapping", "final_logit_softcapping")
"""Where null says "none" rather than "the default"."""


def _check_extents(heads: int, kv_heads: int, head_dim: int) -> None:
    if not kv_heads or heads % kv_heads or not 0 < head_dim <= _NARROW or head_dim % 2:
        raise ValueError(f"config.json: {heads} heads of width {head_dim} over {kv_heads} kv heads are no attention")


def _check_most(config: Json) -> None:
    for key, most in _MOST.items():
        if whole(config, key, 0) > most:
            raise ValueError(f"config.json: `{key}` is {config[key]}, more than {most}")


def _activation(config: Json, kind: str) -> str:
    """The first files of Gemma say ``gelu`` and mean its approximation by tanh."""
    stated = str(config.get("hidden_activation") or config.get("hidden_act") or "silu")
    return "gelu_pytorch_tanh" if kind == "gemma" and stated == "gelu" else stated


def _experts(config: Json, kind: str) -> int:
    if kind == "deepseek_v3":
        return whole(config, "n_routed_experts", 256)
    if kind not in ("mixtral", "gpt_oss") and not kind.endswith("_moe"):
        return 0
    return whole(config, "num_local_experts", whole(config, "num_experts", 0))


def _experts_per_token(config: Json, experts: int) -> int:
    chosen = whole(config, "num_experts_per_tok", 0)
    if experts and not 0 < chosen <= experts:
        raise ValueError(f"config.json: `num_experts_per_tok` is {chosen}, for {experts} experts")
    return chosen if experts else 0


def _rope(config: Json, head_dim: int, layer_type: str) -> Rope:
    """Gemma 3 keeps local layers unstretched, with a base of their own."""
    scaling: Json = rope_table(config, layer_type)
    local = layer_type == LOCAL
    if local and scaling is rope_table(config, "full_attention"):
        scaling = dict[str, object]()
    theta = number(config, "rope_local_base_freq" if local else "rope_theta", 10000.0)
    share = number(scaling, "partial_rotary_factor", number(config, "partial_rotary_factor", 1.0))
    if not 0 < share <= 1 or int(head_dim * share) < 2:
        raise ValueError(f"config.json: `partial_rotary_factor` is {share:g}")
    if share != 1 and config.get("model_type") not in _PARTLY_ROTATED:
        raise ValueError(
            f"config.json: heads of type `{config.get('model_type')}` are rotated as a whole, not {share:g} of them"
        )
    return read_rope(scaling, int(head_dim * share) // 2 * 2, number(scaling, "rope_theta", theta), config)


def _dense(config: Json, layers: int, experts: int) -> tuple[bool, ...]:
    """Qwen's mixtures may keep layers dense: ``mlp_only_layers``, and all but every ``decoder_sparse_step``-th."""
    listed: object = config.get("mlp_only_layers")
    first = whole(config, "first_k_dense_replace", 0) if experts else 0
    only: list[object] = [*cast(list[object], listed)] if isinstance(listed, list) else []
    step = max(whole(config, "decoder_sparse_step", 1), 1) if experts else 1
    return tuple(not experts or layer < first or layer in only or (layer + 1) % step != 0 for layer in range(layers))
