"""From the checked program to IR: graphs, and the values that flow in them."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsl.builder import Builder
from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from agentc.dialects import agent, compute
from agentc.dialects.agent_values import PlacementRuleAttr, QuantityAttr
from agentc.frontends.yaml import kinds
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.infer import Kinds
from agentc.frontends.yaml.program import Program
from agentc.frontends.yaml.resolve import Key, Target
from agentc.frontends.yaml.scopes import AgentGraph, Item, Scope
from agentc.frontends.yaml.sizes import Sizes, input_size
from agentc.frontends.yaml.specs import Specs, source_attr
from agentc.frontends.yaml.symbols import Symbols
from agentc.frontends.yaml.terms import limits, load
from agentc.plan.graph import Neighbor, PlacementRule

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.nodes import Placement
    from agentc.plan.quantity import Quantity

Values = dict[Key, SSAValue]


@dataclass(eq=False)
class Frame:
    """The values of a scope while it is emitted."""

    current: Values = field(default_factory=Values)
    """By name; names within loops and outputs of sub-agents follow."""
    previous: Values = field(default_factory=Values)
    """In a loop: of the trip before."""
    now: str | None = None
    """The node that is emitted."""


@dataclass(eq=False)
class Emitter:
    """Emits the graphs of a program. Nodes are emitted by ``nodes`` and ``control``."""

    program: Program
    kinds: Kinds
    sizes: Sizes
    symbols: Symbols
    frames: dict[Scope, Frame] = field(default_factory=dict[Scope, Frame])
    _items: list[Item] = field(default_factory=list[Item])
    """The node that is emitted, within those around it."""
    _blocks: list[tuple[Block, dict[tuple[SSAValue, str], SSAValue]]] = field(
        default_factory=list[tuple[Block, dict[tuple[SSAValue, str], SSAValue]]]
    )

    def insert(self, op: Operation) -> Operation:
        """Put ``op`` at the end of the block at hand."""
        return Builder(InsertPoint.at_end(self._blocks[-1][0])).insert(op)

    @contextmanager
    def into(self, block: Block) -> Generator[None]:
        """Emit into ``block`` for a while."""
        self._blocks.append((block, {}))
        try:
            yield
        finally:
            self._blocks.pop()

    def graph(self, of: AgentGraph) -> agent.GraphOp:
        """One agent as an op."""
        block = Block()
        with self.into(block):
            frame = self.frames[of.scope] = Frame()
            for name in of.scope.inputs:
                frame.current[(name,)] = self._input(of, name)
            self.body(of.scope)
            outputs = {name: self.at(of.scope, (*of.path, "outputs", name)) for name in of.spec.outputs}
            self.insert(agent.OutputOp(outputs))
        is_main = of is self.program.main
        spec = of.unit.source.spec
        op = agent.GraphOp(
            self.symbols[of],
            [],
            entry=is_main,
            limits=limits(spec.sla) if is_main else (),
            load=load(spec) if is_main else None,
        )
        op.body.detach_block(op.body.block)
        op.body.add_block(block)
        op.attributes["agent.source"] = source_attr(of.unit, of.path or ("name",))
        return op

    def _input(self, of: AgentGraph, name: str) -> SSAValue:
        stated, kind = of.scope.inputs[name], self.kinds.input(of.scope, name)
        size = input_size(stated, kind)
        figures: dict[str, dict[str, Quantity]] = {
            "text": {"tokens": size.tokens},
            "audio": {"audio_seconds": size.seconds},
            "image": {"pixels": size.pixels},
            "documents": {"documents": size.documents, "tokens": size.tokens},
            "list": {"width": size.width},
        }
        marks: dict[str, Attribute] = {
            "agent.node": StringAttr(name),
            "agent.source": source_attr(of.unit, (*of.path, "inputs", name)),
        }
        shape = {key: QuantityAttr(figure) for key, figure in figures.get(kind.name, {}).items()}
        op = agent.InputOp(name, kinds.attribute(kind), {**shape, **marks})
        op.result.name_hint = kinds.hint(name)
        self.insert(op)
        return op.result

    def body(self, scope: Scope) -> None:
        """The nodes of a scope in an order that their references allow."""
        from agentc.frontends.yaml.control import emit

        frame = self.frames.setdefault(scope, Frame())
        for name in self.program.links[scope.agent].orders[scope]:
            frame.now = name
            self._items.append(scope.items[name])
            values = emit(self, scope.items[name])
            self._items.pop()
            for inner, value in values.items():
                frame.current[(name, *inner)] = value
                value.name_hint = kinds.hint("_".join((name, *inner)))
        frame.now = None

    def at(self, scope: Scope, path: Path) -> SSAValue:
        """The value that the reference at ``path`` means."""
        return self.value(self.program.links[scope.agent].targets[path])

    def value(self, target: Target) -> SSAValue:
        """The value of ``target``, fields taken."""
        frame = self.frames[target.scope]
        back = self.program.links[target.scope.agent].back.get(target.scope, frozenset())
        before = (frame.now, target.names[0]) in back
        value = (frame.previous if before else frame.current)[target.names]
        kind = self.kinds.base(target)
        for name in target.fields:
            kind = kind.get(name) or kinds.ANY
            value = self._field(value, name, kinds.attribute(kind))
        return value

    def _field(self, record: SSAValue, name: str, type_: Attribute) -> SSAValue:
        for _, known in reversed(self._blocks):
            if (record, name) in known:
                return known[record, name]
        op = agent.GetOp(record, name, type_)
        op.attributes.update(self._origin(record))
        op.result.name_hint = kinds.hint(name)
        self.insert(op)
        self._blocks[-1][1][record, name] = op.result
        return op.result

    def _origin(self, value: SSAValue) -> dict[str, Attribute]:
        """Node and source of what computes ``value``; of what reads it, where it is an argument of a body."""
        marks = self.marks(self._items[-1]) if self._items else {}
        if isinstance(value.owner, Operation):
            marks = value.owner.attributes
        return {key: marks[key] for key in ("agent.node", "agent.source") if key in marks}

    def marks(self, item: Item) -> dict[str, Attribute]:
        """What every op of a node carries: path, source, and what the user said of it or of a node around it."""
        marks: dict[str, Attribute] = {
            "agent.node": StringAttr(item.dotted),
            "agent.source": source_attr(item.scope.agent.unit, item.path),
        }
        around = list(_around(item))
        if any(one.node.async_ for one in around):
            marks["agent.async"] = UnitAttr()
        owner = next((one for one in around if one.node.placement is not None), None)
        if owner is not None and (rule := owner.node.placement) is not None:
            data = PlacementRule(
                tuple(map(_device, rule.allow)),
                tuple(map(_device, rule.forbid)),
                rule.pin and _device(rule.pin),
                tuple(rule.sites),
                tuple(rule.zones),
                tuple(_neighbors(owner, rule)),
                source_attr(owner.scope.agent.unit, (*owner.path, "placement", *(["pin"] if rule.pin else []))).data,
            )
            marks["agent.placement"] = PlacementRuleAttr(data)
        return marks

    def assumed(self, item: Item, path: Path) -> bool:
        """Whether nobody stated the value at ``path`` of a node."""
        return item.scope.agent.unit.source.assumed((*item.path, *path))

    def fitted(self, value: SSAValue, wanted: Attribute, item: Item) -> SSAValue:
        """``value`` as ``wanted``: as it is, or through a conversion that is checked when it runs."""
        if value.type == wanted:
            return value
        op = compute.BuiltinOp("identity", [value], wanted, attributes=self.marks(item))
        self.insert(op)
        return op.result


def _around(item: Item) -> Iterator[Item]:
    """``item`` and the nodes that it is within, innermost first."""
    here: Item | None = item
    while here is not None:
        yield here
        here = here.scope.owner


def _neighbors(item: Item, rule: "Placement") -> Iterator[Neighbor]:
    """What a rule says of other nodes, by their paths."""
    for names, apart in ((rule.apart_from, True), (rule.together_with, False)):
        for name in names:
            if (other := item.scope.named(name)) is not None:
                yield Neighbor(other.dotted, apart, rule.domain)


def _device(name: str) -> str:
    """The catalog's name of a device class, for an alias."""
    from agentc import catalog

    return catalog.device(name).name


def module(program: Program) -> ModuleOp:
    """The module of a checked program: symbols, sub-agents in the order of their files, the agent."""
    symbols = Symbols()
    found = Kinds(program)
    specs = Specs(program, symbols)
    ops = specs.make()
    specs.agents()
    ops += specs.kernels()
    emitter = Emitter(program, found, Sizes(found), symbols)
    return ModuleOp([*ops, *(emitter.graph(of) for of in program.graphs())])
