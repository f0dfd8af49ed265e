"""Good choices quickly: a greedy start under a price of time, then moves of tasks, groups and whole pools.

The result is a feasible choice wherever one is found; nothing is proven here. The amount of work is
counted, and clocked only as a guard, so that the same problem gives the same choice.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from agentc.plan.placement import Objective
from agentc.solve.floors import Floors, floors, lower
from agentc.solve.milp import share
from agentc.solve.presolve import Reduced
from agentc.solve.state import Moves, Score, State
from agentc.solve.tables import NO_POOL, Tables
from agentc.support.record import record

PASSES = 12
"""Sweeps over all tasks; few problems improve for so long."""

BISECTIONS = 12
"""Prices of time that are tried."""

HASTE = 12
"""Doublings of the price of time, from a quarter of the bill for the whole deadline."""

SWEEP_TASKS = 400
"""Above so many tasks pool moves are tried once, not after every sweep."""


def heuristic(
    tables: Tables, left: Reduced, objective: Objective, *, passes: int = PASSES, until: float = math.inf
) -> State:
    """The best choice found. Its score may show violations: then none of the tries was feasible.

    Every task must have an option left. ``until``, on the clock of ``time.perf_counter``, is a guard
    for problems that are too large for the time limit; no other reaches it.
    """
    starts = _starts(tables, left, objective)
    for state in starts:
        state.until = until
    if tables.size > SWEEP_TASKS:
        starts = [starts[0], starts[-1]]
    known = _known(tables, left, objective)
    for state in starts:
        settle(state, left, passes=passes, known=known)
    return min(starts, key=lambda state: state.score())


@record
class Known:
    """What holds for every choice from what is left; worth keeping while that stays the same."""

    bounds: Floors
    insiders: Mapping[int, dict[int, list[int]]]
    """Pool -> task -> its options there, pools in order."""


def _known(tables: Tables, left: Reduced, objective: Objective) -> Known:
    return Known(floors(tables, left, objective), _insiders(tables, left))


def hasten(state: State, left: Reduced, *, passes: int = 2, known: Known | None = None) -> None:
    """Bring a cheap but late choice within its deadlines: a price of time that rises until it is kept."""
    if state.objective != "cost" or state.score().violation == 0:
        return
    known = known or _known(state.tables, left, state.objective)
    worst = max((bound.limit for bound in state.tables.bounds if bound.binding), default=0.0) or 1.0
    price = max(state.score().objective, 1e-9) / worst / 4
    for _ in range(HASTE):
        state.late_usd = price
        improve(state, left, passes=passes, known=known)
        state.late_usd = None
        if state.score().violation == 0:
            break
        price *= 2


def settle(state: State, left: Reduced, *, passes: int = PASSES, known: Known | None = None) -> None:
    """Local search with rent by the fraction, then with whole replicas."""
    known = known or _known(state.tables, left, state.objective)
    state.smooth = state.objective == "cost" and bool(state.tables.pools)
    hasten(state, left, known=known)
    if state.smooth:
        improve(state, left, passes=passes, known=known)
        state.smooth = False
        hasten(state, left, known=known)
    improve(state, left, passes=passes, known=known)


def improve(
    state: State,
    left: Reduced,
    *,
    passes: int = PASSES,
    frozen: frozenset[int] = frozenset(),
    known: Known | None = None,
) -> None:
    """Local search from ``state`` until nothing helps. Tasks in ``frozen`` keep their options."""
    large = state.tables.size > SWEEP_TASKS
    known = known or _known(state.tables, left, state.objective)
    for sweep in range(passes):
        before = state.score()
        _sweep(state, left, known.bounds, frozen)
        if not large or sweep == 0:
            _move_pools(state, left, known, frozen)
        if not state.score().beats(before):
            return


def _starts(tables: Tables, left: Reduced, objective: Objective) -> list[State]:
    """The cheapest per task, the fastest per task, and in between the lowest price of time that keeps the deadlines."""
    cheap = _greedy(tables, left, objective, 0.0)
    if not tables.bounds and objective == "cost":
        return [cheap]
    typical = max(1e-12, sum(share(tables, t, row[0]) for t, row in enumerate(left.alive)))
    seconds = sum(tables.cells[t][row[0]].seconds for t, row in enumerate(left.alive)) or 1.0
    low, high = -6.0, 6.0
    best = fast = _greedy(tables, left, objective, 10.0**high * typical / seconds)
    if cheap.score().violation > 0 and fast.score().violation == 0:
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            state = _greedy(tables, left, objective, 10.0**middle * typical / seconds)
            if state.score().violation > 0:
                low = middle
            else:
                high, best = middle, state
    return [cheap, fast] if best is fast else [cheap, fast, best]


def _greedy(tables: Tables, left: Reduced, objective: Objective, price: float) -> State:
    """Each task's best option by its own bill and ``price`` ($/hour for a second), as if pools could be shared."""
    picked = [min(row, key=lambda o: (_alone(tables, t, o, objective, price), o)) for t, row in enumerate(left.alive)]
    for t in range(tables.size):
        _mend_groups(tables, left, picked, t)
    return State(tables, picked, objective)


def _alone(tables: Tables, t: int, o: int, objective: Objective, price: float) -> float:
    cell = tables.cells[t][o]
    waited = cell.seconds + sum(tables.metric(tables.bounds[b], t, o) for b in tables.bounds_of[t])
    if objective == "latency":
        return waited
    idle = 0.0 if cell.pool == NO_POOL else cell.load * tables.pools[cell.pool].joules
    bill = cell.joules + idle if objective == "energy" else share(tables, t, o)
    return bill + price * waited


def _mend_groups(tables: Tables, left: Reduced, picked: list[int], t: int) -> None:
    moves = closure(tables, left, picked, t, picked[t])
    for task, option in (moves or {}).items():
        picked[task] = option


def closure(tables: Tables, left: Reduced, picked: list[int], task: int, option: int) -> dict[int, int] | None:
    """The moves that ``task`` -> ``option`` entails so that ``together`` sets stay whole; ``None``: impossible."""
    moves = {task: option}
    if (task, option) not in tables.group_of and (task, picked[task]) not in tables.group_of:
        return moves
    queue = [task]
    while queue:
        t = queue.pop()
        for g in tables.group_of.get((t, moves[t]), ()):
            for other, its in tables.groups[g]:
                if moves.get(other, its) != its or not _within(left.alive[other], its):
                    return None
                if other not in moves:
                    moves[other] = its
                    queue.append(other)
        for other in _deserted(tables, picked, t, moves):
            free = next((o for o in tables.loose[other] if _within(left.alive[other], o)), None)
            if free is None:
                return None
            moves[other] = free
    return moves


def _within(row: list[int], option: int) -> bool:
    """Whether ``option`` is in ``row``, which is in order."""
    at = bisect_left(row, option)
    return at < len(row) and row[at] == option


def _deserted(tables: Tables, picked: list[int], t: int, moves: Moves) -> Iterator[int]:
    """Tasks that sit in a set which ``t`` leaves."""
    for g in tables.group_of.get((t, picked[t]), ()):
        if picked[t] != moves[t]:
            yield from (u for u, o in tables.groups[g] if u not in moves and picked[u] == o)


def _sweep(state: State, left: Reduced, bounds: Floors, frozen: frozenset[int]) -> None:
    for t in range(state.tables.size):
        if t in frozen or state.out_of_time():
            continue
        # A choice within its demands is beaten by a better objective alone, so that bounds of it settle most moves.
        most = state.score().objective if state.score().violation == 0 else math.inf
        options = [o for o in left.alive[t] if bounds.options[t][o] <= most]
        best = _best_move(state, left, t, options, frozen)
        if best is not None:
            state.try_(best)


def _best_move(state: State, left: Reduced, t: int, options: list[int], frozen: frozenset[int]) -> Moves | None:
    """The best change of ``t`` to one of ``options``, if one looks better than now."""
    best: Moves | None = None
    least = state.score()
    for o in options:
        if o == state.picked[t]:
            continue
        moves = closure(state.tables, left, state.picked, t, o)
        if moves is None or not frozen.isdisjoint(moves):
            continue
        score = state.better_after(moves, least)
        if score is not None:
            best, least = moves, score
    return best


def _move_pools(state: State, left: Reduced, known: Known, frozen: frozenset[int]) -> None:
    """Whole pools at once: one task alone seldom pays for opening a pool, nor saves anything by leaving it."""
    bounds = known.bounds
    for pool, inside in known.insiders.items():
        if len(inside) == 1 or state.out_of_time():
            continue
        pays = state.score().violation > 0 or bounds.pools[pool] <= state.score().objective
        moves = _gather(state, left, inside) if pays else {}
        if moves and frozen.isdisjoint(moves):
            state.try_(moves)
        moves = _scatter(state, left, bounds, pool) if state.totals.users.get(pool) else {}
        if moves and frozen.isdisjoint(moves):
            state.try_(moves)


def _insiders(tables: Tables, left: Reduced) -> dict[int, dict[int, list[int]]]:
    """Pool -> task -> its options there, pools in order."""
    found: dict[int, dict[int, list[int]]] = {}
    for t, row in enumerate(left.alive):
        cells = tables.cells[t]
        for o in row:
            if (pool := cells[o].pool) != NO_POOL:
                found.setdefault(pool, {}).setdefault(t, []).append(o)
    return dict(sorted(found.items()))


def _gather(state: State, left: Reduced, members: dict[int, list[int]]) -> dict[int, int]:
    """Everything that can run in a pool, with these ``members``, goes there."""
    moves: dict[int, int] = {}
    for t, inside in members.items():
        if t not in moves and state.picked[t] not in inside:
            entailed = closure(state.tables, left, state.picked, t, inside[0]) or {}
            if all(moves.get(u, o) == o for u, o in entailed.items()):
                moves.update(entailed)
    return moves


def _scatter(state: State, left: Reduced, bounds: Floors, pool: int) -> dict[int, int]:
    """Everything in ``pool`` goes to the next best place of its own; prefers pools that are open."""
    tables = state.tables
    moves: dict[int, int] = {}
    for t, row in enumerate(left.alive):
        if tables.cells[t][state.picked[t]].pool != pool or t in moves:
            continue
        outside = [o for o in row if tables.cells[t][o].pool != pool]
        if not outside:
            return {}
        best = _next_best(state, t, outside, bounds)
        entailed = closure(tables, left, state.picked, t, best)
        if entailed is None or any(moves.get(u, o) != o for u, o in entailed.items()):
            return {}
        moves.update(entailed)
    return moves


def _next_best(state: State, t: int, options: list[int], bounds: Floors) -> int:
    """The option with the best score, then one whose pool is open, then the first."""
    least: tuple[Score, bool, int] | None = None
    for o in sorted(options, key=bounds.options[t].__getitem__):
        moves = {t: o}
        if least is not None and least[0].violation == 0:
            if bounds.options[t][o] > least[0].objective:
                break
            if lower(state.least_objective(moves)) > least[0].objective:
                continue
        pool = state.tables.cells[t][o].pool
        shut = pool != NO_POOL and state.totals.users.get(pool, 0) == 0
        rank = (state.score_after(moves), shut, o)
        least = rank if least is None or rank < least else least
    assert least is not None
    return least[2]
