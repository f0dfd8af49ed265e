"""From a document to a checked ``Source``: every problem of a file in one run.

Where a part breaks the schema, it is reported and a harmless stand-in takes its place, so that the checks which need
the whole (references, cycles, probabilities) still run. Nothing is compiled from a file with errors.
"""

from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, cast

from agentc.frontends.yaml.document import Overlay, Path, replaced, without
from agentc.support.diagnostics import Diagnostics, Span
from agentc.support.ready import ready
from agentc.support.record import record
from agentc.support.validate import diagnose
from agentc.support.yaml_source import Document

if TYPE_CHECKING:
    from pydantic import ValidationError

    from agentc.frontends.yaml.rules.file import Definition

_STAND_INS: dict[str, Any] = {
    "nodes": {"compute": {"builtin": "concat"}, "returns": "any"},
    "models": {"hosted": {}},
    "tools": {"http": "http://localhost"},
    "memories": {"kind": "keyvalue"},
    "inputs": {"type": "any"},
    "agents": {"nodes": {}},
    "cases": {"probability": 0.0},
}
"""Section -> an entry that every rule accepts."""

_REQUIRED: dict[str, Any] = {"agentc": "v1", "name": "unnamed", "nodes": {}}
_MAX_ROUNDS = 4


@record
class Source:
    """A definition with the places of its parts."""

    spec: "Definition"
    document: Document
    directory: FilePath
    """What paths in the definition are relative to."""
    holes: frozenset[Path] = frozenset()
    """Parts that broke the schema and were replaced; nothing more is said of them."""

    def span(self, path: Path, key: bool = False) -> Span:
        """The place of the value (or its key) at ``path``."""
        return self.document.span(path, key)

    def assumed(self, path: Path) -> bool:
        """Whether nobody stated the value at ``path``."""
        return self.document.assumed(path)


def read(document: Document, directory: FilePath, found: Diagnostics) -> Source | None:
    """``document`` as a definition; its problems go to ``found``. ``None`` where nothing of it can be used."""
    from pydantic import ValidationError

    from agentc.frontends.yaml.rules.file import Definition

    data: Any = document.data
    if not isinstance(data, dict):
        found.error("wrong-type", "a definition is a mapping with `agentc: v1` and `nodes`", document.span())
        return None
    holes: set[Path] = set()
    for attempt in range(_MAX_ROUNDS):
        seen = Overlay(document, data)
        try:
            return Source(ready(Definition).model_validate(data), document, directory, frozenset(holes))
        except ValidationError as problem:
            if attempt == 0:
                found.extend(diagnose(problem, Definition, seen))
            data = _mended(problem, seen, holes)
    return None


def _mended(problem: "ValidationError", document: Overlay, holes: set[Path]) -> Any:
    """The data with each offending part dropped or replaced; replaced parts are added to ``holes``."""
    from agentc.frontends.yaml.rules.file import Definition
    from agentc.support.schema_walk import walk

    data = document.data
    for error in problem.errors(include_url=False, include_context=False, include_input=False):
        place = walk(Definition, error["loc"], document.has).path
        entry = _entry(place)
        if error["type"] == "extra_forbidden":
            data = _dropped(data, place)
        elif entry is not None:
            holes.add(entry)
            data = _filled(data, entry)
        else:
            data = _dropped(data, place[:1])
    return {**_REQUIRED, **data}


def _entry(place: Path) -> Path | None:
    """The innermost named entry of a section around ``place``."""
    for end in range(len(place) - 1, 0, -1):
        if isinstance(place[end], str) and _is_section(place[:end]):
            return place[: end + 1]
    return None


def _is_section(path: Path) -> bool:
    """Whether ``path`` is a section of entries rather than, say, a node that is called ``tools``."""
    if not path or path[-1] not in _STAND_INS or _is_section(path[:-1]):
        return False
    return len(path) == 1 or path[-1] in ("nodes", "cases", "inputs")


def _has(data: Any, path: Path) -> bool:
    return Overlay(Document("", "", None), data).has(path)


def _dropped(data: Any, path: Path) -> Any:
    return without(data, path) if path and _has(data, path) else data


def _filled(data: Any, entry: Path) -> Any:
    return replaced(data, entry, _STAND_INS[cast(str, entry[-2])]) if _has(data, entry) else data
