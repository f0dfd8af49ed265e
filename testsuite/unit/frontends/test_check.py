"""`api.check` lowers nothing where the rules say it all, and lowers where only the IR tells."""

from pathlib import Path

import pytest

from agentc import api
from agentc.frontends import define
from agentc.pipelines.loading import SURE_STEPS, check_definition


def nested(levels: int) -> str:
    """An agent that calls ten agents, each of which calls ten, …; callers stand before those that they call."""
    rows = ["agentc: v1\nname: large\ninputs: {q: {type: text}}\nagents:\n"]
    for level in range(levels, -1, -1):
        call = f"agent: a{level - 1}" if level else "compute: {builtin: strip}"
        nodes = "".join(f"      n{i}: {{{call}, in: q}}\n" for i in range(10))
        answer = ".o" if level else ""
        rows.append(
            f"  a{level}:\n    inputs: {{q: {{type: text}}}}\n    nodes:\n{nodes}    outputs: {{o: n9{answer}}}\n"
        )
    rows.append(f"nodes: {{x: {{agent: a{levels}, in: q}}}}\noutputs: {{o: x.o}}\n")
    return "".join(rows)


@pytest.mark.parametrize(("levels", "sure"), [(0, True), (1, True), (4, False)])
def test_what_is_surely_small_enough(levels: int, sure: bool, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(nested(levels))
    assert (define(path).program.most_steps() < SURE_STEPS) == sure
    assert (check_definition(path) is not None) == sure
    slugs = {d.slug for d in api.check(path)}
    assert ("inlining-too-large" in slugs) == (not sure)


def test_ir_is_taken_through_its_passes(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(nested(4))
    module = api.compile(path, stop_after="source").module
    text = tmp_path / "agent.mlir"
    text.write_text(str(module))
    assert check_definition(text) is None
    assert [d.slug for d in api.check(text)] == ["inlining-too-large"]
