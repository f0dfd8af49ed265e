"""The options of one unit on every device of a fleet."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from agentc.cost.arithmetic import compute_precision, widening
from agentc.cost.grid import (
    DECODE_BATCHES,
    MODEL_BATCHES,
    PREFILL_BATCHES,
    SHARED_BATCHES,
    Grid,
    model_grid,
    single_grid,
)
from agentc.cost.network import AGGREGATED
from agentc.cost.roofline import BOTTLENECKS, RESERVE
from agentc.cost.serving import Candidates, Setting, aggregated, alone, beside_others, wide
from agentc.cost.table import Found
from agentc.cost.units import Unit
from agentc.plan import money
from agentc.plan.demand.shape import weights_bytes
from agentc.plan.fleet import Device, Stock
from agentc.plan.placement import Mode, Option, Pool
from agentc.support.record import record


def search(unit: Unit, setting: Setting) -> Found:
    """The options of ``unit`` that fit and are on time, on every device of the fleet."""
    searched = [_on(unit, stock, setting) for stock in setting.fleet.stocks]
    names = [stock.device.name for stock in setting.fleet.stocks]
    rejected = tuple((name, s.why) for name, s in zip(names, searched, strict=True) if not s.rows and s.why)
    rows = tuple(row for s in searched for row, _ in s.rows)
    pools = dict.fromkeys(pool for s in searched for _, pool in s.rows)
    calibrated = {name: s.calibrated for name, s in zip(names, searched, strict=True) if s.rows}
    return Found(rows, tuple(pools), rejected, calibrated, len(unit.tasks))


_Rows: TypeAlias = "tuple[tuple[tuple[Option, ...], Pool], ...]"


@record
class _OnDevice:
    rows: _Rows = ()
    why: str = ""
    calibrated: bool = False


def _on(unit: Unit, stock: Stock, setting: Setting) -> _OnDevice:
    """The options of ``unit`` on one device class, or why there are none."""
    device = stock.device
    if setting.lenient:
        stock = replace(stock, count=None)
    if why := _refused(unit, stock):
        return _OnDevice(why=why)
    kept: list[tuple[tuple[Option, ...], Pool]] = []
    reasons: list[str] = []
    calibrated = True
    for found in _candidates(unit, stock, setting):
        calibrated &= found.estimate.calibrated
        fits = _mask(found.estimate.fits, found.grid)
        kept += _options(unit, found, stock, setting, fits & _on_time(found, setting) & _spares(unit, found, setting))
        if found.shared:
            continue
        reasons.append(_why_not(unit, found, device, fits, setting))
    why = "" if kept else reasons[0] if reasons else _no_room(unit, stock)
    return _OnDevice(tuple(kept), why, calibrated)


def _refused(unit: Unit, stock: Stock) -> str:
    """Why a device is out before any arithmetic."""
    device, rule = stock.device, unit.rule
    if stock.count == 0:
        return f"the fleet holds no {device.name}"
    if rule.pin and rule.pin not in device.names:
        return f"the definition pins it to `{rule.pin}`"
    if rule.allow and not any(name in rule.allow for name in device.names):
        return f"the definition allows {', '.join(f'`{name}`' for name in rule.allow)} only"
    if any(name in rule.forbid for name in device.names):
        return "the definition forbids it"
    if unit.role == "cpu" and device.kind != "cpu":
        return f"{unit.head.op} is general-purpose work and {device.name} is no CPU"
    wanted = (unit.head.precision, *unit.work.flops) if unit.role != "cpu" else ()
    missing = [precision for precision in wanted if compute_precision(device, precision) is None]
    return f"{device.name} has no rate for {missing[0]} or anything wider" if missing else ""


def _no_room(unit: Unit, stock: Stock) -> str:
    return f"no configuration of {unit.head.name} fits the {stock.count} devices at hand"


def _candidates(unit: Unit, stock: Stock, setting: Setting) -> Iterator[Candidates]:
    """Every way of serving ``unit`` on a device class: apart, and together with its other half."""
    device = stock.device
    if setting.packs and unit.small and device.kind != "cpu":
        yield beside_others(unit, device, single_grid(SHARED_BATCHES if unit.model else (1,)), setting)
    if unit.role in ("cpu", "kernel"):
        pool = f"{'cpu' if device.kind == 'cpu' else 'kernels'}/{device.name}"
        yield alone(unit, device, single_grid(), "single", pool, setting)
        return
    model = unit.model
    if model is None:
        return
    batches = {"prefill": PREFILL_BATCHES, "decode": DECODE_BATCHES}.get(unit.role, MODEL_BATCHES)
    weights = weights_bytes(model, unit.head.precision) * widening(device, unit.head.precision)
    grid = model_grid(model, stock, batches, weights, setting.coarse)
    if not len(grid.tp):
        return
    name, kind = setting.pool_names(unit), unit.role if unit.role != "model" else model.kind
    mode: Mode = "disaggregated" if unit.pair else "single"
    yield alone(unit, device, grid, mode, f"{name}/{kind}/{device.name}", setting)
    if unit.pair and _same_model(unit, unit.pair):
        grid = model_grid(model, stock, DECODE_BATCHES, weights, setting.coarse)
        yield aggregated(unit, unit.pair, device, grid, f"{name}/agg/{device.name}", setting)


def _same_model(a: Unit, b: Unit) -> bool:
    return a.model == b.model and a.head.precision == b.head.precision


def _on_time(found: Candidates, setting: Setting) -> Any:
    """Which configurations keep the hard limits on their own; in a lenient setting all."""
    import numpy as np

    mask = np.ones(len(found.grid.tp), dtype=bool)
    if setting.lenient:
        return mask
    for metric, values in found.metrics.items():
        limit = setting.limits.get(metric)
        if limit and limit.usd_per_ms is None:
            mask &= values <= limit.seconds
    return mask


def _spares(unit: Unit, found: Candidates, setting: Setting) -> Any:
    """Which configurations leave a part of one device to others, where they share it."""
    import numpy as np

    if not found.shared:
        return np.ones(len(found.grid.tp), dtype=bool)
    return setting.arrivals_per_second * unit.head.visits * found.busy < setting.share


def _why_not(unit: Unit, found: Candidates, device: Device, fits: Any, setting: Setting) -> str:
    """One sentence on why no configuration of a device is left."""
    import numpy as np

    size = len(found.grid.tp)
    if not fits.any():
        memory = wide(found.estimate.memory_bytes_per_device, size)
        best = int(np.argmin(memory))
        model = f" ({unit.model.name})" if unit.model else ""
        return (
            f"it needs {memory[best] / 1e9:.1f} GB a device{model} at {_config(found.grid, best)}, and {device.name} "
            f"has {device.memory_bytes / 1e9:.0f} GB, of which {1 - RESERVE:.0%} is planned with"
        )
    for metric, values in found.metrics.items():
        limit = setting.limits.get(metric)
        best = int(np.argmin(np.where(fits, values, np.inf)))
        if limit and limit.usd_per_ms is None and values[best] > limit.seconds:
            what = {"ttft": "its share of time to first token is at least", "tbt": "a decode step takes at least"}
            return (
                f"{what[metric]} {values[best] * 1e3:.1f} ms on {device.name} ({_config(found.grid, best)}), "
                f"over the limit of {limit.seconds * 1e3:g} ms"
            )
    return f"no configuration of {device.name} keeps all limits at once"


def _config(grid: Grid, index: int) -> str:
    pp = f", pp={int(grid.pp[index])}" if grid.pp[index] > 1 else ""
    dp = f", dp={int(grid.dp[index])}" if grid.dp[index] > 1 else ""
    return f"tp={int(grid.tp[index])}{pp}{dp}, batch {int(grid.batch[index])}"


def _options(
    unit: Unit, found: Candidates, stock: Stock, setting: Setting, mask: Any
) -> list[tuple[tuple[Option, ...], Pool]]:
    """The masked configurations as options, one for each task of the unit, with their pool."""
    size = len(found.grid.tp)
    memory: list[float] = wide(found.estimate.memory_bytes_per_device, size).tolist()
    indices: list[int] = wide(found.estimate.bottleneck, size).tolist()
    chosen: list[int] = mask.nonzero()[0].tolist()
    limits: list[str] = [BOTTLENECKS[index] for index in indices]
    return [_option(unit, found, stock, setting, i, memory[i], limits[i]) for i in chosen]


def _option(
    unit: Unit, found: Candidates, stock: Stock, setting: Setting, i: int, memory_bytes: float, bottleneck: str
) -> tuple[tuple[Option, ...], Pool]:
    grid, device = found.grid, stock.device
    tp, pp, dp, batch = int(grid.tp[i]), int(grid.pp[i]), int(grid.dp[i]), int(grid.batch[i])
    devices, busy = tp * pp * dp, float(found.busy[i])
    plain = unit.role in ("cpu", "kernel")
    name = f"{found.pool}/tp{tp}{f'/pp{pp}' if pp > 1 else ''}{f'/dp{dp}' if dp > 1 else ''}/b{batch}"
    name = f"{found.pool}/b{batch}" if found.shared else found.pool if plain else name
    drawn = money.power(stock, setting.fleet.financing)
    joules, idle = devices * money.extra_joules(drawn, bottleneck, busy), devices * drawn.idle_watts
    grams = money.grams_co2e(idle, drawn.kg_co2_per_kwh)
    room = device.memory_bytes * (1 - RESERVE) if found.shared else math.inf
    held = found.pool if found.shared else name
    pool = Pool(held, device.name, devices, stock.usd_per_hour * devices, idle, setting.share, grams, room)
    whole = Option(
        name=name,
        pool=held,
        place=device.name + (AGGREGATED if found.mode == "aggregated" else ""),
        device=device.name,
        mode=found.mode,
        tp=tp,
        pp=pp,
        dp=dp,
        batch=batch,
        seconds=float(found.seconds[i]),
        busy_seconds=busy,
        usd=devices * money.extra_usd(drawn, bottleneck, busy),
        joules=joules,
        grams=money.grams_co2e(joules, drawn.kg_co2_per_kwh),
        metrics={metric: float(values[i]) for metric, values in found.metrics.items()},
        bottleneck=bottleneck,
        memory_bytes=memory_bytes,
        low=found.estimate.band[0],
        high=found.estimate.band[1],
        resident=setting.pool_names(unit) if found.shared and unit.model else "",
    )
    if len(unit.tasks) == 1:
        return (whole,), pool
    return tuple(_part(whole, float(share)) for share in found.shares[:, i]), pool


def _part(whole: Option, share: float) -> Option:
    """A task's part of a group's option; memory is the group's."""
    return replace(
        whole,
        seconds=whole.seconds * share,
        busy_seconds=whole.busy_seconds * share,
        usd=whole.usd * share,
        joules=whole.joules * share,
        grams=whole.grams * share,
        metrics={metric: value * share for metric, value in whole.metrics.items()},
    )


def _mask(fits: Any, grid: Grid) -> Any:
    return wide(fits, len(grid.tp)).copy()
