"""A choice with its figures kept up to date, so that trying another option costs next to nothing."""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from agentc.plan.placement import Objective
from agentc.solve.evaluate import TOLERANCE, Violation, over, replicas_for, unlinked
from agentc.solve.presolve import heads_and_tails
from agentc.solve.tables import NO_POOL, Tables

Moves: TypeAlias = Mapping[int, int]
"""Task -> option."""

NO_HOP = 1.0
"""What a missing hop counts as a violation; the others count by how far they are over, relative to the limit."""

TIMED_TASKS = 200
"""Up to so many tasks the end-to-end time is kept even where nothing asks for it, to break ties of cost."""


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """Lower is better: first feasibility, then the objective, then what breaks ties."""

    violation: float
    objective: float
    tie: float

    def beats(self, other: "Score") -> bool:
        """Better by more than rounding."""
        if abs(self.violation - other.violation) > 1e-9:
            return self.violation < other.violation
        for mine, theirs in ((self.objective, other.objective), (self.tie, other.tie)):
            if abs(mine - theirs) > 1e-9 * max(abs(mine), abs(theirs)):
                return mine < theirs
        return False


Paid: TypeAlias = tuple[bool, float]
"""The present rent, and whether it is by the fraction of a replica."""

Known: TypeAlias = tuple[bool, float | None, Score]
"""The present score, and the ways of counting rent and lateness that it holds for."""


@dataclass
class Totals:
    """Sums over the choice. ``seconds`` has one value for each deadline."""

    usd: float = 0.0
    """$/hour beside rent."""
    joules: float = 0.0
    gaps: int = 0
    """Edges without a hop."""
    seconds: list[float] = field(default_factory=list[float])
    load: dict[int, float] = field(default_factory=dict[int, float])
    users: dict[int, int] = field(default_factory=dict[int, int])
    taken: dict[int, float] = field(default_factory=dict[int, float])
    """Pool whose memory counts -> bytes of it that are taken."""
    crowd: float = 0.0
    """Memory beyond what pools have, each as a part of what it has."""


class State:
    """One option per task, and what that costs."""

    def __init__(self, tables: Tables, picked: list[int], objective: Objective) -> None:
        self.tables = tables
        self.picked = list(picked)
        self.objective: Objective = objective
        self.smooth = False
        """Rent by the fraction of a replica: the search then sees what a move saves before a whole one is free."""
        self.until = math.inf
        """When a search ends that has not ended by itself, on the clock of ``time.perf_counter``."""
        self.late_usd: float | None = None
        """$/hour for each second beyond a hard deadline while a search may pass through late choices."""
        self.timed = objective == "latency" or bool(tables.path_bounds()) or tables.size <= TIMED_TASKS
        self.places = [tables.cells[t][o].place for t, o in enumerate(picked)]
        """Task -> place."""
        self.heads: list[float] = []
        self.tails: list[float] = []
        self.longest = 0.0
        self._paid: Paid | None = None
        self._known: Known | None = None
        self.totals = self._sum()
        self._measure()

    def out_of_time(self) -> bool:
        """The search must end."""
        return self.until < math.inf and time.perf_counter() > self.until

    # Whole sums, and the change that some moves make.

    def _sum(self) -> Totals:
        totals = Totals(seconds=[0.0] * len(self.tables.bounds))
        for t, o in enumerate(self.picked):
            self._count_task(totals, t, o, 1)
        for n in range(len(self.tables.links)):
            self._count_link(totals, n, {}, 1)
        totals.taken = self._taken_in_all()
        totals.crowd = self._crowd(totals.taken)
        return totals

    def _crowd(self, taken: Mapping[int, float]) -> float:
        """Memory beyond what pools have, each as a part of what it has."""
        pools = self.tables.pools
        return sum((b - m) / (m or 1.0) for p, b in taken.items() if over(b, m := pools[p].memory))

    def _taken(self, moves: Moves) -> dict[int, float]:
        """Pool whose memory counts -> bytes of it that are taken after ``moves``, of those where these change it."""
        tables, change = self.tables, dict[int, float]()
        touched: dict[tuple[int, str], None] = {}
        for t, o in moves.items():
            for cell in (tables.cells[t][self.picked[t]], tables.cells[t][o]):
                if cell.pool in tables.crowded:
                    touched[cell.pool, tables.resident(t, cell)] = None
        for pool, whose in touched:
            tasks = tables.crowded[pool][whose]
            more = self._lying(pool, whose, tasks, moves) - self._lying(pool, whose, tasks, {})
            change[pool] = change.get(pool, self.totals.taken.get(pool, 0.0)) + more
        return change

    def _taken_in_all(self) -> dict[int, float]:
        return {
            pool: math.fsum(self._lying(pool, whose, tasks, {}) for whose, tasks in residents.items())
            for pool, residents in self.tables.crowded.items()
        }

    def _lying(self, pool: int, whose: str, tasks: Iterable[int], moves: Moves) -> float:
        tables = self.tables
        cells = ((t, tables.cells[t][moves.get(t, self.picked[t])]) for t in tasks)
        here = (c.option.memory_bytes for t, c in cells if c.pool == pool and tables.resident(t, c) == whose)
        return max(here, default=0.0)

    def _count_task(self, into: Totals, t: int, o: int, sign: int) -> None:
        tables = self.tables
        cell = tables.cells[t][o]
        into.usd += sign * cell.usd
        into.joules += sign * cell.joules
        for b, seconds in tables.metrics[t][o]:
            into.seconds[b] += sign * seconds
        if cell.pool != NO_POOL:
            into.load[cell.pool] = into.load.get(cell.pool, 0.0) + sign * cell.load
            into.users[cell.pool] = into.users.get(cell.pool, 0) + sign

    def _count_link(self, into: Totals, n: int, moves: Moves, sign: int) -> None:
        link = self.tables.links[n]
        carry = link.carries.get(self._pair(n, moves))
        if carry is None:
            into.gaps += sign
            return
        into.usd += sign * carry.usd
        if carry.seconds:
            for b in self.tables.counted_by[n]:
                into.seconds[b] += sign * carry.seconds

    def _pair(self, n: int, moves: Moves) -> tuple[str, str]:
        link, cells, places = self.tables.links[n], self.tables.cells, self.places
        src, dst = link.src, link.dst
        return (
            cells[src][moves[src]].place if src in moves else places[src],
            cells[dst][moves[dst]].place if dst in moves else places[dst],
        )

    def _touched(self, moves: Moves) -> set[int]:
        tables = self.tables
        return {n for t in moves for n in (*tables.arriving[t], *tables.leaving[t])}

    def _after(self, moves: Moves) -> Totals:
        """The totals as they would be, with loads and users only of the pools that change."""
        now = self.totals
        change = Totals(now.usd, now.joules, now.gaps, list(now.seconds))
        for t, o in moves.items():
            self._count_task(change, t, self.picked[t], -1)
            self._count_task(change, t, o, 1)
        for n in self._touched(moves):
            self._count_link(change, n, {}, -1)
            self._count_link(change, n, moves, 1)
        for pool in change.load:
            change.load[pool] += now.load.get(pool, 0.0)
            change.users[pool] += now.users.get(pool, 0)
        if now.taken:
            change.taken = self._taken(moves)
            change.crowd = self._crowd(now.taken | change.taken)
        return change

    # Time on the longest path.

    def _measure(self) -> None:
        if not self.timed:
            return
        cells = self.tables.cells
        seconds = [cells[t][o].seconds for t, o in enumerate(self.picked)]
        hops = [self._path_seconds(n, {}) for n in range(len(self.tables.links))]
        self.heads, self.tails = heads_and_tails(self.tables, seconds, hops)
        self.longest = max((h + s for h, s in zip(self.heads, seconds, strict=True)), default=0.0)

    def late_links(self) -> list[int]:
        """The links on paths that are longer than some deadline from end to end."""
        limits = [bound.limit for bound in self.tables.path_bounds()]
        if not limits:
            return []
        most, cells = min(limits) * (1 + TOLERANCE), self.tables.cells
        seconds = [cells[t][o].seconds for t, o in enumerate(self.picked)]
        return [
            n
            for n, link in enumerate(self.tables.links)
            if link.on_path
            and self.heads[link.src]
            + seconds[link.src]
            + self._path_seconds(n, {})
            + seconds[link.dst]
            + self.tails[link.dst]
            > most
        ]

    def _path_seconds(self, n: int, moves: Moves) -> float:
        carry = self.tables.links[n].carries.get(self._pair(n, moves))
        return carry.path_seconds if carry is not None else 0.0

    def longest_after(self, moves: Moves) -> float:
        """The longest path through the moved tasks after ``moves``; at least the present one where none is on it.

        Exact but for two cases, which ``apply`` settles: the present longest path gets shorter than another,
        or two moved tasks are joined through tasks that stay.
        """
        if not self.timed:
            return 0.0
        ends = {t: self._reach(t, moves, heads=True) for t in sorted(moves)}
        through = 0.0
        tails: dict[int, float] = {}
        for t in sorted(moves, reverse=True):
            tails[t] = self._reach(t, moves, heads=False, known=tails)
            through = max(through, ends[t] + tails[t])
        critical = any(
            self.heads[t] + self.tables.cells[t][self.picked[t]].seconds + self.tails[t]
            >= self.longest * (1 - TOLERANCE)
            for t in moves
        )
        return through if critical else max(through, self.longest)

    def _reach(self, t: int, moves: Moves, *, heads: bool, known: dict[int, float] | None = None) -> float:
        """With ``heads`` the longest time to the end of ``t``, else from its end."""
        tables = self.tables
        best = 0.0
        for n in tables.arriving[t] if heads else tables.leaving[t]:
            link = tables.links[n]
            if not link.on_path:
                continue
            other = link.src if heads else link.dst
            beyond = self.heads[other] if heads else self.tails[other]
            if other in moves:
                beyond = self._reach_again(other, moves, heads=heads, known=known)
            elif heads or other not in moves:
                beyond += tables.cells[other][self.picked[other]].seconds
            best = max(best, beyond + self._path_seconds(n, moves))
        own = tables.cells[t][moves[t]].seconds if heads else 0.0
        return best + own

    def _reach_again(self, t: int, moves: Moves, *, heads: bool, known: dict[int, float] | None) -> float:
        if heads:
            return self._reach(t, moves, heads=True)
        tail = known[t] if known is not None and t in known else self._reach(t, moves, heads=False)
        return tail + self.tables.cells[t][moves[t]].seconds

    # Scores.

    def score(self) -> Score:
        """Of the present choice, exactly."""
        if self._known is None or self._known[0] != self.smooth or self._known[1] != self.late_usd:
            self._known = (self.smooth, self.late_usd, self._score(self.totals, self.longest))
        return self._known[2]

    def score_after(self, moves: Moves) -> Score:
        """Of the choice after ``moves``, as exact as ``longest_after``."""
        return self._score(self._after(moves), self.longest_after(moves))

    def bill_after(self, moves: Moves) -> float:
        """$/hour after ``moves``, without penalties."""
        totals = self._after(moves)
        return totals.usd + self._rent(totals)

    def broken_after(self, moves: Moves) -> tuple[Violation, ...]:
        """The demands that the choice after ``moves`` breaks, as ``evaluate`` tells them, from a choice that keeps all.

        Of links it names those of tasks that move.
        """
        totals, longest = self._after(moves), self.longest_after(moves)
        links = self.tables.links
        gaps = [n for n in sorted(self._touched(moves)) if self._pair(n, moves) not in links[n].carries]
        stock, pools = self.tables.problem.stock, self.tables.pools
        values = [
            longest if bound.on_path else seconds
            for bound, seconds in zip(self.tables.bounds, totals.seconds, strict=True)
        ]
        late = [(b, v) for b, v in zip(self.tables.bounds, values, strict=True) if b.usd is None and over(v, b.limit)]
        return (
            *(unlinked(self.tables.problem.edges[n]) for n in gaps),
            *(Violation("deadline", bound.metric, value, bound.limit) for bound, value in late),
            *(Violation("stock", d, n, stock[d]) for d, n in self._held(totals).items() if n > stock.get(d, n)),
            *(
                Violation("memory", pools[p].name, bytes_, pools[p].memory)
                for p, bytes_ in (self.totals.taken | totals.taken).items()
                if over(bytes_, pools[p].memory)
            ),
        )

    def better_after(self, moves: Moves, least: Score) -> Score | None:
        """``score_after(moves)`` if that beats ``least``; most moves are seen to be worse by a part of it."""
        if not self._may_beat(moves, least):
            return None
        score = self.score_after(moves)
        return score if score.beats(least) else None

    def _may_beat(self, moves: Moves, least: Score) -> bool:
        """False where no score after ``moves`` beats ``least``: by the objective alone, as if nothing were late."""
        if least.violation > 0:
            return True
        return Score(0.0, self.least_objective(moves), 0.0).beats(least)

    def least_objective(self, moves: Moves) -> float:
        """At most the objective after ``moves``: without penalties and what hops charge."""
        if self.objective == "cost":
            return self._least_bill(moves)
        if self.objective == "latency":
            return self.longest_after(moves)
        cells, picked = self.tables.cells, self.picked
        # Replicas may close, so that idle power counts for nothing here.
        return self.totals.joules + sum(cells[t][o].joules - cells[t][picked[t]].joules for t, o in moves.items())

    def _least_bill(self, moves: Moves) -> float:
        tables, now, picked = self.tables, self.totals, self.picked
        bill = now.usd + self._paid_now()
        load: dict[int, float] = {}
        users: dict[int, int] = {}
        for t, o in moves.items():
            old, new = tables.cells[t][picked[t]], tables.cells[t][o]
            bill += new.usd - old.usd
            load[old.pool] = load.get(old.pool, 0.0) - old.load
            users[old.pool] = users.get(old.pool, 0) - 1
            load[new.pool] = load.get(new.pool, 0.0) + new.load
            users[new.pool] = users.get(new.pool, 0) + 1
            for n in tables.priced[t]:
                carry = tables.links[n].carries.get(self._pair(n, {}))
                bill -= carry.usd if carry is not None else 0.0
        load.pop(NO_POOL, None)
        for p, more in load.items():
            there = now.users.get(p, 0)
            if there:
                bill -= self._pool_rent(p, now.load[p], there)
            if there + users[p]:
                bill += self._pool_rent(p, now.load.get(p, 0.0) + more, there + users[p])
        return bill

    def _score(self, totals: Totals, longest: float) -> Score:
        bill = totals.usd + self._rent(totals)
        late = totals.gaps * NO_HOP + totals.crowd
        for b, limit, slack, on_path, usd in self.tables.limits:
            excess = (longest if on_path else totals.seconds[b]) - limit
            if excess <= slack:
                continue
            price = self.late_usd if usd is None else usd
            if price is None:
                late += excess / (limit or 1.0)
            else:
                bill += price * excess
        late += self._missing_devices(totals)
        if self.objective == "cost":
            return Score(late, bill, longest)
        return Score(late, longest if self.objective == "latency" else totals.joules + self._idle(totals), bill)

    def _pool_rent(self, pool: int, load: float, users: int) -> float:
        if users <= 0:
            return 0.0
        return self.tables.pools[pool].usd * (max(1.0, load) if self.smooth else replicas_for(load))

    def _rent(self, totals: Totals) -> float:
        """Rent after a change: what is paid now, and the difference in the pools that change."""
        now = self.totals
        if totals is now:
            return self._paid_now()
        return self._paid_now() + math.fsum(
            self._pool_rent(p, load, totals.users[p]) - self._pool_rent(p, now.load.get(p, 0.0), now.users.get(p, 0))
            for p, load in totals.load.items()
        )

    def _paid_now(self) -> float:
        now = self.totals
        if self._paid is None or self._paid[0] != self.smooth:
            rents = (self._pool_rent(p, now.load[p], users) for p, users in now.users.items())
            self._paid = (self.smooth, math.fsum(rents))
        return self._paid[1]

    def _idle(self, totals: Totals) -> float:
        """Joules per request of all replicas that are held after a change."""
        pools, load = self.tables.pools, self.totals.load | totals.load
        users = self.totals.users | totals.users
        return math.fsum(pools[p].joules * replicas_for(load[p]) for p, count in users.items() if count > 0)

    def _missing_devices(self, totals: Totals) -> float:
        stock = self.tables.problem.stock
        if not stock:
            return 0.0
        return sum(
            (count - stock[device]) / max(1, stock[device])
            for device, count in self._held(totals).items()
            if count > stock.get(device, count)
        )

    def _held(self, totals: Totals) -> dict[str, int]:
        """Device class -> devices after a change."""
        held: dict[str, int] = {}
        load = self.totals.load | totals.load
        for p, users in (self.totals.users | totals.users).items():
            if users > 0:
                pool = self.tables.pools[p]
                held[pool.device] = held.get(pool.device, 0) + pool.devices * replicas_for(load[p])
        return held

    def crowded(self) -> frozenset[int]:
        """The pools whose memory, or the stock of whose devices, does not suffice."""
        pools, stock, held = self.tables.pools, self.tables.problem.stock, self._held(Totals())
        short = {device for device, count in held.items() if count > stock.get(device, count)}
        full = {p for p, taken in self.totals.taken.items() if over(taken, pools[p].memory)}
        return frozenset(full | {p for p, users in self.totals.users.items() if users and pools[p].device in short})

    # Changes.

    def apply(self, moves: Moves) -> None:
        """Make ``moves``."""
        totals = self._after(moves)
        totals.load = self.totals.load | totals.load
        totals.users = self.totals.users | totals.users
        totals.taken = self.totals.taken | totals.taken
        for pool in [pool for pool, users in totals.users.items() if users <= 0]:
            del totals.users[pool], totals.load[pool]
        self.totals = totals
        self._paid = self._known = None
        self._pick(moves)
        self._measure()

    def try_(self, moves: Moves) -> bool:
        """Make ``moves`` if the choice is better for it, by exact score."""
        before = self.score()
        if self.objective != "latency" and not self._may_beat(moves, before):
            return False
        kept, old = self._figures(), {t: self.picked[t] for t in moves}
        self.apply(moves)
        if self.score().beats(before):
            return True
        self.totals, self.heads, self.tails, self.longest, self._paid, self._known = kept
        self._pick(old)
        return False

    def _figures(self) -> tuple[Totals, list[float], list[float], float, Paid | None, Known | None]:
        """What changes with the choice; nothing of it is changed in place."""
        return self.totals, self.heads, self.tails, self.longest, self._paid, self._known

    def _pick(self, moves: Moves) -> None:
        for t, o in moves.items():
            self.picked[t] = o
            self.places[t] = self.tables.cells[t][o].place
