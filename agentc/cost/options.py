"""All options of a task graph on a fleet."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from agentc.cost import queueing
from agentc.cost.dominance import needed_pools
from agentc.cost.grid import COARSE_UNITS
from agentc.cost.hosted import hosted, over_limits
from agentc.cost.search import search
from agentc.cost.serving import Setting
from agentc.cost.table import Found, OptionTable, Rejected
from agentc.cost.units import Unit, units_of
from agentc.plan.fleet import Fleet
from agentc.plan.graph import Limit, PlacementRule, TaskGraph
from agentc.plan.placement import Objective, Option, Pool

_Key: TypeAlias = tuple[object, object]
_Row: TypeAlias = tuple[Option, ...]


def options(graph: TaskGraph, fleet: Fleet, objective: Objective = "cost", *, lenient: bool = False) -> OptionTable:
    """Every option that an optimal placement could need, for every task.

    Equal tasks share one tuple of options. Pools of the same model, device, parallelism, batch and phase are shared
    between calls. A device class without an option is in ``rejected`` with its reason. ``lenient`` keeps also the
    options that break a hard limit or the stock on their own: no placement can use them, but the least change of a
    demand that would let one is found only with them.
    """
    units = units_of(graph)
    setting = _setting(graph, fleet, units, lenient)
    limits = over_limits(units, graph.load.requests_per_second)
    found: dict[_Key, Found] = {}
    for unit in units:
        if _key(unit) not in found:
            found[_key(unit)] = hosted(unit, limits) if unit.role == "hosted" else search(_canonical(unit), setting)
    found = {key: _matched(result, found.get(_swapped(key))) for key, result in found.items()}
    lonely = _lonely(found.values())
    found = {key: _without(result, lonely) for key, result in found.items()} if lonely else found
    pools = {pool.name: pool for result in found.values() for pool in result.pools}
    columns = [column for result in found.values() for column in _columns(result)]
    keep = needed_pools(columns, pools, _counted(graph, objective, lenient))
    pruned = {key: _only(result, keep) for key, result in found.items()}
    return _table(units, pruned, {name: pool for name, pool in pools.items() if name in keep})


def _setting(graph: TaskGraph, fleet: Fleet, units: tuple[Unit, ...], lenient: bool) -> Setting:
    coarse = sum(unit.model is not None for unit in units) > COARSE_UNITS
    rate, limits = graph.load.requests_per_second, _tightest(graph.limits)
    named = _pool_namer(units)
    small = {named(unit) if unit.model else "kernels" for unit in units if unit.small}
    return Setting(fleet, rate, limits, _share(graph), named, coarse, packs=len(small) > 1, lenient=lenient)


def _key(unit: Unit) -> _Key:
    return (unit.key, unit.pair.key if unit.pair else None)


def _swapped(key: _Key) -> _Key:
    return (key[1], key[0])


def _matched(found: Found, partner: Found | None) -> Found:
    """``found`` with only those aggregated rows that its other half has too."""
    rows = _shared(found.rows, partner.rows if partner else ())
    return replace(found, rows=rows, rejected=(*found.rejected, *_bereft(found, rows, partner)))


def _bereft(found: Found, rows: tuple[_Row, ...], partner: Found | None) -> list[tuple[str, str]]:
    """The device classes that only had aggregated rows, none of which the other half has."""
    theirs = dict(partner.rejected) if partner else {}
    lost = dict.fromkeys(row[0].device for row in found.rows)
    reason = "only aggregated serving is fast enough there, and no configuration serves both halves of the call in time"
    return [(name, theirs.get(name, reason)) for name in lost if name not in {row[0].device for row in rows}]


def _shared(rows: tuple[_Row, ...], theirs: tuple[_Row, ...]) -> tuple[_Row, ...]:
    names = {row[0].name for row in theirs}
    return tuple(row for row in rows if row[0].mode != "aggregated" or row[0].name in names)


def _counted(graph: TaskGraph, objective: Objective, lenient: bool) -> frozenset[str]:
    """The figures that may decide: those that the objective or a limit counts. Unless lenient, a hard limit on time
    between tokens has filtered the options already, for each task alone."""
    metrics = {
        limit.metric for limit in graph.limits if lenient or limit.metric != "tbt" or limit.usd_per_ms is not None
    }
    counted = {"usd", "busy"} | ({"seconds"} if "end_to_end" in metrics else set[str]())
    aims = {"latency": {"seconds"}, "energy": {"joules"}, "carbon": {"joules"}}
    return frozenset(counted | metrics | aims.get(objective, set[str]()))


def _table(units: Iterable[Unit], found: Mapping[_Key, Found], pools: Mapping[str, Pool]) -> OptionTable:
    by_task: dict[str, tuple[Option, ...]] = {}
    rejected: list[Rejected] = []
    together: list[frozenset[tuple[str, str]]] = []
    columns = {key: _columns(result) for key, result in found.items()}
    calibrated: dict[str, bool] = {}
    for unit in units:
        result = found[_key(unit)]
        for task, column in zip(unit.tasks, columns[_key(unit)], strict=True):
            by_task[task.name] = column
            rejected += [Rejected(task.name, device, why) for device, why in result.rejected]
        together += _together(unit, result)
        for device, measured in result.calibrated.items():
            calibrated[device] = calibrated.get(device, True) and measured
    return OptionTable(by_task, pools, tuple(rejected), tuple(together), calibrated)


def _together(unit: Unit, found: Found) -> list[frozenset[tuple[str, str]]]:
    """The tasks of a group take the same option; so do both halves of an aggregated call (stated by its prefill)."""
    sets: list[frozenset[tuple[str, str]]] = []
    for row in found.rows:
        name, tasks = row[0].name, unit.tasks
        if row[0].mode == "aggregated" and unit.pair:
            if unit.role != "prefill":
                continue
            tasks = (*tasks, *unit.pair.tasks)
        if len(tasks) > 1:
            sets.append(frozenset((task.name, name) for task in tasks))
    return sets


def _columns(found: Found) -> list[tuple[Option, ...]]:
    """The options of each task of a unit."""
    return [tuple(column) for column in zip(*found.rows, strict=True)] if found.rows else [()] * found.tasks


def _lonely(found: Iterable[Found]) -> set[str]:
    """The shared pools that only one model, or only kernels, could use: a pool of their own serves them as well."""
    users: dict[str, set[str]] = {}
    for result in found:
        shared = {pool.name for pool in result.pools if math.isfinite(pool.memory_bytes)}
        for row in result.rows:
            if row[0].pool in shared:
                users.setdefault(row[0].pool, set()).add(row[0].resident)
    return {pool for pool, names in users.items() if len(names) == 1}


def _without(found: Found, pools: set[str]) -> Found:
    rows = tuple(row for row in found.rows if row[0].pool not in pools)
    return replace(found, rows=rows, pools=tuple(pool for pool in found.pools if pool.name not in pools))


def _only(found: Found, pools: set[str]) -> Found:
    rows = tuple(row for row in found.rows if row[0].pool is None or row[0].pool in pools)
    return replace(found, rows=rows)


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
    names = PlacementRule(
        tuple(map(_device_name, rule.allow)),
        tuple(map(_device_name, rule.forbid)),
        _device_name(rule.pin) if rule.pin else None,
    )
    return replace(unit, rule=names)


def _device_name(name: str) -> str:
    from agentc.catalog import UnknownName, device

    try:
        return device(name).name
    except UnknownName:
        return name
