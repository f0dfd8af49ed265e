"""Options that cannot be chosen, and options that need not be: both are dropped before the search.

Everything here keeps the optimum: an option goes only where a demand rules it out whatever the others
do, or where another option of the same task is as good in every respect.
"""

import math
from dataclasses import dataclass, field

from agentc.solve.evaluate import over, replicas_for
from agentc.solve.tables import NO_POOL, Bound, Cell, Link, Tables

ROUNDS = 4
"""Dropping one option can rule out another; more rounds than this gain nothing that the MILP would not find."""


@dataclass
class Reduced:
    """What is left to choose from."""

    alive: list[list[int]]
    """Task -> numbers of the options that remain."""
    reasons: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    """(task, option) -> why it cannot be chosen; dominated options are not in it."""

    def drop(self, task: int, option: int, why: str) -> None:
        self.alive[task].remove(option)
        self.reasons.setdefault((task, option), why)


def everything(tables: Tables) -> Reduced:
    """Nothing dropped."""
    return Reduced([list(range(len(row))) for row in tables.cells])


def reduce(tables: Tables) -> Reduced:
    """Drop what is impossible, then what is dominated."""
    left = possible(tables)
    drop_dominated(tables, left)
    return left


def possible(tables: Tables, among: Reduced | None = None) -> Reduced:
    """Drop options that no choice for the other tasks can make feasible; of all options, or ``among`` some."""
    left = everything(tables) if among is None else Reduced([list(row) for row in among.alive])
    _drop_unfit(tables, left)
    for _ in range(ROUNDS):
        before = len(left.reasons)
        _drop_unlinked(tables, left)
        _drop_broken_groups(tables, left)
        if any(not row for row in left.alive):
            break
        _drop_late(tables, left)
        _drop_long(tables, left)
        if len(left.reasons) == before or any(not row for row in left.alive):
            break
    return left


def _drop_unfit(tables: Tables, left: Reduced) -> None:
    for t, row in enumerate(left.alive):
        for o in list(row):
            cell = tables.cells[t][o]
            if cell.pool == NO_POOL:
                continue
            pool = tables.pools[cell.pool]
            if over(cell.option.memory_bytes, pool.memory):
                left.drop(
                    t, o, f"it takes {cell.option.memory_bytes:.3g} bytes of the {pool.memory:.3g} of {pool.name}"
                )
            elif not pool.fits(cell.load):
                needs = replicas_for(cell.load) * pool.devices
                left.drop(t, o, f"it takes {needs} {pool.device}, and the fleet has {pool.stock:g}")


def _drop_unlinked(tables: Tables, left: Reduced) -> None:
    for link, edge in zip(tables.links, tables.problem.edges, strict=True):
        sources = {tables.cells[link.src][o].place for o in left.alive[link.src]}
        targets = {tables.cells[link.dst][o].place for o in left.alive[link.dst]}
        leaves = {a for a, b in link.carries if b in targets}
        enters = {b for a, b in link.carries if a in sources}
        for task, other, reached in ((link.src, link.dst, leaves), (link.dst, link.src, enters)):
            for o in list(left.alive[task]):
                if (place := tables.cells[task][o].place) not in reached:
                    left.drop(task, o, edge.rule or f"no link joins {place} with `{tables.name(other)}`")


def _drop_broken_groups(tables: Tables, left: Reduced) -> None:
    alive = {(t, o) for t, row in enumerate(left.alive) for o in row}
    for group in tables.groups:
        distinct = len({t for t, _ in group}) == len(group)
        if distinct and all(member in alive for member in group):
            continue
        for t, o in group:
            if (t, o) in alive:
                alive.discard((t, o))
                partner = next((tables.name(u) for u, _ in group if u != t), tables.name(t))
                left.drop(t, o, f"it goes together with an option of `{partner}` that cannot be chosen")


def least_hop(tables: Tables, left: Reduced, link: Link, *, path: bool) -> float:
    """Fewest seconds that ``link`` takes between options that remain; zero where none do."""
    sources = {tables.cells[link.src][o].place for o in left.alive[link.src]}
    targets = {tables.cells[link.dst][o].place for o in left.alive[link.dst]}
    seconds = (
        c.path_seconds if path else c.seconds for (a, b), c in link.carries.items() if a in sources and b in targets
    )
    return min(seconds, default=0.0)


def _drop_late(tables: Tables, left: Reduced) -> None:
    """Additive deadlines: an option that is too slow even beside the fastest of the others."""
    for bound in tables.bounds:
        if bound.on_path or bound.usd is not None or not bound.binding:
            continue
        least = {t: min((tables.metric(bound, t, o) for o in left.alive[t]), default=0.0) for t in bound.tasks}
        hops = math.fsum(least_hop(tables, left, tables.links[n], path=False) for n in bound.links)
        total = math.fsum([*least.values(), hops])
        for t in bound.tasks:
            for o in list(left.alive[t]):
                value = total - least[t] + tables.metric(bound, t, o)
                if value > bound.limit * (1 + 1e-7):
                    left.drop(t, o, too_slow(bound, value))


def too_slow(bound: Bound, value: float) -> str:
    """The sentence for a deadline that an option breaks."""
    return f"{bound.metric} would be {value * 1e3:.5g} ms or more, over {bound.limit * 1e3:g} ms"


def heads_and_tails(tables: Tables, seconds: list[float], hop: list[float]) -> tuple[list[float], list[float]]:
    """Longest synchronous path up to the start of each task, and from its end, by task and link times."""
    heads, tails = [0.0] * tables.size, [0.0] * tables.size
    for t in range(tables.size):
        for n in tables.arriving[t]:
            link = tables.links[n]
            if link.on_path:
                heads[t] = max(heads[t], heads[link.src] + seconds[link.src] + hop[n])
    for t in reversed(range(tables.size)):
        for n in tables.leaving[t]:
            link = tables.links[n]
            if link.on_path:
                tails[t] = max(tails[t], tails[link.dst] + seconds[link.dst] + hop[n])
    return heads, tails


def _drop_long(tables: Tables, left: Reduced) -> None:
    """End-to-end deadlines: an option whose path is too long with the fastest of everything else."""
    hard = [bound for bound in tables.path_bounds() if bound.usd is None]
    if not hard:
        return
    bound = min(hard, key=lambda b: b.limit)
    least = [min((tables.cells[t][o].seconds for o in row), default=0.0) for t, row in enumerate(left.alive)]
    hops = [least_hop(tables, left, link, path=True) for link in tables.links]
    heads, tails = heads_and_tails(tables, least, hops)
    for t, row in enumerate(left.alive):
        if tables.problem.tasks[t].asynchronous:
            continue
        for o in list(row):
            value = heads[t] + tables.cells[t][o].seconds + tails[t]
            if value > bound.limit * (1 + 1e-7):
                left.drop(t, o, too_slow(bound, value))


def fastest(tables: Tables, left: Reduced, bound: Bound) -> float:
    """Fewest seconds that an additive deadline's tasks and the links between them take."""
    tasks = (min((tables.metric(bound, t, o) for o in left.alive[t]), default=0.0) for t in bound.tasks)
    return math.fsum([*tasks, *(least_hop(tables, left, tables.links[n], path=False) for n in bound.links)])


def shortest_possible(tables: Tables, left: Reduced) -> tuple[float, list[int]]:
    """Lower bound of the end-to-end time, and the tasks of the path that sets it."""
    least = [min((tables.cells[t][o].seconds for o in row), default=0.0) for t, row in enumerate(left.alive)]
    hops = [least_hop(tables, left, link, path=True) for link in tables.links]
    heads, _ = heads_and_tails(tables, least, hops)
    ends = [head + own for head, own in zip(heads, least, strict=True)]
    path = [max(range(tables.size), key=ends.__getitem__)]
    while heads[path[-1]] > 0:
        before = [n for n in tables.arriving[path[-1]] if tables.links[n].on_path]
        path.append(
            max((tables.links[n].src for n in before), key=lambda t, b=before: _arrives(tables, t, b, ends, hops))
        )
    return ends[path[0]], path[::-1]


def _arrives(tables: Tables, src: int, before: list[int], ends: list[float], hops: list[float]) -> float:
    """When what ``src`` makes is there, by one of the links ``before`` a task."""
    return max(ends[src] + hops[n] for n in before if tables.links[n].src == src)


def longest_possible(tables: Tables, left: Reduced) -> float:
    """Upper bound of the end-to-end time, whatever is chosen: no deadline at or above it can bind."""
    most = [max((tables.cells[t][o].seconds for o in row), default=0.0) for t, row in enumerate(left.alive)]
    hops = [max((c.path_seconds for c in link.carries.values()), default=0.0) for link in tables.links]
    heads, _ = heads_and_tails(tables, most, hops)
    return max((h + s for h, s in zip(heads, most, strict=True)), default=0.0)


def drop_costly(tables: Tables, left: Reduced, usd: float, keep: list[int]) -> None:
    """Drop options that alone, with the least that the others charge, cost more than a known choice ``keep``.

    ``usd`` is that choice's bill in $/hour. Beside the gain in size this bounds the range of the figures.
    """
    least = [min(tables.cells[t][o].usd for o in row) for t, row in enumerate(left.alive)]
    others = math.fsum(least)
    for t, row in enumerate(left.alive):
        for o in list(row):
            cell = tables.cells[t][o]
            rent = 0.0 if cell.pool == NO_POOL else tables.pools[cell.pool].usd * replicas_for(cell.load)
            if o != keep[t] and others - least[t] + cell.usd + rent > usd * (1 + 1e-6):
                row.remove(o)
    _drop_broken_groups(tables, left)


def drop_dominated(tables: Tables, left: Reduced) -> None:
    """Drop options that another one of the same task can replace in any solution at no loss.

    Options in ``together`` sets neither dominate nor are dominated: choosing them moves other tasks.
    """
    users = pool_users(tables, left)
    for t, row in enumerate(left.alive):
        kept: list[int] = []
        for o in row:
            if (t, o) in tables.group_of:
                kept.append(o)
                continue
            rivals = [k for k in kept if (t, k) not in tables.group_of]
            if any(_dominates(tables, t, k, o, users) for k in rivals):
                continue
            beaten = {k for k in rivals if _dominates(tables, t, o, k, users)}
            kept = [k for k in kept if k not in beaten]
            kept.append(o)
        left.alive[t] = kept


def pool_users(tables: Tables, left: Reduced) -> list[set[int]]:
    """Pool -> the tasks that can run in it."""
    users: list[set[int]] = [set() for _ in tables.pools]
    for t, row in enumerate(left.alive):
        for o in row:
            pool = tables.cells[t][o].pool
            if pool != NO_POOL:
                users[pool].add(t)
    return users


def _dominates(tables: Tables, t: int, a: int, b: int, users: list[set[int]]) -> bool:
    """Option ``a`` of task ``t`` is as good as ``b`` for time, money, energy, stock and transfers."""
    one, two = tables.cells[t][a], tables.cells[t][b]
    if one.seconds > two.seconds or one.usd > two.usd or one.joules > two.joules:
        return False
    if any(tables.metric(bound, t, a) > tables.metric(bound, t, b) for bound in _bounds(tables, t)):
        return False
    return _pool_as_good(tables, one, two, users) and _hops_as_good(tables, t, one.place, two.place)


def _bounds(tables: Tables, t: int) -> list[Bound]:
    return [tables.bounds[b] for b in tables.bounds_of[t]]


def _pool_as_good(tables: Tables, one: Cell, two: Cell, users: list[set[int]]) -> bool:
    """Moving work from ``two``'s pool to ``one``'s holds no more devices and pays no more rent.

    Between different pools that is certain only where no other task uses the one that is left: it is
    then closed, and replicas round up at most as much together as apart.
    """
    if one.pool == NO_POOL or one.pool == two.pool:
        return one.pool == NO_POOL or (one.load <= two.load and _lies_as_well(tables, one, two))
    if two.pool == NO_POOL or len(users[two.pool]) > 1:
        return False
    here, there = tables.pools[one.pool], tables.pools[two.pool]
    if math.isfinite(here.memory):
        return False
    more, less = replicas_for(one.load), replicas_for(two.load)
    if tables.problem.objective == "energy" and more * here.joules > less * there.joules:
        return False
    same_class = here.device == there.device and more * here.devices <= less * there.devices
    return more * here.usd <= less * there.usd and (math.isinf(here.stock) or same_class)


def _lies_as_well(tables: Tables, one: Cell, two: Cell) -> bool:
    """Where the memory of their pool counts, ``one`` takes no more of it than ``two``."""
    a, b = one.option, two.option
    same = a.resident == b.resident and a.memory_bytes <= b.memory_bytes
    return same or math.isinf(tables.pools[one.pool].memory)


def _hops_as_good(tables: Tables, t: int, one: str, two: str) -> bool:
    if one == two:
        return True
    arriving = all(_link_as_good(tables.links[n], one, two, end=1) for n in tables.arriving[t])
    return arriving and all(_link_as_good(tables.links[n], one, two, end=0) for n in tables.leaving[t])


def _link_as_good(link: Link, one: str, two: str, *, end: int) -> bool:
    for (a, b), worse in link.carries.items():
        if (a, b)[end] != two:
            continue
        better = link.carries.get((one, b) if end == 0 else (a, one))
        if better is None or better.seconds > worse.seconds or better.usd > worse.usd:
            return False
    return True
