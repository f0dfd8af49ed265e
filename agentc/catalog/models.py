"""Models by name."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from agentc.catalog.data_files import table
from agentc.catalog.names import UnknownName
from agentc.plan.models import ModelShape


@cache
def model(name: str) -> ModelShape:
    """The shape of model ``name`` (in any case). Raises UnknownName."""
    rows = table("models")
    key = name.lower()
    if key not in rows:
        raise UnknownName(name, "model", rows)
    return _shape(key)


@cache
def models() -> Mapping[str, ModelShape]:
    """All models by name, in the order of the table."""
    return MappingProxyType({name: _shape(name) for name in table("models")})


@cache
def _shape(name: str) -> ModelShape:
    from agentc.catalog.schema import ModelRow

    row = ModelRow.model_validate(table("models")[name])
    fields = row.model_dump(exclude={"billions"})
    return ModelShape(name=name, parameters=row.billions * 1e9, **fields)
