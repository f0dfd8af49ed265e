"""Asks for plans and counts them: every figure of a study comes from placing again."""

from agentc.analyses.study.answer import Answer, Question, answer
from agentc.support.diagnostics import Diagnostic, Refused

SAME = 1e-5
"""Relative difference of two costs below which they count as equal: ten times the gap of a plan that is optimal."""


class Asker:
    """Answers to one question and its variations."""

    def __init__(self, question: Question) -> None:
        """Raises Refused where there is no plan to start from."""
        self.question = question
        self.plans = 0
        self.base = self._first()

    def _first(self) -> Answer:
        base = answer(self.question)
        self.plans += 1
        if not base.feasible:
            raise Refused(no_plan(base))
        return base

    def ask(self, question: Question) -> Answer:
        """The plan for a variation; without the reasons where there is none."""
        self.plans += 1
        return answer(question, reasons=False)

    @property
    def usd(self) -> float:
        """What the plan to start from costs per hour."""
        return usd(self.base)


def usd(of: Answer) -> float:
    """$/hour of a plan; infinite where there is none."""
    return float("inf") if of.usd_per_hour is None else of.usd_per_hour


def below(one: float, other: float) -> bool:
    """``one`` is less than ``other`` by more than what a proof leaves open."""
    return one < other - SAME * abs(other)


def no_plan(of: Answer) -> Diagnostic:
    """The refusal of a question that has no plan."""
    question = of.question
    message = f"no placement on fleet `{question.fleet.name}` keeps what agent `{question.graph.agent}` demands"
    return Diagnostic("infeasible-placement", message, notes=of.summary.conflict)
