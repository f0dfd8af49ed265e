"""How many devices for how many users, for ``agentc size``."""

from collections.abc import Iterator
from typing import Any

from agentc.analyses.study.size import Size, Sizing
from agentc.report.study.plans import SCHEMA, json_text, milliseconds, plan
from agentc.report.text import wrap
from agentc.support.units import format_figure, format_seconds

GLUE = "\x00"
"""A space at which no line ends."""


def text(sizing: Sizing) -> str:
    """For a terminal of 80 columns."""
    return "\n".join(line.rstrip() for line in _lines(sizing)) + "\n"


def _lines(sizing: Sizing) -> Iterator[str]:
    question = sizing.question
    promised = f"within {format_seconds(sizing.limit_seconds)} at {sizing.percentile}"
    think = f", {format_seconds(sizing.think_seconds)} between requests" if sizing.think_seconds else ""
    yield f"{question.graph.agent} on {question.fleet.name}: answers {promised}{think}"
    yield ""
    heads = ("users", "requests/s", "mean", sizing.percentile, "$/h", "$/user/h", "devices")
    rows = [heads, *(_row(size) for size in sizing.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads) - 1)]
    for row in rows:
        lead = "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=False))
        for line in wrap(f"  {lead}  ", row[-1], indent=" " * (len(lead) + 4)):
            yield line.replace(GLUE, " ")
    for size in sizing.rows:
        yield from _refusal(sizing, size)
    yield ""
    yield from wrap("", _assumed(sizing), indent="")


def _row(size: Size) -> tuple[str, ...]:
    if size.plan.usd_per_hour is None:
        return f"{size.users:g}", "-", "-", "-", "-", "-", "no plan"
    return (
        f"{size.users:g}",
        format_figure(size.requests_per_second),
        format_seconds(size.mean_seconds),
        format_seconds(size.seconds),
        f"{size.plan.usd_per_hour:.2f}",
        f"{size.usd_per_user_hour:.4f}",
        ", ".join(f"{count}{GLUE}{device}" for device, count in size.plan.devices.items()) or "hosted",
    )


def _refusal(sizing: Sizing, size: Size) -> Iterator[str]:
    if size.plan.feasible:
        return
    yield ""
    if size.seconds:
        yield f"{size.users:g} users: the fastest plan takes {format_seconds(size.seconds)} at {sizing.percentile}"
        return
    yield f"{size.users:g} users: no plan keeps all demands"
    for sentence in size.plan.summary.conflict:
        yield from wrap("  ", sentence, indent="    ")


def _assumed(sizing: Sizing) -> str:
    loop = "Each user waits for the answer before the next request"
    known = any(
        quantity.p95 is not None or quantity.p99 is not None
        for task in sizing.question.graph.tasks
        for quantity in task.shape.values()
    )
    spread = "" if known else "; the definition states no percentile of any size, so none is taken to vary"
    return f"{loop}. Percentiles are of the longest path, as lognormal{spread}."


def json(sizing: Sizing) -> str:
    """As JSON."""
    return json_text(payload(sizing))


def payload(sizing: Sizing) -> dict[str, Any]:
    """As plain data."""
    return {
        "schema": SCHEMA,
        "agent": sizing.question.graph.agent,
        "fleet": sizing.question.fleet.name,
        "percentile": sizing.percentile,
        "limit_ms": milliseconds(sizing.limit_seconds),
        "think_ms": milliseconds(sizing.think_seconds),
        "sizes": [_size(size) for size in sizing.rows],
    }


def _size(size: Size) -> dict[str, Any]:
    known = size.seconds > 0
    return {
        "users": size.users,
        "requests_per_second": size.requests_per_second,
        "planned_requests_per_second": size.plan.question.graph.load.requests_per_second,
        "mean_ms": milliseconds(size.mean_seconds) if known else None,
        "response_ms": milliseconds(size.seconds) if known else None,
        "usd_per_user_hour": size.usd_per_user_hour,
        "plan": plan(size.plan),
    }
