"""What binds and what it costs, and where the choice would be another: limits, stocks, prices, load."""

import math
from collections.abc import Mapping

from agentc.analyses.study.answer import Answer, Question
from agentc.analyses.study.asker import Asker, usd
from agentc.analyses.study.difference import Difference, difference
from agentc.analyses.study.edits import with_load
from agentc.analyses.study.margins import Margin, Shortage, margins, shortages
from agentc.analyses.study.prices import Turn, turns
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

LADDER = (1.1, 1.3, 1.6, 2.0, 3.0, 5.0, 10.0)
"""Factors of the load that are tried, upward and downward."""

CLOSE = 0.01
"""Relative width of the bracket around a load at which the choice turns."""


@record
class LoadTurn:
    """The load at which some task goes to another class of device; without a plan there, at which none serves."""

    now: float
    """Requests per second."""
    at: float
    usd_per_hour: float | None
    found: Difference | None


@record
class Sensitivity:
    """All of it, and by how many plans it was found."""

    base: Answer
    margins: tuple[Margin, ...]
    shortages: tuple[Shortage, ...]
    turns: tuple[Turn, ...]
    loads: tuple[LoadTurn, ...]
    plans: int


def sensitivity(question: Question) -> Sensitivity:
    """What binds in the cheapest plan for ``question``, and what would turn it.

    Raises:
        Refused: ``wrong-objective`` where cost is not minimized; ``infeasible-placement`` where there is no plan.
    """
    if question.objective != "cost":
        message = f"the plan minimizes {question.objective}, and only the cheapest plan tells what its limits cost"
        raise Refused(Diagnostic("wrong-objective", message, help="ask with --objective cost"))
    asker = Asker(question)
    return Sensitivity(
        asker.base,
        tuple(margins(asker)),
        tuple(shortages(asker)),
        turns(asker),
        tuple(turn for up in (False, True) if (turn := _load_turn(asker, up=up)) is not None),
        asker.plans,
    )


def devices_of(answer: Answer) -> Mapping[str, str]:
    """Task -> the class that it runs on."""
    return {task: on.device for task, on in answer.tasks.items()}


def _load_turn(asker: Asker, *, up: bool) -> LoadTurn | None:
    """The nearest load in one direction at which a task is elsewhere, to ``CLOSE``."""
    now = asker.question.graph.load.requests_per_second
    near, far, there = now, 0.0, None
    for factor in LADDER:
        far = _told(now * factor if up else now / factor)
        there = asker.ask(with_load(asker.question, far)[0])
        if devices_of(there) != devices_of(asker.base):
            break
        near = far
    else:
        return None
    while max(near, far) > min(near, far) * (1 + CLOSE):
        middle = _told(math.sqrt(near * far))
        tried = asker.ask(with_load(asker.question, middle)[0])
        if devices_of(tried) != devices_of(asker.base):
            far, there = middle, tried
        else:
            near = middle
    found = difference(asker.base, there) if there.feasible else None
    return LoadTurn(now, far, usd(there) if there.feasible else None, found)


def _told(rate: float) -> float:
    """In three figures, so that what is told is what was tried."""
    return float(f"{rate:.3g}")
