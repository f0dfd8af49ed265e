"""Plans in tables and in JSON: what all answers have in common."""

import json
from typing import Any

from agentc.analyses.study.answer import Answer
from agentc.plan.placement import Assignment
from agentc.report.text import format_power
from agentc.support.units import format_figure, format_seconds, format_usd

SCHEMA = 1

LABELS = {
    "usd_per_hour": "cost an hour",
    "usd_per_request": "cost a request",
    "penalty_usd_per_hour": "penalty an hour",
    "ttft_seconds": "TTFT",
    "tbt_seconds": "TBT",
    "end_to_end_seconds": "end to end",
    "watts": "power",
    "grams_per_request": "g CO2e a request",
}


def told(name: str, value: float | None) -> str:
    """A figure as a person reads it."""
    if value is None:
        return "-"
    if name.endswith("_seconds"):
        return format_seconds(value)
    if name == "watts":
        return format_power(value)
    return format_figure(value) if name == "grams_per_request" else format_usd(value)


def way(on: Assignment) -> str:
    """Where and how a task is served, in one cell: ``3 x h100-sxm tp2 b64 agg``."""
    mode = {"aggregated": " agg", "hosted": " api"}.get(on.mode, "")
    parts = [f"tp{on.tp}" if on.tp > 1 else "", f"pp{on.pp}" if on.pp > 1 else "", f"dp{on.dp}" if on.dp > 1 else ""]
    batch = f"b{on.batch}" if on.batch > 1 else ""
    return " ".join(filter(None, (f"{on.replicas} x {on.device}", *parts, batch))) + mode


def plan(answer: Answer) -> dict[str, Any]:
    """A plan's figures as plain data; ``null`` where there is none."""
    summary = answer.summary
    none = not answer.feasible
    return {
        "status": summary.status,
        "objective": summary.objective,
        "then": list(summary.then),
        "gap": summary.gap,
        "usd_per_hour": None if none else summary.usd_per_hour,
        "usd_per_request": None if none else summary.usd_per_request,
        "penalty_usd_per_hour": summary.penalty_usd_per_hour,
        "ttft_ms": milliseconds(summary.ttft_seconds),
        "tbt_ms": milliseconds(summary.tbt_seconds),
        "end_to_end_ms": milliseconds(summary.end_to_end_seconds),
        "watts": summary.watts,
        "g_co2e_per_request": summary.grams_per_request,
        "devices": answer.devices,
        "conflict": list(summary.conflict) or None,
    }


def on(assignment: Assignment) -> dict[str, Any]:
    """Where a task is, as plain data."""
    names = ("device", "mode", "tp", "pp", "dp", "batch", "replicas")
    return {name: getattr(assignment, name) for name in names}


def milliseconds(seconds: float | None) -> float | None:
    """With six digits after the point, as all reports have them."""
    return None if seconds is None else round(seconds * 1e3, 6)


def json_text(data: dict[str, Any]) -> str:
    """Indented JSON with a final newline."""
    return json.dumps(data, indent=2, allow_nan=False) + "\n"
