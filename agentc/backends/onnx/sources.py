"""Where a model's graphs come from: a checkpoint folder, or a seed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

from agentc.backends.onnx import stand_in
from agentc.backends.onnx.config import DecoderConfig, EncoderConfig, SpeechConfig, check_agrees, decoder_from_shape
from agentc.backends.onnx.fields import table, whole
from agentc.backends.onnx.quantize import Quantization, of_precision
from agentc.backends.onnx.stand_in import decoder_shapes, encoder_shapes
from agentc.backends.onnx.views import Weights
from agentc.backends.onnx.weights import Checkpoint, Seeded, read_json
from agentc.plan.models import ModelShape
from agentc.support.record import record

Role: TypeAlias = Literal["decoder", "embedding", "rerank", "stt"]

_READ_QUANTIZED: Final = ("mxfp4", "fp8")
"""``quant_method`` values of checkpoints that are read."""


@record(slots=True)
class Source:
    """All that a model's folder is written from."""

    config: DecoderConfig | EncoderConfig | SpeechConfig
    weights: Weights
    facts: Mapping[str, Any]
    """What ``model.json`` says beside the architecture."""
    checkpoint: Path | None
    quantization: Quantization | None = None
    chat: Mapping[str, str] | None = None
    """The template that turns roles into a prompt, and the special tokens that it names."""


def seeded(shape: ModelShape, role: Role, seed: int) -> Source:
    """A stand-in of the shape.

    Raises:
        ValueError: the kind of model has none.
    """
    small = stand_in.stand_in(shape)
    facts = {"stand_in": True, "tokenizer": "bytes", "end": [257], "seed": seed}
    if role == "decoder":
        config = decoder_from_shape(small)
        return Source(config, Seeded(decoder_shapes(config), seed), facts, None)
    if role == "stt":
        raise ValueError("a recognizer of speech has no stand-in; name a checkpoint of Whisper")
    from agentc.backends.onnx.encoders import encoder_from_shape

    config = encoder_from_shape(small)
    return Source(config, Seeded(encoder_shapes(config, classifier=role == "rerank"), seed), facts, None)


def from_checkpoint(shape: ModelShape, role: Role, folder: Path, precision: str) -> Source:
    """A checkpoint folder in Hugging Face layout; only headers and small files are read.

    Raises:
        ValueError: a file is missing, corrupt, or of a model that is not supported or not ``shape``.
    """
    from agentc.backends.onnx.encoders import encoder_from_checkpoint, speech_from_checkpoint

    config = read_json(folder / "config.json")
    if not (folder / "tokenizer.json").is_file():
        raise ValueError("tokenizer.json is missing")
    _check_quantized(config)
    facts: dict[str, Any] = {"stand_in": False, "tokenizer": "tokenizer.json", "end": _end_tokens(config, folder)}
    checkpoint = Checkpoint(folder)
    if role == "decoder":
        return _decoder(shape, folder, config, checkpoint, facts, of_precision(precision))
    if role == "stt":
        from agentc.backends.onnx.whisper import check_weights

        speech = speech_from_checkpoint(shape.name, config)
        check_weights(speech, checkpoint)
        facts |= {"speech": _speech_facts(speech, config, _optional(folder / "generation_config.json"))}
        return Source(speech, checkpoint, facts, folder)
    from agentc.backends.onnx.encoder_layouts import canonical_encoder, check_encoder
    from agentc.backends.onnx.pooling import pooling_of

    pooling = pooling_of(folder) if role == "embedding" else {}
    encoder = encoder_from_checkpoint(shape.name, config, pooling, _optional(folder / "sentence_bert_config.json"))
    check_agrees(shape, encoder)
    view = canonical_encoder(str(config["model_type"]), checkpoint)
    check_encoder(encoder, view, classifier=role == "rerank")
    return Source(encoder, view, facts, folder)


def _decoder(
    shape: ModelShape,
    folder: Path,
    config: Mapping[str, Any],
    checkpoint: Checkpoint,
    facts: dict[str, Any],
    how: Quantization | None,
) -> Source:
    from agentc.backends.onnx.architectures import decoder_from_checkpoint, text_config
    from agentc.backends.onnx.fp8 import with_fp8
    from agentc.backends.onnx.inventory import check_inventory
    from agentc.backends.onnx.layouts import canonical, with_mxfp4

    decoder = decoder_from_checkpoint(shape.name, config)
    check_agrees(shape, decoder)
    text = text_config(config)
    family = str(text["model_type"])
    view = with_mxfp4(decoder, canonical(decoder, family, with_fp8(config, checkpoint)))
    check_inventory(decoder, family, view, whole(text, "num_nextn_predict_layers", 0))
    if decoder.rope.depends_on_length:  # the cache of a shorter sequence is of no use to a longer one
        facts["turns_at" if decoder.rope.long else "grows_from"] = decoder.rope.trained
    if how is not None:
        facts["weights"] = f"int{how.bits} in blocks of {how.block}"
    return Source(decoder, view, facts, folder, how, _chat(folder))


def _check_quantized(config: Mapping[str, Any]) -> None:
    stated = table(config, "quantization_config")
    if stated and (method := stated.get("quant_method")) not in _READ_QUANTIZED:
        raise ValueError(
            f"it is quantized by `{method}`, which is not read; take the checkpoint that it was made from and state"
            " `precision: int8` or `fp4`"
        )


def _end_tokens(config: Mapping[str, Any], folder: Path) -> list[int]:
    """The ids that end an answer: the generation settings know better than the architecture's file."""
    stated = config.get("eos_token_id", table(config, "text_config").get("eos_token_id"))
    value = _optional(folder / "generation_config.json").get("eos_token_id", stated)
    return _ids(cast(list[object], value) if isinstance(value, list) else [value])


def _ids(values: object) -> list[int]:
    items = cast(list[object], values) if isinstance(values, list) else []
    return [token for token in items if isinstance(token, int) and not isinstance(token, bool) and 0 <= token < 2**31]


def _speech_facts(speech: SpeechConfig, config: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """How a recognizer is prompted (Whisper, section 2.3) and what it must not say."""

    def token(key: str) -> int | None:
        return next(iter(_ids([settings.get(key, config.get(key))])), None)

    return {
        "bands": speech.bands,
        "frames": 2 * speech.positions,
        "start": token("decoder_start_token_id"),
        "languages": _ids(list(table(settings, "lang_to_id").values())),
        "transcribe": next(iter(_ids([table(settings, "task_to_id").get("transcribe")])), None),
        "no_timestamps": token("no_timestamps_token_id"),
        "never": _ids(settings.get("suppress_tokens", config.get("suppress_tokens"))),
        "never_first": _ids(settings.get("begin_suppress_tokens", config.get("begin_suppress_tokens"))),
    }


def _chat(folder: Path) -> dict[str, str] | None:
    """The chat template of a checkpoint: a file of its own, or a field of the tokenizer's settings."""
    settings = _optional(folder / "tokenizer_config.json")
    template: object = settings.get("chat_template")
    if isinstance(template, list):  # several by name; that without a purpose is called default
        named = [cast(Mapping[str, object], one) for one in cast(list[object], template) if isinstance(one, dict)]
        template = next((one.get("template") for one in named if one.get("name") == "default"), None)
    if (own := folder / "chat_template.jinja").is_file() and own.stat().st_size < 1 << 20:
        template = own.read_text(encoding="utf-8", errors="replace")
    if not isinstance(template, str):
        return None
    special = {key: _content(settings.get(key)) for key in ("bos_token", "eos_token", "unk_token", "pad_token")}
    facts = {"template": template, **{key: text for key, text in special.items() if text}}
    return {key: text.encode("utf-8", "replace").decode("utf-8") for key, text in facts.items()}  # halves of pairs


def _content(token: object) -> str:
    """A special token's text: plain, or in an object with its flags."""
    value = cast(Mapping[str, object], token).get("content") if isinstance(token, dict) else token
    return value if isinstance(value, str) else ""


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}
