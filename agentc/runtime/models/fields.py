"""The fields of a structured answer: ``{needs_search: bool, query: text, mood: enum[good, bad], score: number}``."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, cast, get_args

from agentc.support.record import record

FieldKind: TypeAlias = Literal["text", "bool", "number", "enum"]
FieldValue: TypeAlias = str | bool | int | float


@record(slots=True)
class Field:
    """One field; ``choices`` only where the kind is ``enum``."""

    name: str
    kind: FieldKind
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        """Whether a JSON value is of this field's kind."""
        match self.kind:
            case "bool":
                return isinstance(value, bool)
            case "number":
                return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            case "enum":
                return value in self.choices
            case "text":
                return isinstance(value, str)

    def schema(self) -> dict[str, object]:
        """The field in JSON Schema."""
        if self.kind == "enum":
            return {"type": "string", "enum": list(self.choices)}
        return {"type": {"text": "string", "bool": "boolean", "number": "number"}[self.kind]}


def parse_fields(fields: Mapping[str, str | Sequence[str]]) -> tuple[Field, ...]:
    """Fields from ``text``, ``bool``, ``number``, ``enum[a, b]``, or a list of choices.

    Raises:
        ValueError: a kind is not known or a choice is missing.
    """
    return tuple(_parse(name, kind) for name, kind in fields.items())


def _parse(name: str, kind: str | Sequence[str]) -> Field:
    if not isinstance(kind, str):
        choices = tuple(kind)
    elif kind.startswith("enum[") and kind.endswith("]"):
        choices = tuple(choice.strip() for choice in kind[5:-1].split(","))
    elif kind in get_args(FieldKind) and kind != "enum":
        return Field(name, cast(FieldKind, kind))
    else:
        raise ValueError(f"field `{name}` has kind `{kind}`; choose `text`, `bool`, `number` or `enum[a, b]`")
    if not all(choices) or not choices or len(set(choices)) != len(choices):
        raise ValueError(f"field `{name}` needs choices that are neither empty nor twice there")
    return Field(name, "enum", choices)


def object_schema(fields: Sequence[Field]) -> dict[str, object]:
    """The JSON Schema of an answer that has exactly these fields."""
    return {
        "type": "object",
        "properties": {field.name: field.schema() for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }


def check_answer(answer: object, fields: Sequence[Field]) -> dict[str, FieldValue]:
    """The answer's fields, in order; what is there beside them is dropped.

    Raises:
        ValueError: the answer is no object, or a field is missing or of another kind.
    """
    if not isinstance(answer, dict):
        raise ValueError("the answer is not a JSON object")
    values = cast(dict[str, FieldValue], answer)
    for field in fields:
        if field.name not in values:
            raise ValueError(f"the answer lacks `{field.name}`")
        if not field.accepts(values[field.name]):
            raise ValueError(f"`{field.name}` is {values[field.name]!r}, not {field.kind}")
    return {field.name: values[field.name] for field in fields}
