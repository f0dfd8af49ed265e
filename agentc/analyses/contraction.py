"""Groups as one: the tasks of a sharded step are decided together, so that the solver sees one task for each group."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agentc.plan.graph import TaskGraph
from agentc.plan.placement import (
    Alternative,
    Option,
    PlacementEdge,
    PlacementProblem,
    PlacementSolution,
    PlacementTask,
)
from agentc.support.record import record


@record
class Contraction:
    """A smaller problem with the same answers, and the way back."""

    problem: PlacementProblem
    members: Mapping[str, tuple[str, ...]]
    """Task of the smaller problem -> the tasks that it stands for, in order."""

    def expand(self, solution: PlacementSolution) -> PlacementSolution:
        """The answer in terms of the larger problem's tasks."""
        return replace(
            solution,
            choice={name: option for task, option in solution.choice.items() for name in self.members[task]},
            critical_path=tuple(name for task in solution.critical_path for name in self.members[task]),
        )

    def expand_alternatives(
        self, found: Mapping[str, tuple[Alternative, ...]], whole: PlacementProblem
    ) -> dict[str, tuple[Alternative, ...]]:
        """The alternatives of each of the larger problem's tasks; seconds are the task's own part."""
        seconds = {task.name: {option.name: option.seconds for option in task.options} for task in whole.tasks}
        return {
            name: rows
            if len(self.members[task]) == 1
            else tuple(replace(row, seconds=seconds[name].get(row.option, 0.0)) for row in rows)
            for task, rows in found.items()
            for name in self.members[task]
        }


def contract(problem: PlacementProblem, graph: TaskGraph) -> Contraction:
    """``problem`` with one task for each group of ``graph``: the sum of its members, option by option."""
    names = {task.name: task.group or task.name for task in graph.tasks}
    rows: dict[str, list[PlacementTask]] = {}
    for task in problem.tasks:
        rows.setdefault(names[task.name], []).append(task)
    sums: dict[tuple[int, ...], tuple[Option, ...]] = {}
    tasks = tuple(_sum(name, members, sums) for name, members in rows.items())
    smaller = replace(
        problem,
        tasks=tasks,
        edges=tuple(_edges(problem.edges, names)),
        deadlines=tuple(
            replace(limit, tasks=tuple(dict.fromkeys(names[task] for task in limit.tasks)))
            for limit in problem.deadlines
        ),
        together=tuple(_sets(problem.together, names)),
    )
    return Contraction(smaller, {name: tuple(task.name for task in members) for name, members in rows.items()})


def _sum(name: str, members: list[PlacementTask], sums: dict[tuple[int, ...], tuple[Option, ...]]) -> PlacementTask:
    if len(members) == 1:
        return members[0]
    key = tuple(id(task.options) for task in members)
    if key not in sums:
        sums[key] = tuple(_options(members))
    return replace(members[0], name=name, options=sums[key])


def _options(members: list[PlacementTask]) -> Iterable[Option]:
    """The options that all members have, their figures added up."""
    by_name = [{option.name: option for option in task.options} for task in members]
    for first in members[0].options:
        parts = [row[first.name] for row in by_name if first.name in row]
        if len(parts) == len(members):
            yield replace(
                first,
                seconds=sum(part.seconds for part in parts),
                busy_seconds=sum(part.busy_seconds for part in parts),
                usd=sum(part.usd for part in parts),
                joules=sum(part.joules for part in parts),
                grams=sum(part.grams for part in parts),
                metrics={metric: sum(part.metrics.get(metric, 0.0) for part in parts) for metric in first.metrics},
            )


def _edges(edges: Iterable[PlacementEdge], names: Mapping[str, str]) -> Iterable[PlacementEdge]:
    for edge in edges:
        if (src := names[edge.src]) != (dst := names[edge.dst]):
            yield replace(edge, src=src, dst=dst)


def _sets(
    together: Iterable[frozenset[tuple[str, str]]], names: Mapping[str, str]
) -> Iterable[frozenset[tuple[str, str]]]:
    """The sets over the smaller problem's tasks; what is one task now needs none."""
    for group in together:
        smaller = frozenset((names[task], option) for task, option in group)
        if len(smaller) > 1:
            yield smaller
