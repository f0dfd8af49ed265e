"""The catalog for a person at a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

from agentc.plan.demand import parameters
from agentc.plan.fleet import Device
from agentc.plan.models import ModelShape
from agentc.report.text import table, wrap
from agentc.support.units import format_bytes, format_figure, format_flops, format_rate

RATES = ("bf16", "fp8", "fp4")
SHOWN = {*(f"tflops.{name}" for name in RATES), "memory_gb", "bandwidth_gbs", "watts", "rent_usd_per_hour"}
"""What the table shows, as the catalog names it."""


def device_table(devices: Iterable[Device]) -> str:
    """One line a device; ``~`` marks a row of which a figure that is shown is an estimate."""
    rows = [
        (
            ("~" if SHOWN & set(device.estimated) else "") + device.name,
            *(format_flops(device.flops_per_second[p]) if p in device.flops_per_second else "-" for p in RATES),
            format_bytes(device.memory_bytes),
            format_rate(device.bytes_per_second),
            f"{device.watts:g} W",
            f"{device.rent_usd_per_hour:.2f}" if device.rent_usd_per_hour is not None else "-",
        )
        for device in devices
    ]
    heads = ("device", *(f"{name}/s" for name in RATES), "memory", "bandwidth", "TDP", "$/h")
    return _text(table(heads, rows, right=tuple(range(1, len(heads)))))


def device_page(device: Device) -> str:
    """Everything the catalog knows of a device, with where it is from."""
    rates = ", ".join(f"{name} {format_flops(rate)}/s" for name, rate in device.flops_per_second.items())
    lines = [
        f"{device.name}: {device.vendor} {device.kind}, family {device.family}",
        f"  dense peak   {rates}",
        f"  memory       {format_bytes(device.memory_bytes)} at {format_rate(device.bytes_per_second)}",
        f"  power        {device.watts:g} W (TDP)",
        f"  scale-up     {device.scale_up.name}, {format_rate(device.scale_up.bytes_per_second)} a direction, "
        f"up to {device.scale_up_size} devices",
        f"  scale-out    {device.scale_out.name}, {format_rate(device.scale_out.bytes_per_second)}",
        f"  price        {_price(device)}",
        f"  code for     {device.target or 'nothing (served by its own engine)'}",
    ]
    if device.estimated:
        lines.append(f"  estimated    {', '.join(device.estimated)}")
    lines += wrap("  source       ", device.source)
    return _text(lines)


def model_table(models: Iterable[ModelShape]) -> str:
    """One line a model."""
    rows = [
        (
            model.name,
            model.kind,
            format_figure(parameters(model) / 1e9) + " B",
            str(model.layers or "-"),
            str(model.hidden or "-"),
            f"{model.heads}/{model.kv_heads}" if model.heads else "-",
            f"{model.experts_per_token} of {model.experts}" if model.experts else "-",
        )
        for model in models
    ]
    return _text(
        table(("model", "kind", "parameters", "layers", "hidden", "heads/kv", "experts"), rows, right=(2, 3, 4, 5, 6))
    )


def model_page(model: ModelShape) -> str:
    """The whole shape of a model, with where it is from."""
    stated = [(f.name, getattr(model, f.name)) for f in fields(model) if f.name not in ("name", "kind", "source")]
    lines = [f"{model.name}: {model.kind}, {format_figure(parameters(model) / 1e9)} B parameters"]
    lines += [
        f"  {name:<24} {value:g}" if isinstance(value, float) else f"  {name:<24} {value}"
        for name, value in stated
        if value
    ]
    lines += wrap("  source                   ", model.source)
    return _text(lines)


def _price(device: Device) -> str:
    parts = [
        f"${device.price_usd:,.0f} to buy" if device.price_usd is not None else "",
        f"${device.rent_usd_per_hour:.2f}/h to rent" if device.rent_usd_per_hour is not None else "",
    ]
    return ", ".join(part for part in parts if part) or "none known"


def _text(lines: Iterable[str] | Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"
