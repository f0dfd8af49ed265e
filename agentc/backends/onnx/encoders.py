"""The architecture of encoders and of Whisper, from a checkpoint's ``config.json`` or from a bare shape."""

from typing import Final

from agentc.backends.onnx.config import EncoderConfig, SpeechConfig, extents
from agentc.backends.onnx.fields import Json, number, whole
from agentc.plan.models import ModelShape

ENCODERS: Final = ("bert", "roberta", "xlm-roberta")
"""``model_type`` values that ``encoder_from_checkpoint`` reads."""


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
    if (places := config.get("position_embedding_type", "absolute")) != "absolute":
        raise ValueError(f"config.json: position_embedding_type `{places}` is not `absolute`")
    modes = {key for key, on in pooling.items() if key.startswith("pooling_mode_") and on is True}
    if not modes <= {"pooling_mode_mean_tokens"} and not modes <= {"pooling_mode_cls_token"}:
        raise ValueError(f"pooling {sorted(modes)} is neither of mean and first token")
    positions = whole(config, "max_position_embeddings", 512)
    first = 0 if kind == "bert" else whole(config, "pad_token_id", 1) + 1
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
        types=whole(config, "type_vocab_size", 2),
        epsilon=number(config, "layer_norm_eps", 1e-12),
        activation=str(config.get("hidden_act", "gelu")),
        pooling="cls" if "pooling_mode_cls_token" in modes else "mean",
        max_tokens=min(positions - first, whole(limits, "max_seq_length", positions)),
        first=first,
    )


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
