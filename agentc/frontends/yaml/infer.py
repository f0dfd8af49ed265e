"""The kind of value, and its expected size, that each node gives."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentc.frontends.yaml import kinds
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.kinds import ANY, DOCUMENT, DOCUMENTS, Kind, list_of, parse_kind
from agentc.frontends.yaml.program import Program
from agentc.frontends.yaml.references import inputs_of
from agentc.frontends.yaml.resolve import Target, callee_of
from agentc.frontends.yaml.scopes import AgentGraph, Item, Scope
from agentc.plan.builtins import BUILTINS

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.nodes import ComputeNode, LlmNode, MemoryNode, ToolNode

_FIXED = {"stt": kinds.TEXT, "tts": kinds.AUDIO, "diffusion": kinds.IMAGE, "rerank": DOCUMENTS}
_GIVES = {"flag": "bool", "list": "list<any>"}


@dataclass(eq=False)
class Kinds:
    """Answers what a reference gives; remembers what it found."""

    program: Program
    _known: dict[Item, Kind] = field(default_factory=dict[Item, Kind])
    _open: set[Item] = field(default_factory=set[Item])
    _inside: set[AgentGraph] = field(default_factory=set[AgentGraph])

    def target(self, scope: Scope, path: Path) -> Target | None:
        """What the reference at ``path`` means."""
        return self.program.links[scope.agent].targets.get(path)

    def at(self, scope: Scope, path: Path) -> Kind:
        """The kind of what the reference at ``path`` gives; ``any`` where it means nothing."""
        target = self.target(scope, path)
        return self.of(target) if target is not None else ANY

    def of(self, target: Target) -> Kind:
        """The kind of ``target``, fields applied; ``any`` where a field does not exist."""
        kind = self.base(target)
        for name in target.fields:
            kind = kind.get(name) or ANY
        return kind

    def base(self, target: Target) -> Kind:
        """The kind of ``target`` before its fields."""
        if target.kind == "hole":
            return ANY
        if target.kind == "input":
            return self.input(target.scope, target.names[0])
        if target.kind == "entry":
            return self.entry(target.scope)
        assert target.item is not None
        callee = callee_of(target.item)
        if callee is not None:
            return self._output(callee, target.names[-1])
        return self.item(target.item)

    def _output(self, callee: AgentGraph, name: str) -> Kind:
        """The kind of a sub-agent's output; ``any`` for an agent that calls itself, which is refused elsewhere."""
        if callee in self._inside:
            return ANY
        self._inside.add(callee)
        found = self.at(callee.scope, (*callee.path, "outputs", name))
        self._inside.discard(callee)
        return found

    def input(self, scope: Scope, name: str) -> Kind:
        """The kind of an agent's input."""
        stated = scope.inputs[name]
        kind = parse_kind(stated.type) or ANY
        if kind.name == "record" and stated.fields:
            return Kind("record", fields={key: parse_kind(text) or ANY for key, text in stated.fields.items()})
        return kind

    def entry(self, scope: Scope) -> Kind:
        """The kind of a map's entry."""
        assert scope.owner is not None
        over = self.at(scope.owner.scope, (*scope.owner.path, "map", "over"))
        if over.name == "documents":
            return DOCUMENT
        return over.element or ANY

    def item(self, item: Item) -> Kind:
        """The kind of a node's value. Within a cycle it is ``any`` where nothing else says."""
        if item in self._known:
            return self._known[item]
        if item in self._open or item.hole:
            return ANY
        self._open.add(item)
        found = self._item(item)
        self._open.discard(item)
        self._known[item] = found
        return found

    def inputs(self, item: Item) -> list[Kind]:
        """The kinds of what a node reads."""
        return [self.at(item.scope, path) for _, path in inputs_of(item.node, item.path).values()]

    def body(self, scope: Scope) -> Kind:
        """The kind of what a case or a map's body gives."""
        target = self.program.links[scope.agent].outputs.get(scope)
        return self.of(target) if target is not None else ANY

    def _item(self, item: Item) -> Kind:
        if item.kind in _FIXED:
            return _FIXED[item.kind]
        if item.kind == "vision":
            return Kind(str(getattr(item.node, "returns", "text")))
        if item.kind == "map":
            return list_of(self.body(item.bodies[""]))
        finders = {
            "llm": self._llm,
            "embed": self._embed,
            "tool": self._tool,
            "memory": self._memory,
            "compute": self._compute,
            "branch": self._branch,
        }
        return finders[item.kind](item) if item.kind in finders else ANY

    def _llm(self, item: Item) -> Kind:
        node: LlmNode = item.node  # pyright: ignore[reportAssignmentType]
        if not node.fields:
            return kinds.TEXT
        return Kind("record", fields={name: kinds.field_kind(stated) for name, stated in node.fields.items()})

    def _embed(self, item: Item) -> Kind:
        read = self.inputs(item)
        many = read and read[0].name in ("documents", "list")
        return list_of(kinds.EMBEDDING) if many else kinds.EMBEDDING

    def _tool(self, item: Item) -> Kind:
        node: ToolNode = item.node  # pyright: ignore[reportAssignmentType]
        if node.returns:
            return parse_kind(node.returns) or ANY
        facts = self.program.entities[item.scope.agent.unit].tools.get(node.tool)
        return facts.returns if facts is not None else ANY

    def _memory(self, item: Item) -> Kind:
        node: MemoryNode = item.node  # pyright: ignore[reportAssignmentType]
        if node.memory.lookup is not None:
            return DOCUMENTS
        return parse_kind(node.returns) or ANY if node.returns else kinds.TEXT

    def _compute(self, item: Item) -> Kind:
        node: ComputeNode = item.node  # pyright: ignore[reportAssignmentType]
        if item in self.program.kernels:
            from xdsl.dialects import func

            function = next(op for op in self.program.kernels[item].ops if isinstance(op, func.FuncOp))
            return Kind("tensor", tensor=function.function_type.outputs.data[0])
        if node.returns:
            return parse_kind(node.returns) or ANY
        builtin = BUILTINS.get(node.compute.builtin or "")
        return parse_kind(_GIVES.get(builtin.gives, builtin.gives)) or ANY if builtin else ANY

    def _branch(self, item: Item) -> Kind:
        found = [self.body(body) for body in item.bodies.values()]
        stated = [kind for kind in found if not kind.is_open]
        first = stated[0] if stated else ANY
        return first if all(kind.same(first) for kind in found) else ANY
