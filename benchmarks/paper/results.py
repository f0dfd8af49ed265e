"""Everything that is printed, drawn or written, computed once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.paper.claims import judgments
from benchmarks.paper.facts import CLAIMS
from benchmarks.paper.phases import Phases, all_phases
from benchmarks.paper.reasons import REASONS
from benchmarks.paper.scaling import Sweep, sweeps
from benchmarks.paper.settings import HEADLINES, SETTINGS, Setting
from benchmarks.paper.tables import DeviceRow, OptionRow, table_3, table_5
from benchmarks.paper.tco import CASES, Answers, Case, answers
from benchmarks.paper.verdicts import Judgment, Overall, overall


@dataclass(frozen=True)
class Results:
    """All of it."""

    table_3: Sequence[OptionRow]
    table_5: Sequence[DeviceRow]
    answers: Mapping[Setting, Mapping[Case, Answers]]
    """Of the headline settings."""
    phases: Mapping[Setting, Sequence[Phases]]
    sweeps: Mapping[Setting, Sequence[Sweep]]
    judgments: Mapping[int, Mapping[str, Judgment]]
    overall: Mapping[int, Overall]
    reasons: Mapping[int, Mapping[str, str]]


def results() -> Results:
    """Run everything: some seconds."""
    judged = judgments(SETTINGS)
    names = [setting.name for setting in HEADLINES]
    return Results(
        table_3(),
        table_5(),
        {setting: {case: answers(setting, case) for case in CASES} for setting in HEADLINES},
        {setting: all_phases(setting) for setting in HEADLINES},
        {setting: sweeps(setting) for setting in HEADLINES},
        judged,
        {number: overall(by, names) for number, by in judged.items()},
        {number: {s.name: REASONS[number](s) for s in HEADLINES} for number in CLAIMS},
    )


def facts(found: Results) -> dict[str, Any]:
    """For JSON: no device objects, pairs as ``A::B``, infinite figures as null."""
    return {
        "table_3": [asdict(row) for row in found.table_3],
        "table_5": [_device(row) for row in found.table_5],
        "figures": [
            {"setting": setting.name, **case.factors, "pairs": _pairs(rows)}
            for setting, by in found.answers.items()
            for case, rows in by.items()
        ],
        "phases": [
            {"setting": setting.name, **_finite(asdict(row))} for setting, rows in found.phases.items() for row in rows
        ],
        "sweeps": [{"setting": setting.name, **asdict(row)} for setting, rows in found.sweeps.items() for row in rows],
        "claims": [_claim(found, number) for number in CLAIMS],
    }


def _claim(found: Results, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "claim": CLAIMS[number],
        **asdict(found.overall[number]),
        "reasons": dict(found.reasons[number]),
        "settings": {name: asdict(judged) for name, judged in found.judgments[number].items()},
    }


def _pairs(rows: Answers) -> dict[str, Any]:
    return {"::".join(pair): row.facts() if row else None for pair, row in rows.items()}


def _device(row: DeviceRow) -> dict[str, Any]:
    return {
        "device": row.name,
        "price_usd": row.printed.price_usd,
        "printed_tflops": row.printed.flops_per_second["bf16"] / 1e12,
        "datasheet_tflops": row.datasheet.flops_per_second["bf16"] / 1e12,
        "annuity_usd_per_hour": row.annuity,
        "power_usd_per_hour": row.power,
        "printed_operating_usd_per_hour": row.printed_operating,
    }


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with null for what no configuration reaches."""
    return {
        key: {k: None if v == float("inf") else v for k, v in value.items()} if isinstance(value, dict) else value
        for key, value in row.items()
    }
