"""Error tables of the cost model as text and JSON, and predicted against measured as a picture."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from agentc.cost.accuracy.errors import METRICS, Error, Scored, family, kind, tables
from agentc.cost.accuracy.evaluation import Evaluation, folds_told
from agentc.report.escape import escape
from agentc.report.text import table, wrap

TITLES = {"all": "all", "vendor": "vendor, kind"}
SIZE, EDGE = 420, 48
LABEL = 14
"""Columns of what a row is of; a longer name gets a line of its own where the table would be too wide."""
COLORS = {"NVIDIA": "#4c8c2b", "AMD": "#c23b22", "Intel": "#2b6cb0"}


def text(found: Evaluation, views: tuple[str, ...]) -> str:
    """The tables of ``views`` for people."""
    lines = [*_head(found)]
    every = tables(found.scored)
    seen = tables(found.fitted) if found.fitted else {}
    for view in views:
        lines += ["", f"by {TITLES.get(view, view)}" if view != "all" else "all rows"]
        blocks: dict[str, list[tuple[str, ...]]] = {}
        for metric, rows in every[view].items():
            for name, error in rows.items():
                title, label = ("", METRICS[metric]) if view == "all" else (METRICS[metric], name)
                fitted = seen.get(view, {}).get(metric, {}).get(name)
                blocks.setdefault(title, []).append((label, *_cells(error, fitted)))
        lines += _tables(blocks, bool(seen))
    lines += _left_out(found.left_out)
    return "\n".join(lines) + "\n"


def payload(found: Evaluation) -> dict[str, Any]:
    """Everything as plain data."""
    return {
        "schema": 1,
        "split": {"rule": folds_told(), "groups": found.groups},
        "left_out": dict(sorted(found.left_out.items())),
        "errors": _plain(tables(found.scored)),
        "fitted": _plain(tables(found.fitted)) if found.fitted else {},
        "rows": [_row(row) for row in found.scored],
    }


def svg(found: Evaluation) -> str:
    """Predicted against measured on logarithmic axes, one panel a metric."""
    panels = [(m, [row for row in found.scored if row.measurement.metric == m]) for m in METRICS]
    drawn = [_panel(i, metric, rows) for i, (metric, rows) in enumerate(p for p in panels if p[1])]
    width = SIZE * max(len(drawn), 1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {SIZE}" font-family="sans-serif">'
    return "\n".join((head, f'<rect width="{width}" height="{SIZE}" fill="#fff"/>', *drawn, "</svg>")) + "\n"


def _head(found: Evaluation) -> list[str]:
    groups = found.groups
    lines = [f"{len(found.scored)} measurements of {len(groups)} groups (device, model, precision)"]
    if found.fitted:
        lines += wrap("", f"every group predicted by a fit that did not see it; folds: {folds_told()}", indent="  ")
        lines.append("beside it the median error of the shipped curves, which saw all groups")
    elif found.seen:
        told = f"{len(found.seen)} groups are among those of the shipped fit: predicted by a fit without them"
        lines += wrap("", told, indent="  ")
    return lines


def _tables(blocks: Mapping[str, list[tuple[str, ...]]], seen: bool) -> Iterator[str]:
    """One table a metric, their first columns equally wide."""
    heads = ("rows", "groups", "median", "mean", "p90", "bias", "inside", *(("fitted",) if seen else ()))
    widest = max((len(row[0]) for rows in blocks.values() for row in rows), default=0)
    for i, (title, rows) in enumerate(blocks.items()):
        if i:
            yield ""
        padded = [(row[0].ljust(min(widest, LABEL)), *(cell.rjust(6) for cell in row[1:])) for row in rows]
        yield from table((title or "metric", *heads), padded, right=tuple(range(1, len(heads) + 1)))


def _cells(error: Error, fitted: Error | None) -> tuple[str, ...]:
    shares = (error.median, error.mean, error.p90)
    figures = (*(f"{share:.1%}" for share in shares), f"{error.bias:+.2f}", f"{error.inside:.0%}")
    return (f"{error.rows}", f"{error.groups}", *figures, *((f"{fitted.median:.1%}",) if fitted else ()))


def _left_out(reasons: Mapping[str, int]) -> list[str]:
    if not reasons:
        return []
    return ["", "left out", *(f"  {count:6}  {why}" for why, count in sorted(reasons.items()))]


def _plain(found: Mapping[str, Mapping[str, Mapping[str, Error]]]) -> dict[str, Any]:
    return {
        view: {metric: {name: _figures(error) for name, error in rows.items()} for metric, rows in metrics.items()}
        for view, metrics in found.items()
    }


def _figures(error: Error) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(error).items()}


def _row(row: Scored) -> dict[str, Any]:
    m = row.measurement
    low, high = row.band
    return {
        "source": m.source,
        "row": m.row,
        "group": m.group,
        "fold": m.fold,
        "family": family(m),
        "kind": kind(m),
        "engine": m.engine,
        "mode": m.mode,
        "metric": m.metric,
        "concurrency": m.concurrency,
        "measured": m.value,
        "predicted": float(f"{row.predicted:.6g}"),
        "low": float(f"{row.predicted * low:.6g}"),
        "high": float(f"{row.predicted * high:.6g}"),
    }


def _panel(index: int, metric: str, rows: list[Scored]) -> str:
    import math

    from agentc import catalog

    values = [value for row in rows for value in (row.measurement.value, row.predicted)]
    low, high = math.log10(min(values)), math.log10(max(values))
    span, room = max(high - low, 1e-9), SIZE - 2 * EDGE

    def at(value: float) -> float:
        return (math.log10(value) - low) / span * room

    left = index * SIZE + EDGE
    dots = [
        f'<circle cx="{left + at(r.measurement.value):.1f}" cy="{SIZE - EDGE - at(r.predicted):.1f}" r="1.6" '
        f'fill="{COLORS.get(catalog.device(r.measurement.device).vendor, "#777")}" fill-opacity="0.5"/>'
        for r in rows
    ]
    frame = f'<rect x="{left}" y="{EDGE}" width="{room}" height="{room}" fill="none" stroke="#999"/>'
    ends = f'x1="{left}" y1="{SIZE - EDGE}" x2="{left + room}" y2="{EDGE}"'
    diagonal = f'<line {ends} stroke="#333" stroke-dasharray="4 3"/>'
    unit = "tokens/s" if metric == "throughput" else "s"
    title = escape(f"{METRICS[metric]} ({unit}): predicted over measured, {10**low:.3g} to {10**high:.3g}")
    return "\n".join(
        (f"<g font-size='11'><text x='{left}' y='{EDGE - 12}'>{title}</text>", frame, diagonal, *dots, "</g>")
    )
