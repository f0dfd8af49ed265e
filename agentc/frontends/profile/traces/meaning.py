"""What a span says of an agent: OpenTelemetry's conventions for generative AI, and those that came before.

Sources: the `gen_ai` spans of https://github.com/open-telemetry/semantic-conventions-genai (v1.41 and earlier, with
`prompt_tokens` and `completion_tokens` of v1.26), OpenLLMetry's `traceloop.*` and `llm.*`, and OpenInference's
`openinference.span.kind` and `llm.token_count.*`.
"""

import sys
from typing import Any, Final

from agentc.frontends.profile.traces.otlp import Recorded, whole
from agentc.support.record import record

_INPUT: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
)
_OUTPUT: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
)
_MODEL: Final = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "llm.request.model")
_TOOL: Final = ("gen_ai.tool.name", "tool.name", "mcp.tool.name")
_LABELS: Final = (
    "gen_ai.agent.name",
    "traceloop.entity.name",
    "langgraph_node",
    "metadata.langgraph_node",
    "agent.name",
)

LONGEST: Final = 500
"""Characters of a name that count."""

OPERATIONS: Final = {
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "completion": "llm",
    "embeddings": "embed",
    "embedding": "embed",
    "rerank": "rerank",
    "reranker": "rerank",
    "execute_tool": "tool",
    "tool": "tool",
    "llm": "llm",
    "invoke_agent": "agent",
    "create_agent": "",
    "invoke_workflow": "agent",
    "agent": "agent",
    "workflow": "agent",
    "chain": "agent",
}
"""Operation -> the kind of node that does it; empty: no step of a request."""

_OWN: Final = {
    "llm": "llm",
    "tool": "tool",
    "compute": "compute",
    "memory": "memory",
    "model": "model",
}
"""Dialect of an op of ours -> the same, for `agentc run --otlp`."""


@record(slots=True)
class Meaning:
    """A span as a step of an agent."""

    kind: str
    """A kind of node, ``model`` for any call of a model that is no language model, ``agent`` for what is around steps;
    empty for what says nothing."""
    op: str
    """What tells several spans of one step apart: the steps of a node are those of the op that has most."""
    node: str = ""
    """Dotted name, where the span says it."""
    tool: str = ""
    model: str = ""
    labels: tuple[str, ...] = ()
    """Names that may be those of a node, nearest first."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    milliseconds: float | None = None
    failed: bool = False
    ours: bool = False
    """It is an op of a plan, of `agentc run`."""


def meaning(span: Recorded) -> Meaning:
    """What ``span`` says."""
    facts = span.attributes
    operation, op = _operation(facts), str(facts.get("agentc.op", ""))
    kind = _own_kind(op, operation) if op else OPERATIONS.get(operation, "")
    tool = _first(facts, _TOOL)
    if not kind and not op and operation not in OPERATIONS:
        kind = "tool" if tool else "llm" if any(key in facts for key in (*_INPUT, *_OUTPUT)) else ""
    if kind == "tool" and not tool:
        tool = str(facts.get("traceloop.entity.name", "")) or _unprefixed(span.name)
    took = (span.end - span.start) / 1e6
    return Meaning(
        kind,
        _step(op, facts) if op else operation,
        _first(facts, ("agentc.node",)),
        tool,
        _first(facts, _MODEL),
        tuple(dict.fromkeys(filter(None, (*(_name(facts.get(key, "")) for key in _LABELS), _unprefixed(span.name))))),
        _tokens(facts, _INPUT),
        _tokens(facts, _OUTPUT),
        took if span.start and span.end and took >= 0 else None,
        span.failed,
        bool(op),
    )


def _step(op: str, facts: dict[str, Any]) -> str:
    """An op of ours, told apart by what it does where it stands for both halves of a call."""
    sides = [side for side, names in (("read", _INPUT), ("said", _OUTPUT)) if any(name in facts for name in names)]
    return ".".join((op, *sides))


def _own_kind(op: str, operation: str) -> str:
    """What an op of ours is a step of; experts and their gates take the place of a language model's halves."""
    return OPERATIONS.get(operation) or _OWN.get(op.partition(".")[0], "")


def _operation(facts: dict[str, Any]) -> str:
    names = ("gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", "llm.request.type")
    return _first(facts, names).lower()


def _first(facts: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first of ``names`` that says something; not more of it than a name has."""
    return next((_name(facts[name]) for name in names if facts.get(name) not in (None, "")), "")


def _name(value: object) -> str:
    return sys.intern(str(value)[:LONGEST])


def _tokens(facts: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        count = whole(facts.get(name))
        if count is not None and 0 <= count <= 10**9:
            return count
    return None


def _unprefixed(name: str) -> str:
    """A span's name without the operation before it (`execute_tool search`) and what instrumentation puts behind."""
    head, _, rest = name.strip().partition(" ")
    named = rest.strip() if rest and head.lower() in OPERATIONS else name.strip()
    for suffix in (".task", ".tool", ".agent", ".workflow"):
        named = named.removesuffix(suffix)
    return _name(named)
