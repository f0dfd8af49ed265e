"""What the demands cost: the next looser limit at which a plan is cheaper, the next tighter one that costs more.

Cost over a limit is a staircase, as plans are whole devices, so its steps are told and no derivative. A plan that is
found for a limit holds from the latency that it has, which is less: so each plan brings the search to the edge of a
step. For stocks likewise: how many devices more make a plan cheaper.
"""

import math
from collections.abc import Iterator

from agentc.analyses.study.answer import Answer
from agentc.analyses.study.asker import SAME, Asker, below, usd
from agentc.analyses.study.difference import Difference, difference
from agentc.analyses.study.edits import with_count, with_limit
from agentc.plan.graph import Limit
from agentc.solve.demands import round_up
from agentc.support.record import record

STEPS = 12
"""Plans at most for one step of a staircase."""

CLOSE = 0.002
"""Relative width of the bracket within which a step is not looked for any further."""


SECONDS_PER_HOUR = 3600.0

FREE_SECONDS = 1e7
"""A limit that binds nothing."""


@record
class Step:
    """Another value of a demand, and what changes there."""

    to: float
    """Seconds of a limit, devices of a stock."""
    usd_per_hour: float
    """What the plan costs more there; negative: less."""
    found: Difference


@record
class Margin:
    """What a limit costs."""

    limit: Limit
    value: float
    """Seconds that the plan has of it."""
    looser: Step | None
    """The next looser limit at which a plan is cheaper; ``None`` where none is: the limit does not bind."""
    tighter: Step | None
    """A tighter limit that a dearer plan keeps; ``None`` where no faster plan was found, or the limit is soft."""
    price: float = 0.0
    """$/hour that each millisecond over a soft limit costs; 0 where it is kept, or is hard."""

    @property
    def binds(self) -> bool:
        """A looser limit would save money."""
        return self.looser is not None or self.price > 0

    @property
    def usd_per_hour_per_ms(self) -> float:
        """$/hour that a millisecond more saves: over the step, or the price of a soft limit; 0 where it binds not."""
        if self.looser is None:
            return self.price
        return -self.looser.usd_per_hour / ((self.looser.to - self.limit.seconds) * 1e3)


@record
class Shortage:
    """A class of which more devices would make a plan cheaper."""

    device: str
    count: int
    more: Step


def margins(asker: Asker) -> Iterator[Margin]:
    """What each limit of the question costs, in its order; limits of what the agent has nothing of are left out."""
    for limit in asker.question.graph.limits:
        value = asker.base.value(limit)
        if value is not None and limit.usd_per_ms is not None:
            yield Margin(limit, value, None, None, _priced(asker, limit, value))
        elif value is not None:
            yield Margin(limit, value, _looser(asker, limit), _tighter(asker, limit, value))


def _priced(asker: Asker, limit: Limit, value: float) -> float:
    """$/hour for a millisecond over a soft limit that is missed."""
    if value <= limit.seconds * (1 + SAME):
        return 0.0
    return SECONDS_PER_HOUR * asker.question.graph.load.requests_per_second * (limit.usd_per_ms or 0.0)


def _looser(asker: Asker, limit: Limit) -> Step | None:
    # Not without the limit: it also says at which percentile the latency is taken.
    free = asker.ask(with_limit(asker.question, limit, FREE_SECONDS))
    if not below(usd(free), asker.usd) or (there := free.value(limit)) is None:
        return None
    low, high, best = limit.seconds, there, free
    for _ in range(STEPS):
        if high <= low * (1 + CLOSE):
            break
        tried = asker.ask(with_limit(asker.question, limit, math.sqrt(low * high)))
        if below(usd(tried), asker.usd):
            # The limits decide which options are looked at, so a plan may be found for more than it needs.
            high, best = min(math.sqrt(low * high), max(tried.value(limit) or 0.0, low)), tried
        else:
            low = math.sqrt(low * high)
    return _step(asker, best, _told(max(high, best.value(limit) or high)))


def _tighter(asker: Asker, limit: Limit, value: float) -> Step | None:
    """Each try is just below what the plan before it has, until one costs more; the more plans cost the same, the
    farther."""
    at, shrink = min(value, limit.seconds), CLOSE
    for _ in range(STEPS):
        at, shrink = at * (1 - shrink), min(2 * shrink, 0.5)
        tried = asker.ask(with_limit(asker.question, limit, at))
        there = tried.value(limit)
        if there is None:
            return None
        if below(asker.usd, usd(tried)):
            return _step(asker, tried, _told(there))
        at = min(there, at)
    return None


def _step(asker: Asker, other: Answer, to: float) -> Step:
    return Step(to, usd(other) - asker.usd, difference(asker.base, other))


def _told(seconds: float) -> float:
    """A limit in four figures that what was found for ``seconds`` keeps."""
    return round_up(seconds * 1e3) / 1e3


def shortages(asker: Asker) -> Iterator[Shortage]:
    """The classes whose stock keeps a plan from being cheaper, in the fleet's order."""
    free = asker.question
    counts = {stock.device.name: stock.count for stock in free.fleet.stocks if stock.count is not None}
    for device in counts:
        free = with_count(free, device, None)[0]
    if not below(usd(asker.ask(free)), asker.usd):
        return
    for device, count in counts.items():
        more = _more(asker, device, count)
        if more is not None:
            yield Shortage(device, count, more)


def _more(asker: Asker, device: str, count: int) -> Step | None:
    """The fewest devices more of a class, all else as it is, that make a plan cheaper."""
    best = asker.ask(with_count(asker.question, device, None)[0])
    if not below(usd(best), asker.usd):
        return None
    low, high = count, best.devices.get(device, 0)
    while high - low > 1:
        middle = (low + high) // 2
        tried = asker.ask(with_count(asker.question, device, middle)[0])
        if below(usd(tried), asker.usd):
            high, best = max(min(middle, tried.devices.get(device, 0)), low + 1), tried
        else:
            low = middle
    return _step(asker, best, high)
