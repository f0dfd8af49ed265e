"""The catalog's devices for a person at a terminal of 80 columns, and as JSON with all sources."""

from collections.abc import Iterable, Mapping
from typing import Any

from agentc.catalog.devices import Entry
from agentc.catalog.power import power_curve
from agentc.catalog.sources import Source, chosen
from agentc.plan.fleet import Device, Link
from agentc.report.text import table, wrap
from agentc.support.units import format_bytes, format_figure, format_flops, format_rate

SCHEMA = 1

NOTES = """
  Dense peak TFLOPS (TOPS) of one device: bf16 (fp16 on T4 and V100), fp8, int8,
  fp4. GB of memory and TB/s of its bandwidth; W of thermal design power; k$ to
  buy one; $/h to rent one, at the terms that count where a fleet states none.
  ~ no published figure was read: inferred or guessed. agentc devices NAME and
  --format json give the source and the month of each figure, and all terms.
"""


def device_table(entries: Iterable[Entry]) -> str:
    """One line a device; ``~`` marks a figure that is an estimate."""
    heads = ("device", "bf16", "fp8", "int8", "fp4", "GB", "TB/s", "W", "k$", "$/h")
    lines = table(heads, map(_row, entries), right=tuple(range(1, len(heads))))
    return "\n".join(line.rstrip() for line in lines) + "\n" + NOTES


def _row(entry: Entry) -> tuple[str, ...]:
    device, wide = entry.device, "bf16" if "bf16" in entry.device.flops_per_second else "fp16"
    rent = chosen(entry.rents)
    figures: list[tuple[float | None, bool]] = [
        *(_rate(entry, name) for name in (wide, "fp8", "int8", "fp4")),
        (device.memory_bytes / 1e9, _guessed(entry, "memory_gb")),
        (device.bytes_per_second / 1e12, _guessed(entry, "bandwidth_gbs")),
        (device.watts, _guessed(entry, "watts")),
        (device.price_usd / 1e3 if device.price_usd else None, _guessed(entry, "price_usd")),
    ]
    hourly = f"{'~' if rent.source.estimated else ''}{rent.usd_per_hour:.2f}" if rent else "-"
    return (device.name, *(_figure(value, guessed) for value, guessed in figures), hourly)


def _rate(entry: Entry, precision: str) -> tuple[float | None, bool]:
    rate = entry.device.flops_per_second.get(precision)
    return (None if rate is None else rate / 1e12), _guessed(entry, f"tflops.{precision}")


def _guessed(entry: Entry, figure: str) -> bool:
    return figure in entry.sources and entry.sources[figure].estimated


def _figure(value: float | None, guessed: bool) -> str:
    if value is None:
        return "-"
    return ("~" if guessed else "") + (f"{value:.0f}" if value >= 100 else format_figure(value))


def device_page(entry: Entry) -> str:
    """Everything that the catalog knows of a device, with where each figure is from."""
    device, curve = entry.device, power_curve(entry.device.family)
    rates = ", ".join(f"{name} {format_flops(rate)}/s" for name, rate in device.flops_per_second.items())
    lines = [
        f"{device.name}: {device.vendor} {device.kind}, family {device.family}",
        *wrap("  also         ", ", ".join(entry.aliases) or "-", indent=" " * 15),
        *wrap("  dense peak   ", rates, indent=" " * 15),
        f"  memory       {format_bytes(device.memory_bytes)} at {format_rate(device.bytes_per_second)}",
        *([f"  cores        {device.cores}"] if device.cores else []),
        f"  power        {device.watts:g} W (TDP); {curve.idle + curve.host:.0%} of it idle, "
        f"{curve.memory + curve.host:.0%} to {curve.compute + curve.host:.0%} busy, host included",
        f"  scale-up     {_link(device.scale_up)}, up to {device.scale_up_size} devices",
        f"  scale-out    {_link(device.scale_out)}",
        f"  to buy       {f'${device.price_usd:,.0f}' if device.price_usd else 'no price known'}",
        *_rents(entry),
        f"  target       {device.target or 'none: served by its own engine'}",
        "",
        *table(("figure", "source", "month"), _sources(entry)),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _link(link: Link) -> str:
    latency = f"{link.latency_seconds * 1e6:g} us"
    return f"{link.name}, {format_rate(link.bytes_per_second)} a direction, {latency}"


def _rents(entry: Entry) -> Iterable[str]:
    for i, rent in enumerate(entry.rents):
        mark = "~" if rent.source.estimated else ""
        yield f"  {'to rent' if i == 0 else '':<13}{mark}${rent.usd_per_hour:.2f}/h {rent.kind}, {rent.provider}"


def _sources(entry: Entry) -> Iterable[tuple[str, ...]]:
    """Figures of one source in one row, its title cut to what a line holds."""
    rows: dict[tuple[Source, str], list[str]] = {}
    for figure, source in entry.sources.items():
        rows.setdefault((source, figure.partition(".")[0]), []).append(figure.partition(".")[2])
    for (source, group), names in rows.items():
        mark = "~" if source.estimated else ""
        inner = f" {','.join(names)}" if names != [""] else ""
        title = source.source if len(source.source) <= 38 else f"{source.source[:37]}…"
        yield f"{mark}{group}{inner}", title, source.date


def payload(entry: Entry) -> dict[str, Any]:
    """An entry as plain data, ready for ``json``: figures in SI units, sources by the names of the catalog's table."""
    device = entry.device
    return {
        **{name: _plain(getattr(device, name)) for name in Device.__dataclass_fields__},
        "aliases": list(entry.aliases),
        "rents": [
            {
                "usd_per_hour": rent.usd_per_hour,
                "kind": rent.kind,
                "provider": rent.provider,
                **_source(rent.source),
            }
            for rent in entry.rents
        ],
        "power_curve": _plain(power_curve(device.family)),
        "sources": {figure: _source(source) for figure, source in entry.sources.items()},
    }


def _source(source: Source) -> dict[str, Any]:
    return {"source": source.source, "date": source.date, "estimated": source.estimated}


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
