"""Writes a model's folder: graphs, weights, tokenizer, and ``model.json``, which tells the runtime what they are."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from agentc.backends.onnx import decoder, encoder, stand_in
from agentc.backends.onnx.architectures import decoder_from_checkpoint, text_config
from agentc.backends.onnx.config import (
    DecoderConfig,
    EncoderConfig,
    check_agrees,
    decoder_from_shape,
    encoder_from_checkpoint,
    encoder_from_shape,
)
from agentc.backends.onnx.graph import WeightFile, check
from agentc.backends.onnx.layouts import canonical, with_mxfp4
from agentc.backends.onnx.positions import Phase
from agentc.backends.onnx.quantize import Quantization, of_precision
from agentc.backends.onnx.stand_in import decoder_shapes, encoder_shapes
from agentc.backends.onnx.views import Weights
from agentc.backends.onnx.weights import Checkpoint, Seeded, read_json
from agentc.plan.artifacts import Artifact
from agentc.plan.models import ModelShape
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

Role: TypeAlias = Literal["decoder", "embedding", "rerank"]

WEIGHTS_FILE = "weights.bin"


@record(slots=True)
class _Source:
    """All that a folder is written from."""

    config: DecoderConfig | EncoderConfig
    weights: Weights
    facts: Mapping[str, Any]
    """What ``model.json`` says beside the architecture."""
    checkpoint: Path | None
    quantization: Quantization | None = None


def emit_model(
    shape: ModelShape, out: Path, *, role: Role, weights: Path | None, seed: int = 0, precision: str = ""
) -> list[Artifact]:
    """Write the model into the folder ``out`` (made if missing) and list the files, with paths relative to it.

    ``weights`` is a checkpoint folder (see ``weights.locate``); without one a seeded stand-in of the shape is
    written, and every artifact's note says so. ``precision`` is that of the definition: with 8 or 4 bits the
    matrices of a checkpoint's decoder are stored as integers in blocks; a stand-in stays as it is. The bytes
    depend on the arguments alone.

    Raises:
        Refused: ``weights-refused``, if the checkpoint is corrupt, of another model, or of an architecture that
            is not supported; the message gives the cause.
    """
    try:
        source = _from_checkpoint(shape, role, weights, precision) if weights else _stand_in(shape, role, seed)
        return _write(shape.name, source, role, out)
    except ValueError as error:
        place = f" in `{weights.name}`" if weights else ""
        message = f"the weights of model `{shape.name}`{place} cannot be used: {error}"
        raise Refused(Diagnostic("weights-refused", message)) from error


def _stand_in(shape: ModelShape, role: Role, seed: int) -> _Source:
    small = stand_in.stand_in(shape)
    facts = {"stand_in": True, "tokenizer": "bytes", "end": [257], "seed": seed}
    if role == "decoder":
        config = decoder_from_shape(small)
        return _Source(config, Seeded(decoder_shapes(config), seed), facts, None)
    config = encoder_from_shape(small)
    return _Source(config, Seeded(encoder_shapes(config, classifier=role == "rerank"), seed), facts, None)


def _from_checkpoint(shape: ModelShape, role: Role, folder: Path, precision: str) -> _Source:
    config = read_json(folder / "config.json")
    if not (folder / "tokenizer.json").is_file():
        raise ValueError("tokenizer.json is missing")
    facts: dict[str, Any] = {"stand_in": False, "tokenizer": "tokenizer.json", "end": _end_tokens(config, folder)}
    checkpoint: Weights = Checkpoint(folder)
    if role == "decoder":
        built: DecoderConfig | EncoderConfig = decoder_from_checkpoint(shape.name, config)
        family = str(text_config(config)["model_type"])
        checkpoint = with_mxfp4(built, canonical(built, family, checkpoint))
    else:
        pooling, limits = (_optional(folder / file) for file in ("1_Pooling/config.json", "sentence_bert_config.json"))
        built = encoder_from_checkpoint(shape.name, config, pooling, limits)
    check_agrees(shape, built)
    how = of_precision(precision) if role == "decoder" else None
    if how is not None:
        facts["weights"] = f"int{how.bits} in blocks of {how.block}"
    return _Source(built, checkpoint, facts, folder, how)


def _end_tokens(config: Mapping[str, Any], folder: Path) -> list[int]:
    """The ids that end an answer: the generation settings know better than the architecture's file."""
    value = _optional(folder / "generation_config.json").get("eos_token_id", config.get("eos_token_id"))
    values: list[object] = [*value] if isinstance(value, list) else [value]
    return [token for token in values if isinstance(token, int)]


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _write(name: str, source: _Source, role: Role, out: Path) -> list[Artifact]:
    file = WeightFile(WEIGHTS_FILE)
    if isinstance(source.config, DecoderConfig):
        phases: tuple[Phase, ...] = ("prefill", "decode")
        graphs = {p: decoder.build(source.config, source.weights, p, file, source.quantization) for p in phases}
    else:
        head: encoder.Head = "rerank" if role == "rerank" else "embedding"
        graphs = {_STEMS[head]: encoder.build(source.config, source.weights, head, file)}
    out.mkdir(parents=True, exist_ok=True)
    with (out / WEIGHTS_FILE).open("wb") as data:
        file.write(data)
    for stem, graph in graphs.items():
        graph.write(out / f"{stem}.onnx")
        if source.checkpoint:  # shapes that no test has seen
            check(out / f"{stem}.onnx")
    _write_facts(name, source, role, out)
    note = "seeded stand-in weights: the answers mean nothing" if not source.checkpoint else ""
    files = [*((f"{stem}.onnx", "onnx") for stem in graphs), (WEIGHTS_FILE, "weights"), ("model.json", "metadata")]
    if source.checkpoint:
        shutil.copyfile(source.checkpoint / "tokenizer.json", out / "tokenizer.json")
        files.append(("tokenizer.json", "tokenizer"))
    return [Artifact(path=path, kind=kind, target="onnx", of=name, note=note) for path, kind in files]


_STEMS = {"embedding": "embed", "rerank": "rerank"}


def _write_facts(name: str, source: _Source, role: Role, out: Path) -> None:
    facts = {"schema": 1, "name": name, "role": role, "max_tokens": source.config.max_tokens, **source.facts}
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    (out / "model.json").write_text(text + "\n", encoding="utf-8", newline="\n")
