"""Fleets: shipped by name, or a file of the user's."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentc.catalog.devices import device
from agentc.catalog.names import UnknownName
from agentc.plan.fleet import Device, Financing, Fleet, Link, Stock
from agentc.plan.money import owned_usd_per_hour
from agentc.support.diagnostics import Diagnostics, Refused, did_you_mean

if TYPE_CHECKING:
    from agentc.catalog.fleet_file import FleetFile, StockEntry
    from agentc.support.yaml_source import Document


def fleet_names() -> tuple[str, ...]:
    """The fleets that ship with the package."""
    folder = resources.files("agentc.catalog").joinpath("fleets")
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_fleet(name_or_path: str | Path) -> Fleet:
    """A shipped fleet by name, else the fleet file at that path.

    Raises:
        Refused: The file is wrong (every problem at its place), or there is neither such a fleet nor such a file.
    """
    from agentc.support.yaml_source import load_yaml, parse_yaml

    name = str(name_or_path)
    if name in fleet_names():
        resource = resources.files("agentc.catalog").joinpath("fleets", f"{name}.yaml")
        return _build(parse_yaml(resource.read_text(encoding="utf-8"), f"{name}.yaml"))
    if not Path(name).is_file() and not name.endswith((".yaml", ".yml")) and "/" not in name:
        found = Diagnostics()
        found.error("unknown-fleet", f"there is no fleet `{name}`", help=did_you_mean(name, fleet_names()))
        raise Refused(*found)
    return _build(load_yaml(name))


def fleet_schema() -> dict[str, Any]:
    """The JSON Schema of a fleet file."""
    from agentc.catalog.fleet_file import FleetFile

    schema = FleetFile.model_json_schema()
    devices: dict[str, Any] = schema["properties"]["devices"]
    count = schema["$defs"]["StockEntry"]["properties"]["count"]["anyOf"]
    devices["additionalProperties"] = {"anyOf": [devices["additionalProperties"], *count]}
    return schema


def _build(document: "Document") -> Fleet:
    from agentc.catalog.fleet_file import FleetFile
    from agentc.support.validate import validate

    return _Builder(document, validate(FleetFile, document)).fleet()


class _Builder:
    """From a fleet file that has the right form to a fleet, with every problem of its content found."""

    def __init__(self, document: "Document", file: "FleetFile") -> None:
        self.document = document
        self.file = file
        self.found = Diagnostics()
        self.financing = Financing(
            years=file.financing.years,
            interest=file.financing.interest,
            usd_per_kwh=file.power.usd_per_kwh,
            power_utilization=file.power.utilization,
            pue=file.power.pue,
            kg_co2_per_kwh=file.power.kg_co2_per_kwh,
        )

    def fleet(self) -> Fleet:
        if not self.file.devices:
            span = self.document.span(("devices",), key=True)
            self.found.error("empty-fleet", "the fleet holds no device", span, help="list devices by catalog name")
        stocks = self._stocks()
        links = self._links(tuple(stock.device.name for stock in stocks))
        if stocks and all(stock.count == 0 for stock in stocks):
            self.found.error("empty-fleet", "every device of the fleet has count 0", self.document.span(("devices",)))
        self.found.raise_if_errors()
        return Fleet(self.file.name, stocks, self.financing, links, self.file.source)

    def _stocks(self) -> tuple[Stock, ...]:
        stocks: dict[str, Stock] = {}
        for name in self.file.devices:
            if stock := self._stock(name, first=stocks):
                stocks[stock.device.name] = stock
        return tuple(stocks.values())

    def _stock(self, name: str, first: dict[str, Stock]) -> Stock | None:
        found = self._device(name, ("devices", name))
        if not found:
            return None
        if found.name in first:
            span = self.document.span(("devices", name), key=True)
            self.found.error("duplicate-device", f"`{name}` is `{found.name}`, which the fleet lists already", span)
            return None
        entry = self.file.devices[name]
        return Stock(
            device=found,
            count=entry.count,
            usd_per_hour=self._usd_per_hour(name, found, entry),
            per_host=entry.per_host or max(found.scale_up_size, 1),
            site=entry.site,
        )

    def _device(self, name: str, path: tuple[str | int, ...]) -> Device | None:
        try:
            return device(name, self.file.profile)
        except UnknownName as unknown:
            message = f"unknown device `{name}`"
            if self.file.profile == "paper" and _is_known(name):
                message = f"the `paper` profile has no `{name}`"
            span = self.document.span(path, key=path[0] == "devices")
            self.found.error("unknown-device", message, span, help=did_you_mean(name, unknown.known))
            return None

    def _usd_per_hour(self, name: str, found: Device, entry: "StockEntry") -> float:
        span = self.document.span(("devices", name), key=True)
        if entry.price_usd and entry.rent_usd_per_hour:
            self.found.error("two-prices", f"`{name}` states both a price and a rent", span, help="keep one of the two")
        if entry.rent_usd_per_hour:
            return entry.rent_usd_per_hour
        price = entry.price_usd or (None if entry.acquire == "rent" else found.price_usd)
        if price:
            return owned_usd_per_hour(found, price, self.financing)
        if found.rent_usd_per_hour and entry.acquire != "buy":
            return found.rent_usd_per_hour
        help_ = "state `price_usd` or `rent_usd_per_hour`"
        self.found.error("no-price", f"the catalog has no price for `{name}`", span, help=help_)
        return 0.0

    def _links(self, names: tuple[str, ...]) -> dict[str, Link]:
        links: dict[str, Link] = {}
        for index, entry in enumerate(self.file.links):
            ends = [self._end(end, ("links", index, "between", i), names) for i, end in enumerate(entry.between)]
            label = entry.name or f"{entry.bandwidth_gbps:g}g"
            rate, latency = entry.bandwidth_gbps * 1e9 / 8, entry.latency_us * 1e-6
            links["->".join(ends)] = Link(label, rate, latency, self.file.source)
        return links

    def _end(self, name: str, path: tuple[str | int, ...], names: tuple[str, ...]) -> str:
        if name == "*":
            return name
        found = self._device(name, path)
        if found and found.name not in names:
            help_ = did_you_mean(found.name, names)
            self.found.error("unknown-device", f"the fleet has no `{name}`", self.document.span(path), help=help_)
        return found.name if found else name


def _is_known(name: str) -> bool:
    try:
        return bool(device(name))
    except UnknownName:
        return False
