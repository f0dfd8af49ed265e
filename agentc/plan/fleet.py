"""Devices, links and fleets as the planner sees them."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, TypeAlias

from agentc.support.record import record

DeviceKind: TypeAlias = Literal["gpu", "accelerator", "cpu", "hosted"]


@record(slots=True)
class Link:
    """A way for bytes to travel: between devices of a host (scale-up) or between hosts (scale-out)."""

    name: str
    bytes_per_second: float
    """One direction, per device; 0 where the two are not connected."""
    latency_seconds: float
    source: str = ""


@record(slots=True)
class Device:
    """One class of device. Rates are dense (no structured sparsity) peak rates."""

    name: str
    vendor: str
    kind: DeviceKind
    family: str
    """Names the efficiency curve: ``ampere``, ``hopper``, ``blackwell``, ``cdna3``, ``gaudi``, ``cpu``, …"""
    flops_per_second: Mapping[str, float]
    memory_bytes: float
    bytes_per_second: float
    watts: float
    """Thermal design power of one device."""
    scale_up: Link
    scale_up_size: int
    """Devices that one scale-up domain joins: the largest tensor-parallel group."""
    scale_out: Link
    cores: int = 0
    price_usd: float | None = None
    """To buy one device."""
    rent_usd_per_hour: float | None = None
    """To rent one device."""
    target: str = ""
    """What code generation aims at: ``sm_90a``, ``gfx942``, ``x86-64-v4``, ``neoverse-v2``; empty if none."""
    estimated: tuple[str, ...] = ()
    """Fields that are estimates rather than published figures."""
    source: str = ""
    of: str = ""
    """The catalog's name, where ``name`` is one that the fleet gives to the same class on other terms."""

    @property
    def names(self) -> tuple[str, ...]:
        """What placement rules may call it."""
        return (self.name, self.of) if self.of else (self.name,)


@record(slots=True)
class Power:
    """What one device draws at the meter, its part of the host and the site's PUE included."""

    idle_watts: float
    """Held, with nothing to do."""
    busy_watts: Mapping[str, float] = field(default_factory=dict[str, float])
    """By what binds the work (``compute``, ``memory``); ``other`` for all else; idle power where that is missing."""
    usd_per_kwh: float = 0.0
    """What a kilowatt-hour drawn beyond idle power costs us; 0 where a rent or a flat rate covers it."""
    kg_co2_per_kwh: float = 0.4


@record(slots=True)
class Stock:
    """How many of a device class the fleet holds and what one costs."""

    device: Device
    count: int | None = None
    """``None``: as many as wanted."""
    usd_per_hour: float = 0.0
    """One device that is held, cash: rates still due and power (at idle where it is measured), or rent."""
    per_host: int = 8
    site: str = "main"
    power: Power | None = None
    """``None``: thermal design power x the financing's utilization and PUE, busy or not."""
    sunk_usd_per_hour: float = 0.0
    """The part of the price that is paid off, as an hourly rate; no placement can save it, so none counts it."""
    zone: str = ""
    """What rules on where data may be call its site; empty: none of them."""
    acquired: str = ""
    """``bought``, ``owned, 50% paid off``, ``rent: spot, Nebius``; empty where nobody said."""


@record(slots=True)
class Financing:
    """How an owned device's price becomes dollars per hour (paper, section 5: 4 years at 8 %)."""

    years: float = 4.0
    interest: float = 0.08
    usd_per_kwh: float = 0.40
    power_utilization: float = 1.0
    """Mean power over thermal design power."""
    pue: float = 1.0
    kg_co2_per_kwh: float = 0.4


@record(slots=True)
class Calibration:
    """The user's own curves of the cost model, fitted to what they measured on a fleet."""

    file: str
    """As the fleet file calls it."""
    text: str
    """The curves, as JSON."""


@record(slots=True)
class Fleet:
    """What may be used: stocks in the order of the file, and the links between hosts."""

    name: str
    stocks: tuple[Stock, ...]
    financing: Financing = Financing()
    links: Mapping[str, Link] = field(default_factory=dict[str, Link])
    """Overrides of scale-out links: key ``"a->b"`` by device names (``*`` for any), in either direction."""
    source: str = ""
    calibration: Calibration | None = None
    """The curves to estimate with; ``None``: the package's."""
