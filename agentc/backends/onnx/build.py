"""Models of a placed module as ONNX, in folders ``artifacts/onnx/SYMBOL``, and its kernels in ``kernels``."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute

from agentc.analyses.kernels import kernel_functions, kernels
from agentc.backends.onnx import emit_model, emit_shards, locate_weights
from agentc.backends.onnx.kernels import emit_kernels
from agentc.backends.request import Request, left_out
from agentc.dialects.model import SpecOp
from agentc.dialects.place import assignment
from agentc.dialects.provenance import span
from agentc.plan.artifacts import Artifact
from agentc.support.diagnostics import Diagnostic, Refused

FOLDER: Final = "artifacts/onnx"
KERNELS: Final = "artifacts/onnx/kernels"

_Role: TypeAlias = Literal["decoder", "embedding", "rerank", "stt"]
_ROLES: Final[dict[str, _Role]] = {"decoder": "decoder", "embedding": "embedding", "rerank": "rerank", "stt": "stt"}


def emit_build(request: Request) -> list[Artifact]:
    """Write every language, embedding and rerank model that is not somebody else's API.

    A checkpoint that the plan puts on several devices at once is also written as as many shards, in ``tpN``.
    A model's weights come from where its ``model.spec`` says; without weights a seeded stand-in is written.
    Recognizers of speech are written where they have weights; the runtime has an engine of its own for others.
    Other kinds have no ONNX form here. Every tensor kernel is written as a graph of its own, or why it has none.

    Raises:
        Refused: ``weights-not-found`` and ``weights-refused``, for all models at once.
    """
    artifacts: list[Artifact] = []
    problems: list[Diagnostic] = []
    for spec in (op for op in request.module.walk() if isinstance(op, SpecOp) and op.hosted is None):
        try:
            artifacts += _emit(spec, request)
        except Refused as refused:
            problems += (found if found.span else replace(found, span=span(spec)) for found in refused.diagnostics)
    if problems:
        raise Refused(*problems)
    return [*artifacts, *_kernels(request)]


def _kernels(request: Request) -> list[Artifact]:
    """Every kernel that an op calls, as a graph beside the models."""
    functions, written = kernel_functions(request.module), list[Artifact]()
    for use in kernels(request.module):
        alone = ModuleOp([functions[use.name].clone()])
        try:
            written += emit_kernels({use.name: alone}, request.out / KERNELS)
        except Refused as refused:
            written.append(left_out(use.name, "onnx", request.out / KERNELS, refused))
    return [replace(one, path=f"{KERNELS}/{one.path}") for one in written]


def _emit(spec: SpecOp, request: Request) -> list[Artifact]:
    role = _ROLES.get(spec.shape.data.kind)
    if role is None:
        return []
    stated: Mapping[str, Attribute] = spec.weights.data if spec.weights is not None else {}
    where = {key: value.data for key, value in stated.items() if isinstance(value, StringAttr)}
    folder = f"{FOLDER}/{spec.sym_name.data}"
    weights = locate_weights(where, request.base) if where else None
    if role == "stt" and weights is None:  # the runtime's own engine hears in its place
        return []
    shape, precision, name, doc = spec.shape.data, spec.precision.data, spec.sym_name.data, _doc(spec)
    written = emit_model(shape, request.out / folder, role=role, weights=weights, precision=precision, doc=doc)
    artifacts = [replace(one, path=f"{folder}/{one.path}", of=name) for one in written]
    for ranks in _shards(spec, request) if weights is not None and role == "decoder" else ():
        beside = f"{folder}/tp{ranks}"
        parts = emit_shards(shape, request.out / beside, ranks=ranks, weights=weights, precision=precision, doc=doc)
        artifacts += (replace(one, path=f"{beside}/{one.path}", of=name) for one in parts)
    return artifacts


def _doc(spec: SpecOp) -> str:
    """Which line of the definition asks for the model; empty where it is not known."""
    place = span(spec)
    return f"model `{spec.sym_name.data}` of {place}" if place is not None else ""


def _shards(spec: SpecOp, request: Request) -> list[int]:
    """Over how many devices the plan puts a step of the model, where it is more than one."""
    of = SymbolRefAttr(spec.sym_name.data)
    placed = [assignment(op) for op in request.module.walk() if op.properties.get("model") == of]
    return sorted({one.tp for one in placed if one is not None and one.tp > 1})
