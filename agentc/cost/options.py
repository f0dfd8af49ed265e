"""All options of a task graph on a fleet."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost import queueing
from agentc.cost.curves import of_fleet
from agentc.cost.dominance import needed
from agentc.cost.grid import COARSE_UNITS
from agentc.cost.hosted import hosted, over_limits
from agentc.cost.offers import Found, Offer, Row, rows_of
from agentc.cost.search import search
from agentc.cost.serving import Setting
from agentc.cost.table import OptionTable, Rejected
from agentc.cost.units import Unit, units_of
from agentc.plan.fleet import Fleet
from agentc.plan.graph import Limit, PlacementRule, TaskGraph
from agentc.plan.placement import Objective, Option, Pool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask: TypeAlias = NDArray[np.bool_]

_Key: TypeAlias = tuple[int | None, int | None]


def options(graph: TaskGraph, fleet: Fleet, objective: Objective = "cost", *, lenient: bool = False) -> OptionTable:
    """Every option that an optimal placement could need, for every task.

    Equal tasks share one tuple of options. Pools of the same model, device, parallelism, batch and phase are shared
    between calls. A device class without an option is in ``rejected`` with its reason. ``lenient`` keeps also the
    options that break a hard limit or the stock on their own: no placement can use them, but the least change of a
    demand that would let one is found only with them.
    """
    with of_fleet(fleet):
        return _options(graph, fleet, objective, lenient)


def _options(graph: TaskGraph, fleet: Fleet, objective: Objective, lenient: bool) -> OptionTable:
    units = units_of(graph)
    setting = _setting(graph, fleet, units, lenient)
    limits = over_limits(units, graph.load.requests_per_second)
    found: dict[_Key, Found] = {}
    keys = _keys(units)
    for unit, key in zip(units, keys, strict=True):
        if key not in found:
            found[key] = hosted(unit, limits) if unit.role == "hosted" else search(_canonical(unit), setting)
    found = {key: _matched(result, found.get(_swapped(key))) for key, result in found.items()}
    found = _packed(found)
    every = [offer for result in found.values() for offer in result.offers]
    masks = iter(needed(every, setting.share, _counted(graph, objective, lenient)))
    pruned = {key: _masked(result, masks) for key, result in found.items()}
    return _table(units, keys, pruned, setting)


def _setting(graph: TaskGraph, fleet: Fleet, units: tuple[Unit, ...], lenient: bool) -> Setting:
    coarse = sum(unit.model is not None for unit in units) > COARSE_UNITS
    rate, limits = graph.load.requests_per_second, _tightest(graph.limits)
    named = _pool_namer(units)
    small = {named(unit) if unit.model else "kernels" for unit in units if unit.small}
    if lenient:
        fleet = replace(fleet, stocks=tuple(replace(stock, count=None) for stock in fleet.stocks))
    callers = Counter(named(unit) for unit in units if unit.model and unit.role in ("prefill", "model"))
    return Setting(fleet, rate, limits, _share(graph), named, coarse, len(small) > 1, lenient, callers)


def _keys(units: Sequence[Unit]) -> list[_Key]:
    """Of each unit what it shares with those whose options are equal: a number for its own work, and its partner's."""
    numbers: dict[object, int] = {}
    number = {id(unit): numbers.setdefault(unit.key, len(numbers)) for unit in units}
    return [(number[id(unit)], number[id(unit.pair)] if unit.pair else None) for unit in units]


def _swapped(key: _Key) -> _Key:
    return (key[1], key[0])


def _matched(found: Found, partner: Found | None) -> Found:
    """``found`` with only those aggregated configurations that its other half has too."""
    theirs = [offer for offer in partner.offers if _is_aggregated(offer)] if partner else []
    offers = tuple(offer.only(_served(offer, theirs)) if _is_aggregated(offer) else offer for offer in found.offers)
    matched = replace(found, offers=offers)
    return replace(matched, rejected=(*found.rejected, *_bereft(found, matched, partner)))


def _is_aggregated(offer: Offer) -> bool:
    return offer.found.mode == "aggregated"


def _served(offer: Offer, theirs: Sequence[Offer]) -> Any:
    """Which configurations the other half of a call has too."""
    import numpy as np

    other = theirs[0] if theirs else None
    if other is None or other.found.pools[0].rsplit("/", 1)[0] != offer.found.pools[0].rsplit("/", 1)[0]:
        return np.zeros(len(offer.kept), dtype=bool)
    if other.found.bench is offer.found.bench:
        return other.kept
    places = {pool: place for place, pool in enumerate(other.found.pools)}
    mask = np.zeros(len(offer.kept), dtype=bool)
    for place, pool in enumerate(offer.found.pools):
        if pool in places:
            mask[offer.on(place)] = other.kept[other.on(places[pool])]
    return mask


def _bereft(found: Found, matched: Found, partner: Found | None) -> list[tuple[str, str]]:
    """The device classes that only had aggregated rows, none of which the other half has."""
    theirs, left = dict(partner.rejected) if partner else {}, matched.devices()
    reason = "only aggregated serving is fast enough there, and no configuration serves both halves of the call in time"
    return [(name, theirs.get(name, reason)) for name in found.devices() if name not in left]


def _counted(graph: TaskGraph, objective: Objective, lenient: bool) -> frozenset[str]:
    """The figures that may decide: those that the objective or a limit counts. Unless lenient, a hard limit on time
    between tokens has filtered the options already, for each task alone."""
    metrics = {
        limit.metric for limit in graph.limits if lenient or limit.metric != "tbt" or limit.usd_per_ms is not None
    }
    counted = {"usd", "busy"} | ({"seconds"} if "end_to_end" in metrics else set[str]())
    aims = {"latency": {"seconds"}, "energy": {"joules"}, "carbon": {"joules"}}
    return frozenset(counted | metrics | aims.get(objective, set[str]()))


def _table(units: Iterable[Unit], keys: Iterable[_Key], found: Mapping[_Key, Found], setting: Setting) -> OptionTable:
    by_task: dict[str, tuple[Option, ...]] = {}
    rejected: list[Rejected] = []
    together: list[frozenset[tuple[str, str]]] = []
    pools: dict[str, Pool] = {}
    rows: dict[_Key, tuple[Row, ...]] = {}
    for key, result in found.items():
        rows[key], made = rows_of(result, setting)
        pools |= {name: pool for name, pool in made.items() if name not in pools}
    columns = {key: _columns(rows[key], result.tasks) for key, result in found.items()}
    calibrated: dict[str, bool] = {}
    for unit, key in zip(units, keys, strict=True):
        result = found[key]
        for task, column in zip(unit.tasks, columns[key], strict=True):
            by_task[task.name] = column
            rejected += [Rejected(task.name, device, why) for device, why in result.rejected]
        together += _together(unit, rows[key])
        for device, measured in result.calibrated.items():
            calibrated[device] = calibrated.get(device, True) and measured
    return OptionTable(by_task, pools, tuple(rejected), tuple(together), calibrated)


def _together(unit: Unit, rows: Iterable[Row]) -> list[frozenset[tuple[str, str]]]:
    """The tasks of a group take the same option; so do both halves of an aggregated call (stated by its prefill)."""
    sets: list[frozenset[tuple[str, str]]] = []
    for row in rows:
        name, tasks = row[0].name, unit.tasks
        if row[0].mode == "aggregated" and unit.pair:
            if unit.role != "prefill":
                continue
            tasks = (*tasks, *unit.pair.tasks)
        if len(tasks) > 1:
            sets.append(frozenset((task.name, name) for task in tasks))
    return sets


def _columns(rows: Sequence[Row], tasks: int) -> list[tuple[Option, ...]]:
    """The options of each task of a unit."""
    return [tuple(column) for column in zip(*rows, strict=True)] if rows else [()] * tasks


def _packed(found: Mapping[_Key, Found]) -> dict[_Key, Found]:
    """``found`` without the shared pools that only one model, or only kernels, could use: a pool of their own serves
    them as well."""
    users: dict[str, set[str]] = {}
    for result in found.values():
        for offer in result.offers:
            for place, pool in enumerate(offer.found.pools if offer.found.shared else ()):
                if offer.kept[offer.on(place)].any():
                    users.setdefault(pool, set()).add(offer.resident)
    lonely = {pool for pool, names in users.items() if len(names) == 1}
    return {key: _without(result, lonely) for key, result in found.items()} if lonely else dict(found)


def _without(found: Found, pools: Collection[str]) -> Found:
    return replace(found, offers=tuple(_apart(offer, pools) for offer in found.offers))


def _apart(offer: Offer, pools: Collection[str]) -> Offer:
    import numpy as np

    lost = [place for place, pool in enumerate(offer.found.pools) if pool in pools]
    return offer.only(~np.isin(offer.found.bench.at, lost)) if lost else offer


def _masked(found: Found, masks: Iterator["Mask"]) -> Found:
    return replace(found, offers=tuple(offer.only(next(masks)) for offer in found.offers))


def _tightest(limits: Iterable[Limit]) -> dict[str, Limit]:
    tightest: dict[str, Limit] = {}
    for limit in limits:
        if limit.metric not in tightest or limit.seconds < tightest[limit.metric].seconds:
            tightest[limit.metric] = limit
    return tightest


def _share(graph: TaskGraph) -> float:
    return queueing.INTERACTIVE_SHARE if graph.limits else queueing.OFFLINE_SHARE


def _pool_namer(units: Iterable[Unit]) -> Callable[[Unit], str]:
    """Names pools by model; a name that stands for several shapes or precisions gets the precision and a number."""
    known: dict[str, dict[object, str]] = {}
    for unit in units:
        if unit.model:
            name, variant = unit.model.name, (unit.model, unit.head.precision)
            variants = known.setdefault(name, {})
            suffix = "" if not variants else f".{unit.head.precision}"
            taken = set(variants.values())
            candidate = f"{name}{suffix}"
            number = 2
            while variant not in variants and candidate in taken:
                candidate, number = f"{name}{suffix}.{number}", number + 1
            variants.setdefault(variant, candidate)

    def name_of(unit: Unit) -> str:
        if unit.model is None:
            return unit.head.op
        return known[unit.model.name][unit.model, unit.head.precision]

    return name_of


def _canonical(unit: Unit) -> Unit:
    """The unit with device aliases in its rule replaced by the catalog's names."""
    rule = unit.rule
    if rule == PlacementRule():
        return unit
    names = replace(
        rule,
        allow=tuple(map(_device_name, rule.allow)),
        forbid=tuple(map(_device_name, rule.forbid)),
        pin=_device_name(rule.pin) if rule.pin else None,
    )
    return replace(unit, rule=names)


def _device_name(name: str) -> str:
    from agentc.catalog import UnknownName, device

    try:
        return device(name).name
    except UnknownName:
        return name
