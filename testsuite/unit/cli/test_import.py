"""``agentc import``, and other tools' files as AGENT."""

import re
from pathlib import Path

import pytest

from agentc.cli import main

SAMPLES = Path(__file__).parents[2] / "corpus" / "samples"


def test_import_writes_a_definition_that_compiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "agent.yaml"
    assert main(["import", "agentspec", str(SAMPLES / "agentspec.yaml"), "-o", str(made)]) == 0
    assert "# assumed: the source does not say where the tool is served" in made.read_text()
    assert main(["check", str(made)]) == 0
    assert capsys.readouterr().err.endswith("agent.yaml: no problems\n")


def test_import_and_compile_give_the_same_ir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "agent.yaml"
    assert main(["import", "auto", str(SAMPLES / "nat.yaml"), "-o", str(made)]) == 0
    for path in (made, SAMPLES / "nat.yaml"):
        assert main(["compile", str(path), "--assume", "--stop-after", "agent"]) == 0
    text = re.sub(r'agent\.source = "[^"]*"', "", capsys.readouterr().out)
    first, second = text.split("builtin.module {")[1:]
    assert first.strip() == second.strip()


def test_assumptions_are_warnings_at_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(SAMPLES / "adk.yaml")]) == 0
    told = capsys.readouterr().err
    assert "warning[import-assumed]: `nodes.work.loop.max` is assumed" in told
    assert "adk.yaml:1:1" in told
    assert main(["check", "--assume", str(SAMPLES / "adk.yaml")]) == 0
    assert "import-assumed" not in capsys.readouterr().err


def test_model_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = tmp_path / "names.yaml"
    names.write_text("gpt-4o-mini: {catalog: llama-3.1-8b, precision: fp8}\n")
    assert main(["import", "dify", str(SAMPLES / "dify.yaml"), "--model-map", str(names)]) == 0
    out = capsys.readouterr()
    assert "gpt_4o_mini: {catalog: llama-3.1-8b, precision: fp8}" in out.out
    assert "import-model" not in out.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "difi", "x.yaml"], "error[unknown-name]: there is no format `difi`"),
        (["import", "dify", str(SAMPLES / "nat.yaml")], "is no Dify"),
        (["import", "auto", str(SAMPLES.parent / "survey.txt")], "error[unreadable-file]"),
        (["compile", str(SAMPLES / "nat.yaml"), "--model-map", "none.yaml"], "error[unreadable-file]"),
    ],
)
def test_what_cannot_be_imported(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
