"""A placement problem and its answer: exact with a proven gap, its reasons, and what else could be done.

    solve         problem -> the best placement, with the proven gap, or the demands that conflict
    outline       for large problems: a bound of the cost, and an answer that comes near it
    alternatives  for each task and other device class: how much dearer, or why not
    baselines     what the best and the worst single device class would cost
    explain       why a problem has no placement, as data
    evaluate      what one choice costs and breaks, by plain arithmetic
    brute_force   the oracle for small problems

HiGHS is imported by the first problem that needs it, not by this package.
"""

from typing import TYPE_CHECKING, Any

from agentc.solve.alternatives import alternatives
from agentc.solve.baselines import baselines
from agentc.solve.brute_force import brute_force
from agentc.solve.demands import Conflict, Demand, Relaxation
from agentc.solve.evaluate import Evaluation, Violation, evaluate
from agentc.solve.solver import outline, solve

if TYPE_CHECKING:
    from agentc.solve.conflict import explain

__all__ = [
    "Conflict",
    "Demand",
    "Evaluation",
    "Relaxation",
    "Violation",
    "alternatives",
    "baselines",
    "brute_force",
    "evaluate",
    "explain",
    "outline",
    "solve",
]


def __getattr__(name: str) -> Any:
    """``explain``, imported when it is first asked for: few problems need it."""
    if name != "explain":
        raise AttributeError(f"module `agentc.solve` has no attribute `{name}`")
    from agentc.solve.conflict import explain

    return explain
