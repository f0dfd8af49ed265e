"""Problems that fall apart: tasks that share no pool, set or deadline are decided by themselves, by enumeration.

Most agents are small, and most of their pools serve one model. Stock, shared memory and the end-to-end time still join
all tasks, but seldom bind: where the cheapest of every part together keep them, that is the cheapest placement, proven
without a program. Where not, what the parts cost bounds it.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from agentc.solve.bundles import Unions
from agentc.solve.evaluate import over, replicas_for
from agentc.solve.presolve import Reduced, pool_users
from agentc.solve.state import Moves, State
from agentc.solve.tables import NO_POOL, Bound, Cell, Link, Tables
from agentc.support.record import record

CHOICES = 100_000
"""Choices of a part up to which it is looked at."""

STEPS = 4_000
"""Options that are tried for one part; small problems take tens of them."""

TIES = 64
"""Equally cheap choices of a part that are told apart by what the whole takes."""

SAME = 1e-9
"""Relative difference of bills that are the same."""


@record(slots=True)
class Part:
    """Tasks that have to be decided together."""

    tasks: tuple[int, ...]
    """In order."""
    bounds: tuple[Bound, ...]
    """Deadlines that add up over some of the tasks."""


@record(slots=True)
class Cheapest:
    """The cheapest choices of a part."""

    usd: float
    """$/hour with penalties; infinite where none keeps the part's own demands."""
    choices: tuple[Moves, ...]
    """Task -> option, in the order of the options."""


@record
class Whole:
    """The parts of a problem put together."""

    bound: float
    """$/hour that every placement costs at least; infinite where none is feasible."""
    state: State | None
    """The cheapest placement; none where the parts do not fit together, or are too large to say."""
    scarce: frozenset[str] = frozenset()
    """Device classes whose stock joined parts."""


def decide(tables: Tables, left: Reduced) -> Whole:
    """The cheapest choice from what is left if its parts can be decided each by itself; the cost in any case bounded.

    Parts that together exceed a stock are decided as one.
    """
    bound, scarce, known = -math.inf, frozenset[str](), dict[tuple[int, ...], Cheapest | None]()
    while separable(tables):
        apart = parts(tables, left, scarce)
        if any(choices(left, part) > CHOICES for part in apart):
            break
        for part in apart:
            if part.tasks not in known:
                known[part.tasks] = cheapest(tables, left, part)
            if (found := known[part.tasks]) is None or not found.choices:
                return Whole(bound if found is None else math.inf, None)
        each = [found for part in apart if (found := known[part.tasks]) is not None]
        bound = math.fsum(found.usd for found in each)
        state = _together(tables, each)
        if state.score().violation == 0:
            return Whole(bound, state, scarce)
        over_stock = _exceeded(tables, state) - scarce
        if not over_stock:
            break
        scarce |= over_stock
    return Whole(bound, None)


def _together(tables: Tables, each: Iterable[Cheapest]) -> State:
    picked, rivals = [-1] * tables.size, list[Moves]()
    for found in each:
        for t, o in found.choices[0].items():
            picked[t] = o
        rivals += found.choices[1:]
    state = State(tables, picked, "cost")
    choose(state, rivals)
    return state


def _exceeded(tables: Tables, state: State) -> frozenset[str]:
    """The device classes that a choice holds more of than there are."""
    held: dict[str, int] = {}
    for p, load in state.totals.load.items():
        pool = tables.pools[p]
        held[pool.device] = held.get(pool.device, 0) + pool.devices * replicas_for(load)
    return frozenset(device for device, count in held.items() if count > tables.problem.stock.get(device, count))


def choose(state: State, rivals: Iterable[Moves]) -> None:
    """Take those of the equally cheap choices by which the whole keeps its demands, and takes the shortest time."""
    waiting = list(rivals)
    while waiting:
        worse = [moves for moves in waiting if not state.try_(moves)]
        if len(worse) == len(waiting):
            return
        waiting = worse


def separable(tables: Tables) -> bool:
    """Nothing that is paid for joins all tasks: time end to end is neither the objective nor priced."""
    return tables.problem.objective == "cost" and all(bound.usd is None for bound in tables.path_bounds())


def parts(tables: Tables, left: Reduced, scarce: Collection[str] = ()) -> list[Part]:
    """The parts of what is left, in the order of their first tasks; the stock of ``scarce`` classes joins, too."""
    unions: Unions[int] = Unions()
    limits = [bound for bound in tables.bounds if bound.binding and not bound.on_path]
    users = pool_users(tables, left)
    shared = (tuple(tasks) for tasks in (*users, *_by_device(tables, users, scarce)) if len(tasks) > 1)
    sets = (tuple(t for t, _ in group) for group in tables.groups)
    linked = ((link.src, link.dst) for link in tables.links if _matters(tables, left, link))
    for tasks in (*shared, *sets, *(bound.tasks for bound in limits), *linked):
        for task in tasks[1:]:
            unions.join(tasks[0], task)
    found: dict[int, list[int]] = {}
    for task in range(tables.size):
        found.setdefault(unions.find(task), []).append(task)
    rows = {root: [b for b in limits if b.tasks and unions.find(b.tasks[0]) == root] for root in found}
    return [Part(tuple(tasks), tuple(rows[root])) for root, tasks in found.items()]


def _by_device(tables: Tables, users: Sequence[set[int]], devices: Collection[str]) -> list[set[int]]:
    """The tasks that can run on each of some device classes."""
    found: dict[str, set[int]] = {device: set() for device in devices}
    for pool, tasks in zip(tables.pools, users, strict=True):
        if pool.device in found:
            found[pool.device] |= tasks
    return list(found.values())


def _matters(tables: Tables, left: Reduced, link: Link) -> bool:
    """Some pair of places that the link joins has no hop, or one that charges."""
    here, there = (dict.fromkeys(tables.cells[t][o].place for o in left.alive[t]) for t in (link.src, link.dst))
    carries = (link.carries.get((a, b)) for a in here for b in there)
    return any(carry is None or carry.usd for carry in carries)


def cheapest(tables: Tables, left: Reduced, part: Part) -> Cheapest | None:
    """The cheapest choices of ``part`` by themselves; ``None`` where it is too large to go through."""
    return None if choices(left, part) > CHOICES else _Enumeration(tables, left, part).run()


def choices(left: Reduced, part: Part) -> int:
    """How many choices there are for a part, feasible or not."""
    return math.prod(len(left.alive[t]) for t in part.tasks)


_Way: TypeAlias = tuple[float, int, Cell]
"""What an option costs at least, its number, and itself."""


class _Enumeration:
    """Depth first, the cheapest options first, as long as what is left may still come to as little as the best."""

    def __init__(self, tables: Tables, left: Reduced, part: Part) -> None:
        self.tables, self.part = tables, part
        self.order = sorted(part.tasks, key=lambda t: (len(left.alive[t]), t))
        own = set(part.tasks)
        pools = {tables.cells[t][o].pool for t in part.tasks for o in left.alive[t]}
        self.alone = {p for p in pools if p != NO_POOL and len(self._users(left, p)) == 1}
        self.links = [link for link in tables.links if link.src in own and link.dst in own]
        self.rows: list[Sequence[_Way]] = [
            sorted((self._least(t, o), o, tables.cells[t][o]) for o in left.alive[t]) for t in self.order
        ]
        self.rest = self._sums(row[0][0] for row in self.rows)
        self.charges = self._sums(min(cell.usd for _, _, cell in row) for row in self.rows)
        self.chosen: dict[int, int] = {}
        self.load: dict[int, float] = {}
        self.steps = STEPS
        self.best = math.inf
        self.found: list[tuple[float, tuple[tuple[int, int], ...]]] = []

    def _users(self, left: Reduced, pool: int) -> list[int]:
        cells = self.tables.cells
        return [t for t in self.part.tasks if any(cells[t][o].pool == pool for o in left.alive[t])]

    def _least(self, t: int, o: int) -> float:
        """The rent by whole replicas where nobody shares them, else by what is used."""
        cell = self.tables.cells[t][o]
        if cell.pool not in self.alone:
            return self.tables.shares[t][o]
        return cell.usd + self.tables.pools[cell.pool].usd * replicas_for(cell.load)

    @staticmethod
    def _sums(values: Iterable[float]) -> list[float]:
        """Of what comes at each place and after it."""
        sums = [0.0]
        for value in reversed(list(values)):
            sums.append(sums[-1] + value)
        return sums[::-1]

    def run(self) -> Cheapest | None:
        """All that come to the least; ``None`` where the steps are used up."""
        self._descend(0, 0.0, 0.0)
        if self.steps < 0:
            return None
        limit = self.best * (1 + SAME)
        ties = sorted(moves for usd, moves in self.found if usd <= limit)
        return Cheapest(self.best, tuple(dict(moves) for moves in ties[:TIES]))

    def _descend(self, at: int, least: float, spent: float) -> None:
        """Try the options of task number ``at``: ``least`` is a bound of what the tasks before it cost, ``spent`` what
        they charge and the rent of what they use."""
        if at == len(self.order):
            self._note(spent)
            return
        t = self.order[at]
        for own, o, cell in self.rows[at]:
            limit = self.best * (1 + SAME)
            if least + own + self.rest[at + 1] > limit:
                return
            self.steps -= 1
            if self.steps < 0:
                return
            more = cell.usd + self._more_rent(cell)
            if spent + more + self.charges[at + 1] > limit or not self._together(t, o):
                continue
            self._take(t, o, cell, 1.0)
            if self._fits():
                self._descend(at + 1, least + own, spent + more)
            self._take(t, o, cell, -1.0)

    def _more_rent(self, cell: Cell) -> float:
        """What the pool of an option takes beyond what is paid for it now."""
        if cell.pool == NO_POOL:
            return 0.0
        now = self.load.get(cell.pool)
        before = 0 if now is None else replicas_for(now)
        return self.tables.pools[cell.pool].usd * (replicas_for((now or 0.0) + cell.load) - before)

    def _together(self, t: int, o: int) -> bool:
        """No set that is chosen all or none is chosen in part."""
        groups, group_of = self.tables.groups, self.tables.group_of
        for g in group_of.get((t, o), ()):
            if any(self.chosen.get(u, p) != p for u, p in groups[g]):
                return False
        for member in self.chosen.items():
            for g in group_of.get(member, ()):
                if any(u == t and p != o for u, p in groups[g]):
                    return False
        return True

    def _take(self, t: int, o: int, cell: Cell, sign: float) -> None:
        """Take an option, or with a negative ``sign`` give the last one back."""
        if sign > 0:
            self.chosen[t] = o
        else:
            del self.chosen[t]
        if cell.pool == NO_POOL:
            return
        # Summed anew, so that nothing of what was tried and given back stays by rounding.
        loads = [c.load for u, p in self.chosen.items() if (c := self.tables.cells[u][p]).pool == cell.pool]
        if loads:
            self.load[cell.pool] = math.fsum(loads)
        else:
            del self.load[cell.pool]

    def _fits(self) -> bool:
        """No hard deadline that adds up, and no stock, is exceeded by what is chosen so far."""
        if any(b.usd is None and over(self._seconds(b), b.limit) for b in self.part.bounds):
            return False
        held: dict[str, int] = {}
        for p, load in self.load.items():
            pool = self.tables.pools[p]
            held[pool.device] = held.get(pool.device, 0) + pool.devices * replicas_for(load)
        stock = self.tables.problem.stock
        return all(count <= stock.get(device, count) for device, count in held.items())

    def _seconds(self, bound: Bound) -> float:
        """What the tasks chosen so far, and the hops between them, take of a deadline."""
        tables, chosen = self.tables, self.chosen
        own = (tables.metric(bound, t, chosen[t]) for t in bound.tasks if t in chosen)
        hops = (self._hop(tables.links[n]) for n in bound.links)
        return math.fsum((*own, *(seconds for seconds, _ in hops)))

    def _hop(self, link: Link) -> tuple[float, float]:
        """Seconds and $/hour; infinite where the two places are not joined, nothing where one is not chosen yet."""
        if link.src not in self.chosen or link.dst not in self.chosen:
            return 0.0, 0.0
        cells = self.tables.cells
        pair = cells[link.src][self.chosen[link.src]].place, cells[link.dst][self.chosen[link.dst]].place
        carry = link.carries.get(pair)
        return (math.inf, math.inf) if carry is None else (carry.seconds, carry.usd)

    def _note(self, spent: float) -> None:
        """All tasks are decided: hops that charge and soft deadlines come on top."""
        late = (
            bound.usd * max(0.0, self._seconds(bound) - bound.limit)
            for bound in self.part.bounds
            if bound.usd is not None
        )
        usd = math.fsum((spent, *(usd for _, usd in map(self._hop, self.links)), *late))
        if usd <= self.best * (1 + SAME) and math.isfinite(usd):
            self.best = min(self.best, usd)
            self.found.append((usd, tuple(sorted(self.chosen.items()))))
