"""LangGraph's own view of the programs that the reader of their source sees, where LangGraph is installed."""

import runpy
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from langgraph_sample import CORRECTIVE, FAN_OUT, SUPERVISOR, TOOLS

from agentc import from_langgraph
from agentc.cli import main
from agentc.frontends.importers.langgraph.graph import graphs
from agentc.frontends.importers.langgraph.module import Module

pytest.importorskip("langgraph", reason="LangGraph is not installed")


class _Anything:
    """Stands in for models and stores, which no graph needs to be built."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __getattr__(self, _: str) -> Any:
        return _Anything

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __or__(self, _: object) -> Any:
        return self

    def __ror__(self, _: object) -> Any:
        return self


def built(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a program binds when it runs."""
    for name in ("langchain_openai", "langchain_anthropic", "langchain", "langchain.chat_models"):
        module = types.ModuleType(name)
        module.__dict__.update(dict.fromkeys(("ChatOpenAI", "ChatAnthropic"), _Anything))
        module.__dict__["init_chat_model"] = _Anything
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("langgraph.prebuilt.create_react_agent", lambda *_, **__: _Anything())
    path = folder / "program.py"
    path.write_text(text)
    return runpy.run_path(str(path), {"store": _Anything(), "Router": None, "Grade": None, "llm": _Anything()})


@pytest.mark.parametrize(
    ("text", "variables"), [(CORRECTIVE, ["workflow"]), (FAN_OUT, ["inner", "builder"]), (TOOLS, [])]
)
def test_the_source_shows_what_the_builder_has(
    text: str, variables: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = built(text, tmp_path, monkeypatch)
    seen = {graph.name: graph for graph in graphs(Module(text, "program.py"))}
    builders = {name: found[name] for name in variables} or {"graph": found["graph"].builder}
    for name, builder in builders.items():
        edges = {*builder.edges, *((a, b) for starts, b in builder.waiting_edges for a in starts)}
        assert list(seen[name].nodes) == list(builder.nodes)
        assert set(seen[name].edges) == edges
        for source, branches in builder.branches.items():
            ends = {target for branch in branches.values() for target in (branch.ends or {}).values()}
            assert {t for router in seen[name].routers[source] for t in router.targets.values()} == ends


def test_a_class_that_builds_its_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = built(SUPERVISOR, tmp_path, monkeypatch)["Team"]().builder
    [seen] = graphs(Module(SUPERVISOR, "program.py"))
    assert (list(seen.nodes), set(seen.edges)) == (list(builder.nodes), set(builder.edges))
    for name, spec in builder.nodes.items():
        assert set(spec.ends or ()) <= {t for router in seen.routers[name] for t in router.targets.values()}


DYNAMIC = """
import agentc
from langgraph.graph import END, START, StateGraph
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="llama-3.1-8b")


def think(state):
    return llm.invoke(state["question"])


def check(state):
    return {}


def onward(state) -> str:
    return "think" if state.get("again") else END


def build():
    graph, runs = StateGraph(dict), {"think": think, "check": check}
    for name in sorted(runs):
        graph.add_node(name, runs[name])
    pairs = [(START, "think"), ("think", "check")]
    for a, b in pairs:
        graph.add_edge(a, b)
    graph.add_conditional_edges("check", onward, {"think": "think", END: END})
    return graph


agent = agentc.from_langgraph(build(), "thinker")
"""
"""A graph whose nodes no reader of the source can name."""


def test_an_object_and_its_source_make_one_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = built(DYNAMIC, tmp_path, monkeypatch)["agent"]
    assert agent.definition["name"] == "thinker"
    assert agent.definition["models"] == {"llama_3_1_8b": {"catalog": "llama-3.1-8b"}}
    loop = agent.definition["nodes"]["think_loop"]["loop"]["nodes"]
    assert loop["think"]["llm"] == "llama_3_1_8b"
    assert {place[1] for place in agent.places} >= {str(tmp_path / "program.py")}
    stub = "import sys, types\nm = types.ModuleType('langchain_openai')\nm.ChatOpenAI = lambda **_: None\n"
    (tmp_path / "program.py").write_text(stub + "sys.modules['langchain_openai'] = m\n" + DYNAMIC)
    assert main(["compile", f"{tmp_path}/program.py:agent", "--stop-after", "task"]) == 0
    assert "llm.prefill" in capsys.readouterr().out


def test_what_is_no_graph() -> None:
    with pytest.raises(TypeError, match="no graph of LangGraph"):
        from_langgraph(object())
