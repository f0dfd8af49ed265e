"""Which layers of a decoder attend to all, to a window or by a state, and which are without experts."""

from typing import Any

from agentc.catalog.config import families
from agentc.catalog.config.fields import TALLEST, Fields


def kinds_of_layers(fields: Fields, family: str, layers: int, hidden: int, heads: int) -> dict[str, Any]:
    """The fields of a shape that tell how its layers attend.

    Raises:
        ConfigError: A kind of layer is unknown, or there are not as many kinds as layers.
    """
    local, linear = _counted(fields, family, layers)
    window = fields.count("sliding_window", "attention_chunk_size", "window_size", default=0)
    if local and not window:
        fields.config.refuse(f"has {local} layers with a window, but states no `sliding_window`")
    found: dict[str, Any] = _linear(fields, linear, hidden, heads) if linear else {}
    return found | (_windowed(window, local, layers - linear) if local else {})


def dense_layers(fields: Fields, layers: int) -> int:
    """How many layers of a mixture of experts have none. The several ways to say so exclude each other."""
    if kinds := fields.listed("mlp_layer_types"):
        return _as_many(fields, "mlp_layer_types", kinds, layers).count("dense")
    if routed := fields.listed("moe_layers"):
        return max(layers - len(routed), 0)
    step = fields.count("decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval", default=1)
    frequency = fields.config.fields.get("moe_layer_freq")
    if isinstance(frequency, list):
        return _as_many(fields, "moe_layer_freq", fields.listed("moe_layer_freq"), layers).count(0)
    first = fields.count("first_k_dense_replace", "moe_layer_start_index", default=0, most=TALLEST)
    if first > layers:
        name = fields.stated("first_k_dense_replace", "moe_layer_start_index") or ""
        fields.config.fail(name, f"is {first}, more than its {layers} layers")
    if isinstance(frequency, int) and not isinstance(frequency, bool):
        step = max(frequency, 1)
        return layers - sum(layer >= first and layer % step == 0 for layer in range(layers))
    named = set(fields.listed("mlp_only_layers"))
    return sum(layer < first or layer in named or (layer + 1) % max(step, 1) != 0 for layer in range(layers))


def _counted(fields: Fields, family: str, layers: int) -> tuple[int, int]:
    """Layers with a window, and layers with a state."""
    if listed := fields.listed("layer_types"):
        kinds = _as_many(fields, "layer_types", listed, layers)
        for kind in kinds:
            if kind not in families.FULL | families.LOCAL | families.LINEAR:
                rest = f"has layers of `{kind}`, which no work formula counts"
                fields.config.fail("layer_types", rest, f"known: {', '.join(sorted(families.FULL | families.LOCAL))}")
        return sum(kind in families.LOCAL for kind in kinds), sum(kind in families.LINEAR for kind in kinds)
    if kinds := fields.listed("attn_type_list"):
        return 0, _as_many(fields, "attn_type_list", kinds, layers).count(0)
    if states := fields.part("linear_attn_config").listed("kda_layers"):
        return 0, len(states)
    if every := fields.count("full_attention_interval", default=0):
        return 0, layers - layers // every
    return _windowed_layers(fields, family, layers), 0


def _windowed_layers(fields: Fields, family: str, layers: int) -> int:
    if family in ("llama4", "llama4_text"):
        every = fields.count("no_rope_layer_interval", default=4)
        return layers - (layers // every if every else 0) if fields.count("attention_chunk_size", default=8192) else 0
    if not fields.count("sliding_window", "window_size", default=0) or not fields.flag("use_sliding_window", True):
        return 0
    if family.startswith("qwen"):
        return max(layers - fields.count("max_window_layers", default=layers), 0)
    if family == "gpt_neo":
        return layers // 2
    every = _period(fields) or families.ALTERNATING.get(family, 0)
    if every:
        return layers - layers // every
    return layers if family in families.ALL_WINDOWED or family not in families.KNOWN else 0


def _period(fields: Fields) -> int:
    """Every n-th layer sees everything: a number, or a text like ``LLLG``."""
    name = fields.stated("sliding_window_pattern", "_sliding_window_pattern")
    if name is None:
        return 0
    value = fields.config.fields[name]
    if isinstance(value, str) and set(value) == {"L", "G"}:
        return len(value) // value.count("G")
    return fields.count(name)


def _windowed(window: int, local: int, attending: int) -> dict[str, int]:
    """A window on ``local`` of ``attending`` layers: by a period where one gives that number."""
    full = attending - local
    if not full:
        return {"sliding_window": window}
    every = max(attending // full, 2)
    if attending // every == full:
        return {"sliding_window": window, "full_attention_every": every}
    return {"sliding_window": window, "full_attention_every": every, "full_attention_layers": full}


def _linear(fields: Fields, layers: int, hidden: int, heads: int) -> dict[str, int]:
    """Heads of linear attention: of their own, or as many and as wide as those of attention (lightning attention)."""
    width = fields.count("linear_head_dim", "head_dim", default=hidden // heads)
    keys = fields.count("linear_num_key_heads", "linear_num_heads", default=heads)
    values = fields.count("linear_num_value_heads", "linear_num_heads", default=heads)
    if values % max(keys, 1):
        fields.config.fail("linear_num_value_heads", f"is {values}, which {keys} heads of keys do not divide")
    return {
        "linear_layers": layers,
        "linear_key_heads": keys,
        "linear_value_heads": values,
        "linear_key_dim": fields.count("linear_key_head_dim", default=width),
        "linear_value_dim": fields.count("linear_value_head_dim", default=width),
    }


def _as_many(fields: Fields, name: str, entries: tuple[Any, ...], layers: int) -> list[Any]:
    if len(entries) < layers:
        fields.config.fail(name, f"has {len(entries)} entries for {layers} layers")
    return list(entries[:layers])
