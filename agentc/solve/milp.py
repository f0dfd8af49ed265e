"""The placement problem as a mixed-integer program.

One binary per (task, option), one integer per pool. Transfers are linear in the places of both ends
(see ``hops``), end-to-end time is a system of start times, every deadline and price is one row.
Rows are scaled by their own limit and money by a typical bill, so that inputs from 1e-9 to 1e12 solve.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from agentc.solve.evaluate import replicas_for
from agentc.solve.highs import INF, Program
from agentc.solve.hops import Split, missing, split, underestimate
from agentc.solve.presolve import Reduced, longest_possible
from agentc.solve.state import State
from agentc.solve.tables import NO_POOL, Bound, Link, Tables
from agentc.support.record import record

Terms: TypeAlias = list[tuple[int, float]]
DemandKind: TypeAlias = Literal["task", "link", "together", "deadline", "stock", "memory"]
DemandKey: TypeAlias = tuple[DemandKind, int]

COST_SCALE = 1e3
"""A typical bill in the program's unit of money: tolerances of 1e-9 to 1e-6 are then far below it."""

STRONG_TASKS = 300
"""Up to so many tasks each gets its own row ``replicas >= option``, which bounds better but is larger."""

LARGE_LOAD = 1e4
"""Loads are written in replicas up to here, and scaled down beyond, where one replica is rounding."""

MAX_PAIRS = 60_000
"""More pair variables than this make the program too large; transfers are then bounded from below only."""


@record(slots=True)
class Shape:
    """What goes into the program."""

    path: bool = True
    """End-to-end time."""
    exact_hops: bool | frozenset[int] = True
    """The links whose transfers are exact, or all of them; others take no less time than an additive underestimate
    says, so that the answer is a bound. A charge is always exact."""
    elastic: bool = False
    """Every demand can be taken away or relaxed; options keep nothing from the stock in their bounds."""
    integer: bool = True


@dataclass
class Model:
    """A program and where its columns and rows are."""

    tables: Tables
    left: Reduced
    shape: Shape
    cost_unit: float
    """$/hour per unit of the program's objective."""
    program: Program = field(default_factory=Program)
    x: list[dict[int, int]] = field(default_factory=list[dict[int, int]])
    n: dict[int, int] = field(default_factory=dict[int, int])
    """Shared pool -> the column of its replicas."""
    loads: dict[int, tuple[int, float]] = field(default_factory=dict[int, tuple[int, float]])
    """Shared pool -> the row by which its replicas carry its load, and what one of them counts there."""
    held: dict[str, Terms] = field(default_factory=dict[str, Terms])
    """Device class -> the devices that are held, as terms."""
    places: list[dict[str, int]] = field(default_factory=list[dict[str, int]])
    """Task -> place -> the column that is 1 where the task is there."""
    end: int = -1
    time_unit: float = 1.0
    """Seconds per unit of the start times."""
    money: Terms = field(default_factory=list[tuple[int, float]])
    idle: Terms = field(default_factory=list[tuple[int, float]])
    """Joules per request of replicas that are held, busy or not."""
    path_rows: dict[int, int] = field(default_factory=dict[int, int])
    """Link -> the row by which its end begins no sooner than it arrives."""
    excess: dict[tuple[str, float], int] = field(default_factory=dict[tuple[str, float], int])
    """(Metric, limit) -> column that relaxes all such hard deadlines, in limits; only where elastic."""
    extra: dict[str, int] = field(default_factory=dict[str, int])
    """Device class -> column of devices beyond the stock; only where elastic."""
    rows: dict[DemandKey, list[tuple[int, float, float]]] = field(
        default_factory=dict[DemandKey, list[tuple[int, float, float]]]
    )
    """Demand -> its rows and their bounds."""

    def decode(self, values: Sequence[float]) -> list[int]:
        """Option numbers; the first among equals."""
        return [max(columns, key=lambda o: values[columns[o]]) for columns in self.x]

    def start(self, picked: list[int], replicas: dict[str, int]) -> dict[int, float]:
        """Column values of a known solution."""
        chosen = {columns[o]: float(o == picked[t]) for t, columns in enumerate(self.x) for o in columns}
        counts = {column: float(replicas.get(self.tables.pools[p].name, 0)) for p, column in self.n.items()}
        return {**chosen, **counts}

    def start_of(self, state: State) -> dict[int, float]:
        """Column values of a placement."""
        load = state.totals.load
        replicas = {self.tables.pools[p].name: replicas_for(load[p]) for p in state.totals.users}
        return self.start(state.picked, replicas)

    def tighten(self, room: float, early: float) -> None:
        """Leave a part of each replica, and of the deadlines from end to end, to what whole tasks need more."""
        for pool, (row, one) in self.loads.items():
            self.program.change(row, self.n[pool], one * (1 - room))
        for (kind, b), rows in self.rows.items():
            if kind == "deadline" and self.tables.bounds[b].on_path:
                for number, lower, upper in rows:
                    self.program.bound_row(number, lower, upper * (1 - early))

    def exclude(self, picked: list[int]) -> None:
        """Cut off one choice."""
        terms = [(self.x[t][o], 1.0) for t, o in enumerate(picked)]
        self.program.row(-INF, len(picked) - 1.0, terms)

    def minimize_cost(self) -> None:
        """$/hour with penalties, in ``cost_unit``."""
        self.program.costs(self.money)

    def minimize_latency(self) -> None:
        """End-to-end time in ``time_unit``."""
        self.program.costs([(self.end, 1.0)])

    def minimize_energy(self, unit: float) -> None:
        """Joules per request in ``unit``."""
        self.program.costs(self.joules(unit))

    def joules(self, unit: float) -> Terms:
        """The sum of joules per request, in ``unit``: of the work, and of replicas that are held."""
        cells = self.tables.cells
        found = {c: cells[t][o].joules / unit for t, columns in enumerate(self.x) for o, c in columns.items()}
        for column, joules in self.idle:
            found[column] = found.get(column, 0.0) + joules / unit
        return list(found.items())


def typical_cost(tables: Tables, left: Reduced) -> float:
    """$/hour of a plain choice: the cheapest option per task with its share of rent. Never zero."""
    total = sum(min((share(tables, t, o) for o in row), default=0.0) for t, row in enumerate(left.alive))
    highest = max((pool.usd for pool in tables.pools), default=0.0)
    return total or highest or 1.0


def share(tables: Tables, task: int, option: int) -> float:
    """$/hour of an option with the fraction of its pool's rent that its work takes."""
    return tables.shares[task][option]


def build(tables: Tables, left: Reduced, shape: Shape, cost_unit: float) -> Model:
    """Write the program for the options that are ``left``; ``cost_unit`` is a typical bill in $/hour."""
    model = Model(tables, left, shape, cost_unit / COST_SCALE)
    _choices(model)
    _pools(model)
    _stock(model)
    _memory(model)
    _groups(model)
    hops = _transfers(model)
    if shape.path:
        _path(model, hops)
    for number, bound in enumerate(tables.bounds):
        if bound.binding and (shape.path or not bound.on_path):
            _deadline(model, number, bound, hops)
    return model


def _choices(model: Model) -> None:
    tables, program = model.tables, model.program
    for t, row in enumerate(model.left.alive):
        columns = {o: program.column(0.0, 1.0, integer=model.shape.integer) for o in row}
        model.x.append(columns)
        model.money += [(c, tables.cells[t][o].usd / model.cost_unit) for o, c in columns.items()]
        _demand(model, ("task", t), 1.0, 1.0, [(c, 1.0) for c in columns.values()])
        model.places.append(_place_columns(model, t))


def _place_columns(model: Model, t: int) -> dict[str, int]:
    if not (model.tables.arriving[t] or model.tables.leaving[t]):
        return {}
    at: dict[str, list[int]] = {}
    for o, column in model.x[t].items():
        at.setdefault(model.tables.cells[t][o].place, []).append(column)
    found: dict[str, int] = {}
    for place, columns in at.items():
        if len(columns) == 1:
            found[place] = columns[0]
            continue
        found[place] = model.program.column(0.0, 1.0)
        model.program.row(0.0, 0.0, [(found[place], -1.0), *((c, 1.0) for c in columns)])
    return found


def _demand(model: Model, key: DemandKey, lower: float, upper: float, terms: Iterable[tuple[int, float]]) -> None:
    row = model.program.row(lower, upper, terms)
    model.rows.setdefault(key, []).append((row, lower, upper))


def _pools(model: Model) -> None:
    """Replicas carry the load. Pools that cost nothing and are not scarce need no count."""
    for p, members in _pool_members(model).items():
        pool = model.tables.pools[p]
        if pool.usd == 0 and pool.joules == 0 and math.isinf(pool.stock):
            continue
        if len(members) == 1:
            _private_pool(model, p, *members.popitem())
            continue
        most = sum(max(replicas_for(model.tables.cells[t][o].load) for o in row) for t, row in members.items())
        if not model.shape.elastic and math.isfinite(pool.stock):
            most = min(most, int(pool.stock // pool.devices) if pool.devices else most)
        model.n[p] = column = model.program.column(0.0, float(most), integer=model.shape.integer)
        model.money.append((column, pool.usd / model.cost_unit))
        model.idle.append((column, pool.joules))
        model.held.setdefault(pool.device, []).append((column, float(pool.devices)))
        cells = [(t, o) for t, row in members.items() for o in row]
        load = [(model.x[t][o], -model.tables.cells[t][o].load) for t, o in cells]
        unit = max(1.0, max(-value for _, value in load) / LARGE_LOAD)
        carried = model.program.row(0.0, INF, [(column, 1.0 / unit), *((c, value / unit) for c, value in load)])
        model.loads[p] = carried, 1.0 / unit
        for t, row in members.items():
            _replicas_at_least(model, t, row, column)


def _private_pool(model: Model, p: int, t: int, row: list[int]) -> None:
    """A pool that one task alone can use has as many replicas as the option takes: no count is needed."""
    pool = model.tables.pools[p]
    for o in row:
        column, count = model.x[t][o], replicas_for(model.tables.cells[t][o].load)
        model.money.append((column, count * pool.usd / model.cost_unit))
        model.idle.append((column, count * pool.joules))
        model.held.setdefault(pool.device, []).append((column, float(count * pool.devices)))


def _pool_members(model: Model) -> dict[int, dict[int, list[int]]]:
    """Pool -> task -> options in it."""
    found: dict[int, dict[int, list[int]]] = {}
    for t, row in enumerate(model.left.alive):
        for o in row:
            pool = model.tables.cells[t][o].pool
            if pool != NO_POOL:
                found.setdefault(pool, {}).setdefault(t, []).append(o)
    return dict(sorted(found.items()))


def _replicas_at_least(model: Model, t: int, row: list[int], column: int) -> None:
    """``replicas >= option``: implied by a load that is not tiny, but a far better bound."""
    loads = {o: model.tables.cells[t][o].load for o in row}
    if model.tables.size <= STRONG_TASKS or min(loads.values()) < 1e-4:
        unit = float(max(replicas_for(load) for load in loads.values()))
        terms = [(model.x[t][o], -replicas_for(load) / unit) for o, load in loads.items()]
        model.program.row(0.0, INF, [(column, 1.0 / unit), *terms])


def _stock(model: Model) -> None:
    for number, (device, limit) in enumerate(model.tables.problem.stock.items()):
        terms = model.held.get(device, [])
        if not terms:
            continue
        unit = float(max(1, limit))
        row = [(c, value / unit) for c, value in terms]
        if model.shape.elastic:
            model.extra[device] = model.program.column(0.0, 0.0)
            row.append((model.extra[device], -1.0 / unit))
        _demand(model, ("stock", number), -INF, limit / unit, row)


def _memory(model: Model) -> None:
    """What shares a pool fits beside each other; a resident of several tasks lies there once, by the largest."""
    tables = model.tables
    for p, residents in tables.crowded.items():
        limit = tables.pools[p].memory
        unit, row = limit or 1.0, list[tuple[int, float]]()
        for whose, tasks in residents.items():
            each = [terms for t in tasks if (terms := _lying(model, p, whose, t, unit))]
            if len(each) > 1:
                column = model.program.column()
                for terms in each:
                    model.program.row(0.0, INF, [(column, 1.0), *((c, -value) for c, value in terms)])
                each = [[(column, 1.0)]]
            row += [term for terms in each for term in terms]
        _demand(model, ("memory", p), -INF, limit / unit * (1 + 1e-9), row)


def _lying(model: Model, pool: int, whose: str, t: int, unit: float) -> Terms:
    """What the options of one task take of a pool's memory for a resident."""
    cells = [(c, model.tables.cells[t][o]) for o, c in model.x[t].items()]
    return [
        (c, cell.option.memory_bytes / unit)
        for c, cell in cells
        if cell.pool == pool and model.tables.resident(t, cell) == whose
    ]


def _groups(model: Model) -> None:
    for g, group in enumerate(model.tables.groups):
        columns = [model.x[t].get(o) for t, o in group]
        first = next((c for c in columns if c is not None), None)
        for column in columns[1:]:
            if first is not None and column is not None and column != first:
                _demand(model, ("together", g), 0.0, 0.0, [(first, 1.0), (column, -1.0)])
        if first is not None and (None in columns or len({t for t, _ in group}) < len(group)):
            _demand(model, ("together", g), 0.0, 0.0, [(c, 1.0) for c in columns if c is not None])


def _transfers(model: Model) -> dict[int, Terms]:
    """Link -> its seconds as terms; money goes into the objective, pairs without a hop are forbidden."""
    timed = {n for bound in model.tables.bounds if bound.binding for n in bound.links}
    if model.shape.path:
        timed |= {n for n, link in enumerate(model.tables.links) if link.on_path}
    exact = model.shape.exact_hops
    budget = MAX_PAIRS if exact else 0
    seconds: dict[int, Terms] = {}
    for n, link in enumerate(model.tables.links):
        here, there = model.places[link.src], model.places[link.dst]
        for a, bs in missing(link.carries, list(here), list(there)).items():
            _demand(model, ("link", n), -INF, 1.0, [(here[a], 1.0), *((there[b], 1.0) for b in bs)])
        free = exact is True or exact is False or n in exact or n in model.tables.charging
        taken = _one_transfer(model, link, seconds.setdefault(n, []), timed=n in timed, budget=budget if free else 0)
        budget -= taken
    return seconds


def _one_transfer(model: Model, link: Link, seconds: Terms, *, timed: bool, budget: int) -> int:
    """Write one link; returns the pair variables it took."""
    here, there = model.places[link.src], model.places[link.dst]
    carries = {pair: c for pair, c in link.carries.items() if pair[0] in here and pair[1] in there}
    times = {pair: c.seconds if timed else 0.0 for pair, c in carries.items()}
    money = {pair: c.usd / model.cost_unit for pair, c in carries.items()}
    time_split, money_split = split(times), split(money)
    pairs = sorted({*time_split.rest, *money_split.rest})
    if len(pairs) > budget:
        time_split, money_split, pairs = underestimate(times), underestimate(money), []
    columns = {pair: model.program.column(0.0, 1.0) for pair in pairs}
    for parts, into in ((time_split, seconds), (money_split, model.money)):
        into += [(here[a], value) for a, value in parts.row.items()]
        into += [(there[b], value) for b, value in parts.column.items()]
        into += [(columns[pair], value) for pair, value in parts.rest.items()]
    _tie_pairs(model, link, columns, time_split, money_split)
    return len(pairs)


def _tie_pairs(model: Model, link: Link, columns: dict[tuple[str, str], int], *splits: Split) -> None:
    """A pair variable is at most either end, and both ends force it where it costs something."""
    here, there = model.places[link.src], model.places[link.dst]
    for end, ends in ((0, here), (1, there)):
        lines: dict[str, list[int]] = {}
        for pair, column in columns.items():
            lines.setdefault(pair[end], []).append(column)
        for place, line in lines.items():
            model.program.row(-INF, 0.0, [(ends[place], -1.0), *((c, 1.0) for c in line)])
    for (a, b), column in columns.items():
        if any(parts.rest.get((a, b), 0.0) > 0 for parts in splits):
            model.program.row(-1.0, INF, [(column, 1.0), (here[a], -1.0), (there[b], -1.0)])


def _path(model: Model, hops: dict[int, Terms]) -> None:
    """Start times: a task begins after each task before it, and the transfer. ``end`` is after all."""
    tables, program = model.tables, model.program
    limits = [bound.limit for bound in tables.path_bounds() if bound.limit > 0]
    model.time_unit = unit = min(limits, default=0.0) or longest_possible(tables, model.left) or 1.0
    waited = [not task.asynchronous for task in tables.problem.tasks]
    start = [program.column() if waiting else -1 for waiting in waited]
    model.end = program.column()
    for t in range(tables.size):
        if not waited[t]:
            continue
        work = [(c, -tables.cells[t][o].seconds / unit) for o, c in model.x[t].items()]
        onward = [n for n in tables.leaving[t] if tables.links[n].on_path]
        for n in onward:
            link = tables.links[n]
            hop = [(c, -link.weight * value / unit) for c, value in hops[n]]
            model.path_rows[n] = program.row(0.0, INF, [(start[link.dst], 1.0), (start[t], -1.0), *work, *hop])
        if not onward:
            program.row(0.0, INF, [(model.end, 1.0), (start[t], -1.0), *work])


def _deadline(model: Model, number: int, bound: Bound, hops: dict[int, Terms]) -> None:
    unit = bound.limit or model.time_unit
    if bound.on_path:
        terms = [(model.end, model.time_unit / unit)]
    else:
        terms = list(_additive(model, bound, hops, unit))
    if model.shape.elastic and bound.usd is None:
        line = (bound.metric, bound.limit)
        if line not in model.excess:
            model.excess[line] = model.program.column(0.0, 0.0)
        terms.append((model.excess[line], -1.0))
    if bound.usd is not None:
        late = model.program.column()
        terms.append((late, -1.0))
        model.money.append((late, bound.usd * unit / model.cost_unit))
    _demand(model, ("deadline", number), -INF, bound.limit / unit * (1 + 1e-9), terms)


def _additive(model: Model, bound: Bound, hops: dict[int, Terms], unit: float) -> Iterator[tuple[int, float]]:
    for t in bound.tasks:
        for o, column in model.x[t].items():
            yield column, model.tables.metric(bound, t, o) / unit
    for n in bound.links:
        for column, value in hops[n]:
            yield column, value / unit
