"""The five claims as predicates on figures. None is typed in: each is true or false of the rows that it is given."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

from benchmarks.paper.facts import ARTICLE, COMPARED, LINK_GBPS, MODELS, PRECISIONS
from benchmarks.paper.links import needs
from benchmarks.paper.phases import NEVER, SLACK, TBT_SECONDS, Phases, all_phases
from benchmarks.paper.scaling import sweeps
from benchmarks.paper.settings import Setting
from benchmarks.paper.tco import CASES, answers, benefits
from benchmarks.paper.verdicts import Check, Judgment, Predicate, Row, judge

COMPARABLE = 0.9
"""Claim 2: at least this times the other's tokens a dollar."""
OFTEN = 0.5
"""Claim 2: in at least this share of the cases."""
EATEN = 1.1
"""Claim 4: the last doubling of devices cuts latency by less than this."""
MORE = 1.02
"""Claim 1: a gain that is larger is so by this factor at least."""
ABOUT = 0.25
"""The later article's figures: within this of each."""

_B_G, _B_B, _H_G = "B200::Gaudi3", "B200::B200", "H100::Gaudi3"
_COMPARED = tuple("::".join(pair) for pair in COMPARED)


def claim_1(rows: Sequence[Row]) -> list[Check]:
    """B200::Gaudi3 is the best pair by SLA and precision, beats B200::B200 in each case, and gains most at FP8."""
    groups = _groups(rows, "sla", "precision")
    ahead = [_value(row, _B_G) > _value(row, _B_B) for row in rows]
    checks = [
        _best(f"best of the {len(_COMPARED)} compared pairs in each SLA and precision", groups, _COMPARED),
        Check("beats B200::B200 in each case", all(ahead), f"in {sum(ahead)} of {len(ahead)}"),
    ]
    for sla, part in _groups(rows, "sla").items():
        by = {key[0]: _mean(found, _B_G) for key, found in _groups(part, "precision").items()}
        if len(by) == 2:
            told = f"{by['FP8']:.2f} and {by['FP16']:.2f} times the baseline"
            checks.append(Check(f"gains more at FP8 than at FP16, {sla[0]}", by["FP8"] > MORE * by["FP16"], told))
    every = tuple(dict.fromkeys(pair for row in rows for pair in row.figures))
    return [*checks, _best("best of all pairs", groups, every, required=False), *_article(rows)]


def claim_2(rows: Sequence[Row]) -> list[Check]:
    """H100::Gaudi3 is comparable with B200::B200 often."""
    ratios = [_value(row, _H_G) / _value(row, _B_B) for row in rows if _value(row, _B_B)]
    if not ratios:
        return []
    near = sum(ratio >= COMPARABLE for ratio in ratios)
    told = f"in {near} of {len(ratios)} cases; {min(ratios):.2f} to {max(ratios):.2f} times"
    words = f"at least {COMPARABLE:g} times B200::B200 in {OFTEN:.0%} of the cases"
    return [Check(words, near >= OFTEN * len(ratios), told)]


def claim_3(rows: Sequence[Row]) -> list[Check]:
    """Who prefills and who decodes at the least cost, and who prefills first."""
    checks: list[Check] = []
    for precision, winner in (("FP16", "Gaudi3"), ("FP8", "B200")):
        part = [row for row in rows if row.factors["precision"] == precision]
        checks += _least(f"{winner} prefills long inputs at the least cost at {precision}", part, "prefill", winner)
    checks += _least("B200 prefills long inputs first", rows, "fastest", "B200")
    checks += _least("Gaudi3 decodes long outputs at the least cost", rows, "decode", "Gaudi3")
    return checks


def claim_4(rows: Sequence[Row]) -> list[Check]:
    """A second step helps, the last doubling does not."""
    runs = [[value for value in row.figures.values() if value] for row in rows]
    runs = [run for run in runs if len(run) > 2]
    if not runs:
        return []
    falls, eaten = [run[1] < run[0] for run in runs], [run[-2] < EATEN * run[-1] for run in runs]
    return [
        Check("the first doubling of devices cuts latency", all(falls), f"in {sum(falls)} of {len(falls)} sweeps"),
        Check(
            f"the last doubling gains less than {EATEN - 1:.0%}", all(eaten), f"in {sum(eaten)} of {len(eaten)} sweeps"
        ),
    ]


def claim_5(rows: Sequence[Row]) -> list[Check]:
    """Both formulas stay within a link of 400 Gbit/s; beside it, within one of 200."""
    checks: list[Check] = []
    for name in ("egress", "ingress"):
        values = [_value(row, name) for row in rows]
        for link in sorted(LINK_GBPS, reverse=True):
            fine = sum(value <= link for value in values)
            told = f"in {fine} of {len(values)} cases; {min(values):.0f} to {max(values):.0f} Gbit/s a device"
            checks.append(Check(f"{name} within {link:g} Gbit/s", fine == len(values), told, link == max(LINK_GBPS)))
    return checks


def pair_rows(setting: Setting) -> list[Row]:
    """Of claims 1 and 2: benefits of all pairs by case, where the baseline keeps the limits."""
    found = [Row(case.factors, benefits(answers(setting, case))) for case in CASES]
    return [row for row in found if row.figures["H100::H100"]]


def phase_rows(setting: Setting) -> list[Row]:
    """Of claim 3. How long "slightly longer" is, and whether MI300x is in the field, are assumptions of their own."""
    rows: list[Row] = []
    for found, (limit, decode), aside in product(all_phases(setting), _LIMITS.items(), _FIELDS):
        by = {"prefill": found.prefill_usd, "fastest": found.fastest_prefill_seconds, "decode": decode(found)}
        factors = {"model": MODELS[found.model], "precision": PRECISIONS[found.precision], "limit": limit}
        figures = {f"{what} {name}": usd for what, part in by.items() for name, usd in part.items() if name != aside}
        rows.append(Row({**factors, "field": _FIELDS[aside]}, figures))
    return rows


_LIMITS: Mapping[str, Callable[[Phases], Mapping[str, float]]] = {
    f"TBT up to {SLACK * TBT_SECONDS * 1e3:.0f} ms": lambda found: found.decode_usd_slack,
    "no limit on TBT": lambda found: found.decode_usd,
}
_FIELDS = {"": "all six devices", "MI300x": "MI300x aside"}


def sweep_rows(setting: Setting) -> list[Row]:
    """Of claim 4: latency by devices."""
    return [
        Row(
            {"phase": s.phase, "model": MODELS[s.model], "precision": PRECISIONS[s.precision], "device": s.device},
            {str(ways): seconds for ways, seconds in s.seconds.items()},
        )
        for s in sweeps(setting)
    ]


def link_rows(setting: Setting) -> list[Row]:
    """Of claim 5: the most that any device class sends, and what a decode takes in."""
    return [
        Row(
            {"model": MODELS[n.model], "precision": PRECISIONS[n.precision], "replica": f"{n.devices} to a replica"},
            {"egress": max(n.egress_gbps.values()), "ingress": n.ingress_gbps},
        )
        for n in needs(setting)
    ]


TESTED: Mapping[int, tuple[Predicate, Callable[[Setting], list[Row]]]] = {
    1: (claim_1, pair_rows),
    2: (claim_2, pair_rows),
    3: (claim_3, phase_rows),
    4: (claim_4, sweep_rows),
    5: (claim_5, link_rows),
}


def judgments(settings: Iterable[Setting]) -> dict[int, dict[str, Judgment]]:
    """Claim -> setting -> judgment."""
    listed = tuple(settings)
    found: dict[int, dict[str, Judgment]] = {}
    for number, (predicate, rows) in TESTED.items():
        found[number] = {setting.name: judge(predicate, rows(setting)) for setting in listed}
    return found


def _value(row: Row, name: str) -> float:
    """The figure, zero where there is none."""
    return row.figures.get(name) or 0.0


def _groups(rows: Sequence[Row], *factors: str) -> dict[tuple[str, ...], list[Row]]:
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row.factors[factor] for factor in factors), []).append(row)
    return found


def _mean(rows: Sequence[Row], pair: str) -> float:
    """Geometric; zero where the pair serves not all cases."""
    values = [_value(row, pair) for row in rows]
    return math.exp(sum(map(math.log, values)) / len(values)) if all(values) else 0.0


def _best(
    statement: str, groups: Mapping[tuple[str, ...], list[Row]], pairs: Sequence[str], *, required: bool = True
) -> Check:
    """B200::Gaudi3 has the largest geometric mean in every group; tells who has it instead."""
    winners: dict[str, str] = {}
    for key, rows in groups.items():
        means = {pair: _mean(rows, pair) for pair in pairs}
        best = max(means, key=lambda pair: means[pair])
        if best != _B_G:
            winners[" ".join(key)] = f"{best} {means[best]:.2f} over {means.get(_B_G, 0.0):.2f}"
    told = "; ".join(f"{key}: {words}" for key, words in winners.items())
    return Check(statement, not winners, told or "in each", required)


def _article(rows: Sequence[Row]) -> list[Check]:
    """The later article's figures beside the largest found at that shape."""
    checks: list[Check] = []
    for words, stated in ARTICLE.items():
        pair, _, shape = words.partition(" at ")
        arrow = shape.strip("()").replace(", ", "->")
        found = max((_value(row, pair) for row in rows if row.factors["shape"] == arrow), default=0.0)
        near = abs(found / stated - 1) <= ABOUT
        checks.append(Check(f"about {stated:g} times for {words} (article)", near, f"at most {found:.2f}", False))
    return checks


def _least(statement: str, rows: Sequence[Row], what: str, winner: str) -> list[Check]:
    """One check: ``winner`` has the least figure of ``what`` in each row; none without rows."""
    if not rows:
        return []
    lost: dict[str, list[float]] = {}
    for row in rows:
        found = {k.removeprefix(f"{what} "): v for k, v in row.figures.items() if k.startswith(f"{what} ") and v}
        best = min(found, key=lambda name: found[name])
        if best != winner:
            lost.setdefault(best, []).append(found.get(winner, NEVER) / found[best])
    told = [f"{best} in {len(factors)}, by {_factors(factors)}" for best, factors in lost.items()]
    count = len(rows) - sum(map(len, lost.values()))
    return [Check(statement, not lost, "; ".join([f"in {count} of {len(rows)}", *told]))]


def _factors(values: Sequence[float]) -> str:
    """``1.37 times`` or ``1.10 to 1.19 times``."""
    low, high = (f"{value:.2f}" if math.isfinite(value) else "any" for value in (min(values), max(values)))
    return f"{low} times" if low == high else f"{low} to {high} times"
