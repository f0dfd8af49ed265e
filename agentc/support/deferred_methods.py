"""Methods of data classes, compiled when they are first called.

A command imports some 500 data classes (xDSL's, pydantic's, its own), for which ``dataclasses`` compiles 1,700 methods:
0.10 s, a seventh of a cold compile, though most are never called. A command line that is about to import them can put
that off; what a class means stays the same. Only a process of our own may ask for it: a library leaves ``dataclasses``
as it is.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

Method = Callable[..., Any]

_CREATE = "_create_fn"
"""The function of ``dataclasses`` that compiles a method (until Python 3.12)."""


def defer_dataclass_methods() -> None:
    """From now on, compile the methods of a data class at their first call.

    From 3.13 on, Python compiles the methods of a class in one go, by other means: there, nothing is done.
    """
    create = getattr(dataclasses, _CREATE, None)
    if create is not None and not isinstance(create, _Deferring):
        setattr(dataclasses, _CREATE, _Deferring(create))


class _Deferring:
    """``dataclasses._create_fn``, whose functions are made at their first call."""

    def __init__(self, create: Callable[..., Method]) -> None:
        self.create = create

    def __call__(self, name: str, *rest: Any, **context: Any) -> Method:
        @cache
        def compiled() -> Method:
            return self.create(name, *rest, **context)

        def method(*args: Any, **named: Any) -> Any:
            made = compiled()
            for owner in type(args[0]).__mro__:
                if owner.__dict__.get(name) is method:
                    made.__qualname__ = method.__qualname__
                    setattr(owner, name, made)  # the next call comes straight to it
            return made(*args, **named)

        method.__name__ = name
        return method
