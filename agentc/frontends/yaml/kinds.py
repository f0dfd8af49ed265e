"""What kind of value a node gives: text, documents, a record with these fields, …"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentc.support.record import record

if TYPE_CHECKING:
    from xdsl.ir import Attribute


@record
class Kind:
    """The kind of a value. ``fields``: those of a record, where they are known."""

    name: str
    element: "Kind | None" = None
    fields: Mapping[str, "Kind"] | None = None
    choices: tuple[str, ...] = ()
    """Of a text that is one of these."""
    tensor: "Attribute | None" = None

    def __str__(self) -> str:
        return f"list<{self.element}>" if self.name == "list" else self.name

    def same(self, other: "Kind") -> bool:
        """Whether both are of one type in the IR."""
        if self.name != other.name or self.tensor != other.tensor:
            return False
        return self.element is None or other.element is None or self.element.same(other.element)

    def get(self, name: str) -> "Kind | None":
        """The kind of field ``name``; ``None`` where there is none."""
        if self.name == "any":
            return ANY
        if self.name != "record":
            return None
        return ANY if self.fields is None else self.fields.get(name)

    @property
    def is_open(self) -> bool:
        """Whether it is known only when the value is there."""
        return self.name == "any"


ANY = Kind("any")
TEXT = Kind("text")
AUDIO = Kind("audio")
IMAGE = Kind("image")
EMBEDDING = Kind("embedding")
DOCUMENTS = Kind("documents")
RECORD = Kind("record")
BOOL = Kind("bool")
NUMBER = Kind("number")

DOCUMENT = Kind("record", fields={"id": TEXT, "text": TEXT, "score": NUMBER, "metadata": RECORD})
"""One entry of documents."""

_LIST = re.compile(r"list<(.*)>\Z")


def list_of(element: Kind) -> Kind:
    """Several of ``element``."""
    return Kind("list", element)


def parse_kind(text: str) -> Kind | None:
    """The kind that ``text`` names (``list<text>``); ``None`` where brackets do not match."""
    depth = 0
    while found := _LIST.match(text):
        text, depth = found[1], depth + 1
    if "<" in text or ">" in text:
        return None
    kind = Kind(text)
    for _ in range(depth):
        kind = list_of(kind)
    return kind


def field_kind(stated: str | list[str]) -> Kind:
    """The kind of a structured answer's field."""
    return Kind("text", choices=tuple(stated)) if isinstance(stated, list) else Kind(stated)


def attribute(kind: Kind) -> "Attribute":
    """The type in the IR."""
    from xdsl.dialects.builtin import f64, i1

    from agentc.dialects import agent

    if kind.tensor is not None:
        return kind.tensor
    if kind.name == "list":
        return agent.ListType(attribute(kind.element or ANY))
    table: dict[str, Attribute] = {
        "text": agent.TextType(),
        "audio": agent.AudioType(),
        "image": agent.ImageType(),
        "embedding": agent.EmbeddingType(),
        "documents": agent.DocumentsType(),
        "record": agent.RecordType(),
        "bool": i1,
        "number": f64,
        "any": agent.AnyType(),
    }
    return table[kind.name]


_NUMBERS = re.compile(r"(?:_\d+)+\Z")


def hint(name: str) -> str:
    """A name for a value in the IR: there it begins with no digit, and the numbers behind `_` at its end are not its
    own (IR that is read back has lost them)."""
    plain = name.replace("-", "_").replace("*", "any")
    kept = _NUMBERS.sub("", plain)
    return kept if kept.strip("_") and not kept[0].isdigit() else f"n{kept}"
