"""What travels between steps, as Python values, and how a value becomes one of a type.

| type | value |
|---|---|
| `!agent.text` | `str` |
| `!agent.audio` | `Audio` |
| `!agent.image` | `bytes` of a PNG, JPEG, … |
| `!agent.embedding`, tensors | NumPy arrays, 32-bit floats for embeddings |
| `!agent.documents` | list of `{id, text, score, metadata}` |
| `!agent.record` | `dict` |
| `!agent.list<T>` | `list` |
| `i1`, other numbers | `bool`, `int`, `float` |

``None`` is the value of a step that did not run; it is of every type.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import AnyFloat, IndexType, IntegerType, TensorType
from xdsl.ir import Attribute

from agentc.dialects.agent_values import (
    AudioType,
    DocumentsType,
    EmbeddingType,
    ImageType,
    ListType,
    RecordType,
    TextType,
)
from agentc.runtime.models.audio import Audio

__all__ = ["Audio", "Mistyped", "as_documents", "as_flag", "as_text", "convert", "kind", "plain", "shown", "size"]

Floats = npt.NDArray[np.float32]


class Mistyped(ValueError):
    """A value that cannot be of the type that is asked for; the message says what was found and expected."""


def convert(value: object, type: Attribute) -> Any:
    """``value`` as one of ``type``: the nearest faithful form, never a guess.

    Raises:
        Mistyped: there is none.
    """
    if value is None:
        return None
    match type:
        case TextType():
            return as_text(value)
        case RecordType():
            return _record(value)
        case DocumentsType():
            return as_documents(value)
        case EmbeddingType() | TensorType():
            return _array(value, type)
        case ListType():
            return [convert(item, type.element) for item in _items(value)]
        case AudioType():
            return _expect(value, Audio, "audio")
        case ImageType():
            return bytes(cast(bytes, _expect(value, bytes | bytearray, "the bytes of an image")))
        case IntegerType() if type.width.data == 1:
            return as_flag(value)
        case IntegerType() | IndexType():
            return _number(value, int)
        case _ if isinstance(type, AnyFloat):
            return _number(value, float)
        case _:
            return value


def as_text(value: object) -> str:
    """Text as it is; nothing as no text; documents by their names and passages; all else as JSON.

    Raises:
        Mistyped: sound and pictures have no text.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Audio | bytes | bytearray):
        raise Mistyped(f"expected text, found {kind(value)}")
    if is_documents(value):
        return "\n\n".join(f"[{one.get('id', '')}] {one['text']}" for one in cast(list[dict[str, Any]], value))
    try:
        return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)


def as_flag(value: Any) -> bool:
    """A flag; the words true, yes, false, no and numbers 0 and 1 are understood.

    Raises:
        Mistyped: anything else.
    """
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    is_plain = isinstance(value, str | bool | int | np.bool_)
    key = str(cast(object, value)).strip().lower() if is_plain else ""
    if key not in words:
        raise Mistyped(f"expected true or false, found {shown(cast(object, value))}")
    return words[key]


def as_documents(value: Any) -> list[dict[str, Any]]:
    """Passages: from texts, from mappings that have at least `text`, or from one of these.

    Raises:
        Mistyped: an entry has no text.
    """
    entries: list[Any] = [value] if isinstance(value, str | Mapping) else _items(value)
    return [_document(place, entry) for place, entry in enumerate(entries)]


def is_documents(value: object) -> bool:
    """Whether a value has the form of `!agent.documents`."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(entry, dict) and "text" in entry and "score" in entry for entry in cast(list[object], value))


def plain(value: object) -> Any:
    """``value`` with arrays, tuples and mappings as what JSON knows."""
    match value:
        case np.ndarray():
            return cast(npt.NDArray[Any], value).tolist()
        case np.generic():
            return cast(Any, value).item()
        case Mapping():
            return {str(key): plain(item) for key, item in cast(Mapping[object, object], value).items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in cast(Sequence[object], value)]
        case _:
            return value


def kind(value: object) -> str:
    """What a value is, in a word or two."""
    names: dict[type, str] = {
        str: "text",
        bool: "a flag",
        int: "a number",
        float: "a number",
        dict: "a record",
        list: "a list",
        Audio: "audio",
        bytes: "bytes",
        np.ndarray: "an array",
    }
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")


def shown(value: object, width: int = 40) -> str:
    """A value for a message: its kind and, where short, itself."""
    if isinstance(value, str | int | float | bool):
        text = json.dumps(value, ensure_ascii=False)
        return f"{kind(value)} `{text if len(text) <= width else text[: width - 1] + '…'}`"
    return kind(value)


def size(value: object) -> int:
    """Bytes that a value takes on a wire."""
    match value:
        case None:
            return 0
        case Audio():
            return 2 * len(value.samples)  # as 16-bit PCM
        case bytes() | bytearray():
            return len(value)
        case np.ndarray():
            return cast(npt.NDArray[Any], value).nbytes
        case str():
            return len(value.encode(errors="replace"))
        case bool() | int() | float():
            return 8
        case Mapping():
            return sum(size(item) for item in cast(Mapping[object, object], value).values())
        case list() | tuple():
            return sum(size(item) for item in cast(Sequence[object], value))
        case _:
            return int(getattr(value, "nbytes", 0))


def _record(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise Mistyped(f"expected a record, found {shown(value)}: {error}") from None
    if not isinstance(value, Mapping):
        raise Mistyped(f"expected a record, found {shown(value)}")
    return {str(key): item for key, item in cast(Mapping[object, object], value).items()}


def _document(place: int, entry: object) -> dict[str, Any]:
    if isinstance(entry, str):
        return {"id": str(place), "text": entry, "score": 0.0, "metadata": {}}
    if not isinstance(entry, Mapping) or "text" not in entry:
        what = shown(cast(object, entry))
        raise Mistyped(f"expected documents, each a text or a mapping with `text`; entry {place} is {what}")
    fields = cast(Mapping[str, Any], entry)
    extra = {key: fields[key] for key in fields if key not in ("id", "text", "score", "metadata")}
    return {
        "id": str(fields.get("id", place)),
        "text": as_text(fields["text"]),
        "score": _number(fields.get("score") or 0.0, float),
        "metadata": {**extra, **_record(fields.get("metadata") or {})},
    }


def _array(value: object, type: Attribute) -> npt.NDArray[Any]:
    whole = isinstance(type, TensorType) and isinstance(cast(Any, type).element_type, IntegerType | IndexType)
    try:
        return np.asarray(value, np.int64 if whole else np.float32)
    except (TypeError, ValueError):
        raise Mistyped(f"expected numbers, found {shown(value)}") from None


def _items(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return list(cast(Sequence[object], value))
    if isinstance(value, np.ndarray):
        return list(cast(npt.NDArray[Any], value))
    raise Mistyped(f"expected a list, found {shown(value)}")


def _number(value: Any, number: type[int] | type[float]) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str | np.number):
        raise Mistyped(f"expected a number, found {shown(value)}")
    try:
        wide = float(cast(float, value))
        if number is int and wide != int(wide):
            raise ValueError
        return int(wide) if number is int else wide
    except (ValueError, OverflowError):
        what = f"a {'whole ' if number is int else ''}number"
        raise Mistyped(f"expected {what}, found {shown(cast(object, value))}") from None


def _expect(value: object, wanted: Any, name: str) -> object:
    if not isinstance(value, wanted):
        raise Mistyped(f"expected {name}, found {shown(value)}")
    return value
