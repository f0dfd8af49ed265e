"""Shapes that all agent frameworks share: a model that calls tools until it can answer, a group that takes turns.

Their loops are in no file: the framework runs them. A planner has to see them, since each trip is a model call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.importers import defaults
from agentc.frontends.importers.frame import Draft, Names, Tree, assume, at, clean
from agentc.frontends.importers.source import Part
from agentc.support.record import record


@record
class Use:
    """Something that an agent may call."""

    kind: str
    """`tool`, `agent`, or `lookup` or `load` of a memory."""
    entry: str
    """Its name among ours."""
    part: Part
    inputs: tuple[str, ...] = ()
    """Of an agent: what it reads."""
    name: str = ""
    """What the model calls it; ``entry`` where nothing is stated."""
    answer: str = ""
    """Of an agent with several outputs: the one that counts."""

    @property
    def label(self) -> str:
        """What the model calls it."""
        return clean(self.name or self.entry, "tool")

    def value(self, node: str) -> str:
        """What a call that is named ``node`` gives."""
        return f"{node}.{self.answer}" if self.answer else node

    def case(self, names: Names, argument: str, probability: Any, wanted: str = "") -> Tree:
        """A case of a branch that makes the call."""
        name = names.new(wanted or f"call_{self.label}")
        given = {"output": self.value(name)} if self.answer else {}
        return {"probability": probability, "nodes": {name: at(self.part, self.node(argument))}, **given}

    def node(self, argument: str) -> Tree:
        """The call, as a node of ours."""
        if self.kind in ("lookup", "load"):
            return {"memory": {self.kind: self.entry}, "in": argument}
        if self.kind == "agent" and self.inputs:
            return {"agent": self.entry, "in": dict.fromkeys(self.inputs, argument)}
        return {self.kind: self.entry, **({} if self.kind == "agent" else {"in": argument})}


@dataclass
class Agent:
    """A model with instructions and things that it may call."""

    part: Part
    model: str
    system: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Name -> an input of ours."""
    uses: Sequence[Use] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Name -> type of a field (`text`, `bool`, `number`) that its answer must have."""
    llm: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further fields of its model calls."""
    trips: int | None = None
    """Model calls at most, where the source states it."""
    prompt: str = ""

    def graph(self) -> Tree:
        """`inputs`, `nodes` and `outputs`."""
        inputs = dict(self.inputs) or {"request": {"type": "text"}}
        names = Names(inputs)
        made = self._alone(names, inputs) if not self.uses else self._looping(names, inputs)
        return {"inputs": inputs, **made}

    def _call(self, reads: Sequence[str]) -> Tree:
        said = {"system": self.system} if self.system.strip() else {}
        said |= {"prompt": self.prompt} if self.prompt.strip() else {}
        return {"llm": self.model, "in": list(reads) if len(reads) > 1 else reads[0], **said, **self.llm}

    def _alone(self, names: Names, inputs: Tree) -> Tree:
        name = names.new("answer")
        fields = {"fields": dict(self.outputs)} if self.outputs else {}
        given = {key: f"{name}.{key}" for key in self.outputs} or {"answer": name}
        return {"nodes": {name: at(self.part, {**self._call(list(inputs)), **fields})}, "outputs": given}

    def _looping(self, names: Names, inputs: Tree) -> Tree:
        loop, decide, act = names.new("work"), names.new("decide"), names.new("act")
        unique = {use.label: use for use in self.uses}
        asked: Tree = {"more": "bool"} | ({"tool": list(unique)} if len(unique) > 1 else {}) | {"argument": "text"}
        answers = {clean(f"answer_{key}") if key in asked else key: kind for key, kind in self.outputs.items()}
        answers = answers or {"answer": "text"}
        seen = next(iter(unique.values())).value(act) if len(unique) == 1 else act
        call = {**self._call([*inputs, seen]), "fields": {**asked, **answers}}
        if "prompt" in call:
            heard = names.new("heard")
            call |= {
                "in": {**{name: name for name in inputs}, heard: seen},
                "prompt": f"{call['prompt']}\n\n{{{heard}}}",
            }
        share = 1 - 1 / defaults.TOOL_TRIPS
        body: Tree = {decide: at(self.part, call), act: self._acting(names, unique, decide)}
        trips = {
            "max": self.trips or assume(defaults.MAX_TRIPS, "the source states no bound of its calls"),
            "expected": assume(
                min(defaults.TOOL_TRIPS, self.trips or defaults.TOOL_TRIPS),
                f"{share:.0%} of the model's answers ask for a tool",
            ),
        }
        made = {"loop": {**trips, "while": f"{decide}.more", "nodes": body}}
        return {
            "nodes": {loop: at(self.part, made)},
            "outputs": {
                key: f"{loop}.{decide}.{answer}" for key, answer in zip(self.outputs or answers, answers, strict=True)
            },
        }

    def _acting(self, names: Names, uses: Mapping[str, Use], decide: str) -> Any:
        argument = f"{decide}.argument"
        if len(uses) == 1:
            [use] = uses.values()
            return at(use.part, {**use.node(argument), "when": f"{decide}.more"})
        even = 1 / len(uses)
        cases: Tree = {}
        for label, use in uses.items():
            cases[label] = use.case(names, argument, assume(even, f"{len(uses)} tools, all alike"))
        return at(self.part, {"branch": {"on": f"{decide}.tool", "cases": cases}, "when": f"{decide}.more"})


def turns(part: Part, members: Sequence[Use], first: str, inputs: Tree, most: int | None = None) -> Tree:
    """A group whose members hand over to each other: the graph of a loop in which one of them speaks a trip."""
    names = Names(inputs)
    task = next(iter(inputs))
    start, loop, talk, following, done = (names.new(name) for name in ("first", "turns", "talk", "next", "done"))
    cases: Tree = {}
    for use in members:
        even = assume(1 / len(members), f"{len(members)} members, all alike")
        cases[use.label] = use.case(names, task, even, f"turn_{use.label}")
    why = "whom a member hands over to, and when the group is done, is the models' choice"
    body: Tree = {
        talk: at(part, {"branch": {"on": following, "cases": cases}}),
        following: {"compute": {"builtin": assume("opaque", why)}, "in": talk, "returns": "text"},
        done: {"compute": {"builtin": "is_empty"}, "in": following},
    }
    trips = {
        "max": most or assume(max(defaults.MAX_TRIPS, len(members)), "the source states no bound of its turns"),
        "expected": assume(min(defaults.HANDOFFS, most or defaults.HANDOFFS), "one hand-over a request"),
    }
    loop_node = {"loop": {**trips, "until": done, "start": {following: start}, "nodes": body}}
    begin = {"compute": {"builtin": "template", "options": {"template": first}}}
    return {
        "inputs": inputs,
        "nodes": {start: at(part, begin), loop: at(part, loop_node)},
        "outputs": {"answer": f"{loop}.{talk}"},
    }


def keeping(memory: str, part: Part) -> Tree:
    """The graph of an agent that keeps what it is given."""
    nodes = {
        "keep": at(part, {"memory": {"store": memory}, "in": "request"}),
        "kept": {"compute": {"builtin": "identity"}, "in": "request"},
    }
    return {"inputs": {"request": {"type": "text"}}, "nodes": nodes, "outputs": {"answer": "kept"}}


def chain(uses: Sequence[Use], part: Part) -> Tree:
    """The graph of calls one after the other, each of what the one before gave."""
    names = Names(("request",))
    value, nodes, found = "request", dict[str, Any](), False
    for use in uses:
        if found and use.kind == "lookup":  # of documents that a lookup gave
            query = names.new("query")
            nodes[query] = {"compute": {"builtin": "identity"}, "in": value, "returns": "any"}
            value = query
        name = names.new(use.name or use.entry)
        nodes[name] = at(use.part, use.node(value))
        value, found = use.value(name), use.kind == "lookup"
    return {"inputs": {"request": at(part, {"type": "text"})}, "nodes": nodes, "outputs": {"answer": value}}


def beside(uses: Sequence[Use], part: Part) -> Tree:
    """The graph of calls side by side, whose answers are put together."""
    names = Names(("request",))
    nodes: Tree = {}
    values: list[str] = []
    for use in uses:
        name = names.new(use.name or use.entry)
        nodes[name] = at(use.part, use.node("request"))
        values.append(use.value(name))
    both = names.new("together")
    joined = at(part, {"compute": {"builtin": "list"}, "in": values, "returns": "any"})
    graph = {"inputs": {"request": at(part, {"type": "text"})}, "nodes": {**nodes, both: joined}}
    return {**graph, "outputs": {"answer": both}}


def routed(llm: Tree, uses: Sequence[Use], part: Part) -> Tree:
    """The graph of a model that hands a request to one of several."""
    names = Names(("request",))
    choose, work = names.new("choose"), names.new("work")
    labels = {use.label: use for use in uses}
    cases: Tree = {}
    for label, use in labels.items():
        cases[label] = use.case(names, "request", assume(1 / len(labels), f"{len(labels)} ways, all alike"))
    if len(labels) == 1:
        [use] = labels.values()
        inner = at(use.part, use.node("request"))
    else:
        inner = at(part, {"branch": {"on": f"{choose}.to", "cases": cases}})
    fields = {"to": list(labels)} if len(labels) > 1 else {"to": "text"}
    nodes = {choose: at(part, {**llm, "in": "request", "fields": fields}), work: inner}
    return {"inputs": {"request": at(part, {"type": "text"})}, "nodes": nodes, "outputs": {"answer": work}}


def planned(llm: Tree, uses: Sequence[Use], part: Part) -> Tree:
    """The graph of a model that plans all calls at once, has them made, and answers with what they gave (ReWOO)."""
    names = Names(("request",))
    plan, steps, calls, solve, item = (names.new(name) for name in ("plan", "steps", "calls", "solve", "step"))
    labels = {use.label: use for use in uses}
    body: Tree = {}
    if len(labels) == 1:
        [use] = labels.values()
        body[names.new(f"call_{use.label}")] = at(use.part, use.node(item))
    else:
        cases: Tree = {}
        for label, use in labels.items():
            cases[label] = use.case(names, item, assume(1 / len(labels), f"{len(labels)} tools, all alike"))
        tool = names.new("tool")
        options = {"field": "tool"}
        body[tool] = {"compute": {"builtin": "select", "options": options}, "in": item, "returns": "text"}
        body[names.new("act")] = at(part, {"branch": {"on": tool, "cases": cases}})
    nodes = {
        plan: at(part, {**llm, "in": "request"}),
        steps: {"compute": {"builtin": "json_parse"}, "in": plan},
        calls: at(part, {"map": {"over": steps, "as": item, "nodes": body}}),
        solve: at(part, {**llm, "in": ["request", plan, calls]}),
    }
    return {"inputs": {"request": at(part, {"type": "text"})}, "nodes": nodes, "outputs": {"answer": solve}}


def sub_agent(draft: Draft, wanted: str, graph: Tree, part: Part, key: Any = None) -> str:
    """The entry of `agents` for ``graph``."""
    kept = {name: graph[name] for name in ("description", "inputs", "nodes", "outputs") if name in graph}
    return draft.entry("agents", wanted, at(part, kept), key)


def tool(draft: Draft, wanted: str, part: Part, *, key: Any = None, **stated: Any) -> str:
    """The entry of `tools` for something whose server the source may not name (`http`, `mcp` or `python` do)."""
    name = clean(wanted, "tool")
    where: Tree = {}
    if not {"http", "mcp", "python"} & stated.keys():
        where = {"http": assume(f"{defaults.TOOL_URL}/{name}", "the source does not say where the tool is served")}
    fields = {field: value for field, value in stated.items() if value not in (None, "", {})}
    return draft.entry("tools", name, at(part, {**where, **fields}), key if key is not None else (name, str(stated)))
