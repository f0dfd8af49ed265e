"""Which node of an agent a span is of, and by what that was found."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from agentc.frontends.profile.traces.meaning import Meaning
from agentc.frontends.profile.traces.structure import Node, model_names, walk
from agentc.support.record import record

_MODELS: Final = ("llm", "stt", "tts", "embed", "rerank", "diffusion", "vision")
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "llm": ("llm",),
    "embed": ("embed",),
    "rerank": ("rerank",),
    "tool": ("tool",),
    "model": _MODELS,
}
"""What a span does -> the nodes that do it."""


@record(slots=True)
class Match:
    """The node of a span."""

    node: str
    how: str
    """`agentc.node`, `tool name`, `name`, `model`, or `only one`."""


@record(slots=True)
class Miss:
    """A span that is of no node, or could be of several."""

    shown: str
    several: tuple[str, ...] = ()


@dataclass
class Matcher:
    """Finds the node of a span among an agent's; without an agent, spans name the nodes."""

    nodes: list[Node] | None
    _by_kind: dict[str, list[Node]] = field(default_factory=dict[str, list[Node]])
    _known: dict[str, Node] = field(default_factory=dict[str, Node])

    def __post_init__(self) -> None:
        for node in walk(self.nodes or []):
            self._known[node.dotted] = node
            for kind, kinds in _KINDS.items():
                if node.site.kind in kinds:
                    self._by_kind.setdefault(kind, []).append(node)

    def find(self, span: Meaning, around: tuple[str, ...]) -> Match | Miss:
        """The node of ``span``; ``around``: names of the spans that it is within, nearest first."""
        if self.nodes is None:
            return _alone(span, around)
        if span.node:
            known = span.node in self._known
            return Match(span.node, "agentc.node") if known else Miss(span.node)
        kind = span.kind
        choice = self._by_kind.get(kind, [])
        if kind == "tool":
            return _one([node for node in choice if _same(span.tool, node.names)], "tool name", span, around)
        labels = (*span.labels, *around)
        named = list(_nearest(choice, labels))
        if len(named) == 1:
            return Match(named[0].dotted, "name")
        by_model = [node for node in named or choice if _is_model(span.model, node)]
        if len(by_model) == 1:
            return Match(by_model[0].dotted, "model")
        return _one(named or choice, "name" if named else "only one", span, around)


def _one(nodes: list[Node], how: str, span: Meaning, around: tuple[str, ...]) -> Match | Miss:
    """The one of ``nodes``, by what is around the span where there are several."""
    if len(nodes) > 1:
        nodes = list(_nearest(nodes, around, outside=True)) or nodes
    if len(nodes) == 1:
        return Match(nodes[0].dotted, how)
    shown = " ".join(filter(None, (span.op, span.tool or next(iter(span.labels), "") or span.model)))
    return Miss(shown or "a span", tuple(node.dotted for node in nodes))


def _nearest(nodes: list[Node], labels: Iterable[str], *, outside: bool = False) -> Iterator[Node]:
    """Those of ``nodes`` that the nearest label names, itself or what they are within."""
    for label in labels:
        own = [node for node in nodes if not outside and _same(label, (node.dotted, node.names[0]))]
        found = own or [node for node in nodes if _same(label, node.around)]
        if found:
            yield from found
            return


def _same(label: str, names: Iterable[str]) -> bool:
    """Whether a name of a trace is one of the definition's: case, and what stands between words, do not matter."""
    return bool(label) and _folded(label) in map(_folded, names)


@lru_cache(maxsize=65_536)
def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _is_model(model: str, node: Node) -> bool:
    """`gpt-4o-2024-08-06` is `gpt-4o`, and `meta-llama/Llama-3.1-8B-Instruct` is `llama-3.1-8b`."""
    return bool(model) and any(_folded(name) in _folded(model) for name in model_names(node.site) if name)


def _alone(span: Meaning, around: tuple[str, ...]) -> Match | Miss:
    """Without an agent, a node is what the span calls it."""
    labels = [span.node, span.tool if span.kind == "tool" else "", *span.labels[:-1], *around, *span.labels]
    name = next(
        (
            re.sub(r"[.\x00-\x1f\x7f]+" if label != span.node else r"[\x00-\x1f\x7f]+", "-", label).strip("-.")
            for label in labels
            if label
        ),
        "",
    )
    how = "agentc.node" if span.node else "tool name" if span.kind == "tool" else "name"
    return Match(re.sub(r"\.{2,}", ".", name), how) if name else Miss(span.op or "a span")
