"""Models as ONNX: decoders (prefill and decode with a KV cache), text encoders, rerankers, and Whisper.

What it takes is imported when the first model is written, not before; ONNX's own library only for kernels and checks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from agentc.plan.artifacts import Artifact
from agentc.plan.models import ModelShape


def emit_model(
    shape: ModelShape,
    out: Path,
    *,
    role: Literal["decoder", "embedding", "rerank", "stt"],
    weights: Path | None = None,
    seed: int = 0,
    precision: str = "",
    doc: str = "",
) -> list[Artifact]:
    """Write the model into the folder ``out``; see ``agentc.backends.onnx.emit.emit_model``.

    Raises:
        Refused: ``weights-refused``.
    """
    from agentc.backends.onnx.emit import emit_model as emit

    return emit(shape, out, role=role, weights=weights, seed=seed, precision=precision, doc=doc)


def emit_shards(
    shape: ModelShape,
    out: Path,
    *,
    ranks: int,
    weights: Path | None = None,
    seed: int = 0,
    precision: str = "",
    doc: str = "",
) -> list[Artifact]:
    """Write a language model as ``ranks`` shards into ``out``; see ``agentc.backends.onnx.emit.emit_shards``.

    Raises:
        Refused: ``weights-refused``.
    """
    from agentc.backends.onnx.emit import emit_shards as emit

    return emit(shape, out, ranks=ranks, weights=weights, seed=seed, precision=precision, doc=doc)


def locate_weights(spec: Mapping[str, str], base_dir: Path) -> Path:
    """The checkpoint folder that ``{path: dir}`` or ``{package: name}`` names; see ``weights.locate``.

    Raises:
        Refused: ``weights-not-found``.
    """
    from agentc.backends.onnx.weights import locate

    return locate(spec, base_dir)
