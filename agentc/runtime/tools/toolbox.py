"""The tools of a program: finding one and checking its arguments is apart from running it, as in the IR."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from xdsl.ir import Attribute

from agentc.dialects.tool import SpecOp
from agentc.runtime.attributes import plain_attribute, plain_attributes
from agentc.runtime.tools.python import PythonFiles, arguments_refused
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

    def __init__(self, specs: Mapping[str, SpecOp], folder: Path | None) -> None:
        """``folder``: where the build keeps Python files."""
        self._specs = specs
        self.files = PythonFiles(folder if folder is not None else Path("/nonexistent"))

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
        if spec.python is not None:
            return self.files.bind(spec.python.data, names, args)
        target = spec.http or spec.mcp
        if target is None:
            message = f"tool `{name}` states neither a Python function nor an address"
            raise Refused(Diagnostic("tool-missing", message))
        from agentc.runtime.tools.remote import call_mcp, post

        named = dict(zip([*names, *(f"arg{n}" for n in range(len(names), len(args)))], args, strict=True))
        send = post if spec.http is not None else call_mcp

        def call() -> Any:
            return send(name, target.data, named, seconds(spec))

        return (lambda: _told(name, call)) if _is_assumed(spec) else call

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
