"""LangGraph programs read by their syntax trees: what they draw, what their code calls, what becomes of it."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph_sample import CORRECTIVE, FAN_OUT, SUPERVISOR, TOOLS

from agentc.cli import main
from agentc.frontends import yaml
from agentc.frontends.importers import langgraph, overlay, write
from agentc.frontends.importers.langgraph.graph import END, START, Graph, graphs
from agentc.frontends.importers.langgraph.module import Module
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml

SAMPLES = {"corrective": CORRECTIVE, "tools": TOOLS, "supervisor": SUPERVISOR, "fan-out": FAN_OUT}


def drawn(text: str) -> dict[str, Graph]:
    return {graph.name: graph for graph in graphs(Module(text, "graph.py"))}


def defined(text: str, name: str = "") -> dict[str, Any]:
    return langgraph.read(text, "graph.py", name)[1].definition


def test_nodes_edges_and_a_router_by_its_annotation() -> None:
    graph = drawn(CORRECTIVE)["workflow"]
    assert list(graph.nodes) == ["retrieve", "grade", "rewrite", "generate"]
    assert graph.edges == [(START, "retrieve"), ("retrieve", "grade"), ("rewrite", "retrieve"), ("generate", END)]
    assert graph.routers["grade"][0].targets == {"rewrite": "rewrite", "generate": "generate"}
    assert graph.compiled == ["app"]


def test_a_chain_of_calls_and_the_condition_of_tools() -> None:
    graph = drawn(TOOLS)["graph"]
    assert graph.edges == [(START, "agent"), ("tools", "agent")]
    assert graph.routers["agent"][0].targets == {"tools": "tools", END: END}


def test_commands_by_annotation_and_by_body_in_a_class() -> None:
    graph = drawn(SUPERVISOR)["self.builder"]
    targets = {name: set(routers[0].targets) for name, routers in graph.routers.items()}
    assert targets == {"supervisor": {"research", "write", END}, "research": {"supervisor"}, "write": {"supervisor"}}


def test_nodes_added_in_a_loop_edges_that_join_and_sends() -> None:
    graph = drawn(FAN_OUT)["builder"]
    assert list(graph.nodes) == ["plan", "best", "joke", "small"]
    assert {("joke", "best"), ("small", "best")} <= set(graph.edges)
    assert graph.routers["plan"][0].fans_out
    assert drawn(FAN_OUT)["inner"].edges == [("plan", "best"), (START, "plan"), ("best", END)]


@pytest.mark.parametrize(
    ("router", "targets"),
    [
        ("def r(s):\n    return 'a' if s else END", {"a", END}),
        ("def r(s):\n    if s:\n        return 'a'\n    return 'b'", {"a", "b"}),
        ("def r(s):\n    return {True: 'a', False: 'b'}[s]", {"a", "b"}),
        ("r = lambda s: 'a' if s else 'b'", {"a", "b"}),
        ('def r(s) -> \'Literal["a", "b"]\':\n    return pick(s)', {"a", "b"}),
        ("Way = Literal['a', 'b']\ndef r(s) -> Way:\n    return pick(s)", {"a", "b"}),
        ("def r(s):\n    return [Send('a', {}), Send('b', {})]", {"a", "b"}),
    ],
)
def test_where_a_router_leads(router: str, targets: set[str]) -> None:
    text = f"from langgraph.graph import StateGraph, END\n{router}\ng = StateGraph(dict)\n"
    text += "".join(f"g.add_node({name!r}, lambda s: s)\n" for name in "xab") + "g.add_conditional_edges('x', r)\n"
    assert set(drawn(text)["g"].routers["x"][0].targets) == targets


@pytest.mark.parametrize("name", SAMPLES)
def test_the_definition_keeps_the_rules_and_its_text_gives_it_back(name: str, tmp_path: Path) -> None:
    document, imported = langgraph.read(SAMPLES[name], f"{name}.py")
    module = yaml.lower(yaml.define(overlay(document, imported), tmp_path))
    written = yaml.lower(yaml.define(parse_yaml(write.text(imported, f"{name}.py"), "agent.yaml"), tmp_path))
    assert _without_places(str(module)) == _without_places(str(written))


def _without_places(text: str) -> str:
    import re

    return re.sub(r"agent\.source = \"[^\"]*\"(, )?", "", text)


def test_what_code_calls_becomes_nodes() -> None:
    made = defined(CORRECTIVE)
    loop = made["nodes"]["retrieve_in_loop"]["loop"]["nodes"]
    assert loop["retrieve"]["memory"] == {"lookup": "store"}
    assert loop["grade"]["llm"] == loop["decide_route"]["branch"]["cases"]["rewrite"]["nodes"]["rewrite"]["llm"]
    assert made["nodes"]["generate"]["system"] == "Answer from the documents."
    assert made["outputs"] == {"answer": "generate"}


def test_a_model_and_its_tools_are_a_loop_with_a_choice() -> None:
    made = defined(TOOLS)
    assert list(made["tools"]) == ["weather", "population"]
    assert made["tools"]["weather"]["description"] == "The weather of a city."
    agent = made["nodes"]["agent_loop"]["loop"]["nodes"]["agent"]
    assert agent["fields"]["next"] == ["tools", "end"]
    assert agent["fields"]["tool"] == ["weather", "population"]


def test_prebuilt_agents_and_graphs_within_graphs_are_sub_agents() -> None:
    assert list(defined(SUPERVISOR)["agents"]) == ["research"]
    made = defined(FAN_OUT, "app")
    assert made["nodes"]["small"]["agent"] == "inner"
    assert "map" in made["nodes"]["joke"]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("def f(:\n", "python-syntax"),
        ("from langgraph.graph import StateGraph\n", "import-no-agent"),
        (FAN_OUT.replace('builder.add_node("small", small)\n', ""), "import-no-agent"),
    ],
)
def test_what_is_refused(text: str, slug: str) -> None:
    with pytest.raises(Refused) as refused:
        langgraph.read(text, "graph.py")
    assert [problem.slug for problem in refused.value.diagnostics] == [slug]


def test_a_router_that_the_file_does_not_settle_is_named_with_its_line() -> None:
    text = CORRECTIVE.replace(' -> Literal["rewrite", "generate"]', "").replace(
        'return "generate" if state["documents"] else "rewrite"', "return choose(state)"
    )
    warned = [w for w in langgraph.read(text, "graph.py")[1].warnings if w.slug == "import-router"]
    assert len(warned) == 1
    assert "`decide`" in warned[0].message
    line = text[: text.index("workflow.add_conditional_edges")].count("\n") + 1
    assert warned[0].span and warned[0].span.line == line


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(SAMPLES)), seed=st.integers(0, 2**32))
def test_any_change_of_a_program_is_read_or_refused(name: str, seed: int) -> None:
    """Lines dropped, doubled and swapped, words taken out: never anything but a definition or a refusal."""
    chance = random.Random(seed)
    lines = SAMPLES[name].split("\n")
    for _ in range(chance.randint(1, 4)):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                del lines[at : at + chance.randint(1, 3)]
                lines = lines or [""]
            case 1:
                lines.insert(other % (len(lines) + 1), lines[at])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                words = lines[at].split(" ")
                del words[chance.randrange(len(words))]
                lines[at] = " ".join(words)
    try:
        document, imported = langgraph.read("\n".join(lines), "graph.py")
        yaml.lower(yaml.define(overlay(document, imported), Path()))
    except Refused as refused:
        assert all(problem.span for problem in refused.diagnostics)


def test_the_command_line_takes_a_program_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, made = tmp_path / "team.py", tmp_path / "agent.yaml"
    program.write_text(SUPERVISOR)
    assert main(["import", "langgraph", f"{program}:graph", "-o", str(made)]) == 0
    assert main(["check", str(made)]) == 0
    assert main(["compile", str(program), "--assume", "--stop-after", "agent"]) == 0
    assert "llm.call" in capsys.readouterr().out


def test_a_router_that_asks_a_model() -> None:
    text = """
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
model = ChatOpenAI(model="llama-3.1-8b", temperature=0)
def draft(state): return model.invoke(state)
def send(state): return state
def review(state):
    return "good" if "yes" in model.invoke(state) else "bad"
graph = StateGraph(dict)
graph.add_node(draft)
graph.add_node(send)
graph.add_edge(START, "draft")
graph.add_conditional_edges("draft", review, {"bad": "draft", "good": "send"})
"""
    definition = langgraph.read(text, "g.py")[1].definition
    loop = definition["nodes"]["draft_loop"]["loop"]
    assert loop["nodes"]["review"]["llm"] and loop["nodes"]["review"]["fields"] == {"next": ["bad", "good"]}
    assert definition["nodes"]["send"]["in"] == "draft_loop.draft", "what goes on is the draft, not the verdict"
