"""What a device family draws when idle and when busy, as shares of thermal design power."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from agentc.catalog.data_files import table
from agentc.plan.fleet import Device, Power
from agentc.support.record import record

BOUND_BY = ("memory", "compute", "other")


@record(slots=True)
class PowerCurve:
    """Power of one device over its thermal design power: idle + (busy - idle) x busy share of time, and its host's."""

    idle: float
    memory: float
    """Busy with work that memory bandwidth binds, such as decode."""
    compute: float
    """Busy with work that compute binds, such as prefill."""
    other: float
    host: float
    """What the host adds for each device, busy or not."""
    estimated: tuple[str, ...]
    """The shares that nobody measured for this family."""
    source: str


@cache
def power_curve(family: str) -> PowerCurve:
    """The curve of a device family; what its row does not state is the default's, estimated."""
    rows = table("power")
    own: Mapping[str, Any] = rows.get(family, {})
    row = {**rows["default"], **own}
    return PowerCurve(
        *(float(row[name]) for name in ("idle", "memory", "compute", "other", "host")),
        estimated=tuple(row["estimated"]),
        source=f"{row['source']} ({row['date']})",
    )


def measured_power(device: Device, *, pue: float, usd_per_kwh: float, kg_co2_per_kwh: float) -> Power:
    """What one ``device`` draws at the meter by its family's curve, with its part of the host."""
    curve = power_curve(device.family)
    watts = device.watts * pue
    busy = {name: watts * (getattr(curve, name) + curve.host) for name in BOUND_BY}
    return Power(watts * (curve.idle + curve.host), busy, usd_per_kwh, kg_co2_per_kwh)
