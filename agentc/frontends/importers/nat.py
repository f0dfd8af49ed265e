"""NVIDIA NeMo Agent Toolkit: a workflow file of `llms`, `functions`, `function_groups`, `embedders`, `retrievers`,
`memory` and one `workflow`.

https://docs.nvidia.com/nemo/agent-toolkit/latest/build-workflows/workflow-configuration.html. `docs/formats/nat.md`
says what becomes of each type.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agentc.frontends.importers import agents, models, prompts
from agentc.frontends.importers.frame import Draft, Imported, Tree, at, clean
from agentc.frontends.importers.served import mcp_tool
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import did_you_mean, shortened

_LOOPING = frozenset(("react_agent", "tool_calling_agent", "per_user_react_agent", "per_user_tool_calling_agent"))
_UNPLACED = ("middleware", "object_stores", "ttc_strategies", "trainers")
"""Sections whose parts stand around the workflow."""


def read(draft: Draft) -> Imported:
    """The definition of a workflow. Raises Refused."""
    whole = Part.of(draft.document)
    reader = _Reader(draft, whole)
    graph = reader.graph(whole["workflow"], "workflow")
    for name in _UNPLACED:
        for part in whole[name].fields().values():
            if part["llm_name"]:
                kind = part["_type"].text() or name
                draft.warn("import-left-out", f"the model calls of the {name} `{kind}` are left out", part)
    described = {"description": whole["workflow"]["description"].text()} if whole["workflow"]["description"] else {}
    name = draft.document.file.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    return draft.finish(name, {**described, **graph})


@dataclass
class _Reader:
    draft: Draft
    whole: Part
    inside: list[str] = field(default_factory=list[str])
    sections: dict[str, dict[str, Part]] = field(default_factory=dict[str, dict[str, Part]])

    def section(self, name: str) -> dict[str, Part]:
        """The entries of a section, which each agent asks for."""
        if name not in self.sections:
            self.sections[name] = self.whole[name].fields()
        return self.sections[name]

    def graph(self, part: Part, name: str) -> Tree:
        """The graph of an agent or a control-flow function."""
        kind = part["_type"].text()
        if name in self.inside:
            raise self.draft.refuse("recursive-agent", f"`{name}` contains itself", part)
        self.draft.deepen(len(self.inside), part)
        self.inside.append(name)
        shapes: dict[str, Callable[[Part], Tree]] = {
            "sequential_executor": lambda part: agents.chain(self._uses(part, "tool_list"), part),
            "parallel_executor": lambda part: agents.beside(self._uses(part, "tool_list"), part),
            "router_agent": lambda part: agents.routed(self._llm(part), self._uses(part, "branches"), part),
            "rewoo_agent": lambda part: agents.planned(self._llm(part), self._uses(part, "tool_names"), part),
            "reasoning_agent": self._reasoning,
        }
        made = shapes.get(kind, self._agent)(part)
        self.inside.pop()
        return made

    def _agent(self, part: Part) -> Tree:
        kind, uses = part["_type"].text(), self._uses(part, "tool_names", needed=False)
        if part["llm_name"] or part["llm"] or kind in _LOOPING:
            llm = self._llm(part)
            model = llm.pop("llm")
            system = llm.pop("system", "")
            inputs = {"request": at(part, {"type": "text"})}
            most = next((n for key in _LIMITS if (n := part[key].count(1000)) is not None), None)
            return agents.Agent(part, model, system, inputs, uses, {}, llm, most).graph()
        return agents.chain([agents.Use("tool", self._tool(part, clean(kind)), part), *uses], part)

    def _reasoning(self, part: Part) -> Tree:
        """A model plans, and another agent does the work."""
        augmented = self._use(part["augmented_fn"])
        nodes = {
            "plan": at(part, {**self._llm(part), "in": "request"}),
            "work": at(augmented.part, augmented.node("plan")),
        }
        return {"inputs": {"request": at(part, {"type": "text"})}, "nodes": nodes, "outputs": {"answer": "work"}}

    def _uses(self, part: Part, key: str, needed: bool = True) -> list[agents.Use]:
        rows = part[key].items()
        if needed and not rows:
            raise self.draft.refuse("missing-field", f"`{part['_type'].text()}` needs `{key}`", part)
        return [self._use(row) for row in rows]

    def _use(self, row: Part) -> agents.Use:
        """What a name among tools means: a function, a group, or a function of a group."""
        name = row.text() or row["name"].text()
        functions, groups = self.section("functions"), self.section("function_groups")
        if name in functions:
            return self._function(name, functions[name])
        group = groups.get(name) or groups.get(name.partition("__")[0])
        if group is None:
            known = [*functions, *groups]
            self.draft.error(
                "unknown-tool", f"there is no function `{shortened(name, 80)}`", row, did_you_mean(name, known)
            )
            return agents.Use("tool", self._tool(row, name), row, name=name)
        return agents.Use("tool", self._tool(group, name), group, name=name)

    def _function(self, name: str, part: Part) -> agents.Use:
        kind = part["_type"].text()
        if kind in ("nat_retriever", "aiq_retriever") or part["embedder_name"]:
            return agents.Use("lookup", self._retriever(name, part), part, name=name)
        if kind == "get_memory":
            return agents.Use("lookup", self._memory(part), part, name=name)
        if kind == "add_memory":
            return self._sub(name, part, lambda: agents.keeping(self._memory(part), part))
        if part["tool_names"] or part["tool_list"] or part["branches"] or kind in _LOOPING or part["augmented_fn"]:
            return self._sub(name, part, lambda: self.graph(part, name))
        if part["llm_name"] or part["llm"]:
            return self._sub(name, part, lambda: self._thinking(name, part))
        return agents.Use("tool", self._tool(part, name), part, name=name)

    def _sub(self, name: str, part: Part, make: Callable[[], Tree]) -> agents.Use:
        entry = self.draft.known("agents", name)
        if entry is None:
            entry = agents.sub_agent(self.draft, name, make(), part, name)
        return agents.Use("agent", entry, part, ("request",), name)

    def _thinking(self, name: str, part: Part) -> Tree:
        """A function that calls a model: alone, or of data that its own code gets."""
        llm = self._llm(part, strict=False)
        request: Tree = {"request": at(part, {"type": "text"})}
        if part["_type"].text() in _MODEL_ONLY:
            return {
                "inputs": request,
                "nodes": {"answer": at(part, {**llm, "in": "request"})},
                "outputs": {"answer": "answer"},
            }
        nodes = {
            "data": at(part, {"tool": self._tool(part, name), "in": "request"}),
            "answer": at(part, {**llm, "in": ["request", "data"]}),
        }
        return {"inputs": request, "nodes": nodes, "outputs": {"answer": "answer"}}

    def _llm(self, part: Part, strict: bool = True) -> Tree:
        """A model call with its instructions, without inputs."""
        named = part["llm_name"] if part["llm_name"] else part["llm"]
        llms, name = self.section("llms"), named.text()
        if name not in llms and (strict or not name):
            help = did_you_mean(name, llms) or "define it under `llms:`"
            where = named if name else part
            raise self.draft.refuse("unknown-model", f"there is no LLM `{shortened(name, 80)}`", where, help)
        config = llms.get(name, named)
        said = [
            part[key].text()
            for key in ("system_prompt", "additional_instructions", "system_instructions")
            if part[key].is_text
        ]
        system = prompts.literal("\n".join(said).strip())
        return {
            "llm": models.use(self.draft, _model_of(config) or name, _stated(config), wanted=name),
            **({"system": system} if system else {}),
            **models.sampling(config),
        }

    def _tool(self, part: Part, name: str) -> str:
        """The entry of `tools` for a function of a plug-in, an MCP server or another agent."""
        server = part["server"]
        url = server["url"].text() or part["url"].text()
        where: Tree = {}
        if part["_type"].text() in ("mcp_client", "mcp_tool_wrapper", "per_user_mcp_client"):
            where = mcp_tool(self.draft, url or server["command"].text(), name.rpartition("__")[2], server)
        elif url.startswith(("http://", "https://")) and " " not in url:
            where = {"http": url}
        described = part["description"].text() if part["description"].is_text else ""
        return agents.tool(self.draft, name, part, key=name, description=described, **where)

    def _retriever(self, name: str, part: Part) -> str:
        config = self.whole["retrievers"].fields().get(part["retriever"].text(), part)
        return self._vectors(config["collection_name"].text() or part["retriever"].text() or name, config)

    def _memory(self, part: Part) -> str:
        name = part["memory"].text()
        stores = self.whole["memory"].fields()
        if name not in stores:
            help = did_you_mean(name, stores) or "define it under `memory:`"
            raise self.draft.refuse("unknown-memory", f"there is no memory `{shortened(name, 80)}`", part, help)
        return self._vectors(name, stores[name])

    def _vectors(self, name: str, config: Part) -> str:
        """A vector memory, with the embedding model that the file names for it."""
        known = self.draft.known("memories", name)
        if known is not None:
            return known
        embedder = next(
            (config[key].text() for key in ("embedding_model", "embedder", "embedder_name") if config[key]), ""
        )
        entry: Tree = {"kind": "vector"}
        part = self.whole["embedders"].fields().get(embedder)
        if part is not None:
            entry["embed"] = models.use(self.draft, _model_of(part) or embedder, _stated(part), "embedding", embedder)
        return self.draft.entry("memories", name, at(config, entry), name)


_LIMITS = ("max_iterations", "max_iter", "max_tool_calls")
_MODEL_ONLY = frozenset(("chat_completion", "code_generation"))


def _stated(config: Part) -> Part:
    """Where a configuration names its model."""
    named = (config[key] for key in ("model_name", "azure_deployment", "model"))
    return next((part for part in named if part.text()), config)


def _model_of(config: Part) -> str:
    return "" if config.is_text else _stated(config).text()
