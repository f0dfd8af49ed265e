"""Diagnostics for people: the message, the source line, carets, notes and help."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from agentc.support.diagnostics import Diagnostic, Label, Severity, Span

_COLORS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}
_QUIET = "1;34"
_WIDTH = 160
"""Longer source lines are cut around the carets."""

_MAX_SOURCE = 10_000_000


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], color: bool = False) -> str:
    """All ``diagnostics``, then how many there are. ``sources`` holds texts that are not files."""
    found = list(diagnostics)
    painter = _Painter(color)
    lines = _Lines(sources)
    blocks = [_block(d, lines, painter) for d in found]
    return "\n\n".join([*blocks, _summary(found, painter)]) + "\n" if found else ""


class _Painter:
    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text


class _Lines:
    """Source lines by file, each file read once."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._texts = {file: text.splitlines() for file, text in sources.items()}

    def get(self, span: Span) -> str | None:
        if span.file not in self._texts:
            self._texts[span.file] = _read(Path(span.file))
        lines = self._texts[span.file]
        return lines[span.line - 1] if 0 < span.line <= len(lines) else None


def _read(path: Path) -> list[str]:
    try:
        if not path.is_file() or path.stat().st_size > _MAX_SOURCE:
            return []
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _block(d: Diagnostic, lines: _Lines, paint: _Painter) -> str:
    code = _COLORS[d.severity]
    head = paint(f"{d.severity.value}[{d.slug}]", code) + paint(f": {printable(d.message)}", "1")
    spans = [s for s in (d.span, *(label.span for label in d.labels)) if s]
    margin = " " * len(str(max((s.line for s in spans), default=0)))
    out = [head]
    if d.span:
        out += _excerpt(Label(d.span, ""), "^", code, margin, lines, paint)
    for label in d.labels:
        out += _excerpt(label, "-", _QUIET, margin, lines, paint)
    out += [f"{margin} {paint('=', _QUIET)} note: {printable(note)}" for note in d.notes]
    if d.help:
        out.append(f"{margin} {paint('=', _QUIET)} help: {printable(d.help)}")
    return "\n".join(out)


def _excerpt(label: Label, mark: str, code: str, margin: str, lines: _Lines, paint: _Painter) -> list[str]:
    span = label.span
    out = [f"{margin}{paint('-->', _QUIET)} {printable(str(span))}"]
    line = lines.get(span)
    if line is None:
        return [*out, f"{margin} = {printable(label.text)}"] if label.text else out
    line, span = _cut(line, span)
    lead, marked = _marked(line, span)
    number = str(span.line).rjust(len(margin))
    bar = paint("|", _QUIET)
    carets = paint(f"{mark * marked} {printable(label.text)}".rstrip(), code)
    text = f"{paint(number, _QUIET)} {bar} {printable(line)}".rstrip()
    return [*out, f"{margin} {bar}", text, f"{margin} {bar} {' ' * lead}{carets}"]


def _marked(line: str, span: Span) -> tuple[int, int]:
    """Screen cells before the carets, and carets."""
    start = min(span.column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    return _cells(line[:start]), max(1, _cells(line[start:end]))


def _cut(line: str, span: Span) -> tuple[str, Span]:
    """At most ``_WIDTH`` characters of a long line, with the place moved along."""
    if len(line) <= _WIDTH:
        return line, span
    start = max(0, min(span.column - 1 - _WIDTH // 4, len(line) - _WIDTH))
    end = min(span.end_column - start, _WIDTH + 1)
    return line[start : start + _WIDTH], replace(span, column=span.column - start, end_column=max(1, end))


def _cells(text: str) -> int:
    """Columns that ``text`` takes on a terminal."""
    return sum(_cell(c) for c in printable(text))


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """``text`` on one line and without control characters, so that no input steers the terminal."""
    flat = text.replace("\t", "    ").replace("\n", " ")
    return "".join(c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in flat)


def _summary(found: list[Diagnostic], paint: _Painter) -> str:
    parts: list[str] = []
    for severity in (Severity.ERROR, Severity.WARNING):
        if count := sum(d.severity is severity for d in found):
            parts.append(paint(f"{count} {severity.value}{'s' * (count > 1)}", _COLORS[severity]))
    slugs = list(dict.fromkeys(d.slug for d in found))
    more = f"; more: agentc explain {slugs[0]}" if len(slugs) == 1 else "; more: agentc explain SLUG"
    return (", ".join(parts) or f"{len(found)} notes") + more
