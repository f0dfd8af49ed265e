"""What a plain YAML scalar means: the core schema of YAML 1.2, not 1.1.

So ``no``, ``on`` and ``12:30`` stay text, ``1e6`` is a number, and dates stay text.
"""

import re
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

SCALAR_TAGS = {
    "tag:yaml.org,2002:str": "str",
    "tag:yaml.org,2002:int": "int",
    "tag:yaml.org,2002:float": "float",
    "tag:yaml.org,2002:bool": "bool",
    "tag:yaml.org,2002:null": "null",
}
"""Explicit tags that a scalar may carry (``!!str 12``)."""

MAX_DIGITS = 400
"""Longer numbers are refused: converting them costs time that grows with the square of their length."""

_VALUES: dict[str, bool | None] = {"null": None, "true": True, "false": False}
_WORDS = {"": None, "~": None} | {
    spelling: value for word, value in _VALUES.items() for spelling in (word, word.capitalize(), word.upper())
}
_INT = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_START = frozenset("-+.0123456789")


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar.

    Raises:
        ValueError: The text is a number of more than ``MAX_DIGITS`` characters.
    """
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in _START else text


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag of ``SCALAR_TAGS``.

    Raises:
        ValueError: The text is no such value.
    """
    kind = SCALAR_TAGS[tag]
    if kind == "str":
        return text
    value = plain(text)
    if kind == "float" and type(value) is int:
        return float(value)
    if kind != _kind(value):
        raise ValueError(f"`{text}` is no {kind}")
    return value


def _number(text: str) -> int | float | str:
    number: int | float | str = text
    if _INT.match(text) or _BASED.match(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"a number of {len(text)} characters is too long")
        number = int(text, 10 if _INT.match(text) else 0)
    elif _FLOAT.match(text):
        number = float(text)
    elif _SPECIAL.match(text):
        number = float(text.replace(".", ""))
    return number


def _kind(value: Scalar) -> str:
    return "null" if value is None else type(value).__name__
