"""A profile learned from traces says what the traces say, whatever form they have."""

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trace_sample import BEGIN, Run, lines, request

from agentc.frontends import profile as profiles
from agentc.frontends import yaml as definitions
from agentc.frontends.profile.traces import learn
from agentc.frontends.profile.traces.meaning import meaning
from agentc.frontends.profile.traces.otlp import PIECE, Recorded, recorded, spans
from agentc.frontends.profile.traces.sketch import EXACT, Sketch
from agentc.support.diagnostics import Diagnostics, Refused
from agentc.support.yaml_source import load_yaml, parse_yaml

AGENT = """\
agentc: v1
name: shop
models: {mind: llama-3.1-8b, small: qwen3-4b, enc: all-minilm-l6-v2}
tools: {web: {http: "http://localhost/search", latency_ms: 100}, pay: {python: tools.py:charge}}
inputs: {q: {type: text, tokens: 10}}
agents:
  clerk:
    inputs: {x: {type: text}}
    nodes: {answer: {llm: small, in: x}}
    outputs: {y: answer}
nodes:
  route: {llm: mind, in: q, fields: {way: [talk, buy, none], hard: bool}}
  think:
    loop:
      max: 6
      until: check.done
      nodes:
        draft: {llm: mind, in: [q, check.why]}
        look: {tool: web, in: draft, unless: check.done}
        check: {llm: small, in: [draft, look], fields: {done: bool, why: text}}
  act:
    branch:
      on: route.way
      cases:
        talk: {probability: 0.5, nodes: {say: {agent: clerk, in: q}}}
        buy: {probability: 0.25, nodes: {bill: {tool: pay, in: q}}}
        none: {probability: 0.25, output: q}
  parts: {map: {over: list, nodes: {sum: {llm: mind, in: item}}}}
  list: {compute: {builtin: json_parse}, in: route.way, returns: list<text>}
  vec: {embed: enc, in: q}
outputs: {a: act, b: parts, c: vec, d: think.draft}
"""


def shop(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "tools.py").write_text("def charge(q: str) -> str:\n    return q\n")
    return tmp_path / "agent.yaml"


def profile(tmp_path: Path, text: str, agent: bool = True) -> dict[str, Any]:
    """What the traces ``text`` make of the agent; it fits the agent."""
    (tmp_path / "t.jsonl").write_text(text)
    source = shop(tmp_path)
    made, told = learn([tmp_path / "t.jsonl"], source if agent else None)
    assert [d.message for d in told] == []
    document = parse_yaml(made, "profile.yaml")
    if agent:
        whole = profiles._checked(document)  # pyright: ignore[reportPrivateUsage]
        definitions.define(load_yaml(source), tmp_path, patch=profiles.bind(whole, load_yaml(source), tmp_path))
    return document.data


def request_of(number: int, trips: int, way: str, parts: int = 2) -> Run:
    """A request to the shop whose spans name their nodes."""
    run = Run(number)
    run.chat("route", 100, 5 + number)
    for trip in range(trips):
        run.chat("think.draft", 200, 50)
        if trip:
            run.tool("web", 10.0 * trip)
        run.chat("think.check", 300, 20)
    if way == "talk":
        run.chat("act.talk.say.answer", 40, 4)
    elif way == "buy":
        run.tool("charge", 70.0)
    for _ in range(parts):
        run.chat("parts.sum", 10, 2)
    return run


def test_trips_widths_shares_and_conditions(tmp_path: Path) -> None:
    ways = ["talk", "talk", "buy", "none"]
    made = profile(tmp_path, lines(*(request_of(n, 1 + n % 3, way, n) for n, way in enumerate(ways))))
    nodes = made["nodes"]
    assert nodes["think"] == {"trips": {"mean": 1.75, "p50": 1, "p95": 3}}
    assert nodes["think.look"] == {"latency_ms": {"mean": 13.33, "p50": 10, "p95": 20}, "probability": 0.4286}
    assert nodes["act"] == {"cases": {"talk": 0.5, "buy": 0.25}}
    assert nodes["act.buy.bill"] == {"latency_ms": 70}
    assert nodes["act.talk.say.answer"] == {"tokens": {"input": 40, "output": 4}}
    assert nodes["parts"] == {"width": {"mean": 1.5, "p50": 1, "p95": 3}}
    assert nodes["route"] == {"tokens": {"input": 100, "output": {"mean": 6.5, "p50": 6, "p95": 8}}}


def test_cases_of_which_every_one_tells_sum_to_one(tmp_path: Path) -> None:
    text = AGENT.replace(
        "none: {probability: 0.25, output: q}", "none: {probability: 0.25, nodes: {no: {llm: mind, in: q}}}"
    )
    (tmp_path / "t.jsonl").write_text(lines(*(request_of(n, 1, "talk" if n else "buy") for n in range(3))))
    (shop(tmp_path)).write_text(text)
    made, _ = learn([tmp_path / "t.jsonl"], tmp_path / "agent.yaml")
    assert parse_yaml(made).data["nodes"]["act"] == {"cases": {"talk": 0.6667, "buy": 0.3333, "none": 0}}


def test_the_road_from_traces_to_a_plan(tmp_path: Path) -> None:
    from agentc import api

    (tmp_path / "t.jsonl").write_text(lines(*(request_of(n, 2, "talk") for n in range(20))))
    made, _ = api.learn_profile([tmp_path / "t.jsonl"], shop(tmp_path))
    (tmp_path / "p.yaml").write_text(made)
    build = api.compile(tmp_path / "agent.yaml", profile=tmp_path / "p.yaml")
    assert "output_tokens: route, think.draft, think.check" in build.facts().profiled[0] + build.facts().profiled[1]
    assert not any("think: " in row for row in build.facts().summary.assumptions)


# Forms of the file.


def rows(tmp_path: Path, data: str | bytes, name: str = "x.jsonl") -> tuple[list[Recorded], list[str]]:
    found = Diagnostics()
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    made = list(spans(tmp_path / name, found))
    return made, [f"{d.span.line} {d.slug}" for d in found if d.span]


def snake(value: Any) -> Any:
    """As protobuf's JSON with the fields' own names, 64-bit integers as numbers."""
    if isinstance(value, dict):
        whole = {"startTimeUnixNano", "endTimeUnixNano", "intValue"}
        return {
            re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): int(inner) if key in whole else snake(inner)
            for key, inner in value.items()
        }
    return [snake(inner) for inner in value] if isinstance(value, list) else value


RUNS = [request_of(n, 2, "talk") for n in range(3)]
WHOLE = request([span for run in RUNS for span in run.spans])
FORMS = {
    "lines": lines(*RUNS),
    "document": json.dumps(WHOLE),
    "laid out": json.dumps(WHOLE, indent=4),
    "snake case": json.dumps(snake(WHOLE), indent=1),
    "crlf and empty lines": lines(*RUNS).replace("\n", "\r\n\r\n"),
    "library spans": lines(*RUNS).replace("scopeSpans", "instrumentationLibrarySpans"),
    "byte order mark": "\ufeff" + lines(*RUNS),
    "lists of requests": json.dumps([request(run.spans) for run in RUNS]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_same_spans(form: str, tmp_path: Path) -> None:
    plain = rows(tmp_path, FORMS["lines"])
    assert len(plain[0]) == sum(len(run.spans) for run in RUNS) and plain[1] == []
    assert rows(tmp_path, FORMS[form]) == plain
    assert rows(tmp_path, gzip.compress(FORMS[form].encode()), "x.jsonl.gz") == plain


def test_spans_across_the_pieces_of_a_file(tmp_path: Path) -> None:
    """Names of several bytes a letter, so that pieces end within letters too."""
    runs = [Run(n) for n in range(8)]
    for run in runs:
        for _ in range(40):
            run.chat(name="chat " + "\u00e9\u6c34\U0001f600" * 1000)
    text = "\n".join(json.dumps(request(run.spans), ensure_ascii=False) for run in runs)
    assert len(text.encode()) > 2 * PIECE
    made, told = rows(tmp_path, text)
    assert len(made) == 320 and told == [] and len({span.name for span in made}) == 1


def test_a_truncated_line_is_told_and_left_out(tmp_path: Path) -> None:
    one, two, three = (lines(run) for run in RUNS)
    made, told = rows(tmp_path, one + two[: len(two) // 2] + "\n" + three)
    assert told == ["2 trace-broken"]
    assert {span.trace[-1] for span in made} == {"1", "2", "3"}
    assert sum(span.trace.endswith("3") for span in made) == len(RUNS[2].spans)


def test_a_file_that_breaks_off_keeps_what_is_whole(tmp_path: Path) -> None:
    for text in (FORMS["lines"], FORMS["laid out"]):
        for share in (0.3, 0.5, 0.77, 0.999):
            made, told = rows(tmp_path, text[: int(len(text) * share)])
            assert abs(len(made) - share * 27) < 3
            assert all(row.endswith("trace-broken") for row in told) and len(told) <= 1


def test_a_gzip_file_that_breaks_off_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(Refused) as why:
        rows(tmp_path, gzip.compress(FORMS["lines"].encode())[:-20], "x.gz")
    assert why.value.diagnostics[0].slug == "unreadable-file"


def test_what_spans_lack(tmp_path: Path) -> None:
    """Clocks that differ, spans without an end, parents that are elsewhere, spans that were exported twice."""
    run = request_of(0, 1, "buy")
    late, again = dict(run.spans[-1]), dict(run.spans[0])
    run.spans[0]["parentSpanId"] = "ffffffffffffffff"
    del run.spans[1]["endTimeUnixNano"]
    bill = next(span for span in run.spans if span["name"].endswith("charge"))
    bill["endTimeUnixNano"] = str(BEGIN - 5)
    loop = run.chat("route")
    run.spans[-1]["parentSpanId"] = loop
    run.spans += [late, again]
    (tmp_path / "t.jsonl").write_text(lines(run))
    made, _ = learn([tmp_path / "t.jsonl"], shop(tmp_path))
    head = made.splitlines()[:3]
    assert head[0].endswith("1 traces, 7 spans.")
    assert head[1].startswith("# 1 spans have no end") and head[2].startswith("# 1 spans end before they begin")
    assert "act.buy.bill" not in made.partition("nodes:")[2]


def test_failures_count_as_runs_but_not_as_figures(tmp_path: Path) -> None:
    run = request_of(0, 1, "talk")
    run.tool("charge", 60_000.0, failed=True)
    run.tool("charge", 10.0)
    (tmp_path / "t.jsonl").write_text(lines(run))
    made, _ = learn([tmp_path / "t.jsonl"], shop(tmp_path))
    assert "act.buy.bill: {latency_ms: 10}  # 2 spans by tool name, 1 failed" in made


# What spans say.


@pytest.mark.parametrize(
    ("facts", "kind", "tokens"),
    [
        (
            {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4},
            "llm",
            (3, 4),
        ),
        ({"gen_ai.operation.name": "text_completion", "gen_ai.usage.prompt_tokens": "3"}, "llm", (3, None)),
        ({"gen_ai.usage.completion_tokens": 4}, "llm", (None, 4)),
        (
            {"openinference.span.kind": "LLM", "llm.token_count.prompt": 3, "llm.token_count.completion": 4},
            "llm",
            (3, 4),
        ),
        ({"llm.request.type": "chat", "llm.usage.prompt_tokens": 3}, "llm", (3, None)),
        ({"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 3}, "embed", (3, None)),
        ({"gen_ai.operation.name": "execute_tool"}, "tool", (None, None)),
        ({"traceloop.span.kind": "tool", "traceloop.entity.name": "web"}, "tool", (None, None)),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 9}, "agent", (9, None)),
        ({"gen_ai.operation.name": "create_agent"}, "", (None, None)),
        ({"http.method": "GET"}, "", (None, None)),
        ({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": -3}, "llm", (None, None)),
    ],
)
def test_conventions(facts: dict[str, Any], kind: str, tokens: tuple[int | None, int | None]) -> None:
    said = meaning(Recorded("t", "s", "", "x", 1, 2, False, facts))
    assert (said.kind, (said.input_tokens, said.output_tokens)) == (kind, tokens)


def test_values_of_attributes() -> None:
    stated = [
        {"key": "a", "value": {"intValue": "7"}},
        {"key": "b", "value": {"int_value": 7}},
        {"key": "c", "value": {"doubleValue": 0.5}},
        {"key": "d", "value": {"boolValue": False}},
        {"key": "e", "value": {"arrayValue": {"values": []}}},
        {"key": "f", "value": {"intValue": "x"}},
        {"key": "g"},
        {"value": {"intValue": 1}},
        7,
    ]
    row = recorded({"traceId": "t", "attributes": stated})
    assert row is not None and row.attributes == {"a": 7, "b": 7, "c": 0.5, "d": False}


# Whose spans they are.


def found(tmp_path: Path, run: Run) -> dict[str, str]:
    """Node -> how it was found."""
    (tmp_path / "t.jsonl").write_text(lines(run))
    made, _ = learn([tmp_path / "t.jsonl"], shop(tmp_path))
    return {m[1]: m[2] for m in re.finditer(r"^  ([\w.]+): .*# \d+ spans (by .*)$", made, re.M)}


def test_by_what_is_around_and_by_model(tmp_path: Path) -> None:
    run = Run(0)
    graph = run.span("invoke_agent shop", gen_ai__operation__name="invoke_agent")
    run.span("draft", parent=graph, langgraph_node="draft")
    run.chat(parent=f"{0:08x}{2:08x}")
    team = run.span(
        "invoke_agent Clerk", gen_ai__operation__name="invoke_agent", gen_ai__agent__name="Clerk", parent=graph
    )
    run.chat(parent=team)
    run.chat(name="route", parent=graph)
    run.chat(name="think.check", parent=graph)
    run.tool("search", parent=graph)
    assert found(tmp_path, run) == {
        "route": "by name",
        "think.draft": "by name",
        "think.check": "by name",
        "think.look": "by tool name",
        "act.talk.say.answer": "by name",
    }


def test_the_only_node_and_the_only_of_a_model(tmp_path: Path) -> None:
    run = Run(0)
    run.span("embeddings x", gen_ai__operation__name="embeddings", gen_ai__usage__input_tokens=5)
    run.chat(name="think", gen_ai__request__model="Qwen/Qwen3-4B-Instruct")
    assert found(tmp_path, run) == {"think.check": "by model", "vec": "by only one"}


def test_spans_that_could_be_of_several_are_told(tmp_path: Path) -> None:
    run = Run(0)
    run.tool("web")
    run.chat()
    run.tool("unheard")
    (tmp_path / "t.jsonl").write_text(lines(run))
    _, told = learn([tmp_path / "t.jsonl"], shop(tmp_path))
    assert [d.slug for d in told] == ["trace-unmatched"] * 2
    assert "could be of `route` or `think.draft`" in told[0].message
    assert "`execute_tool unheard` is of no node" in told[1].message


def test_a_span_around_its_clients_span_counts_once(tmp_path: Path) -> None:
    run = Run(0)
    outer = run.chat("route", 7, 7)
    run.chat("route", 7, 7, parent=outer)
    (tmp_path / "t.jsonl").write_text(lines(run))
    assert "# 1 spans by agentc.node" in learn([tmp_path / "t.jsonl"], shop(tmp_path))[0]


def test_without_an_agent_spans_name_the_nodes(tmp_path: Path) -> None:
    run = Run(0)
    agent = run.span("invoke_agent helper", gen_ai__operation__name="invoke_agent", gen_ai__agent__name="my.helper")
    run.chat(parent=agent)
    run.tool("web")
    made = profile(tmp_path, lines(run), agent=False)
    assert made["nodes"] == {"my-helper": {"tokens": {"input": 100, "output": 10}}, "web": {"latency_ms": 50}}


def test_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    http, other = Run(0), Run(0)
    http.span("GET /")
    other.tool("unheard")
    for text, words in (
        ("", "no spans"),
        ("{}", "no spans"),
        (lines(http), "model or a tool"),
        (lines(other), "unheard"),
    ):
        (tmp_path / "t.jsonl").write_text(text)
        with pytest.raises(Refused) as why:
            learn([tmp_path / "t.jsonl"], shop(tmp_path))
        assert why.value.diagnostics[-1].slug == "trace-empty" and words in why.value.diagnostics[-1].message


@pytest.mark.parametrize("agent", ["x.mlir", "build"])
def test_spans_are_matched_to_definitions(agent: str, tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "manifest.yaml").touch()
    with pytest.raises(Refused) as why:
        learn([tmp_path / "t.jsonl"], tmp_path / agent)
    assert why.value.diagnostics[0].slug == "profile-source"


def test_our_own_traces_are_taken(tmp_path: Path) -> None:
    from agentc.runtime.trace import Step, Trace

    trace = Trace("shop")
    for at, (node, op, tokens) in enumerate(
        [("route", "gate.select", 9), ("route", "gate.select", 90), ("think.draft", "llm.prefill", 80)]
        + [("think.draft", "llm.decode", 8), ("think.look", "tool.lookup", 0), ("think.look", "tool.compute", 0)] * 2
    ):
        step = Step(node, op, start=float(at), seconds=0.5, tokens=tokens)
        prompt = op == "llm.prefill" or at == 1
        trace.steps.append(replace(step, prompt_tokens=tokens) if prompt else replace(step, answer_tokens=tokens))
    trace.steps.append(Step("think.look", "compute.builtin", start=50.0, seconds=9.0))
    trace.steps.append(Step("route", "expert.decode", start=50.0, seconds=9.0))
    (tmp_path / "t.jsonl").write_text(json.dumps(trace.spans("ab" * 16, BEGIN)) + "\n")
    made = parse_yaml(learn([tmp_path / "t.jsonl"], shop(tmp_path))[0]).data["nodes"]
    assert made["route"] == {"tokens": {"input": 90, "output": 9}}
    assert made["think"] == {"trips": 2}
    assert made["think.look"] == {"latency_ms": 500, "probability": 1}


# Memory.


def test_sketch_is_exact_while_small_and_close_when_large() -> None:
    import random

    chance, small, large = random.Random(3), Sketch(), Sketch()
    values = [chance.lognormvariate(3, 1.5) for _ in range(3 * EXACT)] + [0.0] * 10
    for value in values[:100]:
        small.add(value)
    for value in values:
        large.add(value)
    ranked = sorted(values)
    assert small.at(0.5) == sorted(values[:100])[49] and small.at(0.95) == sorted(values[:100])[94]
    assert large.mean == pytest.approx(sum(values) / len(values))
    for share in (0.01, 0.5, 0.95, 0.999):
        exact = ranked[max(int(-(-share * len(values) // 1)), 1) - 1]
        assert large.at(share) == pytest.approx(exact, rel=0.006)


def test_traces_that_wait_are_bounded(tmp_path: Path) -> None:
    from agentc.frontends.profile.traces.collect import Collector
    from agentc.frontends.profile.traces.matching import Matcher

    rows_of = [row for n in range(50) for row in map(recorded, request_of(n, 1, "buy").spans) if row is not None]
    collector = Collector(Matcher(None), open_spans=12)
    for row in rows_of:
        collector.add([row])
        assert collector._waiting <= 12  # pyright: ignore[reportPrivateUsage]
    assert collector.finish().traces == 50
