"""The graph of a Dify app: nodes by type, edges by handle, values by selector."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.importers import agents, defaults, models, prompts
from agentc.frontends.importers.dify import tool_use
from agentc.frontends.importers.flow import INPUT, OTHERWISE, Flow, Read, Routes, Step, home_of
from agentc.frontends.importers.frame import Draft, Names, Tree, assume, at, clean
from agentc.frontends.importers.nest import Nest
from agentc.frontends.importers.source import Part

_TYPES = {"number": "number", "checkbox": "bool", "file": "documents", "file-list": "documents"}
_SYSTEM = {"files": "documents", "dialogue_count": "number"}
_ASKED = {"number": "number", "boolean": "bool"}
_FAILED = "fail-branch"


def workflow_graph(draft: Draft, workflow: Part, chats: bool) -> Tree:
    """`inputs`, `nodes` and `outputs` of a workflow."""
    return _Workflow(draft, workflow["graph"], chats).graph()


@dataclass
class _Workflow:
    draft: Draft
    part: Part
    chats: bool
    flows: dict[str, Flow] = field(default_factory=lambda: {"": Flow()})
    """The graph, and the body of each fan-out by its node."""
    inputs: Tree = field(default_factory=dict[str, Any])
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    outputs: dict[str, list[Read]] = field(default_factory=dict[str, list[Read]])
    types: dict[str, str] = field(default_factory=dict[str, str])
    """Node -> its type, also of nodes that nothing leads to."""

    def graph(self) -> Tree:
        rows = {node["id"].text(): node for node in self.part["nodes"].items() if node["data"]["type"].text()}
        self.types = {node["id"].text(): node["data"]["type"].text() for node in self.part["nodes"].items()}
        nodes = {key: node for key, node in rows.items() if key}
        if not nodes:
            raise self.draft.refuse("empty-nodes", "the workflow has no nodes", self.part)
        if self.chats:
            self._input("query", self.part)
        nodes = self._reached(nodes)
        for key, node in nodes.items():
            if node["data"]["type"].text() == "iteration":
                self.flows[key] = Flow()
        around = {key: node["parentId"].text() or node["data"]["iteration_id"].text() for key, node in nodes.items()}
        parents = {key: parent for key, parent in around.items() if parent in self.flows}
        for key, node in nodes.items():
            parent = home_of(key, parents)
            step = self._step(key, node["data"])
            self.steps[key] = self.flows.get(parent, self.flows[""]).add(step)
        for edge in self.part["edges"].items():
            self._edge(edge)
        nest = Nest(self.draft, Names(self.inputs), {name: name for name in self.inputs}, self.kinds)
        return {"inputs": self.inputs, **nest.write(self.flows[""], self.outputs)}

    def _reached(self, nodes: dict[str, Part]) -> dict[str, Part]:
        """The nodes that control comes to; others lie about on the canvas."""
        starts = [key for key, node in nodes.items() if node["data"]["type"].text() in _STARTS]
        starts += [each for node in nodes.values() if (each := node["data"]["start_node_id"].text()) in nodes]
        after: dict[str, list[str]] = {}
        for edge in self.part["edges"].items():
            after.setdefault(edge["source"].text(), []).append(edge["target"].text())
        seen, waiting = set(starts), list(starts)
        while waiting:
            for target in after.get(waiting.pop(), ()):
                if target in nodes and target not in seen:
                    seen.add(target)
                    waiting.append(target)
        if not any(node["data"]["type"].text() == "start" for node in nodes.values()):
            return nodes
        left = [node for key, node in nodes.items() if key not in seen]
        for node in left:
            message = f"nothing leads to `{node['data']['title'].text()[:80] or node['id'].text()[:80]}`"
            self.draft.warn("import-left-out", message, node)
        return {key: node for key, node in nodes.items() if key in seen}

    def _input(self, name: str, part: Part, kind: str = "text") -> Read:
        name = prompts.input_name(name)
        if name not in self.inputs:
            self.inputs[name], self.kinds[name] = at(part, {"type": kind}), kind
        return Read(INPUT, (name,))

    def _step(self, key: str, data: Part) -> Step:
        kind = data["type"].text()
        makers: dict[str, Callable[[str, Part], Step]] = {
            "start": self._start,
            "iteration-start": self._point,
            "loop-start": self._point,
            "llm": self._llm,
            "knowledge-retrieval": self._retrieval,
            "question-classifier": self._classifier,
            "parameter-extractor": self._extractor,
            "code": self._code,
            "template-transform": self._template,
            "if-else": self._branch,
            "iteration": self._iteration,
            "tool": self._tool,
            "http-request": self._http,
            "agent": self._agent,
            "answer": self._answer,
            "end": self._end,
            "assigner": self._assigner,
            "variable-aggregator": self._aggregator,
            "variable-assigner": self._aggregator,
            "document-extractor": self._code,
            "list-operator": self._code,
        }
        if kind not in makers:
            self.draft.opaque(kind, data)
        step = makers.get(kind, self._code)(key, data)
        step.name = clean(data["title"].text(), kind)
        return step

    def _made(self, key: str, data: Part, node: Tree, gives: str = "any", **more: Any) -> Step:
        return Step(key, key, node, data, gives=gives, **more)

    def _point(self, key: str, data: Part) -> Step:
        return self._made(key, data, {}, "")

    def _start(self, key: str, data: Part) -> Step:
        for row in data["variables"].items():
            self._input(row["variable"].text() or "value", row, _TYPES.get(row["type"].text(), "text"))
        return self._point(key, data)

    def read(self, selector: list[str], part: Part) -> Read | None:
        """What a selector such as ``[node, field]`` means."""
        if not selector:
            return None
        key, fields = selector[0], tuple(selector[1:])
        if key == "sys":
            name = fields[0] if fields else "query"
            return self._input(name, part, _SYSTEM.get(name, "text"))
        if key == "env":
            return None
        if key == "conversation":
            return self._remembered(fields[0] if fields else "state", part)
        kind = self.types.get(key, "")
        if kind == "start" and fields:
            return self._input(fields[0], part)
        return Read(key, fields if kind in _FIELDED else ())

    def _remembered(self, name: str, part: Part) -> Read:
        """A variable of the conversation: what an earlier request kept."""
        key = f"conversation.{name}"
        if key not in self.flows[""].steps:
            memory = self._memory(name, part)
            step = Step(key, clean(f"recall_{name}"), {"memory": {"load": memory}}, part, gives="text")
            self.flows[""].steps = {key: step, **self.flows[""].steps}
        return Read(key)

    def _memory(self, name: str, part: Part) -> str:
        return self.draft.entry("memories", name, at(part, {"kind": "keyvalue"}), f"conversation.{name}")

    def _text(self, text: str, part: Part, known: dict[str, Read], jinja: dict[str, Read] | None = None) -> str:
        """``text`` as a template of ours; what it reads goes to ``known``."""

        def place(name: str) -> str | None:
            if name.startswith("#"):
                read = self.read(name.strip("#").split("."), part) if name != "#context#" else known.get("context")
            else:
                read = (jinja or {}).get(name.partition(".")[0])
            if read is None:
                return None
            called = prompts.input_name("_".join((*read.step.split("."), *read.field)[-2:]))
            called = self._called(called, read, known)
            known[called] = read
            return called

        return prompts.translate(prompts.plain(text), prompts.JINJA, place)

    def _called(self, wanted: str, read: Read, known: dict[str, Read]) -> str:
        while known.get(wanted, read) != read:
            wanted += "_2"
        return wanted

    def _reads(self, known: dict[str, Read]) -> list[Read]:
        return [Read(read.step, read.field, name) for name, read in known.items()]

    def _model(self, part: Part) -> Tree:
        name = part["name"].text() or part["model"].text()
        if not name:
            raise self.draft.refuse("missing-field", "the node names no model", part)
        return {"llm": models.use(self.draft, name, part), **models.sampling(part["completion_params"])}

    def _llm(self, key: str, data: Part) -> Step:
        known: dict[str, Read] = {}
        context = self.read(data["context"]["variable_selector"].texts(), data)
        if context is not None and data["context"]["enabled"].flag():
            known["context"] = context
        rows = data["prompt_template"].items() or [data["prompt_template"]]
        said: dict[bool, list[str]] = {True: [], False: []}
        for row in rows:
            raw = row["jinja2_text"] if row["edition_type"].text() == "jinja2" else row["text"]
            said[row["role"].text() == "system"].append(self._text(raw.text(), row, known))
        system, prompt = ("\n".join(filter(None, said[system])) for system in (True, False))
        if "context" in known and "{context}" not in system + prompt:
            del known["context"]
        if data["memory"] and not prompt:
            known["query"] = self._input("query", data)
        used = {name: read for name, read in known.items() if not prompt or f"{{{name}}}" in system + prompt}
        texts = {name: text for name, text in (("system", system), ("prompt", prompt)) if text}
        step = self._made(key, data, {**self._model(data["model"]), **texts}, "text", named=True)
        step.reads = self._reads(used)
        return step

    def _retrieval(self, key: str, data: Part) -> Step:
        datasets = data["dataset_ids"].texts() or ["knowledge"]
        config = data["multiple_retrieval_config"]
        embedding = config["weights"]["vector_setting"]["embedding_model_name"]
        entry: Tree = {"kind": "vector"}
        if embedding.text():
            entry["embed"] = models.use(
                self.draft, embedding.text().removeprefix("text-embedding-"), embedding, "embedding"
            )
        memory = self.draft.entry("memories", "knowledge", at(data, entry), tuple(datasets))
        top = config["top_k"].count(10**4) or data["single_retrieval_config"]["top_k"].count(10**4)
        node: Tree = {"memory": {"lookup": memory}, **({"k": top} if top else {})}
        step = self._made(key, data, node, "documents", takes=(("text", "embedding"),))
        step.reads = [self.read(data["query_variable_selector"].texts(), data) or self._input("query", data)]
        return step

    def _classifier(self, key: str, data: Part) -> Step:
        labels = [row["id"].text() for row in data["classes"].items() if row["id"].text()]
        known: dict[str, Read] = {}
        system = self._text(data["instruction"].text(), data, known)
        names = "\n".join(f"{row['id'].text()}: {row['name'].text()}" for row in data["classes"].items())
        listed = prompts.literal(f"Choose the class.\n{names}")
        fields: Tree = {"to": labels} if labels else {"to": "text"}
        node = {**self._model(data["model"]), "system": f"{listed}\n{system}".strip(), "fields": fields}
        step = self._made(key, data, node, "record", named=True)
        query = self.read(data["query_variable_selector"].texts(), data) or self._input("query", data)
        step.reads = [*self._reads(known), Read(query.step, query.field, "query")]
        if labels:
            step.routes = Routes(Read(key, ("to",)), {label: (label,) for label in labels})
        return step

    def _extractor(self, key: str, data: Part) -> Step:
        known: dict[str, Read] = {}
        system = self._text(data["instruction"].text(), data, known)
        fields = {
            clean(row["name"].text(), "value"): row["options"].texts() or _ASKED.get(row["type"].text(), "text")
            for row in data["parameters"].items()
        }
        node = {**self._model(data["model"]), "fields": fields or {"value": "text"}}
        node |= {"system": system} if system else {}
        step = self._made(key, data, node, "record", named=True)
        query = self.read(data["query"].texts(), data) or self._input("query", data)
        step.reads = [*self._reads(known), Read(query.step, query.field, "query")]
        return step

    def _variables(self, data: Part) -> dict[str, Read]:
        rows = data["variables"].items() or [data[key] for key in ("variable_selector", "variable") if data[key]]
        found: dict[str, Read] = {}
        for i, row in enumerate(rows):
            selector = row["value_selector"].texts() or row.texts()
            read = self.read(selector, row)
            if read is not None:
                found[row["variable"].text() or f"value_{i}"] = read
        return found

    def _code(self, key: str, data: Part) -> Step:
        step = self._made(key, data, {"compute": {"builtin": "opaque"}, "returns": "any"})
        step.reads = list(self._variables(data).values())
        return step

    def _template(self, key: str, data: Part) -> Step:
        known: dict[str, Read] = {}
        text = self._text(data["template"].text(), data, known, self._variables(data))
        return self._templated(key, data, text, known)

    def _templated(self, key: str, data: Part, text: str, known: dict[str, Read]) -> Step:
        node = {"compute": {"builtin": "template", "options": {"template": text}}}
        step = self._made(key, data, node, "text", named=True)
        step.reads = self._reads(known)
        return step

    def _branch(self, key: str, data: Part) -> Step:
        """What the conditions read, and the case that holds."""
        cases = data["cases"].items()
        labels = [row["case_id"].text() or row["id"].text() for row in cases] or ["true"]
        step = self._made(key, data, {"compute": {"builtin": "opaque"}, "returns": "text"})
        for row in cases or [data]:
            for condition in row["conditions"].items():
                read = self.read(condition["variable_selector"].texts(), condition)
                if read is not None and read not in step.reads:
                    step.reads.append(read)
        step.routes = Routes(Read(key), {**{label: (label,) for label in labels if label}, "false": (OTHERWISE,)})
        return step

    def _iteration(self, key: str, data: Part) -> Step:
        parallel = data["parallel_nums"].count(1000) if data["is_parallel"].flag() else 1
        node: Tree = {
            "concurrency": parallel or assume(defaults.PARALLEL, "it runs in parallel; how far is not stated")
        }
        step = self._made(key, data, node, "list<any>", body=self.flows[key])
        step.over = self.read(data["iterator_selector"].texts(), data)
        step.output = self.read(data["output_selector"].texts(), data)
        return step

    def _tool(self, key: str, data: Part) -> Step:
        use = tool_use(self.draft, data)
        step = self._made(key, data, {"tool": use.entry})
        step.reads = self._parameters(data["tool_parameters"])
        return step

    def _parameters(self, part: Part) -> list[Read]:
        known: dict[str, Read] = {}
        for row in part.fields().values():
            value = row["value"] if row.is_mapping else row
            if row["type"].text() == "variable":
                read = self.read(value.texts(), row)
                if read is not None:
                    known[f"{len(known)}"] = read
            elif value.is_text:
                self._text(value.text(), row, known)
        return list(dict.fromkeys(known.values()))

    def _http(self, key: str, data: Part) -> Step:
        url = data["url"].text()
        where = {"http": url} if url.startswith(("http://", "https://")) and "{{" not in url and " " not in url else {}
        timeout = data["timeout"]["max_read_timeout"].number()
        more = {"timeout_ms": timeout * 1000} if timeout and timeout > 0 else {}
        entry = agents.tool(self.draft, data["title"].text() or "http", data, key=key, **where, **more)
        known: dict[str, Read] = {}
        for text in (url, data["headers"].text(), data["params"].text(), data["body"]["data"].text()):
            self._text(text, data, known)
        step = self._made(key, data, {"tool": entry})
        step.reads = list(known.values())
        return step

    def _agent(self, key: str, data: Part) -> Step:
        given = data["agent_parameters"]
        known: dict[str, Read] = {}
        self._text(given["query"]["value"].text() or "{{#sys.query#}}", data, known)
        system = prompts.literal(given["instruction"]["value"].text())
        uses = [tool_use(self.draft, tool) for tool in given["tools"]["value"].items() if tool["enabled"].flag(True)]
        llm = self._model(given["model"]["value"])
        model = llm.pop("llm")
        most = given["maximum_iterations"]["value"].count(100)
        inputs = {"request": at(data, {"type": "text"})}
        graph = agents.Agent(data, model, system, inputs, uses, {}, llm, most).graph()
        entry = agents.sub_agent(self.draft, data["title"].text() or "agent", graph, data)
        step = self._made(key, data, {"agent": entry}, named=True, needs={"request": ""})
        step.reads = [Read(read.step, read.field, "request") for read in known.values()]
        return step

    def _answer(self, key: str, data: Part) -> Step:
        known: dict[str, Read] = {}
        text = self._text(data["answer"].text(), data, known)
        self.outputs.setdefault("answer", []).append(Read(key))
        return self._templated(key, data, text, known)

    def _end(self, key: str, data: Part) -> Step:
        for row in data["outputs"].items():
            read = self.read(row["value_selector"].texts(), row)
            if read is not None:
                self.outputs.setdefault(clean(row["variable"].text(), "answer"), []).append(read)
        return self._point(key, data)

    def _assigner(self, key: str, data: Part) -> Step:
        """What is kept for the next request."""
        rows = data["items"].items() or [data]
        names = [row["variable_selector"].texts() or row["assigned_variable_selector"].texts() for row in rows]
        name = next((each[-1] for each in names if each), "state")
        step = self._made(key, data, {"memory": {"store": self._memory(name, data)}}, "")
        for row in rows:
            value = row["value"].texts() if row["value"].is_list else row["input_variable_selector"].texts()
            read = self.read(value, row)
            if read is not None:
                step.reads.append(read)
        if not step.reads:
            step.node = {"compute": {"builtin": "list"}, "returns": "any"}
        return step

    def _aggregator(self, key: str, data: Part) -> Step:
        step = self._code(key, data)
        groups = data["advanced_settings"]["groups"].items()
        for row in (selector for group in groups for selector in group["variables"].items()):
            read = self.read(row.texts(), row)
            if read is not None:
                step.reads.append(read)
        if step.reads:
            step.node = {"compute": {"builtin": "default"}}
        return step

    def _edge(self, edge: Part) -> None:
        source, target = edge["source"].text(), edge["target"].text()
        for name, key in ((source, "source"), (target, "target")):
            if name not in self.types:
                self.draft.error(
                    "unknown-reference", f"there is no node `{name[:80]}`", edge[key] if edge[key] else edge
                )
                return
        step = self.steps.get(source)
        if step is None or target not in self.steps:
            return
        handle = edge["sourceHandle"].text()
        flow = next((flow for flow in self.flows.values() if source in flow.steps), self.flows[""])
        if step.routes is None and handle in (_FAILED, "success-branch"):
            shares = {_FAILED: defaults.CAUGHT, "success-branch": 1 - defaults.CAUGHT}
            step.routes = Routes(Read(source), {_FAILED: ("failed",), "success-branch": (OTHERWISE,)}, shares)
        if step.routes is not None and handle not in step.routes.values:
            message = f"`{step.name}` has no case `{handle[:80]}`"
            self.draft.warn("import-left-out", f"{message}: the edge is left out", edge)
            return
        flow.connect(source, target, handle)


_STARTS = ("start", "iteration-start", "loop-start")
_FIELDED = frozenset(("code", "iteration-item", "parameter-extractor", "http-request", "document-extractor"))
"""Types whose output has fields that others read by name; of the rest it is one value."""
