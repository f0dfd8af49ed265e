"""``agentc profile``, and ``--profile`` of the commands that read an agent."""

import json
from pathlib import Path

import pytest
from trace_sample import Run, lines

from agentc.cli import main

AGENT = """\
agentc: v1
name: desk
models: {mind: llama-3.1-8b}
inputs: {q: {type: text, tokens: 10}}
nodes:
  route: {llm: mind, in: q, fields: {way: [a, b]}}
  act: {branch: {on: route.way, cases: {a: {probability: 0.5, nodes: {say: {llm: mind, in: q}}}, b: {probability: 0.5, output: q}}}}
outputs: {o: act}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs = [Run(n) for n in range(4)]
    for n, run in enumerate(runs):
        run.chat("route", 30, 3)
        if n < 3:
            run.chat("act.a.say", 60, 40 + n)
    Path("agent.yaml").write_text(AGENT)
    Path("t.jsonl").write_text(lines(*runs))
    return tmp_path


def test_learned_and_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "t.jsonl", "--agent", "agent.yaml", "-o", "p.yaml"]) == 0
    text = Path("p.yaml").read_text()
    assert "  act: {cases: {a: 0.75}}  # 3 times\n" in text
    assert (
        "  act.a.say: {tokens: {input: 60, output: {mean: 41, p50: 41, p95: 42}}}  # 3 spans by agentc.node\n" in text
    )
    assert main(["check", "agent.yaml", "--profile", "p.yaml"]) == 0
    capsys.readouterr()
    assert main(["compile", "agent.yaml", "--profile", "p.yaml", "--stop-after", "task"]) == 0
    made = capsys.readouterr().out
    assert 'agent.profile = {name = "p.yaml"' in made and "input_tokens = #agent.quantity<60.0>" in made


def test_several_files_are_one_profile(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "t.jsonl", "t.jsonl"]) == 0
    assert capsys.readouterr().out.startswith("# Learned from t.jsonl, t.jsonl: 4 traces, 7 spans.\n")


def test_problems_are_told_with_their_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("t.jsonl").open("a") as file:
        file.write('{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "a", "name')
    assert main(["profile", "t.jsonl", "--diagnostics", "json"]) == 0
    (told,) = json.loads(capsys.readouterr().err)["diagnostics"]
    assert (told["slug"], told["span"]["line"], told["severity"]) == ("trace-broken", 5, "warning")
    assert main(["profile", "nowhere.jsonl"]) == 1
    assert main(["profile", "agent.yaml"]) == 1
    assert "error[trace-empty]: there are no spans in `agent.yaml`" in capsys.readouterr().err
    assert main(["check", "agent.yaml", "--profile", "nowhere.yaml"]) == 1
    assert "cannot read `nowhere.yaml`" in capsys.readouterr().err


def test_a_build_takes_no_profile(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain-placement", str(folder), "--profile", "p.yaml"]) == 2
    assert "--profile fills a definition, not a build" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["agent", "fleet", "profile", "manifest"])
def test_schemas(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", what]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema" and made["properties"]
