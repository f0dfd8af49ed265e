"""Transfers between two choices, written as a linear function.

A transfer depends on two places at once, ``h[a, b]``. Written out, that is one product of binaries for
each pair of places. But links fall into few classes, so most of a matrix is ``row[a] + column[b]`` (a
NIC at either end, a site) and only the rest (the same machine, a direct link) needs a variable of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import TypeAlias

from agentc.support.record import record

Pair: TypeAlias = tuple[str, str]
Quantity: TypeAlias = Mapping[Pair, float]


@record
class Split:
    """``h[a, b] = row[a] + column[b] + rest.get((a, b), 0)`` for every pair that has a hop."""

    row: dict[str, float]
    column: dict[str, float]
    rest: dict[Pair, float] = field(default_factory=dict[Pair, float])


def split(quantity: Quantity) -> Split:
    """The split with the smallest rest among a few; pairs above the base count double, as they bound worse."""
    if not any(quantity.values()):
        return Split({a: 0.0 for a, _ in quantity}, {b: 0.0 for _, b in quantity})
    return _split(tuple(quantity.items()))


@lru_cache(maxsize=1024)
def _split(pairs: tuple[tuple[Pair, float], ...]) -> Split:
    """Many edges of large graphs have the same hops."""
    quantity = dict(pairs)
    tries = [
        _by(quantity, _most_common, _most_common, rows_first=True),
        _by(quantity, _most_common, _most_common, rows_first=False),
        _by(quantity, _nothing, max, rows_first=False),
        _by(quantity, max, _nothing, rows_first=True),
    ]
    return min(tries, key=lambda s: sum(2 if value > 0 else 1 for value in s.rest.values()))


def underestimate(quantity: Quantity) -> Split:
    """A split without rest that is nowhere above ``quantity``."""
    exact = _by(quantity, min, min, rows_first=True)
    return Split(exact.row, exact.column)


def _by(
    quantity: Quantity,
    row_base: Callable[[Sequence[float]], float],
    column_base: Callable[[Sequence[float]], float],
    *,
    rows_first: bool,
) -> Split:
    row: dict[str, float] = {}
    column: dict[str, float] = {}
    passes: tuple[tuple[int, Callable[[Sequence[float]], float], dict[str, float]], ...] = (
        (0, row_base, row),
        (1, column_base, column),
    )
    left = dict(quantity)
    for end, base, into in passes if rows_first else tuple(reversed(passes)):
        into.update({place: base(values) for place, values in _lines(left, end).items()})
        left = {pair: value - into[pair[end]] for pair, value in left.items()}
    return Split(row, column, {pair: v for pair, v in left.items() if abs(v) > 1e-12 * abs(quantity[pair])})


def _lines(quantity: Quantity, end: int) -> dict[str, list[float]]:
    lines: dict[str, list[float]] = {}
    for pair, value in quantity.items():
        lines.setdefault(pair[end], []).append(value)
    return lines


def _most_common(values: Sequence[float]) -> float:
    """The most frequent value; the largest among equals, so that the rest is a saving."""
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], value))


def _nothing(_: Sequence[float]) -> float:
    return 0.0


def missing(carried: Iterable[Pair], sources: Sequence[str], targets: Sequence[str]) -> dict[str, list[str]]:
    """Source place -> target places that it has no hop to."""
    known = set(carried)
    gaps = {a: [b for b in targets if (a, b) not in known] for a in sources}
    return {a: bs for a, bs in gaps.items() if bs}
