"""Prices in place of limits that join tasks: of a second on the longest path, and of a device of a class in stock."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

from agentc.plan.placement import Option
from agentc.solve.presolve import Reduced
from agentc.solve.tables import Link, Tables

Key: TypeAlias = tuple[Literal["hop", "end", "stock"], int]
"""A second of a link on the path, of a task that ends it; a device of the n-th class in stock."""

Tariff: TypeAlias = Mapping[Key, float]
"""$/hour, none of them negative; what is not named is free."""


def cleaned(tables: Tables, tariff: Tariff) -> dict[Key, float]:
    """``tariff`` with prices of the path that are a flow: what comes to a task by its links is no more than what leaves
    it, so that no placement pays more for its seconds than its longest path is worth."""
    found = {key: max(0.0, price) for key, price in tariff.items()}
    for t in reversed(range(tables.size)):
        through = second(tables, found, t)
        arriving: list[Key] = [("hop", n) for n in tables.arriving[t] if found.get(("hop", n), 0.0) > 0]
        coming = math.fsum(found[key] for key in arriving)
        if coming > through:
            for key in arriving:
                found[key] *= through / coming
    return found


def second(tables: Tables, tariff: Tariff, t: int) -> float:
    """What a second of task ``t`` costs: what the seconds of its links do, and of the end that it may be."""
    return math.fsum([tariff.get(("end", t), 0.0), *(tariff.get(("hop", n), 0.0) for n in tables.leaving[t])])


def between(here: Tariff, there: Tariff, step: float) -> dict[Key, float]:
    """A part of the way from one tariff to another."""
    keys = dict.fromkeys((*here, *there))
    return {key: (1 - step) * here.get(key, 0.0) + step * there.get(key, 0.0) for key in keys}


def charged(tables: Tables, tariff: Tariff) -> Tables:
    """``tables`` in which options and replicas cost what their seconds and devices do, beside their own price."""
    rows: dict[tuple[int, float], tuple[Option, ...]] = {}
    prices = [second(tables, tariff, t) for t in range(tables.size)]
    # Tasks are alike that share their options' tuple: one whose seconds cost something else needs its own.
    tasks = tuple(
        replace(task, options=rows.setdefault((id(task.options), price), (*task.options,)))
        for task, price in zip(tables.problem.tasks, prices, strict=True)
    )
    cells = tuple(
        tuple(replace(cell, usd=cell.usd + price * cell.seconds) for cell in row) if price > 0 else row
        for row, price in zip(tables.cells, prices, strict=True)
    )
    tolls = {name: tariff.get(("stock", n), 0.0) for n, name in enumerate(tables.problem.stock)}
    pools = tuple(replace(pool, usd=pool.usd + tolls.get(pool.device, 0.0) * pool.devices) for pool in tables.pools)
    return replace(tables, cells=cells, pools=pools, problem=replace(tables.problem, tasks=tasks))


def scarce(tables: Tables, tariff: Tariff) -> set[str]:
    """The device classes that are not free."""
    return {name for n, name in enumerate(tables.problem.stock) if tariff.get(("stock", n), 0.0) > 0}


def worth(tables: Tables, left: Reduced, tariff: Tariff, limit: float) -> float:
    """$/hour that ``limit`` seconds from end to end and the stock are worth, less what links take at the least."""
    ends = math.fsum(price for (kind, _), price in tariff.items() if kind == "end")
    stock = (tariff.get(("stock", n), 0.0) * count for n, count in enumerate(tables.problem.stock.values()))
    hops = (_least_toll(tables, left, link, tariff.get(("hop", n), 0.0)) for n, link in enumerate(tables.links))
    return (ends * limit if ends > 0 else 0.0) + math.fsum(stock) - math.fsum(hops)


def _least_toll(tables: Tables, left: Reduced, link: Link, price: float) -> float:
    """What ``link`` charges at the least where a second on the path costs ``price``."""
    if price == 0 and not any(carry.usd for carry in link.carries.values()):
        return 0.0
    here = {tables.cells[link.src][o].place for o in left.alive[link.src]}
    there = {tables.cells[link.dst][o].place for o in left.alive[link.dst]}
    tolls = (c.usd + price * c.path_seconds for (a, b), c in link.carries.items() if a in here and b in there)
    return min(tolls, default=0.0)
