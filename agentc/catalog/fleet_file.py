"""The schema of fleet files."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from agentc.catalog.months import AS_OF, Month

Price = Annotated[float, Field(gt=0, le=1e8, allow_inf_nan=False)]
Years = Annotated[float, Field(ge=0.01, le=50)]
MOST = 10_000_000
DeviceName = str


def _whole(value: Any) -> Any:
    """4.0 is a whole number, as in JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _amount(value: Any) -> int | None:
    value = _whole(value)
    if value in (None, "unlimited"):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    raise PydanticCustomError(
        "wrong-value", "a count is a whole number from 0, or `unlimited`, not `{given}`", {"given": value}
    )


_AMOUNT_SCHEMA = {
    "anyOf": [{"type": "integer", "minimum": 0, "maximum": MOST}, {"const": "unlimited"}, {"type": "null"}]
}
PerHost = Annotated[int, Field(ge=1, le=1024), BeforeValidator(_whole)]
Amount = Annotated[int | None, PlainValidator(_amount), WithJsonSchema(_AMOUNT_SCHEMA)]


class FleetPart(BaseModel):
    """A mapping of a fleet file: no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


def _stated(name: str) -> dict[str, Any]:
    """JSON Schema for a field that is there and not empty."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class RentEntry(FleetPart):
    """Which of the catalog's rents counts: the cheapest on these terms."""

    kind: Literal["on-demand", "reserved", "spot"] | None = None
    provider: str | None = Field(default=None, description="the start of a provider's name, such as `nebius`")


class OwnedEntry(FleetPart):
    """Devices that are bought and partly paid off: what is paid already is sunk, and no placement can save it."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_stated("bought"), _stated("amortized")]})

    price_usd: Price | None = Field(default=None, description="what one cost; the catalog's price if not stated")
    bought: Month | None = Field(default=None, description="month of the purchase, such as 2024-06")
    term_years: Years | None = Field(default=None, description="over which it is paid off, by default the financing's")
    interest: Annotated[float, Field(ge=0, le=10)] | None = Field(
        default=None, description="by default the financing's"
    )
    amortized: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="share of the price that is paid off, instead of `bought`"
    )

    @model_validator(mode="after")
    def _one_way(self) -> "OwnedEntry":
        if (self.bought is None) == (self.amortized is None):
            raise PydanticCustomError("one-of", "`owned` needs one of `bought` and `amortized`", {})
        return self


class StockEntry(FleetPart):
    """How many of a device class there are and what one costs.

    Cost of an hour: ``rent_usd_per_hour`` if it is stated; else what is still due of an ``owned`` device, or the
    annuity of ``price_usd`` (stated, or the catalog's), and power; else the catalog's rent. ``acquire`` chooses between
    the catalog's two prices, and ``price`` among its rents.
    """

    device: DeviceName | None = Field(
        default=None, description="the catalog's name, where the entry's is your own: one class twice, on other terms"
    )
    count: Amount = Field(default=None, description="devices at hand, or `unlimited`, the default")
    price_usd: Price | None = Field(default=None, description="to buy one device; overrides the catalog")
    rent_usd_per_hour: Price | None = Field(default=None, description="to rent one device; overrides the catalog")
    acquire: Literal["buy", "rent"] | None = Field(default=None, description="which of the catalog's prices counts")
    price: RentEntry | None = Field(default=None, description="rent it on these terms of the catalog")
    owned: OwnedEntry | None = Field(default=None, description="it is ours, and partly paid off")
    per_host: PerHost | None = Field(default=None, description="devices in one host")
    site: str = Field(default="main", description="where these devices stand")

    @model_validator(mode="before")
    @classmethod
    def _count_alone(cls, value: Any) -> Any:
        """A number, ``unlimited`` or nothing stands for an entry with this count."""
        alone = value is None or (isinstance(value, int | float | str) and not isinstance(value, bool))
        return {"count": value} if alone else value


_CARRIES: dict[str, Any] = {
    "required": ["bandwidth_gbps"],
    "properties": {"bandwidth_gbps": {"not": {"type": "null"}}, "connected": {"const": True}},
}
_PARTED: dict[str, Any] = {
    "required": ["connected"],
    "properties": {"bandwidth_gbps": {"type": "null"}, "connected": {"const": False}},
}


class LinkEntry(FleetPart):
    """A link between hosts of two device classes, or of two sites, in either direction; ``*`` is any of them."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_CARRIES, _PARTED]})

    between: Annotated[list[DeviceName], Field(min_length=2, max_length=2)]
    connected: bool = Field(default=True, description="`false`: nothing travels between them")
    bandwidth_gbps: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        default=None, description="Gbit/s, one direction, per device; needed unless they are not connected"
    )
    latency_us: Annotated[float, Field(ge=0, le=1e9)] = Field(default=5.0, description="microseconds, one way")
    name: str | None = None

    @model_validator(mode="after")
    def _either(self) -> "LinkEntry":
        if self.connected == (self.bandwidth_gbps is None):
            raise PydanticCustomError("one-of", "a link needs `bandwidth_gbps`, or `connected: false`", {})
        return self


class FinancingEntry(FleetPart):
    """How a bought device's price becomes dollars per hour."""

    years: Years = 4.0
    interest: Annotated[float, Field(ge=0, le=10)] = 0.08


class PowerEntry(FleetPart):
    """What electricity costs and how much is drawn."""

    usd_per_kwh: Annotated[float, Field(ge=0, le=100)] = 0.40
    utilization: Annotated[float, Field(ge=0, le=1)] | Literal["measured"] = Field(
        default=1.0,
        description="mean power over thermal design power; `measured`: by the family's curve, host included",
    )
    pue: Annotated[float, Field(ge=1, le=10)] = 1.0
    kg_co2_per_kwh: Annotated[float, Field(ge=0, le=10)] = 0.4


class SiteEntry(FleetPart):
    """What is different at a site; the rest is `power`'s."""

    usd_per_kwh: Annotated[float, Field(ge=0, le=100)] | None = None
    pue: Annotated[float, Field(ge=1, le=10)] | None = None
    kg_co2_per_kwh: Annotated[float, Field(ge=0, le=10)] | None = None
    zone: str | None = Field(default=None, description="what `placement: {zones: …}` of a definition calls it")


class FleetFile(FleetPart):
    """What an agent may be placed on: device classes, the links between their hosts, and what they cost."""

    agentc: Literal["v1"] = "v1"
    name: Annotated[str, Field(min_length=1, max_length=200)]
    profile: Literal["datasheet", "paper"] = Field(
        default="datasheet", description="which figures of the catalog count"
    )
    catalog: str | None = Field(default=None, description="a table of your own devices, beside this file")
    calibration: str | None = Field(
        default=None, description="curves that `agentc calibrate` fitted to your measurements, beside this file"
    )
    as_of: Month = Field(default=AS_OF, description="the month that ages of owned devices are counted to")
    price: RentEntry | None = Field(default=None, description="rents of all devices that state nothing else")
    devices: dict[DeviceName, StockEntry] = Field(description="by the catalog's name; a number is a count")
    links: list[LinkEntry] = []
    financing: FinancingEntry = FinancingEntry.model_construct()
    power: PowerEntry = PowerEntry.model_construct()
    sites: dict[str, SiteEntry] = Field(default={}, description="by the names that devices give as `site`")
    source: str = ""
