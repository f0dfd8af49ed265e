"""A profile as YAML, with what it rests on as comments."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from agentc.frontends.importers.write import scalar
from agentc.frontends.profile.sites import tree
from agentc.frontends.profile.traces.collect import Collected, Figures, Totals
from agentc.frontends.profile.traces.sketch import Sketch
from agentc.frontends.profile.traces.structure import Node, walk

_TOKENS: Final[Mapping[str, tuple[bool, bool]]] = {
    "llm": (True, True),
    "stt": (False, True),
    "tts": (True, False),
    "embed": (True, False),
    "rerank": (True, False),
    "diffusion": (True, False),
    "model": (True, True),
}
"""Kind of node -> whether it has input and output tokens as figures."""

_SEEN: Final = frozenset(("llm", "stt", "tts", "embed", "rerank", "diffusion", "vision", "tool"))
"""Types of nodes of which any instrumentation makes spans."""


def text(found: Collected, nodes: list[Node] | None, agent: str | None, files: Iterable[str]) -> str:
    """The profile that ``found`` makes. ``nodes``: of the agent, if one is named."""
    lines = [f"# {line}" for line in _head(found, files)]
    lines.append("agentc: v1")
    if agent:
        lines.append(f"agent: {scalar(agent)}")
    lines += _load(found)
    rows = list(_of_agent(found, nodes) if nodes is not None else _alone(found))
    lines += ["nodes:", *rows] if rows else ["nodes: {}"]
    return "\n".join(lines) + "\n"


def _head(found: Collected, files: Iterable[str]) -> Iterator[str]:
    named = ", ".join("".join(c if c.isprintable() else " " for c in name) for name in files)
    yield f"Learned from {named}: {found.traces:,} traces, {found.spans:,} spans."
    if found.unfinished:
        yield f"{found.unfinished:,} spans have no end: their time does not count."
    if found.backward:
        yield f"{found.backward:,} spans end before they begin, since clocks differ: their time does not count."
    if found.missed:
        yield f"{found.missed.total():,} spans are of no node that could be told."


def _load(found: Collected) -> Iterator[str]:
    seconds = (found.last - found.first) / 1e9
    if found.traces > 1 and seconds > 0:
        rate = _short((found.traces - 1) / seconds)
        yield f"# load: {{requests_per_second: {rate}}}  # if every request in {_short(seconds)} s was traced"


def _alone(found: Collected) -> Iterator[str]:
    """Without an agent: a node for each name that spans have."""
    for name, figures in found.nodes.items():
        kind = {"model": "llm"}.get(found.kinds.get(name, ""), found.kinds.get(name, ""))
        if row := _figures(kind, figures):
            yield f"  {scalar(name)}: {_flow(row)}{_comment(figures)}"


def _of_agent(found: Collected, nodes: list[Node]) -> Iterator[str]:
    """In the order of the definition."""
    for node in walk(nodes):
        figures, totals = found.nodes.get(node.dotted), found.control.get(node.dotted)
        row = _figures(node.kind, figures) if figures is not None else {}
        why = _comment(figures) if figures is not None else ""
        if totals is not None:
            row |= _control(node, totals, found)
            why = why or _how_often(node, totals)
        if row:
            yield f"  {scalar(node.dotted)}: {_flow(row)}{why}"


def _figures(kind: str, figures: Figures) -> dict[str, Any]:
    reads, says = _TOKENS.get(kind, (False, False))
    rows = {"input": (reads, figures.input_tokens), "output": (says, figures.output_tokens)}
    tokens = {name: figure(sketch) for name, (has, sketch) in rows.items() if has and sketch.count}
    row: dict[str, Any] = {"tokens": tokens} if tokens else {}
    took = figures.milliseconds.get(kind)
    if took is not None and kind in ("tool", "compute"):
        row["latency_ms" if kind == "tool" else "cpu_ms"] = figure(took)
    return row


def _control(node: Node, totals: Totals, found: Collected) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if totals.ran.count and totals.ran.mean > 0:
        most = tree(node.site.data.get("loop")).get("max")
        limit = float(most) if isinstance(most, int | float) and most >= 1 else 1e6
        if node.kind == "loop":
            row["trips"] = figure(totals.ran, 1.0, limit)
        elif node.kind == "map":
            row["width"] = figure(totals.ran)
    if totals.cases and node.kind == "branch":
        row["cases"] = _cases(node, totals, found)
    if node.conditional and totals.asked and _was_seen(node, found):
        row["probability"] = round(totals.held / totals.asked, 4)
    return row


def _cases(node: Node, totals: Totals, found: Collected) -> dict[str, float]:
    """Shares of the cases of which spans would tell; the others share the rest."""
    telling = [label for label, body in node.bodies.items() if any(each.site.kind in _SEEN for each in walk(body))]
    telling += [label for label, times in totals.cases.items() if times and label not in telling]
    ran = {label: totals.cases.get(label, 0.0) for label in node.bodies if label in telling}
    every = len(ran) == len(node.bodies)
    whole = sum(ran.values()) if every else max(totals.asked, sum(ran.values()))
    shares = {label: round(times / whole, 4) for label, times in ran.items()}
    if every:
        most = max(shares, key=lambda label: shares[label])
        shares[most] = round(1.0 - sum(share for label, share in shares.items() if label != most), 4)
    return shares


def _was_seen(node: Node, found: Collected) -> bool:
    return any(each.dotted in found.nodes for each in walk([node]))


def figure(sketch: Sketch, least: float = 0.0, most: float = 1e15) -> Any:
    """A distribution as a profile has it: a number where it does not vary."""
    rows = {"mean": sketch.mean, "p50": sketch.at(0.5), "p95": sketch.at(0.95)}
    rows = {name: rounded(min(max(value, least), most)) for name, value in rows.items()}
    if rows["p50"] == rows["p95"] == rows["mean"]:
        return rows["mean"]
    if rows["mean"] > rows["p95"]:  # a few are so large that percentiles mislead
        del rows["p95"]
    return rows


def rounded(value: float) -> float | int:
    """To four significant digits; whole where it is large."""
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() else short


def _short(value: float) -> str:
    return scalar(rounded(value))


def _comment(figures: Figures) -> str:
    how = ", ".join(f"by {name}" for name, _ in figures.how.most_common())
    failed = f", {figures.failed:,} failed" if figures.failed else ""
    return f"  # {figures.spans:,} spans {how}{failed}"


def _how_often(node: Node, totals: Totals) -> str:
    if node.kind in ("loop", "map") and totals.ran.count:
        return f"  # {totals.ran.count:,} times"
    whole = sum(totals.cases.values()) or totals.asked
    return f"  # {_short(whole)} times" if whole else ""


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {_flow(inner)}" for key, inner in tree(value).items()) + "}"
    return scalar(value)
