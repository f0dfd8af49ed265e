"""Two plans side by side: what they cost, how fast they are, what they hold, and which tasks move."""

from collections.abc import Sequence

from agentc.analyses.study.answer import Answer, Question, answer
from agentc.analyses.study.edits import Change, edit
from agentc.plan.placement import Assignment
from agentc.support.record import record


@record
class Figure:
    """One figure of both plans; ``None`` where a plan has nothing of the kind."""

    name: str
    """A key of ``FIGURES``."""
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        """``after`` less ``before``, where both are known."""
        return None if self.before is None or self.after is None else self.after - self.before


@record
class Move:
    """A task that is elsewhere, or served otherwise, after than before."""

    task: str
    before: Assignment
    after: Assignment


@record
class Holding:
    """Devices of one class that both plans hold."""

    device: str
    before: int
    after: int


@record
class Difference:
    """Two answers compared. Without a plan on one side there are no moves."""

    before: Answer
    after: Answer
    figures: tuple[Figure, ...]
    holdings: tuple[Holding, ...]
    """Of each class that either plan holds."""
    moves: tuple[Move, ...]
    stay: int
    """Tasks that are where they were."""


@record
class WhatIf:
    """What would be different with some changes."""

    changes: tuple[Change, ...]
    found: Difference


FIGURES = (
    "usd_per_hour",
    "usd_per_request",
    "penalty_usd_per_hour",
    "ttft_seconds",
    "tbt_seconds",
    "end_to_end_seconds",
    "watts",
    "grams_per_request",
)
"""What is compared, in the order in which it is told: fields of a plan's summary."""


def what_if(question: Question, stated: Sequence[str]) -> WhatIf:
    """The plan now beside the plan with the changes ``stated``, such as ``h100.price=1.2``.

    Raises:
        Refused: ``bad-what-if``.
    """
    changed, changes = edit(question, stated)
    return WhatIf(changes, difference(answer(question), answer(changed)))


def difference(before: Answer, after: Answer) -> Difference:
    """How ``after`` differs from ``before``."""
    both = [task.name for task in before.question.graph.tasks if task.name in before.tasks and task.name in after.tasks]
    moves = [
        Move(task, before.tasks[task], after.tasks[task])
        for task in both
        if way(before.tasks[task]) != way(after.tasks[task])
    ]
    devices = dict.fromkeys((*before.devices, *after.devices))
    return Difference(
        before,
        after,
        tuple(Figure(name, figure(before, name), figure(after, name)) for name in FIGURES),
        tuple(Holding(name, before.devices.get(name, 0), after.devices.get(name, 0)) for name in devices),
        tuple(moves),
        len(both) - len(moves),
    )


def way(on: Assignment) -> tuple[object, ...]:
    """What of an assignment makes it the same: all but its times and money."""
    return (on.device, on.mode, on.tp, on.pp, on.dp, on.batch, on.replicas)


def figure(answer: Answer, name: str) -> float | None:
    """A figure of a plan; ``None`` without a plan."""
    if not answer.feasible:
        return None
    return getattr(answer.summary, name)
