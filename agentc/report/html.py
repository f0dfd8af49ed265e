"""The report as one page that needs nothing else: figures, picture, tables, reasons."""

from collections.abc import Iterable, Iterator

from agentc.report import svg
from agentc.report.colors import colors
from agentc.report.escape import escape
from agentc.report.facts import Facts, TaskFact, each_way
from agentc.report.text import LABELS, format_power, next_best, ways
from agentc.support import packaged
from agentc.support.units import format_bytes, format_figure, format_seconds, format_usd


def render(facts: Facts) -> str:
    """An HTML document, styles and picture within."""
    style = packaged.text("agentc.report", "report.css")
    body = "\n".join(_body(facts))
    title = f"{escape(facts.agent)} on {escape(facts.fleet)}"
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(facts: Facts) -> Iterator[str]:
    summary = facts.summary
    yield f"<h1>{escape(facts.agent)} <small>on {escape(facts.fleet)}</small></h1>"
    yield (
        f"<p class='status {summary.status}'>{summary.status} for {summary.objective}, "
        f"gap {summary.gap:.2%}, at {facts.load.requests_per_second:g} requests/s"
        f"{' (assumed)' if facts.load.assumed else ''}</p>"
    )
    if summary.status == "infeasible":
        yield "<ul class='conflict'>" + "".join(f"<li>{escape(s)}</li>" for s in summary.conflict) + "</ul>"
        return
    yield "<section class='cards'>" + "".join(_cards(facts)) + "</section>"
    yield f"<figure tabindex='0'>{svg.render(facts)}</figure>"
    yield "<h2>Tasks</h2>"
    yield _tasks(facts)
    yield "<h2>Pools</h2>"
    yield _table(
        ("pool", "replicas", "devices", "busy", "$/h"),
        (
            (
                p.name,
                str(p.replicas),
                f"{p.devices} x {p.device}",
                f"{p.utilization:.0%}",
                f"{p.usd_per_hour:.2f}",
            )
            for p in summary.pools
        ),
        numbers=(1, 3, 4),
    )
    yield from _optional(facts)


def _cards(facts: Facts) -> Iterator[str]:
    summary = facts.summary
    yield _card(
        "cost", f"{format_usd(summary.usd_per_hour)}/h", f"{format_usd(summary.usd_per_request)} a request", True
    )
    if summary.watts is not None and summary.wh_per_request is not None:
        note = f"{format_figure(summary.wh_per_request)} Wh a request"
        if summary.grams_per_request:
            note += f", {format_figure(summary.grams_per_request)} g CO2e"
        yield _card("power", format_power(summary.watts), note, True)
    limits = {limit.metric: limit for limit in facts.limits}
    for metric, label in LABELS.items():
        value, limit = facts.value(metric), limits.get(metric)
        if value is not None:
            note = f"limit {format_seconds(limit.seconds)} ({limit.percentile})" if limit else "no limit stated"
            yield _card(label, format_seconds(value), note, limit is None or facts.kept(limit))


def _card(label: str, value: str, note: str, good: bool) -> str:
    kind = "card" if good else "card missed"
    return f"<div class='{kind}'><span>{label}</span><strong>{value}</strong><em>{note}</em></div>"


def _tasks(facts: Facts) -> str:
    paint = colors(facts)
    heads = ("task", "device", "tp", "pp", "batch", "time", "$/1k requests", "bound by", "source")
    rows = "".join(_task_row(task, paint[task.on.device], len(heads)) for task in each_way(facts.tasks))
    head = _heads(heads, numbers=(2, 3, 4, 5, 6))
    return f"<div class='wide' tabindex='0'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _heads(names: tuple[str, ...], numbers: tuple[int, ...]) -> str:
    return "".join(f"<th{' class=n' if i in numbers else ''}>{name}</th>" for i, name in enumerate(names))


def _task_row(task: TaskFact, color: str, columns: int) -> str:
    on = task.on
    chip = f"<span class='chip' style='background:{color}'></span>{escape(on.device)}"
    cells = (
        f"<td>{escape(task.name)}{' <em>async</em>' if task.asynchronous else ''}</td>"
        f"<td>{chip} <em>{on.mode}</em></td>"
        f"<td class='n'>{ways(on)}</td><td class='n'>{on.pp}</td><td class='n'>{on.batch}</td>"
        f"<td class='n'>{format_seconds(on.seconds)}</td><td class='n'>{on.usd_per_request * 1000:.3g}</td>"
        f"<td>{escape(on.bottleneck or '-')}</td><td><code>{escape(task.source)}</code></td>"
    )
    best = next_best(task)
    if best is None:
        return f"<tr>{cells}</tr>"
    others = "".join(
        f"<li><b>{escape(row.device)}</b> {row.verdict}: {escape(row.why)}</li>" for row in task.alternatives
    )
    why = f"<details><summary>next best: {escape(best.device)}</summary><ul>{others}</ul></details>"
    return f"<tr>{cells}</tr><tr class='why'><td colspan='{columns}'>{why}</td></tr>"


def _optional(facts: Facts) -> Iterator[str]:
    if facts.transfers:
        yield "<h2>Transfers</h2>"
        yield _table(
            ("from", "to", "bytes", "link", "time"),
            ((t.src, t.dst, format_bytes(t.bytes_), t.link, format_seconds(t.seconds)) for t in facts.transfers),
            numbers=(2, 4),
        )
    if facts.summary.baselines:
        yield "<h2>Against simpler fleets</h2>"
        rows = (
            (
                row.name,
                ", ".join(row.devices),
                "cannot keep the demands" if row.usd_per_hour is None else f"{format_usd(row.usd_per_hour)}/h",
            )
            for row in facts.summary.baselines
        )
        yield _table(("fleet", "devices", "cost"), rows, numbers=(2,))
    if facts.profiled:
        yield f"<h2>From {escape(facts.profile)}</h2>"
        yield "<ul>" + "".join(f"<li>{escape(row)}</li>" for row in facts.profiled) + "</ul>"
    assumed = facts.summary.assumptions
    if assumed:
        yield "<h2>Assumed</h2><p>The definition states nothing of these; stating them gives a better plan.</p>"
        yield "<ul>" + "".join(f"<li>{escape(row)}</li>" for row in dict.fromkeys(assumed)) + "</ul>"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, numbers: tuple[int, ...] = ()) -> str:
    head = _heads(heads, numbers)
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' if i in numbers else ''}>{escape(cell)}</td>" for i, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<div class='wide' tabindex='0'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
