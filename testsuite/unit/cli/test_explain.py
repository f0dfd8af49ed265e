import pytest

from agentc.cli import main
from agentc.dialects import DIALECTS
from agentc.passes import PASSES
from agentc.pipelines.phases import PHASES
from agentc.support import manual
from agentc.support.registry import load


def explain(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["explain", name]) == 0
    return capsys.readouterr().out


def test_lists_all_diagnostics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == manual.slugs()
    assert max(map(len, lines)) <= 80


def test_slug(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain("yaml-tag", capsys).startswith("# yaml-tag: ")


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_phase(phase: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert phase.sentence in " ".join(explain(phase.name, capsys).split())  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", list(DIALECTS)[:3])
def test_op(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    op = next(iter(load(DIALECTS[name]).operations))
    assert explain(op.name, capsys).startswith(f"# {op.name}\n")


@pytest.mark.parametrize("name", list(PASSES)[:3])
def test_pass(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(name, capsys).startswith(f"# {name}\n")


@pytest.mark.parametrize(("name", "near"), [("yaml-tga", "yaml-tag"), ("llm.cal", "llm.call")])
def test_hint(name: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 1
    assert f"did you mean `{near}`?" in capsys.readouterr().err
