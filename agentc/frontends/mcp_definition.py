"""A server's tools as a definition: each a tool with its parameters, and a node that calls it."""

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from agentc.frontends.importers.frame import Imported, Names, Tree
from agentc.frontends.importers.source import Path
from agentc.frontends.mcp import Server, Tool
from agentc.frontends.yaml.rules.base import NAME
from agentc.support.diagnostics import Diagnostic, Severity, shortened
from agentc.support.record import record

_TYPES: Final = {
    "string": "text",
    "boolean": "bool",
    "number": "number",
    "integer": "number",
    "object": "record",
}


def definition(server: Server) -> Imported:
    """An agent whose nodes call every tool of ``server``; what its schemas say beyond ours is told."""
    sections: dict[str, Tree] = {name: {} for name in ("tools", "inputs", "nodes", "outputs")}
    reasons: dict[Path, str] = {}
    warnings: list[Diagnostic] = []
    names = Names()
    for tool in server.tools:
        name, arguments = names.new(tool.name, "tool"), _arguments(tool)
        sections["tools"][name] = _tool(server, tool, arguments)
        taken = {argument: names.new(f"{name}_{argument}", "input") for argument in arguments.required}
        sections["inputs"] |= {taken[argument]: {"type": kind} for argument, kind in arguments.required.items()}
        sections["nodes"][name] = {"tool": name, **({"in": taken} if taken else {})}
        sections["outputs"][name] = name
        if arguments.optional:
            listed = ", ".join(f"`{argument}` ({kind})" for argument, kind in arguments.optional.items())
            reasons["tools", name] = f"optional arguments are left out: {listed}"
        warnings += [_lost(tool, argument) for argument in arguments.lost]
    warnings += [found] if (found := _secret(server)) else []
    made = {"agentc": "v1", "name": Names().new(server.name, "server")}
    filled = {name: section for name, section in sections.items() if section}
    return Imported("Model Context Protocol", made | filled, {}, reasons, tuple(warnings))


def _tool(server: Server, tool: Tool, arguments: "_Arguments") -> Tree:
    place: Tree = {"mcp": f"{server.command[0]}#{tool.name}" if server.is_http else f"{server.name}/{tool.name}"}
    if not server.is_http and not _secret(server):
        place["command"] = list(server.command)
    description = inspect.cleandoc(tool.description)
    described = {"description": description} if description else {}
    pure = {"pure": True} if tool.pure else {}
    returns = kind_of(tool.returns) if tool.returns else "text"
    return {**place, **described, **pure, "parameters": arguments.required, "returns": returns}


_SECRET: Final = re.compile(r"(?i)key|token|secret|passw|credential|bearer")


def _secret(server: Server) -> Diagnostic | None:
    """Why the command is not written down: a word of it may be a secret, and files are passed on."""
    found = next((n for n, word in enumerate(server.command) if not server.is_http and _SECRET.search(word)), None)
    if found is None:
        return None
    message = f"the command of `{shortened(server.name, 80)}` is left out: its word {found + 1} may hold a secret"
    help = "hand secrets on as environment variables: state the tools' `command`, and the variables' names as `env`"
    return Diagnostic("import-left-out", message, severity=Severity.WARNING, help=help)


@record(slots=True)
class _Arguments:
    required: dict[str, str]
    """Name -> type."""
    optional: dict[str, str]
    lost: tuple[str, ...]
    """Required ones that have no name of ours."""


def _arguments(tool: Tool) -> _Arguments:
    listed: Any = tool.parameters.get("required")
    needed = cast("list[Any]", listed) if isinstance(listed, list) else []
    kinds = {name: kind_of(_mapping(schema)) for name, schema in _mapping(tool.parameters.get("properties")).items()}
    kinds |= {name: "any" for name in needed if isinstance(name, str) and name not in kinds}
    required = {name: kind for name, kind in kinds.items() if name in needed}
    return _Arguments(
        {name: kind for name, kind in required.items() if _is_name(name)},
        {name: kind for name, kind in kinds.items() if name not in required},
        tuple(name for name in required if not _is_name(name)),
    )


def _is_name(name: str) -> bool:
    return bool(re.fullmatch(NAME, name)) and len(name) <= 100


def _lost(tool: Tool, argument: str) -> Diagnostic:
    message = f"`{shortened(tool.name, 80)}` needs an argument `{shortened(argument, 80)}`, which is no name here"
    help = "names are letters, digits, `_` and `-`: call the tool from a Python tool"
    return Diagnostic("import-left-out", message, severity=Severity.WARNING, help=help)


def kind_of(schema: Mapping[str, Any]) -> str:
    """The type of ours that values of a JSON Schema are of; ``any`` where it allows several."""
    stated: Any = schema.get("type")
    if isinstance(stated, list):  # `["string", "null"]`
        names = [each for each in cast("list[Any]", stated) if each != "null"]
        stated = names[0] if len(names) == 1 else None
    if stated == "array":
        inner = kind_of(_mapping(schema.get("items")))
        return f"list<{inner}>" if inner.count("<") < 3 else "list<any>"
    return _TYPES.get(stated, "any") if isinstance(stated, str) else "any"


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def to_yaml(server: Server) -> tuple[str, tuple[Diagnostic, ...]]:
    """The definition as a file of ours, and what to know of it."""
    from pathlib import Path as FilePath

    from agentc.frontends import yaml
    from agentc.frontends.importers.write import text
    from agentc.frontends.yaml.document import Overlay
    from agentc.support.yaml_source import Document

    imported = definition(server)
    checked = yaml.define(Overlay(Document(server.name, "", None), imported.definition), FilePath())
    return text(imported, f"the server {server.name}"), (*imported.warnings, *checked.warnings)
