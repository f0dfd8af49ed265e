"""Tasks that are alike, counted: bundles of tasks that are decided together, and the kinds of bundles there are."""

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeAlias, TypeVar

from agentc.solve.presolve import Reduced, least_hop
from agentc.solve.tables import Bound, Tables
from agentc.support.record import record

T = TypeVar("T", bound=Hashable)

Slot: TypeAlias = tuple[int, int]
"""Number of a kind, and of a member of it."""

Set: TypeAlias = tuple[tuple[int, int], ...]
"""(Member, option) that are chosen all or none."""


class Unions(Generic[T]):
    """Sets that grow together; what is not known yet is a set of its own."""

    def __init__(self) -> None:
        self._above: dict[T, T] = {}

    def find(self, item: T) -> T:
        """The item that stands for the set of ``item``."""
        root = item
        while (above := self._above.get(root, root)) != root:
            root = above
        while item != root:
            item, self._above[item] = self._above.get(item, item), root
        return root

    def join(self, one: T, two: T) -> None:
        """Make one set of two."""
        first, second = self.find(one), self.find(two)
        if first != second:
            self._above[second] = first


@record(slots=True)
class Limit:
    """A hard deadline that adds up, of some members."""

    metric: str
    members: tuple[int, ...]
    left: float
    """Seconds for the members, less the least that the transfers between them take."""


@record
class Kind:
    """Bundles with the same options, sets and limits."""

    number: int
    copies: tuple[tuple[int, ...], ...]
    """The tasks of each bundle, member by member."""
    options: tuple[tuple[int, ...], ...]
    """Member -> the options that are left."""
    sets: tuple[Set, ...]
    sets_of: Mapping[tuple[int, int], tuple[Set, ...]]
    limits: tuple[Limit, ...]

    @property
    def tasks(self) -> tuple[int, ...]:
        """The tasks of the first copy: what they are like, all are."""
        return self.copies[0]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """One for each member."""
        return tuple((self.number, member) for member in range(len(self.tasks)))


def bundles(tables: Tables, timed: Iterable[Bound]) -> list[tuple[int, ...]]:
    """Tasks joined by ``together`` sets and the deadlines ``timed``; in order."""
    unions: Unions[int] = Unions()
    for group in tables.groups:
        for task, _ in group:
            unions.join(group[0][0], task)
    for bound in timed:
        for task in bound.tasks:
            unions.join(bound.tasks[0], task)
    found: dict[int, list[int]] = {}
    for task in range(tables.size):
        found.setdefault(unions.find(task), []).append(task)
    return [tuple(tasks) for tasks in found.values()]


def alike(tables: Tables, bounds: Iterable[Bound]) -> list[Bound]:
    """The hard deadlines that add up and are of tasks like those of one of ``bounds``."""
    looks = {_bound_looks(tables, bound) for bound in bounds}
    return [bound for bound in tables.bounds if is_additive(bound) and _bound_looks(tables, bound) in looks]


def is_additive(bound: Bound) -> bool:
    """A hard deadline on a sum, which binds."""
    return bound.binding and not bound.on_path and bound.usd is None and bool(bound.tasks)


def _bound_looks(tables: Tables, bound: Bound) -> tuple[object, ...]:
    return bound.metric, bound.limit, *(id(tables.problem.tasks[task].options) for task in bound.tasks)


def kinds_of(tables: Tables, left: Reduced, found: Iterable[tuple[int, ...]], timed: Iterable[Bound]) -> list[Kind]:
    """The kinds of the bundles ``found``, which keep the deadlines ``timed`` whole, numbered in their order.

    Tasks are alike that share their options' tuple.
    """
    bundled = list(found)
    home = {task: (number, member) for number, tasks in enumerate(bundled) for member, task in enumerate(tasks)}
    sets = _sets(tables, left, home, len(bundled))
    limits = _limits(tables, left, home, len(bundled), timed)
    copies: dict[object, list[int]] = {}
    for number, tasks in enumerate(bundled):
        looks = tuple(_looks(tables, left, task) for task in tasks)
        copies.setdefault((looks, sets[number], limits[number]), []).append(number)
    kinds: list[Kind] = []
    for numbers in copies.values():
        first = bundled[numbers[0]]
        options = tuple(tuple(left.alive[task]) for task in first)
        own = sets[numbers[0]]
        tasks = tuple(bundled[number] for number in numbers)
        kinds.append(Kind(len(kinds), tasks, options, own, _by_option(own), limits[numbers[0]]))
    return kinds


def _looks(tables: Tables, left: Reduced, task: int) -> tuple[object, ...]:
    given = tables.problem.tasks[task]
    return id(given.options), given.visits, given.share, tuple(left.alive[task])


def _sets(tables: Tables, left: Reduced, home: Mapping[int, Slot], count: int) -> list[tuple[Set, ...]]:
    """Bundle -> its sets of options that are all left."""
    alive = [set(row) for row in left.alive]
    found: list[list[Set]] = [[] for _ in range(count)]
    for group in tables.groups:
        if all(option in alive[task] for task, option in group):
            found[home[group[0][0]][0]].append(tuple((home[task][1], option) for task, option in group))
    return [tuple(sorted(sets)) for sets in found]


def _limits(
    tables: Tables, left: Reduced, home: Mapping[int, Slot], count: int, timed: Iterable[Bound]
) -> list[tuple[Limit, ...]]:
    found: list[list[Limit]] = [[] for _ in range(count)]
    for bound in timed:
        hops = math.fsum(least_hop(tables, left, tables.links[n], path=False) for n in bound.links)
        members = tuple(home[task][1] for task in bound.tasks)
        found[home[bound.tasks[0]][0]].append(Limit(bound.metric, members, max(0.0, bound.limit - hops)))
    return [tuple(limits) for limits in found]


def _by_option(sets: tuple[Set, ...]) -> dict[tuple[int, int], tuple[Set, ...]]:
    found: dict[tuple[int, int], list[Set]] = {}
    for each in sets:
        for member in each:
            found.setdefault(member, []).append(each)
    return {member: tuple(rows) for member, rows in found.items()}
