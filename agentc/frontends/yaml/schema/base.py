"""What all parts of a definition share: strictness, names, figures."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

PERCENTILES: Final = ("p50", "p90", "p95", "p99")


class Part(BaseModel):
    """A mapping of the definition: no unknown fields, no conversions, nothing changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_name=False)


def _whole(value: Any) -> Any:
    """4.0 is a whole number, as in JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]*$"

Name = Annotated[str, Field(pattern=NAME, max_length=100)]
"""Of a node, model, tool, … Dots part the names of a path, so that a name has none."""

Ref = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$", max_length=500)]
"""A node, a node within a loop, an input, or a field of one of these: ``think.decide.query``."""

Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**12), BeforeValidator(_whole)]
PositiveCount = Annotated[int, Field(ge=1, le=10**12), BeforeValidator(_whole)]

TypeName = Annotated[
    str,
    Field(
        pattern=r"^(list<)*(text|audio|image|embedding|documents|record|bool|number|any)>*$",
        description="`text`, `audio`, `image`, `embedding`, `documents`, `record`, `bool`, `number`, `any`, `list<…>`",
    ),
]

Precision = Literal["fp32", "bf16", "fp16", "fp8", "int8", "fp4"]


class Distribution(Part):
    """A figure that varies: its mean, percentiles, or both."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    mean: Amount | None = Field(default=None, description="derived from the percentiles where it is not stated")
    p50: Amount | None = Field(default=None, description="half of the requests are below")
    p90: Amount | None = None
    p95: Amount | None = None
    p99: Amount | None = None

    @model_validator(mode="before")
    @classmethod
    def _something(cls, data: Any) -> Any:
        if data == {}:
            raise PydanticCustomError("missing-field", "a distribution needs `mean` or a percentile")
        return data

    def percentiles(self) -> dict[str, float]:
        """Those that are stated, in rising order."""
        found = {name: getattr(self, name) for name in PERCENTILES}
        return {name: value for name, value in found.items() if value is not None}


Figure = Annotated[
    Amount | Distribution, Field(description="a number, or a distribution such as `{mean: 160, p95: 400}`")
]
