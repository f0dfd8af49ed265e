"""The models, tools and memories of a definition as plan data, with what was assumed of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from agentc import catalog
from agentc.frontends import defaults
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.figures import quantity
from agentc.frontends.yaml.kinds import Kind, parse_kind
from agentc.frontends.yaml.python_files import Signature, function, is_there
from agentc.frontends.yaml.read import Source
from agentc.plan.models import Draft, ModelShape
from agentc.plan.quantity import Quantity
from agentc.support.diagnostics import Diagnostics, did_you_mean
from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.base import Distribution
    from agentc.frontends.yaml.rules.parts import Hosted, Memory, Model, Shape, Tool

PADDING = 128
"""Tokens by which the embedding tables of models with one tokenizer differ (llama.cpp allows as many)."""
_DOCUMENT_FILES = frozenset((".md", ".txt", ".rst", ".html", ".json", ".jsonl", ".csv"))


@record
class ModelFacts:
    """A model that calls name."""

    shape: ModelShape
    precision: str
    kv_precision: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict[str, str])
    hosted: Mapping[str, float] = field(default_factory=dict[str, float])
    assumed: tuple[str, ...] = ()
    draft: Draft | None = None


@record
class ToolFacts:
    """A tool that nodes name."""

    latency_seconds: Quantity
    cpu_seconds: Quantity
    returns: Kind
    signature: Signature | None = None
    """``None``: nothing is known of its parameters."""


@record
class MemoryFacts:
    """A memory that nodes name."""

    kind: str
    documents: int = 0
    dimension: int = 0
    assumed: tuple[str, ...] = ()
    index: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    """`kind` and parameters of the index of a vector memory; empty: an exact search."""


@dataclass
class Entities:
    """By name, those that could be understood."""

    models: dict[str, ModelFacts] = field(default_factory=dict[str, ModelFacts])
    tools: dict[str, ToolFacts] = field(default_factory=dict[str, ToolFacts])
    memories: dict[str, MemoryFacts] = field(default_factory=dict[str, MemoryFacts])


def entities(source: Source, found: Diagnostics) -> Entities:
    """All models, tools and memories of ``source``; problems go to ``found``."""
    known = Entities()
    for name, stated in source.spec.models.items():
        path = ("models", name)
        if path not in source.holes and (facts := _model(name, stated, path, source, found)):
            known.models[name] = facts
    for name, facts in tuple(known.models.items()):
        if source.spec.models[name].draft is not None:
            known.models[name] = replace(facts, draft=_draft(name, facts, source, known, found))
    for name, tool in source.spec.tools.items():
        if ("tools", name) not in source.holes:
            known.tools[name] = _tool(tool, ("tools", name), source, found)
    for name, memory in source.spec.memories.items():
        if ("memories", name) not in source.holes:
            known.memories[name] = _memory(memory, ("memories", name), source, known, found)
    return known


def _model(name: str, stated: "Model", path: Path, source: Source, found: Diagnostics) -> ModelFacts | None:
    hosted = _hosted(stated.hosted) if stated.hosted else {}
    shape = _shape(name, stated, path, source, found)
    if shape is None:
        return None
    if stated.kv_precision and shape.kind != "decoder":
        message = f"`{name}` is a model of kind `{shape.kind}` and keeps no KV cache"
        found.error("wrong-model-kind", message, source.span((*path, "kv_precision"), key=True))
    weights = stated.weights
    if weights is not None and weights.path and not is_there(source.directory / weights.path):
        where = source.span((*path, "weights", "path"))
        found.error("unreadable-file", f"there are no weights at `{weights.path}`", where)
    places = {"package": weights.package, "path": weights.path} if weights else {}
    assumed = () if stated.precision or hosted else ("precision",)
    stated_places = {key: value for key, value in places.items() if value}
    precision = stated.precision or defaults.PRECISION
    return ModelFacts(shape, precision, stated.kv_precision, stated_places, hosted, assumed)


def _draft(name: str, facts: ModelFacts, source: Source, known: Entities, found: Diagnostics) -> Draft | None:
    """Who proposes tokens to a model: a decoder of the same vocabulary."""
    stated, path = source.spec.models[name].draft, ("models", name, "draft")
    if stated is None or path in source.holes or ("models", stated.model) in source.holes:
        return None
    if stated.model not in source.spec.models:
        hint = did_you_mean(stated.model, source.spec.models)
        found.error("unknown-model", f"there is no model `{stated.model}`", source.span((*path, "model")), help=hint)
        return None
    if (small := known.models.get(stated.model)) is None:
        return None
    if problem := _no_draft(name, facts, stated.model, small, source):
        found.error("wrong-model-kind", problem, source.span((*path, "model")))
        return None
    precision = small.precision if "precision" not in small.assumed else ""
    return Draft(small.shape, stated.tokens, stated.acceptance, precision)


def _no_draft(name: str, facts: ModelFacts, draft: str, small: ModelFacts, source: Source) -> str:
    """Why one model cannot draft for another; empty where it can."""
    for each, kind in ((name, facts.shape.kind), (draft, small.shape.kind)):
        if kind != "decoder":
            return f"`{each}` is a model of kind `{kind}`; only decoders draft, and only for decoders"
    if draft == name or source.spec.models[draft].draft is not None:
        return f"`{draft}` drafts for `{name}`, so it needs to be another model, without a `draft` of its own"
    ours, theirs = facts.shape.vocab, small.shape.vocab
    if ours and theirs and abs(ours - theirs) > PADDING:
        return f"`{draft}` knows {theirs:,} tokens and `{name}` {ours:,}: a draft shares the vocabulary"
    return ""


def _shape(name: str, stated: "Model", path: Path, source: Source, found: Diagnostics) -> ModelShape | None:
    if stated.hosted is not None:
        return ModelShape(name=name, kind="hosted")
    if stated.shape is not None:
        return _stated_shape(name, stated.shape, (*path, "shape"), source, found)
    if stated.config is not None:
        from agentc.catalog.config import model_from_config

        try:
            return model_from_config(source.directory / stated.config, name)
        except (ValueError, OSError) as problem:
            message = str(getattr(problem, "strerror", None) or problem).replace(f"{source.directory}/", "")
            found.error("bad-model-config", message, source.span((*path, "config")))
            return None
    try:
        return catalog.model(str(stated.catalog))
    except catalog.UnknownName as problem:
        where = source.span((*path, "catalog") if source.document.has((*path, "catalog")) else path)
        hint = did_you_mean(problem.name, problem.known) or "`agentc models` lists them; or state `config:` or `shape:`"
        found.error("unknown-model", f"the catalog has no model `{problem.name}`", where, help=hint)
        return None


def _stated_shape(name: str, shape: "Shape", path: Path, source: Source, found: Diagnostics) -> ModelShape | None:
    fields: dict[str, Any] = {key: value for key, value in shape.model_dump().items() if value is not None}
    if shape.head_dim is None and shape.hidden % shape.heads:
        message = f"{shape.heads} heads do not divide `hidden`, which is {shape.hidden}"
        found.error("bad-model-config", message, source.span((*path, "heads")), help="state `head_dim`")
        return None
    if shape.kv_heads and shape.heads % shape.kv_heads:
        message = f"{shape.kv_heads} KV heads do not divide {shape.heads} heads"
        found.error("bad-model-config", message, source.span((*path, "kv_heads")))
        return None
    if shape.experts_per_token > shape.experts or (shape.experts and not shape.experts_per_token):
        message = f"{shape.experts_per_token} experts per token of {shape.experts}"
        found.error("bad-model-config", message, source.span((*path, "experts_per_token")))
        return None
    derived = {"kv_heads": shape.heads, "head_dim": shape.hidden // shape.heads}
    if shape.experts and not shape.expert_intermediate:
        derived["expert_intermediate"] = shape.intermediate
    merged: dict[str, Any] = {**fields, **{key: fields.get(key) or value for key, value in derived.items()}}
    return ModelShape(name=name, source="the definition", **merged)


def _hosted(stated: "Hosted") -> dict[str, float]:
    ttft = stated.ttft_ms / 1000 if stated.ttft_ms else defaults.HOSTED_TTFT_SECONDS
    return {
        "usd_per_input_token": stated.usd_per_million_input_tokens / 1e6,
        "usd_per_output_token": stated.usd_per_million_output_tokens / 1e6,
        "ttft_seconds": float(ttft),
        "tokens_per_second": float(stated.tokens_per_second or defaults.HOSTED_TOKENS_PER_SECOND),
        **({"requests_per_minute": float(stated.requests_per_minute)} if stated.requests_per_minute else {}),
        **({"tokens_per_minute": float(stated.tokens_per_minute)} if stated.tokens_per_minute else {}),
    }


def _milliseconds(stated: "float | Distribution | None", default_seconds: float) -> Quantity:
    return defaults.assumed(default_seconds) if stated is None else quantity(stated, 0.001)


def _tool(tool: "Tool", path: Path, source: Source, found: Diagnostics) -> ToolFacts:
    signature = None
    if tool.python is not None:
        signature = function(tool.python, source.directory, source.span((*path, "python")), found)
    if tool.parameters is not None:
        listed = tuple((name, parse_kind(text) or Kind("any")) for name, text in tool.parameters.items())
        signature = Signature(listed, len(listed), False)
    return ToolFacts(
        _milliseconds(tool.latency_ms, defaults.TOOL_LATENCY_SECONDS),
        _milliseconds(tool.cpu_ms, defaults.TOOL_CPU_SECONDS),
        stated_kind(tool.returns, (*path, "returns"), source, found),
        signature,
    )


def stated_kind(text: str, path: Path, source: Source, found: Diagnostics) -> Kind:
    """The kind that ``text`` names; ``any`` and a diagnostic where it names none."""
    kind = parse_kind(text)
    if kind is None:
        found.error("wrong-value", f"`{text}` is no type: its brackets do not match", source.span(path))
        return Kind("any")
    return kind


def _memory(memory: "Memory", path: Path, source: Source, known: Entities, found: Diagnostics) -> MemoryFacts:
    if memory.path and not is_there(source.directory / memory.path):
        message = f"there are no documents at `{memory.path}`"
        found.error("unreadable-file", message, source.span((*path, "path")))
    index = _index(memory, path, source, found)
    if memory.kind != "vector":
        return MemoryFacts(memory.kind, memory.documents or 0)
    assumed: list[str] = []
    embedding = _embedding(memory, path, source, known, found)
    dimension = memory.dimension or embedding
    documents = memory.documents or (count_documents(source.directory / memory.path) if memory.path else 0)
    if not dimension:
        dimension = defaults.EMBEDDING_DIMENSION
        assumed.append("dimension")
    if not documents:
        documents = defaults.MEMORY_DOCUMENTS
        assumed.append("documents")
    return MemoryFacts("vector", documents, dimension, tuple(assumed), index)


def _index(memory: "Memory", path: Path, source: Source, found: Diagnostics) -> dict[str, str | int]:
    """The index of a vector memory: its kind and what it takes."""
    if memory.index is None:
        return {}
    where = source.span((*path, "index"))
    if memory.kind != "vector":
        found.error("wrong-value", f"a memory of kind `{memory.kind}` has no `index`", where)
        return {}
    if (lists := memory.index.ivf) is None:
        graph = memory.index.hnsw
        return {"index": "hnsw", "m": graph.m, "ef": graph.ef} if graph else {}
    if lists.nprobe > lists.nlist:
        found.error("wrong-value", f"a query cannot read {lists.nprobe} of {lists.nlist} lists", where)
        return {}
    return {"index": "ivf", "nlist": lists.nlist, "nprobe": lists.nprobe}


def _embedding(memory: "Memory", path: Path, source: Source, known: Entities, found: Diagnostics) -> int:
    """Dimension of the vectors of the memory's embedding model; 0 where nothing says."""
    name = memory.embed
    if name is None or ("models", name) in source.holes:
        return 0
    if name not in source.spec.models:
        hint = did_you_mean(name, source.spec.models)
        found.error("unknown-model", f"there is no model `{name}`", source.span((*path, "embed")), help=hint)
        return 0
    facts = known.models.get(name)
    if facts is not None and facts.shape.kind != "embedding":
        message = f"`{name}` is a {facts.shape.kind} model, which makes no embeddings"
        found.error("wrong-model-kind", message, source.span((*path, "embed")))
    return facts.shape.embedding_dim if facts is not None else 0


def count_documents(path: FilePath) -> int:
    """Files of text under ``path``; as far as they can be read."""
    if os.path.isfile(path):
        return 1
    return sum(FilePath(name).suffix in _DOCUMENT_FILES for _, _, names in os.walk(path) for name in names)
