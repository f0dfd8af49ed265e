"""pyagentspec's own view of Agent Spec files that the importer reads, where pyagentspec is installed."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from agentc.frontends import importers, yaml
from agentc.frontends.importers.frame import Imported, clean
from agentc.frontends.importers.json_text import parse_source

pytest.importorskip("pyagentspec", reason="pyagentspec is not installed")

SAMPLE = Path(__file__).parents[1] / "corpus" / "samples" / "agentspec.yaml"
WORK = ("LlmNode", "ToolNode", "AgentNode", "ApiNode", "MapNode")
"""Nodes that become nodes of ours under their own names."""


def part(name: str) -> Any:
    """A module of pyagentspec."""
    return import_module(f"pyagentspec.{name}")


def imported(text: str, file: str) -> Imported:
    document = parse_source(text, file)
    found = importers.read(document, str(importers.detect(document)))
    yaml.lower(yaml.define(importers.overlay(document, found), Path("."))).verify()
    return found


def reads(definition: dict[str, Any]) -> dict[str, set[str]]:
    """Node -> what its references name, in all graphs of a definition; nodes within a node count as its own too."""
    found: dict[str, set[str]] = {}

    def words(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set().union(*map(words, value.values()))
        if isinstance(value, list):
            return set().union(*map(words, value))
        return set(value.split(".")) if isinstance(value, str) else set()

    def visit(value: Any, key: str = "") -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if key == "nodes":
                    found.setdefault(name, set()).update(words(inner))
                visit(inner, name)

    visit(definition)
    return found


def reaches(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph.get(waiting.pop(), set()) - seen:
            seen.add(name)
            waiting.append(name)
    return seen


def compare(flow: Any, definition: dict[str, Any]) -> None:
    """Every node that works is there, and reads what the data edges lead to it."""
    graph = reads(definition)
    working = {node.name: clean(node.name) for node in flow.nodes if type(node).__name__ in WORK}
    assert set(working.values()) <= graph.keys()
    for edge in flow.data_flow_connections or []:
        source, target = edge.source_node.name, edge.destination_node.name
        if source in working and target in working:
            assert working[source] in reaches(graph, working[target]), (source, target)


def test_the_sample() -> None:
    text = SAMPLE.read_text("utf-8")
    compare(part("serialization").AgentSpecDeserializer().from_yaml(text), imported(text, "agentspec.yaml").definition)


def flow() -> Any:
    """A flow that branches and joins, made by pyagentspec."""
    edges, nodes, llms = part("flows.edges"), part("flows.nodes"), part("llms")
    text_property: Any = part("property").StringProperty
    llm = llms.VllmConfig(name="small", model_id="meta-llama/Llama-3.1-8B-Instruct", url="http://localhost")
    text = text_property(title="text")
    start = nodes.StartNode(name="start", inputs=[text])
    sort = nodes.LlmNode(
        name="sort", llm_config=llm, prompt_template="Sort {{text}}", outputs=[text_property(title="kind")]
    )
    route = nodes.BranchingNode(
        name="route", mapping={"hard": "hard", "easy": "easy"}, inputs=[text_property(title="kind")]
    )
    think = nodes.LlmNode(
        name="think hard", llm_config=llm, prompt_template="Think: {{text}}", outputs=[text_property(title="found")]
    )
    tool = part("tools").ServerTool(name="look", inputs=[text], outputs=[text_property(title="found")])
    look = nodes.ToolNode(name="look up", tool=tool)
    end = nodes.EndNode(name="end", outputs=[text_property(title="found", default="")])
    ways = [(start, None, sort), (sort, None, route), (route, "hard", think), (route, "easy", look)]
    ways += [(route, "default", end), (think, None, end), (look, None, end)]
    data = [
        (start, "text", sort, "text"),
        (sort, "kind", route, "kind"),
        (start, "text", think, "text"),
        (start, "text", look, "text"),
        (think, "found", end, "found"),
        (look, "found", end, "found"),
    ]
    return part("flows.flow").Flow(
        name="Sorting",
        start_node=start,
        nodes=[start, sort, route, think, look, end],
        control_flow_connections=[
            edges.ControlFlowEdge(name=f"c{i}", from_node=a, from_branch=label, to_node=b)
            for i, (a, label, b) in enumerate(ways)
        ],
        data_flow_connections=[
            edges.DataFlowEdge(
                name=f"d{i}", source_node=a, source_output=out, destination_node=b, destination_input=into
            )
            for i, (a, out, b, into) in enumerate(data)
        ],
        inputs=[text],
        outputs=[text_property(title="found", default="")],
    )


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_what_the_framework_writes_is_read(suffix: str) -> None:
    made = flow()
    text = (
        part("serialization").AgentSpecSerializer().to_yaml(made)
        if suffix == "yaml"
        else part("serialization").AgentSpecSerializer().to_json(made)
    )
    found = imported(text, f"flow.{suffix}").definition
    compare(made, found)
    branches = [node["branch"] for node in found["nodes"].values() if "branch" in node]
    assert [sorted(branch["cases"]) for branch in branches] == [["*", "easy", "hard"]]
    assert found["models"] == {"Llama_3_1_8B_Instruct": {"catalog": "meta-llama/Llama-3.1-8B-Instruct"}}


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_the_framework_reads_what_metadata_is_written_into(suffix: str, tmp_path: Path) -> None:
    made = flow()
    path = tmp_path / f"flow.{suffix}"
    path.write_text(
        part("serialization").AgentSpecSerializer().to_yaml(made)
        if suffix == "yaml"
        else part("serialization").AgentSpecSerializer().to_json(made)
    )
    text, _ = importers.with_metadata(path, {})
    assert not imported(text, path.name).assumptions
    reader = part("serialization").AgentSpecDeserializer()
    again: Any = reader.from_yaml(text) if suffix == "yaml" else reader.from_json(text)
    values = again.metadata["agentc"]["values"]
    assert all(value for value in values.values())
    assert any(name.endswith("/branch/cases/hard/probability") for name in values)
    again.metadata.clear()
    assert part("serialization").AgentSpecSerializer().to_json(again) == part(
        "serialization"
    ).AgentSpecSerializer().to_json(made)
