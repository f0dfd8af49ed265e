"""How the next token is chosen: the likeliest, or at random by temperature and nucleus, from a seed."""

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from agentc.support.record import record

Logits: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]


@record(slots=True)
class Sampler:
    """A temperature of 0 takes the likeliest token. ``top_p`` keeps the smallest set of that probability
    (nucleus sampling, arXiv 1904.09751). The same seed gives the same answer."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(f"a temperature of {self.temperature} is below zero")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}, not above 0 and at most 1")

    def start(self) -> "Choice":
        """The state of one answer."""
        return Choice(self)


GREEDY: Final = Sampler()


@dataclass(slots=True)
class Choice:
    """Chooses tokens of one answer; holds the random stream."""

    sampler: Sampler
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.Generator(np.random.PCG64(self.sampler.seed))

    def pick(self, logits: Logits, allowed: Mask | None = None) -> int:
        """A token; one that ``allowed`` marks, if given. Of equals the first."""
        if allowed is not None:
            logits = np.where(allowed, logits, -np.inf)
        if self.sampler.temperature == 0:
            return int(np.argmax(logits))
        order = np.argsort(-logits, kind="stable")
        with np.errstate(over="ignore"):  # a tiny temperature leaves only the first
            chances = np.exp(log_softmax((logits[order] - logits[order[0]]) / self.sampler.temperature))
        kept = int(np.searchsorted(np.cumsum(chances), self.sampler.top_p)) + 1
        sums: npt.NDArray[np.float64] = np.cumsum(chances[:kept])
        index = int(np.searchsorted(sums, self._random.random() * float(sums[-1]), side="right"))
        return int(order[min(index, sums.size - 1)])


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Log-probabilities along the last axis, in double precision."""
    wide = np.asarray(logits, np.float64)
    shifted = wide - wide.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
