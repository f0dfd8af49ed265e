"""Steps of unknown content: planned as others, refused before anything runs, with what to write instead."""

from pathlib import Path

import pytest

from agentc import api
from agentc.frontends import load
from agentc.runtime.program import Program
from agentc.support.diagnostics import Refused

HAYSTACK = """
components:
  clean: {type: mine.Tidier, init_parameters: {}}
  mend: {type: mine.Mender, init_parameters: {}}
connections:
- {sender: clean.text, receiver: mend.text}
inputs: {text: [clean.text]}
"""
BOUND = """
agentc: v1
name: pipeline
inputs: {text: {type: text}}
nodes:
  clean: {compute: {python: "parts.py:clean"}, in: text, returns: text}
  mend: {compute: {builtin: strip}, in: clean}
outputs: {answer: mend}
"""


def test_all_of_them_are_told_before_anything_runs(tmp_path: Path) -> None:
    path = tmp_path / "theirs.yaml"
    path.write_text(HAYSTACK)
    module = load(path)
    with pytest.raises(Refused) as caught, Program(module) as program:
        program.run({"text": "x"})
    told = caught.value.diagnostics
    assert [(d.slug, d.message.split("`")[1], d.span and d.span.line) for d in told] == [
        ("opaque-component", "clean", 3),
        ("opaque-component", "mend", 4),
    ]
    assert "python: parts.py:name" in str(told[0].help)


def test_they_can_be_planned(tmp_path: Path) -> None:
    path = tmp_path / "theirs.yaml"
    path.write_text(HAYSTACK)
    facts = api.compile(path, stop_after="placed", assume=True).facts()
    assert any(line.startswith("what it computes: ") for line in facts.summary.assumptions)


def test_bound_ones_run(tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text("def clean(text: str) -> str:\n    return text.lower() + ' '\n")
    path = tmp_path / "agent.yaml"
    path.write_text(BOUND)
    build = api.compile(path, out=tmp_path / "build").path
    assert build is not None
    from agentc.runtime import load as open_program

    with open_program(build, state=tmp_path / "state") as program:
        assert program.run({"text": "ABC"}).outputs == {"answer": "abc"}
