"""The definition that an importer makes: our YAML form as plain data, each part with its place in the user's file.

An importer builds a tree of mappings and lists in which ``at`` marks where a part comes from and ``assume`` a value
that the source does not state, and why it is what it is. ``Draft.finish`` takes the marks out again.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agentc.frontends.importers.source import Part, Path
from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused, Severity, Span, shortened
from agentc.support.record import record
from agentc.support.yaml_source import Document

Tree = dict[str, Any]
"""A mapping of the definition under construction; marks may stand in it."""

_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_]+")
_MAX_NAME = 60
MOST_WITHIN = 40
"""Agents within agents."""


@record
class Mark:
    """A value with its place, or with the reason why it is assumed."""

    value: Any
    span: Span | None = None
    why: str = ""


def at(part: Part, value: Any) -> Mark:
    """``value``, which comes from ``part``."""
    return Mark(value, part.span)


def assume(value: Any, why: str) -> Mark:
    """``value``, which the source does not state; ``why`` says what it is founded on."""
    return Mark(value, None, why)


@record
class Imported:
    """A definition made from another tool's file."""

    format: str
    definition: dict[str, Any]
    places: dict[Path, Span]
    assumptions: dict[Path, str]
    """What the source does not state: where in the definition, and what it is founded on."""
    warnings: tuple[Diagnostic, ...]
    """What of the source is not carried over as it is."""

    def told(self, document: Document) -> list[Diagnostic]:
        """The assumptions as warnings at their places."""
        found: list[Diagnostic] = []
        for path, why in self.assumptions.items():
            place = next((self.places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.places), None)
            message = f"`{'.'.join(map(str, path))}` is assumed: {why}"
            found.append(Diagnostic("import-assumed", message, place or Span(document.file), Severity.WARNING))
        return found


@record
class Options:
    """What the user says beside the source."""

    models: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Name of a model in the source -> a model of ours (a catalog name or its fields)."""


def clean(name: str, otherwise: str = "node") -> str:
    """``name`` as a name of ours: ASCII letters, digits and ``_``."""
    plain = unicodedata.normalize("NFKD", name[:1000]).encode("ascii", "ignore").decode()
    made = _UNNAMEABLE.sub("_", plain).strip("_")[:_MAX_NAME].rstrip("_")
    if not made or not re.search("[A-Za-z]", made):
        made = f"{otherwise}_{made}" if made else otherwise
    return made if not made[0].isdigit() else f"{otherwise}_{made}"


class Names:
    """Names of a graph, each given once."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = {"item", *taken}

    def new(self, wanted: str, otherwise: str = "node") -> str:
        """``wanted`` as a name that nothing else has."""
        base = clean(wanted, otherwise)
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name


@dataclass
class Draft:
    """A definition under construction, and what is found on the way."""

    document: Document
    format: str
    options: Options = field(default_factory=Options)
    found: Diagnostics = field(default_factory=Diagnostics)
    root: Tree = field(default_factory=dict[str, Any])
    sections: dict[str, Tree] = field(default_factory=dict[str, Tree])
    _names: dict[str, Names] = field(default_factory=dict[str, Names])
    _same: dict[tuple[str, Any], str] = field(default_factory=dict[tuple[str, Any], str])

    def entry(self, section: str, wanted: str, value: Any, key: Any = None) -> str:
        """Add ``value`` to ``models``, ``tools``, ``memories`` or ``agents`` under a name of its own, and give it.

        Equal ``key``s are one entry.
        """
        if key is not None and (section, key) in self._same:
            return self._same[section, key]
        name = self.reserve(section, wanted, key)
        self.sections.setdefault(section, {})[name] = value
        return name

    def reserve(self, section: str, wanted: str, key: Any = None) -> str:
        """A name of ``section`` for an entry that follows."""
        name = self._names.setdefault(section, Names()).new(wanted, section.removesuffix("s"))
        if key is not None:
            self._same[section, key] = name
        return name

    def known(self, section: str, key: Any) -> str | None:
        """The name of the entry that was made for ``key``."""
        return self._same.get((section, key))

    def error(self, slug: str, message: str, part: Part, help: str | None = None) -> None:
        """The source is refused."""
        self.found.error(slug, message, part.span, help=help)

    def refuse(self, slug: str, message: str, part: Part, help: str | None = None) -> Refused:
        """The exception that refuses the source with this and all that was found before."""
        self.error(slug, message, part, help)
        return Refused(*self.found.sorted())

    def deepen(self, depth: int, part: Part) -> None:
        """An agent begins within ``depth`` others. Raises Refused where that is deeper than anybody follows."""
        if depth > MOST_WITHIN:
            raise self.refuse("yaml-too-deep", f"agents stand in each other more than {MOST_WITHIN} deep", part)

    def warn(self, slug: str, message: str, part: Part, help: str | None = None) -> None:
        """Something is not carried over as it is."""
        self.found.warning(slug, message, part.span, help=help)

    def opaque(self, what: str, part: Part) -> None:
        """Warn of a component that is planned as computation of unknown content."""
        message = f"`{shortened(what, 80)}` is unknown to the importer of {self.format}: it becomes opaque computation"
        self.warn("import-opaque", message, part, "state its cost in the definition that `agentc import` writes")

    def finish(self, name: str, graph: Mapping[str, Any], values: Part | None = None) -> Imported:
        """The definition: ``graph`` (inputs, nodes, outputs, sla, …) with all entries.

        ``values``: what the source states of the definition itself, by the places of the values (JSON Pointer).

        Raises:
            Refused: something was wrong.
        """
        self.found.raise_if_errors()
        head: Tree = {"agentc": "v1", "name": clean(name, "agent")}
        sections = {
            key: self.sections[key] for key in ("models", "tools", "memories", "agents") if key in self.sections
        }
        first = {key: graph[key] for key in ("description", "sla", "load") if key in graph}
        rest = {key: value for key, value in graph.items() if key not in first}
        places: dict[Path, Span] = {}
        reasons: dict[Path, str] = {}
        plain = _plain({**head, **first, **sections, **rest}, (), places, reasons)
        for pointer, part in values.fields().items() if values is not None else ():
            path = path_of(pointer, plain)
            if path is None:
                self.warn("import-left-out", f"`{shortened(pointer, 80)}` is no value of the definition", part)
                continue
            _put(plain, path, part.value)
            places[path] = part.span
            for assumed in [each for each in reasons if each[: len(path)] == path]:
                del reasons[assumed]
        return Imported(self.format, plain, places, reasons, self.found.sorted())


def _plain(value: Any, path: Path, places: dict[Path, Span], reasons: dict[Path, str]) -> Any:
    while isinstance(value, Mark):
        if value.span is not None:
            places.setdefault(path, value.span)
        if value.why:
            reasons.setdefault(path, value.why)
        value = value.value
    if isinstance(value, dict):
        rows = cast("dict[str, Any]", value)
        return {key: _plain(inner, (*path, key), places, reasons) for key, inner in rows.items()}
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return [_plain(inner, (*path, i), places, reasons) for i, inner in enumerate(items)]
    return value


def pointer_of(path: Path) -> str:
    """``path`` as a JSON Pointer (RFC 6901): `/nodes/work/loop/max`."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def path_of(pointer: str, data: Any) -> Path | None:
    """The path of ``pointer`` in ``data``; None where there is nothing, or nothing that may be replaced."""
    if not pointer.startswith("/"):
        return None
    path: list[str | int] = []
    for text in pointer[1:].split("/"):
        step: str | int = text.replace("~1", "/").replace("~0", "~")
        if isinstance(data, list) and text.isascii() and text.isdigit() and len(text) < 8:
            step = int(text)
        if not _holds(data, step):
            return None
        data = cast(Any, data)[step]
        path.append(step)
    return tuple(path) if len(path) > 1 else None


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(cast("list[Any]", data))


def _put(data: Any, path: Path, value: Any) -> None:
    for step in path[:-1]:
        data = data[step]
    data[path[-1]] = value


def top(value: Any) -> Any:
    """``value`` without the marks around it; those within stay."""
    while isinstance(value, Mark):
        value = value.value
    return value
