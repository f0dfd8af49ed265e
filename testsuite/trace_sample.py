"""Spans of made-up runs, as exporters write them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

BEGIN = 1_700_000_000_000_000_000


def attributes(facts: Mapping[str, Any], *, snake: bool = False) -> list[dict[str, Any]]:
    def value(fact: Any) -> dict[str, Any]:
        kind = {int: "int", str: "string", float: "double", bool: "bool"}[type(fact)]
        return {f"{kind}_value" if snake else f"{kind}Value": str(fact) if kind == "int" and not snake else fact}

    return [{"key": key, "value": value(fact)} for key, fact in facts.items()]


class Run:
    """One trace."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.spans: list[dict[str, Any]] = []

    def span(
        self, name: str, ms: float = 1.0, parent: str = "", at: float = 0.0, failed: bool = False, **facts: Any
    ) -> str:
        """Add a span; ``facts`` are attributes with ``__`` for dots. Gives its id."""
        id = f"{self.number:08x}{len(self.spans) + 1:08x}"
        start = BEGIN + self.number * 10**9 + int(at * 1e6)
        row: dict[str, Any] = {
            "traceId": f"{self.number + 1:032x}",
            "spanId": id,
            "name": name,
            "kind": 3,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + int(ms * 1e6)),
            "attributes": attributes({key.replace("__", "."): value for key, value in facts.items()}),
            "status": {"code": 2} if failed else {},
        }
        self.spans.append(row | ({"parentSpanId": parent} if parent else {}))
        return id

    def chat(self, node: str = "", into: int = 100, out: int = 10, **facts: Any) -> str:
        """A call of a language model."""
        named = {"agentc__node": node} if node else {}
        usage = {"gen_ai__usage__input_tokens": into, "gen_ai__usage__output_tokens": out}
        name = facts.pop("name", f"chat {facts.get('gen_ai__request__model', 'm')}")
        return self.span(name, gen_ai__operation__name="chat", **{**usage, **named, **facts})

    def tool(self, tool: str, ms: float = 50.0, **facts: Any) -> str:
        """A call of a tool."""
        return self.span(
            f"execute_tool {tool}", ms, gen_ai__operation__name="execute_tool", gen_ai__tool__name=tool, **facts
        )


def request(spans: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An ExportTraceServiceRequest."""
    service = attributes({"service.name": "shop"})
    return {
        "resourceSpans": [
            {"resource": {"attributes": service}, "scopeSpans": [{"scope": {"name": "x"}, "spans": [*spans]}]}
        ]
    }


def lines(*runs: Run) -> str:
    """A request a line."""
    return "".join(json.dumps(request(run.spans)) + "\n" for run in runs)
