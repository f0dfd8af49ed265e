"""A first choice that keeps a deadline: task after task takes the option that ends soon for its price.

The tasks are gone through in order, so that it is known when each may begin and what the transfers to it take. The
price of a second is the lowest at which the choice keeps all demands.
"""

import math

from agentc.solve.company import Company
from agentc.solve.presolve import Reduced
from agentc.solve.state import State
from agentc.solve.tables import NO_POOL, Cell, Tables

BISECTIONS = 16
"""Prices that are tried, each half way between one that keeps the demands and one that does not."""

RANGE = 6.0
"""The prices lie so many powers of ten around the bill per second of the deadline."""


def pace(tables: Tables, left: Reduced, *, tries: int = BISECTIONS) -> list[int]:
    """The cheapest choice that was found to keep all demands, else the one that breaks them least."""
    limit = min((bound.limit for bound in tables.path_bounds()), default=0.0) or 1.0
    bill = sum(min(tables.shares[t][o] for o in row) for t, row in enumerate(left.alive)) or 1.0
    low, high = -RANGE, RANGE
    tried: list[State] = []
    for _ in range(tries):
        middle = (low + high) / 2
        tried.append(State(tables, _choose(tables, left, bill / limit * 10.0**middle), "cost"))
        low, high = (low, middle) if tried[-1].score().violation == 0 else (middle, high)
    return min(tried, key=lambda state: state.score()).picked


def _choose(tables: Tables, left: Reduced, price: float) -> list[int]:
    """Each task's best option by its share of the bill and ``price`` ($/hour for a second) for when it ends."""
    picked, ends, taken, company = list[int](), list[float](), dict[int, float](), Company(tables, left)

    def bill(t: int, o: int) -> float:
        return tables.shares[t][o] + price * tables.cells[t][o].seconds

    for t in range(tables.size):
        row = company.open(picked, t)
        places = dict.fromkeys(tables.cells[t][o].place for o in row)
        begin = {place: ready_at(tables, picked, ends, t, place) for place in places}
        ready = [begin[tables.cells[t][o].place] for o in row]
        fits = [_fits(tables, taken, tables.cells[t][o]) for o in row]
        bills = [bill(t, o) + price * r + company.beyond(t, o, bill) for o, r in zip(row, ready, strict=True)]
        first = min(range(len(row)), key=lambda i: (not fits[i], bills[i]))
        best = tables.cells[t][row[first]]
        company.choose(t, row[first])
        picked.append(row[first])
        ends.append(ready[first] + best.seconds)
        taken[best.pool] = taken.get(best.pool, 0.0) + best.option.memory_bytes
    return picked


def ready_at(tables: Tables, picked: list[int], ends: list[float], t: int, place: str) -> float:
    """When all that a task waits for is at ``place``."""
    ready = 0.0
    for n in tables.arriving[t]:
        link = tables.links[n]
        if link.on_path:
            carry = link.carries.get((tables.cells[link.src][picked[link.src]].place, place))
            ready = max(ready, ends[link.src] + (math.inf if carry is None else carry.path_seconds))
    return ready


def _fits(tables: Tables, taken: dict[int, float], cell: Cell) -> bool:
    """What lies in the pool already leaves room, as if nothing were shared."""
    if cell.pool == NO_POOL:
        return True
    return taken.get(cell.pool, 0.0) + cell.option.memory_bytes <= tables.pools[cell.pool].memory
