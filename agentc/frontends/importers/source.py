"""A document of another tool, read with care: each part knows its place, and a part of the wrong type is empty."""

from collections.abc import Iterator
from typing import Any, cast

from agentc.support.diagnostics import Span
from agentc.support.yaml_source import Document

Path = tuple[str | int, ...]

MAX_TEXT = 200_000
"""Characters of a prompt that are kept; longer ones are data, not instructions."""


class Part:
    """A value of a document. Asking it for what it is not gives nothing rather than a failure."""

    __slots__ = ("document", "path", "value")
    value: Any

    def __init__(self, document: Document, path: Path = (), value: Any = None) -> None:
        self.document = document
        self.path = path
        self.value = value

    @staticmethod
    def of(document: Document) -> "Part":
        """The whole of ``document``."""
        return Part(document, (), document.data)

    def __getitem__(self, key: str | int) -> "Part":
        """The value under ``key``, which is empty where there is none."""
        rows, inner = _mapping(self.value), None
        if key in rows:
            inner = rows[key]
        elif isinstance(key, int):
            items = _items(self.value)
            inner = items[key] if 0 <= key < len(items) else None
        return Part(self.document, (*self.path, key), inner)

    def at(self, *keys: str | int) -> "Part":
        """The value at the end of ``keys``."""
        found = self
        for key in keys:
            found = found[key]
        return found

    def __bool__(self) -> bool:
        """Whether something is stated: not null, and not an empty text, list or mapping."""
        return self.value is not None and self.value != "" and self.value != [] and self.value != {}

    def __contains__(self, key: str) -> bool:
        return key in _mapping(self.value)

    @property
    def is_mapping(self) -> bool:
        """Whether it has fields."""
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        """Whether it has items."""
        return isinstance(self.value, list)

    @property
    def is_text(self) -> bool:
        """Whether it is text."""
        return isinstance(self.value, str)

    def text(self, default: str = "") -> str:
        """It as text; numbers as they are written."""
        if isinstance(self.value, str):
            return self.value[:MAX_TEXT]
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return str(self.value)[:100]
        return default

    def number(self) -> float | None:
        """It as a finite number; a text that holds one counts."""
        value = self.value
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if -1e15 < value < 1e15 else None

    def count(self, most: int = 10**9) -> int | None:
        """It as a whole number of at least one."""
        number = self.number()
        return int(number) if number is not None and number == int(number) and 1 <= number <= most else None

    def flag(self, default: bool = False) -> bool:
        """It as true or false."""
        return self.value if isinstance(self.value, bool) else default

    def items(self) -> list["Part"]:
        """The items of a list; none of anything else."""
        return [Part(self.document, (*self.path, i), row) for i, row in enumerate(_items(self.value))]

    def fields(self) -> dict[str, "Part"]:
        """The fields of a mapping; none of anything else."""
        rows = _mapping(self.value).items()
        return {str(key): Part(self.document, (*self.path, key), inner) for key, inner in rows}

    def texts(self) -> list[str]:
        """The texts of a list, or the one text that stands instead of it."""
        if isinstance(self.value, str):
            return [self.value] if self.value else []
        return [row.text() for row in self.items() if row.text()]

    def walk(self) -> Iterator["Part"]:
        """It and all within; what aliases share is seen once."""
        seen: set[int] = set()
        waiting: list[Part] = [self]
        while waiting:
            part = waiting.pop()
            if id(part.value) in seen and not isinstance(part.value, str | int | float | bool | None):
                continue
            seen.add(id(part.value))
            yield part
            waiting.extend(reversed([*part.fields().values(), *part.items()]))

    @property
    def span(self) -> Span:
        """Where it stands; where the nearest that holds it stands if it is not there."""
        return self.document.span(self.path)

    @property
    def key_span(self) -> Span:
        """Where its key stands."""
        return self.document.span(self.path, key=True)


def _mapping(value: Any) -> dict[Any, Any]:
    return cast("dict[Any, Any]", value) if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
