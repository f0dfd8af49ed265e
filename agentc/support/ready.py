"""Pydantic models made ready to validate.

A model that defers its build is built when it first validates. Pydantic then asks the metadata of every installed
distribution for plugins, which takes 10 ms, a twelfth of a check. A plugin, such as one that logs each validation, is
for the models of an application: a file of ours means the same whatever else is installed, and a broken plugin breaks
nothing of it. What else this process validates has its plugins still.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

    M = TypeVar("M", bound=BaseModel)

_LOADER: Final = "pydantic.plugin._loader"
"""The module that finds plugins, imported by pydantic when it builds a first model."""


def ready(model: "type[M]") -> "type[M]":
    """``model``, built without plugins where it is not built yet."""
    if not model.__pydantic_complete__:
        with _without_plugins():
            model.model_rebuild()
    return model


@contextmanager
def _without_plugins() -> Generator[None]:
    """Within the block, pydantic knows no plugins; nothing changes where it has asked for them before."""
    if _LOADER in sys.modules:
        yield
        return
    none = ModuleType(_LOADER)
    none.__dict__["get_plugins"] = tuple
    sys.modules[_LOADER] = none
    try:
        yield
    finally:
        if sys.modules.get(_LOADER) is none:
            del sys.modules[_LOADER]
