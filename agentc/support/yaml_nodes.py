"""Builds plain Python data and a tree of places from YAML events, in one pass and within bounds.

Events instead of PyYAML's composer: the bounds (depth, aliases) hold before anything grows, nothing recurses,
and every problem has its place.
"""

from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from agentc.support import yaml_scalars
from agentc.support.diagnostics import Diagnostics, Label, Refused, Span

MAX_DEPTH = 64
MAX_ALIASED_NODES = 100_000
"""Nodes that all aliases together may stand for."""

_MERGE = "<<"
_COLLECTION_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class Node:
    """A value, the place of its text, and what is in it. ``size`` counts nodes and ``height`` levels,
    aliases written out."""

    __slots__ = ("height", "items", "key_nodes", "marks", "merged", "size", "value")

    def __init__(self, value: Any, start: yaml.Mark, end: yaml.Mark) -> None:
        self.value = value
        self.marks = (start.line, start.column, end.line, end.column)
        self.items: dict[str | int, Node] = {}
        self.key_nodes: dict[str | int, Node] = {}
        self.merged: list[Node] = []
        """Mappings of a merge key: what they hold is added once all keys of this one are known."""
        self.size = 1
        self.height = 1

    def put(self, key: str | int, node: "Node", key_node: "Node | None" = None) -> None:
        """Add a child: to a mapping with its key's place, to a sequence with its index."""
        self.items[key] = node
        self.size += node.size
        self.height = max(self.height, node.height + 1)
        if key_node is None:
            self.value.append(node.value)
        else:
            self.key_nodes[key] = key_node
            self.value[key] = node.value


class Composer:
    """One document's events -> its root node. Problems that leave a sensible rest are collected, others raise."""

    def __init__(self, file: str, found: Diagnostics) -> None:
        self.file = file
        self.found = found
        self.anchors: dict[str, Node] = {}
        self.open: list[tuple[Node, str | None]] = []
        self.keys: list[Node | None] = []
        self.aliased = 0

    def compose(self, events: Iterator[yaml.Event]) -> Node | None:
        """The root of the first document, ``None`` for an empty stream.

        Raises:
            Refused: The bounds are passed, or a second document follows.
        """
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                self._fail("yaml-many-documents", "a second document starts here", event)
            done = self._step(event)
            root = done if done is not None and not self.open else root
        return root

    def _step(self, event: yaml.Event) -> Node | None:
        """Take one event; give the node that it completes, if any."""
        if isinstance(event, yaml.ScalarEvent):
            return self._finish(self._scalar(event), event.anchor, event)
        if isinstance(event, yaml.AliasEvent):
            return self._finish(self._alias(event), None, event)
        if isinstance(event, yaml.CollectionStartEvent):
            self._enter(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            node, anchor = self.open.pop()
            self.keys.pop()
            self._close(node, event)
            return self._finish(node, anchor, event)
        return None

    def _enter(self, event: yaml.CollectionStartEvent) -> None:
        self._bound_depth(1, event)
        if event.tag not in _COLLECTION_TAGS:
            self._refuse_tag(event)
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        node = Node(value, event.start_mark, event.end_mark)
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        self.open.append((node, event.anchor))
        self.keys.append(None)

    def _close(self, node: Node, event: yaml.Event) -> None:
        """A block collection's end mark lies at the next token: end it with its last child instead."""
        line, column, end_line, end_column = node.marks
        flow = event.start_mark.index != event.end_mark.index
        if flow or not node.items:
            end_line, end_column = event.end_mark.line, event.end_mark.column
        else:
            _, _, end_line, end_column = next(reversed(node.items.values())).marks
        if (end_line, end_column) > (line, column):
            node.marks = (line, column, end_line, end_column)
        for source in node.merged:
            for key in source.items:
                if key not in node.items:
                    node.put(key, source.items[key], source.key_nodes[key])

    def _finish(self, node: Node, anchor: str | None, event: yaml.Event) -> Node:
        if anchor:
            self.anchors[anchor] = node
        if self.open:
            self._attach(self.open[-1][0], node, event)
        return node

    def _attach(self, parent: Node, node: Node, event: yaml.Event) -> None:
        if isinstance(parent.value, list):
            parent.put(len(parent.items), node)
        elif (key_node := self.keys[-1]) is None:
            self.keys[-1] = self._key(node, event)
        else:
            self.keys[-1] = None
            self._pair(parent, key_node, node)

    def _pair(self, parent: Node, key_node: Node, node: Node) -> None:
        key: str = key_node.value
        if key == _MERGE:
            self._merge(parent, node)
        elif key in parent.items:
            first = Label(self.span(parent.key_nodes[key]), "first defined here")
            self.found.error("yaml-duplicate-key", f"`{key}` is defined twice", self.span(key_node), labels=(first,))
        else:
            parent.put(key, node, key_node)

    def _merge(self, parent: Node, node: Node) -> None:
        sources = list(node.items.values()) if isinstance(node.value, list) else [node]
        if all(isinstance(source.value, dict) for source in sources):
            parent.merged += sources
        else:
            self.found.error("yaml-merge", "`<<` takes a mapping or a list of mappings", self.span(node))

    def _key(self, node: Node, event: yaml.Event) -> Node:
        """The node as a key: always text, as it is written."""
        value: object = node.value
        if isinstance(value, dict | list):
            line, column, *_ = self.open[-1][0].marks
            template = isinstance(value, dict) and node.marks[:2] == (line, column + 1)
            help = "`{{ … }}` is a template that nobody filled in; as text it stands in quotes" if template else None
            self.found.error("yaml-key", "a key must be text, not a list or a mapping", self.span(node), help=help)
            text = "?"
        else:
            text = event.value if isinstance(event, yaml.ScalarEvent) else str(value)
        key = Node(text, event.start_mark, event.end_mark)
        key.marks = node.marks
        return key

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        return Node(self._value(event), event.start_mark, event.end_mark)

    def _value(self, event: yaml.ScalarEvent) -> yaml_scalars.Scalar:
        try:
            if event.tag in yaml_scalars.SCALAR_TAGS:
                return yaml_scalars.tagged(event.tag, event.value)
            if event.tag not in (None, "!"):
                self._refuse_tag(event)
            return yaml_scalars.plain(event.value) if event.implicit[0] and not event.tag else event.value
        except ValueError as problem:
            self.found.error("yaml-value", str(problem), self._event_span(event))
            return None

    def _alias(self, event: yaml.AliasEvent) -> Node:
        target = self.anchors.get(event.anchor)
        if target is None:
            inside = any(anchor == event.anchor for _, anchor in self.open)
            why = f"`*{event.anchor}` stands inside its own anchor" if inside else f"no anchor `&{event.anchor}` before"
            self._fail("yaml-alias", why, event)
        self._bound_depth(target.height, event)
        self.aliased += target.size
        if self.aliased > MAX_ALIASED_NODES:
            self._fail("yaml-alias-bomb", f"the aliases stand for more than {MAX_ALIASED_NODES:,} values", event)
        return target

    def _bound_depth(self, height: int, event: yaml.Event) -> None:
        if len(self.open) + height > MAX_DEPTH:
            self._fail("yaml-too-deep", f"more than {MAX_DEPTH} levels of nesting", event)

    def _refuse_tag(self, event: yaml.NodeEvent) -> None:
        tag = str(getattr(event, "tag", ""))
        self.found.error("yaml-tag", f"the tag `{tag}` is not allowed", self._event_span(event))

    def _fail(self, slug: str, message: str, event: yaml.Event) -> NoReturn:
        self.found.error(slug, message, self._event_span(event))
        raise Refused(*self.found)

    def _event_span(self, event: yaml.Event) -> Span:
        return mark_span(self.file, event.start_mark, event.end_mark)

    def span(self, node: Node) -> Span:
        """Where ``node`` stands."""
        return node_span(self.file, node)


def node_span(file: str, node: Node) -> Span:
    """Where ``node`` stands in ``file``."""
    line, column, end_line, end_column = node.marks
    return _span(file, line, column, end_line, end_column)


def mark_span(file: str, start: yaml.Mark, end: yaml.Mark) -> Span:
    """From one mark of PyYAML (they count from 0) to another."""
    return _span(file, start.line, start.column, end.line, end.column)


def _span(file: str, line: int, column: int, end_line: int, end_column: int) -> Span:
    if (end_line, end_column) <= (line, column):
        end_line, end_column = line, column + 1
    return Span(file, line + 1, column + 1, end_line + 1, end_column + 1)
