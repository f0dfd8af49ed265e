"""Profiles learned from traces: what an agent did says what to expect of it.

Spans (``otlp``) are read one at a time and gathered by trace; each says what it did (``meaning``) and is matched to a
node of the agent (``matching``). A trace that is complete adds its figures to those of the nodes (``collect``), and
what ran how often says trips, widths, shares of cases and of conditions. ``write`` makes the profile.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused, Span

if TYPE_CHECKING:
    from agentc.frontends.profile.traces.collect import Collected
    from agentc.frontends.profile.traces.structure import Node

MISSES = 8
"""Kinds of spans without a node that are told by name."""


def learn(
    traces: "Sequence[str | Path]",
    agent: str | Path | None = None,
    models: Mapping[str, Any] | None = None,
) -> tuple[str, tuple[Diagnostic, ...]]:
    """The profile that files of spans make, as YAML, and what is worth knowing of it.

    ``agent``: the definition (in any form that ``frontends.read`` takes) whose nodes the figures are of.

    Raises:
        Refused: a file cannot be read or holds no span of a model or tool; or the agent cannot be read.
    """
    from agentc.frontends.profile.traces.collect import Collector
    from agentc.frontends.profile.traces.matching import Matcher
    from agentc.frontends.profile.traces.otlp import spans
    from agentc.frontends.profile.traces.write import text

    found = Diagnostics()
    nodes, name = _nodes(agent, models or {}) if agent is not None else (None, None)
    collector = Collector(Matcher(nodes))
    for path in traces:
        collector.add(spans(path, found))
    collected = collector.finish()
    if not collected.nodes:
        raise Refused(*found, _nothing(collected, traces, agent))
    _missed(collected, traces, found)
    return text(collected, nodes, name, [Path(path).name for path in traces]), found.sorted()


def _nodes(agent: str | Path, models: Mapping[str, Any]) -> "tuple[list[Node], str | None]":
    from agentc import frontends
    from agentc.frontends.profile.sites import Files, Unit, tree
    from agentc.frontends.profile.traces.structure import steps

    if str(agent).endswith(".mlir") or Path(agent, "manifest.yaml").is_file():
        message = f"`{agent}` is no definition, to whose nodes spans could be matched"
        raise Refused(Diagnostic("profile-source", message, help="name the definition that it was made from"))
    document, home, _ = frontends.read(str(agent), models)
    made = steps(Files(Unit("", document, home)))
    if not made:
        message = f"`{agent}` has no nodes that spans could be of"
        raise Refused(Diagnostic("trace-empty", message, document.span()))
    name = tree(document.data).get("name")
    return made, name if isinstance(name, str) else None


def _nothing(found: "Collected", traces: "Sequence[str | Path]", agent: str | Path | None) -> Diagnostic:
    files = ", ".join(f"`{path}`" for path in traces)
    where = Span(str(traces[0])) if traces else None
    if not found.spans:
        help = 'agentc reads OTLP/JSON: `{"resourceSpans": [{"scopeSpans": [{"spans": [...]}]}]}`, a request a line'
        return Diagnostic("trace-empty", f"there are no spans in {files}", where, help=help)
    if not found.missed:
        help = "spans need `gen_ai.operation.name`: turn on the instrumentation of the model's client"
        message = f"none of the {found.spans} spans is of a model or a tool"
        return Diagnostic("trace-empty", message, where, help=help)
    shown = ", ".join(f"`{miss.shown}`" for miss, _ in found.missed.most_common(MISSES))
    message = f"none of the {found.missed.total()} steps in the traces is of a node of `{agent}`: {shown}"
    return Diagnostic("trace-empty", message, where, help="name the node in a span's attribute `agentc.node`")


def _missed(found: "Collected", traces: "Sequence[str | Path]", told: Diagnostics) -> None:
    for miss, count in found.missed.most_common(MISSES):
        spans = f"{count:,} spans `{miss.shown}`" if count > 1 else f"the span `{miss.shown}`"
        if miss.several:
            listed = " or ".join(f"`{name}`" for name in miss.several[:4])
            message, help = f"{spans} could be of {listed}", "set the attribute `agentc.node` on them"
        else:
            message, help = f"{spans} {'are' if count > 1 else 'is'} of no node of the agent", None
        told.warning("trace-unmatched", message, Span(str(traces[0])), help=help)
