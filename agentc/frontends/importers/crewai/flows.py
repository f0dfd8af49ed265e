"""Flows: classes whose methods start, listen to each other, and route; as a state graph, which is written as others.

https://docs.crewai.com/en/concepts/flows. State is not followed: a method reads what those before it gave.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from agentc.frontends.importers import agents, prompts
from agentc.frontends.importers.crewai.code import crew_names, crews
from agentc.frontends.importers.crewai.files import of_code
from agentc.frontends.importers.crewai.project import Project
from agentc.frontends.importers.crewai.team import MODEL, Team
from agentc.frontends.importers.flow import Read, Step
from agentc.frontends.importers.frame import Draft, Names, Tree, clean
from agentc.frontends.importers.langgraph.bodies import Reader, Use
from agentc.frontends.importers.langgraph.convert import ANSWER, CHOICE, OPAQUE, REQUEST, Importer, StateFlow, label_of
from agentc.frontends.importers.langgraph.graph import END, START, Graph, Node, Router
from agentc.frontends.importers.langgraph.module import Function, Module, Scope
from agentc.frontends.importers.nest import Nest
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import did_you_mean, shortened

_KICKS = frozenset(("kickoff", "kickoff_async", "akickoff", "kickoff_for_each", "kickoff_for_each_async"))
_TRIGGERS = ("start", "listen", "router")


def flow_classes(module: Module) -> dict[str, ast.ClassDef]:
    """The flows of a file by name: classes with a method that starts."""
    found: dict[str, ast.ClassDef] = {}
    for node in module.tree_nodes():
        if isinstance(node, ast.ClassDef) and any("start" in triggers(module, each) for each in _methods(node)):
            found[node.name] = node
    return found


def _methods(owner: ast.ClassDef) -> list[Function]:
    return [node for node in owner.body if isinstance(node, Function)]


def triggers(module: Module, method: Function) -> dict[str, ast.expr]:
    """`start`, `listen`, `router` and `human_feedback`, where a method has such a decorator -> the decorator."""
    found: dict[str, ast.expr] = {}
    for each in method.decorator_list:
        word = module.dotted(each.func if isinstance(each, ast.Call) else each, module.scope(method))
        found.setdefault(word.rpartition(".")[2], each)
    return {word: each for word, each in found.items() if word in (*_TRIGGERS, "human_feedback")}


def flow(module: Module, draft: Draft, name: str) -> tuple[str, Tree]:
    """The name and the graph of the flow ``name``; of the only one, or the one that no other runs, without a name.

    Raises:
        Refused: ``unknown-name``: there are several, or none of that name; or a crew of it is refused.
    """
    classes, project = flow_classes(module), Project(module)
    importer = _Importer(module, draft, project, classes)
    inner = {use.name for each in importer.graphs.values() for use in importer.uses(each)}
    outer = [each for each in classes if each not in inner] or list(classes)
    chosen = name if name in classes else outer[0] if not name and len(outer) == 1 else None
    if chosen is None:
        known = ", ".join(f"`{each}`" for each in classes)
        message = f"there is no flow `{shortened(name, 80)}`" if name else f"the file has several flows: {known}"
        help = did_you_mean(name, classes) or f"name one: `{module.document.file}:{next(iter(classes))}`"
        raise draft.refuse("unknown-name", message, module.part(classes[outer[-1]]), help)
    return clean(chosen, "flow"), importer.graph(importer.graphs[chosen])


class _Importer(Importer):
    """Writes flows, and the crews that they start as sub-agents."""

    def __init__(self, module: Module, draft: Draft, project: Project, classes: Mapping[str, ast.ClassDef]) -> None:
        crews_of = _Crews(draft, project)
        super().__init__(module, draft, {}, _Reader(module, {name: name for name in classes}, crews_of))
        self.crews = crews_of
        self.more: dict[str, list[tuple[str, str, str]]] = {}
        for name, owner in classes.items():
            read = _Class(self, owner)
            self.graphs[name], self.more[name] = read.graph(), read.more

    def uses(self, graph: Graph) -> Iterator[Use]:
        """What the methods of a flow call."""
        for node in graph.nodes.values():
            yield from self.reader.runs(node.runs, node.scope)

    def graph(self, graph: Graph) -> Tree:
        self._open.append(graph.name)
        drawn = _Flow(self, graph)
        drawn.build()
        inputs: Tree = {REQUEST: {"type": "text"}}
        made = Nest(self.draft, Names(inputs), {REQUEST: REQUEST}).write(drawn.flow, {ANSWER: drawn.results()})
        self._open.pop()
        return {"inputs": inputs, **made}

    def entry(self, name: str, part: Part) -> str | None:
        return self.crews.entry(name) if name in self.crews.found else super().entry(name, part)


class _Flow(StateFlow):
    """As the steps of a state graph; several methods may listen to one word of a router."""

    def __init__(self, importer: _Importer, graph: Graph) -> None:
        super().__init__(importer, graph)
        self.more = importer.more[graph.name]

    def results(self) -> list[Read]:
        """What the last method to run gave."""
        return list(reversed(super().results()))

    def route(self, source: str, router: Router) -> None:
        """Connect a router with those that listen to what it says."""
        super().route(source, router)
        steps = self.flow.steps
        chooser = next((key for key in (f"\0route\0{source}\0{0}", source) if key in steps and steps[key].routes), None)
        for owner, label, target in self.more:
            if owner == source and target in self.first:
                word = label_of(label) if chooser else ""
                self.flow.connect(chooser or self.last[source], self.first[target], word)

    def chooser(self, source: str, router: Router, part: Part) -> Step:
        """A method of which nothing is known but that it chooses is itself the step that does."""
        step = self.flow.steps[self.last[source]]
        if step.node != OPAQUE:
            return super().chooser(source, router, part)
        step.node, step.gives = dict(CHOICE), "text"
        return step


@dataclass
class _Class:
    """Reads the class of one flow."""

    importer: _Importer
    owner: ast.ClassDef
    more: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Router, word, method: of those that listen to a word beside the first."""

    def graph(self) -> Graph:
        """The methods as nodes, what they listen to as edges, and the words of routers."""
        module = self.importer.module
        methods = {each.name: each for each in _methods(self.owner) if triggers(module, each)}
        made = Graph(self.owner.name, self.owner, module.scope(self.owner))
        for name, method in methods.items():
            made.nodes[name] = Node(name, method, self.owner, method)
        said = {name: self._words(method) for name, method in methods.items() if self._routes(method)}
        stated = {word for words in said.values() for word in words}
        heard: dict[str, list[str]] = {}
        for name, method in methods.items():
            for word in self._heard(method):
                if word not in stated and word in (START, *methods) and word != name:
                    made.edges.append((word, name))
                else:
                    heard.setdefault(word, []).append(name)
        self._guess(said, heard, methods)
        for name, words in said.items():
            made.routers[name] = [self._router(methods[name], words, heard)]
        for word in heard.keys() - {word for words in said.values() for word in words}:
            message = f"`{heard[word][0]}` listens to `{shortened(word, 80)}`, which no router of this file says"
            self.importer.draft.warn("import-unread", message, module.part(methods[heard[word][0]]))
        return made

    def _routes(self, method: Function) -> bool:
        found = triggers(self.importer.module, method)
        return "router" in found or bool(self._emitted(found.get("human_feedback")))

    def _emitted(self, decorator: ast.expr | None) -> list[str]:
        """The words of ``@human_feedback(emit=[…])``."""
        given = decorator.keywords if isinstance(decorator, ast.Call) else []
        value = next((each.value for each in given if each.arg == "emit"), None)
        return self.importer.module.texts(value, self.owner) or []

    def _words(self, method: Function) -> list[str]:
        """What a router may say; nothing where the file does not state it."""
        module = self.importer.module
        if stated := self._emitted(triggers(module, method).get("human_feedback")):
            self.importer.draft.warn(
                "import-waits",
                f"`{method.name}` waits for a person: the plan counts no time for it",
                module.part(method),
            )
            return stated
        if stated := module.literals(method.returns, self.owner):
            return stated
        found: list[str] = []
        for node in ast.walk(method):
            if isinstance(node, ast.Return) and node.value is not None and module.scope(node) is method:
                values = [module.text(each, method) for each in _alternatives(node.value)]
                if None in values:
                    return []
                found += [each for each in values if each is not None]
        return list(dict.fromkeys(found))

    def _heard(self, method: Function) -> list[str]:
        """What makes a method run: methods, words of routers, the start."""
        found: list[str] = []
        for word, decorator in triggers(self.importer.module, method).items():
            given = decorator.args if isinstance(decorator, ast.Call) else []
            found += [START] if word == "start" else []
            found += [each for one in given for each in self._named(one) if word != "human_feedback"]
        return list(dict.fromkeys(found))

    def _named(self, node: ast.expr) -> Iterator[str]:
        """The names within ``or_(first, "word", and_(…))``."""
        if isinstance(node, ast.Call):
            for each in node.args:
                yield from self._named(each)
            return
        found = self.importer.module.meaning(node, self.owner)[0]
        if isinstance(found, Function):
            yield found.name
        elif (text := self.importer.module.text(node, self.owner)) is not None:
            yield text
        elif isinstance(node, ast.Name | ast.Attribute):
            yield node.id if isinstance(node, ast.Name) else node.attr

    def _guess(
        self, said: dict[str, list[str]], heard: Mapping[str, list[str]], methods: Mapping[str, Function]
    ) -> None:
        """Routers of which the file does not state what they say: what is heard, and nobody else says."""
        rest = [word for word in heard if not any(word in words for words in said.values())]
        for name in [name for name, words in said.items() if not words]:
            said[name] = list(rest)
            told = ", ".join(f"`{word}`" for word in rest) or "the end"
            self.importer.draft.warn(
                "import-router",
                f"the file does not say where the router `{name}` leads: taken for {told}",
                self.importer.module.part(methods[name]),
                "annotate what it returns with `Literal[…]`",
            )

    def _router(self, method: Function, words: list[str], heard: Mapping[str, list[str]]) -> Router:
        targets = {word: next(iter(heard.get(word, ())), END) for word in words}
        self.more += [(method.name, word, each) for word in words for each in heard.get(word, ())[1:]]
        thinks = any(use.kind == "llm" for use in self.importer.reader.function(method))
        return Router(method.name, method, targets, method if thinks else method.decorator_list[0])


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    """What ``a if x else b`` may be."""
    if isinstance(node, ast.IfExp):
        yield from _alternatives(node.body)
        yield from _alternatives(node.orelse)
    else:
        yield node


@dataclass
class _Crews:
    """The crews that flows start: of this file, and of others of the project."""

    draft: Draft
    project: Project
    found: dict[str, tuple[Module, str]] = field(default_factory=dict[str, tuple[Module, str]])
    """A key of ours -> the file and the name of the crew there."""
    _entries: dict[str, str] = field(default_factory=dict[str, str])
    _told: set[ast.AST] = field(default_factory=set[ast.AST])

    def key(self, node: ast.expr, scope: Scope, module: Module, depth: int = 0) -> str | None:
        """The crew that ``node`` holds: ``Poem().crew()``, ``Crew(…)``, a variable or a function of one."""
        module, made, home = self.project.meaning(module, node, scope)
        if depth > 8 or not isinstance(made, ast.Call):
            return None
        if module.callee(made, home) == "Crew":
            return self._known(module, crew_names(module).get(made, ""))
        function = made.func
        if isinstance(function, ast.Attribute):  # Poem().crew()
            _, owner, _ = self.project.meaning(module, function.value, home)
            owned = owner.func if isinstance(owner, ast.Call) else function.value
            there, kind, _ = self.project.meaning(module, owned, home)
            if isinstance(kind, ast.ClassDef):
                return self._known(there, kind.name)
        there, target, _ = self.project.meaning(module, function, home)
        if isinstance(target, Function):
            for each in ast.walk(target):
                if isinstance(each, ast.Return) and each.value is not None:
                    return self.key(each.value, target, there, depth + 1)
        return None

    def _known(self, module: Module, name: str) -> str | None:
        if not name or name not in crew_names(module).values():
            return None
        key = next((key for key, each in self.found.items() if each == (module, name)), None)
        if key is None:
            key = name if name not in self.found else f"{name}_{len(self.found)}"
            self.found[key] = (module, name)
        return key

    def entry(self, key: str) -> str:
        """The sub-agent for a crew, which takes one request. Raises Refused as the crew is."""
        if key not in self._entries:
            module, name = self.found[key]
            crew = of_code(self.draft, crews(module, self.draft, name))
            graph = Team(self.draft, crew, single=REQUEST).graph()
            self._entries[key] = agents.sub_agent(self.draft, clean(key, "crew"), graph, crew.part)
        return self._entries[key]

    def unread(self, call: ast.Call, module: Module) -> None:
        """Warn, once, of a start of something that no file here makes."""
        if call not in self._told:
            self._told.add(call)
            message = "what starts here is made in no file of the project that was found: it becomes opaque computation"
            self.draft.warn("import-opaque", message, module.part(call))


class _Reader(Reader):
    """What a method calls: crews, agents and models of CrewAI, and what any code calls."""

    def __init__(self, module: Module, graphs: dict[str, str], crews: _Crews) -> None:
        super().__init__(module, graphs)
        self.crews = crews

    def call(self, call: ast.Call, scope: Scope) -> Use | None:
        """What one call does."""
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if isinstance(call.func, ast.Attribute) and method in (*_KICKS, "call", "acall"):
            base = call.func.value
            if method in _KICKS and (key := self.crews.key(base, scope, self.module)) is not None:
                return Use("graph", call, key)
            made, home = self.module.meaning(base, scope)
            word = self.module.callee(made, home)
            if isinstance(made, ast.Call) and word == "Agent":
                return replace(self._person(made, home), place=call)
            if isinstance(made, ast.Call) and word == "LLM":
                return replace(self._model(made, home), place=call)
            if word in self.graphs:
                return Use("graph", call, self.graphs[word])
            if method in _KICKS:
                self.crews.unread(call, self.module)
                return None
        return super().call(call, scope)

    def _person(self, call: ast.Call, scope: Scope) -> Use:
        """An agent that is asked alone."""
        given = {word.arg: word.value for word in call.keywords if word.arg}
        role, goal, story = (self.module.text(given.get(key), scope) or "" for key in ("role", "goal", "backstory"))
        said = " ".join(
            filter(None, (f"You are {role}." if role else "", story, f"Your goal is: {goal}" if goal else ""))
        )
        model, home = self.module.meaning(given["llm"], scope) if "llm" in given else (None, scope)
        held = self._model(model, home) if isinstance(model, ast.Call) else None
        name = held.name if held else self.module.text(given.get("llm"), scope) or MODEL
        tools = self.tools(given.get("tools"), scope)
        temperature, most = (held.temperature, held.most_tokens) if held else (None, None)
        return Use("react" if tools else "llm", call, name, tools, prompts.literal(said), temperature, most)
