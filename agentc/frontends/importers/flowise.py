"""Flowise exports: agent flows (version 2), sequential agents, supervisor teams, and chat flows of chains and agents.

An export is the canvas: `nodes` with `data.name` and `data.inputs`, and `edges` between their handles.
`docs/formats/flowise.md` says what becomes of each node.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.importers import agents, models, prompts
from agentc.frontends.importers.flow import INPUT, OTHERWISE, Flow, Read, Routes, Step, home_of
from agentc.frontends.importers.frame import Draft, Imported, Names, Tree, at
from agentc.frontends.importers.nest import Nest
from agentc.frontends.importers.served import mcp_tool
from agentc.frontends.importers.source import Part

QUESTION = "question"
_MODELS = ("Chat Models", "LLMs")
_STORES = ("Vector Stores", "Retrievers")
_NOTES = ("stickyNote", "stickyNoteAgentflow")
_TAG = re.compile(r"<[^<>]{0,200}>")


def read(draft: Draft) -> Imported:
    """The definition of a flow. Raises Refused."""
    whole = _canvas(draft, Part.of(draft.document))
    name = draft.document.file.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    described = whole["description"].text() or Part.of(draft.document)["description"].text()
    return draft.finish(name, {**({"description": described} if described else {}), **_Canvas(draft, whole).graph()})


def _canvas(draft: Draft, whole: Part) -> Part:
    """The canvas: what was exported, or `flowData` of what the server's API gives, which is JSON in a text."""
    from agentc.frontends.importers.json_text import inner

    stated = whole["flowData"]
    return inner(draft, stated) if stated.is_text else stated if stated else whole


@dataclass
class _Canvas:
    draft: Draft
    whole: Part
    nodes: dict[str, Part] = field(default_factory=dict[str, Part])
    into: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict[str, list[tuple[str, str, str]]])
    """Node -> (source, its handle, the node's handle) of each edge to it."""
    flow: Flow = field(default_factory=Flow)
    bodies: dict[str, Flow] = field(default_factory=dict[str, Flow])

    def graph(self) -> Tree:
        rows = {row["id"].text(): row for row in self.whole["nodes"].items() if row["data"]["name"].text()}
        self.nodes = {key: row for key, row in rows.items() if key and row["data"]["name"].text() not in _NOTES}
        if not self.nodes:
            raise self.draft.refuse("empty-nodes", "the flow has no nodes", self.whole["nodes"])
        for edge in self.whole["edges"].items():
            self._edge(edge)
        self.draft.found.raise_if_errors()
        supervisor = next(
            (row["data"] for row in self.nodes.values() if row["data"]["name"].text() == "supervisor"), None
        )
        if supervisor is not None:
            return self._team(supervisor)
        steps = {key: row for key, row in self.nodes.items() if self._is_step(row["data"])}
        return self._flow(steps) if steps else self._chat()

    def _edge(self, edge: Part) -> None:
        source, target = edge["source"].text(), edge["target"].text()
        for key, end in (("source", source), ("target", target)):
            if end not in self.nodes:
                self.draft.error(
                    "unknown-reference", f"there is no node `{end[:80]}`", edge[key] if edge[key] else edge
                )
                return
        self.into.setdefault(target, []).append((source, edge["sourceHandle"].text(), edge["targetHandle"].text()))

    def _is_step(self, data: Part) -> bool:
        name = data["name"].text()
        return name.endswith("Agentflow") or (name.startswith("seq") and name != "seqState")

    def _given(self, key: str, name: str, categories: tuple[str, ...] = ()) -> list[tuple[str, Part]]:
        """Nodes that an input of a node is connected to."""
        found: list[tuple[str, Part]] = []
        for source, _, handle in self.into.get(key, ()):
            data = self.nodes[source]["data"]
            if f"-input-{name}-" in handle or (categories and data["category"].text() in categories):
                found.append((source, data))
        return found

    def _flow(self, steps: dict[str, Part]) -> Tree:
        for key, row in steps.items():
            if row["data"]["name"].text() == "iterationAgentflow":
                self.bodies[key] = Flow()
        parents = {key: parent for key, row in steps.items() if (parent := row["parentNode"].text()) in self.bodies}
        for key, row in steps.items():
            self.bodies.get(home_of(key, parents), self.flow).add(self._step(key, row["data"]))
        for key, step in steps.items():
            self._control(key, step["data"])
        for home in (self.flow, *self.bodies.values()):
            self._reads(home)
        inputs: Tree = {QUESTION: at(self.whole, {"type": "text"})}
        nest = Nest(self.draft, Names(inputs), {QUESTION: QUESTION})
        sources = {edge.source for edge in self.flow.edges}
        last = [step for step in self.flow.steps.values() if step.gives and step.id not in sources]
        ending = [edge.source for edge in self.flow.edges if not self.flow.steps[edge.target].gives]
        last += [self.flow.steps[key] for key in ending if self.flow.steps[key].gives]
        answers = last or [step for step in self.flow.steps.values() if step.gives][-1:]
        return {"inputs": inputs, **nest.write(self.flow, {"answer": [Read(step.id) for step in answers]})}

    def _control(self, key: str, data: Part) -> None:
        home = next(flow for flow in (self.flow, *self.bodies.values()) if key in flow.steps)
        for source, handle, _ in self.into.get(key, ()):
            step = home.steps.get(source)
            if step is not None:
                label = handle.rpartition("-output-")[2] if step.routes else ""
                label = label.partition("-")[0]
                if step.routes and label not in step.routes.values:
                    step.routes = Routes(step.routes.on, {**step.routes.values, label: (label,)})
                home.connect(source, key, label)
        back = data["inputs"]["loopBackToNode"].text() or data["inputs"]["loopToName"].text()
        for other in home.steps.values() if back else ():
            if back.startswith(other.id) or back == _title(other.part):
                home.connect(key, other.id)
        most = data["inputs"]["maxLoopCount"].count(1000)
        if most:
            home.trips = {"max": most}

    def _reads(self, home: Flow) -> None:
        """A step sees the request and what those before it gave."""
        before: dict[str, list[str]] = {}
        for edge in home.edges:
            before.setdefault(edge.target, []).append(edge.source)
        for step in home.steps.values():
            found: list[Read] = [Read(INPUT, (QUESTION,))]
            for key in dict.fromkeys(before.get(step.id, ())):
                if home.steps[key].gives and not home.steps[key].routes:
                    found.append(Read(key))
            if step.body is not None:
                step.over = found[-1]
                last = [inner for inner in step.body.steps.values() if inner.gives]
                step.output = Read(last[-1].id) if last else None
            elif "memory" in step.node:
                step.reads = found[-1:]
                step.takes = (("text", "embedding"),)
            elif "agent" in step.node:
                step.reads = [Read(read.step, read.field, QUESTION) for read in found]
            elif step.node:
                step.reads = [*found, *step.reads]

    def _step(self, key: str, data: Part) -> Step:
        name = data["name"].text()
        makers: tuple[tuple[str, Callable[[str, Part], Step]], ...] = (
            ("^(start|seqStart|seqEnd|loop|seqLoop)(Agentflow)?(_.*)?$", self._point),
            ("^(conditionAgentAgentflow|seqConditionAgent)$", self._chooser),
            ("^(conditionAgentflow|seqCondition|humanInputAgentflow)$", self._condition),
            ("^(llmAgentflow|seqLLMNode)$", self._agent),
            ("^(agentAgentflow|seqAgent)$", self._agent),
            ("^retrieverAgentflow$", self._retriever),
            ("^(toolAgentflow|httpAgentflow|seqToolNode|executeFlowAgentflow|seqExecuteFlow)$", self._tool),
            ("^iterationAgentflow$", self._iteration),
            ("^(customFunctionAgentflow|directReplyAgentflow|seqCustomFunction)$", self._compute),
        )
        made = next((make for pattern, make in makers if re.match(pattern, name)), None)
        if made is None:
            self.draft.opaque(name, data)
        return (made or self._compute)(key, data)

    def _new(self, key: str, data: Part, node: Tree, gives: str = "any", **more: Any) -> Step:
        return Step(key, _title(data) or key, node, data, gives=gives, **more)

    def _point(self, key: str, data: Part) -> Step:
        return self._new(key, data, {}, "")

    def _compute(self, key: str, data: Part) -> Step:
        return self._new(key, data, {"compute": {"builtin": "opaque"}, "returns": "any"})

    def _tool(self, key: str, data: Part) -> Step:
        inputs = data["inputs"]
        named = next(
            (inputs[name].text() for name in ("toolAgentflowSelectedTool", "executeFlowSelectedFlow") if inputs[name]),
            "",
        )
        uses = [self._use(tool) for _, tool in self._given(key, "tools")]
        url = next((inputs[name].text() for name in ("httpUrl", "url") if inputs[name]), "")
        where = {"http": url} if url.startswith(("http://", "https://")) and "{{" not in url and " " not in url else {}
        entry = uses[0].entry if uses else agents.tool(self.draft, named or _title(data), data, **where)
        return self._new(key, data, {"tool": entry})

    def _use(self, data: Part) -> agents.Use:
        if data["category"].text() in _STORES:
            return agents.Use("lookup", self._store(data), data, name=_title(data))
        name = data["inputs"]["name"].text() or data["inputs"]["customToolName"].text() or data["name"].text()
        where = mcp_tool(self.draft, data["name"].text(), name) if "mcp" in data["name"].text().lower() else {}
        return agents.Use(
            "tool", agents.tool(self.draft, name or "tool", data, key=id(data.value), **where), data, name=name
        )

    def _store(self, data: Part) -> str:
        return self.draft.entry("memories", _title(data), at(data, {"kind": "vector"}), id(data.value))

    def _retriever(self, key: str, data: Part) -> Step:
        return self._new(key, data, {"memory": {"lookup": self._store(data)}}, "documents")

    def _iteration(self, key: str, data: Part) -> Step:
        return self._new(key, data, {}, "list<any>", body=self.bodies[key])

    def _condition(self, key: str, data: Part) -> Step:
        step = self._compute(key, data)
        step.node, step.gives = {**step.node, "returns": "text"}, "text"
        inputs = data["inputs"]
        count = max(len(inputs["conditions"].items()), len(inputs["condition"].items()), 1)
        step.routes = Routes(Read(key), {**{str(i): (str(i),) for i in range(count)}, str(count): (OTHERWISE,)})
        return step

    def _chooser(self, key: str, data: Part) -> Step:
        """A model that chooses the way."""
        inputs = data["inputs"]
        ways = len(inputs["conditionAgentScenarios"].items()) or 1
        instructions = inputs["conditionAgentInstructions"].text() or inputs["systemMessagePrompt"].text()
        listed = [f"{i}: {row['scenario'].text()}" for i, row in enumerate(inputs["conditionAgentScenarios"].items())]
        system = prompts.literal("\n".join(["Choose the scenario.", *listed, _plain(instructions)]))
        labels = [str(i) for i in range(ways)]
        node = {**self._model(key, data), "system": system, "fields": {"to": labels if ways > 1 else "text"}}
        step = self._new(key, data, node, "record")
        last = {} if ways > 1 else {"else": (OTHERWISE,)}
        step.routes = Routes(Read(key, ("to",)), {**{label: (label,) for label in labels}, **last})
        return step

    def _model(self, key: str, data: Part) -> Tree:
        """The model of a node: its own, a connected one, or the start's."""
        inputs = data["inputs"]
        for name, row in inputs.fields().items():
            if name.endswith("ModelConfig") and row["modelName"].text():
                stated = row["customModelName"] if row["customModelName"].text() else row["modelName"]
                return {"llm": models.use(self.draft, stated.text(), stated), **self._sampling(row)}
        connected = self._given(key, "model", _MODELS)
        if not connected:
            starts = [
                each for each, row in self.nodes.items() if row["data"]["name"].text() in ("seqStart", "supervisor")
            ]
            connected = [found for start in starts for found in self._given(start, "model", _MODELS)]
        if connected:
            config = connected[0][1]["inputs"]
            named = next(
                (
                    config[name]
                    for name in ("modelName", "customModelName", "model", "azureOpenAIApiDeploymentName")
                    if config[name].text()
                ),
                connected[0][1]["name"],
            )
            return {"llm": models.use(self.draft, named.text(), named), **self._sampling(config)}
        named = next(
            (row for name, row in inputs.fields().items() if name.endswith("Model") and row.text()), data["label"]
        )
        return {"llm": models.use(self.draft, named.text() or "model", named)}

    def _sampling(self, config: Part) -> Tree:
        most = next(
            (name for name in ("maxTokens", "maxTokensToSample", "maxOutputTokens") if config[name]), "maxTokens"
        )
        return models.sampling(config, top_p="topP", max_tokens=most)

    def _agent(self, key: str, data: Part) -> Step:
        made = self._reading(key, data)
        if not made.uses:
            said = {"system": made.system} if made.system else {}
            return self._new(key, data, {"llm": made.model, **said, **made.llm}, "text")
        entry = agents.sub_agent(self.draft, _title(data), made.graph(), data)
        return self._new(key, data, {"agent": entry}, "text", named=True, needs={QUESTION: ""})

    def _reading(self, key: str, data: Part) -> agents.Agent:
        inputs = data["inputs"]
        said = [
            inputs[name].text() for name in ("systemMessagePrompt", "systemMessage", "workerPrompt", "supervisorPrompt")
        ]
        for name in ("agentMessages", "llmMessages"):
            said += [row["content"].text() for row in inputs[name].items()]
        system = prompts.literal(_plain("\n".join(text for text in said if text)))
        uses = [self._use(tool) for _, tool in self._given(key, "tools", ("Tools", "Tools (MCP)"))]
        for row in inputs["agentTools"].items():
            name = row["agentSelectedTool"].text() or "tool"
            uses.append(agents.Use("tool", agents.tool(self.draft, name, row), row, name=name))
        for row in (*inputs["agentKnowledgeDocumentStores"].items(), *inputs["agentKnowledgeVSEmbeddings"].items()):
            name = row["documentStore"].text().partition(":")[2] or "knowledge"
            memory = self.draft.entry("memories", name, at(row, {"kind": "vector"}), name)
            uses.append(agents.Use("lookup", memory, row, name=name))
        llm = self._model(key, data)
        model = llm.pop("llm")
        question: Tree = {QUESTION: at(data, {"type": "text"})}
        return agents.Agent(data, model, system, question, uses, {}, llm, inputs["maxIterations"].count(100))

    def _team(self, supervisor: Part) -> Tree:
        """A supervisor that hands work to workers until it is done."""
        key = next(key for key, row in self.nodes.items() if row["data"].value is supervisor.value)
        team = self._reading(key, supervisor)
        uses: list[agents.Use] = []
        for name, row in self.nodes.items():
            data = row["data"]
            if data["name"].text() == "worker":
                called = data["inputs"]["workerName"].text() or _title(data)
                entry = agents.sub_agent(self.draft, called, self._reading(name, data).graph(), data)
                uses.append(agents.Use("agent", entry, data, (QUESTION,), called))
        team.uses, team.trips = uses, supervisor["inputs"]["recursionLimit"].count(20)
        return team.graph()

    def _chat(self) -> Tree:
        """A chain or an agent with what is plugged into it."""
        ends = [key for key, row in self.nodes.items() if row["data"]["category"].text() in ("Agents", "Chains")]
        if not ends:
            message = "the flow has no agent, chain or agent-flow node"
            raise self.draft.refuse("import-no-agent", message, self.whole["nodes"])
        fed = {source for rows in self.into.values() for source, _, _ in rows}
        key = next((key for key in ends if key not in fed), ends[-1])
        made = self._reading(key, self.nodes[key]["data"])
        stores = [data for _, data in self._given(key, "vectorStoreRetriever", _STORES)]
        if not stores:
            return made.graph()
        [first, *_] = stores
        call: Tree = {"llm": made.model, **({"system": made.system} if made.system else {}), **made.llm}
        nodes = {
            "found": at(first, {"memory": {"lookup": self._store(first)}, "in": QUESTION}),
            "answer": at(made.part, {**call, "in": [QUESTION, "found"]}),
        }
        return {"inputs": made.inputs, "nodes": nodes, "outputs": {"answer": "answer"}}


def _title(data: Part) -> str:
    given = data["inputs"]["agentName"].text() or data["inputs"]["llmNodeName"].text()
    return given or data["label"].text() or data["name"].text() or "node"


def _plain(text: str) -> str:
    """Rich text without its tags."""
    return _TAG.sub(" ", text.replace("</p>", "\n")).strip() if "<p>" in text else text
