"""Docker agent (cagent) files: `agents` with a `root`, `models`, toolsets and `rag` stores.

https://docs.docker.com/ai/docker-agent/. `docs/formats/docker-agent.md` has the mapping.
"""

from dataclasses import dataclass, field

from agentc.frontends.importers import agents, models, prompts
from agentc.frontends.importers.frame import Draft, Imported, Tree, at
from agentc.frontends.importers.served import mcp_tool
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import did_you_mean, shortened


def read(draft: Draft) -> Imported:
    """The definition of the root agent. Raises Refused."""
    whole = Part.of(draft.document)
    rows = whole["agents"].fields()
    root = "root" if "root" in rows else next(iter(rows))
    graph = _Team(draft, whole).graph(root, whole["agents"][root])
    described = rows[root]["description"].text()
    name = (
        whole["metadata"]["name"].text() or draft.document.file.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    )
    return draft.finish(name, {**({"description": described} if described else {}), **graph})


@dataclass
class _Team:
    draft: Draft
    whole: Part
    inside: list[str] = field(default_factory=list[str])

    def graph(self, name: str, part: Part, above: str = "") -> Tree:
        self.draft.deepen(len(self.inside), part)
        self.inside.append(name)
        model, sampling = self._model(name, part, above)
        uses = [use for row in part["toolsets"].items() for use in self._toolset(row)]
        for key in ("sub_agents", "handoffs"):
            uses += [use for row in part[key].items() if (use := self._member(row, model)) is not None]
        uses += [self._store(row) for row in (part["rag"].items() or ([part["rag"]] if part["rag"].is_text else []))]
        inputs: Tree = {"request": at(part, {"type": "text"})}
        system = prompts.literal(part["instruction"].text())
        most = part["max_iterations"].count(1000)
        made = agents.Agent(part, model, system, inputs, uses, {}, sampling, most).graph()
        self.inside.pop()
        return made

    def _model(self, name: str, part: Part, above: str) -> tuple[str, Tree]:
        stated = part["model"].text().partition(",")[0].strip()
        if not stated and above:
            return above, {}
        if not stated:
            raise self.draft.refuse("missing-field", f"the agent `{shortened(name, 80)}` names no model", part)
        config = self.whole["models"][stated]
        if not config:
            if "/" not in stated and self.whole["models"].fields():
                help = did_you_mean(stated, self.whole["models"].fields()) or "define it under `models:`"
                self.draft.error("unknown-model", f"there is no model `{shortened(stated, 80)}`", part["model"], help)
            return models.use(self.draft, stated, part["model"]), {}
        called = config["model"].text() or stated
        return models.use(self.draft, called, config["model"], wanted=stated), models.sampling(config)

    def _member(self, row: Part, model: str) -> agents.Use | None:
        name = row.text()
        part = self.whole["agents"].fields().get(name)
        if part is None:
            help = did_you_mean(name, self.whole["agents"].fields())
            self.draft.error("unknown-agent", f"there is no agent `{shortened(name, 80)}`", row, help)
            return None
        if name in self.inside:
            message = f"`{name}` may hand back to `{self.inside[-1]}`: the way back is left out"
            self.draft.warn("import-left-out", message, row)
            return None
        entry = self.draft.known("agents", name)
        if entry is None:
            graph = self.graph(name, part, model)
            entry = agents.sub_agent(self.draft, name, graph, part, name)
        return agents.Use("agent", entry, part, ("request",), name)

    def _toolset(self, row: Part) -> list[agents.Use]:
        kind = row["type"].text() or "tool"
        if kind == "memory":
            return self._memory(row)
        server = (
            row["ref"].text() or row["remote"]["url"].text() or " ".join([row["command"].text(), *row["args"].texts()])
        )
        names = row["tools"].texts() or [row["name"].text() or (_short(server) if kind == "mcp" else kind)]
        made: list[agents.Use] = []
        for name in names:
            where: Tree = mcp_tool(self.draft, server.strip(), name, row) if kind == "mcp" else {}
            described = row["instruction"].text()
            entry = agents.tool(self.draft, name, row, key=(kind, server, name), description=described, **where)
            made.append(agents.Use("tool", entry, row, name=name))
        return made

    def _memory(self, row: Part) -> list[agents.Use]:
        """What an agent remembers: it may keep and recall."""
        key = row["path"].text() or "memory"
        memory = self.draft.entry("memories", "memory", at(row, {"kind": "keyvalue"}), key)
        keep = agents.sub_agent(self.draft, "keep", agents.keeping(memory, row), row, ("keep", key))
        return [
            agents.Use("load", memory, row, name="recall"),
            agents.Use("agent", keep, row, ("request",), "remember"),
        ]

    def _store(self, row: Part) -> agents.Use:
        """A store of documents, by its first strategy with embeddings."""
        name = row.text()
        part = self.whole["rag"].fields().get(name)
        if part is None:
            help = did_you_mean(name, self.whole["rag"].fields())
            raise self.draft.refuse("unknown-memory", f"there is no `rag` store `{shortened(name, 80)}`", row, help)
        entry: Tree = {"kind": "vector"}
        for strategy in part["strategies"].items():
            embedding = strategy["embedding_model"]
            if embedding.text() and "embed" not in entry:
                entry["embed"] = models.use(self.draft, embedding.text(), embedding, "embedding")
        memory = self.draft.entry("memories", name, at(part, entry), name)
        return agents.Use("lookup", memory, part, name=name)


def _short(server: str) -> str:
    return server.rpartition("=")[2].rpartition(":")[2].rpartition("/")[2] or "mcp"
