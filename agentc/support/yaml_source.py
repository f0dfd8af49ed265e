"""YAML as a compiler reads it: plain data, the place of every key and value, and nothing dangerous.

Refused, each with its place: duplicate keys, custom tags, alias bombs and cycles, deep nesting, several documents,
text that is not UTF-8, and inputs over ``MAX_BYTES``.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from agentc.support.diagnostics import Diagnostics, Refused, Span, shortened
from agentc.support.yaml_nodes import Composer, Node, mark_span, node_span
from agentc.support.yaml_text import LOADER

MAX_BYTES = 10_000_000

_parse = cast(Callable[..., Iterator[yaml.Event]], yaml.parse)  # pyright: ignore[reportUnknownMemberType]
_ASSUMED = re.compile(r"[:|>+\s-]*\s#\s?assumed\b")
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE


class Document:
    """A YAML document: ``data`` is plain Python (shared where aliases share it: do not change it)."""

    def __init__(self, file: str, text: str, root: Node | None) -> None:
        self.file = file
        self.text = text
        self._root = root
        self._cut: list[str] | None = None

    @property
    def data(self) -> Any:
        """The document as dict, list, str, int, float, bool and None; None for an empty document."""
        return self._root.value if self._root else None

    def span(self, path: tuple[str | int, ...] = (), key: bool = False) -> Span:
        """The place of the value at ``path``, or with ``key`` of its key.

        Where the document has no such value, the place of the nearest enclosing one that it has.
        """
        node, key_node = self._root, None
        for step in path:
            if node is None or step not in node.items:
                break
            node, key_node = node.items[step], node.key_nodes.get(step)
        chosen = key_node if key and key_node else node
        return node_span(self.file, chosen) if chosen else Span(self.file)

    def has(self, path: tuple[str | int, ...]) -> bool:
        """Whether there is a value at ``path``."""
        node = self._root
        for step in path:
            node = node.items.get(step) if node else None
        return node is not None

    def assumed(self, path: tuple[str | int, ...]) -> bool:
        """Whether nobody stated the value at ``path``: a comment that begins with `assumed` ends its line."""
        if "# assumed" not in self.text or not path or not self.has(path):
            return False
        key, value = self.span(path, key=True), self.span(path)
        after = value if value.end_line == key.line else key
        line = self._lines()[key.line - 1]
        return _ASSUMED.match(line, after.end_column - 1) is not None

    def _lines(self) -> list[str]:
        if self._cut is None:
            self._cut = self.text.split("\n")
        return self._cut


def load_yaml(path: str | Path, file: str | None = None) -> Document:
    """Read a file; its places name it ``file``, by default the path as given.

    Raises:
        Refused: It cannot be read, or it is not YAML as ``parse_yaml`` takes it.
    """
    name = file or str(path)
    found = Diagnostics()
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as problem:
        found.error("unreadable-file", f"cannot read `{shortened(name)}`: {problem.strerror}")
        raise Refused(*found) from problem
    return parse_yaml(raw, name)


def parse_yaml(text: str | bytes, file: str = "<text>") -> Document:
    """Parse one document.

    Raises:
        Refused: With every problem found.
    """
    found = Diagnostics()
    decoded = _decode(text, file, found)
    if bad := _UNPRINTABLE.search(decoded):
        message = f"the character U+{ord(bad[0]):04X} is not allowed in YAML"
        found.error("yaml-syntax", message, _offset_span(file, decoded, bad.start()))
        raise Refused(*found)
    return Document(file, decoded, _compose(decoded, file, found))


def _compose(text: str, file: str, found: Diagnostics) -> Node | None:
    try:
        root = Composer(file, found).compose(_parse(text, Loader=LOADER))
    except yaml.MarkedYAMLError as problem:
        found.error("yaml-syntax", _why(problem), _problem_span(file, text, problem))
        raise Refused(*found) from problem
    found.raise_if_errors()
    return root


def _decode(text: str | bytes, file: str, found: Diagnostics) -> str:
    if len(text) > MAX_BYTES:
        found.error("yaml-too-large", f"`{file}` is larger than {MAX_BYTES // 1_000_000} MB", Span(file))
        raise Refused(*found)
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = text[: problem.start].decode("utf-8", "replace")
        message = f"the byte 0x{text[problem.start]:02X} is not UTF-8"
        found.error("yaml-encoding", message, _offset_span(file, before, len(before)), help="save the file as UTF-8")
        raise Refused(*found) from problem


def _offset_span(file: str, text: str, offset: int) -> Span:
    line_start = text.rfind("\n", 0, offset) + 1
    return Span(file, text.count("\n", 0, offset) + 1, offset - line_start + 1)


def _problem_span(file: str, text: str, problem: yaml.MarkedYAMLError) -> Span:
    mark = problem.problem_mark or problem.context_mark
    if mark is None:
        return Span(file)
    if mark.line > text.count("\n"):  # the parser puts the end of a last line without a line break on the next one
        return _offset_span(file, text, len(text))
    return mark_span(file, mark, mark)


def _why(problem: yaml.MarkedYAMLError) -> str:
    parts = (problem.problem, problem.context)
    return ", ".join(part for part in parts if part) or "not YAML"
