"""Methods of data classes, compiled when they are first called.

A command imports some 500 data classes (xDSL's, pydantic's, its own), for which ``dataclasses`` compiles 1,700 methods:
0.10 s, a seventh of a cold compile, though most are never called. A command line that is about to import them can put
that off, and leave out annotations, which double the time of an ``__init__``; what a class means stays the same. One
without a docstring gets its name for one, but not the signature, which takes as long as all the rest. Only a process of
our own may ask for it: a library leaves ``dataclasses`` and ``typing`` as they are.
"""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Method = Callable[..., Any]

FEW = 16
"""Instances of a class that are made before its ``__init__`` is compiled: each takes 2 us, compiling 60."""

_CREATE = "_create_fn"
"""The function of ``dataclasses`` that compiles a method (until Python 3.12)."""
_INSPECT = "inspect"
"""The module that tells it the signature of a class."""
_COMPILE = "compile"
"""What ``typing`` calls for an annotation that is a text."""


def defer_dataclass_methods() -> None:
    """From now on, compile the methods of a data class at their first call.

    From 3.13 on, Python compiles the methods of a class in one go, by other means: there, nothing is done.
    """
    create = getattr(dataclasses, _CREATE, None)
    if create is not None and not isinstance(create, _Deferring):
        setattr(dataclasses, _CREATE, _Deferring(create))
        setattr(dataclasses, _INSPECT, _Unsigned())


def defer_annotations() -> None:
    """From now on, keep annotations that are texts as they are until something asks what they mean.

    Where a type holds a text (a forward reference), ``typing`` compiles it at once; pydantic has 800. What it evaluates
    may as well be the text.
    """
    setattr(typing, _COMPILE, _text)


def _text(source: str, *how: object) -> str:
    """Stands for ``compile``: ``eval`` takes a text too."""
    del how
    return source


def deferring() -> bool:
    """Whether this process compiles the methods of data classes late."""
    return isinstance(getattr(dataclasses, _CREATE, None), _Deferring)


def make_few_without(cls: type[Any]) -> None:
    """Make the first ``FEW`` instances of the data class ``cls`` without compiling its ``__init__``.

    Most classes of a command have no more. A call that is wrong is left to ``__init__``, which says what is.
    """
    compiled: Method = cls.__init__
    plan: list[_Plan] = []
    made = 0

    def initialize(self: Any, *given: Any, **named: Any) -> None:
        nonlocal made
        made += 1
        if not plan:
            plan.append(_Plan(cls))
        if made > FEW or (row := plan[0].row(given, named)) is None:
            if cls.__dict__.get("__init__") is initialize:
                setattr(cls, initialize.__name__, compiled)
            compiled(self, *given, **named)
            return
        for name, value in row.items():
            setattr(self, name, value)
        if plan[0].after:
            self.__post_init__()

    initialize.__name__ = "__init__"
    initialize.__qualname__ = f"{cls.__qualname__}.__init__"
    setattr(cls, initialize.__name__, initialize)


class _Plan:
    """How instances of a data class come to their fields."""

    def __init__(self, cls: type[Any]) -> None:
        fields = dataclasses.fields(cls)
        plain = all(each.init and not each.kw_only for each in fields)
        self.plain = plain and len(fields) == len(cls.__dataclass_fields__)
        """Whether all are arguments, in their order, and there are no others."""
        self.fields = {each.name: each for each in fields}
        self.after = hasattr(cls, "__post_init__")

    def row(self, given: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any] | None:
        """The fields of an instance in their order; ``None`` where the arguments are not those of a plain class."""
        stated = dict(zip(self.fields, given, strict=False))
        if not self.plain or len(given) > len(self.fields) or not stated.keys().isdisjoint(named):
            return None
        stated.update(named)
        if not stated.keys() <= self.fields.keys():
            return None
        row: dict[str, Any] = {}
        for name, each in self.fields.items():
            if name in stated:
                row[name] = stated[name]
            elif each.default is not dataclasses.MISSING:
                row[name] = each.default
            elif each.default_factory is not dataclasses.MISSING:
                row[name] = each.default_factory()
            else:
                return None
        return row


class _Unsigned:
    """``inspect`` for ``dataclasses``, which writes the signature that it gives into a docstring."""

    def signature(self, cls: type[Any]) -> str:
        del cls
        return ""

    def __getattr__(self, name: str) -> Any:
        return getattr(inspect, name)


class _Deferring:
    """``dataclasses._create_fn``, whose functions are made at their first call."""

    def __init__(self, create: Callable[..., Method]) -> None:
        self.create = create

    def __call__(self, name: str, args: Sequence[str], body: Sequence[str], **context: Any) -> Method:
        context.pop("return_type", None)
        compiled: list[Method] = []

        def method(*given: Any, **named: Any) -> Any:
            if not compiled:
                compiled.append(self.create(name, [_bare(arg) for arg in args], body, **context))
            made = compiled[0]
            for owner in type(given[0]).__mro__:
                if owner.__dict__.get(name) is method:
                    made.__qualname__ = method.__qualname__
                    setattr(owner, name, made)  # the next call comes straight to it
            return made(*given, **named)

        method.__name__ = name
        return method


def _bare(argument: str) -> str:
    """``x`` or ``x=default`` of ``x:annotation=default``."""
    name, _, annotated = argument.partition(":")
    default = annotated.partition("=")[2]
    return f"{name}={default}" if default else name
