"""The nodes of a definition by the names that reports show: loops, cases, maps and sub-agents written out."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeAlias, cast

from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.rules.nodes import KINDS
from agentc.support.diagnostics import Refused
from agentc.support.record import record
from agentc.support.yaml_source import Document, load_yaml

Tree: TypeAlias = dict[str, Any]

MOST = 100_000
"""Nodes, sub-agents written out: more than any agent that compiles has."""

DEEPEST = 50
"""Sub-agents within each other; beyond, the definition is refused for calling itself."""


@dataclass(eq=False)
class Unit:
    """A file of the definition."""

    label: str
    """Names of the sub-agents that lead to the file, with dots; empty for the main one."""
    document: Document
    directory: FilePath
    origin: str | None = None
    """The label of the file that it is another reading of."""

    @property
    def agents(self) -> Tree:
        """Sub-agents by name."""
        return tree(tree(self.document.data).get("agents"))


@record(slots=True)
class Graph:
    """An agent: the definition itself, or a sub-agent."""

    unit: Unit
    path: Path

    @property
    def key(self) -> tuple[str, Path]:
        """What tells it from others."""
        return self.unit.label, self.path

    @property
    def data(self) -> Tree:
        """Its fields."""
        found: Any = self.unit.document.data
        for step in self.path:
            found = tree(found).get(str(step))
        return tree(found)


@record(slots=True)
class Site:
    """A node."""

    dotted: str
    kind: str
    """Its key, such as ``llm``; empty where it has none."""
    path: Path
    """In the document of its graph's unit."""
    data: Tree
    graph: Graph


def tree(value: Any) -> Tree:
    """``value`` if it is a mapping, else an empty one: what is wrong with it is told elsewhere."""
    return cast("Tree", value) if isinstance(value, dict) else {}


def kind_of(node: Tree) -> str:
    """The key that says what a node is; empty where none does."""
    return next((key for key in KINDS if key in node), "")


def nodes_of(graph: Graph, prefix: str = "") -> Iterator[Site]:
    """The nodes of one agent, those within loops, cases and maps too; not those of its sub-agents."""
    yield from _within(tree(graph.data.get("nodes")), (*graph.path, "nodes"), prefix, graph)


def _within(nodes: Tree, path: Path, prefix: str, graph: Graph) -> Iterator[Site]:
    for name, stated in nodes.items():
        node, dotted, here = tree(stated), f"{prefix}{name}", (*path, name)
        kind = kind_of(node)
        yield Site(dotted, kind, here, node, graph)
        if kind in ("loop", "map"):
            inner = tree(tree(node[kind]).get("nodes"))
            yield from _within(inner, (*here, kind, "nodes"), f"{dotted}.", graph)
        elif kind == "branch":
            for label, case in tree(tree(node[kind]).get("cases")).items():
                inside = (*here, kind, "cases", label, "nodes")
                yield from _within(tree(tree(case).get("nodes")), inside, f"{dotted}.{label}.", graph)


@dataclass(eq=False)
class Outline:
    """The agent with its sub-agents written out."""

    kinds: dict[str, str] = field(default_factory=dict[str, str])
    """Dotted name of a node -> its kind."""
    uses: Counter[tuple[str, Path]] = field(default_factory=Counter[tuple[str, Path]])
    """Agent (``Graph.key``) -> how often it is reached."""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """File and tool -> how many nodes call it."""
    sites: dict[str, Site] = field(default_factory=dict[str, Site])


@dataclass(eq=False)
class Files:
    """The files of a definition, read once each as sub-agents name them."""

    main: Unit
    _units: dict[str, Unit | None] = field(default_factory=dict[str, "Unit | None"])

    def callee(self, site: Site) -> Graph | None:
        """The agent that an ``agent:`` node calls; None where there is none, which is told elsewhere."""
        name, unit = site.data.get("agent"), site.graph.unit
        return self.named(unit, name) if isinstance(name, str) else None

    def named(self, unit: Unit, name: str) -> Graph | None:
        """The sub-agent ``name`` of a file."""
        stated = tree(unit.agents.get(name))
        if not stated:
            return None
        if "file" not in stated:
            return Graph(unit, ("agents", name))
        label = f"{unit.label}.{name}" if unit.label else name
        inner = self._file(label, unit, stated["file"])
        return Graph(inner, ()) if inner is not None else None

    def _file(self, label: str, around: Unit, file: Any) -> Unit | None:
        if label not in self._units:
            self._units[label] = None
            if isinstance(file, str) and label.count(".") < DEEPEST:
                place = around.directory / file
                shown = os.path.normpath(FilePath(around.document.file).parent / file)
                try:
                    self._units[label] = Unit(label, load_yaml(place, shown), place.parent)
                except (Refused, ValueError):
                    return None  # the frontend tells why
        return self._units[label]

    def written_out(self) -> Outline:
        """All nodes, by the names that reports show."""
        found = Outline()
        waiting: list[tuple[Graph, str, int]] = [(Graph(self.main, ()), "", 0)]
        while waiting and len(found.kinds) < MOST:
            graph, prefix, depth = waiting.pop()
            found.uses[graph.key] += 1
            for site in nodes_of(graph, prefix):
                found.kinds[site.dotted], found.sites[site.dotted] = site.kind, site
                if site.kind == "tool":
                    found.calls[graph.unit.label, str(site.data["tool"])] += 1
                inner = self.callee(site) if site.kind == "agent" and depth < DEEPEST else None
                if inner is not None:
                    waiting.append((inner, f"{site.dotted}.", depth + 1))
        return found
