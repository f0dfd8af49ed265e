"""A ``config.json`` as it lies on the disk: its fields, and the lines that they stand on."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

from agentc.support.diagnostics import Span
from agentc.support.record import record

MAX_BYTES = 10_000_000
"""No published file has more than 100 kB; some with a label for each class come near 1 MB."""
NESTED = ("text_config", "llm_config", "language_config")
"""Where a multimodal file has its language model."""


class ConfigError(ValueError):
    """A ``config.json`` that states no model. ``span``: where, if it is a file; ``help``: what to write instead."""

    def __init__(self, message: str, span: Span | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.span = span
        self.help = help


@record
class ConfigFile:
    """The content of a file, or of a mapping, and how to speak of it."""

    fields: Mapping[str, Any]
    file: str
    text: str = ""
    """Empty for a mapping: it has no lines."""

    def line(self, name: str) -> int:
        """The line of the field ``name``; 0 where there is none. That of a nested part is meant, where there is one."""
        found = [match.start() for match in re.finditer(rf'"{re.escape(name)}"\s*:', self.text)]
        if not found:
            return 0
        part = max((self.text.find(f'"{key}"') for key in NESTED), default=-1)
        inside = next((place for place in found if place > part), found[0])
        return self.text.count("\n", 0, inside) + 1

    def label(self, name: str) -> str:
        """``config.json:14`` for a field on that line."""
        line = self.line(name)
        return f"{self.file}:{line}" if line else self.file

    def fail(self, name: str, rest: str, help: str | None = None) -> NoReturn:
        """Refuse the field ``name``: "`name` of FILE:LINE " and ``rest``."""
        line = self.line(name)
        span = Span(self.file, line) if line else None
        raise ConfigError(f"`{name}` of {self.label(name)} {rest}", span, help)

    def refuse(self, rest: str, help: str | None = None) -> NoReturn:
        """Refuse the whole: FILE and ``rest``."""
        raise ConfigError(f"{self.file} {rest}", Span(self.file) if self.text else None, help)


def read_config(path: Path) -> ConfigFile:
    """The file at ``path``, or ``config.json`` in that folder.

    Raises:
        ConfigError: It cannot be read, is too large, or holds no JSON object.
    """
    path = path / "config.json" if path.is_dir() else path
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"`{path}` is larger than {MAX_BYTES // 1_000_000} MB, which no config.json is")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise ConfigError(f"cannot read `{path}`: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise ConfigError(f"`{path}` is not JSON: byte {problem.start} is no UTF-8") from problem
    return ConfigFile(_parsed(text, path), str(path), text)


def language_part(whole: ConfigFile) -> ConfigFile:
    """A multimodal file's language model, under the fields of the whole."""
    for key in NESTED:
        inner = whole.fields.get(key)
        if isinstance(inner, dict):
            return ConfigFile({**whole.fields, **cast("dict[str, Any]", inner)}, whole.file, whole.text)
    return whole


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        data: Any = json.loads(text)
    except json.JSONDecodeError as problem:
        span = Span(str(path), problem.lineno, problem.colno)
        raise ConfigError(f"`{path}` is not JSON: {problem}", span) from problem
    except RecursionError as problem:
        raise ConfigError(f"`{path}` is not JSON: it is nested too deeply") from problem
    except ValueError as problem:
        raise ConfigError(f"`{path}` is not JSON: a number has too many digits") from problem
    if not isinstance(data, dict):
        raise ConfigError(f"`{path}` should hold an object, but holds {_kind(data)}", Span(str(path)))
    return cast("dict[str, Any]", data)


def _kind(data: object) -> str:
    match data:
        case list():
            return "a list"
        case str():
            return "a text"
        case bool() | None:
            return f"`{json.dumps(data)}`"
        case _:
            return "a number"
