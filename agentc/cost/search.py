"""The options of one unit on every device of a fleet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentc.cost.arithmetic import compute_precision, widening
from agentc.cost.bench import Bench
from agentc.cost.grid import (
    DECODE_BATCHES,
    MODEL_BATCHES,
    PREFILL_BATCHES,
    SHARED_BATCHES,
    Grid,
    model_grid,
    single_grid,
)
from agentc.cost.offers import Found, Offer, offer
from agentc.cost.roofline import RESERVE
from agentc.cost.serving import Candidates, Setting, aggregated, alone, beside_others, wide
from agentc.cost.units import Unit
from agentc.plan.demand.shape import weights_bytes
from agentc.plan.fleet import Stock
from agentc.plan.graph import PlacementRule
from agentc.plan.models import ModelShape
from agentc.plan.placement import Mode


def search(unit: Unit, setting: Setting) -> Found:
    """The options of ``unit`` that fit and are on time, on every device of the fleet."""
    stocks = setting.fleet.stocks
    whys = {stock.device.name: _refused(unit, stock) for stock in stocks}
    offers = [_offer(unit, found, setting) for found in _candidates(unit, _open(stocks, whys), setting)]
    whole = Found(tuple(offers), (), (), {}, len(unit.tasks))
    left = whole.devices()
    rejected = [
        (stock.device.name, whys[stock.device.name] or _why_not(unit, whole, stock, setting))
        for stock in stocks
        if stock.device.name not in left
    ]
    calibrated = {name: _calibrated(whole, name) for name in whys if name in left}
    return replace(whole, rejected=tuple(rejected), calibrated=calibrated)


def _open(stocks: Sequence[Stock], whys: Mapping[str, str]) -> tuple[Stock, ...]:
    return tuple(stock for stock in stocks if not whys[stock.device.name])


def _offer(unit: Unit, found: Candidates, setting: Setting) -> Offer:
    kept = _fits(found) & _on_time(found, setting) & _spares(unit, found, setting)
    return offer(unit, found, kept & (found.bench.grid.pp == 1) if unit.draft else kept, setting)


def _calibrated(found: Found, device: str) -> bool:
    """Whether all estimates on a device class rest on measured figures."""
    return all(device in each.found.calibrated for each in found.offers if device in each.found.bands)


def _places(offer: Offer, device: str) -> list[int]:
    """The place of a device class on an offer's bench, if it is there."""
    return [place for place, each in enumerate(offer.found.bench.devices) if each.name == device]


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
    if elsewhere := _elsewhere(rule, stock):
        return elsewhere
    if unit.role == "cpu" and device.kind != "cpu":
        return f"{unit.head.op} is general-purpose work and {device.name} is no CPU"
    if lacking := next((each for task in unit.tasks for each in task.no_code if each.device == device.name), None):
        return lacking.sentence
    wanted = (unit.head.precision, *unit.work.flops) if unit.role != "cpu" else ()
    missing = [precision for precision in wanted if compute_precision(device, precision) is None]
    return f"{device.name} has no rate for {missing[0]} or anything wider" if missing else ""


def _elsewhere(rule: PlacementRule, stock: Stock) -> str:
    """Why the site is not where the definition wants the task and its data."""
    if rule.sites and stock.site not in rule.sites:
        return f"it is at site `{stock.site}`, and the definition allows {_named(rule.sites)} only"
    if rule.zones and stock.zone not in rule.zones:
        zone = f"zone `{stock.zone}`" if stock.zone else "no zone"
        return f"it is at site `{stock.site}` in {zone}, and the data may be in {_named(rule.zones)} only"
    return ""


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _candidates(unit: Unit, stocks: tuple[Stock, ...], setting: Setting) -> Iterator[Candidates]:
    """Every way of serving ``unit`` on some device classes: apart, and together with its other half."""
    sharing = tuple(stock for stock in stocks if stock.device.kind != "cpu")
    if setting.packs and unit.small and sharing:
        grid = single_grid(SHARED_BATCHES if unit.model else (1,))
        yield beside_others(unit, setting.bench(sharing, [grid] * len(sharing)), setting)
    if unit.role in ("cpu", "kernel") and stocks:
        names = ("cpu" if stock.device.kind == "cpu" else "kernels" for stock in stocks)
        pools = tuple(f"{name}/{stock.device.name}" for name, stock in zip(names, stocks, strict=True))
        yield alone(unit, setting.bench(stocks, [single_grid()] * len(stocks)), "single", pools, setting)
    if unit.model is None:
        return
    batches = {"prefill": PREFILL_BATCHES, "decode": DECODE_BATCHES}.get(unit.role, MODEL_BATCHES)
    name, kind = setting.pool_names(unit), unit.role if unit.role != "model" else unit.model.kind
    mode: Mode = "disaggregated" if unit.pair else "single"
    if bench := _bench(unit, unit.model, stocks, batches, setting):
        yield alone(unit, bench, mode, _pools(f"{name}/{kind}", bench), setting)
    if unit.pair and _same_model(unit, unit.pair):
        if bench := _bench(unit, unit.model, stocks, DECODE_BATCHES, setting):
            yield aggregated(unit, unit.pair, bench, _pools(f"{name}/agg", bench), setting)


def _bench(
    unit: Unit, model: ModelShape, stocks: tuple[Stock, ...], batches: tuple[int, ...], setting: Setting
) -> Bench | None:
    """The configurations of a model on the device classes that have any."""
    weights = weights_bytes(model, unit.head.precision)
    grids = [
        model_grid(model, stock, batches, weights * widening(stock.device, unit.head.precision), setting.coarse)
        for stock in stocks
    ]
    some = [(stock, grid) for stock, grid in zip(stocks, grids, strict=True) if len(grid)]
    return setting.bench(tuple(stock for stock, _ in some), [grid for _, grid in some]) if some else None


def _pools(name: str, bench: Bench) -> tuple[str, ...]:
    return tuple(f"{name}/{device.name}" for device in bench.devices)


def _same_model(a: Unit, b: Unit) -> bool:
    return a.model == b.model and a.head.precision == b.head.precision


def _fits(found: Candidates) -> Any:
    return wide(found.timing.fits, len(found.bench))


def _on_time(found: Candidates, setting: Setting) -> Any:
    """Which configurations keep the hard limits on their own; in a lenient setting all."""
    import numpy as np

    mask = np.ones(len(found.bench), dtype=bool)
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
        return np.ones(len(found.bench), dtype=bool)
    return setting.arrivals_per_second * unit.head.visits * found.busy < setting.share


def _why_not(unit: Unit, whole: Found, stock: Stock, setting: Setting) -> str:
    """One sentence on why no configuration of a device is left."""
    import numpy as np

    offer, place = next(
        ((o, p) for o in whole.offers if not o.found.shared for p in _places(o, stock.device.name)), (None, 0)
    )
    if offer is None:
        return f"no configuration of {unit.head.name} fits the {stock.count} devices at hand"
    found, device, rows = offer.found, stock.device, offer.on(place)
    first = rows.start
    if not _fits(found)[rows].any():
        memory = wide(found.timing.memory_bytes, len(found.bench))
        best = first + int(np.argmin(memory[rows]))
        model = f" ({unit.model.name})" if unit.model else ""
        return (
            f"it needs {memory[best] / 1e9:.1f} GB a device{model} at {_config(found.bench.grid, best)}, and "
            f"{device.name} has {device.memory_bytes / 1e9:.0f} GB, of which {1 - RESERVE:.0%} is planned with"
        )
    fits = _fits(found)[rows]
    for metric, values in found.metrics.items():
        limit = setting.limits.get(metric)
        best = first + int(np.argmin(np.where(fits, values[rows], np.inf)))
        if limit and limit.usd_per_ms is None and values[best] > limit.seconds:
            what = {"ttft": "its share of time to first token is at least", "tbt": "a decode step takes at least"}
            return (
                f"{what[metric]} {values[best] * 1e3:.1f} ms on {device.name} ({_config(found.bench.grid, best)}), "
                f"over the limit of {limit.seconds * 1e3:g} ms"
            )
    return f"no configuration of {device.name} keeps all limits at once"


def _config(grid: Grid, index: int) -> str:
    pp = f", pp={int(grid.pp[index])}" if grid.pp[index] > 1 else ""
    dp = f", dp={int(grid.dp[index])}" if grid.dp[index] > 1 else ""
    return f"tp={int(grid.tp[index])}{pp}{dp}, batch {int(grid.batch[index])}"
