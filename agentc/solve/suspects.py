"""Few tasks of a large problem that may conflict by themselves: a conflict among them is one of the problem."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from agentc.plan.placement import PlacementProblem
from agentc.solve.evaluate import over
from agentc.solve.presolve import everything, fastest, shortest_possible
from agentc.solve.tables import NO_POOL, Tables


def suspects(tables: Tables) -> Iterator[PlacementProblem]:
    """Small parts of the problem that, each task taken as fast or as small as it can be, break a demand."""
    problem = tables.problem
    whole = everything(tables)
    late = [b for b in tables.bounds if b.binding and b.usd is None and not b.on_path]
    for bound in sorted(late, key=lambda b: -fastest(tables, whole, b) / (b.limit or 1e-12)):
        if over(fastest(tables, whole, bound), bound.limit):
            yield _part(problem, bound.tasks, (bound.metric, bound.limit))
    hard = [bound.limit for bound in tables.path_bounds() if bound.usd is None]
    if hard:
        seconds, path = shortest_possible(tables, whole)
        if over(seconds, min(hard)):
            yield _part(problem, path, ("end_to_end", min(hard)))
    for t, row in enumerate(tables.cells):
        if all(cell.pool != NO_POOL and not tables.pools[cell.pool].fits(cell.load) for cell in row):
            yield replace(_part(problem, [t], None), stock=problem.stock)


def _part(problem: PlacementProblem, tasks: Collection[int], line: tuple[str, float] | None) -> PlacementProblem:
    """``problem`` with only these tasks and one line of the SLA: no other demand is in force."""
    names = {problem.tasks[t].name for t in tasks}
    kept = (row for row in problem.deadlines if (row.metric, row.seconds) == line and names.issuperset(row.tasks))
    return replace(
        problem,
        tasks=tuple(task for task in problem.tasks if task.name in names),
        edges=tuple(edge for edge in problem.edges if edge.src in names and edge.dst in names),
        deadlines=tuple(row for row in kept if row.usd_per_second is None),
        together=(),
        stock={},
    )
