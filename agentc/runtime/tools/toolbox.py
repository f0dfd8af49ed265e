"""The tools of a program: finding one and checking its arguments is apart from running it, as in the IR."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from xdsl.ir import Attribute

from agentc.dialects.tool import SpecOp
from agentc.runtime.attributes import plain_attribute, plain_attributes
from agentc.runtime.bindings import is_python
from agentc.runtime.tools.python import PythonFiles, arguments_refused
from agentc.runtime.tools.stdio import Server, Servers
from agentc.runtime.values import Mistyped, as_flag, as_text, convert, shown
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

TIMEOUT_SECONDS: Final = 60.0
"""How long a tool may take where its `tool.spec` carries no `timeout_seconds`."""


@record(slots=True)
class Handle:
    """A tool that was found, with its arguments checked: the value of `!tool.handle`."""

    tool: str
    call: Callable[[], Any]
    seconds: float
    """How long it may take."""


class Toolbox:
    """Tools by symbol."""

    def __init__(self, specs: Mapping[str, SpecOp], folder: Path | None, bound: Mapping[str, str] = {}) -> None:
        """``folder``: where the build keeps Python files. ``bound``: tool -> what this run puts in its place."""
        self._specs = specs
        self._bound = bound
        self._servers = Servers()
        self.files = PythonFiles(folder if folder is not None else Path("/nonexistent"))
        self.bound_files = PythonFiles(Path(), built=False)
        """Functions of the user's files that a run is bound to."""

    def close(self) -> None:
        """End the servers that calls have started."""
        self._servers.close()

    def find(self, name: str, names: Sequence[str], args: Sequence[Any]) -> Handle:
        """The tool ready to run; ``names`` are those of the first arguments.

        Raises:
            Refused: ``tool-missing``; ``tool-arguments``, if it does not take these arguments.
        """
        spec = self._specs[name]
        wanted = plain_attributes(spec.parameters)
        names = list(names) or list(wanted)[: len(args)]
        values = [self._checked(name, key, value, wanted) for key, value in zip(names, args, strict=False)]
        return Handle(name, self._call(name, spec, names, [*values, *args[len(names) :]]), seconds(spec))

    def _call(self, name: str, spec: SpecOp, names: Sequence[str], args: Sequence[Any]) -> Callable[[], Any]:
        bound = self._bound.get(name)
        if bound is not None and is_python(bound):
            return self.bound_files.bind(bound, names, args)
        if spec.python is not None and bound is None:
            return self.files.bind(spec.python.data, names, args)
        named = dict(zip([*names, *(f"arg{n}" for n in range(len(names), len(args)))], args, strict=True))
        call = self._remote(name, spec, bound, named)
        return (lambda: _told(name, call)) if bound is None and _is_assumed(spec) else call

    def _remote(self, name: str, spec: SpecOp, bound: str | None, named: Mapping[str, Any]) -> Callable[[], Any]:
        from agentc.runtime.tools.remote import OPENING, call_mcp, call_process, post

        if bound is not None:
            send = call_mcp if "#" in bound else post
            return lambda: send(name, bound, named, seconds(spec))
        if spec.http is not None:
            url = spec.http.data
            return lambda: post(name, url, named, seconds(spec))
        if spec.mcp is None:
            message = f"tool `{name}` states neither a Python function nor an address"
            raise Refused(Diagnostic("tool-missing", message))
        target, command = spec.mcp.data, _words(spec, "command")
        if not command:
            return lambda: call_mcp(name, target, named, seconds(spec))

        def server(limit: float) -> Server:
            return self._servers.server(command, _words(spec, "env"), OPENING, limit)

        return lambda: call_process(name, target, server, named, seconds(spec))

    def _checked(self, tool: str, key: str, value: Any, wanted: Mapping[str, Any]) -> Any:
        """``value`` as the type that the tool's schema states for ``key``."""
        if not wanted:
            return value
        if key not in wanted:
            raise arguments_refused(tool, f"no argument `{key}`; there are {', '.join(wanted)}")
        try:
            return _as(wanted[key], value)
        except Mistyped as error:
            raise arguments_refused(tool, f"argument `{key}`: {error}") from None


def _as(type: object, value: Any) -> Any:
    """``value`` as a type of the IR, or as one that a schema names in words."""
    if value is None or isinstance(type, Attribute):
        return convert(value, type) if isinstance(type, Attribute) else None
    match str(type):
        case "text" | "str" | "string":
            return as_text(value)
        case "flag" | "bool" | "boolean":
            return as_flag(value)
        case "number" | "int" | "float" | "integer":
            try:
                return value if isinstance(value, int | float) else float(value)
            except (TypeError, ValueError):
                raise Mistyped(f"expected a number, found {shown(value)}") from None
        case _:
            return value


def _is_assumed(spec: SpecOp) -> bool:
    """Whether nobody stated where the tool is served."""
    marks = spec.attributes.get("agent.assumed")
    return marks is not None and "server" in plain_attribute(marks)


def _words(spec: SpecOp, key: str) -> list[str]:
    """A list of texts that a tool carries."""
    stated = spec.attributes.get(key)
    return [str(word) for word in plain_attribute(stated)] if stated is not None else []


def _told(name: str, call: Callable[[], Any]) -> Any:
    """What ``call`` gives; where nobody answers, what to do about it."""
    try:
        return call()
    except Refused as refused:
        help = f"the address of tool `{name}` was assumed: state its `http`, `mcp` or `python` in the definition"
        raise Refused(*(replace(each, help=each.help or help) for each in refused.diagnostics)) from refused


def seconds(spec: SpecOp) -> float:
    """How long the tool may take."""
    stated = spec.attributes.get("timeout_seconds")
    return float(plain_attribute(stated)) if stated is not None else TIMEOUT_SECONDS
