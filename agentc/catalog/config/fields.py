"""Fields of a ``config.json`` under their several names, checked as they are read."""

from collections.abc import Sequence
from typing import Any, NoReturn, cast

from agentc.catalog.config.file import ConfigFile
from agentc.support.diagnostics import did_you_mean
from agentc.support.record import record

LIMIT = 100_000_000
"""What no count of an architecture comes near: the largest vocabulary is 300 times less."""
TALLEST = 10_000
"""Layers."""
SLIMMEST, WIDEST = 1 / 32, 32
"""Width of all heads over that of a token: published models are within 0.5 to 8."""


@record
class Fields:
    """What a file states. Every reader fails with the name, the place and the value of what is wrong."""

    config: ConfigFile

    def count(self, *names: str, default: int | None = None, most: int = LIMIT) -> int:
        """The first of ``names`` that is stated: a whole number of at least 0 (at least 1 without a default)."""
        name = self.stated(*names)
        if name is not None:
            return self.checked(name, self.config.fields[name], 1 if default is None else 0, most)
        if default is None:
            self.lacking(names)
        return default

    def flag(self, name: str, default: bool) -> bool:
        """Whether ``name`` holds."""
        value = self.config.fields.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.config.fail(name, f"is `{_short(value)}`, but should be true or false")
        return value

    def text(self, name: str) -> str:
        """The text of ``name``, or none."""
        value = self.config.fields.get(name)
        if value is not None and not isinstance(value, str):
            self.config.fail(name, f"is `{_short(value)}`, but should be a text")
        return value or ""

    def listed(self, name: str) -> tuple[Any, ...]:
        """The entries of ``name``, or none."""
        value = self.config.fields.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.config.fail(name, f"is `{_short(value)}`, but should be a list")
        return tuple(cast("list[Any]", value))

    def counts(self, name: str, length: int, most: int = LIMIT) -> tuple[int, ...]:
        """``length`` whole numbers: a list of them, or one that holds for all."""
        value = self.config.fields.get(name)
        if not isinstance(value, list):
            return (self.count(name, most=most),) * length
        entries = cast("list[Any]", value)
        if len(entries) != length:
            self.config.fail(name, f"has {len(entries)} entries for {length} levels")
        return tuple(self.checked(name, entry, 1, most) for entry in entries)

    def part(self, name: str) -> "Fields":
        """The object under ``name``, an empty one where it is not stated."""
        value = self.config.fields.get(name)
        if value is not None and not isinstance(value, dict):
            self.config.fail(name, f"is `{_short(value)}`, but should be an object")
        inner = cast("dict[str, Any]", value or {})
        return Fields(ConfigFile(inner, self.config.file, self.config.text))

    def stated(self, *names: str) -> str | None:
        """The first of ``names`` that is there and not null."""
        return next((name for name in names if self.config.fields.get(name) is not None), None)

    def checked(self, name: str, value: object, least: int, most: int) -> int:
        """``value`` as a whole number from ``least`` to ``most``."""
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.config.fail(name, f"is `{_short(value)}`, but should be a positive whole number")
        if value > most:
            self.config.fail(name, f"is {_short(value)}, more than any model has; at most {most:,} is read")
        return value

    def lacking(self, names: Sequence[str]) -> NoReturn:
        """Refuse a file without any of ``names``."""
        known = [str(name) for name in self.config.fields]
        near = next((hint for name in names if (hint := did_you_mean(name, known))), None)
        self.config.refuse(f"lacks `{names[0]}`", near)


def head_width(fields: Fields, name: str, hidden: int, heads: int) -> int:
    """``hidden / heads``, which has to be even; ``name`` is the field that states ``hidden``."""
    if hidden % heads:
        fields.config.fail(name, f"is {hidden}, which {heads} heads do not divide")
    return hidden // heads


def check_width(fields: Fields, name: str, hidden: int, heads: int, head_dim: int) -> None:
    """Refuse heads whose width together has nothing to do with that of a token."""
    ratio = heads * head_dim / hidden
    if not SLIMMEST <= ratio <= WIDEST:
        rest = f"is {head_dim}, so that {heads} heads are {ratio:.3g} times as wide as the hidden size {hidden}"
        fields.config.fail(name, rest)


def _short(value: object) -> str:
    text = str(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of over 30 digits"
    return text if len(text) <= 60 else text[:57] + "…"
