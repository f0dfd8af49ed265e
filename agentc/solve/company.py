"""Sets of options that are chosen all or none, for those who choose task after task in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agentc.solve.presolve import Reduced
from agentc.solve.tables import Tables

Member = tuple[int, int]
"""Task and option."""


@dataclass
class Company:
    """What the choices of the tasks before entail for those after them."""

    tables: Tables
    left: Reduced
    entailed: dict[int, int] = field(default_factory=dict[int, int])
    """Task -> the option that an earlier choice takes with it."""
    least: dict[int, float] = field(default_factory=dict[int, float])
    """Task -> the bill of its cheapest option."""

    def open(self, picked: Sequence[int], t: int) -> list[int]:
        """The options that are left to task ``t`` after all before it are ``picked``; all of them where none is."""
        if t in self.entailed:
            return [self.entailed[t]]
        row = self.left.alive[t]
        if not self.tables.group_of:
            return row
        return [o for o in row if all(self._fits(picked, t, u, p) for u, p in self.others(t, o))] or row

    def _fits(self, picked: Sequence[int], t: int, other: int, option: int) -> bool:
        """``other`` took ``option``, or still can."""
        if other < t:
            return picked[other] == option
        return other != t and self.entailed.get(other, option) == option and option in self.left.alive[other]

    def others(self, t: int, o: int) -> Iterator[Member]:
        """The other members of the sets of an option."""
        for g in self.tables.group_of.get((t, o), ()):
            yield from (member for member in self.tables.groups[g] if member != (t, o))

    def beyond(self, t: int, o: int, bill: Callable[[int, int], float]) -> float:
        """By how much an option's company among the later tasks is dearer than they would be at the least."""
        if not self.tables.group_of:
            return 0.0
        return sum(bill(u, p) - self._least(u, bill) for u, p in self.after(t, o))

    def _least(self, t: int, bill: Callable[[int, int], float]) -> float:
        if t not in self.least:
            self.least[t] = min(bill(t, o) for o in self.left.alive[t])
        return self.least[t]

    def choose(self, t: int, o: int) -> None:
        """Task ``t`` takes option ``o``, and the later members of its sets come with it."""
        self.entailed.update(self.after(t, o))

    def after(self, t: int, o: int) -> list[Member]:
        """The members of an option's sets that come later, and that nothing else has taken."""
        return [(u, p) for u, p in self.others(t, o) if u > t and u not in self.entailed]


def whole(tables: Tables, picked: Sequence[int]) -> bool:
    """Every set is taken all or none."""
    chosen = ((t, o) for t, o in enumerate(picked) if (t, o) in tables.group_of)
    return all(
        picked[u] == p
        for t, o in chosen
        for g in tables.group_of[t, o]
        for u, p in tables.groups[g]
        if (u, p) != (t, o)
    )
