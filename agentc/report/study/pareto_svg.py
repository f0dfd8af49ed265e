"""The front of two objectives as a picture: one dot a plan, and the staircase below which no plan lies."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from agentc.analyses.study.pareto import Front
from agentc.plan.placement import Objective
from agentc.report.escape import escape
from agentc.report.study.pareto import AXES, WH, told
from agentc.report.svg import FONT

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 86, 28, 52, 60
TICKS = 5
"""About so many on each axis."""


def svg(front: Front) -> str:
    """An SVG document that needs nothing else; the second objective goes to the right, the first upward."""
    first, second = front.axes
    x = _Axis([point.second for point in front.points], LEFT, WIDTH - RIGHT, _unit(second))
    y = _Axis([point.first for point in front.points], HEIGHT - BOTTOM, TOP, _unit(first))
    dots = [(x.at(point.second), y.at(point.first)) for point in front.points]
    agent, fleet = escape(front.question.graph.agent), escape(front.question.fleet.name)
    title = f"{agent} on {fleet}: {first} against {second}"
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' "
        f"role='img' aria-label='{title}'>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#fff'/>",
        f"<text x='{LEFT}' y='28' {FONT} font-size='14' font-weight='600' fill='#1d2529'>{title}</text>",
        *_grid(x, y, second, first),
        _staircase(dots),
        *(_dot(front, number, at) for number, at in enumerate(dots)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _unit(objective: Objective) -> float:
    return WH if objective == "energy" else 1.0


class _Axis:
    """From values to places, over a range of round numbers."""

    def __init__(self, values: Sequence[float], low: float, high: float, unit: float) -> None:
        least, most = min(values) / unit, max(values) / unit
        step = _round((most - least or most or 1.0) / TICKS)
        self.unit, self.low, self.high = unit, low, high
        self.first, self.last = math.floor(least / step), max(math.ceil(most / step), math.floor(least / step) + 1)
        self.step = step

    def at(self, value: float) -> float:
        share = (value / self.unit / self.step - self.first) / (self.last - self.first)
        return round(self.low + share * (self.high - self.low), 1)

    def ticks(self) -> Iterator[float]:
        """Values of the ticks, in the objective's own unit."""
        for number in range(self.first, self.last + 1):
            yield float(f"{number * self.step:.12g}") * self.unit


def _round(step: float) -> float:
    """The next larger of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= step * (1 - 1e-9))


def _grid(x: _Axis, y: _Axis, along: Objective, up: Objective) -> Iterator[str]:
    for value in x.ticks():
        at = x.at(value)
        yield f"<line x1='{at:g}' y1='{TOP}' x2='{at:g}' y2='{HEIGHT - BOTTOM}' stroke='#e3e8ea'/>"
        yield _label(at, HEIGHT - BOTTOM + 18, told(along, value), "middle")
    for value in y.ticks():
        at = y.at(value)
        yield f"<line x1='{LEFT}' y1='{at:g}' x2='{WIDTH - RIGHT}' y2='{at:g}' stroke='#e3e8ea'/>"
        yield _label(LEFT - 8, at + 4, told(up, value), "end")
    yield _label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, AXES[along], "middle")
    yield _label(LEFT - 8, TOP - 10, AXES[up], "middle")


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f"<text x='{x:g}' y='{y:g}' {FONT} font-size='11.5' fill='#55626a' text-anchor='{anchor}'>{escape(text)}</text>"
    )


def _staircase(dots: Sequence[tuple[float, float]]) -> str:
    """What the first takes at least for each cap on the second: just short of a dot it is that of the next one."""
    path = [f"M{dots[0][0]:g} {dots[0][1]:g}"]
    path += [f"L{x1:g} {y2:g} L{x2:g} {y2:g}" for (x1, _), (x2, y2) in pairwise(dots)]
    return f"<path d='{' '.join(path)}' fill='none' stroke='#9aa5ac' stroke-width='1.4' stroke-dasharray='4 3'/>"


def _dot(front: Front, number: int, at: tuple[float, float]) -> str:
    point = front.points[number]
    devices = ", ".join(f"{count} {device}" for device, count in point.plan.devices.items())
    figures = f"{told(front.axes[0], point.first)}, {told(front.axes[1], point.second)}"
    return (
        f"<g><title>{escape(figures)}: {escape(devices)}</title>"
        f"<circle cx='{at[0]:g}' cy='{at[1]:g}' r='5' fill='#0072b2' stroke='#fff' stroke-width='1.5'/></g>"
    )
