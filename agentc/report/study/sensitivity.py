"""What binds and what would turn the choice, for ``explain-placement --sensitivity``."""

from collections.abc import Iterator
from typing import Any

from agentc.analyses.study.difference import Difference
from agentc.analyses.study.margins import Margin, Step
from agentc.analyses.study.sensitivity import LoadTurn, Sensitivity
from agentc.report.study.plans import SCHEMA, json_text, milliseconds, on, plan
from agentc.report.text import LABELS, table, wrap
from agentc.support.units import format_figure, format_usd


def text(found: Sensitivity) -> str:
    """For a terminal of 80 columns."""
    return "\n".join(line.rstrip() for line in _lines(found)) + "\n"


def _lines(found: Sensitivity) -> Iterator[str]:
    question = found.base.question
    cost = format_usd(found.base.usd_per_hour or 0.0)
    yield f"{question.graph.agent} on {question.fleet.name}: {cost}/h, and what turns it"
    if found.margins:
        yield ""
        heads = ("limit", "at most", "is", "tighter", "looser")
        yield from table(heads, (_margin(row) for row in found.margins), right=(1, 2))
        for row in found.margins:
            if row.looser is not None:
                yield from wrap("  ", _saving(row, row.looser), indent="    ")
    yield from _shortages(found)
    yield from _prices(found)
    yield from _loads(found)
    yield ""
    yield f"{found.plans} plans were compared"


def _margin(row: Margin) -> tuple[str, ...]:
    label = f"{LABELS[row.limit.metric]} {row.limit.percentile}"
    if row.limit.usd_per_ms is not None:
        told = f"missed: {format_usd(row.price)}/h a ms" if row.price else "kept"
        return label, _ms(row.limit.seconds), _ms(row.value), "soft", told
    tighter = "nothing faster found" if row.tighter is None else _step(row.tighter)
    looser = "does not bind" if row.looser is None else _step(row.looser)
    return label, _ms(row.limit.seconds), _ms(row.value), tighter, looser


def _step(step: Step) -> str:
    return f"{_ms(step.to)}: {_signed(step.usd_per_hour)}/h"


def _ms(seconds: float) -> str:
    """As limits are stated, to the digits in which what is told holds."""
    return f"{format_figure(seconds * 1e3, 4)} ms"


def _saving(row: Margin, step: Step) -> str:
    more = _ms(step.to - row.limit.seconds)
    each = format_usd(row.usd_per_hour_per_ms)
    saved = f"{LABELS[row.limit.metric]} saves {format_usd(-step.usd_per_hour)}/h ({each}/h a ms)"
    return f"{more} more {saved}: {moved(step.found)}"


def _shortages(found: Sensitivity) -> Iterator[str]:
    if found.shortages:
        yield ""
    for row in found.shortages:
        more, saved = round(row.more.to) - row.count, format_usd(-row.more.usd_per_hour)
        yield from wrap("  ", f"{more} more {row.device} would save {saved}/h: {moved(row.more.found)}", indent="    ")


def _prices(found: Sensitivity) -> Iterator[str]:
    if not found.turns:
        return
    yield ""
    rows = [(t.device, f"{t.now:.2f}", _side(t.at, t.now, f"{t.at:.2f}"), moved(t.found)) for t in found.turns]
    yield from _told(("device", "$/h", "turns", "then"), rows)


def _loads(found: Sensitivity) -> Iterator[str]:
    if not found.loads:
        return
    yield ""
    yield from _told(("", "requests/s", "turns", "then"), [("load", *_load(row)) for row in found.loads])


def _load(row: LoadTurn) -> tuple[str, str, str]:
    then = "no plan serves it" if row.found is None else f"{format_usd(row.usd_per_hour or 0.0)}/h; {moved(row.found)}"
    return format_figure(row.now), _side(row.at, row.now, format_figure(row.at)), then


def _side(at: float, now: float, told: str) -> str:
    return f"{'above' if at > now else 'below'} {told}"


def _told(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """A table whose last column goes on in the next line where it is too long; a first cell is told once."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads) - 1)]
    before = None
    for row in (heads, *rows):
        cells = ("", "") if row[:2] == before else row[:2]
        lead = "  ".join((cells[0].ljust(widths[0]), cells[1].rjust(widths[1]), row[2].ljust(widths[2])))
        yield from wrap(f"  {lead}  ", row[3], indent=" " * (len(lead) + 4))
        before = row[:2]


def moved(found: Difference) -> str:
    """Where tasks go, in a few words: ``think.decode to h100-sxm``."""
    there: dict[str, list[str]] = {}
    for move in found.moves:
        if move.after.device != move.before.device:
            there.setdefault(move.after.device, []).append(move.task)
    if there:
        return "; ".join(f"{_few(tasks)} to {device}" for device, tasks in there.items())
    counts = [f"{row.after - row.before:+d} {row.device}" for row in found.holdings if row.after != row.before]
    return ", ".join(counts) or "the same devices, used otherwise"


def _few(tasks: list[str]) -> str:
    return ", ".join(tasks) if len(tasks) < 3 else f"{tasks[0]} and {len(tasks) - 1} more"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '-'}{format_usd(abs(value))}"


def json(found: Sensitivity) -> str:
    """As JSON."""
    return json_text(payload(found))


def payload(found: Sensitivity) -> dict[str, Any]:
    """As plain data."""
    question = found.base.question
    return {
        "schema": SCHEMA,
        "agent": question.graph.agent,
        "fleet": question.fleet.name,
        "plan": plan(found.base),
        "limits": [_limit(row) for row in found.margins],
        "stocks": [
            {"device": row.device, "count": row.count, "more": _step_data(row.more, round(row.more.to))}
            for row in found.shortages
        ],
        "prices": [
            {"device": row.device, "usd_per_hour": row.now, "turns_at": row.at, "moves": _moves(row.found)}
            for row in found.turns
        ],
        "load": [
            {
                "requests_per_second": row.now,
                "turns_at": row.at,
                "usd_per_hour": row.usd_per_hour,
                "moves": None if row.found is None else _moves(row.found),
            }
            for row in found.loads
        ],
        "plans_compared": found.plans,
    }


def _limit(row: Margin) -> dict[str, Any]:
    tighter, looser = row.tighter, row.looser
    return {
        "metric": f"{row.limit.metric}_ms",
        "percentile": row.limit.percentile,
        "limit_ms": milliseconds(row.limit.seconds),
        "value_ms": milliseconds(row.value),
        "binds": row.binds,
        "usd_per_hour_per_ms": row.usd_per_hour_per_ms,
        "tighter": None if tighter is None else _step_data(tighter, milliseconds(tighter.to)),
        "looser": None if looser is None else _step_data(looser, milliseconds(looser.to)),
    }


def _step_data(step: Step, to: float | None) -> dict[str, Any]:
    return {"to": to, "usd_per_hour": step.usd_per_hour, "moves": _moves(step.found)}


def _moves(found: Difference) -> list[dict[str, Any]]:
    return [{"task": move.task, "before": on(move.before), "after": on(move.after)} for move in found.moves]
