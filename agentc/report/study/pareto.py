"""The front of two objectives as a table, for ``explain-placement --pareto``."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from agentc.analyses.study.pareto import Front, FrontPoint
from agentc.plan.placement import Objective
from agentc.report.study.plans import SCHEMA, json_text, on, plan
from agentc.report.text import wrap
from agentc.support.units import format_figure, format_seconds, format_usd

AXES: dict[Objective, str] = {
    "cost": "cost an hour",
    "latency": "end to end",
    "energy": "energy a request",
    "carbon": "CO2e a request",
}

GLUE = "\x00"
"""A space at which no line ends."""

WH = 3600.0
"""Joules in a watt-hour, in which reports tell energy."""


def told(objective: Objective, value: float) -> str:
    """A value of an objective with its unit."""
    if objective == "cost":
        return format_usd(value)
    if objective == "latency":
        return format_seconds(value)
    return f"{format_figure(value / WH)} Wh" if objective == "energy" else f"{format_figure(value)} g"


def text(front: Front) -> str:
    """For a terminal of 80 columns."""
    return "\n".join(line.rstrip() for line in _lines(front)) + "\n"


def _lines(front: Front) -> Iterator[str]:
    question, (first, second) = front.question, front.axes
    yield f"{question.graph.agent} on {question.fleet.name}: {first} against {second}"
    yield from wrap(
        "", f"Of these plans none is as good as another in both and better in one ({_proof(front)}).", indent=""
    )
    yield ""
    heads = (AXES[first], AXES[second], "each step", "devices")
    steps = ["", *(_step(front, a, b) for a, b in pairwise(front.points))]
    rows = [
        (told(first, point.first), told(second, point.second), step, _devices(point))
        for point, step in zip(front.points, steps, strict=True)
    ]
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(3)]
    for row in (heads, *rows):
        lead = "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=False))
        for line in wrap(f"  {lead}  ", row[3], indent=" " * (len(lead) + 4)):
            yield line.replace(GLUE, " ")


def _proof(front: Front) -> str:
    gap = max(point.plan.summary.gap for point in front.points)
    return "each is optimal" if gap == 0 else f"each within {gap:.2%} of optimal"


def _step(front: Front, before: FrontPoint, after: FrontPoint) -> str:
    """What a unit less of the second costs in the first, over the step: ``+$0.94 a s``."""
    first, second = front.axes
    more, less = after.first - before.first, before.second - after.second
    unit = {"cost": 1.0, "latency": 1.0, "energy": WH, "carbon": 1.0}[second]
    name = {"cost": "$/h", "latency": "s", "energy": "Wh", "carbon": "g"}[second]
    return f"+{told(first, more * unit / less)} a {name}"


def _devices(point: FrontPoint) -> str:
    return ", ".join(f"{count}{GLUE}{device}" for device, count in point.plan.devices.items()) or "hosted"


def json(front: Front) -> str:
    """As JSON."""
    return json_text(payload(front))


def payload(front: Front) -> dict[str, Any]:
    """As plain data; values are $/hour, seconds, joules and grams."""
    question = front.question
    return {
        "schema": SCHEMA,
        "agent": question.graph.agent,
        "fleet": question.fleet.name,
        "axes": list(front.axes),
        "points": [
            {
                front.axes[0]: point.first,
                front.axes[1]: point.second,
                "plan": plan(point.plan),
                "tasks": {task: on(each) for task, each in point.plan.tasks.items()},
            }
            for point in front.points
        ],
    }
