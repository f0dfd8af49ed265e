"""What a search for a placement knows: what is left to choose from, the best choice so far, and the proven bound."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass

from agentc.plan.placement import Objective
from agentc.solve import presolve
from agentc.solve.company import whole
from agentc.solve.milp import Model
from agentc.solve.presolve import Reduced
from agentc.solve.state import State
from agentc.solve.tables import NO_POOL, Tables


@dataclass
class Search:
    """The best choice so far and the proven bound of the objective."""

    tables: Tables
    left: Reduced
    objective: Objective
    best: State | None
    bound: float
    gap: float
    deadline: float
    """On the clock of ``time.perf_counter``."""
    seconds_given: float = 60.0

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.deadline - time.perf_counter())

    @property
    def value(self) -> float:
        """The objective of the best feasible choice; infinite where there is none."""
        return math.inf if self.best is None else self.best.score().objective

    def offer(self, picked: list[int]) -> State:
        """Weigh a choice; it becomes the best if it is feasible and better."""
        state = State(self.tables, picked, self.objective)
        better = state.score().violation == 0 and (self.best is None or state.score().beats(self.best.score()))
        if better and whole(self.tables, picked):
            self.best = state
        return state

    def closed(self) -> bool:
        """The bound proves the best choice within the gap."""
        return self.value - self.bound <= self.gap * abs(self.value) if math.isfinite(self.value) else False


def near(search: Search, enough: float) -> bool:
    """The best choice is proven to a relative distance of ``enough``, or to that which was asked for."""
    known = search.best is not None and search.value - search.bound <= enough * abs(search.value)
    return known or search.closed()


def path_can_bind(tables: Tables, left: Reduced) -> bool:
    """Some choice from what is left is later, from end to end, than it may be."""
    bounds = tables.path_bounds()
    return bool(bounds) and min(bound.limit for bound in bounds) < presolve.longest_possible(tables, left)


def aim(search: Search, model: Model) -> float:
    """Set the program's objective; returns how much of ours one unit of it is."""
    if search.objective == "latency":
        model.minimize_latency()
        return model.time_unit
    if search.objective == "energy":
        unit = max(1e-30, search.bound or search.value) if math.isfinite(search.value) else 1.0
        model.minimize_energy(unit)
        return unit
    model.minimize_cost()
    return model.cost_unit


def within(tables: Tables, left: Reduced, pools: Collection[int]) -> Reduced:
    """Only the options in ``pools``, and those that need none; all options of a task that has none of them."""
    rows: list[list[int]] = []
    for t, row in enumerate(left.alive):
        rows.append([o for o in row if (p := tables.cells[t][o].pool) == NO_POOL or p in pools] or row)
    return Reduced(rows)
