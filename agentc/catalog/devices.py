"""Device classes by name, in two profiles: ``datasheet``, and ``paper`` (arXiv 2507.19635, table 5, as printed)."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from agentc.catalog.data_files import table
from agentc.catalog.names import UnknownName
from agentc.plan.fleet import Device, Link

PROFILES: Final = ("datasheet", "paper")


@cache
def devices(profile: str = "datasheet") -> Mapping[str, Device]:
    """All device classes of ``profile`` by name, in the order of the table.

    Raises UnknownName for an unknown profile.
    """
    if profile not in PROFILES:
        raise UnknownName(profile, "profile", PROFILES)
    names = table("devices") if profile == "datasheet" else table("paper")
    return MappingProxyType({name: _device(name, profile) for name in names})


def device(name: str, profile: str = "datasheet") -> Device:
    """The device class ``name`` (or an alias, in any case) of ``profile``. Raises UnknownName."""
    known = devices(profile)
    canonical = _aliases().get(name.lower(), name.lower())
    if canonical not in known:
        raise UnknownName(name, "device", (*known, *(a for a, target in _aliases().items() if target in known)))
    return known[canonical]


def operating_usd_per_hour(name: str) -> float | None:
    """The operating cost that the paper's table 5 prints for a device, or None."""
    return table("paper").get(name, {}).get("operating_usd_per_hour")


@cache
def _aliases() -> Mapping[str, str]:
    return {alias: name for name, row in table("devices").items() for alias in row.get("aliases", ())}


def _device(name: str, profile: str) -> Device:
    from agentc.catalog.schema import DeviceRow, PaperRow

    row = DeviceRow.model_validate(table("devices")[name])
    paper = PaperRow.model_validate(table("paper")[name]) if profile == "paper" else PaperRow()
    tflops: Mapping[str, float] = {**(paper.tflops or row.tflops)}
    source = f"arXiv 2507.19635, table 5; else {row.source}" if paper.tflops else row.source
    up, out = row.scale_up, row.scale_out
    return Device(
        name=name,
        vendor=row.vendor,
        kind=row.kind,
        family=row.family,
        flops_per_second=MappingProxyType({p: t * 1e12 for p, t in tflops.items()}),
        memory_bytes=(paper.memory_gb or row.memory_gb) * 1e9,
        bytes_per_second=(paper.bandwidth_gbs or row.bandwidth_gbs) * 1e9,
        watts=row.watts,
        scale_up=Link(up.name, up.gbs * 1e9, up.us * 1e-6, row.source),
        scale_up_size=paper.scale_up_size or up.size,
        scale_out=Link(out.name, out.gbps * 1e9 / 8, out.us * 1e-6, row.source),
        cores=row.cores,
        price_usd=paper.price_usd or row.price_usd,
        rent_usd_per_hour=row.rent_usd_per_hour,
        target=row.target,
        estimated=(*row.estimated, *(("tflops.fp8",) if paper.tflops and "fp8" in paper.tflops else ())),
        source=f"{source} ({row.date})",
    )
