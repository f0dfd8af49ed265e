"""Haystack 2 pipelines: `components` of Python classes, and `connections` between their sockets.

https://docs.haystack.deepset.ai/docs/serialization. The class names say what a component does;
`docs/formats/haystack.md` has the table.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.importers import agents, models, prompts
from agentc.frontends.importers.flow import INPUT, OTHERWISE, Flow, Read, Routes, Step
from agentc.frontends.importers.frame import Draft, Imported, Names, Tree, at, clean
from agentc.frontends.importers.nest import Nest
from agentc.frontends.importers.served import mcp_tool
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import did_you_mean, shortened

_QUERIES = ("query", "text", "query_embedding", "prompt", "messages", "queries")
_KINDS = {"documents": "documents", "urls": "list<text>", "queries": "list<text>", "sources": "any", "streams": "any"}


def read(draft: Draft) -> Imported:
    """The definition of a pipeline. Raises Refused."""
    whole = Part.of(draft.document)
    if whole["components"].is_list:
        help = "load it with Haystack 2 and write it with `pipeline.dumps()`"
        raise draft.refuse("import-version", "this is a pipeline of Haystack 1", whole["components"], help)
    name = draft.document.file.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    return draft.finish(name, _Pipeline(draft, whole).graph())


@dataclass
class _Pipeline:
    draft: Draft
    whole: Part
    flow: Flow = field(default_factory=Flow)
    inputs: Tree = field(default_factory=dict[str, Any])
    kinds: dict[str, str] = field(default_factory=dict[str, str])

    def graph(self) -> Tree:
        components = self.whole["components"].fields()
        for name, part in components.items():
            if not part["type"].text():
                self.draft.error("missing-field", f"the component `{shortened(name, 80)}` has no `type`", part)
        self.draft.found.raise_if_errors()
        for name, part in components.items():
            self.flow.add(self._step(name, part))
        for row in self.whole["connections"].items():
            self._connect(row)
        for name, rows in self.whole["inputs"].fields().items():
            for receiver in rows.texts():
                self._feed(name, receiver, rows)
        for step in self.flow.steps.values():
            self._complete(step)
        most = self.whole["max_runs_per_component"].number() or self.whole["max_loops_allowed"].number()
        if most and most >= 1 and "max_runs_per_component" in self.whole:
            self.flow.trips = {"max": float(int(most))} if most <= 20 else {}
        nest = Nest(self.draft, Names(self.inputs), {name: name for name in self.inputs}, self.kinds)
        return {"inputs": self.inputs, **nest.write(self.flow, self._outputs())}

    def _step(self, name: str, part: Part) -> Step:
        kind = part["type"].text().rpartition(".")[2]
        init = part["init_parameters"]
        for pattern, make in _TYPES:
            if re.search(pattern, kind):
                return make(self, name, part, init)
        if not part["type"].text().startswith("haystack.components."):
            self.draft.opaque(part["type"].text(), part)
        return self._computed(name, part, init)

    def _computed(self, name: str, part: Part, init: Part) -> Step:
        del init
        return Step(name, name, {"compute": {"builtin": "opaque"}, "returns": "any"}, part)

    def _documents(self, name: str, part: Part, init: Part) -> Step:
        del init
        builtin = "documents" if "Joiner" in part["type"].text() else "opaque"
        node = {"compute": {"builtin": builtin}, "returns": "documents"}
        return Step(name, name, node, part, gives="documents")

    def _generator(self, name: str, part: Part, init: Part) -> Step:
        inner = next(
            (init[key]["init_parameters"] for key in ("chat_generator", "generator", "llm") if init[key]), init
        )
        sampling = models.sampling(inner["generation_kwargs"], max_tokens=_most(inner["generation_kwargs"]))
        return Step(name, name, {"llm": self._model(inner, part, "decoder"), **sampling}, part, gives="text")

    def _model(self, init: Part, part: Part, kind: str) -> str:
        stated = [init[key] for key in ("model", "model_name_or_path", "azure_deployment", "model_name")]
        stated.append(init["huggingface_pipeline_kwargs"]["model"])
        named = next((each for each in stated if each.text()), None)
        default = re.sub("(Chat)?Generator|Embedder|Ranker$", "", part["type"].text().rpartition(".")[2]) or kind
        return models.use(self.draft, named.text() if named else default, named or part, kind)

    def _prompt(self, name: str, part: Part, init: Part) -> Step:
        text = prompts.plain(_template(init["template"]))
        step = Step(name, name, {"compute": {"builtin": "template"}}, part, gives="text", named=True)
        step.node["compute"]["options"] = {"template": text}
        return step

    def _embedder(self, name: str, part: Part, init: Part) -> Step:
        several = "Document" in part["type"].text().rpartition(".")[2]
        gives = "list<embedding>" if several else "embedding"
        return Step(
            name, name, {"embed": self._model(init, part, "embedding")}, part, gives=gives, takes=(_EMBEDDABLE,)
        )

    def _retriever(self, name: str, part: Part, init: Part) -> Step:
        inner = init["retriever"]
        if not inner:
            return Step(name, name, self._lookup(part, init), part, gives="documents", takes=(("text", "embedding"),))
        body = Step(
            f"{name}.each", f"{name}_each", self._lookup(inner, inner["init_parameters"]), part, gives="documents"
        )
        body.reads, body.takes = [Read(name)], (("text", "embedding"),)
        step = Step(name, name, {}, part, gives="list<documents>", body=Flow({body.id: body}))
        step.output = Read(body.id)
        return step

    def _lookup(self, part: Part, init: Part) -> Tree:
        top = init["top_k"].count(10**6)
        return {"memory": {"lookup": self._store(init["document_store"], part)}, **({"k": top} if top else {})}

    def _store(self, store: Part, part: Part) -> str:
        """The memory of a document store; retrievers and writers of an equal one share it."""
        kind = store["type"].text().rpartition(".")[2] or "documents"
        fields = store["init_parameters"].fields()
        named = next((fields[key].text() for key in ("index", "collection_name", "table_name") if key in fields), "")
        entry: Tree = {"kind": "vector"}
        width = next(
            (
                n
                for key in ("embedding_dim", "embedding_dimension")
                if key in fields and (n := fields[key].count(10**5))
            ),
            None,
        )
        entry |= {"dimension": width} if width else {}
        return self.draft.entry("memories", named or kind, at(store if store else part, entry), (kind, named))

    def _writer(self, name: str, part: Part, init: Part) -> Step:
        store = self._store(init["document_store"], part)
        return Step(name, name, {"memory": {"store": store}}, part, gives="")

    def _ranker(self, name: str, part: Part, init: Part) -> Step:
        if not re.search("Similarity|Cohere|Jina|Nvidia|CrossEncoder|TransformersRanker|Rerank", part["type"].text()):
            return self._documents(name, part, init)
        node = {"rerank": self._model(init, part, "rerank")}
        return Step(name, name, node, part, gives="documents", takes=(_TEXTUAL, ("documents", "list")))

    def _tool(self, name: str, part: Part, init: Part) -> Step:
        del init
        return Step(name, name, {"tool": agents.tool(self.draft, name, part)}, part)

    def _agent(self, name: str, part: Part, init: Part) -> Step:
        generator = init["chat_generator"]
        if not generator:
            raise self.draft.refuse("missing-field", f"the agent `{shortened(name, 80)}` has no `chat_generator`", part)
        uses = [self._use(tool) for tool in self._tools(init["tools"])]
        inner = generator["init_parameters"]
        graph = agents.Agent(
            part,
            self._model(inner, generator, "decoder"),
            prompts.literal(prompts.plain(init["system_prompt"].text())),
            {"request": at(part, {"type": "text"})},
            uses,
            {},
            models.sampling(inner["generation_kwargs"], max_tokens=_most(inner["generation_kwargs"])),
            init["max_agent_steps"].count(20),
        ).graph()
        entry = agents.sub_agent(self.draft, name, graph, part)
        return Step(name, name, {"agent": entry}, part, named=True, needs={"request": ""})

    def _tools(self, tools: Part) -> list[Part]:
        """Tools, one by one; a toolset holds some."""
        rows = tools.items() or ([tools] if tools.is_mapping and tools else [])
        found: list[Part] = []
        for row in rows:
            data = row["data"] if row["data"] else row["init_parameters"]
            inner = data["tools"].items()
            found += [each for each in inner if each.is_mapping] if inner else [row]
        return found[:200]

    def _use(self, tool: Part) -> agents.Use:
        data = tool["data"] if tool["data"] else tool["init_parameters"]
        kind = tool["type"].text().rpartition(".")[2]
        name = data["name"].text() or kind or "tool"
        where: Tree = {}
        if "MCP" in kind:
            server = data["server_info"]
            where = mcp_tool(self.draft, server["url"].text() or server["command"].text(), name, server)
        entry = agents.tool(self.draft, name, tool, description=data["description"].text(), **where)
        return agents.Use("tool", entry, tool, name=name)

    def _invoker(self, name: str, part: Part, init: Part) -> Step:
        """A step that calls whatever tool a model asked for."""
        uses = [self._use(tool) for tool in self._tools(init["tools"])]
        if len(uses) == 1:
            return Step(name, name, {"tool": uses[0].entry}, part)
        return self._tool(name, part, init)

    def _router(self, name: str, part: Part, init: Part) -> Step:
        names = [row["output_name"].text() for row in init["routes"].items()]
        step = Step(name, name, {"compute": {"builtin": "opaque"}, "returns": "any"}, part)
        step.routes = Routes(Read(name), {each: (each,) for each in names if each})
        return step

    def _validator(self, name: str, part: Part, init: Part) -> Step:
        step = self._router(name, part, init)
        step.routes = Routes(Read(name), {"validated": ("validated",), "validation_error": (OTHERWISE,)})
        return step

    def _ends(self, row: Part) -> tuple[str, str, str, str] | None:
        """Of a connection: sender, its socket, receiver, its socket."""
        found: list[str] = []
        for key in ("sender", "receiver"):
            name, _, socket = row[key].text().rpartition(".") if "." in row[key].text() else (row[key].text(), "", "")
            if name not in self.flow.steps:
                help = did_you_mean(name, self.flow.steps)
                message = f"there is no component `{shortened(name, 80)}`"
                self.draft.error("unknown-reference", message, row[key] if row[key] else row, help)
                return None
            found += [name, socket]
        return found[0], found[1], found[2], found[3]

    def _connect(self, row: Part) -> None:
        ends = self._ends(row)
        if ends is None:
            return
        sender, output, receiver, socket = ends
        step, target = self.flow.steps[sender], self.flow.steps[receiver]
        if step.routes and output and output not in step.routes.values:
            step.routes = Routes(step.routes.on, {**step.routes.values, output: (output,)})
        self.flow.connect(sender, receiver, output if step.routes else "")
        if step.gives:
            target.reads.append(Read(sender, (), clean(socket or output or sender, "input")))

    def _feed(self, name: str, receiver: str, part: Part) -> None:
        target, _, socket = receiver.rpartition(".")
        step = self.flow.steps.get(target or socket)
        if step is None:
            help = did_you_mean(target, self.flow.steps)
            self.draft.error("unknown-reference", f"there is no component `{shortened(target, 80)}`", part, help)
        else:
            self._input(step, clean(name, "input"), clean(socket, "input"), part)

    def _input(self, step: Step, name: str, socket: str, part: Part) -> None:
        kind = _KINDS.get(socket, "text")
        if name not in self.inputs:
            self.inputs[name] = at(part, {"type": kind})
            self.kinds[name] = kind
        step.reads.append(Read(INPUT, (name,), socket))

    def _complete(self, step: Step) -> None:
        """What a component must read and no connection brings is an input of the agent."""
        names = {read.name for read in step.reads}
        kind = step.part["type"].text().rpartition(".")[2]
        if step.node.get("compute", {}).get("builtin") == "template":
            self._fill(step, names)
        elif "rerank" in step.node:
            query = [read for read in step.reads if read.name in ("query", "text")]
            documents = [read for read in step.reads if read not in query]
            if not query:
                self._input(step, "query", "query", step.part)
                query = [step.reads.pop()]
            if not documents:
                self._input(step, "documents", "documents", step.part)
                documents = [step.reads.pop()]
            step.reads = [query[0], documents[0]]
        elif not step.reads or ("memory" in step.node and not names & set(_QUERIES) and step.gives):
            socket = next((socket for pattern, socket in _SOCKETS if re.search(pattern, kind)), "input")
            self._input(step, socket, socket, step.part)
        if step.body is not None:
            step.over = next((read for read in step.reads if read.name == "queries"), step.reads[0])
        elif step.gives == "documents" and "memory" in step.node:
            wanted = [read for read in step.reads if read.name in _QUERIES] or step.reads
            step.reads = wanted[:1]
        elif "embed" in step.node:
            step.reads = step.reads[:1]
        elif "agent" in step.node:
            step.reads = [Read(read.step, read.field, "request") for read in step.reads]

    def _fill(self, step: Step, names: set[str]) -> None:
        """A template's variables, from connections or from the request."""
        options = step.node["compute"]["options"]
        text = options["template"]
        for name in prompts.names(text, prompts.JINJA):
            plain = prompts.input_name(name.partition(".")[0])
            if plain not in names and not prompts.input_name(name).startswith("message"):
                self._input(step, plain, plain, step.part)
                names.add(plain)
        given = {prompts.input_name(read.name): read.name for read in step.reads}

        def place(name: str) -> str | None:
            return given.get(prompts.input_name(name.partition(".")[0]))

        options["template"] = prompts.translate(text, prompts.JINJA, place)
        step.reads = [read for read in step.reads if f"{{{read.name}}}" in options["template"]]

    def _outputs(self) -> dict[str, list[Read]]:
        stated: dict[str, list[Read]] = {}
        for name, rows in self.whole["outputs"].fields().items():
            for sender in rows.texts():
                step = self.flow.steps.get(sender.rpartition(".")[0] or sender)
                if step is not None and step.gives:
                    stated.setdefault(clean(name, "answer"), []).append(Read(step.id))
        if stated:
            return stated
        sources = {edge.source for edge in self.flow.edges}
        last = [step for step in self.flow.steps.values() if step.id not in sources and step.gives]
        return {clean(step.name, "answer"): [Read(step.id)] for step in last}


def _template(part: Part) -> str:
    """The text of a prompt template: text, or chat messages."""
    if part.is_text:
        return part.text()
    found: list[str] = []
    for row in part.items():
        content = row["content"] if row["content"] else row["_content"]
        found += content.texts() if content.is_text else [each["text"].text() for each in content.items()]
    return "\n".join(text for text in found if text)


def _most(part: Part) -> str:
    return next((key for key in ("max_completion_tokens", "max_new_tokens", "max_tokens") if part[key]), "max_tokens")


_TEXTUAL = ("text", "number", "bool")
_EMBEDDABLE = ("text", "number", "bool", "documents", "list<any>", "list<text>")

_Maker = Callable[[_Pipeline, str, Part, Part], Step]

_TYPES: tuple[tuple[str, _Maker], ...] = (
    ("PromptBuilder$", _Pipeline._prompt),  # pyright: ignore[reportPrivateUsage]
    ("^Agent$", _Pipeline._agent),  # pyright: ignore[reportPrivateUsage]
    ("ToolInvoker$", _Pipeline._invoker),  # pyright: ignore[reportPrivateUsage]
    ("ImageGenerator$|WebSearch$|Fetcher$|Connector$|Transcriber$", _Pipeline._tool),  # pyright: ignore[reportPrivateUsage]
    ("Generator$|^QueryExpander$|^LLM", _Pipeline._generator),  # pyright: ignore[reportPrivateUsage]
    ("Embedder$", _Pipeline._embedder),  # pyright: ignore[reportPrivateUsage]
    ("Retriever$", _Pipeline._retriever),  # pyright: ignore[reportPrivateUsage]
    ("Writer$", _Pipeline._writer),  # pyright: ignore[reportPrivateUsage]
    ("Ranker$", _Pipeline._ranker),  # pyright: ignore[reportPrivateUsage]
    ("Validator$", _Pipeline._validator),  # pyright: ignore[reportPrivateUsage]
    ("Router$", _Pipeline._router),  # pyright: ignore[reportPrivateUsage]
    ("ToDocument$|Splitter$|Cleaner$|DocumentJoiner$|Preprocessor$", _Pipeline._documents),  # pyright: ignore[reportPrivateUsage]
)
"""Pattern of a class name -> how the component is read; the first that fits."""

_SOCKETS = (
    ("WebSearch$|Retriever$|QueryExpander$", "query"),
    ("TextEmbedder$", "text"),
    ("DocumentEmbedder$|Writer$|Splitter$|Cleaner$|Joiner$", "documents"),
    ("Fetcher$", "urls"),
    ("ToDocument$|Converter$", "sources"),
    ("Generator$|Agent$", "messages"),
)
"""Pattern of a class name -> the socket that a request must fill."""
