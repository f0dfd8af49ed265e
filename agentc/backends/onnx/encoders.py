"""The architecture of encoders and of Whisper, from a checkpoint's ``config.json`` or from a bare shape."""

from typing import Final

from agentc.backends.onnx.config import EncoderConfig, SpeechConfig, extents
from agentc.backends.onnx.fields import Json, number, whole
from agentc.plan.models import ModelShape

_ROBERTA: Final = ("classifier.dense", "classifier.out_proj", "tanh")
_HEADS: Final = {
    "bert": ("pooler.dense", "classifier", "tanh"),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "mpnet": _ROBERTA,
    "electra": ("classifier.dense", "classifier.out_proj", "gelu"),
    "distilbert": ("pre_classifier", "classifier", "relu"),
}
ENCODERS: Final = tuple(_HEADS)
"""``model_type`` values that ``encoder_from_checkpoint`` reads."""

_AFTER_PADDING: Final = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Families whose positions begin after that of padding."""
_ONE_SEGMENT: Final = ("distilbert", "mpnet")
"""Families without segments."""
_DISTILBERT: Final = {
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "hidden_dim": "intermediate_size",
    "activation": "hidden_act",
}
"""Its names for what others have, too."""


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
    """The architecture of a checkpoint of BERT's kind; ``pooling`` and ``limits`` are sentence-transformers' files,
    or empty.

    Raises:
        ValueError: a field is missing or wrong, or the architecture is not one of ``ENCODERS`` with mean or
            first-token pooling.
    """
    if (kind := config.get("model_type")) not in ENCODERS:
        raise ValueError(f"config.json: model_type `{kind}` is not one of {', '.join(ENCODERS)}")
    if kind == "distilbert":
        fixed = (*_DISTILBERT.values(), "layer_norm_eps")  # what the family would pass over
        config = {_DISTILBERT.get(key, key): value for key, value in config.items() if key not in fixed}
    if config.get("is_decoder") or config.get("add_cross_attention"):
        raise ValueError("config.json: `is_decoder` makes a writer of it, which looks back only")
    if (places := config.get("position_embedding_type", "absolute")) != "absolute":
        raise ValueError(f"config.json: position_embedding_type `{places}` is not `absolute`")
    modes = {key for key, on in pooling.items() if key.startswith("pooling_mode_") and on is True}
    modes |= {f"pooling_mode_{one}" for one in [pooling.get("pooling_mode")] if one is not None}
    modes = {_MODES.get(mode, mode) for mode in modes}
    if not modes <= {"pooling_mode_mean_tokens"} and not modes <= {"pooling_mode_cls_token"}:
        raise ValueError(f"pooling {sorted(modes)} is neither of mean and first token")
    positions = whole(config, "max_position_embeddings", 512)
    first = whole(config, "pad_token_id", 1) + 1 if kind in _AFTER_PADDING else 0
    if positions <= first:
        raise ValueError(f"config.json: `max_position_embeddings` is {positions}, which leaves no room for a text")
    layers, hidden, heads = extents(config)
    return EncoderConfig(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        intermediate=whole(config, "intermediate_size"),
        vocab=whole(config, "vocab_size"),
        positions=positions,
        types=0 if kind in _ONE_SEGMENT else max(whole(config, "type_vocab_size", 2), 1),
        epsilon=number(config, "layer_norm_eps", 1e-12),
        activation=str(config.get("hidden_act", "gelu")),
        pooling="cls" if "pooling_mode_cls_token" in modes else "mean",
        max_tokens=min(positions - first, whole(limits, "max_seq_length", positions)),
        first=first,
        embedding=_embedding(config, kind, hidden),
        buckets=whole(config, "relative_attention_num_buckets", 32) if kind == "mpnet" else 0,
        head=_HEADS[kind],
    )


_MODES: Final = {"pooling_mode_mean": "pooling_mode_mean_tokens", "pooling_mode_cls": "pooling_mode_cls_token"}
"""How newer files call them."""


def _embedding(config: Json, kind: str, hidden: int) -> int:
    width = whole(config, "embedding_size", 128) if kind == "electra" else hidden
    return 0 if width == hidden else width


def speech_from_checkpoint(name: str, config: Json) -> SpeechConfig:
    """The architecture of a Whisper checkpoint.

    Raises:
        ValueError: a field is missing or wrong, or it is not Whisper.
    """
    if (kind := config.get("model_type")) != "whisper":
        raise ValueError(f"config.json: model_type `{kind}` is not `whisper`")
    if config.get("scale_embedding"):
        raise ValueError("config.json: `scale_embedding` is not known")
    keys = ("d_model", "num_mel_bins", "max_source_positions", "encoder_layers", "encoder_attention_heads")
    hidden, bands, positions, encoder_layers, encoder_heads = (whole(config, key) for key in keys)
    layers, heads = whole(config, "decoder_layers"), whole(config, "decoder_attention_heads")
    if (
        not all((hidden, bands, positions, heads, encoder_heads))
        or hidden % (heads or 1)
        or max(layers, bands) > 10_000
    ):
        raise ValueError(f"config.json: width {hidden} with {heads} heads over {bands} bands is no model")
    return SpeechConfig(
        name=name,
        hidden=hidden,
        bands=bands,
        positions=positions,
        encoder_layers=encoder_layers,
        encoder_heads=encoder_heads,
        encoder_intermediate=whole(config, "encoder_ffn_dim"),
        layers=layers,
        heads=heads,
        intermediate=whole(config, "decoder_ffn_dim"),
        vocab=whole(config, "vocab_size"),
        max_tokens=whole(config, "max_target_positions", 448),
        activation=str(config.get("activation_function", "gelu")),
    )
