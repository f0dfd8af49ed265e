"""Pools and work alone: a relaxation of large problems that is small, bounds their cost, and often is their answer.

Of an agent with hundreds of calls many are alike, most of the options stand in pools that nothing needs, and few of
the demands bind. So three things are done at once, none of which can miss the best cost:

* demands that the answer keeps anyway are left out, and put back when it breaks them: stock, and deadlines that add
  up; the end-to-end time and what hops charge stay out, so that the cost is a lower bound;
* tasks that share their options are counted, not told apart;
* pools that another makes needless are dropped (see ``_makes_needless``), and what shares no pool is solved apart.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentc.solve.bundles import Kind, Slot, Unions, alike, bundles, kinds_of
from agentc.solve.evaluate import evaluate, over
from agentc.solve.highs import INF, Program
from agentc.solve.milp import COST_SCALE, LARGE_LOAD
from agentc.solve.presolve import Reduced
from agentc.solve.tables import NO_POOL, Bound, Cell, Tables
from agentc.support.record import record

WHOLE = 300
"""Up to so many columns of a part, tasks are counted in whole numbers; beyond, parts of tasks are rounded."""

STRONG = 6000
"""Up to so many columns of a part each kind of task says by itself that the pools it uses must be there."""

ROUNDS = 7
"""Programs at most: broken demands are put back, and where stock counts the last is solved finely."""

DEAL_SECONDS = 5.0
"""For dealing out the parts of tasks in whole numbers."""

DEAL_GAP = 0.005
"""Relative gap at which parts are dealt out well."""

STAYS = 0.8
"""Of each count, when parts are dealt out: whole tasks need more room than parts."""

SLICE = 0.5
"""Of the time that is left, for one part: what it finds in that may have to be solved again."""

ROUGH, FINE = 0.02, 0.002
"""Relative gaps of programs where stock counts. They are large, and their bounds get on slowly; that of an earlier
round is often the better, so that they are solved finely only if the choice is not near to it."""

NEAR = 0.005
"""Relative gap of the choice at which it is near."""


@record
class Relaxed:
    """What the relaxation found."""

    bound: float
    """What every placement costs at least, in $/hour or joules per request; minus infinity where time ran out."""
    picked: list[int] | None = None
    """A choice, which keeps the demands that were put back, and may break others."""
    pools: frozenset[int] = frozenset()
    """The pools that nothing makes needless."""
    replicas: Mapping[int, int] = field(default_factory=dict[int, int])
    """Pool -> what the relaxation counts, which parts of tasks may share."""


@record(slots=True)
class Prices:
    """What is paid: $/hour, or joules per request."""

    energy: bool
    rents: tuple[float, ...]
    """Pool -> of one replica."""


def prices(tables: Tables) -> Prices:
    """The prices of the problem's objective; dollars where it is time."""
    energy = tables.problem.objective == "energy"
    return Prices(energy, tuple(pool.joules if energy else pool.usd for pool in tables.pools))


@dataclass
class Demands:
    """What has been put back."""

    scarce: set[str] = field(default_factory=set[str])
    """Device classes whose stock counts."""
    timed: list[Bound] = field(default_factory=list[Bound])
    """Deadlines that add up and count, of all calls that are alike."""


def relax(tables: Tables, left: Reduced, *, gap: float, until: float) -> Relaxed:
    """A bound of the cost of ``tables`` with what is ``left``, and a choice that comes near it; of the energy, where
    that is the objective.

    ``gap`` is relative; ``until`` is on the clock of ``time.perf_counter``. Every task must have an option left.
    """
    demands, best, rough = Demands(), Relaxed(-INF), ROUGH
    for _ in range(ROUNDS):
        found = Round(tables, left, demands).solve(max(gap, rough) if demands.scarce else gap / 2, until)
        if found.bound == INF:
            return found
        value, known = _value(tables, found.picked), _value(tables, best.picked)
        picked = best.picked if found.picked is None or known < value else found.picked
        best = replace(found, bound=max(best.bound, found.bound), picked=picked)
        if found.picked is None or time.perf_counter() > until:
            break
        if _put_back(tables, found.picked, found.replicas, demands):
            continue
        if not demands.scarce or rough == FINE or best.bound >= (1 - NEAR) * min(value, known):
            break
        rough = FINE
    return best


def _value(tables: Tables, picked: list[int] | None) -> float:
    """The objective of a choice; infinite where it breaks a demand."""
    if picked is None:
        return INF
    figures = evaluate(tables.problem, tables.choice(picked))
    return figures.objective(tables.problem.objective) if figures.feasible else INF


def _put_back(tables: Tables, picked: list[int], replicas: Mapping[int, int], demands: Demands) -> bool:
    """Put back what ``picked`` and its ``replicas`` break. False where that is nothing new."""
    figures, stock = evaluate(tables.problem, tables.choice(picked)), tables.problem.stock
    free = {p for p, rent in enumerate(prices(tables).rents) if rent == 0 and p not in replicas}
    used = {p: figures.replicas.get(pool.name, 0) for p, pool in enumerate(tables.pools) if p in free}
    held = devices_held(tables, {**replicas, **used})
    scarce = {name for name, count in held.items() if count > stock.get(name, count)} - demands.scarce
    if scarce:
        # What is half used will be next, when something has to go elsewhere.
        scarce |= {name for name, count in held.items() if 2 * count > stock.get(name, math.inf)}
    values = zip(tables.bounds, figures.deadline_seconds, strict=True)
    late = alike(tables, [bound for bound, value in values if over(value, bound.limit)] + demands.timed)
    more = bool(scarce) or len(late) > len(demands.timed)
    demands.scarce |= scarce
    demands.timed = late
    return more


def devices_held(tables: Tables, replicas: Mapping[int, int]) -> dict[str, int]:
    """Device class -> what so many replicas of each pool hold."""
    held: dict[str, int] = {}
    for p, count in replicas.items():
        pool = tables.pools[p]
        held[pool.device] = held.get(pool.device, 0) + count * pool.devices
    return held


@record(slots=True)
class _Way:
    """An option of a slot, as far as it matters here."""

    option: int
    cell: Cell
    company: tuple[int, ...] | None
    """Members that take the like option in the same pool, all or none; ``None``: cannot be moved to another pool."""
    charge: float
    """Beside the rent."""
    seconds: tuple[float, ...]
    """Of each deadline that counts; before them on the path, where that counts."""


class Round:
    """One round: the problem without the demands that are left out.

    ``timed``: a pool that takes longer makes none needless, whatever a second may cost.
    """

    def __init__(self, tables: Tables, left: Reduced, demands: Demands, *, timed: bool = False) -> None:
        self.tables, self.demands, self.timed = tables, demands, timed
        self.kinds = kinds_of(tables, left, bundles(tables, demands.timed), demands.timed)
        self.prices = prices(tables)
        self.unit = (
            math.fsum(min(self._share(t, o) for o in row) for t, row in enumerate(left.alive)) or 1
        ) / COST_SCALE
        self.ways = {slot: self._ways(kind, slot) for kind in self.kinds for slot in kind.slots}
        self.serves: dict[int, dict[Slot, list[_Way]]] = {}
        for slot, ways in self.ways.items():
            for way in ways:
                if way.cell.pool != NO_POOL:
                    self.serves.setdefault(way.cell.pool, {}).setdefault(slot, []).append(way)

    def _share(self, task: int, option: int) -> float:
        """The price of an option with the fraction of its pool's rent that its work takes."""
        cell = self.tables.cells[task][option]
        return self.charge(cell) + (0.0 if cell.pool == NO_POOL else cell.load * self.prices.rents[cell.pool])

    def charge(self, cell: Cell) -> float:
        """The price of an option beside its pool's rent."""
        return cell.joules if self.prices.energy else cell.usd

    def _ways(self, kind: Kind, slot: Slot) -> list[_Way]:
        member = slot[1]
        task = kind.tasks[member]
        limits = [b for b in kind.limits if member in b.members]
        return [
            _Way(
                o,
                cell := self.tables.cells[task][o],
                self._company(kind, member, o),
                self.charge(cell),
                (*((cell.seconds,) if self.timed else ()), *(cell.option.metrics.get(b.metric, 0.0) for b in limits)),
            )
            for o in kind.options[member]
        ]

    def _company(self, kind: Kind, member: int, option: int) -> tuple[int, ...] | None:
        sets = kind.sets_of.get((member, option), ())
        if not sets:
            return ()
        pools = {self.tables.cells[kind.tasks[m]][o].pool for m, o in sets[0]}
        return tuple(m for m, _ in sets[0]) if len(sets) == 1 and len(pools) == 1 else None

    def solve(self, gap: float, until: float) -> Relaxed:
        """Each part by itself; what they cost together, and who goes where."""
        solved: list[tuple[Part, Sequence[float]]] = []
        bound, replicas, kept = 0.0, dict[int, int](), set[int]()
        parts = self.parts()
        for kinds, pools in parts:
            part = Part(self, kinds, self.needed(pools))
            kept |= part.alive
            seconds = max(0.01, SLICE * (until - time.perf_counter()))
            result = part.program.run(time_limit=seconds, gap=gap)
            if result.outcome == "infeasible":
                return Relaxed(INF)
            bound += result.bound * self.unit
            if result.values:
                replicas |= {pool: round(result.values[column]) for pool, column in part.counts.items()}
                solved.append((part, result.values))
        spread = self._spread(solved, replicas, until) if len(solved) == len(parts) else None
        return Relaxed(bound, spread, frozenset(kept), replicas)

    def _spread(
        self, solved: list[tuple["Part", Sequence[float]]], replicas: Mapping[int, int], until: float
    ) -> list[int]:
        """A choice from what the programs count; parts of tasks are dealt out with care where the stock allows it."""
        picked, stock = [-1] * self.tables.size, self.tables.problem.stock
        fits = all(count <= stock.get(device, count) for device, count in devices_held(self.tables, replicas).items())
        for part, values in solved:
            seconds = min(DEAL_SECONDS, SLICE * (until - time.perf_counter()))
            whole = part.deal_parts(values, seconds) if fits else values
            for kind in part.kinds:
                part.spread(kind, whole, picked)
        return picked

    def parts(self) -> list[tuple[list[Kind], list[int]]]:
        """Kinds and pools that have nothing to do with the others."""
        unions: Unions[tuple[str, int | str]] = Unions()
        for kind in self.kinds:
            for slot in kind.slots:
                for way in self.ways[slot]:
                    if way.cell.pool != NO_POOL:
                        unions.join(("kind", kind.number), ("pool", way.cell.pool))
        for pool in self.serves:
            device = self.tables.pools[pool].device
            if device in self.demands.scarce:
                unions.join(("pool", pool), ("device", device))
        parts: dict[object, tuple[list[Kind], list[int]]] = {}
        for kind in self.kinds:
            parts.setdefault(unions.find(("kind", kind.number)), ([], []))[0].append(kind)
        for pool in sorted(self.serves):
            parts[unions.find(("pool", pool))][1].append(pool)
        return list(parts.values())

    def needed(self, pools: list[int]) -> list[int]:
        """The pools of ``pools`` that no other of them makes needless; the cheaper, then the first among equals."""
        order = sorted(pools, key=lambda p: (self.prices.rents[p], p))
        gone: set[int] = set()
        for old in reversed(order):
            if any(new != old and new not in gone and self._makes_needless(new, old) for new in order):
                gone.add(old)
        return [pool for pool in pools if pool not in gone]

    def _makes_needless(self, new: int, old: int) -> bool:
        """Whatever runs in pool ``old`` could as well run in ``new``.

        A replica of ``old`` pays for a whole number ``m`` of ``new``, every option in ``old`` has a like one in
        ``new`` that takes at most ``m`` times the load, and charges and lasts no more: as ``ceil(x + y) <=
        ceil(x) + ceil(y)`` and ``ceil(m x) <= m ceil(x)``, all that is in ``old`` moves at no cost.
        """
        many = self._worth(new, old)
        here, there = self.serves[old], self.serves[new]
        if many < 1 or not here.keys() <= there.keys():
            return False
        return all(_covered(way, there[slot], many) for slot, ways in here.items() for way in ways)

    def _worth(self, new: int, old: int) -> float:
        """Replicas of ``new`` that hold no more than one of ``old``, in money and scarce devices."""
        one, two = self.tables.pools[new], self.tables.pools[old]
        rent, saved = self.prices.rents[new], self.prices.rents[old]
        if rent > saved:
            return 0
        many = math.floor(saved / rent * (1 + 1e-12)) if rent > 0 else INF
        if one.device in self.demands.scarce and one.devices > 0:
            many = min(many, two.devices // one.devices) if one.device == two.device else 0
        return many


def _covered(way: _Way, others: list[_Way], many: float) -> bool:
    """One of ``others`` can stand in for ``way``; one alone where company has to follow."""
    if way.company is None:
        return False
    like = [other for other in others if other.company == way.company]
    if way.company and len(like) > 1:
        return False
    return any(
        (many == INF or other.cell.load <= many * way.cell.load)
        and other.charge <= way.charge
        and all(mine <= theirs for mine, theirs in zip(other.seconds, way.seconds, strict=True))
        for other in like
    )


class Part:
    """The program of one part: how many tasks of each kind take each option, and how many replicas there are.

    ``whole``: tasks are counted in whole numbers, however many columns there are.
    """

    def __init__(self, around: Round, kinds: list[Kind], pools: list[int], *, whole: bool = False) -> None:
        self.around, self.tables, self.program = around, around.tables, Program()
        self.kinds, self.alive = kinds, set(pools)
        self.columns: dict[Slot, dict[int, int]] = {}
        """Slot -> option -> how many copies take it."""
        self.counts: dict[int, int] = {}
        """Pool -> the column of its replicas; none for pools that are free and not scarce."""
        self.money: list[tuple[int, float]] = []
        self.held: dict[str, list[tuple[int, float]]] = {}
        """Scarce device class -> what this part holds of it."""
        self.others: dict[str, list[tuple[int, float]]] = {}
        """The same of other classes."""
        ways = {s: [w for w in around.ways[s] if self._open(w)] for kind in kinds for s in kind.slots}
        size = sum(map(len, ways.values()))
        for kind in kinds:
            self._kind(kind, ways, integer=whole or size <= WHOLE)
        for pool in pools:
            self._pool(pool, strong=size <= STRONG)
        for device, terms in self.held.items():
            self.program.row(-INF, float(self.tables.problem.stock[device]), terms)
        self.program.costs(self.money)

    def _open(self, way: _Way) -> bool:
        return way.cell.pool == NO_POOL or way.cell.pool in self.alive

    def _kind(self, kind: Kind, ways: dict[Slot, list[_Way]], *, integer: bool) -> None:
        count = float(len(kind.copies))
        for slot in kind.slots:
            for way in ways[slot]:
                column = self.program.column(0.0, count, integer=integer)
                self.columns.setdefault(slot, {})[way.option] = column
                self.money.append((column, way.charge / self.around.unit))
            self.program.row(count, count, [(column, 1.0) for column in self.columns[slot].values()])
        for group in kind.sets:
            columns = [self.columns[kind.number, m].get(o) for m, o in group]
            there = [column for column in columns if column is not None]
            for column in there[1:]:
                self.program.row(0.0, 0.0, [(there[0], 1.0), (column, -1.0)])
            if len(there) < len(columns):
                self.program.row(0.0, 0.0, [(column, 1.0) for column in there])
        for limit in kind.limits:
            self._limit(kind, ways, limit.metric, limit.members, limit.left * count)

    def _limit(
        self, kind: Kind, ways: dict[Slot, list[_Way]], metric: str, members: tuple[int, ...], most: float
    ) -> None:
        """What all copies may take together is what each may take, times their number."""
        unit = most if most > 0 else 1.0
        terms = [
            (self.columns[slot][way.option], way.cell.option.metrics.get(metric, 0.0) / unit)
            for slot in kind.slots
            if slot[1] in members
            for way in ways[slot]
        ]
        self.program.row(-INF, most / unit * (1 + 1e-9), terms)

    def _pool(self, pool: int, *, strong: bool) -> None:
        row, program = self.tables.pools[pool], self.program
        serves = self.around.serves[pool]
        work = [(self.columns[slot][way.option], way.cell.load) for slot, ways in serves.items() for way in ways]
        scarce = row.device in self.around.demands.scarce
        rent = self.around.prices.rents[pool]
        if rent == 0 and not scarce:
            return
        self.counts[pool] = count = program.column(0.0, INF, integer=True)
        self.money.append((count, rent / self.around.unit))
        (self.held if scarce else self.others).setdefault(row.device, []).append((count, float(row.devices)))
        unit = max(1.0, max(load for _, load in work) / LARGE_LOAD)
        program.row(0.0, INF, [(count, 1.0 / unit), *((column, -load / unit) for column, load in work)])
        for slot, ways in serves.items():
            copies = float(len(self.kind(slot).copies))
            if strong or min(way.cell.load for way in ways) * copies < 1e-4:
                terms = [(self.columns[slot][way.option], -1.0) for way in ways]
                program.row(0.0, INF, [(count, copies), *terms])

    def deal_parts(self, values: Sequence[float], seconds: float) -> Sequence[float]:
        """``values`` with whole counts: most of each stays, the rest is dealt out anew within all stocks."""
        columns = [column for row in self.columns.values() for column in row.values()]
        if all(abs(values[column] - round(values[column])) < 1e-6 for column in columns):
            return values
        for column in columns:
            self.program.bound_column(column, float(math.floor(STAYS * values[column] + 1e-6)), INF)
        for device, terms in self.others.items():
            self.program.row(-INF, self.tables.problem.stock.get(device, INF), terms)
        self.program.make_whole(columns)
        target = (1 + DEAL_GAP) * sum(values[column] * price for column, price in self.money)
        return self.program.run(time_limit=max(0.01, seconds), gap=DEAL_GAP, target=target).values or values

    def kind(self, slot: Slot) -> Kind:
        """The kind that ``slot`` belongs to."""
        return self.around.kinds[slot[0]]

    def spread(self, kind: Kind, values: Sequence[float], picked: list[int]) -> None:
        """Give every copy of ``kind`` its options, as often as ``values`` say; parts of copies are rounded."""
        taken: list[dict[int, int]] = [{} for _ in kind.copies]
        for slot in kind.slots:
            free = [copy for copy in taken if slot[1] not in copy]
            for copy, option in zip(free, self._deal(kind, slot, values, len(free)), strict=True):
                copy[slot[1]] = option
                for group in kind.sets_of.get((slot[1], option), ()):
                    copy.update(group)
        for copy, tasks in zip(taken, kind.copies, strict=True):
            for member, option in copy.items():
                picked[tasks[member]] = option

    def _deal(self, kind: Kind, slot: Slot, values: Sequence[float], count: int) -> Iterator[int]:
        """Options for ``count`` copies, those that go with an earlier member left out; slow with fast ones."""
        member = slot[1]
        parts = {option: values[column] for option, column in self.columns[slot].items()}
        led = {o for o in parts if any(m < member for group in kind.sets_of.get((member, o), ()) for m, _ in group)}
        alone = {option: part for option, part in parts.items() if option not in led} or parts
        order = sorted(alone, key=lambda o: (self._seconds(kind, member, o) * (-1 if member == 0 else 1), o))
        total = sum(alone.values())
        done, until = 0, 0.0
        for option in order:
            until += alone[option] * count / total if total > 0 else 0.0
            while done < count and done + 0.5 <= until + 1e-6:
                done += 1
                yield option
        while done < count:
            done += 1
            yield order[-1]

    def _seconds(self, kind: Kind, member: int, option: int) -> float:
        return math.fsum(self.tables.cells[kind.tasks[member]][option].option.metrics.values())
