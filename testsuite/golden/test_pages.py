"""What a user sees for the example of each manual page, whole.

An example whose ``# file:`` is a fleet is compiled with the agent ``AGENT``, one that is a profile is checked with it;
all others are checked alone.
"""

from pathlib import Path

import pytest
from harness import golden

from agentc.support import manual

PINNED = Path(__file__).parent / "pages"
AGENT = """\
agentc: v1
name: helper
models:
  mind: {catalog: llama-3.1-8b}
inputs: {question: {type: text}}
nodes:
  answer: {llm: mind, in: question}
outputs: {answer: answer}
"""
PLACED = {"infeasible-placement"}
"""Found only when the agent is placed, so the example is compiled."""

EXAMPLES = [(slug, i) for slug in manual.slugs() for i, _ in enumerate(manual.examples(slug))]


@pytest.mark.parametrize(("slug", "i"), EXAMPLES, ids=lambda value: str(value))
def test_example_raises_its_slug(slug: str, i: int, tmp_path: Path) -> None:
    example = manual.examples(slug)[i]
    (tmp_path / "agent.yaml").write_text(AGENT, "utf-8")
    (tmp_path / example.file).write_text(example.text, "utf-8")
    args = ["check", "agent.yaml"]
    if example.file == "profile.yaml":
        args += ["--profile", example.file]
    elif example.file != "agent.yaml" or slug in PLACED:
        fleet = ["--fleet", example.file] if example.file != "agent.yaml" else []
        args = ["compile", "agent.yaml", *fleet, "-o", "build"]
    told = golden.agentc(args, tmp_path)
    assert told.splitlines()[1] == "exit 1"
    assert f"error[{slug}]: " in told
    assert told.count("error[") == told.count(f"error[{slug}]")
    assert not (tmp_path / "build").exists()
    golden.compare(PINNED / f"{slug}-{i}.txt", told)


def test_every_pinned_page_belongs_to_an_example() -> None:
    assert {path.stem for path in PINNED.glob("*.txt")} <= {f"{slug}-{i}" for slug, i in EXAMPLES}
