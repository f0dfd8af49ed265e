"""Records: frozen data classes that cost little to declare and to make.

``dataclasses.dataclass(frozen=True)`` compiles six methods per class and sets every field of every instance through
``object.__setattr__``: 0.45 ms a class and 0.7 us an instance, a fifth of a cold compile over the classes of agentc.
A `record` is the same data class (``fields``, ``replace`` and ``match`` work on it) with one compiled method, its
``__init__``; equality, hash and text are shared by all. The type checker sees to it that nothing assigns to them.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

from agentc.support.deferred_methods import deferring, make_few_without

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, slots: bool) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T] | None = None, /, *, slots: bool = False) -> type[T] | Callable[[type[T]], type[T]]:
    """Make ``cls`` a data class that is compared and hashed by its fields, and that no one should change."""

    def declare(cls: type[T]) -> type[T]:
        written = "__init__" in cls.__dict__
        for name, method in _METHODS.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
        made = dataclass(repr=False, eq=False, slots=slots)(cls)
        if deferring() and not written:
            make_few_without(made)
        return made

    return declare if cls is None else declare(cls)


@cache
def _compared(cls: type[Any]) -> Callable[[object], Hashable]:
    """What instances of ``cls`` are compared and hashed by."""
    names = [each.name for each in fields(cls) if each.compare]
    return attrgetter(*names) if names else lambda _: ()


def _equal(self: object, other: object) -> bool:
    if self is other:
        return True
    if other.__class__ is not self.__class__:
        return NotImplemented
    value = _compared(self.__class__)
    return value(self) == value(other)


def _hash(self: object) -> int:
    return hash(_compared(self.__class__)(self))


def _text(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


_METHODS: dict[str, Callable[..., object]] = {"__eq__": _equal, "__hash__": _hash, "__repr__": _text}
