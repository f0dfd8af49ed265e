"""The shape of a decoder from its ``config.json``."""

import re
from typing import Any

from agentc.catalog.config import families
from agentc.catalog.config.fields import TALLEST, Fields, check_width, head_width
from agentc.catalog.config.layers import dense_layers, kinds_of_layers
from agentc.plan.models import ModelShape

HIDDEN = ("hidden_size", "d_model", "n_embd", "dim")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
INNER = ("intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim", "hidden_dim")
EXPERTS = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
CHOSEN = (
    "num_experts_per_tok",
    "experts_per_token",
    "num_experts_per_token",
    "moe_topk",
    "moe_k",
    "moe_top_k",
)
EXPERT_INNER = ("moe_intermediate_size", "expert_ffn_hidden_size", "moe_ffn_hidden_size", "intermediate_size")
SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert")
SHARED_INNER = ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "shared_intermediate_size")

_STRANGE = re.compile(r"(?:^|_)(?:ssm|mamba|rwkv|conv|state|memory|recurrent|lstm|gru|delta|hyper|latent)(?:_|$)")
"""What names of fields have of an architecture beyond attention and feed-forward blocks."""


def decoder_shape(fields: Fields, name: str, family: str) -> ModelShape:
    """The shape of a decoder.

    Raises:
        ConfigError: A field is missing or wrong, contradicts another, or tells of what no work formula counts.
    """
    _check_family(fields, family)
    fields = _completed(fields, family)
    layers = fields.count(*LAYERS, most=TALLEST)
    hidden, heads = fields.count(*HIDDEN), fields.count(*HEADS)
    mlp = _feed_forward(fields, family, hidden, layers)
    shape = ModelShape(
        name=name,
        kind="decoder",
        layers=layers,
        hidden=hidden,
        heads=heads,
        vocab=fields.count("vocab_size", "padded_vocab_size"),
        gated_mlp=family not in families.UNGATED,
        tied_embeddings=fields.flag("tie_word_embeddings", _tied(fields, family)),
        max_tokens=fields.count(
            "max_position_embeddings", "seq_length", "n_positions", "max_seq_len", "model_max_length", default=0
        ),
        index_heads=fields.count("index_n_heads", default=0),
        four_bit="experts" if family in families.EXPERTS_ONLY else "all",
        source=f"{fields.config.file} ({_told(family)})",
        **_heads(fields, family, hidden, heads),
        **kinds_of_layers(fields, family, layers, hidden, heads),
        **mlp,
    )
    return shape


def _told(family: str) -> str:
    return family if family in families.KNOWN else f"{family or 'no model_type'}, read as a plain decoder"


def _check_family(fields: Fields, family: str) -> None:
    """Refuse a family that is known to differ, and an unknown one with fields that tell of more than attention."""
    if reason := families.OTHERWISE.get(family):
        fields.config.fail("model_type", f"is `{family}`, which {reason}", _HELP)
    if family in families.KNOWN:
        return
    for name, value in fields.config.fields.items():
        if _STRANGE.search(name) and isinstance(value, int | list) and not isinstance(value, bool):
            known = f"`{family}` is no known model_type" if family else "there is no model_type"
            fields.config.fail(name, f"tells of an architecture that no work formula counts ({known})", _HELP)


_HELP = "state its `shape:` in the definition, or a model that is near"


def _completed(fields: Fields, family: str) -> Fields:
    """With what the family's files leave unsaid, and what older ones have in parts of their own."""
    config = fields.config
    moe, attention = fields.part("ffn_config"), fields.part("attn_config")
    linear = fields.part("linear_attn_config")
    inner = {
        "num_key_value_heads": attention.config.fields.get("kv_n_heads"),
        "intermediate_size": moe.config.fields.get("ffn_hidden_size"),
        "num_experts": moe.config.fields.get("moe_num_experts"),
        "num_experts_per_tok": moe.config.fields.get("moe_top_k"),
        "linear_num_heads": linear.config.fields.get("num_heads"),
        "linear_head_dim": linear.config.fields.get("head_dim"),
    }
    extra = {**families.DEFAULTS.get(family, {}), **{key: value for key, value in inner.items() if value is not None}}
    stated = {key: value for key, value in config.fields.items() if value is not None}
    return Fields(type(config)({**extra, **stated}, config.file, config.text))


def _tied(fields: Fields, family: str) -> bool:
    """Of the Falcons, those of the first architecture share the table."""
    if family == "falcon" and fields.flag("new_decoder_architecture", False):
        return False
    return family in families.TIED


def _heads(fields: Fields, family: str, hidden: int, heads: int) -> dict[str, Any]:
    kv_heads = _kv_heads(fields, family, heads)
    if fields.count("kv_lora_rank", default=0):
        return {"kv_heads": kv_heads, **_latent(fields, hidden, heads)}
    name = fields.stated("head_dim", "kv_channels", "attention_head_dim")
    if name is None or not fields.count(name, default=0):
        head_dim = head_width(fields, fields.stated(*HIDDEN) or HIDDEN[0], hidden, heads)
    else:
        head_dim = fields.count(name)
        check_width(fields, name, hidden, heads, head_dim)
    values = fields.count("v_head_dim", default=head_dim)
    gate = family in ("qwen3_next", "qwen3_5", "qwen3_5_moe", "qwen3_5_text", "qwen3_5_moe_text")
    return {
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "value_head_dim": values if values != head_dim else 0,
        "attention_gate": fields.flag("attn_output_gate", gate),
    }


def _kv_heads(fields: Fields, family: str, heads: int) -> int:
    if family == "falcon" and not fields.flag("new_decoder_architecture", False):
        return 1 if fields.flag("multi_query", True) else heads
    if family == "gpt_bigcode":
        return 1 if fields.flag("multi_query", True) else heads
    name = fields.stated("num_key_value_heads", "num_kv_heads", "multi_query_group_num")
    if name is None or (family == "chatglm" and not fields.flag("multi_query_attention", True)):
        return heads
    kv_heads = fields.count(name)
    if kv_heads > heads:
        fields.config.fail(name, f"is {kv_heads}, more than its {heads} heads")
    if heads % kv_heads:
        fields.config.fail(name, f"is {kv_heads}, which does not divide {heads} heads")
    return kv_heads


def _latent(fields: Fields, hidden: int, heads: int) -> dict[str, Any]:
    """Multi-head latent attention: heads of queries have a part without and one with rotary positions."""
    plain, rotary = fields.count("qk_nope_head_dim"), fields.count("qk_rope_head_dim", default=0)
    both = fields.count("qk_head_dim", default=plain + rotary)
    if both != plain + rotary:
        fields.config.fail("qk_head_dim", f"is {both}, but its parts are {plain} and {rotary}")
    check_width(fields, "qk_nope_head_dim", hidden, heads, plain)
    values = fields.count("v_head_dim", default=plain)
    return {
        "head_dim": plain,
        "value_head_dim": values if values != plain else 0,
        "kv_lora_rank": fields.count("kv_lora_rank"),
        "q_lora_rank": fields.count("q_lora_rank", default=0),
        "qk_rope_head_dim": rotary,
    }


def _feed_forward(fields: Fields, family: str, hidden: int, layers: int) -> dict[str, Any]:
    experts = fields.count(*EXPERTS, default=0)
    ratio = fields.count("expansion_ratio", default=4)
    dense = fields.count(*INNER, default=ratio * hidden) or ratio * hidden
    if not experts:
        return {"intermediate": dense}
    name = fields.stated(*CHOSEN) or CHOSEN[0]
    chosen = fields.count(*CHOSEN)
    if chosen > experts:
        fields.config.fail(name, f"is {chosen}, more than its {experts} experts")
    width = fields.count(*(INNER if family in ("llama4", "llama4_text") else EXPERT_INNER))
    if fields.stated(*INNER, "intermediate_size_mlp") is None:
        dense = width
    return {
        "intermediate": fields.count("intermediate_size_mlp", default=dense),
        "experts": experts,
        "experts_per_token": chosen,
        "expert_intermediate": width,
        "dense_layers": dense_layers(fields, layers),
        **_shared(fields, family, width),
    }


def _shared(fields: Fields, family: str, width: int) -> dict[str, int]:
    """Shared experts: how many, or how wide all of them are together."""
    together = fields.count(*SHARED_INNER, default=0)
    if not together:
        default = 1 if family in families.ONE_SHARED else 0
        return {"shared_experts": fields.count(*SHARED, default=default)}
    if together % width == 0:
        return {"shared_experts": together // width}
    return {"shared_experts": 1, "shared_intermediate": together}
