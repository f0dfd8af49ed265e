"""A builder of LangGraph as the user holds it: what it has, joined with what the code that runs in it says.

The builder knows nodes and edges that were added by code no reader can follow; the source knows where routers lead that
state no targets, and what the nodes call.
"""

import inspect
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from agentc.frontends.builder import Agent
from agentc.frontends.importers.frame import Draft, Options
from agentc.frontends.importers.langgraph.convert import definition_of
from agentc.frontends.importers.langgraph.graph import Graph, Node, Router, graphs
from agentc.frontends.importers.langgraph.module import Function, Module
from agentc.support.diagnostics import Diagnostic, Refused


def from_langgraph(graph: Any, name: str = "", model_map: Mapping[str, Any] | None = None) -> Agent:
    """The agent that a ``StateGraph`` (or a compiled one) is: ``agentc compile file.py:agent`` compiles it.

    ``name``: what to call it. ``model_map``: models of the code -> models of ours.

    Raises:
        TypeError: ``graph`` is no graph of LangGraph.
        Refused: it has no node whose source can be read.
    """
    builder = getattr(graph, "builder", graph)
    if not all(hasattr(builder, field) for field in ("nodes", "edges", "branches")):
        raise TypeError(f"{type(graph).__name__} is no graph of LangGraph")
    runs = {str(key): _function(getattr(spec, "runnable", spec)) for key, spec in builder.nodes.items()}
    module = _module(runs.values())
    found = graphs(module)
    drawn = max(found, key=lambda each: len(each.nodes.keys() & runs.keys()), default=None)
    if drawn is None or not drawn.nodes.keys() & runs.keys():
        drawn = Graph(name or "graph", module.tree, module.tree)
        found = [*found, drawn]
    _join(drawn, builder, runs, module)
    draft = Draft(module.document, "LangGraph", Options(model_map or {}))
    title, tree = definition_of(module, draft, found, drawn, name)
    imported = draft.finish(title, tree)
    agent = Agent(title)
    agent.definition |= imported.definition
    agent.places += [(path, span.file, span.line) for path, span in imported.places.items()]
    return agent


def _join(graph: Graph, builder: Any, runs: Mapping[str, Any], module: Module) -> None:
    """Add to ``graph`` what the builder has and the source did not show."""
    for name, function in runs.items():
        if name not in graph.nodes:
            home = _defined(function, module)
            graph.nodes[name] = Node(name, home, module.scope(home) if home else module.tree, home or graph.place)
    edges = [*builder.edges, *((a, b) for starts, b in getattr(builder, "waiting_edges", ()) for a in starts)]
    graph.edges += [edge for edge in sorted(edges) if edge not in graph.edges]
    for source, branches in builder.branches.items():
        known = graph.routers.setdefault(str(source), [])
        for name, branch in branches.items():
            stated = cast("Mapping[Any, Any]", getattr(branch, "ends", None) or {})
            ends = {str(label): str(target) for label, target in stated.items()}
            if not any(router.name == name for router in known):
                home = _defined(_function(getattr(branch, "path", None)), module)
                known.append(Router(str(name), home, ends, home or graph.place, sure=bool(ends)))


def _function(runnable: Any) -> Any:
    """The function that a runnable wraps, if it wraps one."""
    for field in ("func", "afunc"):
        inner = getattr(runnable, field, None)
        if inner is not None:
            return inspect.unwrap(inner)
    return runnable


def _module(functions: Iterable[Any]) -> Module:
    """The file that most of ``functions`` are from."""
    files = Counter(file for function in functions if (file := _file(function)))
    if not files:
        message = "none of the graph's nodes has a source file"
        help = "build the graph in a file, of functions that are written there"
        raise Refused(Diagnostic("import-no-agent", message, help=help))
    file = files.most_common(1)[0][0]
    return Module(Path(file).read_text(encoding="utf-8"), file)


def _file(function: Any) -> str | None:
    code = getattr(function, "__code__", None)
    file = cast("str | None", getattr(code, "co_filename", None))
    return file if file and Path(file).is_file() else None


def _defined(function: Any, module: Module) -> Function | None:
    """Where the file defines ``function``."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_filename != module.document.file:
        return None
    return module.function(code.co_name, code.co_firstlineno)
