"""Which fields a pydantic model allows at a place, to name the one that was meant."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel, RootModel


def fields_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Names (aliases, where a field has one) that a mapping at ``loc`` may hold; ``loc`` as in pydantic's errors."""
    types: list[Any] = [model]
    for step in loc:
        types = [t for found in types for t in _descend(found, step)] or _named(types, step)
    names = [name for found in types for name in _fields(found)]
    return list(dict.fromkeys(names))


def _arms(annotation: Any) -> list[Any]:
    """The models and containers that an annotation may stand for: unions and ``Annotated`` are opened."""
    origin, args = get_origin(annotation), get_args(annotation)
    if value := getattr(annotation, "__value__", None):
        return _arms(value)
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _arms(annotation.model_fields["root"].annotation)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    if origin in (list, dict, tuple, set) or isinstance(annotation, type):
        return [annotation]
    if hasattr(annotation, "__metadata__"):
        return _arms(args[0])
    return [arm for arg in args for arm in _arms(arg)]


def _descend(annotation: Any, step: str | int) -> list[Any]:
    """Annotations of what stands under ``step``."""
    found: list[Any] = []
    for arm in _arms(annotation):
        args = get_args(arm)
        if isinstance(arm, type) and issubclass(arm, BaseModel):
            found += [f.annotation for name, f in arm.model_fields.items() if step in (name, f.alias)]
        elif args and isinstance(step, int):
            found.append(args[0])
        elif get_origin(arm) is dict and isinstance(step, str):
            found.append(args[1])
    return found


def _named(annotations: list[Any], step: str | int) -> list[Any]:
    """``step`` is no field, so it names a union's arm: by class, or by the tag that one of its fields is fixed to."""
    arms = [arm for annotation in annotations for arm in _arms(annotation)]
    chosen = [arm for arm in arms if getattr(arm, "__name__", None) == step or step in _tags(arm)]
    return chosen or arms


def _tags(arm: Any) -> list[Any]:
    if not (isinstance(arm, type) and issubclass(arm, BaseModel)):
        return []
    return [tag for f in arm.model_fields.values() for tag in get_args(f.annotation)]


def _fields(annotation: Any) -> list[str]:
    models = [arm for arm in _arms(annotation) if isinstance(arm, type) and issubclass(arm, BaseModel)]
    return [field.alias or name for model in models for name, field in model.model_fields.items()]
