"""From pydantic's error locations to places in the data, and to the fields that a model allows there.

A location mixes keys with the names of union arms (``nodes, hear, LlmNode, tokens``). Walking the schema beside
the data tells them apart.
"""

from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, RootModel, Tag
from pydantic.fields import FieldInfo

from agentc.support.ready import ready
from agentc.support.record import record

Loc = tuple[str | int, ...]


@record
class Walk:
    """Where a location leads."""

    path: Loc
    """Keys and indices only."""
    fields: tuple[str, ...]
    """Field names (aliases, where a field has one) that the mapping at ``path`` may hold."""
    arms: tuple[tuple[Loc, str | int], ...]
    """Each union on the way, as the location before it and the arm taken."""


def walk(model: type[BaseModel], loc: Loc, has: Callable[[Loc], bool]) -> Walk:
    """Follow ``loc`` from ``model``; ``has`` says whether the data holds a value at a path."""
    types: list[Any] = [model]
    path: Loc = ()
    arms: list[tuple[Loc, str | int]] = []
    for i, step in enumerate(loc):
        unions = [arm for t in types for arm in _union_arms(t)]
        taken = [arm for arm in unions if _is_named(arm, step)]
        if taken or (unions and not has((*path, step))):
            arms.append((loc[:i], step))
            types = taken or unions
        elif has((*path, step)):
            path = (*path, step)
            types = [t for found in types for t in _descend(found, step)]
    names = dict.fromkeys(name for t in types for name in _fields(t))
    return Walk(path, tuple(names), tuple(arms))


def _bare(annotation: Any) -> Any:
    """Without ``Annotated``, aliases, root models and ``| None``."""
    if value := getattr(annotation, "__value__", None):
        return _bare(value)
    if isinstance(annotation, TypeVar):
        return object
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, RootModel):
        return _bare(cast("type[BaseModel]", annotation).model_fields["root"].annotation)
    arms = _arms(annotation)
    return _bare(arms[0]) if len(arms) == 1 else annotation


def _arms(annotation: Any) -> list[Any]:
    if get_origin(annotation) not in (Union, UnionType):
        return []
    return [arm for arm in get_args(annotation) if arm is not type(None)]


def _union_arms(annotation: Any) -> list[Any]:
    """The arms between which pydantic chooses at ``annotation``; empty where there is no choice."""
    return _arms(_bare(annotation))


def _is_named(arm: Any, step: str | int) -> bool:
    """Whether pydantic calls ``arm`` so: by its ``Tag``, its class, or the value its discriminator is fixed to."""
    tags = [m.tag for m in getattr(arm, "__metadata__", ()) if isinstance(m, Tag)]
    bare = _bare(arm)
    name = getattr(bare, "__name__", "")
    generic = isinstance(step, str) and get_origin(bare) is not None and step.startswith(f"{name}[")
    return step in tags or generic or (not tags and (step == name or step in _fixed(bare)))


def _fixed(bare: Any) -> list[Any]:
    """Values of the literal fields of a model."""
    models = _model(bare)
    return [tag for model in models for f in _declared(model).values() for tag in get_args(f.annotation)]


def _declared(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model; pydantic resolves names of classes further down when a model is first built."""
    return ready(model).model_fields


def _model(bare: Any) -> list[type[BaseModel]]:
    plain = isinstance(bare, type) and get_origin(bare) is None
    return [bare] if plain and issubclass(bare, BaseModel) else []


def _leaves(annotation: Any) -> list[Any]:
    """The annotation itself, or all arms of its unions."""
    bare = _bare(annotation)
    arms = _arms(bare)
    return [leaf for arm in arms for leaf in _leaves(arm)] if arms else [bare]


def _descend(annotation: Any, step: str | int) -> list[Any]:
    """Annotations of what stands under ``step``."""
    found: list[Any] = []
    for leaf in _leaves(annotation):
        args = get_args(leaf)
        for model in _model(leaf):
            found += [f.annotation for name, f in _declared(model).items() if step in (name, f.alias)]
        if args and isinstance(step, int):
            found.append(args[0])
        elif len(args) == 2 and isinstance(step, str):
            found.append(args[1])
    return found


def _fields(annotation: Any) -> list[str]:
    models = [model for leaf in _leaves(annotation) for model in _model(leaf)]
    return [field.alias or name for model in models for name, field in _declared(model).items()]
