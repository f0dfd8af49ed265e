"""Writes a model's folder: graphs, weights, tokenizer, and ``model.json``, which tells the runtime what they are."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agentc.backends.onnx.config import DecoderConfig, SpeechConfig
from agentc.backends.onnx.graph import Graph, WeightFile, check
from agentc.backends.onnx.positions import Phase
from agentc.backends.onnx.sources import Role, Source, from_checkpoint, seeded
from agentc.plan.artifacts import Artifact
from agentc.plan.models import ModelShape
from agentc.support.diagnostics import Diagnostic, Refused

WEIGHTS_FILE = "weights.bin"


def emit_model(
    shape: ModelShape,
    out: Path,
    *,
    role: Role,
    weights: Path | None,
    seed: int = 0,
    precision: str = "",
    doc: str = "",
) -> list[Artifact]:
    """Write the model into the folder ``out`` (made if missing) and list the files, with paths relative to it.

    ``weights`` is a checkpoint folder (see ``weights.locate``); without one a seeded stand-in of the shape is
    written, and every artifact's note says so. ``precision`` is that of the definition: with 8 or 4 bits the
    matrices of a checkpoint's decoder are stored as integers in blocks; a stand-in stays as it is. ``doc`` is each
    graph's documentation. The bytes depend on the arguments alone.

    Raises:
        Refused: ``weights-refused``, if the checkpoint is corrupt, of another model, or of an architecture that
            is not supported; the message gives the cause.
    """
    try:
        source = from_checkpoint(shape, role, weights, precision) if weights else seeded(shape, role, seed)
    except (ValueError, OSError) as error:  # a file that cannot be opened is the checkpoint's
        raise _refused(shape.name, weights, error) from error
    try:
        return _write(shape.name, source, role, out, doc)
    except ValueError as error:
        raise _refused(shape.name, weights, error) from error


_MAX_CAUSE: Final = 600
"""Characters: names in a checkpoint may be of any length."""


def _refused(name: str, weights: Path | None, error: ValueError | OSError) -> Refused:
    place = f" in `{weights.name}`" if weights else ""
    cause = _told(error)
    cause = cause if len(cause) <= _MAX_CAUSE else f"{cause[: _MAX_CAUSE // 2]}…{cause[-_MAX_CAUSE // 2 :]}"
    return Refused(Diagnostic("weights-refused", f"the weights of model `{name}`{place} cannot be used: {cause}"))


def _told(error: ValueError | OSError) -> str:
    """Without the folder, which is the machine's own."""
    if isinstance(error, OSError):
        return f"{Path(str(error.filename)).name}: {error.strerror}"
    return str(error)


def _write(name: str, source: Source, role: Role, out: Path, doc: str) -> list[Artifact]:
    file = WeightFile(WEIGHTS_FILE)
    graphs = _graphs(source, role, file)
    out.mkdir(parents=True, exist_ok=True)
    with (out / WEIGHTS_FILE).open("wb") as data:
        file.write(data)
    for stem, graph in graphs.items():
        graph.write(out / f"{stem}.onnx", doc)
        if source.checkpoint:  # shapes that no test has seen
            check(out / f"{stem}.onnx")
    facts = {"schema": 1, "name": name, "role": role, "max_tokens": source.config.max_tokens, **source.facts}
    _write_json(out / "model.json", facts)
    note = "seeded stand-in weights: the answers mean nothing" if not source.checkpoint else ""
    files = [*((f"{stem}.onnx", "onnx") for stem in graphs), (WEIGHTS_FILE, "weights"), ("model.json", "metadata")]
    if source.checkpoint:
        files += _beside(source, source.checkpoint, out)
    return [Artifact(path=path, kind=kind, target="onnx", of=name, note=note) for path, kind in files]


def emit_shards(
    shape: ModelShape,
    out: Path,
    *,
    ranks: int,
    weights: Path | None,
    seed: int = 0,
    precision: str = "",
    doc: str = "",
) -> list[Artifact]:
    """Write a language model as ``ranks`` shards into ``out``, one folder each, and what joins them.

    ``shards.json`` says how many there are, of how many layers, and how wide the sums and logits are that they join.
    Otherwise as ``emit_model``, whose tokenizer and ``model.json`` serve the shards too.

    Raises:
        Refused: ``weights-refused``, also where the heads or a width do not divide among the shards.
    """
    try:
        source = from_checkpoint(shape, "decoder", weights, precision) if weights else seeded(shape, "decoder", seed)
    except (ValueError, OSError) as error:
        raise _refused(shape.name, weights, error) from error
    try:
        return _write_shards(shape.name, source, ranks, out, doc)
    except ValueError as error:
        raise _refused(shape.name, weights, error) from error


def _write_shards(name: str, source: Source, ranks: int, out: Path, doc: str) -> list[Artifact]:
    assert isinstance(source.config, DecoderConfig)
    parts = [_shard(source, source.config, rank, ranks) for rank in range(ranks)]
    note = "seeded stand-in weights: the answers mean nothing" if not source.checkpoint else ""
    files: list[tuple[str, str]] = []
    for rank, (file, segments) in enumerate(parts):
        folder = out / f"rank{rank}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / WEIGHTS_FILE).open("wb") as data:
            file.write(data)
        files.append((f"rank{rank}/{WEIGHTS_FILE}", "weights"))
        for place, segment in enumerate(segments):
            segment.write(folder / f"{place:03}.onnx", doc)
            files.append((f"rank{rank}/{place:03}.onnx", "onnx"))
    own = source.config
    facts = {"join": "comm.allreduce", "ranks": ranks, "layers": own.layers, "hidden": own.hidden, "vocab": own.vocab}
    _write_json(out / "shards.json", facts)
    return [
        Artifact(path=path, kind=kind, target="onnx", of=name, note=note)
        for path, kind in [*files, ("shards.json", "metadata")]
    ]


def _shard(source: Source, config: DecoderConfig, rank: int, ranks: int) -> tuple[WeightFile, list[Graph]]:
    from agentc.backends.onnx import shards

    own, weights = shards.shard(config, source.weights, rank, ranks)
    file = WeightFile(WEIGHTS_FILE)
    return file, shards.build_segments(own, weights, file, source.quantization)


def _graphs(source: Source, role: Role, file: WeightFile) -> dict[str, Graph]:
    """The graphs of a model by the stem of their files. Only what builds this kind is imported."""
    config, weights = source.config, source.weights
    if isinstance(config, DecoderConfig):
        from agentc.backends.onnx import decoder

        phases: list[Phase] = ["prefill", "decode"]
        if source.checkpoint and decoder.steps_in_place(config):
            phases.append("step")
        return {phase: decoder.build(config, weights, phase, file, source.quantization) for phase in phases}
    if isinstance(config, SpeechConfig):
        from agentc.backends.onnx import whisper

        return {
            "encode": whisper.build_encoder(config, weights, file),
            "decode": whisper.build_decoder(config, weights, file),
        }
    from agentc.backends.onnx import encoder

    head: encoder.Head = "rerank" if role == "rerank" else "embedding"
    return {_STEMS[head]: encoder.build(config, weights, head, file)}


_STEMS = {"embedding": "embed", "rerank": "rerank"}


def _beside(source: Source, checkpoint: Path, out: Path) -> list[tuple[str, str]]:
    """The files that a checkpoint's tokenizer needs."""
    shutil.copyfile(checkpoint / "tokenizer.json", out / "tokenizer.json")
    if source.chat is None:
        return [("tokenizer.json", "tokenizer")]
    _write_json(out / "chat.json", source.chat)
    return [("tokenizer.json", "tokenizer"), ("chat.json", "tokenizer")]


def _write_json(path: Path, facts: Mapping[str, Any]) -> None:
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
