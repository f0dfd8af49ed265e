"""What a run puts in the place of parts of an agent: of models, tools, and steps whose content is unknown."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from xdsl.ir import Operation

from agentc.dialects.model import SpecOp as ModelSpec
from agentc.dialects.tool import SpecOp as ToolSpec
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean
from agentc.support.record import record

_PYTHON: Final = re.compile(r"[^:\x00-\x1f\x7f]+\.py:[A-Za-z_][A-Za-z0-9_]*\Z")


@record(slots=True)
class Bindings:
    """Name -> what stands in its place."""

    models: Mapping[str, str] = field(default_factory=dict[str, str])
    """Model -> ``URL`` or ``URL#name``."""
    tools: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tool -> ``file.py:function``, ``URL``, or ``URL#tool`` of a server that speaks MCP."""
    steps: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path of a node of unknown content -> ``file.py:function``."""


def bindings(
    stated: Mapping[str, str], symbols: Mapping[str, Operation], unknown: "Mapping[str, Operation]"
) -> Bindings:
    """``stated`` by what it names; ``unknown`` are the nodes of unknown content.

    Raises:
        Refused: ``bad-binding``, ``unknown-model``: each name that is nothing of the agent, or takes another value.
    """
    models: dict[str, str] = {}
    tools: dict[str, str] = {}
    steps: dict[str, str] = {}
    found: list[Diagnostic] = []
    for name, where in stated.items():
        if isinstance(symbols.get(name), ToolSpec):
            tools[name] = where
            found += [] if is_python(where) or _is_url(where) else [_refused(name, where, "a tool is bound to")]
        elif name in unknown:
            steps[name] = where
            found += [] if is_python(where) else [_refused(name, where, "a step of unknown content is bound to")]
        elif is_python(where) or not isinstance(symbols.get(name), ModelSpec):
            found.append(_unknown(name, where, symbols, unknown))
        else:
            models[name] = where
    if found:
        raise Refused(*found)
    return Bindings(models, tools, steps)


def is_python(where: str) -> bool:
    """Whether ``where`` is a function of a file."""
    return _PYTHON.match(where) is not None


def _is_url(where: str) -> bool:
    return where.startswith(("http://", "https://"))


def _refused(name: str, where: str, what: str) -> Diagnostic:
    help = f"{what} `file.py:function`" + (", `http://HOST/PATH` or `http://HOST/mcp#tool`" if "tool" in what else "")
    return Diagnostic("bad-binding", f"`{name}` cannot be bound to `{where}`", help=help)


def _unknown(name: str, where: str, symbols: Mapping[str, Operation], unknown: Mapping[str, Operation]) -> Diagnostic:
    models = [symbol for symbol, op in symbols.items() if isinstance(op, ModelSpec)]
    functions = [*(symbol for symbol, op in symbols.items() if isinstance(op, ToolSpec)), *unknown]
    if not is_python(where):
        known = [*models, *functions]
        return Diagnostic(
            "unknown-model", f"the agent has no model and no tool `{name}`", help=did_you_mean(name, known)
        )
    if name in models:
        help = f"write `--bind {name}=http://HOST:PORT/v1`"
        return Diagnostic("bad-binding", f"`{name}` is a model, which no function takes the place of", help=help)
    message = f"the agent has no tool and no step of unknown content `{name}`"
    return Diagnostic("bad-binding", message, help=did_you_mean(name, functions))
