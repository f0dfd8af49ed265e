"""What all parts of a definition share: strictness, names, figures."""

import re
from typing import Annotated, Any, Final, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import TypeAliasType

from agentc.support.record import record

PERCENTILES: Final = ("p50", "p90", "p95", "p99")


def stated_schema(name: str) -> dict[str, Any]:
    """JSON Schema for a field that is there and not empty."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class Part(BaseModel):
    """A mapping of the definition: no unknown fields, no conversions, nothing changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_name=False, defer_build=True)


def _whole(value: Any) -> Any:
    """4.0 is a whole number, as in JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]*$"


@record
class Matching:
    """Text that matches a pattern as a whole; ``what`` says in words what it should be."""

    pattern: str
    what: str
    max_length: int = 500

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": self.pattern, "maxLength": self.max_length}

    def _checked(self, value: str) -> str:
        if re.search(self.pattern, value) and not value.endswith("\n") and len(value) <= self.max_length:
            return value
        shown = value if len(value) <= 60 else f"{value[:57]}…"
        raise PydanticCustomError("wrong-value", "`{shown}` is no {what}", {"what": self.what, "shown": shown})


Name = Annotated[str, Matching(NAME, "name: letters, digits, `_` and `-`, not starting with a digit", 100)]
"""Of a node, model, tool, … Dots part the names of a path, so that a name has none."""

Ref = Annotated[
    str, Matching(r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$", "reference such as `node` or `node.field`")
]
"""A node, a node within a loop, an input, or a field of one of these: ``think.decide.query``."""

PathText = Annotated[str, Matching(r"^[^\x00-\x1f\x7f]+$", "path", 4000)]
"""A file or folder, relative to the definition's."""

PythonPlace = Annotated[
    str, Matching(r"^[^:\x00-\x1f\x7f]+\.py:[A-Za-z_][A-Za-z0-9_]*$", "place such as `file.py:function`")
]
"""A function of a Python file."""

Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]


LEAST: Final = 1e-9
"""Smaller figures are slips (a nanosecond per thousand requests), and their reciprocals leave the numbers' range."""


def _not_tiny(value: float) -> float:
    if value < LEAST:
        raise PydanticCustomError("wrong-value", "`{given}` is less than any figure can be", {"given": value})
    return value


Positive = Annotated[
    float,
    Field(gt=0, le=1e15, allow_inf_nan=False, json_schema_extra={"minimum": LEAST}),
    AfterValidator(_not_tiny),
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**12), BeforeValidator(_whole)]
PositiveCount = Annotated[int, Field(ge=1, le=10**12), BeforeValidator(_whole)]
DraftTokens = Annotated[int, Field(ge=1, le=64), BeforeValidator(_whole)]
LinkCount = Annotated[int, Field(ge=2, le=1000), BeforeValidator(_whole)]

_TYPES = "text|audio|image|embedding|documents|record|bool|number|any"
TypeName = Annotated[
    str,
    Matching(f"^(list<)*({_TYPES})>*$", f"type: {_TYPES.replace('|', ', ')} or list<…>"),
    Field(description=f"{_TYPES.replace('|', ', ')}, or `list<…>` of one"),
]

Precision = Literal["fp32", "bf16", "fp16", "fp8", "int8", "fp4"]


class Distribution(Part):
    """A figure that varies: its mean, percentiles, or both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [stated_schema(name) for name in ("mean", *PERCENTILES)]})

    mean: Amount | None = Field(default=None, description="derived from the percentiles where it is not stated")
    p50: Amount | None = Field(default=None, description="half of the requests are below")
    p90: Amount | None = None
    p95: Amount | None = None
    p99: Amount | None = None

    @model_validator(mode="before")
    @classmethod
    def _something(cls, data: Any) -> Any:
        stated = cast("dict[Any, Any]", data) if isinstance(data, dict) else None
        if stated is not None and all(value is None for value in stated.values()):
            raise PydanticCustomError("missing-field", "a distribution needs `mean` or a percentile")
        return cast(Any, data)

    def percentiles(self) -> dict[str, float]:
        """Those that are stated, in rising order."""
        found = {name: getattr(self, name) for name in PERCENTILES}
        return {name: value for name, value in found.items() if value is not None}


Figure = TypeAliasType(
    "Figure",
    Annotated[Amount | Distribution, Field(description="a number, or a distribution such as `{mean: 160, p95: 400}`")],
)
