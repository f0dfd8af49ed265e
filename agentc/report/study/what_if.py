"""Two plans side by side, for ``explain-placement --what-if``."""

from collections.abc import Iterator
from typing import Any

from agentc.analyses.study.difference import Difference, Figure, Holding, WhatIf
from agentc.report.study.plans import LABELS, SCHEMA, json_text, on, plan, told, way
from agentc.report.text import table, wrap


def text(asked: WhatIf) -> str:
    """The difference for a terminal of 80 columns."""
    return "\n".join(line.rstrip() for line in _lines(asked)) + "\n"


def _lines(asked: WhatIf) -> Iterator[str]:
    found = asked.found
    question = found.before.question
    yield f"{question.graph.agent} on {question.fleet.name}: what if"
    for change in asked.changes:
        yield f"  {change.key}: {change.before} -> {change.after}"
    for label, answer in (("now", found.before), ("then", found.after)):
        if not answer.feasible:
            yield ""
            yield f"{label}: no plan keeps all demands"
            for sentence in answer.summary.conflict:
                yield from wrap("  ", sentence, indent="    ")
    yield ""
    yield from table(("", "now", "then", "change"), _figures(found), right=(1, 2, 3))
    if found.before.feasible and found.after.feasible:
        yield ""
        rows = ((row.device, str(row.before), str(row.after), _signed_count(row)) for row in found.holdings)
        yield from table(("devices", "now", "then", "change"), rows, right=(1, 2, 3))
    yield from _moves(found)


def _signed_count(row: Holding) -> str:
    return f"{row.after - row.before:+d}" if row.after != row.before else ""


def _figures(found: Difference) -> Iterator[tuple[str, ...]]:
    for row in found.figures:
        if row.before or row.after:
            yield LABELS[row.name], told(row.name, row.before), told(row.name, row.after), _change(row)


def _change(row: Figure) -> str:
    if row.change is None or row.before is None:
        return ""
    if abs(row.change) <= 1e-9 * abs(row.before):
        return "none"
    share = f" ({row.change / row.before:+.1%})" if row.before else ""
    return f"{'+' if row.change > 0 else '-'}{told(row.name, abs(row.change))}{share}"


def _moves(found: Difference) -> Iterator[str]:
    if not (found.before.feasible and found.after.feasible):
        return
    yield ""
    if not found.moves:
        yield "No task moves"
        return
    yield from table(("task", "now", "then"), ((m.task, way(m.before), way(m.after)) for m in found.moves))
    if found.stay:
        yield f"  {found.stay} task{'s' if found.stay > 1 else ''} stay{'' if found.stay > 1 else 's'} as they are"


def json(asked: WhatIf) -> str:
    """The difference as JSON."""
    return json_text(payload(asked))


def payload(asked: WhatIf) -> dict[str, Any]:
    """The difference as plain data."""
    found = asked.found
    return {
        "schema": SCHEMA,
        "agent": found.before.question.graph.agent,
        "fleet": found.before.question.fleet.name,
        "what_if": [{"key": each.key, "before": each.before, "after": each.after} for each in asked.changes],
        "before": plan(found.before),
        "after": plan(found.after),
        "change": {row.name: row.change for row in found.figures},
        "devices": [{"device": row.device, "before": row.before, "after": row.after} for row in found.holdings],
        "moves": [{"task": m.task, "before": on(m.before), "after": on(m.after)} for m in found.moves],
        "stay": found.stay,
    }
