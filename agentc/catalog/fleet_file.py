"""The schema of fleet files."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

Price = Annotated[float, Field(gt=0, le=1e8, allow_inf_nan=False)]
MOST = 10_000_000
DeviceName = str


def _amount(value: Any) -> int | None:
    if value in (None, "unlimited"):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    raise PydanticCustomError(
        "wrong-value", "a count is a whole number from 0, or `unlimited`, not `{given}`", {"given": value}
    )


_AMOUNT_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MOST}, {"const": "unlimited"}]}
Amount = Annotated[int | None, PlainValidator(_amount), WithJsonSchema(_AMOUNT_SCHEMA)]


class FleetPart(BaseModel):
    """A mapping of a fleet file: no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StockEntry(FleetPart):
    """How many of a device class there are and what one costs.

    Cost of an hour: ``rent_usd_per_hour`` if it is stated; else the annuity of ``price_usd`` (stated, or the catalog's)
    and power; else the catalog's rent. ``acquire`` chooses between the catalog's two prices.
    """

    count: Amount = Field(default=None, description="devices at hand, or `unlimited`, the default")
    price_usd: Price | None = Field(default=None, description="to buy one device; overrides the catalog")
    rent_usd_per_hour: Price | None = Field(default=None, description="to rent one device; overrides the catalog")
    acquire: Literal["buy", "rent"] | None = Field(default=None, description="which of the catalog's prices counts")
    per_host: Annotated[int, Field(ge=1, le=1024)] | None = Field(default=None, description="devices in one host")
    site: str = Field(default="main", description="where these devices stand")

    @model_validator(mode="before")
    @classmethod
    def _count_alone(cls, value: Any) -> Any:
        """A number or ``unlimited`` stands for an entry with this count."""
        return {"count": value} if isinstance(value, int | str) and not isinstance(value, bool) else value


class LinkEntry(FleetPart):
    """A link between hosts of two device classes, in either direction; ``*`` is any class."""

    between: Annotated[list[DeviceName], Field(min_length=2, max_length=2)]
    bandwidth_gbps: Annotated[float, Field(gt=0, le=1e6)] = Field(description="Gbit/s, one direction, per device")
    latency_us: Annotated[float, Field(ge=0, le=1e9)] = Field(default=5.0, description="microseconds, one way")
    name: str | None = None


class FinancingEntry(FleetPart):
    """How a bought device's price becomes dollars per hour."""

    years: Annotated[float, Field(gt=0, le=50)] = 4.0
    interest: Annotated[float, Field(ge=0, le=10)] = 0.08


class PowerEntry(FleetPart):
    """What electricity costs and how much is drawn."""

    usd_per_kwh: Annotated[float, Field(ge=0, le=100)] = 0.40
    utilization: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, description="mean power over thermal design power"
    )
    pue: Annotated[float, Field(ge=1, le=10)] = 1.0
    kg_co2_per_kwh: Annotated[float, Field(ge=0, le=10)] = 0.4


class FleetFile(FleetPart):
    """What an agent may be placed on: device classes, the links between their hosts, and what they cost."""

    agentc: Literal["v1"] = "v1"
    name: Annotated[str, Field(min_length=1, max_length=200)]
    profile: Literal["datasheet", "paper"] = Field(
        default="datasheet", description="which figures of the catalog count"
    )
    devices: dict[DeviceName, StockEntry] = Field(description="by the catalog's name; a number is a count")
    links: list[LinkEntry] = []
    financing: FinancingEntry = FinancingEntry()
    power: PowerEntry = PowerEntry()
    source: str = ""
