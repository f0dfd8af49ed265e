"""Models that are not language models: speech, embeddings, ranking, pictures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, SymbolRefAttr

from agentc.dialects.agent_values import EmbeddingType, ListType
from agentc.runtime.attributes import plain_attributes
from agentc.runtime.builtins import fill_template
from agentc.runtime.executor import Call, Handler
from agentc.runtime.handlers.llm import seed_of
from agentc.runtime.models.audio import Audio
from agentc.runtime.values import Mistyped, as_documents, as_text, shown


class _Noted(Protocol):
    note: str


E = TypeVar("E", bound=_Noted)


async def transcribe(call: Call) -> Sequence[Any]:
    """Speech to text."""
    audio = call.args[0]
    if not isinstance(audio, Audio):
        raise Mistyped(f"expected audio, found {shown(audio)}")
    model = await _open(call, call.resources.engines.hearing)
    return [await call.blocking(lambda: model.transcribe(audio))]


async def synthesize(call: Call) -> Sequence[Any]:
    """Text to speech."""
    model = await _open(call, call.resources.engines.speaking)
    return [await call.blocking(lambda: model.speak("\n".join(map(as_text, call.args))))]


async def embed(call: Call) -> Sequence[Any]:
    """A text to a vector; documents and lists to one vector each."""
    value, type = call.args[0], call.op.results[0].type
    several = isinstance(value, list)
    texts = _texts(cast(Any, value)) if several else [as_text(value)]
    model = await _open(call, call.resources.engines.embedding)
    vectors = await call.blocking(lambda: model.embed(texts))
    if several and (isinstance(type, ListType) or not isinstance(type, EmbeddingType)):
        return [list(vectors) if isinstance(type, ListType) else vectors]
    return [vectors if several else vectors[0]]


async def rerank(call: Call) -> Sequence[Any]:
    """Documents by relevance to the query, with their new scores; at most `top` of them."""
    query, documents = as_text(call.args[0]), as_documents(call.args[1] or [])
    model = await _open(call, call.resources.engines.reranking)
    scores = await call.blocking(lambda: model.scores(query, [one["text"] for one in documents]))
    order = np.argsort(-scores, kind="stable")[: _options(call).get("top", len(documents))]
    return [[{**documents[place], "score": float(scores[place])} for place in order]]


async def diffuse(call: Call) -> Sequence[Any]:
    """Text to picture."""
    size = _options(call).get("size")
    prompt = "\n".join(map(as_text, call.args))
    model = await _open(call, call.resources.engines.painting)
    return [await call.blocking(lambda: model.paint(prompt, size, seed_of(call)))]


async def describe(call: Call) -> Sequence[Any]:
    """Pictures, and what is asked of them, to text."""
    images = [one for value in call.args for one in _flat(value) if isinstance(one, bytes)]
    words = [value for value in call.args if value is not None and not any(isinstance(o, bytes) for o in _flat(value))]
    if not images:
        raise Mistyped("expected a picture, found none")
    prompt = _options(call).get("prompt")
    text = fill_template(prompt, call.args[len(images) :]) if prompt else "\n".join(map(as_text, words))
    model = await _open(call, call.resources.engines.seeing)
    return [await call.blocking(lambda: model.describe(images, text or "Describe the picture."))]


async def _open(call: Call, engine: Callable[[str], E]) -> E:
    """The model that the op names; what the reader must know of it goes to the trace."""
    name = cast(SymbolRefAttr, call.op.properties["model"]).string_value()
    model = await call.blocking(lambda: engine(name))
    if model.note:
        call.run.trace.note(model.note)
    return model


def _options(call: Call) -> dict[str, Any]:
    options = call.op.properties.get("options")
    return plain_attributes(options if isinstance(options, DictionaryAttr) else None)


def _texts(items: Sequence[Any]) -> list[str]:
    return [one["text"] if _is_document(one) else as_text(one) for one in items]


def _is_document(value: object) -> bool:
    return isinstance(value, Mapping) and "text" in value


def _flat(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else [value]


HANDLERS: Final[Mapping[str, Handler]] = {
    "model.transcribe": transcribe,
    "model.synthesize": synthesize,
    "model.embed": embed,
    "model.rerank": rerank,
    "model.diffuse": diffuse,
    "model.describe": describe,
}
