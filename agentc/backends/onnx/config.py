"""What a graph is built from: the architecture in full, from a checkpoint's ``config.json`` or from a bare shape."""

import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

from agentc.plan.models import ModelShape
from agentc.support.record import record

SUPPORTED_DECODERS: Final = ("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe")
"""``model_type`` values whose arithmetic the decoder reproduces. Others would run and answer wrongly."""

Json: TypeAlias = Mapping[str, Any]


@record(slots=True)
class DecoderConfig:
    """A decoder-only language model of the Llama family."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    inverse_frequencies: tuple[float, ...]
    """Radians per position of each rotary pair."""
    windows: tuple[int, ...]
    """Per layer: how many tokens it sees, itself included; 0 for all."""
    dense: tuple[bool, ...]
    """Per layer: whether its feed-forward part is dense rather than experts."""
    epsilon: float = 1e-5
    gated: bool = True
    activation: str = "silu"
    tied: bool = False
    experts: int = 0
    experts_per_token: int = 0
    expert_intermediate: int = 0
    normalize_experts: bool = True
    """Whether the weights of the chosen experts sum to one."""
    shared_intermediate: int = 0
    """Width of the expert that every token visits; 0 without one."""
    max_tokens: int = 4096


@record(slots=True)
class EncoderConfig:
    """A BERT encoder."""

    name: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocab: int
    positions: int = 512
    types: int = 2
    epsilon: float = 1e-12
    activation: str = "gelu"
    pooling: str = "mean"
    """``mean`` over the tokens, or ``cls``: the first."""
    max_tokens: int = 512


def rotary_frequencies(head_dim: int, theta: float = 10000.0, scaling: Json | None = None) -> tuple[float, ...]:
    """Radians per position of each pair: ``theta ** (-2 i / head_dim)`` (RoPE, arXiv 2104.09864), scaled.

    Raises:
        ValueError: a scaling other than ``linear`` and ``llama3``.
    """
    if theta <= 0:
        raise ValueError(f"config.json: `rope_theta` is {theta:g}, not above zero")
    plain = [theta ** (-2 * i / head_dim) for i in range(head_dim // 2)]
    kind = str(scaling.get("rope_type", scaling.get("type", "default"))) if scaling else "default"
    if scaling is None or kind == "default":
        return tuple(plain)
    factor = number(scaling, "factor", 1.0)
    if factor <= 0:
        raise ValueError(f"config.json: rope_scaling has factor {factor:g}, not above zero")
    if kind == "linear":
        return tuple(f / factor for f in plain)
    if kind == "llama3":
        return tuple(_llama3(f, factor, scaling) for f in plain)
    raise ValueError(f"config.json: rope_scaling `{kind}` is not known; `linear` and `llama3` are")


def _llama3(frequency: float, factor: float, scaling: Json) -> float:
    """Llama 3.1's scaling: long waves are slowed by ``factor``, short ones kept, those between blended."""
    low, high = number(scaling, "low_freq_factor", 1.0), number(scaling, "high_freq_factor", 4.0)
    turns = number(scaling, "original_max_position_embeddings", 8192.0) * frequency / (2 * math.pi)
    if turns < low:
        return frequency / factor
    if turns > high:
        return frequency
    blend = (turns - low) / (high - low)
    return (1 - blend) * frequency / factor + blend * frequency


def decoder_from_shape(shape: ModelShape) -> DecoderConfig:
    """The usual Llama constants around a shape."""
    per_layer = range(shape.layers)
    return DecoderConfig(
        name=shape.name,
        layers=shape.layers,
        hidden=shape.hidden,
        heads=shape.heads,
        kv_heads=shape.kv_heads or shape.heads,
        head_dim=shape.head_dim or shape.hidden // shape.heads,
        intermediate=shape.intermediate,
        vocab=shape.vocab,
        inverse_frequencies=rotary_frequencies(shape.head_dim or shape.hidden // shape.heads),
        windows=tuple(shape.sliding_window if _is_local(shape, layer) else 0 for layer in per_layer),
        dense=tuple(not shape.experts or layer < shape.dense_layers for layer in per_layer),
        gated=shape.gated_mlp,
        activation="silu" if shape.gated_mlp else "gelu",
        tied=shape.tied_embeddings,
        experts=shape.experts,
        experts_per_token=shape.experts_per_token,
        expert_intermediate=shape.expert_intermediate,
        shared_intermediate=shape.shared_experts * shape.expert_intermediate,
        max_tokens=shape.max_tokens or 4096,
    )


def _is_local(shape: ModelShape, layer: int) -> bool:
    every = shape.full_attention_every
    return shape.sliding_window > 0 and (every <= 1 or (layer + 1) % every != 0)


def decoder_from_checkpoint(name: str, config: Json) -> DecoderConfig:
    """The architecture that a Hugging Face ``config.json`` states.

    Raises:
        ValueError: a field is missing or wrong, or the architecture is not one of ``SUPPORTED_DECODERS``.
    """
    kind = config.get("model_type")
    if kind not in SUPPORTED_DECODERS:
        raise ValueError(f"config.json: model_type `{kind}` is not one of {', '.join(SUPPORTED_DECODERS)}")
    layers, hidden, heads = _extents(config)
    head_dim = whole(config, "head_dim", hidden // heads)
    mixture = kind == "mixtral" or kind.endswith("_moe")
    experts = whole(config, "num_local_experts", whole(config, "num_experts", 0)) if mixture else 0
    scaling = table(config, "rope_scaling") or table(config, "rope_parameters")
    theta = number(config, "rope_theta", number(scaling, "rope_theta", 10000.0))
    intermediate = whole(config, "intermediate_size")
    return DecoderConfig(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=whole(config, "num_key_value_heads", heads),
        head_dim=head_dim,
        intermediate=intermediate,
        vocab=whole(config, "vocab_size"),
        inverse_frequencies=rotary_frequencies(head_dim, theta, scaling),
        windows=_windows(config, layers),
        dense=_dense(config, layers, experts),
        epsilon=number(config, "rms_norm_eps", 1e-6),
        activation=str(config.get("hidden_act", "silu")),
        tied=bool(config.get("tie_word_embeddings", False)),
        experts=experts,
        experts_per_token=whole(config, "num_experts_per_tok", 0),
        expert_intermediate=whole(config, "moe_intermediate_size", intermediate) if experts else 0,
        normalize_experts=kind == "mixtral" or bool(config.get("norm_topk_prob", False)),
        shared_intermediate=whole(config, "shared_expert_intermediate_size", 0) if kind == "qwen2_moe" else 0,
        max_tokens=whole(config, "max_position_embeddings", 4096),
    )


def _windows(config: Json, layers: int) -> tuple[int, ...]:
    """Llama and Mixtral name no kind per layer; Qwen switches windows by a flag; newer files list layer types."""
    window = whole(config, "sliding_window", 0)
    if not window or not config.get("use_sliding_window", config["model_type"] in ("mistral", "mixtral")):
        return (0,) * layers
    if isinstance(kinds := config.get("layer_types"), list):
        listed = cast(list[object], kinds)
        if len(listed) != layers:
            raise ValueError(f"config.json: layer_types has {len(listed)} entries for {layers} layers")
        return tuple(window if kind == "sliding_attention" else 0 for kind in listed)
    first = whole(config, "max_window_layers", 0) if str(config["model_type"]).startswith("qwen") else 0
    return tuple(window if layer >= first else 0 for layer in range(layers))


def _dense(config: Json, layers: int, experts: int) -> tuple[bool, ...]:
    """Qwen's mixtures may keep layers dense: ``mlp_only_layers``, and all but every ``decoder_sparse_step``-th."""
    listed: object = config.get("mlp_only_layers")
    only: list[object] = [*cast(list[object], listed)] if isinstance(listed, list) else []
    step = max(whole(config, "decoder_sparse_step", 1), 1) if experts else 1
    return tuple(not experts or layer in only or (layer + 1) % step != 0 for layer in range(layers))


def encoder_from_shape(shape: ModelShape) -> EncoderConfig:
    """BERT's constants around a shape."""
    limit = shape.max_tokens or 512
    return EncoderConfig(
        name=shape.name,
        layers=shape.layers or shape.encoder_layers,
        hidden=shape.hidden,
        heads=shape.heads,
        intermediate=shape.intermediate,
        vocab=shape.vocab,
        positions=limit,
        max_tokens=limit,
    )


def encoder_from_checkpoint(name: str, config: Json, pooling: Json, limits: Json) -> EncoderConfig:
    """The architecture of a BERT checkpoint; ``pooling`` and ``limits`` are sentence-transformers' files, or empty.

    Raises:
        ValueError: a field is missing or wrong, or the architecture is not BERT with mean or first-token pooling.
    """
    if config.get("model_type") != "bert":
        raise ValueError(f"config.json: model_type `{config.get('model_type')}` is not `bert`")
    if (places := config.get("position_embedding_type", "absolute")) != "absolute":
        raise ValueError(f"config.json: position_embedding_type `{places}` is not `absolute`")
    modes = {key for key, on in pooling.items() if key.startswith("pooling_mode_") and on is True}
    if not modes <= {"pooling_mode_mean_tokens"} and not modes <= {"pooling_mode_cls_token"}:
        raise ValueError(f"pooling {sorted(modes)} is neither of mean and first token")
    positions = whole(config, "max_position_embeddings", 512)
    layers, hidden, heads = _extents(config)
    return EncoderConfig(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        intermediate=whole(config, "intermediate_size"),
        vocab=whole(config, "vocab_size"),
        positions=positions,
        types=whole(config, "type_vocab_size", 2),
        epsilon=number(config, "layer_norm_eps", 1e-12),
        activation=str(config.get("hidden_act", "gelu")),
        pooling="cls" if "pooling_mode_cls_token" in modes else "mean",
        max_tokens=min(positions, whole(limits, "max_seq_length", positions)),
    )


def _extents(config: Json) -> tuple[int, int, int]:
    """Layers, hidden width and heads; none is zero, and the layers are no more than any model has."""
    layers, hidden, heads = (whole(config, f) for f in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    if not (0 < layers <= 10_000 and hidden > 0 and 0 < heads <= hidden):
        raise ValueError(f"config.json: {layers} layers of width {hidden} with {heads} heads are no model")
    return layers, hidden, heads


def table(config: Json, key: str) -> Json:
    """A field that is an object; empty where it is missing or null.

    Raises:
        ValueError: it is something else.
    """
    value = config.get(key)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"config.json: `{key}` is {value!r}, not an object")
    return cast(Json, value or {})


def number(config: Json, key: str, default: float) -> float:
    """A field that is a finite number; ``default`` where it is missing or null.

    Raises:
        ValueError: it is something else.
    """
    value = config.get(key)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"config.json: `{key}` is {value!r}, not a number")
    return float(value)


def whole(config: Json, key: str, default: int | None = None) -> int:
    """A field that must be a whole number, not negative.

    Raises:
        ValueError: it is something else, or it is missing and there is no default.
    """
    value = config.get(key)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"config.json: `{key}` is {value!r}, not a whole number")
    return value


def check_agrees(shape: ModelShape, config: DecoderConfig | EncoderConfig) -> None:
    """Refuse a checkpoint of another model than the one that was planned for. Fields that the shape leaves at 0 agree.

    Raises:
        ValueError: names the first field that differs, with both values.
    """
    for field in ("layers", "hidden", "heads", "kv_heads", "head_dim", "intermediate", "vocab", "experts"):
        stated, found = getattr(shape, field), getattr(config, field, 0)
        if stated and found and stated != found:
            raise ValueError(f"the checkpoint has {field} = {found}, but model `{shape.name}` states {stated}")
