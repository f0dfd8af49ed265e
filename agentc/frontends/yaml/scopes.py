"""The definition as scopes within scopes: which names stand where."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.read import Source

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.file import Graph
    from agentc.frontends.yaml.rules.nodes import Common
    from agentc.frontends.yaml.rules.parts import Input

ScopeKind = Literal["graph", "loop", "case", "map"]


@dataclass(eq=False)
class Item:
    """A node in its place."""

    name: str
    node: "Common"
    kind: str
    """Key of its type: ``llm``, ``loop``, …"""
    path: Path
    scope: "Scope"
    bodies: dict[str, "Scope"] = field(default_factory=dict[str, "Scope"])
    """Scopes within: a loop's or map's under ``""``, a branch's by label."""
    hole: bool = False
    """Its text broke the schema; nothing more is said of it."""

    @property
    def dotted(self) -> str:
        """Its path in the agent: ``think.decide``."""
        return f"{self.scope.prefix}{self.name}"


@dataclass(eq=False)
class Scope:
    """Nodes that see one another by name."""

    kind: ScopeKind
    agent: "AgentGraph"
    path: Path
    """Of the mapping of nodes."""
    prefix: str = ""
    parent: "Scope | None" = None
    owner: Item | None = None
    """The node that this scope is within."""
    entry: str = ""
    """What a map's nodes call the entry at hand."""
    output: "tuple[str, Path] | None" = None
    """Stated output, and its place."""
    items: dict[str, Item] = field(default_factory=dict[str, Item])
    inputs: "dict[str, Input]" = field(default_factory=dict[str, "Input"])

    def named(self, name: str) -> Item | None:
        """The node that ``name`` means here: of this scope, else of the nearest around it."""
        here: Scope | None = self
        while here is not None:
            if name in here.items:
                return here.items[name]
            here = here.parent
        return None

    def walk(self) -> Iterator[Item]:
        """All nodes, those within others too."""
        for item in self.items.values():
            yield item
            for body in item.bodies.values():
                yield from body.walk()

    def scopes(self) -> "Iterator[Scope]":
        """This scope and all within."""
        yield self
        for item in self.items.values():
            for body in item.bodies.values():
                yield from body.scopes()


@dataclass(eq=False)
class AgentGraph:
    """One agent: the definition itself, or one of its sub-agents."""

    name: str
    unit: "Unit"
    spec: "Graph"
    path: Path
    """Of the graph in its document; empty for the definition itself."""
    scope: Scope = field(init=False)

    def __post_init__(self) -> None:
        self.scope = _build(Scope("graph", self, (*self.path, "nodes"), inputs=dict(self.spec.inputs)), self.spec.nodes)


@dataclass(eq=False)
class Unit:
    """One file with its agents. Its folder, relative to that of the main file, is ``folder``."""

    source: Source
    folder: str = ""
    label: str = ""
    """Prefix of its symbols where they would clash with others'; empty for the main file."""
    agents: dict[str, AgentGraph] = field(default_factory=dict[str, AgentGraph])
    """Callable by name in this file."""
    main: AgentGraph = field(init=False)

    def __post_init__(self) -> None:
        from agentc.frontends.yaml.rules.file import Graph

        self.main = AgentGraph(self.source.spec.name, self, self.source.spec, ())
        for name, spec in self.source.spec.agents.items():
            if isinstance(spec, Graph):
                self.agents[name] = AgentGraph(name, self, spec, ("agents", name))

    def graphs(self) -> list[AgentGraph]:
        """Agents that this file itself holds: sub-agents, then the main one."""
        return [*(agent for agent in self.agents.values() if agent.unit is self), self.main]


def _build(scope: Scope, nodes: "Mapping[str, Common]") -> Scope:
    from agentc.frontends.yaml.rules.nodes import kind_of

    holes = scope.agent.unit.source.holes
    for name, node in nodes.items():
        path = (*scope.path, name)
        item = Item(name, node, kind_of(node), path, scope, hole=path in holes)
        scope.items[name] = item
        _bodies(item)
    return scope


def _bodies(item: Item) -> None:
    from agentc.frontends.yaml.rules.nodes import BranchNode, LoopNode, MapNode

    node, path, prefix = item.node, item.path, f"{item.dotted}."

    def body(kind: ScopeKind, inside: Path, label: str, output: str | None, nodes: "Mapping[str, Common]") -> Scope:
        where = (*inside, "nodes")
        scope = Scope(kind, item.scope.agent, where, prefix, item.scope, item)
        scope.prefix = f"{prefix}{label}." if label else prefix
        scope.output = (output, (*inside, "output")) if output else None
        item.bodies[label] = _build(scope, nodes)
        return scope

    if isinstance(node, LoopNode):
        body("loop", (*path, "loop"), "", node.loop.output, node.loop.nodes)
    elif isinstance(node, MapNode):
        body("map", (*path, "map"), "", node.map.output, node.map.nodes).entry = node.map.as_
    elif isinstance(node, BranchNode):
        for label, case in node.branch.cases.items():
            body("case", (*path, "branch", "cases", label), label, case.output, case.nodes)
