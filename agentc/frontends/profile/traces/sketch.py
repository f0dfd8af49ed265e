"""Distributions in bounded memory: exact while they are small, then by logarithmic buckets."""

import math
from dataclasses import dataclass, field
from typing import Final

EXACT: Final = 4096
"""Samples that are kept as they are."""

GROWTH: Final = 1.01
"""From one bucket to the next, so that a percentile is within half a percent (Masson, Rim and Lee, DDSketch, VLDB
2019)."""


@dataclass
class Sketch:
    """Samples of a figure; none is negative."""

    count: int = 0
    total: float = 0.0
    _exact: list[float] | None = field(default_factory=list[float])
    _buckets: dict[int, int] = field(default_factory=dict[int, int])

    def add(self, value: float) -> None:
        """One more sample."""
        self.count += 1
        self.total += value
        if self._exact is None:
            self._bucket(value)
            return
        self._exact.append(value)
        if len(self._exact) > EXACT:
            for kept in self._exact:
                self._bucket(kept)
            self._exact = None

    def _bucket(self, value: float) -> None:
        place = math.ceil(math.log(value, GROWTH)) if value > 1e-12 else _ZERO
        self._buckets[place] = self._buckets.get(place, 0) + 1

    @property
    def mean(self) -> float:
        """Of all samples, exact; 0 where there is none."""
        return self.total / self.count if self.count else 0.0

    def at(self, share: float) -> float:
        """The least value that at least ``share`` of the samples do not exceed."""
        rank = max(math.ceil(share * self.count - 1e-9), 1)
        if self._exact is not None:
            return sorted(self._exact)[rank - 1] if self._exact else 0.0
        seen = 0
        for place in sorted(self._buckets):
            seen += self._buckets[place]
            if seen >= rank:
                return 0.0 if place == _ZERO else 2 * GROWTH**place / (GROWTH + 1)
        return 0.0


_ZERO: Final = -(10**9)
