"""A definition as YAML that people go on with: every assumption is a comment beside it."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from agentc.frontends.importers.frame import Imported
from agentc.frontends.importers.source import Path

WIDTH = 110
"""Columns of a line, comments aside."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./<>+-]*( [A-Za-z0-9_./+()-]+)*\Z")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
_UNSAFE = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_BREAKS = frozenset("\x85\u2028\u2029")


def text(imported: Imported, source: str) -> str:
    """``imported`` as a file. ``source``: what it was made from, as the head names it."""
    name = "".join(" " if ord(each) < 32 or _UNSAFE.match(each) else each for each in source)
    head = f"# Made from {name} ({imported.format}). `# assumed`: the source states nothing of it; check these first.\n"
    writer = _Writer(imported.assumptions)
    writer.mapping(imported.definition, (), 0)
    return head + "\n".join(writer.lines) + "\n"


class _Writer:
    def __init__(self, reasons: Mapping[Path, str]) -> None:
        self.reasons = reasons
        self.lines: list[str] = []
        self._noted = {path[:end] for path in reasons for end in range(len(path) + 1)}

    def mapping(self, value: Mapping[str, Any], path: Path, depth: int) -> None:
        for key, inner in value.items():
            self._entry(f"{scalar(key)}:", inner, (*path, key), depth)

    def _entry(self, head: str, value: Any, path: Path, depth: int) -> None:
        """A key or a dash, and its value on the same line or below."""
        indent, comment = "  " * depth, self._comment(path)
        short = self._short(value, path)
        if short is not None and len(indent) + len(head) + len(short) < WIDTH:
            self.lines.append(f"{indent}{head} {short}{comment}")
        elif isinstance(value, dict):
            self.lines.append(f"{indent}{head}{comment}")
            self.mapping(cast("dict[str, Any]", value), path, depth + 1)
        elif isinstance(value, list):
            self.lines.append(f"{indent}{head}{comment}")
            for i, item in enumerate(cast("list[Any]", value)):
                self._entry("-", item, (*path, i), depth + 1)
        elif isinstance(value, str) and _is_block(value):
            self.lines.append(f"{indent}{head} {'|' if value.endswith(chr(10)) else '|-'}{comment}")
            self.lines += [f"{indent}  {line}" if line else "" for line in value.removesuffix("\n").split("\n")]
        else:
            self.lines.append(f"{indent}{head} {scalar(value)}{comment}")

    def _comment(self, path: Path) -> str:
        why = self.reasons.get(path)
        return "  # assumed: " + " ".join(_UNSAFE.sub(" ", why).split()) if why else ""

    def _short(self, value: Any, path: Path) -> str | None:
        """``value`` in one line, where that says it all."""
        if isinstance(value, str) and _is_block(value):
            return None
        if not isinstance(value, dict | list):
            return scalar(value)
        if path in self._noted and not (path in self.reasons and not value):
            return None
        if isinstance(value, dict):
            rows = [(key, self._short(inner, (*path, key))) for key, inner in cast("dict[str, Any]", value).items()]
            if any(inner is None for _, inner in rows) or (path[-1:] == ("nodes",) and rows):
                return None
            return "{" + ", ".join(f"{scalar(key)}: {inner}" for key, inner in rows) + "}"
        items = [self._short(inner, (*path, i)) for i, inner in enumerate(cast("list[Any]", value))]
        return None if any(item is None for item in items) else "[" + ", ".join(map(str, items)) + "]"


def _is_block(value: str) -> bool:
    """Whether a text is best written line by line."""
    inside = "\n" in value.removesuffix("\n")
    safe = not _UNSAFE.search(value) and not _BREAKS & set(value) and "\t" not in value
    return inside and safe and value[0] not in " \n" and not value.endswith("\n\n") and not value.endswith(" ")


def scalar(value: Any) -> str:
    """``value`` as YAML 1.2 reads it back, in a line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else _decimal(value)
    plain = str(value)
    if _PLAIN.match(plain) and plain.lower() not in _WORDS and len(plain) < 200:
        return plain
    quoted = json.dumps(plain, ensure_ascii=False)
    return re.sub(
        "[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]", _escaped, quoted
    )


def _decimal(value: float) -> str:
    short = f"{value:.6g}"
    exact = short if float(short) == value else repr(value)
    return exact if "e" not in exact or "." in exact.partition("e")[0] else exact.replace("e", ".0e")


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
