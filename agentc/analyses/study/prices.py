"""At which price of a device class would another plan be cheaper?

What one plan costs is a straight line over a class's price, as steep as the number of devices that it holds; the cost
of the best plan is the lowest of all these lines. From the far end, where another plan is best, we go to where its line
meets that of the plan we have, and place again: either nothing is cheaper there, and that is the price at which the
choice turns, or a third plan is, and we go on with its line (Eisner and Severance, JACM 23(4), 1976). So the nearest
turn is found with a few plans, to all digits, and none is jumped over.
"""

from agentc.analyses.study.answer import Answer
from agentc.analyses.study.asker import Asker, below, usd
from agentc.analyses.study.difference import Difference, difference
from agentc.analyses.study.edits import with_price
from agentc.support.record import record

FARTHEST = 4.0
"""How many times its price a class is looked at; beyond, nobody plans."""

STEPS = 12
"""Plans at most for one turn."""


@record
class Turn:
    """The price at which another plan becomes the cheapest, and how it differs."""

    device: str
    now: float
    """$/hour of one device."""
    at: float
    """$/hour from which on, going away from ``now``, the other plan is cheaper."""
    found: Difference
    """Against the plan we have; the other one's money is at a price beyond the turn."""


def turns(asker: Asker) -> tuple[Turn, ...]:
    """The nearest turn of each class in either direction, classes in the fleet's order."""
    found: list[Turn | None] = []
    for stock in asker.question.fleet.stocks:
        if stock.count == 0 or stock.usd_per_hour <= 0:
            continue
        far = [0.0, FARTHEST * stock.usd_per_hour] if stock.device.name in asker.base.devices else [0.0]
        found += [_turn(asker, stock.device.name, stock.usd_per_hour, end) for end in far]
    return tuple(turn for turn in found if turn is not None)


def _turn(asker: Asker, device: str, now: float, end: float) -> Turn | None:
    """The turn between ``now`` and ``end`` that is nearest to ``now``."""
    held, at, other = asker.base.devices.get(device, 0), end, None
    for _ in range(STEPS):
        found = asker.ask(with_price(asker.question, device, at)[0])
        if not below(usd(found), usd(asker.base) + held * (at - now)):
            break
        other, steepness = found, found.devices.get(device, 0)
        if steepness == held:
            return None
        at = _crossing(asker.base, now, held, usd(found) - steepness * at, steepness)
    if other is None:
        return None
    return Turn(device, now, at, difference(asker.base, other))


def _crossing(base: Answer, now: float, held: int, foot: float, steepness: int) -> float:
    """Where the line of the plan we have meets another one, whose value at price zero is ``foot``."""
    return (usd(base) - held * now - foot) / (steepness - held)
