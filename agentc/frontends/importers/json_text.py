"""JSON where YAML reads it otherwise: tabs between tokens, comments, and characters written as two surrogates.

YAML 1.2 takes JSON for YAML, but its readers take no tab for indentation and no half of a character, nor do they know
the comments of `.jsonc`. All are put in a way that they take; lines stay, and so do columns but for what follows such a
character on its line.
"""

import re
from pathlib import Path
from typing import Any

from agentc.frontends.importers.frame import Draft
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import Diagnostics, Refused, Span, shortened
from agentc.support.yaml_source import MAX_BYTES, Document, load_yaml, parse_yaml

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.S)
"""A string or a comment."""

_ESCAPE = re.compile(
    rb"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.S
)


def open_source(path: str | Path) -> Document:
    """The document of a file that ends in `.json` or `.jsonc`, or of YAML.

    Raises:
        Refused: it cannot be read, or is neither.
    """
    if not str(path).endswith((".json", ".jsonc")):
        return load_yaml(path)
    found = Diagnostics()
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as problem:
        found.error("unreadable-file", f"cannot read `{shortened(str(path))}`: {problem.strerror}")
        raise Refused(*found) from problem
    return parse_source(raw, str(path))


def parse_source(raw: str | bytes, file: str) -> Document:
    """The document that ``raw`` is, by the end of its file's name. Raises Refused."""
    if not file.endswith((".json", ".jsonc")) or len(raw) > MAX_BYTES:
        return parse_yaml(raw, file)
    return parse_yaml(as_yaml(raw.encode() if isinstance(raw, str) else raw), file)


class Inner(Document):
    """A document in a text of another: all its places are that text's."""

    def __init__(self, text: str, part: Part) -> None:
        super().__init__(part.document.file, text, None)
        self._read = parse_source(text, "inner.json")
        self._part = part

    @property
    def data(self) -> Any:
        """What the text says."""
        return self._read.data

    def span(self, path: tuple[str | int, ...] = (), key: bool = False) -> Span:
        """The place of the text."""
        return self._part.span

    def has(self, path: tuple[str | int, ...]) -> bool:
        """Whether there is a value at ``path``."""
        return self._read.has(path)


def inner(draft: Draft, part: Part) -> Part:
    """The mapping that stands as JSON in the text ``part``.

    Raises:
        Refused: it is no JSON, or no mapping; told at the text, with the line within.
    """
    try:
        found = Part.of(Inner(part.value, part))
    except Refused as refused:
        first = refused.diagnostics[0]
        line = f"line {first.span.line} of the JSON in it: " if first.span else ""
        raise draft.refuse(first.slug, f"{line}{first.message}", part, first.help) from refused
    if not found.is_mapping:
        raise draft.refuse("wrong-type", "the JSON in it is no mapping", part)
    return found


def as_yaml(raw: bytes) -> bytes:
    """``raw`` as readers of YAML take it."""
    made: list[bytes] = []
    end = 0
    for match in _TOKEN.finditer(raw):
        made += (raw[end : match.start()].replace(b"\t", b" "), _taken(match[0]))
        end = match.end()
    made.append(raw[end:].replace(b"\t", b" "))
    return b"".join(made)


def _taken(token: bytes) -> bytes:
    """A string with its characters as YAML writes them; blanks for a comment."""
    return _ESCAPE.sub(_character, token) if token[:1] == b'"' else re.sub(rb"[^\n]", b" ", token)


def _character(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        high, low = int(match[1], 16), int(match[2], 16)
        return b"\\U%08X" % (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return b"\\uFFFD" if match[0].startswith(b"\\u") else match[0]
