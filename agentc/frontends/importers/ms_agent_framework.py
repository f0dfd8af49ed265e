"""Microsoft Agent Framework, declarative: `kind: Workflow` with actions, and `kind: Prompt` agents.

https://learn.microsoft.com/en-us/agent-framework/. `docs/formats/ms-agent-framework.md` has the mapping.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.importers import agents, models, prompts
from agentc.frontends.importers.flow import INPUT, OTHERWISE, Flow, Read, Routes, Step
from agentc.frontends.importers.frame import Draft, Imported, Names, Tree, at, clean
from agentc.frontends.importers.nest import Nest
from agentc.frontends.importers.recognize import PROMPT_KINDS
from agentc.frontends.importers.served import mcp_tool
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import did_you_mean, shortened

_VARIABLE = re.compile(r"\b(?:Local|Global|Topic|Workflow|System|User|inputs|Env)(?:\.[A-Za-z_]\w*)+")
_ENDS = ("EndWorkflow", "EndConversation", "EndDialog", "CancelAllDialogs")
_FIELDS = {"boolean": "bool", "number": "number", "integer": "number"}
_TYPES = {"integer": "number", "number": "number", "boolean": "bool", "object": "record", "array": "list<any>"}
_FLAG = re.compile("(?:[iI]s|[nN]eeds|[hH]as)[A-Z]")
"""Names of variables that hold a flag."""
MESSAGE = "message"


def read(draft: Draft) -> Imported:
    """The definition of a workflow or of an agent. Raises Refused."""
    whole = Part.of(draft.document)
    graph = _prompt(draft, whole) if whole["kind"].text() in PROMPT_KINDS else _Workflow(draft, whole).graph()
    described = whole["description"].text()
    trigger = whole["trigger"]["id"].text() or whole["id"].text()
    name = whole["name"].text() or trigger or "workflow"
    return draft.finish(name, {**({"description": described} if described else {}), **graph})


def _prompt(draft: Draft, part: Part) -> Tree:
    """An agent: a model, instructions, tools, and the fields of its answer."""
    model = part["model"]
    named = model["id"] if model["id"] else model
    called = named.text().removeprefix("=") or part["name"].text() or "model"
    uses: list[agents.Use] = []
    for row in part["tools"].items():
        name = row["name"].text() or row["kind"].text() or "tool"
        where: Tree = {}
        if row["kind"].text().lower() == "mcp":
            where = mcp_tool(draft, row["url"].text() or row["serverUrl"].text() or row["serverName"].text(), name)
        entry = agents.tool(draft, name, row, key=(name, str(where)), description=row["description"].text(), **where)
        uses.append(agents.Use("tool", entry, row, name=name))
    fields = part["outputSchema"]["properties"].fields()
    outputs = {
        clean(name, "value"): _FIELDS.get(row["kind"].text() or row["type"].text(), "text")
        for name, row in fields.items()
    }
    inputs: Tree = {MESSAGE: at(part, {"type": "text"})}
    sampling = models.sampling(model["options"], top_p="topP", max_tokens="maxOutputTokens")
    entry = models.use(draft, called, named)
    system = prompts.literal(part["instructions"].text())
    return agents.Agent(part, entry, system, inputs, uses, outputs, sampling).graph()


Ends = list[tuple[str, str]]
"""Steps, and the labels by which they are left, from which control comes."""


@dataclass
class _Workflow:
    draft: Draft
    whole: Part
    flow: Flow = field(default_factory=Flow)
    inputs: Tree = field(default_factory=dict[str, Any])
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    made: dict[str, Read] = field(default_factory=dict[str, Read])
    """Variable -> who set it last, in the order of the file."""
    outputs: dict[str, list[Read]] = field(default_factory=dict[str, list[Read]])
    ids: dict[str, str] = field(default_factory=dict[str, str])
    """Action -> its step."""
    jumps: list[tuple[Ends, str, Part]] = field(default_factory=list[tuple[Ends, str, Part]])
    around: list[tuple[str, list[Ends]]] = field(default_factory=list[tuple[str, list[Ends]]])
    """Loops that are being read: their head, and what leaves them."""

    def graph(self) -> Tree:
        for name, row in self.whole["inputs"].fields().items():
            self._input(name, row, _TYPES.get(row["type"].text(), "text"))
        actions = self.whole["trigger"]["actions"] if self.whole["trigger"] else self.whole["actions"]
        if not actions.items():
            raise self.draft.refuse("empty-nodes", "the workflow has no actions", actions)
        self._actions(actions, [])
        if not self.flow.steps:
            raise self.draft.refuse("empty-nodes", "the workflow has no actions", actions)
        for ends, target, part in self.jumps:
            if target not in self.ids:
                help = did_you_mean(target, self.ids)
                self.draft.error("unknown-reference", f"there is no action `{shortened(target, 80)}`", part, help)
                continue
            self._join(ends, self.ids[target])
        self._reached()
        steps = list(self.flow.steps.values())
        if not any(step.node for step in steps):
            steps[-1].node, steps[-1].gives = {"compute": {"builtin": "list"}, "returns": "any"}, "any"
        last = [step for step in steps if step.gives]
        outputs = self.outputs or ({"answer": [Read(last[-1].id)]} if last else {})
        nest = Nest(self.draft, Names(self.inputs), {name: name for name in self.inputs}, self.kinds)
        return {"inputs": self.inputs, **nest.write(self.flow, outputs)}

    def _reached(self) -> None:
        """Drop what a jump leaves behind."""
        first = next(iter(self.flow.steps))
        after: dict[str, list[str]] = {}
        for edge in self.flow.edges:
            after.setdefault(edge.source, []).append(edge.target)
        seen, waiting = {first}, [first]
        while waiting:
            for target in after.get(waiting.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        for key in [key for key in self.flow.steps if key not in seen]:
            step = self.flow.steps.pop(key)
            if step.node:
                self.draft.warn("import-left-out", f"nothing leads to `{step.name}`", step.part)
        kept = self.flow.steps
        self.flow.edges = [edge for edge in self.flow.edges if edge.source in kept and edge.target in kept]

    def _input(self, name: str, part: Part, kind: str = "text") -> Read:
        name = prompts.input_name(name)
        if name not in self.inputs:
            self.inputs[name], self.kinds[name] = at(part, {"type": kind}), kind
        return Read(INPUT, (name,))

    def _read(self, name: str, part: Part) -> Read | None:
        """What a variable such as ``Local.Ticket.Id`` holds."""
        parts = name.split(".")
        for end in range(len(parts), 1, -1):
            known = self.made.get(".".join(parts[:end]))
            if known is not None:
                step = self.flow.steps[known.step]
                return Read(known.step, (*known.field, *parts[end:]) if step.gives == "any" else known.field)
        if parts[0] == "inputs" or name.startswith("Workflow.Inputs."):
            return self._input(parts[1] if parts[0] == "inputs" else parts[2], part)
        if parts[0] == "System" and parts[1] in ("LastMessageText", "LastMessage", "Activity", "UserMessage"):
            return self._input(MESSAGE, part)
        return None

    def _reads(self, *parts: Part) -> list[Read]:
        """What expressions and templates read."""
        found: dict[Read, None] = {}
        for part in parts:
            for inner in part.walk():
                if inner.is_text:
                    for match in list(_VARIABLE.finditer(inner.text()))[:100]:
                        read = self._read(match[0], inner)
                        if read is not None:
                            found[read] = None
        return list(found)

    def _actions(self, rows: Part, ends: Ends) -> Ends:
        """Actions one after the other; gives where control is after the last."""
        for row in rows.items():
            if row.is_mapping:
                ends = self._action(row, ends)
        return ends

    def _join(self, ends: Ends, target: str) -> None:
        for source, label in ends:
            self.flow.connect(source, target, label)

    def _add(self, row: Part, ends: Ends, node: Tree, gives: str = "any", reads: "list[Read] | None" = None) -> Step:
        key = "/".join(map(str, row.path)) or "start"
        kind = row["kind"].text() or "action"
        name = row["id"].text() or row["displayName"].text() or kind
        step = self.flow.add(Step(key, name, node, row, reads or [], gives))
        if row["id"].text():
            self.ids[row["id"].text()] = key
        self._join(ends, key)
        return step

    def _action(self, row: Part, ends: Ends) -> Ends:
        kind = row["kind"].text()
        makers: dict[str, Callable[[Part, Ends], Ends]] = {
            "ConditionGroup": self._group,
            "If": self._if,
            "Switch": self._switch,
            "Foreach": self._loop,
            "ForEach": self._loop,
            "RepeatUntil": self._loop,
            "RepeatWhile": self._loop,
            "GotoAction": self._goto,
            "Goto": self._goto,
            "BreakLoop": self._break,
            "ContinueLoop": self._continue,
            "InvokeAzureAgent": self._agent,
            "InvokeAgent": self._agent,
            "InvokeMcpTool": self._tool,
            "InvokeTool": self._tool,
            "InvokeFunctionTool": self._tool,
            "HttpRequest": self._tool,
            "InvokeHttpRequest": self._tool,
        }
        if kind in makers:
            return makers[kind](row, ends)
        if kind in _ENDS:
            self._add(row, ends, {}, "")
            return []
        return self._small(row, ends)

    def _small(self, row: Part, ends: Ends) -> Ends:
        """Actions that cost nothing to speak of: variables, messages, questions."""
        kind = row["kind"].text()
        if not re.match(
            r"(Set|Append|Reset|Clear|Parse|Edit|Send|Create|Copy|Add|Retrieve|Question|Request|Emit|Confirm)", kind
        ):
            self.draft.opaque(kind or "action", row)
        if re.match("Question|Request|Confirm", kind):
            step = self._add(row, ends, {"compute": {"builtin": "identity"}}, "text", [self._input(MESSAGE, row)])
        else:
            reads = self._reads(row["value"], row["activity"], row["values"], row["assignments"], row["message"])
            plain = re.match("Set|Clear|Reset|Send|Create|Copy|Add|Emit", kind)
            node: Tree = {"compute": {"builtin": "list" if plain else "opaque"}, "returns": "any"}
            if len(reads) == 1 and kind.startswith("Set"):
                node = {"compute": {"builtin": "identity"}}
            step = self._add(row, ends, node, "any", reads)
        for target in (row["variable"], row["path"], row["property"]):
            self._set(target, Read(step.id))
        for inner in (*row["assignments"].items(), *row["values"].items()):
            self._set(inner["variable"], Read(step.id))
        return [(step.id, "")]

    def _set(self, target: Part, read: Read) -> None:
        name = target.text().removeprefix("=").removeprefix("init:")
        if "." in name:
            self.made[name] = read
            if name.startswith("Workflow.Outputs."):
                self.outputs.setdefault(clean(name.rpartition(".")[2], "answer"), []).append(read)

    def _chooser(self, row: Part, ends: Ends, reads: list[Read], values: dict[str, tuple[str, ...]]) -> Step:
        step = self._add(row, ends, {"compute": {"builtin": "opaque"}, "returns": "text"}, "text", reads)
        step.routes = Routes(Read(step.id), values)
        return step

    def _cases(self, row: Part, ends: Ends, cases: list[tuple[str, Part]], otherwise: Part, reads: list[Read]) -> Ends:
        values = {label: (label,) for label, _ in cases} | {"else": (OTHERWISE,)}
        step = self._chooser(row, ends, reads, values)
        after: Ends = []
        for label, actions in cases:
            after += self._actions(actions, [(step.id, label)])
        return after + self._actions(otherwise, [(step.id, "else")])

    def _group(self, row: Part, ends: Ends) -> Ends:
        names, cases = Names(("else",)), list[tuple[str, Part]]()
        conditions = row["conditions"].items()
        for condition in conditions:
            cases.append((names.new(condition["id"].text(), "case"), condition["actions"]))
        return self._cases(
            row, ends, cases, row["elseActions"], self._reads(*(each["condition"] for each in conditions))
        )

    def _if(self, row: Part, ends: Ends) -> Ends:
        then = row["then"] if row["then"] else row["actions"]
        otherwise = row["else"] if row["else"] else row["elseActions"]
        return self._cases(row, ends, [("then", then)], otherwise, self._reads(row["condition"]))

    def _switch(self, row: Part, ends: Ends) -> Ends:
        rows = row["cases"]
        names, cases = Names(("else",)), list[tuple[str, Part]]()
        for label, case in (rows.fields() or {str(i): case for i, case in enumerate(rows.items())}).items():
            value = case["value"].text() or case["match"].text() or label
            cases.append((names.new(value, "case"), case["actions"] if case.is_mapping else case))
        return self._cases(row, ends, cases, row["default"], self._reads(row["value"], row["on"]))

    def _loop(self, row: Part, ends: Ends) -> Ends:
        """A loop over items or until a condition: a cycle through its first step."""
        reads = self._reads(row["items"], row["itemsProperty"], row["source"], row["condition"])
        step = self._chooser(row, ends, reads, {"again": ("again",), "done": (OTHERWISE,)})
        for key in ("value", "itemName", "index", "item"):
            self._set(row[key], Read(step.id))
        left: list[Ends] = []
        self.around.append((step.id, left))
        self._join(self._actions(row["actions"], [(step.id, "again")]), step.id)
        self.around.pop()
        return [(step.id, "done"), *(end for ends in left for end in ends)]

    def _break(self, row: Part, ends: Ends) -> Ends:
        del row
        if self.around:
            self.around[-1][1].append(ends)
        return []

    def _continue(self, row: Part, ends: Ends) -> Ends:
        del row
        if self.around:
            self._join(ends, self.around[-1][0])
        return []

    def _goto(self, row: Part, ends: Ends) -> Ends:
        step = self._add(row, ends, {}, "")
        self.jumps.append(([(step.id, "")], row["actionId"].text() or row["target"].text(), row))
        return []

    def _agent(self, row: Part, ends: Ends) -> Ends:
        """A call of an agent that lives elsewhere; `externalLoop` talks on until a condition holds."""
        named = row["agent"]["name"] if row["agent"].is_mapping else row["agent"]
        called = named.text().removeprefix("=") or row["agentName"].text() or "agent"
        entry = models.use(self.draft, called, named if named else row)
        given = row["input"]
        reads = self._reads(given["arguments"], given["messages"], row["arguments"], row["messages"])
        step = self._add(row, ends, {"llm": entry}, "any", reads or [self._input(MESSAGE, row)])
        self._answers(step)
        output = row["output"]
        for target in (output["responseObject"], output["messages"], output["result"], row["resultVariable"]):
            self._set(target, Read(step.id))
        loop = given["externalLoop"]["when"]
        if not loop:
            return [(step.id, "")]
        key = f"{step.id}/again"
        again = self.flow.add(
            Step(key, f"{step.name}_again", {"compute": {"builtin": "opaque"}, "returns": "text"}, loop)
        )
        again.reads, again.gives = self._reads(loop) or [Read(step.id)], "text"
        again.routes = Routes(Read(key), {"again": ("again",), "done": (OTHERWISE,)})
        self._join([(step.id, "")], key)
        self._join([(key, "again")], step.id)
        return [(key, "done")]

    def _answers(self, step: Step) -> None:
        """The fields of an answer: those that the workflow reads of it are what it must hold."""
        target = step.part["output"]["responseObject"].text()
        if not target:
            step.gives = "text"
            return
        pattern = re.compile(re.escape(target) + r"\.([A-Za-z_]\w*)")
        fields: dict[str, str] = {}
        for inner in self.whole.walk():
            if inner.is_text:
                for name in pattern.findall(inner.text())[:100]:
                    fields[name] = "bool" if _FLAG.match(name) else "text"
        if fields:
            step.node["fields"] = fields
        else:
            step.gives = "text"

    def _tool(self, row: Part, ends: Ends) -> Ends:
        name = row["toolName"].text() or row["functionName"].text() or row["tool"].text() or row["id"].text() or "tool"
        server, url = row["serverUrl"].text() or row["serverLabel"].text(), row["url"].text()
        where: Tree = {}
        if row["kind"].text() == "InvokeMcpTool":
            where = mcp_tool(self.draft, server, name)
        elif url.startswith(("http://", "https://")) and " " not in url:
            where = {"http": url}
        entry = agents.tool(self.draft, name.removeprefix("="), row, key=(name, str(where)), **where)
        step = self._add(row, ends, {"tool": entry}, "any", self._reads(row["arguments"], row["url"], row["body"]))
        for target in (row["output"]["result"], row["output"]["messages"], row["resultVariable"], row["response"]):
            self._set(target, Read(step.id))
        return [(step.id, "")]
