"""Fleets: shipped by name, or a file of the user's."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentc.catalog.billing import Billing
from agentc.catalog.devices import Entry, entry
from agentc.catalog.names import UnknownName
from agentc.plan.fleet import Calibration, Device, Financing, Fleet, Link, Stock
from agentc.support import packaged
from agentc.support.diagnostics import Diagnostics, Refused, did_you_mean

if TYPE_CHECKING:
    from agentc.catalog.fleet_file import FleetFile, LinkEntry
    from agentc.support.yaml_source import Document

_OWN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*\Z")
"""A name of the user's for a device class: it becomes a part of pools' names."""


def fleet_names() -> tuple[str, ...]:
    """The fleets that ship with the package."""
    names = packaged.names("agentc.catalog", "fleets")
    return tuple(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def load_fleet(name_or_path: str | Path) -> Fleet:
    """A shipped fleet by name, else the fleet file at that path.

    Raises:
        Refused: The file is wrong (every problem at its place), or there is neither such a fleet nor such a file.
    """
    from agentc.support.yaml_source import load_yaml, parse_yaml

    name = str(name_or_path)
    if name in fleet_names():
        return _build(parse_yaml(packaged.text("agentc.catalog", "fleets", f"{name}.yaml"), f"{name}.yaml"))
    if not Path(name).is_file() and not name.endswith((".yaml", ".yml")) and "/" not in name:
        found = Diagnostics()
        found.error("unknown-fleet", f"there is no fleet `{name}`", help=did_you_mean(name, fleet_names()))
        raise Refused(*found)
    return _build(load_yaml(name))


def fleet_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a fleet file."""
    from agentc.catalog.fleet_file import FleetFile

    schema = FleetFile.model_json_schema()
    devices: dict[str, Any] = schema["properties"]["devices"]
    count = schema["$defs"]["StockEntry"]["properties"]["count"]["anyOf"]
    devices["additionalProperties"] = {"anyOf": [devices["additionalProperties"], *count]}
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "agentc fleet v1"}
    return named | {key: value for key, value in schema.items() if key != "title"}


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
            power_utilization=1.0 if file.power.utilization == "measured" else file.power.utilization,
            pue=file.power.pue,
            kg_co2_per_kwh=file.power.kg_co2_per_kwh,
        )
        self.billing = Billing(document, file, self.financing, self.found)
        self.own = self._own_devices()

    def fleet(self) -> Fleet:
        if not self.file.devices:
            span = self.document.span(("devices",), key=True)
            self.found.error("empty-fleet", "the fleet holds no device", span, help="list devices by catalog name")
        stocks = self._stocks()
        links = self._links(stocks)
        if stocks and all(stock.count == 0 for stock in stocks):
            self.found.error("empty-fleet", "every device of the fleet has count 0", self.document.span(("devices",)))
        calibration = self._calibration()
        self.found.raise_if_errors()
        return Fleet(self.file.name, stocks, self.financing, links, self.file.source, calibration)

    def _stocks(self) -> tuple[Stock, ...]:
        stocks: dict[str, Stock] = {}
        for name in self.file.devices:
            if stock := self._stock(name, first=stocks):
                stocks[stock.device.name] = stock
        return tuple(stocks.values())

    def _calibration(self) -> Calibration | None:
        """The user's curves, if the file names some; the cost model says whether they are any."""
        if (stated := self.file.calibration) is None:
            return None
        from yaml import YAMLError

        from agentc.support.yaml_text import load

        try:
            text = json.dumps(load((Path(self.document.file).parent / stated).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, YAMLError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else " ".join(str(problem).split())
            message = f"cannot take curves from `{stated}`: {why}"
            help_ = "`agentc calibrate` writes such a file"
            self.found.error("bad-calibration", message, self.document.span(("calibration",)), help=help_)
            return None
        return Calibration(stated, text)

    def _own_devices(self) -> Mapping[str, Entry]:
        """The user's table of devices, if the file names one."""
        if self.file.catalog is None:
            return {}
        from agentc.catalog.device_file import read_devices

        return read_devices(Path(self.document.file).parent / self.file.catalog)

    def _stock(self, name: str, first: dict[str, Stock]) -> Stock | None:
        stated = self.file.devices[name]
        found = self._entry(stated.device or name, ("devices", name, *(("device",) if stated.device else ())))
        if not found:
            return None
        known = found.device if stated.device is None else _named(found.device, self._own_name(name, found))
        if known.name in first:
            span = self.document.span(("devices", name), key=True)
            message = f"`{name}` is `{known.name}`, which the fleet lists already"
            help_ = f"give it a name of its own: `{known.name}-2: {{device: {known.name}, …}}`"
            self.found.error("duplicate-device", message, span, help=help_)
            return None
        bill = self.billing.bill(name, stated, found)
        return Stock(
            device=known,
            count=stated.count,
            usd_per_hour=bill.usd_per_hour,
            per_host=stated.per_host or max(known.scale_up_size, 1),
            site=(site := self._site(name, stated.site)),
            zone=(own.zone or "") if (own := self.file.sites.get(site)) else "",
            power=self.billing.power(stated, known, ours=bill.ours),
            sunk_usd_per_hour=bill.sunk_usd_per_hour,
            acquired=bill.acquired,
        )

    def _own_name(self, name: str, found: Entry) -> str:
        """``name``, which the file gives to a device class; it may be no other class's, nor an alias."""
        span = self.document.span(("devices", name), key=True)
        if not _OWN_NAME.match(name):
            help_ = "use letters, digits, `-`, `_`, `.` and `@`"
            self.found.error("wrong-value", f"`{name}` cannot be the name of a device class", span, help=help_)
        elif name != found.device.name and (name in self.own or _is_known(name)):
            self.found.error("duplicate-device", f"`{name}` is the name of another class", span)
        return name

    def _site(self, name: str, site: str) -> str:
        if self.file.sites and site not in self.file.sites and site != "main":
            span = self.document.span(("devices", name, "site"))
            help_ = did_you_mean(site, self.file.sites)
            self.found.error("unknown-name", f"the fleet has no site `{site}`", span, help=help_)
        return site

    def _entry(self, name: str, path: tuple[str | int, ...]) -> Entry | None:
        if name in self.own:
            return self.own[name]
        try:
            return entry(name, self.file.profile)
        except UnknownName as unknown:
            message = f"unknown device `{name}`"
            if self.file.profile == "paper" and _is_known(name):
                message = f"the `paper` profile has no `{name}`"
            span = self.document.span(path, key=path[0] == "devices" and len(path) == 2)
            self.found.error("unknown-device", message, span, help=did_you_mean(name, (*self.own, *unknown.known)))
            return None

    def _links(self, stocks: tuple[Stock, ...]) -> dict[str, Link]:
        """Links by pairs of devices; those between sites become one for each pair that they part."""
        names = tuple(stock.device.name for stock in stocks)
        links: dict[str, Link] = {}
        sites: dict[frozenset[str], Link] = {}
        for index, stated in enumerate(self.file.links):
            link = self._link(stated)
            if self._joins_sites(stated.between, names):
                sites[frozenset(stated.between)] = link
                continue
            ends = [self._end(end, ("links", index, "between", i), names) for i, end in enumerate(stated.between)]
            links["->".join(ends)] = link
        return links | _between_sites(stocks, links, sites)

    def _link(self, stated: "LinkEntry") -> Link:
        if stated.bandwidth_gbps is None:
            return Link(stated.name or "none", 0.0, 0.0, self.file.source)
        rate, latency = stated.bandwidth_gbps * 1e9 / 8, stated.latency_us * 1e-6
        return Link(stated.name or f"{stated.bandwidth_gbps:g}g", rate, latency, self.file.source)

    def _joins_sites(self, ends: Sequence[str], names: tuple[str, ...]) -> bool:
        """Both ends are sites, or one is and the other is any."""
        known = {*self.file.sites, *(entry.site for entry in self.file.devices.values())}
        return all(end in known or end == "*" for end in ends) and not all(end == "*" or end in names for end in ends)

    def _end(self, name: str, path: tuple[str | int, ...], names: tuple[str, ...]) -> str:
        if name == "*" or name in names:
            return name
        found = self._entry(name, path)
        if found and found.device.name not in names:
            help_ = did_you_mean(found.device.name, names)
            self.found.error("unknown-device", f"the fleet has no `{name}`", self.document.span(path), help=help_)
        return found.device.name if found else name


WAN = Link("wan", 10e9 / 8, 0.030, "assumed: 10 Gbit/s and 30 ms between sites")
"""What joins two sites of which nothing is stated."""


def _between_sites(
    stocks: tuple[Stock, ...], links: Mapping[str, Link], sites: Mapping[frozenset[str], Link]
) -> dict[str, Link]:
    """The link of each pair of devices at different sites: what is stated of the pair, of one of them and any other,
    of their sites, of one site and any other; else a wide area network."""
    found: dict[str, Link] = {}
    for number, a in enumerate(stocks):
        for b in stocks[number + 1 :]:
            one, two = a.device.name, b.device.name
            told = (f"{one}->{two}", f"{two}->{one}", f"{one}->*", f"*->{one}", f"{two}->*", f"*->{two}")
            if a.site != b.site and not any(key in links for key in told[:2]):
                stated = [sites[key] for key in _pairs(a.site, b.site) if key in sites]
                if stated or not any(key in links for key in told[2:]):
                    found[told[0]] = stated[0] if stated else WAN
    return found


def _pairs(one: str, two: str) -> tuple[frozenset[str], ...]:
    return frozenset((one, two)), frozenset((one, "*")), frozenset(("*", two))


def _named(device: Device, name: str) -> Device:
    return device if name == device.name else replace(device, name=name, of=device.name)


def _is_known(name: str) -> bool:
    try:
        return bool(entry(name))
    except UnknownName:
        return False
