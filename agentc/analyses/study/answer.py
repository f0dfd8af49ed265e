"""A question and its answer: an agent on a fleet under an objective, and the plan that is best for it."""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property

from agentc.analyses.decision import Decision, assignments, solved, summary
from agentc.analyses.placement_problem import Posed, pose
from agentc.plan.fleet import Fleet
from agentc.plan.graph import Limit, TaskGraph
from agentc.plan.placement import Assignment, Objective, PlanSummary
from agentc.support.record import record

TIME_LIMIT = 60.0
"""Seconds for one plan."""


@record
class Question:
    """What is placed where, and what is minimized."""

    graph: TaskGraph
    fleet: Fleet
    objective: Objective = "cost"
    then: tuple[Objective, ...] = ()
    """What decides among plans that are as good."""


@record
class Answer:
    """The plan for a question; where none keeps all demands the summary is ``infeasible`` and carries the reasons."""

    question: Question
    summary: PlanSummary
    tasks: Mapping[str, Assignment] = field(default_factory=dict[str, Assignment])

    @property
    def feasible(self) -> bool:
        """There is a plan."""
        return self.summary.status != "infeasible"

    @property
    def usd_per_hour(self) -> float | None:
        """What the plan costs, the price of missed soft limits included; ``None`` without a plan."""
        return self.summary.usd_per_hour + self.summary.penalty_usd_per_hour if self.feasible else None

    @cached_property
    def devices(self) -> dict[str, int]:
        """Device class -> how many the plan holds; classes in the fleet's order."""
        held: dict[str, int] = {}
        for stock in self.question.fleet.stocks:
            count = sum(pool.devices for pool in self.summary.pools if pool.device == stock.device.name)
            if count:
                held[stock.device.name] = count
        return held

    def value(self, limit: Limit) -> float | None:
        """Seconds of a limit's metric; ``None`` where the agent has nothing of the kind, or there is no plan."""
        figures = {
            "ttft": self.summary.ttft_seconds,
            "tbt": self.summary.tbt_seconds,
            "end_to_end": self.summary.end_to_end_seconds,
        }
        return figures[limit.metric] if self.feasible else None


def answer(question: Question, *, reasons: bool = True, time_limit: float = TIME_LIMIT) -> Answer:
    """The best plan for ``question``, or why there is none (only with ``reasons``, which take seconds to find)."""
    posed = pose(question.graph, question.fleet, question.objective, also=question.then)
    decision = solved(posed, time_limit=time_limit, then=question.then)
    if decision.solution.status == "infeasible":
        return Answer(question, _infeasible(decision, reasons=reasons))
    told = summary(decision, (), (), question.then)
    return Answer(question, told, assignments(decision))


def _infeasible(decision: Decision, *, reasons: bool) -> PlanSummary:
    posed: Posed = decision.posed
    told = decision.solution.conflict
    if reasons and not told:
        from agentc.analyses.refusal import reasons as why

        because, cure = why(posed, {})
        told = (*because, *((cure,) if cure else ()))
    return PlanSummary("infeasible", posed.problem.objective, conflict=told)
