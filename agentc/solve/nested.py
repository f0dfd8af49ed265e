"""Series-parallel decomposition of the tasks on the end-to-end path.

Agents are mostly written as steps one after the other, some of which have branches that run at once and meet again.
Of such a graph every task but the ends can be taken out in turn: where one link arrives and one leaves, both and the
task between become one stretch, and stretches between the same two tasks become one (J. Valdes, R. E. Tarjan and E. L.
Lawler, "The recognition of series parallel digraphs", SIAM J. Comput. 11(2), 1982).
"""

import heapq
from dataclasses import dataclass, field

from agentc.solve.tables import Tables
from agentc.support.record import record

NO_LINK = -1


@record(slots=True)
class Stretch:
    """What lies between the ends of two tasks: a link, two stretches with a task between, or two side by side.

    ``begin`` and ``end`` are tasks, or ``Nest.source`` and ``Nest.sink``; ``first`` and ``second`` number stretches.
    """

    begin: int
    end: int
    link: int = NO_LINK
    first: int = -1
    second: int = -1
    task: int = -1
    """Between ``first`` and ``second``; -1 where they are side by side."""

    @property
    def plain(self) -> bool:
        """A link, or the way from the source or to the sink."""
        return self.first < 0


@record
class Nest:
    """Stretches, each after those it is made of; the last one is the whole path."""

    source: int
    sink: int
    stretches: tuple[Stretch, ...]


def decompose(tables: Tables) -> Nest | None:
    """The stretches of all tasks that are waited for; ``None`` where the graph is not series-parallel."""
    waited = [t for t in range(tables.size) if not tables.problem.tasks[t].asynchronous]
    work = _Reduction(tables.size)
    ends, begins = set(waited), set(waited)
    for n, link in enumerate(tables.links):
        if link.on_path:
            work.add(Stretch(link.src, link.dst, link=n))
            ends.discard(link.src)
            begins.discard(link.dst)
    for t in sorted(begins):
        work.add(Stretch(work.source, t))
    for t in sorted(ends):
        work.add(Stretch(t, work.sink))
    work.reduce(waited)
    return Nest(work.source, work.sink, tuple(work.made)) if waited and work.done else None


@dataclass
class _Reduction:
    """Stretches that are still there, from either end."""

    size: int
    made: list[Stretch] = field(default_factory=list[Stretch])
    after: dict[int, dict[int, int]] = field(default_factory=dict[int, dict[int, int]])
    before: dict[int, dict[int, int]] = field(default_factory=dict[int, dict[int, int]])

    @property
    def source(self) -> int:
        return self.size

    @property
    def sink(self) -> int:
        return self.size + 1

    @property
    def done(self) -> bool:
        """One stretch is left, and it was made last."""
        return sum(map(len, self.after.values())) == 1 and self.sink in self.after.get(self.source, {})

    def add(self, stretch: Stretch) -> None:
        """Add a stretch; it becomes one with another between the same ends."""
        begin, end = stretch.begin, stretch.end
        self.made.append(stretch)
        number = len(self.made) - 1
        other = self.after.setdefault(begin, {}).get(end)
        if other is not None:
            self.made.append(Stretch(begin, end, first=other, second=number))
            number += 1
        self.after[begin][end] = number
        self.before.setdefault(end, {})[begin] = number

    def reduce(self, tasks: list[int]) -> None:
        """Take out tasks, the first of those that can go; stretches so grow from the front."""
        queue = list(tasks)
        heapq.heapify(queue)
        while queue:
            t = heapq.heappop(queue)
            if len(self.before.get(t, ())) != 1 or len(self.after.get(t, ())) != 1:
                continue
            (begin, first), (end, second) = *self.before.pop(t).items(), *self.after.pop(t).items()
            del self.after[begin][t], self.before[end][t]
            self.add(Stretch(begin, end, first=first, second=second, task=t))
            for near in (begin, end):
                if near < self.size:
                    heapq.heappush(queue, near)
