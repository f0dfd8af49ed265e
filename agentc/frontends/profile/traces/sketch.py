"""Distributions in bounded memory: exact while they have few values, then by logarithmic buckets."""

import math
from dataclasses import dataclass, field
from typing import Final

EXACT: Final = 4096
"""Different values that are kept as they are: lengths in tokens rarely have more, trips never."""

GROWTH: Final = 1.01
"""From one bucket to the next, so that a percentile is within half a percent (Masson, Rim and Lee, DDSketch, VLDB
2019)."""


@dataclass
class Sketch:
    """Samples of a figure; none is negative."""

    count: int = 0
    total: float = 0.0
    _exact: dict[float, int] | None = field(default_factory=dict[float, int])
    _buckets: dict[int, int] = field(default_factory=dict[int, int])

    def add(self, value: float) -> None:
        """One more sample."""
        self.count += 1
        self.total += value
        if self._exact is None:
            self._bucket(value, 1)
            return
        self._exact[value] = self._exact.get(value, 0) + 1
        if len(self._exact) > EXACT:
            for kept, times in self._exact.items():
                self._bucket(kept, times)
            self._exact = None

    def _bucket(self, value: float, times: int) -> None:
        place = math.ceil(math.log(value, GROWTH)) if value > 1e-12 else _ZERO
        self._buckets[place] = self._buckets.get(place, 0) + times

    @property
    def mean(self) -> float:
        """Of all samples, exact; 0 where there is none."""
        return self.total / self.count if self.count else 0.0

    def at(self, share: float) -> float:
        """The least value that at least ``share`` of the samples do not exceed."""
        rank = max(math.ceil(share * self.count - 1e-9), 1)
        seen = 0
        for value, times in sorted((self._exact if self._exact is not None else self._buckets).items()):
            seen += times
            if seen >= rank:
                return value if self._exact is not None else _middle(int(value))
        return 0.0


def _middle(place: int) -> float:
    """The value of a bucket that is nearest to both of its ends, relatively."""
    return 0.0 if place == _ZERO else 2 * GROWTH**place / (GROWTH + 1)


_ZERO: Final = -(10**9)
