"""Steps of unknown content: planned as others, refused before anything runs, with what to write instead."""

import json
from pathlib import Path

import pytest

from agentc import api
from agentc.cli import main
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
    assert "python: parts.py:name`" in str(told[0].help)


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


PARTS = "def tidy(text: str) -> str:\n    return text.lower() + ' '\n\n\ndef mend(text: str) -> str:\n    return text.strip()\n"


def _build(tmp_path: Path) -> Path:
    (tmp_path / "parts.py").write_text(PARTS)
    path = tmp_path / "theirs.yaml"
    path.write_text(HAYSTACK)
    build = api.compile(path, out=tmp_path / "build", assume=True).path
    assert build is not None
    return build


def test_a_run_binds_them_to_functions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build, parts = _build(tmp_path), tmp_path / "parts.py"
    bind = ["--bind", f"clean={parts}:tidy", "--bind", f"mend={parts}:mend"]
    asked = ["run", str(build), "--format", "json", "--input", '{"text": "ABC "}', "--state", str(tmp_path / "state")]
    assert main([*asked, *bind]) == 0
    assert list(json.loads(capsys.readouterr().out)["outputs"].values()) == ["abc"]
    assert main([*asked, *bind[:2]]) == 1
    told = capsys.readouterr().err
    assert (
        "theirs.yaml:4" in told and "`mend`" in told and "`clean`" not in told and "--bind mend=parts.py:name" in told
    )


@pytest.mark.parametrize(
    ("bound", "slug", "words"),
    [
        ("claen=parts.py:tidy", "bad-binding", "did you mean `clean`?"),
        ("clean=http://localhost:1", "bad-binding", "`file.py:function`"),
        ("nothing=http://localhost:1", "unknown-model", "the agent has no model and no tool `nothing`"),
        ("clean=nowhere.py:tidy", "tool-missing", "there is no file `nowhere.py`"),
        ("clean=PARTS:tidied", "tool-missing", "did you mean `tidy`?"),
    ],
)
def test_wrong_bindings(tmp_path: Path, capsys: pytest.CaptureFixture[str], bound: str, slug: str, words: str) -> None:
    build, parts = _build(tmp_path), tmp_path / "parts.py"
    bind = ["--bind", f"mend={parts}:mend", "--bind", bound.replace("PARTS", str(parts))]
    assert main(["run", str(build), "--input", '{"text": "A"}', "--state", str(tmp_path / "state"), *bind]) == 1
    told = capsys.readouterr().err
    assert f"[{slug}]" in told and words in told


def test_a_run_binds_tools(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def look(q: str) -> str:\n    return q + '!'\n")
    path = tmp_path / "agent.yaml"
    path.write_text(
        "agentc: v1\nname: a\ninputs: {q: {type: text}}\n"
        "tools: {look: {http: 'http://127.0.0.1:9/look', parameters: {q: text}, returns: text}}\n"
        "nodes: {found: {tool: look, in: {q: q}}}\noutputs: {answer: found}\n"
    )
    with Program(load(path), state=tmp_path / "state") as program:
        assert program.run({"q": "x"}, bind={"look": f"{tmp_path}/mine.py:look"}).outputs == {"answer": "x!"}
        with pytest.raises(Refused) as refused:
            program.run({"q": "x"}, bind={"look": "nothing"})
        assert refused.value.diagnostics[0].slug == "bad-binding"
