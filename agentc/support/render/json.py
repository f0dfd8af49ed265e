"""Diagnostics as one JSON object, schema 1."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from agentc.support.diagnostics import Diagnostic, Span


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> str:
    """``{"schema": 1, "diagnostics": [...]}``; lines and columns count from 1, end columns are exclusive."""
    del sources
    found = [_diagnostic(d) for d in diagnostics]
    return json.dumps({"schema": 1, "diagnostics": found}, indent=2, ensure_ascii=False) + "\n"


def _diagnostic(d: Diagnostic) -> dict[str, Any]:
    return {
        "slug": d.slug,
        "severity": d.severity.value,
        "message": d.message,
        "span": _span(d.span),
        "labels": [{"span": _span(label.span), "text": label.text} for label in d.labels],
        "notes": list(d.notes),
        "help": d.help,
    }


def _span(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
