"""Coupled problems of many tasks: a linear program tells which options matter, and a program of these is solved.

A deadline that binds joins all tasks, so that neither parts nor counts of equal tasks help. Three things do:

* Few transfers lie on a path that is long enough to bind. Only theirs are written exactly, as pairs of places; the
  linear program's prices tell which, and placements that come too late add theirs.
* The reduced costs of the linear program say by how much each option is too dear. The options that are nearly worth
  it make a small program, whose answer is a good placement.
* With that known, an option that is dearer than the distance between placement and bound is in no better one: it is
  dropped for good, and what is left is proven.

Where the path is series-parallel, as that of most agents is, and rent joins no tasks, dynamic programming with the
prices of the linear program finds the placement and proves it (see ``fronts``).
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentc.solve.counts import Counted, Counting
from agentc.solve.dive import Dives, parts_of
from agentc.solve.fronts import search_fronts
from agentc.solve.heavies import place_by_weight
from agentc.solve.heuristic import heuristic, improve
from agentc.solve.highs import Result
from agentc.solve.milp import Model, Shape, build, typical_cost
from agentc.solve.nested import decompose
from agentc.solve.pace import pace
from agentc.solve.paths import Path
from agentc.solve.presolve import Reduced, heads_and_tails
from agentc.solve.search import Search, path_can_bind, within
from agentc.solve.state import State
from agentc.solve.tables import Link
from agentc.solve.tolls import mended

PROGRAM_SHARE = 0.4
"""Of the time limit, for linear programs: what they do not settle by then is too large for them."""

ROUNDS = 8
"""Linear programs, and whole ones of one kind, that add transfers."""

COUNT_SHARE, CHOOSE_SHARE = 0.15, 0.35
"""Of the time that is left, for the replicas and for the options of the first placement."""

COUNT_ALL_SHARE = 0.3
"""The same for replicas where all options count."""

ROOM = 1.5e-3
"""Part of each replica that is left empty while replicas are counted for a first placement of many tasks."""

LOOSE = 3e-3
"""Relative gap at which these are counted."""

HEAVY = 0.5
"""Replicas that a task keeps busy at the least, from which its parts pack too well to be counted."""

SEARCH_SHARE = 0.1
"""Of the time that is left, for local search where nothing else has led to a placement in shared pools."""

FEW = 400
"""Up to so many tasks the first placement is of one program, else most tasks keep what the linear one takes whole."""

LIGHT = 200
"""Tasks of little work that fill what replicas have left, where no deadline joins the tasks."""

LONE = 60
"""Above so many tasks the first placement is made better before it is proven."""

POLISH_SHARE, TIMED_SHARE, MANY_SHARE = 0.4, 0.15, 0.8
"""Of the time that is left, for that; the second where a deadline joins tasks that share pools; the third of many
tasks, where little else can be proven than what the linear program says."""

MATTER = 5
"""Options of each task on average that make the small program."""

BOUND_SHARE = 0.95
"""Of the time that is left, for replicas counted whole where a deadline joins many tasks: a whole program of that size
says less."""

ROUGH = 5e-3
"""Relative gap at which replicas are counted: what the tasks add by being whole is more."""

MORE = 1
"""Replicas of each pool beyond what parts of tasks take: whole tasks pack worse."""

WEIGHTS = (0.6, 60), (0.2, 60)
"""Part of a mean rent from which a task is decided among the first, and how many among the last."""

MARGINS = 0.02, 0.01
"""Parts of replicas and of the deadline that are left while replicas are counted for these, of many tasks."""

WIDE = 0.1
"""Relative gap above which such a placement is not taken for good."""

WEIGHT_SHARE = 0.5
"""Of the time that is left, for a placement by weight."""

NEAR = 5e-4
"""Relative gap at which the first placement is good enough."""

PRICE = 1e-9
"""Of a row, above which it counts."""

POINTS = (64, 256, 1024, 4096)
"""Of the fronts of series-parallel paths, one time after the other; a bound takes ``FINER`` times as many."""

FINER = 4

FRONTS_SHARE = 0.7
"""Of the time that is left, for these."""

AHEAD = 0.03
"""How far above the bound a first placement is looked for, as a part of it."""

MEND_SECONDS = 5.0
"""For tasks whose pools and devices do not suffice for what fronts lead to."""


def refine(search: Search) -> bool:
    """Bound the cost, find a placement, and prove it; as far as the time goes. True where the question is settled."""
    return _Core(search).run()


@dataclass
class _Core:
    search: Search
    exact: frozenset[int] = frozenset()
    """Links whose transfers are written exactly."""
    last: tuple[frozenset[int], Model] | None = None
    """The last linear program, and the links that are exact in it."""
    most: dict[int, int] = field(default_factory=dict[int, int])
    """Pool -> replicas that it may have in a first placement; of none where nothing is known."""
    shared: bool = False
    """Some pools have several tasks to choose them."""
    floor: float = -math.inf
    """What the linear program proves, in $/hour."""
    beyond: list[dict[int, float]] = field(default_factory=list[dict[int, float]])
    """Task -> option -> its reduced cost in $/hour."""

    def run(self) -> bool:
        """See ``refine``."""
        search = self.search
        found = self._bound()
        if found is None:
            return search.bound == math.inf
        dives = Dives(search, self._exactly, self._offer)
        if self._follow_fronts(dives):
            return True
        free = not path_can_bind(search.tables, search.left)
        self._place_by_weight(dives)
        if not free and search.best is not None:
            counts = dict[int, int]()
        else:
            counts = self._count_all() if free else self._count(self._matter(found))
        self.most = {pool: count + MORE for pool, count in counts.items()}
        few, whole = search.tables.size <= FEW, {pool: count - MORE for pool, count in self.most.items()}
        if free and not few and self.most:
            loose = self._count_loosely() or whole
            self.most = {pool: loose.get(pool, 0) for pool in self._linear().n}
            dives.dive(self._linear, loose, light=LIGHT)
            self.most = {pool: max(whole.get(pool, 0), loose.get(pool, 0)) + MORE for pool in {**whole, **loose}}
        placed = self.shared and not free and search.value - search.bound <= WIDE * search.value
        if not search.closed() and (free or few and not placed):
            self._place(found)
        if search.best is None and self.most:
            dives.dive(self._linear, whole)
        if search.best is None:
            self._offer(pace(search.tables, search.left))
            until = time.perf_counter() + SEARCH_SHARE * search.seconds_left
            self._offer(mended(search.tables, search.left, until=until).picked)
            if self.shared and search.best is None:
                until = time.perf_counter() + SEARCH_SHARE * search.seconds_left
                self._offer(heuristic(search.tables, search.left, "cost", until=until).picked)
        if not search.closed() and search.best is not None and search.tables.size > LONE:
            self.most = {}
            share = MANY_SHARE if not few else TIMED_SHARE if placed else POLISH_SHARE
            dives.polish(time.perf_counter() + share * search.seconds_left, search.closed)
        if search.closed():
            return True
        if search.best is not None:
            self._drop()
            if not free and LONE < search.tables.size <= FEW:
                self._raise_bound()
        return search.closed() or self._prove()

    def _raise_bound(self) -> None:
        """A better bound by whole replicas of shared pools."""
        search = self.search
        model = self._build(integer=False)
        if not model.n:
            return
        counting = self._counting(model, BOUND_SHARE, search.gap / 2, search.value / model.cost_unit)
        found = replace(counting, plunges=0).run()
        search.bound = max(search.bound, min(search.value, found.bound * model.cost_unit))

    def _build(self, *, integer: bool) -> Model:
        model = build(self.search.tables, self.search.left, self._shape(self.exact, integer=integer), self._unit())
        model.minimize_cost()
        return model

    def _linear(self) -> Model:
        """The linear program; the last one again where the same transfers are exact."""
        if self.last is None or self.last[0] != self.exact:
            self.last = self.exact, self._build(integer=False)
        return self.last[1]

    def _exactly(self, rows: Reduced) -> Model:
        """The program of some options, with all transfers between them."""
        model = build(self.search.tables, rows, self._shape(True, integer=True), self._unit())
        upper = model.program.upper
        for pool, column in model.n.items():
            upper[column] = min(upper[column], self.most.get(pool, upper[column]))
        model.minimize_cost()
        return model

    def _unit(self) -> float:
        """A typical bill."""
        search = self.search
        known = search.value if math.isfinite(search.value) else 0.0
        return known or typical_cost(search.tables, search.left)

    def _shape(self, exact: bool | frozenset[int], *, integer: bool) -> Shape:
        return Shape(path=path_can_bind(self.search.tables, self.search.left), exact_hops=exact, integer=integer)

    def _bound(self) -> Sequence[Mapping[int, float]] | None:
        """The linear program with all transfers that matter to it: task -> option -> how much of it is taken; ``None``
        where there is no answer."""
        search = self.search
        until = time.perf_counter() + PROGRAM_SHARE * search.seconds_left
        model, values = self._linear(), list[dict[int, float]]()
        for _ in range(ROUNDS):
            model = self._linear()
            result = model.program.run(time_limit=max(0.01, until - time.perf_counter()))
            if result.outcome == "infeasible":
                search.bound = math.inf
            if result.outcome != "optimal":
                return None
            self.floor = result.bound * model.cost_unit
            search.bound = max(search.bound, min(search.value, self.floor))
            values = parts_of(model, result.values)
            prices = model.program.row_prices()
            matter = {n for n, row in model.path_rows.items() if abs(prices[row]) > PRICE} | self._late(values)
            if matter <= self.exact:
                break
            self.exact |= matter
        costs = model.program.reduced_costs()
        self.beyond = [{o: costs[c] * model.cost_unit for o, c in row.items()} for row in model.x]
        return values

    def _late(self, values: Sequence[Mapping[int, float]]) -> set[int]:
        """The links on paths that are too long if each transfer takes what parts of tasks would on average."""
        tables, limits = self.search.tables, [bound.limit for bound in self.search.tables.path_bounds()]
        if not limits:
            return set()
        cells = tables.cells
        seconds = [math.fsum(part * cells[t][o].seconds for o, part in row.items()) for t, row in enumerate(values)]
        there: list[dict[str, float]] = [{} for _ in values]
        for t, row in enumerate(values):
            for o, part in row.items():
                if part > 0:
                    there[t][cells[t][o].place] = there[t].get(cells[t][o].place, 0.0) + part
        hops = [_average(link, there[link.src], there[link.dst]) if link.on_path else 0.0 for link in tables.links]
        heads, tails = heads_and_tails(tables, seconds, hops)
        return {
            n
            for n, (link, hop) in enumerate(zip(tables.links, hops, strict=True))
            if link.on_path
            and heads[link.src] + seconds[link.src] + hop + seconds[link.dst] + tails[link.dst] > min(limits)
        }

    def _follow_fronts(self, dives: Dives) -> bool:
        """Placements and bounds of a series-parallel path where no rent joins tasks. True where it is settled."""
        search, model = self.search, self._linear()
        tables, limits = search.tables, search.tables.path_bounds()
        nest = decompose(tables) if limits and not model.n and all(bound.usd is None for bound in limits) else None
        if nest is None:
            return False
        path = Path(tables, search.left, nest, min(bound.limit for bound in limits), self._rooms(model))
        prices = path.priced(self._seconds_of_links(model))
        until = time.perf_counter() + FRONTS_SHARE * search.seconds_left
        for points in POINTS:
            below = prices.bound + AHEAD * abs(prices.bound) if search.best is None else search.value
            found = search_fronts(path, prices, below=below, points=points, bounding=False, until=until)
            if found is None:
                return False
            if found.picked:
                self._mend(path.completed(found.picked), dives)
            if search.best is None:
                continue
            below = search.value * (1 - search.gap * (1 - 1e-3)) if search.value > 0 else search.value
            found = search_fronts(path, prices, below=below, points=FINER * points, bounding=True, until=until)
            if found is None:
                return False
            search.bound = max(search.bound, min(found.usd, below))
            if search.closed() or found.exact:
                break
        return search.closed()

    def _seconds_of_links(self, model: Model) -> dict[int, float]:
        """Link -> what a second there is worth, in $/hour."""
        prices, unit = model.program.row_prices(), model.cost_unit / model.time_unit
        return {n: max(0.0, prices[row]) * unit for n, row in model.path_rows.items()}

    def _rooms(self, model: Model) -> dict[int, float]:
        """Pool -> what a byte of its memory is worth, in $/hour."""
        prices, tables = model.program.row_prices(), self.search.tables
        rows = {p: model.rows["memory", p][0][0] for p in tables.crowded}
        return {
            p: max(0.0, -prices[row]) * model.cost_unit / (tables.pools[p].memory or 1.0) for p, row in rows.items()
        }

    def _mend(self, picked: list[int], dives: Dives) -> None:
        """Offer a choice; where pools or devices do not suffice for it, what stands there is decided anew."""
        state = self._offer(picked)
        if state.score().violation == 0:
            return
        cells, full = self.search.tables.cells, state.crowded()
        free = {t for t, o in enumerate(picked) if cells[t][o].pool in full}
        if free:
            improve(state, Reduced([row if t in free else [picked[t]] for t, row in enumerate(self.search.left.alive)]))
            dives.decide(
                self._offer(state.picked).picked, free, min(MEND_SECONDS, POLISH_SHARE * self.search.seconds_left)
            )

    def _place_by_weight(self, dives: Dives) -> None:
        """A first placement in shared pools, the heaviest tasks first; then what is too dear to be in a better one is
        dropped."""
        search, linear = self.search, self._linear()
        self.shared = bool(linear.n)
        if not self.shared or search.tables.size > FEW:
            return

        def program(rows: Reduced) -> Model:
            model = build(search.tables, rows, self._shape(self.exact, integer=False), self._unit())
            model.minimize_cost()
            if search.tables.size > LONE:
                model.tighten(*MARGINS)
            return model

        for heavy, light in WEIGHTS:
            until = time.perf_counter() + WEIGHT_SHARE * search.seconds_left
            found = place_by_weight(search.tables, search.left, linear, program, heavy=heavy, light=light, until=until)
            if found is None:
                continue
            picked, free, counts = found
            for more in (0, MORE):
                self.most = {pool: count + more for pool, count in counts.items()}
                seconds = max(0.1, until - time.perf_counter())
                if dives.decide(picked, free, seconds):
                    break
            if search.best is not None and search.value - search.bound <= WIDE * search.value:
                break
        self.most = {}
        if search.best is not None:
            self._drop()
            self.last = None

    def _place(self, values: Sequence[Mapping[int, float]]) -> None:
        """A placement by the options that the linear program nearly takes, or by the pools that it takes whole."""
        search = self.search
        rows = within(search.tables, search.left, self.most) if self.most else self._matter(values)
        model = self._exactly(rows)
        if search.best is not None:
            model.program.start_from(model.start_of(search.best))
        seconds = max(0.01, CHOOSE_SHARE * search.seconds_left)
        result = model.program.run(time_limit=seconds, gap=max(search.gap / 2, NEAR))
        if result.values:
            self._offer(model.decode(result.values))

    def _count(self, rows: Reduced) -> dict[int, int]:
        """Shared pool -> whole replicas, with parts of tasks; nothing where there are none, or no answer."""
        search = self.search
        model = build(search.tables, rows, self._shape(self.exact, integer=False), self._unit())
        if not model.n:
            return {}
        model.program.make_whole(model.n.values())
        model.minimize_cost()
        result = model.program.run(time_limit=max(0.01, COUNT_SHARE * search.seconds_left), gap=ROUGH)
        counts = {pool: round(result.values[column]) for pool, column in model.n.items() if result.values}
        return {pool: count for pool, count in counts.items() if count > 0}

    def _count_all(self) -> dict[int, int]:
        """The same with all options: what it comes to is a bound too, which placements come up to where no deadline
        joins the tasks."""
        search, model = self.search, self._linear()
        if not model.n:
            return {}
        counts, heavy = self._count_on(model), self._heavy(model)
        if search.tables.size > FEW or not heavy or search.closed():
            return counts
        model.program.make_whole([*model.n.values(), *heavy])
        self.last = None
        if search.best is not None:
            model.program.start_from(model.start_of(search.best))
        # Few columns are whole: what HiGHS does before it branches takes longer than to branch.
        model.program.option("presolve", "off")
        model.program.option("mip_heuristic_effort", 0.0)
        result = model.program.run(time_limit=max(0.01, COUNT_ALL_SHARE * search.seconds_left), gap=search.gap / 4)
        self._note(result, model.cost_unit)
        return {p: n for p, c in model.n.items() if result.values and (n := round(result.values[c])) > 0} or counts

    def _count_on(self, model: Model) -> dict[int, int]:
        """The same by a search over the replicas alone."""
        search = self.search
        below = search.value / model.cost_unit
        found = self._counting(model, COUNT_ALL_SHARE, search.gap / 4, below).run()
        search.bound = max(search.bound, min(search.value, found.bound * model.cost_unit))
        return _replicas(model, found)

    def _count_loosely(self) -> dict[int, int]:
        """Replicas that leave some room: whole tasks pack worse than parts of them."""
        model = self._linear()
        model.tighten(ROOM, 0.0)
        found = self._counting(model, COUNT_SHARE, LOOSE, math.inf).run()
        model.tighten(0.0, 0.0)
        return _replicas(model, found)

    def _counting(self, model: Model, part: float, gap: float, below: float) -> Counting:
        """A search over replicas in ``part`` of the time that is left."""
        until = time.perf_counter() + part * self.search.seconds_left
        return Counting(model.program, list(model.n.values()), gap, until, below)

    def _heavy(self, model: Model) -> list[int]:
        """The options of tasks whose parts would fill what is left of replicas."""
        cells = self.search.tables.cells
        heavy = (t for t, row in enumerate(model.x) if row and min(cells[t][o].load for o in row) >= HEAVY)
        return [column for t in heavy for column in model.x[t].values()]

    def _matter(self, values: Sequence[Mapping[int, float]]) -> Reduced:
        """What the linear program takes, and the options that are least too dear for it."""
        costs = sorted(cost for row in self.beyond for cost in row.values())
        most = costs[min(len(costs), MATTER * len(self.beyond)) - 1]
        rows = zip(self.beyond, values, strict=True)
        return Reduced([[o for o, cost in row.items() if cost <= most or taken[o] > 0] for row, taken in rows])

    def _offer(self, picked: list[int]) -> State:
        """Weigh a choice; the links by which it is late are exact from now on."""
        state = self.search.offer(picked)
        self.exact |= frozenset(state.late_links())
        return state

    def _drop(self) -> None:
        """Drop options that cost more, beyond the bound of all, than the best placement does."""
        search = self.search
        assert search.best is not None
        most = (search.value - self.floor) * (1 + 1e-6) + 1e-9 * abs(search.value)
        for t, row in enumerate(search.left.alive):
            keep, beyond = search.best.picked[t], self.beyond[t]
            search.left.alive[t] = [o for o in row if o == keep or beyond[o] <= most]

    def _prove(self) -> bool:
        """Programs of what is left, until one's answer keeps all demands. True where it is settled."""
        search, refused = self.search, list[list[int]]()
        for _ in range(ROUNDS):
            before, model = self.exact, self._build(integer=True)
            for picked in refused:
                model.exclude(picked)
            if search.best is not None:
                model.program.start_from(model.start_of(search.best))
            result = model.program.run(time_limit=max(0.01, search.seconds_left), gap=search.gap / 2)
            self._note(result, model.cost_unit)
            if result.outcome == "infeasible" or search.closed():
                return True
            if not result.values or result.outcome == "limit":
                return False
            picked = model.decode(result.values)
            self._offer(picked)
            if search.closed():
                return True
            if self.exact == before:
                refused.append(picked)  # by rounding only
        return False

    def _note(self, result: Result, unit: float) -> None:
        """What a program of what is left proves: the options that are gone are in no better placement."""
        search = self.search
        bound = math.inf if result.outcome == "infeasible" else result.bound * unit
        search.bound = max(search.bound, bound if search.best is None else min(search.value, bound))


def _replicas(model: Model, found: Counted) -> dict[int, int]:
    """Pool -> its replicas, of those that have some."""
    return {p: n for p, c in model.n.items() if found.values and (n := round(found.values[c])) > 0}


def _average(link: Link, here: Mapping[str, float], there: Mapping[str, float]) -> float:
    """Seconds on the path, by the parts of both ends."""
    carries = link.carries
    return math.fsum(
        here[a] * there[b] * carry.path_seconds for a in here for b in there if (carry := carries.get((a, b)))
    )
