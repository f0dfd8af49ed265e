"""Fields of a checkpoint's JSON files, each checked when it is read."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

Json: TypeAlias = Mapping[str, Any]

_MOST: Final = 1 << 53
"""Whole numbers up to here are exact as floats. JSON has no limit."""
_LARGEST: Final = 1e30
"""Larger than any constant of a model; products of a few such numbers are finite."""


def table(config: Json, key: str) -> Json:
    """A field that is an object; empty where it is missing or null.

    Raises:
        ValueError: it is something else.
    """
    value = config.get(key)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"config.json: `{key}` is {value!r}, not an object")
    return cast(Json, value or {})


def number(config: Json, key: str, default: float) -> float:
    """A field that is a finite number; ``default`` where it is missing or null.

    Raises:
        ValueError: it is something else.
    """
    value = config.get(key)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
        raise ValueError(f"config.json: `{key}` is {value!r}, not a number")
    return float(value)


def whole(config: Json, key: str, default: int | None = None) -> int:
    """A field that must be a whole number, not negative.

    Raises:
        ValueError: it is something else, or it is missing and there is no default.
    """
    value = config.get(key)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise ValueError(f"config.json: `{key}` is {value!r}, not a whole number")
    return value
