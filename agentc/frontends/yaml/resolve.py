"""From names to what they mean: nodes, nodes within loops, fields, inputs, entries of a map."""

from dataclasses import dataclass, field, replace
from typing import Literal

from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.order import back_edges, cycles, order
from agentc.frontends.yaml.references import Reference, of_graph
from agentc.frontends.yaml.scopes import AgentGraph, Item, Scope
from agentc.support.diagnostics import Diagnostics, Label, did_you_mean

Key = tuple[str, ...]
"""Names from a scope inward: a node, nodes of the loops within, an output of a sub-agent."""


@dataclass(frozen=True, eq=False)
class Target:
    """What a reference means."""

    kind: Literal["node", "input", "entry", "hole"]
    scope: Scope
    """Where its first name stands."""
    names: Key
    item: Item | None = None
    """The innermost node; ``None`` for inputs and entries."""
    fields: Key = ()

    @property
    def text(self) -> str:
        """As a user would write it."""
        return ".".join((*self.names, *self.fields))


@dataclass(eq=False)
class Links:
    """All references of an agent, resolved, and what follows for order and loops."""

    agent: AgentGraph
    targets: dict[Path, Target] = field(default_factory=dict[Path, Target])
    """By the place of the reference. Those that mean nothing are absent."""
    orders: dict[Scope, list[str]] = field(default_factory=dict[Scope, list[str]])
    back: dict[Scope, frozenset[tuple[str, str]]] = field(default_factory=dict[Scope, frozenset[tuple[str, str]]])
    """Of each loop's body: (consumer, producer) pairs that read the trip before."""
    carried: dict[Scope, list[Key]] = field(default_factory=dict[Scope, list[Key]])
    """Of each loop's body: the values that it hands on and gives."""
    outputs: dict[Scope, Target] = field(default_factory=dict[Scope, Target])
    """Of each case and each map's body: what it gives, stated or by default."""
    used: set[tuple[Scope, str]] = field(default_factory=set[tuple[Scope, str]])
    """Names that something reads."""


def link(agent: AgentGraph, found: Diagnostics) -> Links:
    """Resolve all references of ``agent``; what is wrong with them goes to ``found``."""
    links = Links(agent)
    resolver = _Resolver(agent, found)
    references = list(of_graph(agent))
    carried: dict[Scope, set[Key]] = {}
    needs: dict[Scope, dict[str, set[str]]] = {}
    for reference in references:
        target = resolver.resolve(reference)
        if target is None:
            continue
        links.targets[reference.path] = target
        links.used.add((target.scope, target.names[0]))
        _note_need(reference, target, needs)
    for scope in agent.scope.scopes():
        _order(scope, needs.get(scope, {}), links, found)
    for reference in references:
        if target := links.targets.get(reference.path):
            _note_carried(reference, target, links, carried)
    _note_outputs(links, resolver, carried)
    for scope, keys in carried.items():
        place = {name: i for i, name in enumerate(scope.items)}
        links.carried[scope] = sorted(keys, key=lambda key: (place[key[0]], key))
    return links


def consumer_in(scope: Scope, reference: Reference) -> str | None:
    """The node of ``scope`` that ``reference`` stands in; ``None`` for what the scope itself gives."""
    if reference.holder is not None and reference.holder.scope is scope:
        return reference.holder.name
    here: Scope | None = reference.scope
    while here is not None and here is not scope:
        if here.owner is not None and here.owner.scope is scope:
            return here.owner.name
        here = here.parent
    return None


def default_output(scope: Scope) -> Item | None:
    """The node that a body gives where nothing is stated: the last that gives a value."""
    return next((item for item in reversed(scope.items.values()) if gives_value(item)), None)


def gives_value(item: Item) -> bool:
    """Whether a node has a value for others to read."""
    from agentc.frontends.yaml.rules.nodes import MemoryNode

    node = item.node
    if item.kind == "observe" or (isinstance(node, MemoryNode) and node.memory.store is not None):
        return False
    if item.kind == "branch":
        return all(body.output or default_output(body) for body in item.bodies.values())
    if item.kind in ("loop", "map"):
        return bool(item.bodies[""].output or default_output(item.bodies[""]))
    if item.kind == "agent":
        callee = callee_of(item)
        return callee is None or bool(callee.spec.outputs)
    return True


def callee_of(item: Item) -> AgentGraph | None:
    """The agent that an ``agent:`` node calls; ``None`` where there is none of that name."""
    return item.scope.agent.unit.agents.get(getattr(item.node, "agent", ""))


class _Resolver:
    def __init__(self, agent: AgentGraph, found: Diagnostics) -> None:
        self.agent = agent
        self.found = found
        self.source = agent.unit.source

    def resolve(self, reference: Reference) -> Target | None:
        """What ``reference`` means, down to a node that computes a value; problems are reported."""
        parts = tuple(reference.text.split("."))
        base = self._base(parts, reference.scope)
        if base is None:
            self._unknown(reference, parts)
            return None
        return self._descend(base, reference)

    def _base(self, parts: Key, start: Scope) -> Target | None:
        """The nearest scope's meaning of the first name; the rest becomes fields."""
        scope: Scope | None = start
        while scope is not None:
            if parts[0] in scope.items:
                item = scope.items[parts[0]]
                inside = self._around(item, start)
                if inside is not None and len(parts) > 1:
                    return self._base(parts[1:], inside)
                kind = "hole" if item.hole else "node"
                return Target(kind, scope, parts[:1], item, parts[1:])
            if scope.entry == parts[0]:
                return Target("entry", scope, parts[:1], None, parts[1:])
            if parts[0] in scope.inputs:
                hole = (*self.agent.path, "inputs", parts[0]) in self.source.holes
                return Target("hole" if hole else "input", scope, parts[:1], None, parts[1:])
            scope = scope.parent
        return None

    @staticmethod
    def _around(item: Item, start: Scope) -> Scope | None:
        """The body of ``item`` that ``start`` is in or within, if it is in one."""
        scope: Scope | None = start
        while scope is not None:
            if scope.owner is item:
                return scope
            scope = scope.parent
        return None

    def _descend(self, target: Target, reference: Reference) -> Target | None:
        """Into loops and sub-agents, by stated names or by what they give."""
        seen: set[Scope] = set()
        while target.item is not None and target.kind == "node":
            item = target.item
            if item.kind == "agent":
                return self._agent_output(target, reference)
            if item.kind != "loop":
                break
            body = item.bodies[""]
            if body in seen:
                break
            seen.add(body)
            following = self._into_loop(target, body)
            if following is None:
                self._no_value(target, reference)
                return None
            target = following
        if target.kind == "node" and target.item is not None and not gives_value(target.item):
            self._no_value(target, reference)
            return None
        return target

    def _into_loop(self, target: Target, body: Scope) -> Target | None:
        if target.fields and target.fields[0] in body.items:
            inner = body.items[target.fields[0]]
            return self._within(target, inner, target.fields[:1], target.fields[1:])
        if body.output:
            parts = tuple(body.output[0].split("."))
            if parts[0] not in body.items:
                return None
            return self._within(target, body.items[parts[0]], parts[:1], (*parts[1:], *target.fields))
        last = default_output(body)
        return self._within(target, last, (last.name,), target.fields) if last else None

    @staticmethod
    def _within(target: Target, item: Item, names: Key, fields: Key) -> Target:
        kind = "hole" if item.hole else "node"
        return Target(kind, target.scope, (*target.names, *names), item, fields)

    def _agent_output(self, target: Target, reference: Reference) -> Target | None:
        assert target.item is not None
        callee = callee_of(target.item)
        if callee is None:
            return replace(target, kind="hole")
        outputs = list(callee.spec.outputs)
        if target.fields and target.fields[0] in outputs:
            return replace(target, names=(*target.names, target.fields[0]), fields=target.fields[1:])
        if len(outputs) == 1:
            return replace(target, names=(*target.names, outputs[0]))
        if not outputs:
            self._no_value(target, reference)
            return None
        hint = did_you_mean(target.fields[0] if target.fields else "", outputs)
        message = f"`{reference.text}` does not say which output of agent `{callee.name}`"
        self.found.error("unknown-reference", message, self.source.span(reference.path), help=hint)
        return None

    def _unknown(self, reference: Reference, parts: Key) -> None:
        names: list[str] = []
        scope: Scope | None = reference.scope
        while scope is not None:
            names += [*scope.items, *scope.inputs, *([scope.entry] if scope.entry else [])]
            scope = scope.parent
        hidden = [item for item in self.agent.scope.walk() if item.name == parts[0]]
        hint = did_you_mean(parts[0], dict.fromkeys(names))
        if hidden:
            hint = f"`{hidden[0].dotted}` stands within `{hidden[0].scope.prefix[:-1]}`; {_way_in(hidden[0])}"
        message = f"`{reference.text}` refers to nothing: there is no node or input `{parts[0]}`"
        self.found.error("unknown-reference", message, self.source.span(reference.path), help=hint)

    def _no_value(self, target: Target, reference: Reference) -> None:
        message = f"`{reference.text}` gives no value that could be read"
        label = Label(self.source.span(target.item.path, key=True), "this node") if target.item else None
        self.found.error(
            "no-value", message, self.source.span(reference.path), labels=(label,) if label is not None else ()
        )


def _way_in(item: Item) -> str:
    owner = item.scope.owner
    if item.scope.kind == "loop":
        return f"write `{item.dotted}`"
    return f"refer to `{owner.name if owner else item.name}`, which gives its `output`"


def _note_need(reference: Reference, target: Target, needs: dict[Scope, dict[str, set[str]]]) -> None:
    consumer = consumer_in(target.scope, reference)
    if consumer is not None and target.names[0] in target.scope.items:
        needs.setdefault(target.scope, {}).setdefault(consumer, set()).add(target.names[0])


def _order(scope: Scope, needs: dict[str, set[str]], links: Links, found: Diagnostics) -> None:
    names = list(scope.items)
    back = back_edges(names, needs) if scope.kind == "loop" else frozenset[tuple[str, str]]()
    forward = {user: {n for n in made if (user, n) not in back} for user, made in needs.items()}
    links.back[scope] = back
    found_cycles = cycles(names, forward)
    for names_of_cycle in found_cycles:
        _report_cycle(scope, names_of_cycle, found)
    links.orders[scope] = names if found_cycles else order(names, forward)


def _report_cycle(scope: Scope, names: list[str], found: Diagnostics) -> None:
    source = scope.agent.unit.source
    shown = " -> ".join(f"`{name}`" for name in (*names, names[0]))
    places = [source.span(scope.items[name].path, key=True) for name in names]
    found.error(
        "unbounded-cycle",
        f"{shown} is a cycle without a bound",
        places[0],
        labels=tuple(Label(place, "part of the cycle") for place in places[1:]),
        help="put these nodes into a `loop:` with `max:` and `while:` or `until:`",
    )


def _note_carried(reference: Reference, target: Target, links: Links, carried: dict[Scope, set[Key]]) -> None:
    """A value of a loop's body is carried if the next trip or somebody outside reads it."""
    if target.kind != "node":
        return
    consumer = consumer_in(target.scope, reference)
    if (consumer, target.names[0]) in links.back.get(target.scope, ()):
        carried.setdefault(target.scope, set()).add(target.names)
    _note_inner(target.scope, target.names, carried)


def _note_inner(scope: Scope, names: Key, carried: dict[Scope, set[Key]]) -> None:
    """``names[1:]`` of the loop ``names[0]`` are read from outside of it, and so on inward."""
    while len(names) > 1:
        item = scope.items[names[0]]
        if item.kind != "loop":
            return
        scope, names = item.bodies[""], names[1:]
        carried.setdefault(scope, set()).add(names)


def _note_outputs(links: Links, resolver: _Resolver, carried: dict[Scope, set[Key]]) -> None:
    """What cases and maps give."""
    for scope in links.agent.scope.scopes():
        if scope.kind not in ("case", "map"):
            continue
        if scope.output:
            target = links.targets.get(scope.output[1])
        else:
            target = _default_target(scope, resolver)
        if target is not None:
            links.outputs[scope] = target
            links.used.add((target.scope, target.names[0]))
            _note_inner(target.scope, target.names, carried)


def _default_target(scope: Scope, resolver: _Resolver) -> Target | None:
    last = default_output(scope)
    return resolver.resolve(Reference(last.name, last.path, scope, None)) if last else None
