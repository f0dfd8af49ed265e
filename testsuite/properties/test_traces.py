"""Whatever a file of spans holds: a profile that can be used, or a refusal in words; never a traceback."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from trace_sample import Run, lines, request

from agentc.frontends import profile as profiles
from agentc.frontends.profile.traces import learn
from agentc.frontends.profile.traces.otlp import spans
from agentc.support.diagnostics import Diagnostics, Refused
from agentc.support.yaml_source import load_yaml, parse_yaml

FOLDER = Path(__file__).parents[1] / "every_key"
HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 0.5, 10**30, 1e300, "", "x", "\0", "\u202e", "a.b", "..", "7", "-7", "9" * 50, "\ud800"),
    *([], [[]], [None], {}, {"x": 1}, {"intValue": None}, {"stringValue": 3}, {"spans": [{}]}, {"doubleValue": "NaN"}),
)


def run() -> Run:
    made = Run(1)
    outer = made.span("invoke_agent x", gen_ai__operation__name="invoke_agent")
    made.chat("ask", parent=outer)
    made.chat("again.draft")
    made.chat(name="sum", gen_ai__request__model="llama-3.1-8b")
    made.tool("search", 5.0)
    made.span("embeddings", gen_ai__operation__name="embeddings", gen_ai__usage__input_tokens=3)
    return made


WHOLE = request(run().spans)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in items for place in places(value, (*path, key)))]


PLACES = places(WHOLE)


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(data, list):
        if not isinstance(path[0], int) or path[0] >= len(data):
            return data
    elif not isinstance(data, dict):
        return data
    fresh = dict(data) if isinstance(data, dict) else list(data)
    inner = data.get(path[0]) if isinstance(data, dict) else data[path[0]]
    fresh[path[0]] = changed(inner, path[1:], value)
    return fresh


def survives(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.jsonl"
        file.write_bytes(content)
        for agent in (None, FOLDER / "agent.yaml"):
            try:
                text, told = learn([file], agent)
            except Refused as refused:
                assert refused.diagnostics and all(d.span is not None for d in refused.diagnostics)
                continue
            assert all(d.span is not None for d in told)
            made = profiles._checked(parse_yaml(text, "profile.yaml"))  # pyright: ignore[reportPrivateUsage]
            assert made.problems == ()
            if agent is not None:
                patch = profiles.bind(made, load_yaml(agent), FOLDER)
                assert list(patch.found) == [], text


@settings(max_examples=250, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(HOSTILE)), min_size=1, max_size=4), st.booleans())
def test_any_value_at_any_place(changes: list[tuple[tuple[Any, ...], Any]], laid_out: bool) -> None:
    data: Any = WHOLE
    for place, value in changes:
        data = changed(data, place, value)
    survives(json.dumps(data, indent=1 if laid_out else None).encode())


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 300), st.binary(max_size=40))
@example(0, 0, b'{"spans":[')
@example(0, 0, b'"spans":[{"traceId":"\xff')
@example(0, 0, b'{"spans":[' + b'{"a":' * 20000)
@example(0, 0, b'{"spans":[' + b"[" * 20000)
@example(0, 0, b'{"spans":[{"traceId":"a","x":' + b"9" * 5000 + b"}]}")
def test_any_bytes_anywhere(at: int, cut: int, junk: bytes) -> None:
    whole = (lines(run(), Run(2)) + json.dumps(WHOLE, indent=2)).encode()
    at %= len(whole)
    survives(whole[:at] + junk + whole[at + cut :])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=60))
def test_reading_goes_on_behind_what_is_broken(at: int, junk: bytes) -> None:
    """What stands on the lines behind the broken one is read."""
    first, second = lines(run()).encode(), lines(Run(9), run()).encode()
    at %= len(first)
    broken = first[:at] + junk.replace(b"\n", b" ") + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.jsonl"
        file.write_bytes(broken + second)
        rows = list(spans(file, Diagnostics()))
    assert len(rows) >= len(run().spans)
