"""IR text as a source: a module that somebody wrote, or that an earlier run printed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agentc.support.diagnostics import Diagnostic, Refused, Span

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp

MAX_BYTES = 100_000_000


_BEYOND_THE_PARSER = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError)
"""What xDSL's parser raises on text that nobody printed: numbers out of range, attributes of another kind."""


def context() -> "Context":
    """A context that knows upstream's dialects and agentc's, each loaded when it is first used."""
    from xdsl.context import Context
    from xdsl.dialects import get_all_dialects

    from agentc.dialects import DIALECTS
    from agentc.support.registry import loader

    ctx = Context()
    for name, factory in get_all_dialects().items():
        ctx.register_dialect(name, factory)
    for name, place in DIALECTS.items():
        ctx.register_dialect(name, loader(place))
    return ctx


def load(path: str | Path, *, overrides: Mapping[str, object] | None = None) -> "ModuleOp":
    """Parse and verify the module at ``path``; ``overrides`` may replace values of ``sla`` and ``load``.

    Raises:
        Refused: it cannot be read, is no such module, or does not verify.
    """
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.parser import Parser
    from xdsl.utils.exceptions import ParseError, VerifyException

    text = _text(path)
    try:
        module = Parser(context(), text, str(path)).parse_module()
        module.verify()
    except ParseError as problem:
        raise Refused(_syntax(problem, str(path), text)) from problem
    except VerifyException as problem:
        message = str(problem).strip().splitlines()[-1] if str(problem).strip() else "the module does not verify"
        raise Refused(Diagnostic("unreadable-ir", message, Span(str(path)))) from problem
    except RecursionError as problem:
        raise Refused(Diagnostic("unreadable-ir", "the module is nested too deeply", Span(str(path)))) from problem
    except (ValueError, *_BEYOND_THE_PARSER) as problem:
        raise Refused(Diagnostic("unreadable-ir", str(problem) or "no IR", Span(str(path)))) from problem
    assert isinstance(module, ModuleOp)
    _override(module, overrides or {}, str(path))
    return module


def _text(path: str | Path) -> str:
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise Refused(Diagnostic("unreadable-ir", f"`{path}` is larger than {MAX_BYTES // 1_000_000} MB"))
        return Path(path).read_text(encoding="utf-8")
    except OSError as problem:
        raise Refused(Diagnostic("unreadable-file", f"cannot read `{path}`: {problem.strerror}")) from problem
    except UnicodeDecodeError as problem:
        raise Refused(Diagnostic("unreadable-ir", f"`{path}` is not UTF-8", Span(str(path)))) from problem


def _syntax(problem: Exception, file: str, text: str) -> Diagnostic:
    """The place that the parser marked, and its message."""
    start: int = getattr(getattr(problem, "span", None), "start", 0)
    message = str(getattr(problem, "msg", problem)).strip().splitlines()
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    span = Span(file, text.count("\n", 0, start) + 1, column)
    return Diagnostic("unreadable-ir", message[0] if message else "no IR", span)


def _override(module: "ModuleOp", overrides: Mapping[str, object], file: str) -> None:
    """Replace the entry graph's limits and load."""
    if not overrides:
        return
    from xdsl.dialects.builtin import ArrayAttr

    from agentc.dialects.agent import GraphOp
    from agentc.dialects.agent_values import LimitAttr, LoadAttr
    from agentc.frontends.yaml.terms import from_overrides

    stated = from_overrides(overrides, file)
    for op in module.ops:
        if isinstance(op, GraphOp) and op.entry is not None:
            metrics = {limit.metric for limit in stated.limits}
            kept = [attr for attr in op.limits or () if attr.data.metric not in metrics]
            limits = [*kept, *map(LimitAttr, stated.limits)]
            op.properties["limits"] = ArrayAttr(limits)
            if stated.load is not None:
                op.properties["load"] = LoadAttr(stated.load)
