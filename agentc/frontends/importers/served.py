"""Where a tool of a server that speaks MCP is: an address, or the command that another tool's file starts it with."""

import re
from typing import Final

from agentc.frontends.importers.frame import Draft, Tree, clean
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import shortened

_URL: Final = re.compile(r"https?://[^\s{}]+\Z")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")
"""Of a tool: https://modelcontextprotocol.io/specification, "Tools"."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}\Z")
_FILLED: Final = re.compile(r"\$\{|\{\{|\$\w|%\w+%")
"""Forms in which files name what is put in when they are read."""


def mcp_tool(draft: Draft, label: str, name: str, server: Part | None = None) -> Tree:
    """The fields of ``tools`` for the tool ``name`` of a server that is called ``label``, or is at it. ``server`` may
    state the ``command`` that starts it, with ``args`` and ``env``: of variables only the names are taken over."""
    plain = name if _NAME.match(name) else clean(name, "tool")
    if _URL.match(label):
        return {"mcp": label if "#" in label else f"{label}#{plain}"}
    where: Tree = {"mcp": f"{label or 'mcp'}/{plain}"}
    if server is None or not server["command"].text():
        return where
    command = [server["command"].text(), *server["args"].texts()]
    filled = next((word for word in command if _FILLED.search(word) or "\0" in word), None)
    if filled is not None or server["cwd"].text():
        what = f"`{shortened(filled, 80)}` of the command" if filled is not None else "the folder of the command"
        message = f"{what} is not taken over: nothing is started for the tool `{shortened(name, 80)}`"
        help = "state the tool's `command` in the definition that `agentc import` writes"
        draft.warn("import-left-out", message, server, help)
        return where
    variables = [key for key in server["env"].fields() if _VARIABLE.match(key)]
    return {**where, "command": command[:200], **({"env": variables[:100]} if variables else {})}
