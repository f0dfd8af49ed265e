"""How many of which device for so many users: the question that a purchase begins with.

Users form a closed loop: each sends a request, waits for the answer, thinks, and sends the next. By Little's law N
users who wait R and think Z seconds send N / (R + Z) requests a second. The faster the answer, the more they send, so
the rate depends on the plan and the plan on the rate: we go up from the rate at which the promised time is just kept,
to the first plan that carries what its own speed brings about.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from agentc.analyses.study.answer import Answer, Question, answer
from agentc.analyses.study.edits import with_load
from agentc.analyses.study.tail import response_seconds
from agentc.plan.graph import Limit
from agentc.support.record import record

ROUNDS = 12
"""Rates at most for one number of users."""

STEPS = 9
"""Plans at most for one rate."""

CLOSE = 1.01
"""The factor between a limit of the mean that is too long and one that is not at which no other is tried."""

ENOUGH = 1e-3
"""Relative amount by which the load that a plan is made for may fall short of what its users send."""

TIGHTEN = 0.99
"""A plan that is too slow is asked to be this much faster at least."""

SAME = 1e-9


@record
class Size:
    """What it takes to serve some users."""

    users: float
    plan: Answer
    """Infeasible where no plan serves them, with the reasons unless the fastest one is too slow."""
    requests_per_second: float
    """What they send."""
    mean_seconds: float
    seconds: float
    """At the percentile that was asked for; where no plan serves them the fastest one's, or 0 where there is none."""

    @property
    def usd_per_user_hour(self) -> float | None:
        """$/hour over users."""
        return None if self.plan.usd_per_hour is None else self.plan.usd_per_hour / self.users


@record
class Sizing:
    """A table over numbers of users."""

    question: Question
    percentile: str
    limit_seconds: float
    think_seconds: float
    rows: tuple[Size, ...]


def sizing(
    question: Question,
    users: Sequence[float],
    seconds: float,
    *,
    percentile: str = "p95",
    think_seconds: float = 0.0,
    unlimited: bool = False,
) -> Sizing:
    """The best plan for each number of users who get their answers within ``seconds`` at a percentile.

    ``think_seconds`` is the mean time between an answer and the same user's next request; ``unlimited`` asks what to
    buy rather than what the stock can do.
    """
    if unlimited:
        stocks = tuple(replace(stock, count=None) if stock.count != 0 else stock for stock in question.fleet.stocks)
        question = replace(question, fleet=replace(question.fleet, stocks=stocks))
    rows = tuple(_size(question, count, seconds, percentile, think_seconds) for count in users)
    return Sizing(question, percentile, seconds, think_seconds, rows)


def _size(question: Question, users: float, seconds: float, percentile: str, think: float) -> Size:
    rate = users / (seconds + think)
    plan = _in_time(question, rate, seconds, percentile)
    for _ in range(ROUNDS):
        mean = plan.summary.end_to_end_seconds or 0.0
        sent = users / (mean + think) if mean + think > 0 else rate
        if not plan.feasible or sent <= rate * (1 + ENOUGH):
            break
        rate = sent
        plan = _in_time(question, rate, seconds, percentile)
    if not plan.feasible:
        return _too_many(plan, users, rate, percentile, seconds)
    mean = plan.summary.end_to_end_seconds or 0.0
    return Size(users, plan, users / (mean + think), mean, response_seconds(plan, percentile))


def _too_many(plan: Answer, users: float, rate: float, percentile: str, seconds: float) -> Size:
    """Why no plan serves them: even the fastest is too slow, or else what the demands are that conflict."""
    limits = plan.question.graph.limits[:-1]
    free = replace(plan.question, graph=replace(plan.question.graph, limits=limits), objective="latency")
    fastest = answer(free, reasons=False)
    least = response_seconds(fastest, percentile) if fastest.feasible else 0.0
    if least > seconds:
        return Size(users, plan, rate, fastest.summary.end_to_end_seconds or 0.0, least)
    return Size(users, answer(plan.question), rate, 0.0, 0.0)


def _in_time(question: Question, rate: float, seconds: float, percentile: str) -> Answer:
    """The best plan at a rate that is found with the percentile of its end-to-end time within ``seconds``.

    The mean is what can be limited; the distance to the percentile is the plan's own, so the limit of the mean that
    does it is searched for, first by proportion, then between the last that was too long and the first that was not.
    """
    low, high, kept = 0.0, seconds, None
    path = seconds
    for _ in range(STEPS):
        plan = answer(_asked(question, rate, path), reasons=False)
        if not plan.feasible:
            low = path
        elif (slow := response_seconds(plan, percentile)) <= seconds * (1 + SAME):
            kept, low = plan, path
            if path == seconds:
                break
        else:
            high = min(path, plan.summary.end_to_end_seconds or path)
            path = min(high * seconds / slow, high * TIGHTEN) if kept is None else path
        if kept is not None or low > 0:
            path = math.sqrt(low * high)
        if high <= low * CLOSE:
            break
    return kept or answer(_asked(question, rate, min(path, seconds)), reasons=False)


def _asked(question: Question, rate: float, path: float) -> Question:
    """The question at a load, with a limit of the mean path; a stricter one of the definition stays."""
    asked, _ = with_load(question, rate)
    limits = (*asked.graph.limits, Limit("end_to_end", path, "p50"))
    return replace(asked, graph=replace(asked.graph, limits=limits))
