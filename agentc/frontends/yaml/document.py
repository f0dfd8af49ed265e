"""Documents beside YAML files: data from elsewhere, or a file with some values replaced, with places all the same."""

import copy
from collections.abc import Collection, Mapping
from typing import Any, cast

from agentc.support.diagnostics import Span
from agentc.support.yaml_source import Document

Path = tuple[str | int, ...]


class Overlay(Document):
    """A document with other data; places come from the document below, or from ``places``.

    ``assumed``: what of the data nobody stated, where that is known; else what the document below says of values that
    are still the same.
    """

    def __init__(
        self,
        below: Document,
        data: Any,
        places: Mapping[Path, Span] | None = None,
        assumed: Collection[Path] | None = None,
    ) -> None:
        super().__init__(below.file, below.text, None)
        self._assumed = assumed
        self._below = below
        self._data = data
        self._places = places or {}

    @property
    def data(self) -> Any:
        """The replaced data."""
        return self._data

    def span(self, path: Path = (), key: bool = False) -> Span:
        """The place of the nearest enclosing value that has one."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        return self._below.span(path, key)

    def assumed(self, path: Path) -> bool:
        """Whether nobody stated the value at ``path``."""
        if self._assumed is not None:
            return path in self._assumed
        return self._below.assumed(path) and self.has(path) and _at(self._below.data, path) == _at(self._data, path)

    def has(self, path: Path) -> bool:
        """Whether the data holds a value at ``path``."""
        value = self._data
        for step in path:
            if not _holds(value, step):
                return False
            value = value[step]
        return True


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)  # pyright: ignore[reportUnknownArgumentType]


def with_values(document: Document, overrides: Mapping[str, object]) -> Document:
    """``document`` with values at dotted paths (``sla.ttft_ms.p95``) replaced or added."""
    if not overrides or not isinstance(document.data, dict):
        return document
    data: dict[str, Any] = copy.deepcopy(cast(Any, document).data)
    for path, value in overrides.items():
        _put(data, path.split("."), value)
    return Overlay(document, data)


def _put(data: dict[str, Any], steps: list[str], value: object) -> None:
    for step in steps[:-1]:
        inner = data.get(step)
        data[step] = dict(inner) if isinstance(inner, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
        data = data[step]
    data[steps[-1]] = value


def without(data: Any, path: Path) -> Any:
    """A copy of ``data`` (shared where it does not differ) that lacks what is at ``path``."""
    return _edited(data, path, None, drop=True)


def replaced(data: Any, path: Path, value: Any) -> Any:
    """A copy of ``data`` (shared where it does not differ) with ``value`` at ``path``."""
    return _edited(data, path, value, drop=False)


def _edited(data: Any, path: Path, value: Any, *, drop: bool) -> Any:
    if not path:
        return value
    step = path[0]
    fresh = copy.copy(data)
    if len(path) == 1 and drop:
        del fresh[step]
    else:
        fresh[step] = _edited(data[step], path[1:], value, drop=drop)
    return fresh
