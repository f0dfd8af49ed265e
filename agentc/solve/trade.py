"""Large problems whose end-to-end time or stock binds: a bound and a placement by prices.

Prices are sought with parts of replicas first, then with whole ones (see ``columns``), each time half way from the best
that are known to those of the mixture (Wentges, "Weighted Dantzig-Wolfe decomposition for linear mixed-integer
programming", International Transactions in Operational Research 4(2), 1997). The pools that answers use are few, so
that a program of these alone, with everything exact, finds a placement; what it is made of joins the mixture.
"""

import math
import time
from dataclasses import dataclass

from agentc.solve.bundles import is_additive
from agentc.solve.columns import Market
from agentc.solve.milp import Model, Shape, build
from agentc.solve.presolve import Reduced
from agentc.solve.search import Search, near, path_can_bind, within
from agentc.solve.tables import Bound, Tables
from agentc.solve.tariffs import Tariff, between, cleaned

ROUNDS = 16
"""Prices that are asked at most, with parts of replicas and with whole ones."""

NEAR, DONE = 0.03, 2e-3
"""Relative distance of mixture and bound at which prices have no more to give: with parts of replicas, with whole
ones."""

GAP = 3e-3
"""Relative gap of what a part with whole replicas answers."""

STEP = 0.5
"""Of the way from the best prices to the mixture's."""

LINEAR_SHARE, PLACE_SHARE, ASK_SHARE = 0.25, 0.3, 0.8
"""Of the time that is left, for parts of replicas, for each placement, and for one answer."""

BESIDE = 24
"""Pools beside those that answers with parts of replicas use, in which a placement is sought."""

SEEK_SHARE = 0.7
"""Of the time that is left, for prices with whole replicas; then comes what the pools beside those in use cost."""

CHOOSE_GAP = 1e-3
"""Relative gap of a placement among the options in few pools."""


def trade(search: Search, until: float, enough: float = 0.0) -> None:
    """Bound the cost and find a placement, until they are within ``enough`` (relative) or the time is up.

    ``until`` is on the clock of ``time.perf_counter``.
    """
    market = Market(search.tables, search.left, breakable(search.tables, search.left))
    linear = time.perf_counter() + LINEAR_SHARE * (until - time.perf_counter())
    tariff = _Seek(search, market, linear, enough).run({})
    if _over(search, until, enough):
        return
    _place(search, market, until)
    tried = len(market.used)
    market.used |= dict.fromkeys(market.nearest(BESIDE))
    market.whole = True
    for answers in market.columns.values():
        answers.clear()
    if search.best is not None:
        market.deal(search.best.picked)
    half = time.perf_counter() + SEEK_SHARE * (until - time.perf_counter())
    _Seek(search, market, half, enough, tried).run(tariff)
    _close(search, market, until, enough)


def _close(search: Search, market: Market, until: float, enough: float) -> None:
    """Decide exactly among the pools that answers use, and ask what is the least with any other: the best placement is
    one or the other. What the second uses joins the first."""
    for _ in range(ROUNDS):
        if _over(search, until, enough):
            return
        known = frozenset(market.used)
        inside = _place(search, market, until)
        outside = market.beyond(known, gap=GAP, until=until - _seconds(until))
        search.bound = max(search.bound, min(search.value, inside, outside))
        if outside == -math.inf or len(market.used) == len(known):
            return


def _over(search: Search, until: float, enough: float) -> bool:
    """There is nothing left to do, or no time."""
    return near(search, enough) or search.bound == math.inf or time.perf_counter() > until


def breakable(tables: Tables, left: Reduced) -> list[Bound]:
    """The hard deadlines that add up and that some choice breaks."""

    def most(bound: Bound) -> float:
        own = (max(tables.metric(bound, t, o) for o in left.alive[t]) for t in bound.tasks)
        hops = (max((carry.seconds for carry in tables.links[n].carries.values()), default=0.0) for n in bound.links)
        return math.fsum([*own, *hops])

    return [bound for bound in tables.bounds if is_additive(bound) and most(bound) > bound.limit]


@dataclass
class _Seek:
    """Prices that bound the cost from below as high as can be."""

    search: Search
    market: Market
    until: float
    enough: float
    tried: int = 0
    """Pools that placements have been sought in."""

    def run(self, tariff: Tariff) -> Tariff:
        """The best prices that were found from ``tariff`` on."""
        best, bound, tables = tariff, -math.inf, self.search.tables
        for turn in range(ROUNDS):
            found = self._ask(tariff)
            if found > bound:
                best, bound = tariff, found
            if found == -math.inf or self._settled():
                break
            mixed, prices = self.market.mix()
            if mixed - bound <= (DONE if self.market.whole else NEAR) * abs(mixed):
                break
            there = cleaned(tables, prices)
            tariff = cleaned(tables, between(best, there, STEP)) if turn or tariff else there
        return best

    def _ask(self, tariff: Tariff) -> float:
        now = time.perf_counter()
        share = ASK_SHARE if self.market.whole else 1.0
        found = self.market.ask(tariff, gap=GAP, until=now + share * (self.until - now))
        self.search.bound = max(self.search.bound, found)
        if self.market.whole and len(self.market.used) > self.tried:
            self.tried = len(self.market.used)
            _place(self.search, self.market, self.until)
        return found

    def _settled(self) -> bool:
        silent = any(not answers for answers in self.market.columns.values())
        return silent or _over(self.search, self.until, self.enough)


def _place(search: Search, market: Market, until: float) -> float:
    """A placement in the pools that answers use; what all of these cost at the least."""
    rows = within(search.tables, search.left, market.used)
    model = _exact(search, rows)
    if search.best is not None and all(o in row for o, row in zip(search.best.picked, rows.alive, strict=True)):
        model.program.start_from(model.start_of(search.best))
    result = model.program.run(time_limit=_seconds(until), gap=CHOOSE_GAP)
    if result.values:
        search.offer(model.decode(result.values))
    return result.bound * model.cost_unit


def _seconds(until: float) -> float:
    return max(0.01, PLACE_SHARE * (until - time.perf_counter()))


def _exact(search: Search, rows: Reduced) -> Model:
    """The program of some options, with all that is asked of a placement."""
    shape = Shape(path=path_can_bind(search.tables, rows))
    model = build(search.tables, rows, shape, max(search.bound, 0.0) or 1.0)
    model.minimize_cost()
    return model
