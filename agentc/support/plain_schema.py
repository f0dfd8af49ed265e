"""Plain data against a JSON Schema, for files that agentc itself writes: the schema that is published is the check.

The keywords that such files need: ``type``, ``const``, ``minimum``, ``pattern``, ``properties``, ``required``,
``additionalProperties`` and ``items``. Meanings as in draft 2020-12.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

Path = tuple[str | int, ...]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    """As in JSON Schema, 4.0 is a whole number."""
    return _is_number(value) and (isinstance(value, int) or cast(float, value).is_integer())


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in cast(dict[Any, Any], value))


def _is_array(value: Any) -> bool:
    return isinstance(value, list)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": _is_object,
    "array": _is_array,
    "string": _is_text,
    "number": _is_number,
    "integer": _is_whole,
}


def violations(data: Any, schema: Mapping[str, Any], path: Path = ()) -> Iterator[str]:
    """What ``data`` breaks of ``schema``: a sentence each, with the place."""
    at = ".".join(map(str, path)) or "the file"
    wanted: str | None = schema.get("type")
    if wanted is not None and not _TYPES[wanted](data):
        yield f"`{at}` is {_shown(data)}, and should be {_article(wanted)}"
        return
    if "const" in schema and (data != schema["const"] or isinstance(data, bool)):
        yield f"`{at}` is {_shown(data)}, and should be {_shown(schema['const'])}"
    if "minimum" in schema and _is_number(data) and not data >= schema["minimum"]:
        yield f"`{at}` is {_shown(data)}, less than {schema['minimum']}"
    if "pattern" in schema and isinstance(data, str) and not re.search(schema["pattern"], data):
        yield f"`{at}` is {_shown(data)}, which does not match `{schema['pattern']}`"
    if isinstance(data, dict):
        yield from _fields(cast(dict[str, Any], data), schema, path)
    elif isinstance(data, list) and "items" in schema:
        for i, item in enumerate(cast(list[Any], data)):
            yield from violations(item, schema["items"], (*path, i))


def _fields(data: Mapping[str, Any], schema: Mapping[str, Any], path: Path) -> Iterator[str]:
    known: Mapping[str, Any] = schema.get("properties", {})
    rest: Any = schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in data:
            yield f"`{'.'.join(map(str, (*path, name)))}` is missing"
    for name, value in data.items():
        if name in known:
            yield from violations(value, known[name], (*path, name))
        elif rest is False:
            yield f"`{'.'.join(map(str, (*path, name)))}` is unknown"
        elif isinstance(rest, dict):
            yield from violations(value, cast(dict[str, Any], rest), (*path, name))


def _shown(value: Any) -> str:
    text = repr(value)
    return f"`{text if len(text) <= 60 else text[:57] + '…'}`"


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aio' else 'a'} {kind}"
