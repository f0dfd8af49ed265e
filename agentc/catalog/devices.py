"""Device classes by name, in two profiles: ``datasheet``, and ``paper`` (arXiv 2507.19635, table 5, as printed)."""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from agentc.catalog.data_files import table
from agentc.catalog.names import UnknownName
from agentc.catalog.sources import Rent, Source, chosen, figures, rent_of, source, sourced, told
from agentc.plan.fleet import Device, Link
from agentc.support.record import record

PROFILES: Final = ("datasheet", "paper")

_MAKERS = re.compile(r"\b(nvidia|amd|intel|habana|google|aws)\b|\(r\)|\(tm\)", re.ASCII)
_BETWEEN = re.compile(r"[^a-z0-9.]+")


@record
class Entry:
    """A device class with all that the catalog knows of it and where that is from."""

    device: Device
    aliases: tuple[str, ...]
    rents: tuple[Rent, ...]
    sources: Mapping[str, Source]
    """Of each figure, by its name in the table: ``tflops.bf16``, ``scale_up.gbs``, ``watts``."""


def plain(name: str) -> str:
    """``name`` without its maker, case and punctuation: ``NVIDIA H100_SXM5`` is ``h100-sxm5``."""
    return _BETWEEN.sub("-", _MAKERS.sub(" ", name.lower())).strip("-")


@cache
def devices(profile: str = "datasheet") -> Mapping[str, Device]:
    """All device classes of ``profile`` by name, in the order of the table.

    Raises UnknownName for an unknown profile.
    """
    return MappingProxyType({name: entry(name, profile).device for name in device_names(profile)})


def device_names(profile: str = "datasheet") -> tuple[str, ...]:
    """The names of ``profile``, in the order of the table. Raises UnknownName for an unknown profile."""
    if profile not in PROFILES:
        raise UnknownName(profile, "profile", PROFILES)
    return tuple(table("devices") if profile == "datasheet" else table("paper"))


def device(name: str, profile: str = "datasheet") -> Device:
    """The device class ``name`` (or an alias, however it is written) of ``profile``. Raises UnknownName."""
    return entry(name, profile).device


def entry(name: str, profile: str = "datasheet") -> Entry:
    """The device class ``name`` with its prices and sources. Raises UnknownName."""
    known = device_names(profile)
    canonical = name if name in known else _aliases().get(plain(name), name)
    if canonical not in known:
        raise UnknownName(name, "device", (*known, *(a for a, target in _aliases().items() if target in known)))
    return _entry(canonical, profile)


def operating_usd_per_hour(name: str) -> float | None:
    """The operating cost that the paper's table 5 prints for a device, or None."""
    return table("paper").get(name, {}).get("operating_usd_per_hour")


@cache
def _aliases() -> Mapping[str, str]:
    """Plain name or alias -> name."""
    rows = table("devices")
    return {plain(alias): name for name, row in rows.items() for alias in (name, *row.get("aliases", ()))}


@cache
def _entry(name: str, profile: str) -> Entry:
    row = table("devices")[name]
    return entry_of(name, row if profile == "datasheet" else _as_printed(row, table("paper")[name]))


def _as_printed(row: Mapping[str, Any], paper: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with what the paper's table prints in the place of its figures."""
    printed = {name: paper[name] for name in ("price_usd", "memory_gb", "bandwidth_gbs", "tflops") if name in paper}
    if not printed:
        return {**row}
    of_tflops = [name for name in row.get("estimated", ()) if name.startswith("tflops.")]
    kept = [name for name in row.get("estimated", ()) if name not in (*printed, *of_tflops)]
    return {
        **row,
        **printed,
        "scale_up": {**row["scale_up"], "size": paper["scale_up_size"]},
        "sources": {**row["sources"], **dict.fromkeys((*printed, "scale_up.size"), "table-5")},
        "estimated": [*kept, *(["tflops.fp8"] if "fp8" in paper["tflops"] else [])],
    }


def entry_of(name: str, row: Mapping[str, Any]) -> Entry:
    """The device class that a row of a table, which keeps the schema, tells of."""
    up, out = row["scale_up"], row["scale_out"]
    sources = _sources(row)
    rents = tuple(map(rent_of, row.get("rents", ())))
    price = row.get("price_usd")
    first, main = chosen(rents), source(sourced(row["sources"], "tflops.bf16"))
    return Entry(
        Device(
            name=name,
            vendor=row["vendor"],
            kind=row["kind"],
            family=row["family"],
            flops_per_second=MappingProxyType({p: float(t) * 1e12 for p, t in row["tflops"].items()}),
            memory_bytes=row["memory_gb"] * 1e9,
            bytes_per_second=row["bandwidth_gbs"] * 1e9,
            watts=float(row["watts"]),
            scale_up=Link(up["name"], up["gbs"] * 1e9, up["us"] * 1e-6, told(sources["scale_up.gbs"])),
            scale_up_size=up["size"],
            scale_out=Link(out["name"], out["gbps"] * 1e9 / 8, out["us"] * 1e-6, told(sources["scale_out.gbps"])),
            cores=row.get("cores", 0),
            price_usd=None if price is None else float(price),
            rent_usd_per_hour=first.usd_per_hour if first else None,
            target=row.get("target", ""),
            estimated=(
                *row.get("estimated", ()),
                *(["rent_usd_per_hour"] if first and first.source.estimated else []),
            ),
            source=told(main),
        ),
        tuple(row.get("aliases", ())),
        rents,
        MappingProxyType(sources),
    )


def _sources(row: Mapping[str, Any]) -> dict[str, Source]:
    """Figure -> where it was read."""
    estimated = set(row.get("estimated", ()))
    found: dict[str, Source] = {}
    for figure in figures(row):
        guessed = figure in estimated or figure.partition(".")[0] in estimated
        found[figure] = source(sourced(row["sources"], figure), guessed)
    return found
