"""What a unit is offered: configurations as arrays, of which those that are needed become options and pools."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost.network import AGGREGATED
from agentc.cost.residency import POLICIES
from agentc.cost.roofline import BOTTLENECKS, RESERVE
from agentc.cost.serving import Candidates, Setting, wide
from agentc.cost.units import Unit
from agentc.plan import money
from agentc.plan.fleet import Power
from agentc.plan.placement import Option, Pool
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
    Mask: TypeAlias = NDArray[np.bool_]

Row: TypeAlias = "tuple[Option, ...]"
"""One configuration: an option for each task of a unit."""
FIGURES = ("busy", "usd", "seconds", "joules", "ttft", "tbt")
"""What an objective or a constraint may count of an option, less being better."""


@record
class Offer:
    """A way of serving a unit, with what it costs."""

    unit: Unit
    found: Candidates
    kept: "Mask"
    """The configurations that are still in question."""
    usd: "Array"
    """Of one request, beside the pool's rent."""
    joules: "Array"
    grams: "Array"
    drawn: tuple[Power, ...]
    """Power of one device of each class."""
    resident: str = ""
    """Whose memory it takes in a pool that is shared: the model's, else the task's own."""

    def on(self, place: int) -> slice:
        """The configurations on a device class of its bench."""
        return self.found.bench.rows[place]

    def only(self, mask: "Mask") -> "Offer":
        """The same, of those configurations only that ``mask`` has too."""
        return replace(self, kept=self.kept & mask)

    def figures(self, share: float) -> "Array":
        """(configurations, FIGURES): of the unit, or of each of its tasks one after the other where not only their sums
        count; ``busy`` in device seconds, of which ``share`` may be used."""
        import numpy as np

        found, none = self.found, np.zeros(len(self.found.bench))
        metrics = [found.metrics.get(metric, none) for metric in ("ttft", "tbt")]
        whole = np.array(
            [found.busy * found.bench.grid.devices / share, self.usd, found.seconds, self.joules, *metrics]
        )
        if self.unit.chained:
            return whole.T
        return (found.shares[:, None, :] * whole).reshape(-1, len(none)).T


@record
class Found:
    """What one unit is offered."""

    offers: tuple[Offer, ...]
    fixed: tuple[Row, ...]
    """Options that no pool of the fleet serves."""
    rejected: tuple[tuple[str, str], ...]
    """(device, why)."""
    calibrated: Mapping[str, bool]
    tasks: int
    """How many options a row has."""

    def devices(self) -> dict[str, None]:
        """The device classes with configurations left."""
        found: dict[str, None] = {}
        for offer in self.offers:
            bench = offer.found.bench
            places = set(bench.at[offer.kept].tolist())
            found |= {device.name: None for place, device in enumerate(bench.devices) if place in places}
        return found


def offer(unit: Unit, found: Candidates, kept: "Mask", setting: Setting) -> Offer:
    """``found`` with its dollars, joules and grams a request beyond what held devices cost."""
    import numpy as np

    bench, bound_by = found.bench, found.timing.bottleneck
    drawn = tuple(money.power(stock, setting.fleet.financing) for stock in bench.stocks)
    extra = np.array([[money.extra_watts(each, bound) for bound in BOTTLENECKS] for each in drawn])
    price, carbon = (np.array([(each.usd_per_kwh, each.kg_co2_per_kwh) for each in drawn]).T)[:, bench.at]
    each = extra[bench.at, bound_by] * found.busy
    joules = bench.grid.devices * each
    usd = bench.grid.devices * (each / money.JOULES_PER_KWH * price)
    resident = setting.pool_names(unit) if found.shared and unit.model else ""
    return Offer(unit, found, kept, usd, joules, joules / money.JOULES_PER_KWH * carbon * 1000, drawn, resident)


def rows_of(found: Found, setting: Setting) -> tuple[tuple[Row, ...], dict[str, Pool]]:
    """The options of what is left, by device class in the order of the fleet; and their pools."""
    made = [each for offer in found.offers for each in _rows(offer, setting.share)]
    if len(found.offers) > 1:
        order = {stock.device.name: place for place, stock in enumerate(setting.fleet.stocks)}
        made.sort(key=lambda each: order[each[1].device])
    return (*found.fixed, *(row for row, _ in made)), {pool.name: pool for _, pool in made}


def _rows(offer: Offer, share: float) -> list[tuple[Row, Pool]]:
    """Each configuration that is left: an option for each task, and the pool."""
    found, grid, at = offer.found, offer.found.bench.grid, offer.found.bench.at
    chosen = offer.kept.nonzero()[0]
    if not len(chosen):
        return []

    def picked(values: Any) -> list[Any]:
        return wide(values, len(offer.kept))[chosen].tolist()

    columns = (found.seconds, found.busy, offer.usd, offer.joules, offer.grams, *found.metrics.values())
    rows = zip(
        picked(at),
        zip(*(map(int, picked(part)) for part in (grid.tp, grid.pp, grid.dp, grid.batch)), strict=True),
        zip(*map(picked, columns), strict=True),
        found.shares[:, chosen].T.tolist(),
        picked(found.timing.bottleneck),
        picked(found.timing.memory_bytes),
        picked(found.residency.policy if found.residency else 0),
        picked(found.residency.host if found.residency else 0.0),
        strict=True,
    )
    made: list[tuple[Row, Pool]] = []
    for place, config, values, shares, *where in rows:
        name = _name(offer, place, *config)
        pool = _pool(offer, place, name, math.prod(config[:3]), share)
        made.append((tuple(_option(offer, pool, name, config, values, part, *where) for part in shares), pool))
    return made


def _option(
    offer: Offer,
    pool: Pool,
    name: str,
    config: tuple[int, int, int, int],
    values: tuple[float, ...],
    share: float,
    bound: int,
    memory: float,
    policy: int,
    host: float,
) -> Option:
    """A task's part of a configuration; memory is the group's."""
    found, device = offer.found, pool.device
    seconds, busy, usd, joules, grams, *metrics = [value * share for value in values]
    return Option(
        name,
        pool.name,
        device + AGGREGATED if found.mode == "aggregated" else device,
        device,
        found.mode,
        *config,
        seconds,
        busy,
        usd,
        joules,
        grams,
        dict(zip(found.metrics, metrics, strict=True)),
        BOTTLENECKS[bound],
        memory,
        *found.bands[device],
        offer.resident,
        POLICIES[policy],
        host,
    )


def _name(offer: Offer, place: int, tp: int, pp: int, dp: int, batch: int) -> str:
    pool = offer.found.pools[place]
    if offer.found.shared:
        return f"{pool}/b{batch}"
    if offer.unit.role in ("cpu", "kernel"):
        return pool
    return f"{pool}/tp{tp}{f'/pp{pp}' if pp > 1 else ''}{f'/dp{dp}' if dp > 1 else ''}/b{batch}"


def _pool(offer: Offer, place: int, name: str, devices: int, share: float) -> Pool:
    stock, drawn, shared = offer.found.bench.stocks[place], offer.drawn[place], offer.found.shared
    idle = devices * drawn.idle_watts
    return Pool(
        name=offer.found.pools[place] if shared else name,
        device=stock.device.name,
        devices=devices,
        usd_per_hour=stock.usd_per_hour * devices,
        watts=idle,
        capacity=share,
        grams_per_second=money.grams_co2e(idle, drawn.kg_co2_per_kwh),
        memory_bytes=stock.device.memory_bytes * (1 - RESERVE) if shared else math.inf,
    )
