"""Our own definitions, broken at random: refused at a place of the file, or IR that prints and reads back the same."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from agentc.analyses.task_graph import entry_graph
from agentc.frontends import ir, yaml
from agentc.pipelines.runner import Compilation, run
from agentc.pipelines.standard import Settings
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import load_yaml
from testsuite.mutation import CASES, Data, mutants

ROOT = Path(__file__).parents[2]
SOURCES = [
    ROOT / "testsuite" / "every_key" / "agent.yaml",
    *sorted(
        path
        for path in (ROOT / "examples").rglob("*.yaml")
        if "name" in path.read_text() and "nodes:" in path.read_text()
    ),
]


def check(data: Any, path: Path, scratch: Path) -> None:
    document = Data(str(path), data)
    try:
        definition = yaml.define(document, path.parent)
    except Refused as refused:
        assert refused.diagnostics
        assert all(d.span is not None for d in refused.diagnostics)
        return
    module = yaml.lower(definition)
    module.verify()
    text = str(module)
    scratch.write_text(text, encoding="utf-8")
    assert str(ir.load(scratch)) == str(module)
    # What keeps the rules is never refused later: `agentc check` rests on this, and lowers nothing.
    for _ in run(Compilation(module, Settings()), "task", keep=lambda _: False):
        pass
    assert sum(1 for _ in entry_graph(module).walk()) <= definition.program.most_steps()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_mutations(path: Path, tmp_path: Path) -> None:
    data = load_yaml(path).data
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

    @settings(max_examples=max(CASES // 2, 10), suppress_health_check=slow, deadline=None)
    @given(mutants(data))
    def mutated(mutant: Any) -> None:
        check(mutant, path, tmp_path / "agent.mlir")

    mutated()
