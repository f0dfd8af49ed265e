"""The agent as steps within steps: what runs as often as what."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.profile.figures import condition, kind_in_full
from agentc.frontends.profile.sites import DEEPEST, MOST, Files, Graph, Site, Tree, kind_of, tree
from agentc.frontends.yaml.document import Path


@dataclass(eq=False)
class Node:
    """A step, or steps in a loop, map, branch or sub-agent."""

    site: Site
    conditional: bool
    bodies: "dict[str, list[Node]]" = field(default_factory=dict[str, "list[Node]"])
    """A branch's by label; of a loop, map or sub-agent the one under ``""``."""
    names: tuple[str, ...] = ()
    """What traces may call it or what is around it, nearest first: its own name, its tool's, its agent's."""
    around: tuple[str, ...] = ()

    @property
    def dotted(self) -> str:
        """Its name in reports."""
        return self.site.dotted

    @property
    def kind(self) -> str:
        """Its type; ``lookup`` and ``kernel`` are types of their own."""
        return kind_in_full(self.site)


def steps(files: Files) -> list[Node]:
    """The steps of an agent, sub-agents written out."""
    return _Builder(files).graph(Graph(files.main, ()), "", (), 0)


def walk(nodes: list[Node]) -> Iterator[Node]:
    """All of them, those within others too."""
    for node in nodes:
        yield node
        for body in node.bodies.values():
            yield from walk(body)


@dataclass
class _Builder:
    files: Files
    left: int = MOST

    def graph(self, graph: Graph, prefix: str, around: tuple[str, ...], depth: int) -> list[Node]:
        path = (*graph.path, "nodes")
        return self._scope(tree(graph.data.get("nodes")), path, prefix, around, graph, depth)

    def _scope(
        self, nodes: Tree, path: Path, prefix: str, around: tuple[str, ...], graph: Graph, depth: int
    ) -> list[Node]:
        made: list[Node] = []
        for name, stated in nodes.items():
            self.left -= 1
            if self.left < 0:
                break
            data = tree(stated)
            site = Site(f"{prefix}{name}", kind_of(data), (*path, name), data, graph)
            node = Node(site, condition(site) is not None, names=_names(str(name), site), around=around)
            self._bodies(node, depth)
            made.append(node)
        return made

    def _bodies(self, node: Node, depth: int) -> None:
        site, around = node.site, (*node.names, *node.around)
        if site.kind in ("loop", "map"):
            inner = tree(tree(site.data[site.kind]).get("nodes"))
            path = (*site.path, site.kind, "nodes")
            node.bodies[""] = self._scope(inner, path, f"{site.dotted}.", around, site.graph, depth)
        elif site.kind == "branch":
            for label, case in tree(tree(site.data["branch"]).get("cases")).items():
                path = (*site.path, "branch", "cases", label, "nodes")
                inside = tree(tree(case).get("nodes"))
                names = (str(label), *around)
                node.bodies[label] = self._scope(inside, path, f"{site.dotted}.{label}.", names, site.graph, depth)
        elif site.kind == "agent" and depth < DEEPEST:
            callee = self.files.callee(site)
            if callee is not None:
                node.bodies[""] = self.graph(callee, f"{site.dotted}.", around, depth + 1)


def _names(name: str, site: Site) -> tuple[str, ...]:
    """A node's own name and those of what it calls."""
    found = [name]
    if site.kind == "agent":
        found.append(str(site.data["agent"]))
    elif site.kind == "tool":
        found += tool_names(site)
    return tuple(dict.fromkeys(found))


def tool_names(site: Site) -> list[str]:
    """What a tool node's tool is called: in the definition, as a Python function, at its MCP server."""
    name = str(site.data["tool"])
    tool = tree(tree(tree(site.graph.unit.document.data).get("tools")).get(name))
    places = [str(tool[key]) for key in ("python", "mcp", "http") if isinstance(tool.get(key), str)]
    return [name, *(place.rpartition(":" if ".py:" in place else "/")[2] for place in places)]


def model_names(site: Site) -> list[str]:
    """What the model of a model call is called."""
    name = str(site.data.get(site.kind, ""))
    stated: Any = tree(tree(site.graph.unit.document.data).get("models")).get(name)
    if isinstance(stated, str):
        return [name, stated]
    return [name, *([stated["catalog"]] if isinstance(tree(stated).get("catalog"), str) else [])]
