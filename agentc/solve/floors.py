"""What a choice comes to at the least once it holds some option: moves that cannot pay are then never tried.

Rent is at least the part of a replica that work takes, and at least one replica of every pool in use.
"""

import math
from collections.abc import Sequence

from agentc.plan.placement import Objective
from agentc.solve.presolve import Reduced, pool_users
from agentc.solve.tables import NO_POOL, Tables
from agentc.support.record import record

SLACK = 1e-8
"""Relative; more than the rounding of any sum here."""


@record
class Floors:
    """Lower bounds of the objective over all choices from what is left."""

    options: Sequence[Sequence[float]]
    """Task -> option, for choices that hold it; minus infinity where nothing is known."""
    pools: Sequence[float]
    """Pool -> for choices that use it."""


def floors(tables: Tables, left: Reduced, objective: Objective) -> Floors:
    """The bounds for ``objective``; end-to-end time has none that would be worth its while."""
    if objective == "cost":
        return _bills(tables, left)
    if objective == "energy":
        return _joules(tables, left)
    return Floors([[-math.inf] * len(row) for row in tables.cells], [-math.inf] * len(tables.pools))


def _joules(tables: Tables, left: Reduced) -> Floors:
    least = [min(tables.cells[t][o].joules for o in row) for t, row in enumerate(left.alive)]
    total = math.fsum(least)
    options = [[lower(total - own + cell.joules) for cell in row] for own, row in zip(least, tables.cells, strict=True)]
    return Floors(options, [-math.inf] * len(tables.pools))


def _bills(tables: Tables, left: Reduced) -> Floors:
    shares = tables.shares
    least = [min(shares[t][o] for o in row) for t, row in enumerate(left.alive)]
    total = math.fsum(least)
    beside = _beside_pools(tables, left, least)
    options: list[list[float]] = []
    for t, row in enumerate(tables.cells):
        bills = [total - least[t] + share for share in shares[t]]
        for o, cell in enumerate(row):
            if cell.pool != NO_POOL:
                rent = tables.pools[cell.pool].usd * max(1.0, cell.load)
                bills[o] = max(bills[o], beside[cell.pool] + cell.usd + rent)
        options.append([lower(bill) for bill in bills])
    return Floors(options, [lower(bill + pool.usd) for bill, pool in zip(beside, tables.pools, strict=True)])


def _beside_pools(tables: Tables, left: Reduced, least: Sequence[float]) -> list[float]:
    """Pool -> the least bill of the tasks that cannot run in it."""
    whole = [min(_alone(tables, t, o) for o in row) for t, row in enumerate(left.alive)]
    dearest = sorted(range(tables.size), key=lambda t: -whole[t])
    total = math.fsum(least)
    found: list[float] = []
    for users in pool_users(tables, left):
        apart = next((whole[t] for t in dearest if t not in users), 0.0)
        found.append(max(total - sum(least[t] for t in users), apart))
    return found


def _alone(tables: Tables, t: int, o: int) -> float:
    """The bill of a task whose pool has no more than one replica for it."""
    cell = tables.cells[t][o]
    return cell.usd + (0.0 if cell.pool == NO_POOL else tables.pools[cell.pool].usd * max(1.0, cell.load))


def lower(bound: float) -> float:
    """``bound`` less what rounding may have added."""
    return bound - SLACK * abs(bound)
