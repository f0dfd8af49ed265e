"""Google ADK agent config: one agent a YAML file, sub-agents in files beside it.

https://google.github.io/adk-docs/agents/config/. `docs/formats/adk.md` has the mapping.
"""

import os
import re
from dataclasses import dataclass, field

from agentc.frontends.importers import agents, defaults, models, prompts
from agentc.frontends.importers.frame import Draft, Imported, Names, Tree, assume, at
from agentc.frontends.importers.served import mcp_tool
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import Refused, shortened

MODEL = "gemini-2.5-flash"
"""What an agent runs on that neither states a model nor stands under one that does."""

_CLASSES = ("LlmAgent", "SequentialAgent", "ParallelAgent", "LoopAgent")


def read(draft: Draft) -> Imported:
    """The definition of an agent and those below it. Raises Refused."""
    whole = Part.of(draft.document)
    graph = _Tree(draft).graph(whole, "")
    described = whole["description"].text()
    return draft.finish(whole["name"].text(), {**({"description": described} if described else {}), **graph})


@dataclass
class _Tree:
    draft: Draft
    inside: list[str] = field(default_factory=list[str])

    def graph(self, part: Part, above: str) -> Tree:
        """The graph of an agent; ``above``: the model of the agent that it stands under."""
        kind = part["agent_class"].text().rpartition(".")[2] or "LlmAgent"
        self.inside.append(os.path.normpath(part.document.file))
        if kind == "SequentialAgent":
            made = agents.chain(self._members(part, above), part)
        elif kind == "ParallelAgent":
            made = agents.beside(self._members(part, above), part)
        elif kind == "LoopAgent":
            made = self._loop(part, above)
        elif kind == "LlmAgent":
            made = self._llm(part, above)
        else:
            self.draft.opaque(part["agent_class"].text(), part)
            made = agents.chain([agents.Use("tool", agents.tool(self.draft, part["name"].text(), part), part)], part)
        self.inside.pop()
        return made

    def _members(self, part: Part, above: str) -> list[agents.Use]:
        found = [use for row in part["sub_agents"].items() if (use := self._member(row, above)) is not None]
        if not found:
            what = part["agent_class"].text()
            raise self.draft.refuse("missing-field", f"a `{what}` needs `sub_agents`", part)
        return found

    def _member(self, row: Part, above: str) -> agents.Use | None:
        path = row["config_path"].text()
        if not path and (row["instruction"] or row["agent_class"]):  # in the place of a reference, the agent itself
            self.draft.deepen(len(self.inside), row)
            return self._use(
                agents.sub_agent(self.draft, row["name"].text() or "agent", self.graph(row, above), row), row
            )
        if not path:
            name = row["code"].text() or row["name"].text() or "agent"
            self.draft.opaque(name, row)
            short = name.removesuffix(".agent").rpartition(".")[2]
            return agents.Use("tool", agents.tool(self.draft, short, row), row, name=short)
        file = os.path.normpath(os.path.join(os.path.dirname(row.document.file), path))
        self.draft.deepen(len(self.inside), row)
        if file in self.inside:
            raise self.draft.refuse("recursive-agent", f"`{shortened(path, 80)}` contains itself", row["config_path"])
        known = self.draft.known("agents", file)
        inner = self._open(file, row["config_path"])
        if known is None:
            known = agents.sub_agent(self.draft, inner["name"].text() or "agent", self.graph(inner, above), inner, file)
        return self._use(known, inner)

    def _use(self, entry: str, part: Part) -> agents.Use:
        outputs = tuple(self.draft.sections["agents"][entry].value["outputs"])
        answer = outputs[0] if len(outputs) > 1 else ""
        return agents.Use("agent", entry, part, ("request",), part["name"].text(), answer)

    def _open(self, file: str, part: Part) -> Part:
        from agentc.support.yaml_source import load_yaml

        if not os.path.isfile(file):
            raise self.draft.refuse("missing-file", f"there is no file `{shortened(part.text(), 80)}`", part)
        try:
            return Part.of(load_yaml(file))
        except Refused as refused:
            self.draft.found.extend(refused.diagnostics)
            raise Refused(*self.draft.found.sorted()) from refused

    def _llm(self, part: Part, above: str) -> Tree:
        named = part["model"]
        model = models.use(self.draft, named.text() or MODEL, named if named else part) if named or not above else above
        uses = [self._tool(row, model) for row in part["tools"].items()]
        uses += [use for row in part["sub_agents"].items() if (use := self._member(row, model)) is not None]
        config = part["generate_content_config"]
        sampling = models.sampling(config, max_tokens="max_output_tokens")
        system = prompts.literal(part["instruction"].text())
        asked = part["output_schema"]["properties"].fields() or {}
        outputs = {name: _FIELDS.get(row["type"].text(), "text") for name, row in asked.items() if _NAME.match(name)}
        inputs: Tree = {"request": at(part, {"type": "text"})}
        return agents.Agent(part, model, system, inputs, uses, outputs, sampling).graph()

    def _tool(self, row: Part, model: str) -> agents.Use:
        name = row["name"].text() or row.text() or "tool"
        args = row["args"]
        if name.rpartition(".")[2] == "AgentTool" and args["agent"]["config_path"]:
            use = self._member(args["agent"], model)
            if use is not None:
                return use
        short = name.rpartition(".")[2]
        where: Tree = {}
        if "MCP" in short.upper():
            connection = next(iter(args.fields().values()), args)
            server = connection["server_params"] if connection["server_params"] else connection
            where = mcp_tool(self.draft, connection["url"].text() or server["command"].text(), short, server)
        return agents.Use("tool", agents.tool(self.draft, short, row, key=(name, str(where)), **where), row, name=short)

    def _loop(self, part: Part, above: str) -> Tree:
        uses = self._members(part, above)
        names = Names(("request",))
        loop, done = names.new("rounds"), names.new("done")
        body: Tree = {}
        last = "request"
        for use in uses:
            name = names.new(use.label)
            body[name] = at(use.part, use.node(last))
            last = name
        why = "a sub-agent ends the loop when it escalates"
        body[done] = {"compute": {"builtin": assume("opaque", why)}, "in": last, "returns": "bool"}
        most = part["max_iterations"].count(1000)
        trips = {
            "max": most or assume(defaults.MAX_TRIPS, "the source states no bound"),
            "expected": assume(
                min(defaults.EXPECTED_TRIPS, most or 2.0), "the source does not say how often it goes round"
            ),
        }
        return {
            "inputs": {"request": at(part, {"type": "text"})},
            "nodes": {loop: at(part, {"loop": {**trips, "until": done, "nodes": body}})},
            "outputs": {"answer": f"{loop}.{last}"},
        }


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,60}\Z")
_FIELDS = {"boolean": "bool", "number": "number", "integer": "number"}
