"""A problem without some of its demands, and whether presolve alone sees that the others cannot hold together."""

from collections.abc import Collection
from dataclasses import replace

from agentc.plan.placement import Option
from agentc.solve import presolve
from agentc.solve.evaluate import over
from agentc.solve.highs import INF
from agentc.solve.milp import DemandKey, DemandKind
from agentc.solve.tables import NO_POOL, Carry, Cell, Link, PoolRow, Tables

NOWHERE = " nowhere"
"""Place of a task that is away; no device is called so."""

AWAY = Cell(Option(NOWHERE, None, NOWHERE, "", "hosted"), NOWHERE, NO_POOL, 0.0, 0.0, 0.0, 0.0)
"""The only option of a task that is away: it takes neither time nor anything else."""

NO_LIMIT = 10**9
"""Devices; more than any placement holds."""

FREE = Carry(0.0, 0.0, 0.0)


def without(tables: Tables, off: Collection[DemandKey]) -> Tables:
    """``tables`` without the demands ``off``, under the same numbers.

    A task that is away takes its transfers and its sets with it.
    """
    gone = {number for kind, number in off if kind == "task"}
    loose = {number for kind, number in off if kind == "link"}
    bounds = tuple(replace(b, limit=INF) if ("deadline", n) in off else b for n, b in enumerate(tables.bounds))
    cells = tuple((AWAY,) if t in gone else row for t, row in enumerate(tables.cells))
    groups = tuple(
        () if ("together", g) in off or any(t in gone for t, _ in group) else group
        for g, group in enumerate(tables.groups)
    )
    devices = {name for n, name in enumerate(tables.problem.stock) if ("stock", n) in off}
    links = tuple(
        _freed(tables, link) if n in loose or link.src in gone or link.dst in gone else link
        for n, link in enumerate(tables.links)
    )
    pools = tuple(_unbound(pool, pool.device in devices, ("memory", p) in off) for p, pool in enumerate(tables.pools))
    members: dict[tuple[int, int], tuple[int, ...]] = {}
    for g, group in enumerate(groups):
        for member in group:
            members[member] = (*members.get(member, ()), g)
    stock = {name: NO_LIMIT if name in devices else count for name, count in tables.problem.stock.items()}
    return replace(
        tables,
        problem=replace(tables.problem, stock=stock),
        cells=cells,
        links=links,
        bounds=bounds,
        groups=groups,
        group_of=members,
        pools=pools,
    )


def _unbound(pool: PoolRow, unlimited: bool, roomy: bool) -> PoolRow:
    """``pool`` without the limit of its stock, or of its memory."""
    if not (unlimited or roomy):
        return pool
    return replace(pool, stock=INF if unlimited else pool.stock, memory=INF if roomy else pool.memory)


def _freed(tables: Tables, link: Link) -> Link:
    """``link`` with what is not joined joined for nothing; a task that is away is joined with every place."""
    here = {cell.place for cell in tables.cells[link.src]} | {NOWHERE}
    there = {cell.place for cell in tables.cells[link.dst]} | {NOWHERE}
    return replace(link, carries={(a, b): link.carries.get((a, b), FREE) for a in here for b in there})


def refuted(tables: Tables) -> bool:
    """Presolve leaves some task without an option, or some deadline that not even the fastest of what is left keep."""
    left = presolve.possible(tables)
    if any(not row for row in left.alive):
        return True
    limits = [bound.limit for bound in tables.path_bounds() if bound.usd is None]
    return bool(limits) and over(presolve.shortest_possible(tables, left)[0], min(limits) * (1 + 1e-6))


def demands_of(tables: Tables) -> list[DemandKey]:
    """The demands that can be taken away."""
    used = {tables.pools[cell.pool].device for row in tables.cells for cell in row if cell.pool != NO_POOL}
    numbers: dict[DemandKind, list[int]] = {
        "task": list(range(tables.size)),
        "link": [n for n, link in enumerate(tables.links) if _misses(tables, link)],
        "together": [g for g, group in enumerate(tables.groups) if group],
        "memory": list(tables.crowded),
        "stock": [n for n, name in enumerate(tables.problem.stock) if name in used],
        "deadline": [b for b, bound in enumerate(tables.bounds) if bound.binding],
    }
    return [(kind, number) for kind, row in numbers.items() for number in row]


def _misses(tables: Tables, link: Link) -> bool:
    """Some pair of places is not joined."""
    here, there = ({cell.place for cell in tables.cells[t]} for t in (link.src, link.dst))
    return len(link.carries) < len(here) * len(there)
