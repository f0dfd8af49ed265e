"""Diagnostics as SARIF 2.1.0 (OASIS Static Analysis Results Interchange Format), for code scanning services."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from agentc.support import manual
from agentc.support.diagnostics import Diagnostic, Severity, Span

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> str:
    """One run of the tool ``agentc``, one rule a slug."""
    del sources
    found = list(diagnostics)
    slugs = list(dict.fromkeys(d.slug for d in found))
    rules = [_rule(slug) for slug in slugs]
    run = {
        "tool": {"driver": {"name": "agentc", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d) | {"ruleIndex": slugs.index(d.slug)} for d in found],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(slug: str) -> dict[str, Any]:
    """The diagnostic with its manual page, which code scanning shows beside each finding."""
    page = manual.page(slug)
    if page is None:
        return {"id": slug}
    return {
        "id": slug,
        "shortDescription": {"text": manual.title(slug) or slug},
        "help": {"text": page, "markdown": page},
    }


def _result(d: Diagnostic) -> dict[str, Any]:
    text = "\n".join([d.message, *d.notes, *([d.help] if d.help else [])])
    result: dict[str, Any] = {"ruleId": d.slug, "level": _LEVELS[d.severity], "message": {"text": text}}
    if d.span:
        result["locations"] = [_location(d.span)]
    if d.labels:
        result["relatedLocations"] = [_location(label.span) | {"message": {"text": label.text}} for label in d.labels]
    return result


def _location(span: Span) -> dict[str, Any]:
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    artifact = {"uri": quote(span.file.replace("\\", "/"), safe="/~", errors="replace")}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}
