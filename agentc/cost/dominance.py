"""Drops pools that no optimal placement needs.

Pool B makes pool A needless where both stand on the same device class and serve the same tasks from the same places,
B's replica holds no more devices and costs and draws no more, and every task's option in B is no worse in every
figure than its option in A. Then all that runs in A can move to B: B needs at most as many replicas more as A
gives up, because its busy time is no larger and ceil(x + y) <= ceil(x) + ceil(y), so cost, stock and every latency are
kept. Comparing single options would not be safe: a pool may be paid for by another task already. Pools whose memory
counts are left as they are.
"""

import math
from collections.abc import Mapping, Sequence

from agentc.plan.placement import Option, Pool

ALL = frozenset(("busy", "usd", "seconds", "joules", "ttft", "tbt"))


def needed_pools(
    options: Sequence[Sequence[Option]], pools: Mapping[str, Pool], counted: frozenset[str] = ALL
) -> set[str]:
    """The names of the pools to keep, given the distinct option tuples of all tasks.

    ``counted`` names the figures that an objective or a constraint may count; the others only break ties.
    """
    serves: dict[str, list[tuple[int, Option]]] = {}
    for index, row in enumerate(options):
        for option in row:
            if option.pool is not None:
                serves.setdefault(option.pool, []).append((index, option))
    classes: dict[tuple[object, ...], list[str]] = {}
    counted_memory = {name for name in serves if math.isfinite(pools[name].memory_bytes)}
    for name, rows in serves.items():
        if name in counted_memory:
            continue
        kind = (pools[name].device, tuple((index, option.place) for index, option in rows))
        classes.setdefault(kind, []).append(name)
    return counted_memory | {name for group in classes.values() for name in _frontier(group, serves, pools, counted)}


def _frontier(
    group: list[str],
    serves: Mapping[str, list[tuple[int, Option]]],
    pools: Mapping[str, Pool],
    counted: frozenset[str],
) -> list[str]:
    """The pools of a group (which serve the same tasks from the same places) that no other makes needless.

    Where two are equal the first in order stays.
    """
    import numpy as np

    if len(group) == 1:
        return group
    table = np.array([_figures(pools[name], serves[name], counted) for name in group])
    ties = [_figures(pools[name], serves[name], ALL) for name in group]
    kept: list[int] = []
    for i in sorted(range(len(group)), key=lambda i: (tuple(table[i]), ties[i], i)):
        if not kept or not bool((table[kept] <= table[i]).all(axis=1).any()):
            kept.append(i)
    return [group[i] for i in sorted(kept)]


def _figures(pool: Pool, rows: list[tuple[int, Option]], counted: frozenset[str]) -> list[float]:
    """What an objective or a constraint may count, less being better."""
    figures = [float(pool.devices), pool.usd_per_hour]
    for _, option in rows:
        figures += [option.busy_seconds / pool.capacity, option.usd]
        figures += [option.seconds] if "seconds" in counted else []
        figures += [option.joules] if "joules" in counted else []
        figures += [option.metrics.get(metric, 0.0) for metric in ("ttft", "tbt") if metric in counted]
    return figures
