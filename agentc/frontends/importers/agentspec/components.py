"""Components of Agent Spec: references among them, versions, properties, models and tools."""

import re
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.importers import agents, models
from agentc.frontends.importers.frame import Draft, Tree, at, clean
from agentc.frontends.importers.served import mcp_tool
from agentc.frontends.importers.source import Part

OLDEST = 25

_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "number",
    "boolean": "bool",
    "object": "record",
    "null": "any",
}
_FIELDS = {"bool": "bool", "number": "number"}
URL = re.compile(r"https?://[^\s]+\Z")


@dataclass
class Components:
    """The document's components, by id."""

    draft: Draft
    inside: list[int] = field(default_factory=list[int])
    """Agents and flows that are being read, to see one that contains itself."""
    _by_id: dict[str, list[Part]] = field(default_factory=dict[str, list[Part]])

    def root(self) -> Part:
        """What the document states: a component, or a reference to one."""
        whole = Part.of(self.draft.document)
        for part in whole.walk():
            for name, held in part["$referenced_components"].fields().items():
                self._by_id.setdefault(name, []).append(held)
        if "agentspec_version" in whole or "component_type" in whole or "$component_ref" in whole:
            return self.resolve(whole)
        return whole

    def check(self) -> None:
        """Versions and names of the whole document."""
        whole = Part.of(self.draft.document)
        for name, held in self._by_id.items():
            for again in held[1:]:
                message = f"the component `{name}` is defined twice"
                self.draft.found.error("duplicate-name", message, again.key_span)
        stated = [part for part in whole.walk() if part.is_mapping and "agentspec_version" in part]
        for part in stated:
            self._version(part["agentspec_version"])
        if stated and "component_type" in whole and "agentspec_version" not in whole:
            message = "`agentspec_version` stands on a component within, and not on the outermost one"
            self.draft.error("import-version", message, stated[0]["agentspec_version"], "move it to the top level")

    def _version(self, part: Part) -> None:
        major = re.match(r"(\d+)\.\d+", part.text())
        if major is None or int(major[1]) < OLDEST:
            message = f"there is no Agent Spec version `{part.text()[:40]}`"
            self.draft.error("import-version", message, part, "25.4.1 to 26.x are read")

    def resolve(self, part: Part) -> Part:
        """The component that ``part`` is or refers to. Raises Refused where there is none."""
        seen: set[str] = set()
        while part.is_mapping and "$component_ref" in part:
            name = part["$component_ref"].text()
            found = self._by_id.get(name)
            if not found or name in seen:
                problem = "refers to itself" if found else "is not among `$referenced_components`"
                message = f"the component `{name[:80]}` {problem}"
                raise self.draft.refuse("unknown-reference", message, part["$component_ref"])
            seen.add(name)
            part = found[0]
        return part

    def each(self, part: Part) -> list[Part]:
        """The components of a list."""
        return [self.resolve(row) for row in part.items()]

    def stated(self, part: Part, *names: str) -> Tree:
        """What `metadata.agentc` of a component says, of the fields ``names``."""
        ours = part["metadata"]["agentc"]
        return {name: at(ours[name], ours[name].value) for name in names if name in ours}

    def enter(self, part: Part) -> None:
        """An agent or flow begins. Raises Refused where it is within itself."""
        if id(part.value) in self.inside:
            raise self.draft.refuse("recursive-agent", f"`{title(part)}` contains itself", part)
        self.draft.deepen(len(self.inside), part)
        self.inside.append(id(part.value))

    def leave(self) -> None:
        """It ends."""
        self.inside.pop()

    def model(self, part: Part) -> str:
        """The entry of `models` for an LLM configuration."""
        config = self.resolve(part)
        if not config.is_mapping:
            raise self.draft.refuse("missing-field", "an LLM configuration is missing", part)
        name = config["model_id"].text() or config["name"].text() or "model"
        ours = config["metadata"]["agentc"]
        if any(key in ours for key in ("catalog", "config", "hosted", "shape")):
            entry = at(ours, {key: field.value for key, field in ours.fields().items()})
            return self.draft.entry("models", config["name"].text() or name, entry, ("stated", id(config.value)))
        more = self.stated(config, "precision", "kv_precision", "weights")
        return models.use(self.draft, name, config, **more)

    def sampling(self, part: Part) -> Tree:
        """Sampling parameters of an LLM configuration."""
        return models.sampling(self.resolve(part)["default_generation_parameters"])

    def tool(self, part: Part) -> str:
        """The entry of `tools` for a tool."""
        config = self.resolve(part)
        name = config["name"].text() or "tool"
        url = config["url"].text()
        where: Tree = {}
        if config["component_type"].text() == "MCPTool":
            transport = self.resolve(config["client_transport"])
            where = mcp_tool(self.draft, server(transport), name, transport)
        elif URL.match(url):
            where = {"http": url}
        outputs = properties(config["outputs"])
        returns = next(iter(outputs.values())) if len(outputs) == 1 else "record" if outputs else "any"
        more = self.stated(config, "http", "mcp", "python", "latency_ms", "cpu_ms", "timeout_ms", "pure")
        where = {} if {"http", "mcp", "python"} & more.keys() else where
        described = {"description": config["description"].text()}
        return agents.tool(
            self.draft, name, config, key=id(config.value), returns=returns, **described, **where, **more
        )

    def toolbox(self, part: Part) -> list[agents.Use]:
        """The tools of a toolbox: those that a filter names, else one that stands for all."""
        box = self.resolve(part)
        transport = self.resolve(box["client_transport"]) if box["client_transport"] else box
        label = server(transport) if box["client_transport"] else title(box)
        named = [row.text() or row["name"].text() for row in box["tool_filter"].items()] or [title(box)]
        made: list[agents.Use] = []
        for name in named:
            where = mcp_tool(self.draft, label, name, transport)
            entry = agents.tool(self.draft, name or "tool", box, **where)
            made.append(agents.Use("tool", entry, box))
        return made


def server(transport: Part) -> str:
    """What an MCP server is called: its URL, command or name."""
    return transport["url"].text() or transport["command"].text() or transport["name"].text() or "mcp"


def title(part: Part) -> str:
    """What a component is called."""
    return part["name"].text() or part["id"].text() or "component"


def kind_of(prop: Part) -> str:
    """The type of ours for a property of JSON Schema."""
    stated = prop["type"]
    if stated.text() == "array":
        return (
            f"list<{kind_of(prop['items'])}>"
            if prop["items"] and prop["items"].path[-9:].count("items") < 5
            else "list<any>"
        )
    if stated.is_text:
        return _TYPES.get(stated.text(), "any")
    options = stated.texts() or [row["type"].text() for row in prop["anyOf"].items()]
    known = [option for option in options if option not in ("null", "array", "")]
    return _TYPES.get(known[0], "any") if len(known) == 1 else "any"


def properties(part: Part) -> dict[str, str]:
    """Name -> type of ours, of a list of properties."""
    return {row["title"].text() or f"value_{i}": kind_of(row) for i, row in enumerate(part.items())}


def inputs_of(part: Part) -> Tree:
    """`inputs` of ours for a component's."""
    made: Tree = {}
    for row in part.items():
        entry: dict[str, Any] = {"type": kind_of(row)}
        ours = row["metadata"]["agentc"]
        entry |= {name: at(ours[name], ours[name].value) for name in ("tokens", "documents", "width") if name in ours}
        made[clean(row["title"].text(), "input")] = at(row, entry)
    return made


def asked(outputs: dict[str, str]) -> dict[str, str]:
    """`fields` of ours for outputs that a model must give."""
    return {clean(name, "value"): _FIELDS.get(kind, "text") for name, kind in outputs.items()}
