"""The trace as table, as lines and as spans."""

import json

from agentc.runtime.trace import Step, Trace
from agentc.runtime.trace_table import amount, duration


def sample() -> Trace:
    trace = Trace("voice")
    trace.steps = [
        Step("hear", "model.transcribe", (), "a.yaml:3:1", 0.0, 0.5, "l40s", 0.1, 12),
        Step("think.decide", "llm.decode", (0,), "", 0.5, 0.25, "h100-sxm", 0.03, 40, 17, 0.1),
        Step("think.decide", "llm.decode", (1,), "", 0.75, 0.25, "h100-sxm", 0.03, 40, 13, 0.1),
        Step("log", "memory.observe", start=1.0, seconds=0.0001, asynchronous=True),
        Step("a.very.long.path.of.nested.agents.and.loops.that.ends.in.a.node", "compute.builtin", failed=True),
    ]
    trace.note("model `mind` is a stand-in: its words mean nothing, and this note is longer than one line of the table")
    trace.note(trace.notes[0])
    trace.seconds, trace.settled_seconds = 1.0, 1.1
    return trace


def test_table_fits_and_adds_up() -> None:
    text = sample().table(80)
    assert max(map(len, text.splitlines())) <= 80
    decide = next(line for line in text.splitlines() if line.startswith("think.decide"))
    assert decide.split() == ["think.decide", "x2", "llm.decode", "h100-sxm", "500", "ms", "60", "ms", "30", "tok"]
    assert (
        "log *" in text
        and "*: nothing waits for it; !: failed; here: on this machine" in " ".join(text.split())
        and " ends.in.a.node !".strip() in text
    )
    assert text.count("mean nothing") == 1 and "answered in 1 s, all over in 1.1 s" in text


def test_json_lines_hold_every_step() -> None:
    run, *steps = [json.loads(line) for line in sample().json_lines().splitlines()]
    assert run["schema"] == 1 and run["agent"] == "voice" and len(steps) == 5
    assert steps[1] == {
        "node": "think.decide",
        "op": "llm.decode",
        "trip": [0],
        "start": 0.5,
        "seconds": 0.25,
        "device": "h100-sxm",
        "estimated_seconds": 0.03,
        "bytes": 40,
        "tokens": 17,
        "first_token_seconds": 0.1,
    }


def test_spans_are_children_of_the_run() -> None:
    (resource,) = sample().spans()["resourceSpans"]
    root, *spans = resource["scopeSpans"][0]["spans"]
    assert "parentSpanId" not in root and {span["parentSpanId"] for span in spans} == {root["spanId"]}
    assert len({span["spanId"] for span in spans}) == 5
    assert int(spans[1]["endTimeUnixNano"]) - int(spans[1]["startTimeUnixNano"]) == 250_000_000
    assert spans[4]["status"]["code"] == 2
    assert {"key": "agentc.tokens", "value": {"intValue": "17"}} in spans[1]["attributes"]


def test_units() -> None:
    assert [duration(t) for t in (0, 3e-6, 0.0123, 2.5, 4000)] == ["0 us", "3 us", "12.3 ms", "2.5 s", "4000 s"]
    assert [amount(n) for n in (0, 999, 1500, 2_000_000_000_000)] == ["0 B", "999 B", "1.5 kB", "2e+03 GB"]
