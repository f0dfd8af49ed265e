"""How a claim becomes a verdict: checks on rows of figures, on all rows and on what named assumptions leave of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

REPRODUCED = "reproduced"
UNDER = "reproduced only under stated assumptions"
NOT = "not reproduced"


@dataclass(frozen=True)
class Row:
    """Figures of one case."""

    factors: Mapping[str, str]
    """What tells it from the others: model, precision, …"""
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Check:
    """One statement that holds or not."""

    statement: str
    holds: bool
    detail: str = ""
    required: bool = True
    """Whether the claim stands and falls with it; else it is told beside."""


Predicate = Callable[[Sequence[Row]], Sequence[Check]]


@dataclass(frozen=True)
class Judgment:
    """A claim under one setting."""

    verdict: str
    checks: tuple[Check, ...]
    assumptions: tuple[str, ...] = ()
    """Restrictions of the cases, in words, under which all of it holds."""


def judge(predicate: Predicate, rows: Sequence[Row]) -> Judgment:
    """Reproduced where all required checks hold. Else under the assumption of one value of one factor, or, where that
    is not enough, of two factors, if all required checks hold for those rows alone; else not."""
    checks = tuple(predicate(rows))
    if holds(checks):
        return Judgment(REPRODUCED, checks)
    for depth in (1, 2):
        if found := tuple(words for words, part in slices(rows, depth) if holds(predicate(part))):
            return Judgment(UNDER, checks, found)
    return Judgment(NOT, checks)


def holds(checks: Iterable[Check]) -> bool:
    """Whether there are required checks and all hold."""
    required = [check.holds for check in checks if check.required]
    return bool(required) and all(required)


def slices(rows: Sequence[Row], depth: int) -> Iterable[tuple[str, list[Row]]]:
    """The rows that agree in ``depth`` factors, for each combination of values, where that leaves any rows out."""
    values: dict[str, list[str]] = {}
    for row in rows:
        for factor, value in row.factors.items():
            if value not in values.setdefault(factor, []):
                values[factor].append(value)
    for factors in combinations(values, depth):
        for chosen in product(*(values[factor] for factor in factors)):
            wanted = dict(zip(factors, chosen, strict=True))
            part = [row for row in rows if wanted.items() <= row.factors.items()]
            if part and len(part) < len(rows):
                yield " and ".join(chosen), part


@dataclass(frozen=True)
class Overall:
    """A claim over all settings."""

    verdict: str
    where: tuple[str, ...] = field(default=())
    """Settings under which it holds whole, or the setting with its assumption."""


def overall(judged: Mapping[str, Judgment], headlines: Iterable[str]) -> Overall:
    """Reproduced where it is so under every headline; not where it is under no setting, not even in part."""
    if all(judged[name].verdict == REPRODUCED for name in headlines):
        return Overall(REPRODUCED)
    whole = tuple(name for name, found in judged.items() if found.verdict == REPRODUCED)
    if whole:
        return Overall(UNDER, whole)
    partly = tuple(f"{name} ({'; '.join(j.assumptions)})" for name, j in judged.items() if j.verdict == UNDER)
    return Overall(UNDER, partly) if partly else Overall(NOT)
