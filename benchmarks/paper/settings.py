"""Under which assumptions the claims are tried: whose figures, what share of peak, what an hour of a device costs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from agentc import catalog
from agentc.catalog.devices import operating_usd_per_hour
from agentc.plan.fleet import Device, Financing, Link
from agentc.plan.models import ModelShape
from agentc.plan.money import annuity_usd_per_hour, owned_usd_per_hour
from benchmarks.paper.facts import DEVICES

UNIFORM_FAMILY = "default"
"""The efficiency table's row for devices that nothing is known of: the same share of peak for all."""

FINANCING = Financing()
"""Section 5: 4 years at 8 %, thermal design power, $0.40/kWh."""


@dataclass(frozen=True)
class Setting:
    """One set of assumptions. The first value of each is what the paper states or implies."""

    figures: str = "paper"
    """``paper``: table 5. ``paper-h100-fp8``: as printed, but the H100's 1,979 TFLOPS are its FP8 rate too, which
    they are in its datasheet. ``datasheet``."""
    curves: str = "uniform"
    """``uniform``: one share of peak for all devices. ``calibrated``: agentc's curves."""
    hourly: str = "power"
    """``power``: annuity and power at TDP. ``operating``: annuity and the operating column of table 5."""

    @property
    def name(self) -> str:
        """For tables and files."""
        return "/".join((self.figures, self.curves, self.hourly))

    @property
    def words(self) -> str:
        """For sentences."""
        return f"{FIGURES[self.figures]}, {CURVES[self.curves]}, {HOURLY[self.hourly]}"


FIGURES = {
    "paper": "table 5 as printed",
    "paper-h100-fp8": "table 5 with an H100 of 1,979 TFLOPS at FP8",
    "datasheet": "datasheet figures",
}
CURVES = {"uniform": "one share of peak for all", "calibrated": "calibrated curves"}
HOURLY = {"power": "annuity + power at TDP", "operating": "annuity + operating column"}

PAPER = Setting()
DATASHEET = Setting("datasheet", "calibrated")
HEADLINES = (PAPER, DATASHEET)
SETTINGS = (
    *(Setting(f, c, h) for f in ("paper", "paper-h100-fp8") for c in CURVES for h in HOURLY),
    *(Setting("datasheet", c) for c in CURVES),
)


@cache
def devices(figures: str, curves: str) -> Mapping[str, Device]:
    """The six devices by the paper's names."""
    return {title: _device(name, figures, curves) for name, title in DEVICES.items()}


def priced_as(setting: Setting, model: str) -> ModelShape | None:
    """What a cost estimate is told of a model: with calibrated curves its decoder is priced by the step model; with one
    share of peak for all devices, by one roof."""
    return catalog.model(model) if setting.curves == "calibrated" else None


def _device(name: str, figures: str, curves: str) -> Device:
    found = catalog.device(name, "datasheet" if figures == "datasheet" else "paper")
    if figures == "paper-h100-fp8" and name == "h100-sxm":
        printed = found.flops_per_second
        found = replace(found, flops_per_second={**printed, "fp8": printed["fp16"]})
    return replace(found, family=UNIFORM_FAMILY) if curves == "uniform" else found


def usd_per_hour(name: str, setting: Setting) -> float:
    """One device, by the catalog's name, for an hour.

    Raises:
        ValueError: The catalog has no price for it.
    """
    device = catalog.device(name, "datasheet" if setting.figures == "datasheet" else "paper")
    if device.price_usd is None:
        raise ValueError(f"no price of `{name}` is known")
    if setting.hourly == "operating":
        annuity = annuity_usd_per_hour(device.price_usd, FINANCING.years, FINANCING.interest)
        return annuity + (operating_usd_per_hour(name) or 0.0)
    return owned_usd_per_hour(device, device.price_usd, FINANCING)


@cache
def hours(setting: Setting) -> Mapping[str, float]:
    """Dollars an hour by the paper's names."""
    return {title: usd_per_hour(name, setting) for name, title in DEVICES.items()}


@cache
def network() -> Link:
    """The link between hosts, one at each device: RoCE of 400 Gbit/s, as in the shipped fleet of the paper."""
    return catalog.load_fleet("paper").links["*->*"]
