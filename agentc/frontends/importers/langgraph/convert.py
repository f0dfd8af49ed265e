"""A state graph as a definition of ours: each node what its code calls, each router a choice of what runs next."""

import ast
from dataclasses import dataclass, field, replace

from agentc.frontends.importers import agents, models, prompts
from agentc.frontends.importers.flow import INPUT, Flow, Read, Routes, Step
from agentc.frontends.importers.frame import Draft, Names, Tree, at, clean
from agentc.frontends.importers.langgraph.bodies import Reader, Tool, Use
from agentc.frontends.importers.langgraph.graph import END, START, Graph, Node, Router
from agentc.frontends.importers.langgraph.module import Module
from agentc.frontends.importers.nest import Nest
from agentc.frontends.importers.source import Part

REQUEST = "request"
NEXT, TOOL, ARGUMENT, ANSWER = "next", "tool", "argument", "answer"
"""Fields of a model's answer: where to go on, what to call, with what, and what it says."""

OPAQUE: Tree = {"compute": {"builtin": "opaque"}, "returns": "any"}
"""Code of which nothing is known but that it runs."""

_ROUTE = "\0route\0"
"""What ids of steps begin with that are routers."""

CHOICE: Tree = {"compute": {"builtin": "opaque"}, "returns": "text"}
"""Code that chooses."""


@dataclass
class Importer:
    """Writes the graphs of a file."""

    module: Module
    draft: Draft
    graphs: dict[str, Graph]
    """By the names of their builders."""
    reader: Reader
    _entries: dict[str, str] = field(default_factory=dict[str, str])
    _open: list[str] = field(default_factory=list[str])

    def graph(self, graph: Graph) -> Tree:
        """`inputs`, `nodes` and `outputs` of a graph."""
        self._open.append(graph.name)
        flow = StateFlow(self, graph)
        flow.build()
        inputs: Tree = {REQUEST: {"type": "text"}}
        nest = Nest(self.draft, Names(inputs), {REQUEST: REQUEST})
        made = nest.write(flow.flow, {ANSWER: flow.results()})
        self._open.pop()
        return {"inputs": inputs, **made}

    def entry(self, name: str, part: Part) -> str | None:
        """The sub-agent for the graph ``name``; None within itself."""
        if name in self._open:
            self.draft.warn("import-unread", f"the graph `{name}` runs within itself, which no plan can bound", part)
            return None
        if name not in self._entries:
            graph = self.graphs[name]
            tree = self.graph(graph)
            self._entries[name] = agents.sub_agent(
                self.draft, clean(name, "graph"), tree, self.module.part(graph.place)
            )
        return self._entries[name]

    def model(self, use: Use, kind: str = "decoder") -> str:
        """The entry of `models` for what a call uses."""
        return models.use(self.draft, use.name, self.module.part(use.place), kind)

    def tool(self, tool: Tool) -> str:
        """The entry of `tools` for a tool."""
        return agents.tool(
            self.draft, tool.name, self.module.part(tool.place), key=tool.name, description=tool.description
        )


class StateFlow:
    """The steps of one graph."""

    def __init__(self, importer: Importer, graph: Graph) -> None:
        self.importer, self.module, self.draft = importer, importer.module, importer.draft
        self.source = graph
        self.flow = Flow()
        self.first: dict[str, str] = {}
        self.last: dict[str, str] = {}
        self.thinks: dict[str, tuple[Step, Use]] = {}
        """Node -> the last model call in it."""

    def build(self) -> None:
        """Fill the flow."""
        spread, part = self._spread(), self.module.part(self.source.place)
        self.flow.add(Step(START, "begin", {}, part, gives=""))
        self.last[START] = START
        for node in self.source.nodes.values():
            self._node(node, spread)
        self.flow.add(Step(END, "end", {}, part, gives=""))
        self.first[END] = END
        self._decide()
        for source, target in self.source.edges:
            self._edge(source, target)
        for source, routers in self.source.routers.items():
            for router in routers:
                self.route(source, router)
        self._read()

    def results(self) -> list[Read]:
        """What the graph gives: the values of the steps that lead to its end."""
        ends = [edge.source for edge in self.flow.edges if edge.target == END]
        makers = [maker for end in ends for maker in self._makers(end)]
        led = {edge.source for edge in self.flow.edges}
        makers += [step.id for step in self.flow.steps.values() if step.id not in led and step.gives]
        return [self._value(maker) for maker in dict.fromkeys(makers)]

    def _value(self, step: str) -> Read:
        fields: Tree = self.flow.steps[step].node.get("fields", {})
        return Read(step, (ANSWER,) if fields else ())

    def _makers(self, step: str, seen: frozenset[str] = frozenset()) -> list[str]:
        """The step itself, or those before a step that only chooses."""
        made = self.flow.steps[step]
        if (made.node or made.body) and made.routes is None and made.gives:
            return [step]
        if made.node and "llm" in made.node and not step.startswith(_ROUTE):
            return [step]
        before = [edge.source for edge in self.flow.edges if edge.target == step and edge.source not in seen]
        return [maker for each in before for maker in self._makers(each, seen | {step})]

    def _spread(self) -> dict[str, str]:
        """Node that runs once for each part of the state -> the node whose router sends the parts."""
        entered = {target for _, target in self.source.edges}
        found: dict[str, str] = {}
        for source, routers in self.source.routers.items():
            for router in routers:
                if router.fans_out:
                    found |= {t: source for t in router.targets.values() if t != END and t not in entered}
        return found

    def _node(self, node: Node, spread: dict[str, str]) -> None:
        uses = self.importer.reader.runs(node.runs, node.scope)
        steps = [step for i, use in enumerate(uses) for step in self._use(node, use, i, len(uses))]
        part = self.module.part(node.place)
        if not steps:
            if node.runs is None:
                message = f"what `{node.name}` runs is in another file: it becomes opaque computation"
                self.draft.warn("import-opaque", message, part, "name the file that builds the whole graph")
            steps = [Step(node.name, node.name, dict(OPAQUE), part)]
        inner = Flow({step.id: step for step in steps})
        for before, after in zip(steps, steps[1:], strict=False):
            inner.connect(before.id, after.id)
            after.reads = [self._read_of(before, after)]
        if node.name in spread:
            over = Read(f"\0{spread[node.name]}")
            steps = [Step(f"{node.name}\0each", node.name, {}, part, body=inner, over=over, output=Read(steps[-1].id))]
            inner = Flow({steps[0].id: steps[0]})
        self.flow.steps |= inner.steps
        self.flow.edges += inner.edges
        self.first[node.name], self.last[node.name] = steps[0].id, steps[-1].id

    def _use(self, node: Node, use: Use, index: int, count: int) -> list[Step]:
        """The steps of one call of a node's code."""
        part = self.module.part(use.place)
        id_ = node.name if index == count - 1 else f"{node.name}\0{index}"
        name = node.name if count == 1 else f"{node.name}_{index + 1}"
        match use.kind:
            case "llm":
                step = Step(id_, name, self._call(use), part, gives="text")
                self.thinks[node.name] = step, use
                return [step]
            case "embed":
                return [Step(id_, name, {"embed": self.importer.model(use, "embedding")}, part, gives="embedding")]
            case "retrieve":
                return [Step(id_, name, {"memory": {"lookup": self._memory(use, part)}}, part, gives="documents")]
            case "react":
                return [self._sub_agent(id_, name, self._agent(use, node, part), part)]
            case "graph":
                entry = self.importer.entry(use.name, part)
                return [self._sub_agent(id_, name, entry, part)] if entry else []
            case "wait":
                message = f"`{node.name}` waits for a person: the plan counts no time for it"
                self.draft.warn("import-waits", message, part)
                return []
            case "tool" | "tools":
                return self._tools(id_, name, use, part)

    def _call(self, use: Use) -> Tree:
        said: Tree = {"system": prompts.literal(use.system)} if use.system.strip() else {}
        if use.temperature is not None and 0 <= use.temperature <= 10:
            said["temperature"] = use.temperature
        if use.most_tokens:
            said["max_tokens"] = use.most_tokens
        return {"llm": self.importer.model(use), **said}

    def _memory(self, use: Use, part: Part) -> str:
        return self.draft.entry("memories", use.name, at(part, {"kind": "vector"}), ("memory", use.name))

    def _agent(self, use: Use, node: Node, part: Part) -> str:
        uses = [
            agents.Use("tool", self.importer.tool(tool), self.module.part(tool.place), (), tool.name)
            for tool in use.tools
        ]
        system = prompts.literal(use.system)
        made = agents.Agent(part, self.importer.model(use), system, {REQUEST: {"type": "text"}}, uses)
        return agents.sub_agent(self.draft, node.name, made.graph(), part, ("react", part.span))

    @staticmethod
    def _sub_agent(id_: str, name: str, entry: str, part: Part) -> Step:
        return Step(id_, name, {"agent": entry}, part, named=True, needs={REQUEST: "Go on."})

    def _tools(self, id_: str, name: str, use: Use, part: Part) -> list[Step]:
        """One tool, or a choice among several, which join again."""
        if len(use.tools) < 2:
            entry = self.importer.tool(use.tools[0]) if use.tools else agents.tool(self.draft, name, part)
            return [Step(id_, name, {"tool": entry}, part)]
        choose = self.flow.add(Step(f"{id_}\0choose", f"{name}_choose", {}, part, gives=""))
        choose.routes = Routes(Read(choose.id), {tool.name: (tool.name,) for tool in use.tools})
        done = Step(id_, f"{name}_done", dict(OPAQUE), part)
        self.flow.add(done)
        for tool in use.tools:
            place = self.module.part(tool.place)
            step = self.flow.add(Step(f"{id_}\0{tool.name}", tool.name, {"tool": self.importer.tool(tool)}, place))
            self.flow.connect(choose.id, step.id, tool.name)
            self.flow.connect(step.id, done.id)
        return [choose, done]

    def _decide(self) -> None:
        """Model calls whose answer says what comes next: by the tools that they may call, or by a command."""
        for name, (step, use) in self.thinks.items():
            routers = [
                r for r in self.source.routers.get(name, ()) if _by_answer(r) and len(set(r.targets.values())) > 1
            ]
            fields: Tree = {}
            for router in routers:
                fields[NEXT] = [label_of(target) for target in router.targets]
            called = [t for r in routers for t in r.targets.values() if f"{t}\0choose" in self.flow.steps]
            if called:
                fields[TOOL] = list(self.flow.steps[f"{called[0]}\0choose"].routes.values)  # pyright: ignore[reportOptionalMemberAccess]
            if fields:
                step.node["fields"] = {**fields, **({ARGUMENT: "text"} if use.tools else {}), ANSWER: "text"}

    def _edge(self, source: str, target: str) -> None:
        if source in self.last and target in self.first:
            self.flow.connect(self.last[source], self.first[target])
        else:
            self._unknown(target if source in self.last else source)

    def _unknown(self, name: str) -> None:
        message = f"the graph `{self.source.name}` has an edge of `{name}`, and no such node in this file"
        self.draft.warn("import-unread", message, self.module.part(self.source.place))

    def route(self, source: str, router: Router) -> None:
        """Connect a router with where it leads."""
        part = self.module.part(router.place)
        targets = {label: target for label, target in router.targets.items() if target in self.first}
        if not router.sure:
            targets = self._guess(router, part)
        if source not in self.last:
            return
        last = self.last[source]
        if router.fans_out or len(set(targets.values())) < 2:
            for target in targets.values():
                self.flow.connect(last, self.first[target])
            return
        chooser = self.chooser(source, router, part)
        if chooser.id != last:
            self.flow.connect(last, chooser.id)
        values = {label_of(label): (label_of(label),) for label in targets}
        on = (
            Read(self.thinks[source][0].id, (NEXT,))
            if _by_answer(router) and source in self.thinks
            else Read(chooser.id, (NEXT,) if "fields" in chooser.node else ())
        )
        chooser.routes = Routes(on, values)
        for label, target in targets.items():
            self.flow.connect(chooser.id, self.first[target], label_of(label))

    def chooser(self, source: str, router: Router, part: Part) -> Step:
        """The step that a router is: only a point where the model has chosen already."""
        answered = _by_answer(router) and source in self.thinks
        asked = [use for use in self._asks(router) if use.kind == "llm"] if not answered else []
        name = router.name if router.name not in self.source.nodes else f"{router.name}_route"
        number = sum(key.startswith(f"{_ROUTE}{source}") for key in self.flow.steps)
        node = {} if answered else dict(CHOICE)
        if asked:  # the router asks a model itself
            node = {**self._call(asked[-1]), "fields": {NEXT: [label_of(label) for label in router.targets]}}
        return self.flow.add(Step(f"{_ROUTE}{source}\0{number}", name, node, part, gives="" if answered else "text"))

    def _asks(self, router: Router) -> list[Use]:
        """What a router's code calls."""
        return self.importer.reader.function(router.function) if router.function is not None else []

    def _guess(self, router: Router, part: Part) -> dict[str, str]:
        """The targets of a router that the file does not state: the nodes that nothing else leads to, and the end."""
        entered = {target for _, target in self.source.edges}
        entered |= {t for rs in self.source.routers.values() for r in rs for t in r.targets.values()}
        rest = [name for name in self.source.nodes if name not in entered]
        told = ", ".join(f"`{name}`" for name in rest) or "the end"
        self.draft.warn(
            "import-router",
            f"the file does not say where the router `{router.name}` leads: taken for {told}",
            part,
            "annotate what it returns with `Literal[…]`, or give its targets as a path map",
        )
        return {name: name for name in (*rest, END)}

    def _read(self) -> None:
        """Each step reads what comes before it; the first steps read the request."""
        begins = {
            self.first[target] for source, target in self.source.edges if source == START and target in self.first
        }
        for step in self.flow.steps.values():
            before = [edge.source for edge in self.flow.edges if edge.target == step.id]
            makers = list(dict.fromkeys(maker for each in before for maker in self._makers(each)))
            reads = [self._read_of(self.flow.steps[maker], step) for maker in makers if maker != step.id]
            reads += [Read(INPUT, (), REQUEST)] if step.id in begins or not reads else []
            if step.over is not None:
                sender = self.last.get(step.over.step[1:], START)
                step.over = Read(INPUT, (), REQUEST) if sender == START else Read(sender)
                for inner in step.body.steps.values() if step.body else ():
                    inner.reads = inner.reads or [Read(step.id, (), REQUEST)]
            elif step.node:
                step.reads = [*step.reads, *(read for read in reads if read not in step.reads)]
            if step.routes and step.routes.on.step == step.id and not step.node:
                self._choose_tool(step, makers)
        for step in list(self.flow.steps.values()):
            if len(step.reads) > 1 and (step.named or "memory" in step.node or "embed" in step.node):
                self._join(step)
            if step.named:
                step.reads = [Read(read.step, read.field, REQUEST) for read in step.reads]

    def _join(self, step: Step) -> None:
        """One value for a step that reads one: the newest that is there, the request last."""
        node: Tree = {"compute": {"builtin": "default"}, "returns": "text"}
        joined = Step(f"{step.id}\0in", f"{step.name}_in", node, step.part, step.reads, gives="text")
        order = [
            made for known in self.flow.steps.values() for made in ((joined, known) if known is step else (known,))
        ]
        self.flow.steps = {made.id: made for made in order}
        self.flow.edges = [replace(e, target=joined.id) if e.target == step.id else e for e in self.flow.edges]
        self.flow.connect(joined.id, step.id)
        step.reads = [Read(joined.id)]

    def _choose_tool(self, step: Step, makers: list[str]) -> None:
        """What chooses among tools: the model's answer before; where there is none, code that nothing is known of."""
        asked = next((m for m in makers if TOOL in self.flow.steps[m].node.get("fields", {})), None)
        assert step.routes is not None
        if asked:
            step.routes = Routes(Read(asked, (TOOL,)), step.routes.values)
        else:
            step.node, step.gives = dict(CHOICE), "text"
            step.reads = [self._read_of(self.flow.steps[maker], step) for maker in makers] or [Read(INPUT, (), REQUEST)]

    def _read_of(self, maker: Step, reader: Step) -> Read:
        """What ``reader`` takes of ``maker``: of a model that calls tools its argument, else what it says."""
        fields: Tree = maker.node.get("fields", {})
        wanted = ARGUMENT if ARGUMENT in fields and "tool" in reader.node else ANSWER
        return Read(maker.id, (wanted,) if wanted in fields else (), REQUEST if reader.named else "")


def _by_answer(router: Router) -> bool:
    """Whether the model's own answer decides: it asks for a tool, or its node gives a command."""
    return router.name == "tools_condition" or isinstance(router.place, ast.FunctionDef | ast.AsyncFunctionDef)


def label_of(label: str) -> str:
    """What a router's word is called as a case."""
    return {END: "end", START: "start"}.get(label, label)


def definition(module: Module, draft: Draft, found: list[Graph], name: str) -> tuple[str, Tree]:
    """The name and the graph of the definition: the graph that ``name`` holds, else the one that no other runs.

    Raises:
        Refused: ``import-no-agent``: there is none, or several and no ``name`` to choose.
    """
    return definition_of(module, draft, found, _chosen(module, draft, found, name), name)


def definition_of(module: Module, draft: Draft, found: list[Graph], chosen: Graph, name: str) -> tuple[str, Tree]:
    """The name and the graph of the definition that ``chosen`` is, called ``name`` or what the file calls it."""
    importer = Importer(module, draft, {graph.name: graph for graph in found}, Reader(module, _held(found)))
    return clean(name or (chosen.compiled or [chosen.name])[0].removeprefix("self."), "agent"), importer.graph(chosen)


def _held(found: list[Graph]) -> dict[str, str]:
    """Name of a variable or function -> the graph that it holds or makes."""
    return {known: graph.name for graph in found for known in (graph.name, *graph.compiled)}


def _chosen(module: Module, draft: Draft, found: list[Graph], name: str) -> Graph:
    part, held = module.part(module.tree), _held(found)
    by_name = {graph.name: graph for graph in found}
    if not found:
        raise draft.refuse("import-no-agent", "the file builds no graph of LangGraph", part)
    if name:
        owner = held.get(name) or held.get(f"self.{name}")
        if owner is None:
            raise draft.refuse("import-no-agent", f"the file has no graph `{name}`", part, f"it has {', '.join(held)}")
        return by_name[owner]
    reader = Reader(module, held)
    uses = [use for graph in found for node in graph.nodes.values() for use in reader.runs(node.runs, node.scope)]
    inner = {use.name for use in uses if use.kind == "graph"}
    outer = [graph for graph in found if graph.name not in inner]
    if len(outer) != 1:
        names = ", ".join((graph.compiled or [graph.name])[0] for graph in outer or found)
        message = f"the file builds {len(outer) or len(found)} graphs: {names}"
        raise draft.refuse("import-no-agent", message, part, "choose one: `file.py:name`")
    return outer[0]
