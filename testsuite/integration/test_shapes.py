"""The shapes of multi-agent systems (arXiv 2507.19635, figure 1), in YAML and in Python: one IR, placed and run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentc import api
from agentc.cli import main

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ROOT / "examples/shapes"
NAMES = ("single", "network", "supervisor", "supervisor-as-tools", "hierarchical", "custom")


def _ir(source: str) -> str:
    return re.sub(r"agent\.source = \"[^\"]*\"", "", api.compile(source, stop_after="agent").text)


@pytest.mark.parametrize("name", NAMES)
def test_yaml_and_python_are_one_agent(name: str) -> None:
    python = f"{SHAPES}/shapes.py:{name.replace('-', '_')}"
    assert _ir(f"{SHAPES}/{name}.yaml") == _ir(python)


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_is_placed_and_its_sub_agents_are_inlined(name: str) -> None:
    build = api.compile(f"{SHAPES}/{name}.yaml", stop_after="placed")
    assert build.summary is not None and build.summary.status == "optimal"
    assert "agent.call" not in build.text
    assert build.text.count("llm.decode") == len(re.findall(r"\bllm: ", _inlined(name)))


def _inlined(name: str) -> str:
    """The definition's text, each sub-agent as often as it is called."""
    text = (SHAPES / f"{name}.yaml").read_text()
    head, _, rest = text.partition("\nagents:\n")
    if not rest:
        return text
    body, _, tail = rest.partition("\ninputs:\n")
    agents = dict(re.findall(r"^  (\w+):\n((?:    .*\n?)+)", body, re.MULTILINE))
    made = tail
    while called := re.search(r"agent: (\w+)", made):
        made = made.replace(called[0], agents[called[1]], 1)
    return head + made


@pytest.mark.parametrize("name", ["single", "custom"])
def test_a_shape_runs(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", f"{SHAPES}/{name}.yaml", "-o", str(tmp_path / "build")]) == 0
    assert main(["run", str(tmp_path / "build"), "--input", '{"question": "What is 2 + 3?"}']) == 0
    assert "answer:" in capsys.readouterr().out


def test_the_python_file_is_a_program_of_its_own() -> None:
    done = subprocess.run([sys.executable, str(SHAPES / "shapes.py")], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
