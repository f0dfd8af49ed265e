"""What a run took: one record a step, measured beside planned."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final


@dataclass(slots=True)
class Step:
    """One execution of one op. Times are seconds; ``start`` counts from the start of the run."""

    node: str
    op: str
    trip: tuple[int, ...] = ()
    """Places in the loops and maps around the step, outermost first."""
    source: str = ""
    start: float = 0.0
    seconds: float = 0.0
    """Measured here, waiting for a free thread included."""
    device: str | None = None
    """Where the plan puts it; this machine's CPU ran it."""
    estimated_seconds: float | None = None
    """What the plan expects of one execution there."""
    bytes_: int = 0
    """Of the results."""
    tokens: int = 0
    """Read by a prefill, said by a decode."""
    first_token_seconds: float | None = None
    asynchronous: bool = False
    failed: bool = False
    note: str = ""
    prompt_tokens: int = 0
    """Of a call of a language model, what a prefix covers included; for spans."""
    answer_tokens: int = 0
    """Likewise."""

    def as_json(self) -> dict[str, Any]:
        """The record as plain data; what is not known is left out."""
        data = {
            ("bytes" if key == "bytes_" else key): value for key, value in asdict(self).items() if key not in _OF_SPANS
        }
        kept = {key: value for key, value in data.items() if value not in (None, "", (), False)}
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in kept.items()}


@dataclass(slots=True)
class Trace:
    """All steps of a run, in the order in which they began, and what the reader must know of it."""

    agent: str = ""
    steps: list[Step] = field(default_factory=list[Step])
    notes: list[str] = field(default_factory=list[str])
    """For example that a model is a stand-in, so that its words mean nothing."""
    seconds: float = 0.0
    """From the request to its answers."""
    settled_seconds: float = 0.0
    """Until asynchronous steps were over too."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, text: str) -> None:
        """Tell the reader something, once."""
        with self._lock:
            if text not in self.notes:
                self.notes.append(text)

    def json_lines(self) -> str:
        """One JSON object a line: the run, then its steps."""
        run = {
            "agent": self.agent,
            "seconds": round(self.seconds, 6),
            "settled_seconds": round(self.settled_seconds, 6),
        }
        rows: list[Mapping[str, Any]] = [{"schema": 1, **run, "notes": self.notes}]
        rows += [step.as_json() for step in self.steps]
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def spans(self, trace: str = f"{1:032x}", began: int = 0) -> dict[str, Any]:
        """The run in the form of OpenTelemetry's OTLP/JSON, with its attributes of generative AI.

        ``trace``: 32 hexadecimal digits that tell this run from others. ``began``: when, in nanoseconds of the Unix
        epoch; times count from there.
        """
        about = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": self.agent}
        root = _span(0, f"invoke_agent {self.agent}", 0.0, self.settled_seconds, about)
        steps = [_of_step(place, step) for place, step in enumerate(self.steps, 1)]
        for span in (root, *steps):
            span["traceId"] = trace
            span |= {key: str(began + int(span[key])) for key in ("startTimeUnixNano", "endTimeUnixNano")}
        scope = {"scope": {"name": "agentc"}, "spans": [root, *steps]}
        service = {"key": "service.name", "value": {"stringValue": self.agent}}
        return {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [scope]}]}

    def table(self, width: int = 80) -> str:
        """The run as a table of plain text, at most ``width`` columns wide."""
        from agentc.runtime.trace_table import render

        return render(self, width)


def _of_step(place: int, step: Step) -> dict[str, Any]:
    keys = ("device", "estimated_seconds", "bytes", "tokens", "first_token_seconds", "source", "note")
    facts = {f"agentc.{key}": value for key, value in step.as_json().items() if key in keys}
    facts |= _conventional(step)
    facts |= {"agentc.node": step.node, "agentc.op": step.op} | (
        {"agentc.trip": ".".join(map(str, step.trip))} if step.trip else {}
    )
    return _span(place, step.node, step.start, step.seconds, facts, failed=step.failed)


def _conventional(step: Step) -> dict[str, Any]:
    """The step in the words of OpenTelemetry's conventions for generative AI."""
    said = {"input": step.prompt_tokens, "output": step.answer_tokens}
    if step.op == "model.embed":
        said["input"] = step.tokens
    facts: dict[str, Any] = {f"gen_ai.usage.{side}_tokens": count for side, count in said.items() if count}
    operation = "chat" if step.prompt_tokens or step.answer_tokens else _OPERATIONS.get(step.op)
    return ({"gen_ai.operation.name": operation} if operation else {}) | facts


_OF_SPANS: Final = ("prompt_tokens", "answer_tokens")
"""What only spans say: in a line, ``tokens`` are those of the step."""

_OPERATIONS: Final = {
    "llm.prefill": "chat",
    "llm.decode": "chat",
    "llm.call": "chat",
    "tool.compute": "execute_tool",
    "tool.invoke": "execute_tool",
    "model.embed": "embeddings",
}


def _span(
    place: int, name: str, start: float, seconds: float, facts: Mapping[str, Any], *, failed: bool = False
) -> dict[str, Any]:
    span: dict[str, Any] = {
        "traceId": f"{1:032x}",
        "spanId": f"{place + 1:016x}",
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(round(start * 1e9)),
        "endTimeUnixNano": str(round((start + seconds) * 1e9)),
        "attributes": [{"key": key, "value": _otlp(value)} for key, value in facts.items()],
        "status": {"code": 2 if failed else 1},
    }
    return span | ({"parentSpanId": f"{1:016x}"} if place else {})


def _otlp(value: object) -> dict[str, Any]:
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}
