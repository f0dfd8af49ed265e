"""The results for a person at a terminal of 96 columns."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks.paper.facts import CLAIMS, COMPARED, NOT_GIVEN, SETUP, SLAS
from benchmarks.paper.phases import NEVER, Phases
from benchmarks.paper.results import Results
from benchmarks.paper.settings import CURVES, FIGURES, HEADLINES, HOURLY, Setting, hours
from benchmarks.paper.tco import CASES, Answers, Case, benefits
from benchmarks.paper.verdicts import NOT, REPRODUCED, UNDER, Judgment

WIDTH = 96
_SHORT = {REPRODUCED: "yes", UNDER: "in part", NOT: "no"}


def render(found: Results) -> str:
    """All tables, both figures under both settings, and the verdicts last."""
    lines = [*_table_3(found), *_table_4(), *_table_5(found)]
    for setting in HEADLINES:
        for sla in SLAS:
            lines += _figure(setting, sla.name, found.answers[setting])
        lines += _phases(setting, found.phases[setting])
    return _text([*lines, *_sweeps(found), *_claims(found)]) + summary(found)


def summary(found: Results) -> str:
    """Claims by settings, and the verdicts."""
    return _text([*_matrix(found), *_verdicts(found)])


def _text(lines: Iterable[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> Iterator[str]:
    """Columns as wide as their content, the first ``left`` of them flush left."""
    cells = [list(heads), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for row in cells:
        parts = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        yield "  " + "  ".join(parts)


def _title(text: str) -> list[str]:
    return ["", text, "-" * min(len(text), WIDTH)]


def _wrapped(text: str, lead: str = "  ", indent: str | None = None) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=lead if indent is None else indent)


def _table_3(found: Results) -> Iterator[str]:
    yield "Table 3: the worked example (1,000 input and 500 output tokens, 120 ms)"
    yield "-" * 72
    rows = (
        (
            row.name,
            f"{row.prefill}::{row.decode}",
            f"{row.seconds * 1e3:.0f}",
            f"{row.usd:.3f}",
            "yes" if row.feasible else "no",
            "chosen" if row.chosen else "",
            f"{row.printed_seconds * 1e3:.0f}",
            f"{row.printed_usd:.3f}",
        )
        for row in found.table_3
    )
    yield from table(("", "pair", "ms", "$", "in time", "solver", "paper ms", "paper $"), rows, left=2)
    for row in found.table_3:
        if abs(row.usd - row.printed_usd) > 5e-4:
            yield f"  {row.name}: the table's own figures add up to ${row.usd:.3f}, not ${row.printed_usd:.2f}."


def _table_4() -> Iterator[str]:
    yield from _title("Table 4: what section 5 states of the set-up")
    for name, words in SETUP:
        yield f"  {name:<13}{words}"
    yield "  Not given, or not read:"
    for words in NOT_GIVEN:
        yield from _wrapped(words, "  - ", "    ")


def _table_5(found: Results) -> Iterator[str]:
    yield from _title("Table 5: devices as printed; what an hour comes to; beside the datasheet")
    rows = (
        (
            row.name,
            f"{row.printed.price_usd or 0:,.0f}",
            f"{row.printed.memory_bytes / 1e9:.0f}",
            f"{row.printed.bytes_per_second / 1e9:,.0f}",
            f"{row.printed.flops_per_second['bf16'] / 1e12:,.0f}",
            f"{row.printed_operating:.2f}",
            f"{row.annuity:.2f}",
            f"{row.power:.2f}",
            f"{row.usd_per_hour:.2f}",
            f"{row.datasheet.flops_per_second['bf16'] / 1e12:,.0f}",
            f"{row.rate_factor:.2f}",
        )
        for row in found.table_5
    )
    heads = ("device", "$", "GB", "GB/s", "TFLOPS", "op. $/h", "annuity", "power", "$/h", "sheet", "ratio")
    yield from table(heads, rows)
    yield from _wrapped(
        "op. $/h is the paper's operating column; annuity (4 years, 8 %), power (TDP, $0.40/kWh) and their sum $/h are "
        "computed; sheet is the dense 16-bit rate of the datasheet, ratio the printed rate over it."
    )
    off = [f"{row.name} {row.rate_factor:.2f}" for row in found.table_5 if abs(row.rate_factor - 1) > 0.02]
    yield from _wrapped(f"Printed rates off by more than 2 %: {', '.join(off)}.")


def _columns(sla: str) -> list[Case]:
    return [case for case in CASES if case.sla.name == sla]


def _figure(setting: Setting, sla: str, by: Mapping[Case, Answers]) -> Iterator[str]:
    """Tokens a dollar over the baseline's: compared pairs first, then all others by their mean."""
    cases = _columns(sla)
    found = {case: benefits(by[case]) for case in cases}
    pairs = list(found[cases[0]])
    named = ["::".join(pair) for pair in COMPARED]
    others = sorted((pair for pair in pairs if pair not in named), key=lambda p: (-_middle(found, p), p))
    yield from _title(f"Figure, {sla}: TCO benefit over H100::H100")
    yield f"  {setting.words}"
    heads = [f"{c.factors['model']} {c.factors['precision']}" for c in cases]
    shapes = [":".join(_thousands(tokens) for tokens in c.shape) for c in cases]
    rows = [["(in:out tokens)", *shapes], *(_bars(pair, found) for pair in named)]
    yield from table(["prefill::decode", *heads], [*rows, ["all others", *[""] * len(cases)]])
    lines = list(table(["prefill::decode", *heads], [rows[0], *(_bars(pair, found) for pair in others)]))
    yield from lines[2:]
    if any(value is None for row in found.values() for value in row.values()):
        yield "  -: no configuration fits and keeps the limits"


def _thousands(tokens: int) -> str:
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)


def _bars(pair: str, found: Mapping[Case, Mapping[str, float | None]]) -> list[str]:
    values = [row[pair] for row in found.values()]
    return [pair, *(f"{value:.2f}" if value else "-" for value in values)]


def _middle(found: Mapping[Case, Mapping[str, float | None]], pair: str) -> float:
    return sum(row[pair] or 0.0 for row in found.values())


def _phases(setting: Setting, rows: Sequence[Phases]) -> Iterator[str]:
    """Dollars a million tokens by phase."""
    yield from _title("One phase alone at full load, $ a million tokens (prefill 4096 in, decode 4096 out)")
    yield f"  {setting.words}"
    names = list(rows[0].prefill_usd)
    told: list[list[str]] = [["$/h", *(f"{hours(setting)[name]:.2f}" for name in names)]]
    for row in rows:
        case = Case(row.model, row.precision, (0, 0), SLAS[0]).factors
        label = f"{case['model']} {case['precision']}"
        parts = {
            "prefill": row.prefill_usd,
            "decode": row.decode_usd,
            "decode, TBT <= 40 ms": row.decode_usd_slack,
            "decode, TBT <= 20 ms": row.decode_usd_tight,
        }
        told += [[f"{label} {part}", *(_usd(usd[name]) for name in names)] for part, usd in parts.items()]
    yield from table(["", *names], told)


def _usd(value: float) -> str:
    return f"{value:.4f}" if value < NEVER else "-"


def _sweeps(found: Results) -> Iterator[str]:
    """Claim 4's sweeps of the paper's two larger families and of the baseline."""
    for setting, runs in found.sweeps.items():
        yield from _title("Tensor parallelism: ms at batch 1 on 1 to 64 devices, % of it communication")
        yield f"  {setting.words}"
        ways = sorted({w for run in runs for w in run.seconds})
        rows: list[list[str]] = []
        for run in runs:
            if run.model == "llama-3-70b":
                case = Case(run.model, run.precision, (0, 0), SLAS[0]).factors
                cells = (
                    f"{run.seconds[w] * 1e3:.0f} {run.network_share[w]:>3.0%}" if w in run.seconds else "" for w in ways
                )
                rows.append([f"{run.device} {case['precision']} {run.phase}", *cells])
        yield from table(["70B", *map(str, ways)], rows)


def _claims(found: Results) -> Iterator[str]:
    """Each claim, check by check, under both settings."""
    for number, words in CLAIMS.items():
        yield from _title(f"Claim {number}")
        yield from _wrapped(words)
        for setting in HEADLINES:
            judged = found.judgments[number][setting.name]
            yield from _wrapped(f"{setting.words}: {judged.verdict}{_assuming(judged)}", "  * ", "    ")
            for check in judged.checks:
                mark = "holds" if check.holds else "fails"
                aside = "" if check.required else " (beside the claim)"
                yield from _wrapped(f"{mark}: {check.statement}{aside}: {check.detail}", "    - ", "      ")
            yield from _wrapped(f"Why: {found.reasons[number][setting.name]}", "    ")


def _assuming(judged: Judgment) -> str:
    return f": {'; '.join(judged.assumptions)}" if judged.assumptions else ""


def _matrix(found: Results) -> Iterator[str]:
    """Claims by settings."""
    yield from _title("Claims by assumptions: figures / share of peak / what an hour costs")
    names = list(found.judgments[1])
    rows = ([name, *(_SHORT[found.judgments[n][name].verdict] for n in CLAIMS)] for name in names)
    yield from table(["", *(f"claim {n}" for n in CLAIMS)], rows)
    for words in (FIGURES, CURVES, HOURLY):
        yield from _wrapped("; ".join(f"{name}: {meaning}" for name, meaning in words.items()) + ".")


def _verdicts(found: Results) -> Iterator[str]:
    """One verdict per claim, and in how many settings each of its parts holds."""
    yield from _title("Verdicts")
    for number, words in CLAIMS.items():
        yield from _wrapped(f"{number}. {words}: {found.overall[number].verdict.upper()}.", "  ", "     ")
        for line in where(found, number):
            yield from _wrapped(line, "     > ", "       ")
        for statement, count, of in parts(found, number):
            yield from _wrapped(f"{statement}: whole in {count} of {of} settings", "     - ", "       ")


def where(found: Results, number: int) -> list[str]:
    """Under what a claim holds: whole settings by name, or assumptions with the settings that need them."""
    judged = found.judgments[number]
    if found.overall[number].verdict != UNDER:
        return []
    whole = [name for name, row in judged.items() if row.verdict == REPRODUCED]
    if whole:
        return [f"under {', '.join(whole)}"]
    grouped: dict[str, list[str]] = {}
    for name, row in judged.items():
        if row.verdict == UNDER:
            grouped.setdefault(", or ".join(row.assumptions), []).append(name)
    return [f"under {_settings(names, judged)}, only for: {words}" for words, names in grouped.items()]


def parts(found: Results, number: int) -> list[tuple[str, int, int]]:
    """(statement, settings in which it holds, settings) of each required check."""
    counts: dict[str, list[bool]] = {}
    for judged in found.judgments[number].values():
        for check in judged.checks:
            if check.required:
                counts.setdefault(check.statement, []).append(check.holds)
    return [(statement, sum(held), len(held)) for statement, held in counts.items()]


def _settings(names: Sequence[str], judged: Mapping[str, Judgment]) -> str:
    return "every setting" if len(names) == len(judged) else ", ".join(names)
