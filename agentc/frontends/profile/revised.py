"""A definition's document in which figures of a profile stand, each with its place in the profile."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agentc.frontends.yaml.document import Overlay, Path
from agentc.support.diagnostics import Span
from agentc.support.yaml_source import Document


@dataclass
class Edits:
    """What changes in one document."""

    values: list[tuple[Path, Any]] = field(default_factory=list[tuple[Path, Any]])
    """In order: what is put where."""
    leaves: dict[Path, Span] = field(default_factory=dict[Path, Span])
    """Places of figures, and of all within them."""
    exact: dict[Path, Span] = field(default_factory=dict[Path, Span])
    """Places of mappings whose entries keep theirs."""
    copies: dict[Path, Path] = field(default_factory=dict[Path, Path])
    """A copy -> what it was made of, which says its place."""

    derived: set[Path] = field(default_factory=set[Path])
    """Figures that follow from the profile's and from the definition's: what was assumed of them still is."""

    def put(self, path: Path, value: Any, places: Mapping[Path, Span]) -> None:
        """State a figure; ``places`` are those of its parts, relative to it."""
        self.values.append((path, value))
        self.leaves.update({(*path, *inner): span for inner, span in places.items()})

    def copy(self, path: Path, new: Path, value: Any) -> None:
        """State ``value``, which is that of ``path``, at ``new`` too."""
        self.values.append((new, value))
        self.copies[new] = path


class Revised(Overlay):
    """``below`` with ``edits``; places are those of the profile where a figure is the profile's."""

    def __init__(self, below: Document, edits: Edits) -> None:
        super().__init__(below, with_edits(below.data, edits.values))
        self._edits = edits

    def span(self, path: Path = (), key: bool = False) -> Span:
        """The place of the value (or its key) at ``path``, or of the nearest enclosing one that has a place."""
        for length in range(len(path), 0, -1):
            if (found := self._edits.leaves.get(path[:length])) is not None:
                return found
        if path in self._edits.exact:
            return self._edits.exact[path]
        for length in range(len(path), 0, -1):
            if (original := self._edits.copies.get(path[:length])) is not None:
                return self.span((*original, *path[length:]), key)
        return super().span(path, key)

    def assumed(self, path: Path) -> bool:
        """Whether nobody stated the value at ``path``, the profile neither."""
        if path in self._edits.derived:
            return self._below.assumed(path)
        if any(path[:length] in self._edits.leaves for length in range(len(path) + 1)):
            return False
        for length in range(len(path), 0, -1):
            if (original := self._edits.copies.get(path[:length])) is not None:
                return self.assumed((*original, *path[length:]))
        return self._below.assumed(path)


def with_edits(data: Any, values: Iterable[tuple[Path, Any]]) -> Any:
    """A copy of ``data`` with each value at its path; mappings on the way are made where there are none."""
    for path, value in values:
        data = _put(data, path, value)
    return data


def _put(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    fresh = dict(cast("dict[Any, Any]", data)) if isinstance(data, dict) else {}
    fresh[path[0]] = _put(fresh.get(path[0]), path[1:], value)
    return fresh
