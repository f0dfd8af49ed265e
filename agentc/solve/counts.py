"""Branch and bound where few columns of a linear program have to be whole: the replicas of pools that tasks share.

HiGHS takes most of its time for what such programs do not need, cuts and searches of its own. Here each node is the
same program with other bounds of these columns, and starts from the basis of the node above. The node with the lowest
bound is next; ``plunge`` looks for whole counts from a node downward. Both are proofs: a bound is the least of what
has not been looked through, as parts of all other columns are allowed.
"""

import heapq
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentc.solve.highs import INF, Program
from agentc.support.record import record

if TYPE_CHECKING:
    import highspy

WHOLE = 1e-6
"""Distance from a whole number that is none."""

TRIED = 1
"""Times that a column is branched on in earnest, each way, before it is judged by what it has raised so far."""

TRIES = 3
"""Columns at a node that are tried in earnest."""

LITTLE = 1e-5
"""Relative rise of the bound below which rises are alike."""

PLUNGES = 20
"""Nodes from plunge to plunge, where nothing else is said."""


@record(slots=True)
class Counted:
    """What was found, in the program's units."""

    bound: float
    """No solution with whole counts is below; infinity where there is none."""
    objective: float = INF
    """Of the best with whole counts."""
    values: Sequence[float] = ()
    """All columns of it; empty where none was found."""


@record(slots=True)
class _Node:
    lower: list[float]
    upper: list[float]
    values: Sequence[float]
    """Of all columns."""
    basis: "highspy.HighsBasis"


@dataclass
class Counting:
    """A search over ``columns`` of ``program``, which is a linear one and is left with the bounds that it had."""

    program: Program
    columns: Sequence[int]
    gap: float
    """Relative, at which the best is good enough."""
    until: float
    """On the clock of ``time.perf_counter``."""
    below: float = INF
    """What is known already; only better is looked for."""
    plunges: int = PLUNGES
    """Nodes from plunge to plunge; zero where the bound is all that is asked for."""
    best: Counted = field(default_factory=lambda: Counted(-INF))
    raised: dict[tuple[int, bool], tuple[float, int]] = field(default_factory=dict[tuple[int, bool], tuple[float, int]])
    """Place in ``columns`` and whether upward -> rises of the bound for a whole unit, summed, and their number."""

    def run(self) -> Counted:
        """The least with whole counts, and its bound."""
        box = self.program.bounds_of(self.columns)
        # Without it what is proven to be too dear shows sooner.
        self.program.option("dual_simplex_cost_perturbation_multiplier", 0.0)
        try:
            return self._search(*box)
        finally:
            self.program.option("dual_simplex_cost_perturbation_multiplier", 1.0)
            self.program.bound_columns(self.columns, *box)

    def _search(self, lower: list[float], upper: list[float]) -> Counted:
        value, root = self._solve(lower, upper, None)
        if root is None:
            return Counted(value)
        heap, number, passed = [(value, 0, root)], 0, INF
        while heap and time.perf_counter() < self.until:
            value, place, node = heapq.heappop(heap)
            if value >= self._enough():
                return self._with(min(value, passed))
            number += 1
            if self.plunges and number % self.plunges == 1:
                self.plunge(value, node)
            if not (parts := self._parts(node)):
                self._keep(value, node)
                passed = min(passed, value)
                continue
            if (children := self._branch(value, node, parts)) is None:
                heapq.heappush(heap, (value, place, node))
                break
            for rise, child in children:
                if child is not None and rise < self._enough():
                    heapq.heappush(heap, (rise, 2 * number + len(heap), child))
                else:
                    passed = min(passed, rise)
        return self._with(min(passed, heap[0][0] if heap else INF, self.best.objective))

    def _with(self, bound: float) -> Counted:
        return Counted(bound, self.best.objective, self.best.values)

    def _enough(self) -> float:
        """What is not below this need not be looked at."""
        least = min(self.below, self.best.objective)
        return least - self.gap * abs(least) if math.isfinite(least) else INF

    def _solve(
        self, lower: list[float], upper: list[float], basis: "highspy.HighsBasis | None"
    ) -> tuple[float, _Node | None]:
        """The program in a box, as far as it may lead to something better; infinity where that is empty, minus infinity
        where the time is up."""
        self.program.bound_columns(self.columns, lower, upper)
        if basis is not None:
            self.program.take_basis(basis)
        above = self._enough()
        result = self.program.run(time_limit=max(0.01, self.until - time.perf_counter()), above=above)
        if result.outcome != "optimal":
            return result.bound, None
        return result.objective, _Node(lower, upper, result.values, self.program.basis())

    def _parts(self, node: _Node) -> list[int]:
        """Places in ``columns`` whose count is not whole."""
        return [i for i, c in enumerate(self.columns) if abs(node.values[c] - round(node.values[c])) > WHOLE]

    def _keep(self, value: float, node: _Node) -> None:
        if value < min(self.below, self.best.objective):
            self.best = Counted(-INF, value, node.values)

    def plunge(self, value: float, node: _Node) -> None:
        """Hold the count that is nearest to a whole number to it, until all are."""
        while (parts := self._parts(node)) and value < self._enough() and time.perf_counter() < self.until:
            i = min(parts, key=lambda i: (abs(node.values[c := self.columns[i]] - round(node.values[c])), i))
            count = round(node.values[self.columns[i]])
            found: _Node | None = None
            for take in (count, math.ceil(node.values[self.columns[i]] - WHOLE)):
                value, found = self._solve(*_held(node, i, take, take), node.basis)
                if found is not None:
                    break
            if found is None:
                return
            node = found
        if not self._parts(node):
            self._keep(value, node)

    def _branch(self, value: float, node: _Node, parts: list[int]) -> list[tuple[float, _Node | None]] | None:
        """Both ways of the count that raises the bound most; ``None`` where the time is up."""
        known: dict[tuple[int, bool], tuple[float, _Node | None]] = {}
        best, pick, tried = -1.0, parts[0], 0
        for i in self._promising(node, parts):
            rises: list[float] = []
            for up in (False, True):
                if self.raised.get((i, up), (0.0, 0))[1] < TRIED and tried < TRIES:
                    known[i, up] = self._child(value, node, i, up=up)
                    rises.append(known[i, up][0] - value)
                else:
                    rises.append(self._expected(node, i, up=up))
            tried += (i, False) in known
            if -INF in rises:
                return None
            least = LITTLE * abs(value) + 1e-12
            if (both := max(rises[0], least) * max(rises[1], least)) > best:
                best, pick = both, i
        found = [known.get((pick, up)) or self._child(value, node, pick, up=up) for up in (False, True)]
        if any(rise == -INF for rise, _ in found):
            return None
        return [(max(rise, value), child) for rise, child in found]

    def _promising(self, node: _Node, parts: list[int]) -> Iterator[int]:
        """The counts that are expected to raise the bound most come first."""

        def both(i: int) -> float:
            rises = (self._expected(node, i, up=up) for up in (False, True))
            return math.prod(max(rise, LITTLE) for rise in rises)

        yield from sorted(parts, key=lambda i: (-both(i), i))

    def _expected(self, node: _Node, i: int, *, up: bool) -> float:
        total, times = self.raised.get((i, up), (0.0, 0))
        return total / times * _way(node.values[self.columns[i]], up=up) if times else 0.0

    def _child(self, value: float, node: _Node, i: int, *, up: bool) -> tuple[float, _Node | None]:
        count = node.values[self.columns[i]]
        least, most = (math.ceil(count), node.upper[i]) if up else (node.lower[i], math.floor(count))
        rise, child = self._solve(*_held(node, i, least, most), node.basis)
        if -INF < rise < INF:
            total, times = self.raised.get((i, up), (0.0, 0))
            self.raised[i, up] = total + max(0.0, rise - value) / _way(count, up=up), times + 1
        return rise, child


def _way(count: float, *, up: bool) -> float:
    """To the next whole number."""
    return math.ceil(count) - count if up else count - math.floor(count)


def _held(node: _Node, i: int, least: float, most: float) -> tuple[list[float], list[float]]:
    """The box of a node with other bounds of one count."""
    lower, upper = list(node.lower), list(node.upper)
    lower[i], upper[i] = float(least), float(most)
    return lower, upper
