"""Every figure and choice that the definition leaves open is told, and nothing that it states."""

from pathlib import Path

from agentc import api

DEFINITION = """
agentc: v1
name: helper
models: {mind: {catalog: llama-3.1-8b}}
inputs: {question: {type: text, tokens: 20}}
nodes:
  first: {llm: mind, in: question, tokens: {input: 100, output: 50}}
  second: {llm: mind, in: first, tokens: {input: 100}}
outputs: {answer: second}
"""


def told(text: str, tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    summary = api.compile(path).summary
    assert summary is not None
    return summary.assumptions


def test_open_figures_and_choices_are_told(tmp_path: Path) -> None:
    rows = told(DEFINITION, tmp_path)
    assert "load: 1 requests/s" in rows
    assert "precision: mind" in rows
    (line,) = [row for row in rows if row.startswith("output_tokens")]
    assert "second.decode" in line and "first" not in line


def test_stated_ones_are_not(tmp_path: Path) -> None:
    stated = DEFINITION.replace("llama-3.1-8b", "llama-3.1-8b, precision: bf16").replace(
        "{input: 100}}", "{input: 100, output: 9}}\nload: {requests_per_second: 3}"
    )
    rows = told(stated, tmp_path)
    assert not [row for row in rows if row.startswith(("load", "precision", "output_tokens"))]
