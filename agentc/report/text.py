"""The facts for a person at a terminal of 80 columns or more."""

from collections.abc import Iterable, Iterator

from agentc.plan.graph import Limit
from agentc.plan.placement import Alternative, Assignment, PlanSummary
from agentc.report.facts import Facts, TaskFact, each_way
from agentc.support.units import format_bytes, format_figure, format_seconds, format_usd

LABELS = {"ttft": "TTFT", "tbt": "TBT", "end_to_end": "end to end"}
WIDTH = 80
HEADS = ("task", "device", "tp", "pp", "batch", "time", "$/1k req", "bound by")
PIPELINE = HEADS.index("pp")


def render(facts: Facts, *, task: str | None = None, why_not: str | None = None) -> str:
    """The report; with ``task`` that task's page, with ``why_not`` what speaks against that device."""
    if task is not None or why_not is not None:
        lines = _detail(facts, task, facts.device(why_not) if why_not is not None else None)
    else:
        lines = _overview(facts)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _overview(facts: Facts) -> Iterator[str]:
    summary = facts.summary
    proof = f"gap {summary.gap:.2%}" if summary.status != "infeasible" else "no plan keeps all demands"
    aims = ", then ".join((summary.objective, *summary.then))
    yield f"{facts.agent} on {facts.fleet}: {summary.status} for {aims} ({proof})"
    if summary.status == "infeasible":
        yield ""
        yield from (f"  {sentence}" for sentence in summary.conflict)
        return
    yield ""
    yield from _figures(facts)
    yield ""
    yield from _tasks(facts)
    yield from _pools(facts)
    yield from _transfers(facts)
    yield from _savings(facts)
    yield from _choices(facts)
    yield from _reasons(facts)
    yield from _profile(facts)
    yield from _assumptions(facts)


def _figures(facts: Facts) -> Iterator[str]:
    summary = facts.summary
    rate = facts.load.requests_per_second
    assumed = " (assumed)" if facts.load.assumed else ""
    yield (
        f"  cost         {format_usd(summary.usd_per_hour)}/h, "
        f"{format_usd(summary.usd_per_request)} a request at {rate:g} requests/s{assumed}"
    )
    if summary.sunk_usd_per_hour:
        yield f"  sunk         {format_usd(summary.sunk_usd_per_hour)}/h of devices held is paid off and not counted"
    if summary.penalty_usd_per_hour:
        missed = format_usd(summary.penalty_usd_per_hour)
        yield f"  penalty      {missed}/h for soft limits that are missed; not in the cost"
    if energy := energy_line(summary):
        aside = "; hosted models aside" if any(task.on.mode == "hosted" for task in facts.tasks) else ""
        yield f"  energy       {energy}{aside}"
    limits = {limit.metric: limit for limit in facts.limits}
    for metric, label in LABELS.items():
        value = facts.value(metric)
        if value is not None:
            yield f"  {label:<12} {format_seconds(value):<10}{_bound(facts, limits.get(metric))}"
    if summary.critical_path:
        yield from wrap("  path         ", " > ".join(summary.critical_path))


def energy_line(summary: PlanSummary) -> str:
    """Power, and energy and carbon of a request; empty where nothing is known of them."""
    if summary.watts is None or summary.wh_per_request is None:
        return ""
    told = f"{format_power(summary.watts)}, {format_figure(summary.wh_per_request)} Wh a request"
    if not summary.grams_per_request:
        return told
    return f"{told}, {format_figure(summary.grams_per_request)} g CO2e a request"


def format_power(watts: float) -> str:
    """``850 W``, ``12.4 kW``."""
    return f"{format_figure(watts / 1000)} kW" if watts >= 1000 else f"{format_figure(watts)} W"


def _bound(facts: Facts, limit: Limit | None) -> str:
    if limit is None:
        return "no limit stated"
    missed = "MISSED" if limit.usd_per_ms is None else "missed, as it is soft"
    verdict = "kept" if facts.kept(limit) else missed
    return f"limit {format_seconds(limit.seconds)} at {limit.percentile}: {verdict}"


def ways(on: Assignment) -> str:
    """Tensor parallelism, and by how many data-parallel groups, where there are several: ``2x4``."""
    return f"{on.tp}x{on.dp}" if on.dp > 1 else str(on.tp)


def _tasks(facts: Facts) -> Iterator[str]:
    """The tasks, without a column of what none of them does; and what the marks mean."""
    rows, heads = [_row(task) for task in each_way(facts.tasks)], HEADS
    piped = any(row[PIPELINE] != "1" for row in rows)
    if not piped:
        heads, *rows = (row[:PIPELINE] + row[PIPELINE + 1 :] for row in (heads, *rows))
    yield from table(heads, rows, right=tuple(range(2, len(heads) - 1)))
    marks = {
        "tp: devices that share each layer": any(row[2] != "1" for row in rows),
        "pp: devices that have some layers each": piped,
        "(agg): prefill and decode in one pool": any(row[1].endswith("(agg)") for row in rows),
        "(api): somebody else's devices": any(row[1].endswith("(api)") for row in rows),
        "*: nothing waits for it": any(row[0].endswith(" *") for row in rows),
    }
    if told := "; ".join(mark for mark, is_there in marks.items() if is_there):
        yield from wrap("  ", told, indent="  ")


def _row(task: TaskFact) -> tuple[str, ...]:
    on = task.on
    mode = {"aggregated": " (agg)", "disaggregated": "", "single": "", "hosted": " (api)"}[on.mode]
    return (
        task.name + (" *" if task.asynchronous else ""),
        on.device + mode,
        ways(on),
        str(on.pp),
        str(on.batch),
        format_seconds(on.seconds),
        f"{on.usd_per_request * 1000:.3g}",
        on.bottleneck or "-",
    )


def _pools(facts: Facts) -> Iterator[str]:
    if not facts.summary.pools:
        return
    yield ""
    yield from table(
        ("pool", "replicas", "devices", "busy", "$/h"),
        (
            (
                pool.name,
                str(pool.replicas),
                f"{pool.devices} x {pool.device}",
                f"{pool.utilization:.0%}",
                f"{pool.usd_per_hour:.2f}",
            )
            for pool in facts.summary.pools
        ),
        right=(1, 3, 4),
    )


def _transfers(facts: Facts) -> Iterator[str]:
    if not facts.transfers:
        return
    yield ""
    yield from table(
        ("transfer", "bytes", "link", "time"),
        (
            (f"{row.src} > {row.dst}", format_bytes(row.bytes_), row.link, format_seconds(row.seconds))
            for row in facts.transfers
        ),
        right=(1, 3),
    )


def _savings(facts: Facts) -> Iterator[str]:
    rows = facts.summary.baselines
    if not rows:
        return
    yield ""
    yield "Against simpler fleets"
    known: set[tuple[object, ...]] = set()
    for row in rows:
        if (row.devices, row.usd_per_hour) in known:
            continue  # the same fleet under another name: there was one class to choose from, or nothing to gain apart
        known.add((row.devices, row.usd_per_hour))
        if row.usd_per_hour is None:
            yield f"  {row.name}: cannot keep the demands"
        else:
            saved = 1 - facts.summary.usd_per_hour / row.usd_per_hour if row.usd_per_hour else 0.0
            devices = f" ({', '.join(row.devices)})" if row.devices else ""
            gain = f"this plan saves {saved:.1%}" if saved >= 0.0005 else "this plan costs as much"
            yield f"  {row.name}{devices}: {format_usd(row.usd_per_hour)}/h; {gain}"


def _choices(facts: Facts) -> Iterator[str]:
    if facts.choices:
        yield ""
        yield "Chosen among alternatives"
    for sentence in facts.choices:
        yield from wrap("  ", sentence, indent="    ")


def _reasons(facts: Facts) -> Iterator[str]:
    told = [task for task in facts.tasks if task.alternatives]
    if not told:
        return
    yield ""
    yield "Next best"
    for task in told:
        best = next_best(task)
        if best is not None:
            yield from wrap("  ", f"{task.name}: {best.device}: {best.why}", indent="    ")


def next_best(task: TaskFact) -> Alternative | None:
    """The alternative that costs least more, or the first that is ruled out where all are."""
    possible = [row for row in task.alternatives if row.verdict != "infeasible"]
    if possible:
        return min(possible, key=lambda row: row.usd_per_hour_delta)
    return task.alternatives[0] if task.alternatives else None


def _profile(facts: Facts) -> Iterator[str]:
    if facts.profiled:
        yield ""
        yield f"From {facts.profile}"
        for row in facts.profiled:
            yield from wrap("  ", row, indent="    ")


def _assumptions(facts: Facts) -> Iterator[str]:
    if not facts.summary.assumptions:
        return
    yield ""
    yield "Assumed (the definition states nothing; state them for a better plan)"
    for row in facts.summary.assumptions:
        yield from wrap("  ", row, indent="    ")


def _detail(facts: Facts, task: str | None, why_not: str | None) -> Iterator[str]:
    for fact in facts.tasks:
        if task in (None, fact.name):
            yield from _page(fact, why_not)
            yield ""


def _cache(on: Assignment) -> str:
    """How the KV cache lies, where not every request has room for its longest."""
    host = f", {format_bytes(on.host_bytes)} of the host" if on.cache == "offloaded" else ""
    return "" if on.cache == "reserved" else f", cache in pages{host}"


def _page(fact: TaskFact, why_not: str | None) -> Iterator[str]:
    on = fact.on
    yield f"{fact.name} ({fact.op}, {fact.source})"
    if fact.made_by:
        yield f"  made by      {' > '.join(fact.made_by)}"
    replicas = f"{on.replicas} replica{'s' if on.replicas != 1 else ''}"
    config = f"tp={on.tp}, pp={on.pp}, dp={on.dp}, batch={on.batch}"
    yield from wrap("  on           ", f"{on.device}, {on.mode}, {config}, {replicas}")
    for way in fact.routes:
        config = f"tp={way.tp}, pp={way.pp}, dp={way.dp}, batch={way.batch}"
        yield from wrap("  and on       ", f"{way.device}, {way.mode}, {config}, {way.share:.1%} of the requests")
    if (draft := fact.draft) is not None:
        proposed = f"{draft.tokens} token{'s' if draft.tokens != 1 else ''} a round"
        yield f"  draft        {draft.model.name}, {proposed}, {draft.acceptance:.0%} kept"
    bound = f"bound by {on.bottleneck or 'nothing'}"
    yield from wrap("  time         ", f"{format_seconds(on.seconds)}{_interval(on)}, {bound}")
    yield f"  memory       {format_bytes(on.memory_bytes)} a device{_cache(on)}"
    yield f"  cost         {format_usd(on.usd_per_request)} a request"
    if fact.assumed:
        yield from wrap("  assumed      ", ", ".join(fact.assumed))
    rows = [row for row in fact.alternatives if why_not in (None, row.device)]
    if why_not is not None and why_not == on.device:
        yield f"  {why_not} is where it is"
    elif why_not is not None and not rows:
        yield f"  {why_not} was not considered: the fleet has none, or it runs no {fact.op}"
    widest = max((len(row.device) for row in rows), default=0)
    for row in rows:
        yield from wrap(f"  not {row.device:<{widest}}  ", f"{row.verdict}: {row.why}", indent="      ")


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, right: tuple[int, ...] = ()) -> Iterator[str]:
    """Columns as wide as their content; those in ``right`` flush right.

    A first cell that would make the table wider than ``WIDTH`` gets a line of its own.
    """
    cells = [heads, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    room = max(WIDTH - sum(width + 2 for width in widths[1:]) - 2, len(heads[0]))
    if widths[0] > room:
        widths[0] = max((len(row[0]) for row in cells if len(row[0]) <= room), default=0)
    for row in cells:
        if len(row[0]) > widths[0]:
            yield "  " + row[0]
            row = ("", *row[1:])
        parts = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(parts)


def wrap(lead: str, text: str, *, indent: str = "               ") -> Iterator[str]:
    """``text`` in lines of at most ``WIDTH``, the first after ``lead``, the others after ``indent``."""
    line = lead
    for word in text.split():
        if len(line) + len(word) + 1 > WIDTH and line.strip():
            yield line
            line = indent + word
        else:
            line = line + word if line in (lead, indent) else f"{line} {word}"
    yield line


def _interval(on: Assignment) -> str:
    """p10 and p90 of what was measured on devices like it."""
    if not on.high_seconds:
        return ""
    return f" ({format_seconds(on.low_seconds)} to {format_seconds(on.high_seconds)} in 8 of 10 measurements)"
