"""Documents from files, cut into passages along their paragraphs."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any, Final, cast

from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

TEXTS: Final = frozenset({".txt", ".md", ".markdown", ".rst", ".adoc", ".html", ".csv", ".tsv", ".yaml", ".yml"})
"""Suffixes that are read as text; `.json` and `.jsonl` hold documents as records."""
PASSAGE_CHARACTERS: Final = 1000
"""About 250 tokens: what an embedding model of 256 or 512 tokens reads as a whole."""


@record(slots=True)
class Passage:
    """A piece of a document that is found as one."""

    id: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


def read(root: Path, memory: str, characters: int = PASSAGE_CHARACTERS) -> list[Passage]:
    """The passages of a file, or of all files below a folder, in the order of their names.

    Raises:
        Refused: ``documents-unreadable``.
    """
    if not root.exists():
        raise _unreadable(memory, f"`{root.name}` is not in the build")
    files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    base = root.parent if root.is_file() else root
    known = [path for path in files if path.suffix.lower() in TEXTS | {".json", ".jsonl"}]
    return [passage for path in known for passage in _of_file(path, path.relative_to(base), memory, characters)]


def fingerprint(root: Path) -> str:
    """A digest of names and contents: says when a memory must be filled again."""
    digest = hashlib.sha256()
    files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    for path in files:
        digest.update(str(path.relative_to(root)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def cut(text: str, characters: int = PASSAGE_CHARACTERS) -> list[str]:
    """Whole paragraphs while they fit; one that is longer is cut between words."""
    passages: list[str] = []
    current = ""
    for part in _parts(text, characters):
        if current and len(current) + len(part) + 2 > characters:
            passages.append(current)
            current = ""
        current = f"{current}\n\n{part}" if current else part
    return [*passages, *([current] if current else [])]


def _parts(text: str, characters: int) -> Iterator[str]:
    """Paragraphs, none longer than ``characters``."""
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        rest = paragraph.strip()
        while len(rest) > characters:
            end = max(rest.rfind(" ", 0, characters), rest.rfind("\n", 0, characters))
            end = end if end > 0 else characters
            yield rest[:end].rstrip()
            rest = rest[end:].lstrip()
        if rest:
            yield rest


def _of_file(path: Path, name: Path, memory: str, characters: int) -> list[Passage]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".jsonl":
            entries = [json.loads(line) for line in text.splitlines() if line.strip()]
        elif path.suffix.lower() == ".json":
            entries = _entries(json.loads(text))
        else:
            entries = [{"id": name.as_posix(), "text": text}]
    except (OSError, ValueError) as error:
        raise _unreadable(memory, f"`{name}`: {error}") from error
    return [passage for place, entry in enumerate(entries) for passage in _passages(entry, name, place, characters)]


def _entries(data: Any) -> list[Any]:
    return cast(list[Any], data) if isinstance(data, list) else [data]


def _passages(entry: Any, name: Path, place: int, characters: int) -> list[Passage]:
    record: dict[str, Any] = cast(dict[str, Any], entry) if isinstance(entry, dict) else {"text": str(entry)}
    whole = str(record.get("id", f"{name.as_posix()}:{place}"))
    text = str(record["text"]) if "text" in record else json.dumps(record, ensure_ascii=False)
    stated = {key: value for key, value in record.items() if key not in ("id", "text", "metadata")}
    metadata = {"source": name.as_posix(), **stated, **cast(dict[str, Any], record.get("metadata") or {})}
    pieces = cut(text, characters)
    if len(pieces) <= 1:
        return [Passage(whole, piece, metadata) for piece in pieces]
    return [Passage(f"{whole}#{number}", piece, metadata) for number, piece in enumerate(pieces, 1)]


def _unreadable(memory: str, why: str) -> Refused:
    return Refused(Diagnostic("documents-unreadable", f"documents of memory `{memory}` cannot be read: {why}"))
