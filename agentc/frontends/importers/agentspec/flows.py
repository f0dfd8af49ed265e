"""Flows of Agent Spec: nodes, control edges, data edges."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.importers import agents, defaults, prompts
from agentc.frontends.importers.agentspec.agents import REQUEST, inputs_of_entry, outputs_of_entry, sub_agent
from agentc.frontends.importers.agentspec.components import (
    URL,
    Components,
    asked,
    inputs_of,
    kind_of,
    properties,
    title,
)
from agentc.frontends.importers.flow import INPUT, OTHERWISE, Flow, Read, Routes, Step
from agentc.frontends.importers.frame import Names, Tree, assume, at, clean
from agentc.frontends.importers.nest import Nest
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import did_you_mean

NEXT, CAUGHT = "next", "caught_exception_branch"
_OURS = ("tokens", "placement", "async")


def flow_graph(components: Components, part: Part) -> Tree:
    """`inputs`, `nodes` and `outputs` of a flow."""
    components.enter(part)
    try:
        return _Flow(components, part).graph()
    finally:
        components.leave()


@dataclass
class _Flow:
    components: Components
    part: Part
    flow: Flow = field(default_factory=Flow)
    nodes: dict[int, Part] = field(default_factory=dict[int, Part])
    """By what they are: references lead to the same data."""
    given: dict[tuple[str, str], Read] = field(default_factory=dict[tuple[str, str], Read])
    """What reads the output of a node: (step, output) -> read."""

    def graph(self) -> Tree:
        nodes = [node for node in self.components.each(self.part["nodes"]) if node.is_mapping]
        for node in (*nodes, self.components.resolve(self.part["start_node"])):
            if node.is_mapping:
                self.nodes.setdefault(id(node.value), node)
        if not self.nodes:
            raise self.components.draft.refuse("empty-nodes", f"the flow `{title(self.part)}` has no nodes", self.part)
        inputs = inputs_of(self.part["inputs"]) or self._start_inputs()
        for node in self.nodes.values():
            self._add(node)
        for edge in self.components.each(self.part["control_flow_connections"]):
            self._control(edge)
        self._data()
        outputs = self._outputs()
        self.flow.trips = {
            key: number
            for key in ("expected", "max")
            if (number := self.part["metadata"]["agentc"][key].number()) is not None and number >= 1
        }
        names = {row["title"].text(): clean(row["title"].text(), "input") for row in self._input_rows()}
        inputs |= self._conversation(inputs, names)
        kinds = {row["title"].text(): kind_of(row) for row in self._input_rows()}
        nest = Nest(self.components.draft, Names(inputs), names, kinds)
        return {"inputs": inputs, **nest.write(self.flow, outputs)}

    def _conversation(self, inputs: Tree, names: dict[str, str]) -> Tree:
        """What the user says, where agents of the outermost flow ask for it."""
        asking = [step for step in self.flow.steps.values() if REQUEST in step.needs]
        asking = [step for step in asking if all(read.name != REQUEST for read in step.reads)]
        if len(self.components.inside) > 1 or not asking or REQUEST in inputs:
            return {}
        for step in asking:
            step.reads.append(Read(INPUT, (REQUEST,), REQUEST))
        names[REQUEST] = REQUEST
        return {REQUEST: at(self.part, {"type": "text"})}

    def _start(self) -> Part | None:
        return next((n for n in self.nodes.values() if n["component_type"].text() == "StartNode"), None)

    def _input_rows(self) -> list[Part]:
        start = self._start()
        return self.part["inputs"].items() or (start["inputs"].items() if start else [])

    def _start_inputs(self) -> Tree:
        start = self._start()
        return inputs_of(start["inputs"]) if start else {}

    def _add(self, node: Part) -> None:
        kind = node["component_type"].text()
        readers: dict[str, Callable[[Part], Step]] = {
            "StartNode": self._point,
            "EndNode": self._point,
            "LlmNode": self._llm,
            "ToolNode": self._tool,
            "ApiNode": self._api,
            "AgentNode": self._agent,
            "FlowNode": self._agent,
            "BranchingNode": self._branching,
            "CatchExceptionNode": self._catching,
            "MapNode": self._map,
            "ParallelMapNode": self._map,
            "ParallelFlowNode": self._parallel,
            "InputMessageNode": self._message,
            "OutputMessageNode": self._message,
        }
        if kind not in readers:
            self.components.draft.opaque(kind or title(node), node)
        step = readers.get(kind, self._opaque)(node)
        step.node |= self.components.stated(node, *_OURS) if step.node and step.body is None else {}
        self.flow.add(step)

    def _id(self, node: Part) -> str:
        return f"{id(node.value)}"

    def _step(self, node: Part, made: Tree, gives: str = "any", **more: Any) -> Step:
        return Step(self._id(node), title(node), made, node, gives=gives, **more)

    def _point(self, node: Part) -> Step:
        if node["component_type"].text() == "StartNode":
            for row in (*node["inputs"].items(), *node["outputs"].items()):
                self.given[self._id(node), row["title"].text()] = Read(INPUT, (row["title"].text(),))
        return self._step(node, {}, "")

    def _llm(self, node: Part) -> Step:
        outputs = properties(node["outputs"])
        single = len(outputs) <= 1 and all(kind in ("text", "any") for kind in outputs.values())
        fields = {} if single else {"fields": asked(outputs)}
        for name in outputs:
            self.given[self._id(node), name] = Read(self._id(node), () if single else (clean(name, "value"),))
        more = self.components.sampling(node["llm_config"])
        made = {"llm": self.components.model(node["llm_config"]), **fields, **more}
        return self._step(node, made, "text" if single else "record", named=True)

    def _prompt(self, step: Step) -> None:
        """The prompt, when it is known what the node reads."""
        read = {read.name for read in step.reads}
        text = prompts.translate(
            step.part["prompt_template"].text(),
            prompts.JINJA,
            lambda name: found if (found := prompts.input_name(name)) in read else None,
        )
        used = [read for read in step.reads if f"{{{read.name}}}" in text]
        step.reads = used or step.reads
        if text and (used or not step.reads):
            step.node["prompt"] = text

    def _tool(self, node: Part) -> Step:
        tool = self.components.resolve(node["tool"])
        if not tool.is_mapping:
            raise self.components.draft.refuse("missing-field", f"`{title(node)}` has no `tool`", node)
        outputs = properties(node["outputs"]) or properties(tool["outputs"])
        for name in outputs:
            self.given[self._id(node), name] = Read(
                self._id(node), () if len(outputs) == 1 else (clean(name, "value"),)
            )
        gives = next(iter(outputs.values())) if len(outputs) == 1 else "any"
        return self._step(node, {"tool": self.components.tool(tool)}, gives, named=True)

    def _api(self, node: Part) -> Step:
        url = node["url"].text()
        where = {"http": url} if URL.match(url) and "{{" not in url else {}
        entry = agents.tool(self.components.draft, title(node), node, **where)
        for name in properties(node["outputs"]):
            self.given[self._id(node), name] = Read(self._id(node), (clean(name, "value"),))
        return self._step(node, {"tool": entry}, named=True)

    def _agent(self, node: Part) -> Step:
        key = "agent" if node["component_type"].text() == "AgentNode" else "subflow"
        callee = self.components.resolve(node[key])
        if not callee.is_mapping:
            raise self.components.draft.refuse("missing-field", f"`{title(node)}` has no `{key}`", node)
        return self._call(node, sub_agent(self.components, callee))

    def _call(self, node: Part, entry: str) -> Step:
        outputs = outputs_of_entry(self.components, entry)
        for name in (*properties(node["outputs"]), *outputs):
            known = clean(name, "value") in outputs
            self.given[self._id(node), name] = Read(self._id(node), (clean(name, "value"),) if known else outputs[:1])
        stand_ins = {clean(row["title"].text(), "input"): row["default"].text() for row in node["inputs"].items()}
        needs = {name: stand_ins.get(name, "") for name in inputs_of_entry(self.components, entry)}
        gives = "any" if outputs else ""
        return self._step(node, {"agent": entry}, gives, named=True, needs=needs)

    def _branching(self, node: Part) -> Step:
        values: dict[str, tuple[str, ...]] = {}
        for value, label in node["mapping"].fields().items():
            values[label.text()] = (*values.get(label.text(), ()), value)
        values["default"] = (OTHERWISE,)
        stated = node["metadata"]["agentc"]["probabilities"].fields()
        shares = {label: share for label in values if label in stated and (share := stated[label].number()) is not None}
        step = self._step(node, {}, "")
        step.routes = Routes(Read(INPUT), values, shares)
        return step

    def _catching(self, node: Part) -> Step:
        step = self._agent(node)
        step.routes = Routes(
            Read(step.id),
            {CAUGHT: ("error",), NEXT: (OTHERWISE,)},
            {CAUGHT: defaults.CAUGHT, NEXT: 1 - defaults.CAUGHT},
        )
        return step

    def _map(self, node: Part) -> Step:
        callee = self.components.resolve(node["subflow"])
        if not callee.is_mapping:
            raise self.components.draft.refuse("missing-field", f"`{title(node)}` has no `subflow`", node)
        entry = sub_agent(self.components, callee)
        outputs = outputs_of_entry(self.components, entry)
        for name in properties(node["outputs"]):
            self.given[self._id(node), name] = Read(self._id(node))
        step = self._step(node, {}, "list<any>" if outputs else "")
        if node["component_type"].text() == "ParallelMapNode":
            step.node = {"concurrency": assume(defaults.PARALLEL, "it runs in parallel; how far is not stated")}
        step.node |= self.components.stated(node, "width", "concurrency")
        inner = Step(f"{step.id}.body", callee["name"].text() or "body", {"agent": entry}, node, named=True)
        inner.needs = dict.fromkeys(inputs_of_entry(self.components, entry), "")
        step.body = Flow({inner.id: inner})
        if outputs:
            step.output = Read(inner.id, outputs[:1])
        return step

    def _parallel(self, node: Part) -> Step:
        """Sub-flows side by side: one step that reads all of them."""
        parts: list[Read] = []
        for i, callee in enumerate(self.components.each(node["subflows"])):
            entry = sub_agent(self.components, callee)
            needs = dict.fromkeys(inputs_of_entry(self.components, entry), "")
            inner = Step(f"{self._id(node)}.{i}", title(callee), {"agent": entry}, callee, named=True, needs=needs)
            self.flow.add(inner)
            for name in outputs_of_entry(self.components, entry):
                self.given.setdefault((self._id(node), name), Read(inner.id, (name,)))
                parts.append(Read(inner.id, (name,)))
        return self._step(node, {"compute": {"builtin": "list"}, "returns": "any"}, reads=parts)

    def _message(self, node: Part) -> Step:
        for name in properties(node["outputs"]):
            self.given[self._id(node), name] = Read(self._id(node))
        return self._step(node, {"compute": {"builtin": "template"}}, "text", named=True)

    def _templated(self, step: Step) -> None:
        read = {read.name for read in step.reads}
        text = prompts.translate(
            step.part["message"].text(),
            prompts.JINJA,
            lambda name: found if (found := prompts.input_name(name)) in read else None,
        )
        step.reads = [read for read in step.reads if f"{{{read.name}}}" in text]
        step.node["compute"]["options"] = {"template": text}

    def _opaque(self, node: Part) -> Step:
        for name in properties(node["outputs"]):
            self.given[self._id(node), name] = Read(self._id(node), (clean(name, "value"),))
        return self._step(node, {"compute": {"builtin": "opaque"}, "returns": "any"})

    def _end(self, edge: Part, key: str) -> Step | None:
        node = self.components.resolve(edge[key])
        step = self.flow.steps.get(self._id(node))
        if step is None:
            message = f"`{key}` of the edge `{title(edge)}` is no node of the flow `{title(self.part)}`"
            self.components.draft.error("unknown-reference", message, edge[key])
        return step

    def _control(self, edge: Part) -> None:
        source, target = self._end(edge, "from_node"), self._end(edge, "to_node")
        if source is None or target is None:
            return
        label = edge["from_branch"].text()
        if source.routes:
            label = label or ("default" if "default" in source.routes.values else NEXT)
            if label not in source.routes.values:
                known = ", ".join(f"`{name}`" for name in source.routes.values)
                message = f"`{source.name}` has no branch `{label[:80]}`"
                self.components.draft.error("unknown-case", message, edge, f"its branches are {known}")
        self.flow.connect(source.id, target.id, label)

    def _data(self) -> None:
        edges = self.part["data_flow_connections"]
        rows = self.components.each(edges)
        for edge in rows:
            source, target = self._end(edge, "source_node"), self._end(edge, "destination_node")
            if source is not None and target is not None:
                self._connect(source, edge["source_output"], target, edge["destination_input"])
        if edges.value is None:
            self._connect_by_name()
        for step in self.flow.steps.values():
            self._complete(step)

    def _connect(self, source: Step, output: Part, target: Step, wanted: Part) -> None:
        read = self.given.get((source.id, output.text()))
        known = [name for step, name in self.given if step == source.id]
        if read is None and known:
            message = f"`{source.name}` has no output `{output.text()[:80]}`"
            self.components.draft.error("unknown-reference", message, output, did_you_mean(output.text(), known))
            return
        read = read or Read(source.id)
        if source.gives == "" and read.step == source.id:
            return
        name = prompts.input_name(wanted.text()) if "llm" in target.node else clean(wanted.text(), "input")
        if target.needs and target.body is None and name not in target.needs:
            message = f"`{target.name}` has no input `{wanted.text()[:80]}`"
            self.components.draft.error("unknown-reference", message, wanted, did_you_mean(name, target.needs))
            return
        target.reads.append(Read(read.step, read.field, name))

    def _connect_by_name(self) -> None:
        """Without data edges, outputs go to inputs of the same name (25.4.2, "data flow by name")."""
        for step in self.flow.steps.values():
            for row in step.part["inputs"].items():
                name = row["title"].text()
                makers = [maker for (maker, output) in self.given if output == name and maker != step.id]
                if makers:
                    read = self.given[makers[-1], name]
                    step.reads.append(Read(read.step, read.field, clean(name, "input")))

    def _complete(self, step: Step) -> None:
        kind = step.part["component_type"].text()
        if kind == "LlmNode":
            self._prompt(step)
        elif kind in ("InputMessageNode", "OutputMessageNode"):
            self._templated(step)
        elif kind == "BranchingNode" and step.routes:
            read = step.reads[0] if step.reads else Read(INPUT)
            step.routes = Routes(read, step.routes.values, step.routes.probabilities)
        elif step.body is not None:
            self._fan(step)

    def _fan(self, step: Step) -> None:
        """What runs through the body of a map: the list whose name begins with `iterated_`."""
        assert step.body is not None
        [inner] = step.body.steps.values()
        prefix = "iterated_"
        lists = [read for read in step.reads if read.name.startswith(prefix)] or step.reads
        step.over = lists[0] if lists else Read(INPUT)
        for read in step.reads:
            plain = read.name.removeprefix(prefix)
            name = plain if plain in inner.needs else next(iter(inner.needs), plain)
            source = Read(step.id, (), name) if read in lists else Read(read.step, read.field, name)
            if name in inner.needs and not any(other.name == name for other in inner.reads):
                inner.reads.append(source)

    def _outputs(self) -> dict[str, list[Read]]:
        """What reaches the end nodes, by name."""
        found: dict[str, list[Read]] = {}
        for step in self.flow.steps.values():
            if step.part["component_type"].text() == "EndNode":
                for read in step.reads:
                    found.setdefault(read.name, []).append(read)
        if found or not (last := [step for step in self.flow.steps.values() if step.gives]):
            return found
        given = (read for (step, _), read in self.given.items() if step == last[-1].id)
        return {"answer": [next(given, Read(last[-1].id))]}
