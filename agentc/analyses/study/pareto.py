"""The front of two objectives: what less of one costs in the other, each point a plan."""

from dataclasses import replace

from agentc.analyses.contraction import contract
from agentc.analyses.decision import Decision, assignments, summary
from agentc.analyses.placement_problem import pose
from agentc.analyses.refusal import reasons
from agentc.analyses.shortlist import Shortened
from agentc.analyses.study.answer import Answer, Question
from agentc.analyses.study.asker import no_plan
from agentc.plan.placement import Objective, PlanSummary
from agentc.solve.front import POINTS, Point, front
from agentc.support.diagnostics import Refused
from agentc.support.record import record

TIME_LIMIT = 120.0
"""Seconds for the whole front."""


@record
class FrontPoint:
    """One plan of the front: no other is as good in both objectives and better in one."""

    first: float
    """$/hour, seconds end to end, joules or grams a request."""
    second: float
    plan: Answer


@record
class Front:
    """The plans by the first objective, best first."""

    question: Question
    axes: tuple[Objective, Objective]
    points: tuple[FrontPoint, ...]


def pareto(question: Question, first: Objective, second: Objective, *, points: int = POINTS) -> Front:
    """At most ``points`` plans of the front of two objectives, both of its ends among them.

    Raises:
        Refused: ``infeasible-placement`` where there is no plan.
        ValueError: The objectives are one, or energy and carbon.
    """
    posed = pose(question.graph, question.fleet, first, also=(second,))
    smaller = contract(posed.problem, posed.graph)
    found = front(smaller.problem, first, second, points=points, time_limit=TIME_LIMIT)
    if not found:
        because, cure = reasons(posed, {})
        told = PlanSummary("infeasible", first, conflict=(*because, *((cure,) if cure else ())))
        raise Refused(no_plan(Answer(question, told)))
    asked = replace(question, objective=first, then=(second,))

    def plan(point: Point) -> Answer:
        short = Shortened(point.solution, smaller.problem)
        decision = Decision(posed, posed.problem, smaller.expand(point.solution), smaller, short)
        told = summary(decision, (), (), (second,))
        return Answer(asked, told, assignments(decision))

    return Front(question, (first, second), tuple(FrontPoint(each.first, each.second, plan(each)) for each in found))
