"""Diagnostics as workflow commands, which GitHub shows beside the lines of a pull request.

Format: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterable, Mapping

from agentc.support.diagnostics import Diagnostic, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> str:
    """One command a line."""
    del sources
    return "".join(f"{_command(d)}\n" for d in diagnostics)


def _command(d: Diagnostic) -> str:
    fields = {"title": d.slug}
    if d.span:
        fields |= {"file": d.span.file, "line": str(d.span.line), "endLine": str(d.span.end_line)}
        fields |= {"col": str(d.span.column), "endColumn": str(max(d.span.column, d.span.end_column - 1))}
    properties = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
    parts = [d.message, *(f"note: {note}" for note in d.notes), *([f"help: {d.help}"] if d.help else [])]
    return f"::{_COMMANDS[d.severity]} {properties}::{_data(chr(10).join(parts))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
