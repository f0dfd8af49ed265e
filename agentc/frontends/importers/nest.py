"""A flow as nodes of ours: scopes, references between them, branches, loops and fan-outs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from agentc.frontends.importers import defaults, settle
from agentc.frontends.importers.flow import INPUT, OTHERWISE, Flow, Read, Routes, Step
from agentc.frontends.importers.frame import Draft, Names, Tree, assume, at, top
from agentc.frontends.importers.source import Part
from agentc.frontends.importers.structure import Block, Item, structure

Make = Callable[[], Any]

DEEPEST = 11
"""Branches, loops and fan-outs within each other: at five levels of YAML each, what a definition holds (64)."""


@dataclass(eq=False)
class Scope:
    """Nodes beside each other: of a graph, a loop, a case or a fan-out."""

    kind: str
    owner: str = ""
    """The node that holds it, in the scope around."""
    parent: "Scope | None" = None
    names: list[str] = field(default_factory=list[str])
    """Of its nodes, in order."""
    nodes: Tree = field(default_factory=dict[str, Any])
    wanted: list[str] = field(default_factory=list[str])
    """What others read of a case or fan-out, as it is called within."""

    def around(self) -> "list[Scope]":
        """It and what it stands in, innermost first."""
        found: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            found.append(scope)
            scope = scope.parent
        return found


@dataclass
class Nest:
    """Writes the steps of one graph of ours."""

    draft: Draft
    names: Names
    inputs: Mapping[str, str]
    """Input of the source -> ours."""
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    """Input of the source -> its type."""
    _steps: dict[str, Step] = field(default_factory=dict[str, Step])
    _scope: dict[str, Scope] = field(default_factory=dict[str, Scope])
    _name: dict[str, str] = field(default_factory=dict[str, str])
    _body: dict[str, Scope] = field(default_factory=dict[str, Scope])
    _items: dict[str, str] = field(default_factory=dict[str, str])
    _root: Scope = field(default_factory=lambda: Scope("graph"))
    _leaves: list[tuple[Scope, str, Make]] = field(default_factory=list[tuple[Scope, str, Make]])
    _holders: list[tuple[Scope, str, Make]] = field(default_factory=list[tuple[Scope, str, Make]])

    def write(self, flow: Flow, outputs: Mapping[str, Sequence[Read]]) -> Tree:
        """``nodes`` and ``outputs``; of several reads of an output, the first that is there is given.

        What cases and fan-outs must give is known when all that reads of them is: so what holds nodes comes last.
        """
        for step in flow.all_steps():
            self._steps[step.id] = step
            self._name[step.id] = self.names.new(step.name)
        self._flow(flow, self._root)
        for scope, name, make in self._leaves:
            scope.nodes[name] = make()
        for step in self._steps.values():
            if step.output and step.id in self._body:
                self._want(step.output, self._body[step.id])
        given = {name: self._given(name, reads) for name, reads in outputs.items()}
        for scope, name, make in reversed(self._holders):
            scope.nodes[name] = make()
        return {"nodes": self._root.nodes, "outputs": {name: ref for name, ref in given.items() if ref}}

    def _want(self, read: Read, body: Scope) -> None:
        ref = self.ref(read, body)
        if ref and ref not in body.wanted:
            body.wanted.insert(0, ref)

    def _given(self, name: str, reads: Sequence[Read]) -> str | None:
        refs = list(dict.fromkeys(ref for read in reads if (ref := self.ref(read))))
        if len(refs) < 2:
            return refs[0] if refs else None
        node = self.names.new(f"{name}_given")
        self._root.nodes[node] = {"compute": {"builtin": "default"}, "in": refs}
        return node

    def ref(self, read: Read, scope: Scope | None = None, reader: str = "") -> str | None:
        """How ``read`` is called in ``scope`` by its node ``reader``; None where it cannot be read there."""
        scope = scope or self._root
        if read.step == INPUT:
            name = self.inputs.get(read.field[0]) if read.field else next(iter(self.inputs.values()), None)
            return ".".join((name, *map(settle.field_name, read.field[1:]))) if name else None
        if read.step not in self._scope:
            return None
        mine = scope.around()
        if self._body.get(read.step) in mine:
            return ".".join((self._items[read.step], *map(settle.field_name, read.field[1:])))
        return self._down(read, scope, mine, reader)

    def _down(self, read: Read, scope: Scope, mine: list[Scope], reader: str) -> str | None:
        """From the innermost scope that holds both reader and producer down to the producer."""
        made = self._scope[read.step]
        chain = made.around()
        common = next(each for each in mine if each in chain)
        way = list(reversed(chain[: chain.index(common)]))
        first = way[0].owner if way else self._name[read.step]
        here = mine[mine.index(common) - 1].owner if common is not scope else reader
        if here and common.kind != "loop" and _place(common, first) >= _place(common, here):
            return None
        parts: list[str] = []
        for inner in way:
            parts.append(inner.owner)
            if inner.kind in ("case", "map"):
                within = self.ref(read, inner)
                if within and within not in inner.wanted:
                    inner.wanted.append(within)
                return ".".join(parts)
        return ".".join((*parts, self._name[read.step], *map(settle.field_name, read.field)))

    def _flow(self, flow: Flow, scope: Scope) -> None:
        choosers = frozenset(step.id for step in flow.steps.values() if step.routes)
        self._block(structure(list(flow.steps), flow.edges, choosers), scope, flow)

    def _block(self, block: Block, scope: Scope, flow: Flow) -> None:
        if block.items and len(scope.around()) > DEEPEST:
            part = self._steps[block.items[0].id].part
            message = f"branches and loops stand in each other more than {DEEPEST} deep"
            raise self.draft.refuse("yaml-too-deep", message, part)
        for item in block.items:
            if item.loop is not None:
                self._loop(item, item.loop, scope, flow)
            else:
                self._step(self._steps[item.id], item, scope, flow)

    def _add(self, scope: Scope, name: str, make: Make, holds: bool = False) -> None:
        scope.names.append(name)
        scope.nodes[name] = None
        (self._holders if holds else self._leaves).append((scope, name, make))

    def _step(self, step: Step, item: Item, scope: Scope, flow: Flow) -> None:
        name = self._name[step.id]
        self._scope[step.id] = scope
        if step.body is not None:
            self._map(step, scope)
        elif step.node:
            self._fill(step, scope)
            self._add(scope, name, lambda: self._node(step, scope))
        if step.routes and any(block.items for block in item.cases.values()):
            branch = self.names.new(f"{name}_route") if step.node else name
            self._branch(branch, step, step.routes, item.cases, scope, flow)

    def _fill(self, step: Step, scope: Scope) -> None:
        """One value for each input: the first that is there of several, and a text where nothing gives it."""
        by_name: dict[str, list[Read]] = {}
        for read in step.reads if step.named else ():
            by_name.setdefault(read.name, []).append(read)
        for name, reads in by_name.items():
            if len(set(reads)) > 1:
                merged = self._merge(step, name, reads, scope)
                step.reads = [*(read for read in step.reads if read.name != name), Read(merged, (), name)]
        for i, (read, kinds) in enumerate(zip(list(step.reads), step.takes, strict=False)):
            if self._kind(read, scope) not in (*kinds, "any"):
                node: Tree = {"compute": {"builtin": "identity"}, "returns": "any"}
                passed = self._between(step, read.name or "input", Read(read.step, read.field), node, scope)
                step.reads[i] = Read(passed.step, (), read.name)
        given = {read.name for read in step.reads}
        for wanted, text in step.needs.items():
            if wanted not in given:
                name = self.names.new(f"{step.name}_{wanted}")
                self._constant(scope, name, text, step.part)
                step.reads.append(Read(name, (), wanted))

    def _merge(self, step: Step, what: str, reads: list[Read], scope: Scope) -> str:
        """A step that gives the first of ``reads`` that is there, later steps before earlier ones."""
        plain = [Read(read.step, read.field) for read in reversed(reads)]
        node: Tree = {"compute": {"builtin": "default"}}
        inner = Step(f"{step.id}\0{what}\0{len(self._steps)}", f"{step.name}_{what}", node, step.part, plain)
        self._steps[inner.id] = inner
        self._name[inner.id], self._scope[inner.id] = self.names.new(inner.name), scope
        self._add(scope, self._name[inner.id], lambda: self._node(inner, scope))
        return inner.id

    def _constant(self, scope: Scope, name: str, text: str, part: Part) -> None:
        from agentc.frontends.importers.prompts import literal

        node = {"compute": {"builtin": "template", "options": {"template": literal(text)}}}
        self._steps[name] = Step(name, name, node, part, gives="text")
        self._name[name], self._scope[name] = name, scope
        self._add(scope, name, lambda: at(part, node))

    def _node(self, step: Step, scope: Scope) -> Any:
        name = self._name[step.id]
        refs: list[tuple[str, str]] = []
        lost: list[str] = []
        for read in step.reads:
            ref = self.ref(read, scope, name)
            if ref is None:
                what = ".".join((self._name.get(read.step, read.step), *read.field)) or "its input"
                self.draft.warn("import-unread", f"`{name}` cannot read `{what}` where it stands", step.part)
                lost.append(read.name)
                ref = next(iter(self.inputs.values()), None) if read.name in step.needs else None
            if ref is not None:
                refs.append((read.name or ref, ref))
        node = settle.without(step.node, lost)
        return at(step.part, {**self._settled(node, refs, step), **settle.inputs_of(refs, step)})

    def _settled(self, node: Tree, refs: list[tuple[str, str]], step: Step) -> Tree:
        """``node``, or what it becomes when it has fewer inputs than it needs."""
        wanted = settle.needed(node)
        given = next(iter(self.inputs.values()), None)
        while given is not None and len(refs) < wanted:
            refs.append((given, given))
        if len(refs) < wanted:
            return {"compute": {"builtin": "opaque"}, "returns": node.get("returns", "any")}
        if "llm" in node and not refs and not node.get("prompt") and not node.get("system"):
            return {**node, "prompt": assume("Go on.", "the source states neither a prompt nor inputs")}
        return node

    def _branch(
        self, name: str, step: Step, routes: Routes, cases: Mapping[str, Block], scope: Scope, flow: Flow
    ) -> None:
        read = self._selector(routes, step, scope)
        scopes = {label: Scope("case", name, scope) for label in routes.values}
        self._add(scope, name, lambda: self._cases(name, step, routes, read, scopes, scope), True)
        for label, inner in scopes.items():
            if label in cases:
                self._block(cases[label], inner, flow)

    def _cases(
        self, name: str, step: Step, routes: Routes, read: Read, scopes: Mapping[str, Scope], scope: Scope
    ) -> Any:
        on = self.ref(read, scope, name) or ""
        even = 1 / len(scopes)
        made: Tree = {}
        for label, inner in scopes.items():
            share = routes.probabilities.get(label)
            why = f"{len(scopes)} cases, all alike" if share is None else ""
            made[routes.values[label][0]] = {
                "probability": assume(even, why) if share is None else share,
                **self._case(inner, on, step.part),
            }
        return at(step.part, {"branch": {"on": on, "cases": made}})

    def _case(self, scope: Scope, on: str, part: Part) -> Tree:
        if not any(settle.has_value(scope.nodes.get(name)) for name in scope.names):
            name = self.names.new("pass")
            scope.names.append(name)
            scope.nodes[name] = at(part, {"compute": {"builtin": "identity"}, "in": on})
        return {"nodes": scope.nodes, **self._output(scope, part)}

    def _output(self, scope: Scope, part: Part) -> Tree:
        """What a case or fan-out gives: what others read of it, all in a list where that is several things."""
        if len(scope.wanted) < 2:
            last = scope.wanted or [ref for name in scope.names if (ref := self._several(scope, name))][-1:]
            return {"output": last[0]} if last else {}
        name = self.names.new("values")
        scope.nodes[name] = at(part, {"compute": {"builtin": "list"}, "in": list(scope.wanted), "returns": "any"})
        return {"output": name}

    def _several(self, scope: Scope, name: str) -> str | None:
        """Of a node that calls an agent with several outputs, the first of them."""
        node = cast("Tree | None", top(scope.nodes.get(name))) or {}
        made = self.draft.sections.get("agents", {}).get(str(node.get("agent")))
        outputs = list(top(made)["outputs"]) if made is not None else []
        return f"{name}.{outputs[0]}" if len(outputs) > 1 else None

    def _selector(self, routes: Routes, step: Step, scope: Scope) -> Read:
        """What a branch chooses by: a text, which several values of one case are made alike."""
        read, made = routes.on, self._steps.get(routes.on.step)
        kind = made.node.get("fields", {}).get(read.field[0]) if made is not None and read.field else None
        plain = made is not None and kind != "bool" and (read.field or made.gives in ("text", "any", "number"))
        if not plain or read.step == INPUT or self._scope.get(read.step) is not scope:
            read = self._between(step, "on", read, {"compute": {"builtin": "identity"}, "returns": "text"}, scope)
        for values in routes.values.values():
            if len(values) > 1:
                pattern = "^(?:" + "|".join(re.escape(value) for value in values) + ")$"
                options = {"pattern": pattern, "replacement": values[0].replace("\\", r"\\")}
                read = self._between(
                    step, "on", read, {"compute": {"builtin": "regex_replace", "options": options}}, scope
                )
        return read

    def _between(self, step: Step, what: str, read: Read, node: Tree, scope: Scope) -> Read:
        """A computation between a value and who reads it."""
        inner = Step(f"{step.id}\0{what}\0{len(self._steps)}", f"{step.name}_{what}", node, step.part, [read])
        self._steps[inner.id] = inner
        self._name[inner.id], self._scope[inner.id] = self.names.new(inner.name), scope
        if read.step != INPUT or self.inputs:
            self._add(scope, self._name[inner.id], lambda: self._bridge(inner, scope))
        return Read(inner.id)

    def _bridge(self, step: Step, scope: Scope) -> Any:
        ref = self.ref(step.reads[0], scope, self._name[step.id])
        if ref is None:
            self.draft.warn("import-unread", f"what `{step.name}` decides by cannot be read where it stands", step.part)
            return at(step.part, {"compute": {"builtin": "opaque"}, "returns": step.node.get("returns", "text")})
        return at(step.part, {**step.node, "in": ref})

    def _map(self, step: Step, scope: Scope) -> None:
        assert step.body is not None
        name = self._name[step.id]
        wanted = step.over or Read(INPUT)
        over = wanted
        if not self._is_list(wanted, scope):
            over = self._between(step, "items", wanted, settle.unpacking(self._steps.get(wanted.step)), scope)
        body = Scope("map", name, scope)
        self._body[step.id] = body
        self._items[step.id] = self.names.new(f"{name}_item")
        self._add(scope, name, lambda: self._fan(step, over, body, scope), True)
        self._flow(step.body, body)

    def _is_list(self, read: Read, scope: Scope) -> bool:
        """Whether a fan-out can run over a value as it is."""
        return self._kind(read, scope).startswith(("list", "documents"))

    def _kind(self, read: Read, scope: Scope) -> str:
        """The type of what is read; `?` where it depends on what runs."""
        if read.step == INPUT:
            return self.kinds.get(read.field[0], "text") if len(read.field) == 1 else "?"
        made, there = self._steps.get(read.step), self._scope.get(read.step)
        if made is not None and self._body.get(read.step) in scope.around():
            over = made.over or Read(INPUT)
            kind = self._kind(over, self._scope[read.step]) if over.step != read.step else made.gives
            return "record" if kind == "documents" else kind[5:-1] if kind.startswith("list<") else "any"
        if made is None or there is None or read.field:
            return "?"
        between = [each for each in there.around() if each not in scope.around()]
        return made.gives if made.gives and all(each.kind == "loop" for each in between) else "?"

    def _fan(self, step: Step, over: Read, body: Scope, scope: Scope) -> Any:
        item = self._items[step.id]
        if not any(settle.has_value(body.nodes.get(name)) for name in body.names):
            name = self.names.new("pass")
            body.nodes[name] = at(step.part, {"compute": {"builtin": "identity"}, "in": item})
        over_ref = self.ref(over, scope, self._name[step.id])
        made = {"over": over_ref, "as": item, **step.node, "nodes": body.nodes, **self._output(body, step.part)}
        return at(step.part, {"map": made})

    def _loop(self, item: Item, block: Block, scope: Scope, flow: Flow) -> None:
        head = self._steps[item.id]
        name = self.names.new(f"{head.name}_loop")
        body = Scope("loop", name, scope)
        self._add(scope, name, lambda: self._trips(body, flow, head, condition), True)
        self._block(block, body, flow)
        condition = self._condition(item, body, head)
        if item.chooser and item.cases:
            chooser = self._steps[item.chooser]
            if chooser.routes:
                left = {label for _, label in item.exits}
                values = {label: value for label, value in chooser.routes.values.items() if label in left}
                routes = Routes(chooser.routes.on, values, {})
                self._branch(self.names.new(f"{chooser.name}_after"), chooser, routes, item.cases, scope, flow)

    def _trips(self, body: Scope, flow: Flow, head: Step, condition: tuple[str, str]) -> Any:
        most = flow.trips.get("max")
        expected = flow.trips.get("expected")
        trips: Tree = {
            "max": int(most) if most else assume(defaults.MAX_TRIPS, "the source states no bound of this cycle"),
            "expected": expected
            or assume(settle.expected_trips(most), "the source does not say how often it goes round"),
        }
        return at(head.part, {"loop": {**trips, condition[0]: condition[1], "nodes": body.nodes}})

    def _condition(self, item: Item, body: Scope, head: Step) -> tuple[str, str]:
        """`while` or `until`, and the node of the loop that decides it."""
        deciders = [self._steps[source] for source in dict.fromkeys(source for source, _ in item.exits)]
        beside = [step for step in deciders if self._scope.get(step.id) is body]
        if len(beside) == 1 and beside[0].routes:
            decided = self._decided(beside[0], beside[0].routes, item, body)
            if decided is not None:
                return decided
        first = next((Read(key) for key in body.names for key in [self._id(key)] if key), None)
        name = self.names.new("done")
        self._add(body, name, lambda: self._unknown(body, name, first, head))
        return "until", name

    def _id(self, name: str) -> str:
        """The step of the node ``name`` whose value can be read."""
        return next((key for key, made in self._name.items() if made == name and self._steps[key].gives), "")

    def _unknown(self, body: Scope, name: str, read: Read | None, head: Step) -> Any:
        ref = self.ref(read, body, name) if read else None
        ref = (self._several(body, ref) or ref) if ref else None
        why = "what ends this cycle is decided where no reference reaches"
        node = {"compute": {"builtin": assume("opaque", why)}, "returns": "bool"}
        return at(head.part, {**node, "in": ref} if ref is not None else node)

    def _decided(self, decider: Step, routes: Routes, item: Item, body: Scope) -> tuple[str, str] | None:
        leave = {label for source, label in item.exits if source == decider.id}
        stay = {label for source, label in item.stays if source == decider.id}
        rest = next((label for label, values in routes.values.items() if OTHERWISE in values), None)
        stays = rest is None or rest in leave
        labels = [label for label in routes.values if label in (stay if stays else leave)]
        values = [value for label in labels for value in routes.values[label] if value != OTHERWISE]
        if not values:
            return None
        pattern = "^(?:" + "|".join(re.escape(value) for value in values) + ")$"
        node = {"compute": {"builtin": "matches", "options": {"pattern": pattern}}}
        flag = self._between(decider, "again" if stays else "done", routes.on, node, body)
        return ("while" if stays else "until"), self._name[flag.step]


def _place(scope: Scope, name: str) -> int:
    return scope.names.index(name) if name in scope.names else len(scope.names)
