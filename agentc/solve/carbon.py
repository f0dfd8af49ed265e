"""Carbon as energy: both are sums over the tasks, so one machinery minimizes either."""

from dataclasses import replace

from agentc.plan.placement import Option, PlacementProblem


def weighed(problem: PlacementProblem) -> PlacementProblem:
    """A problem whose objective is ``carbon`` as one whose is ``energy``, with grams for joules; others as they are."""
    if problem.objective != "carbon":
        return problem
    rows: dict[int, tuple[Option, ...]] = {}
    for task in problem.tasks:
        if id(task.options) not in rows:
            rows[id(task.options)] = tuple(replace(option, joules=option.grams) for option in task.options)
    tasks = tuple(replace(task, options=rows[id(task.options)]) for task in problem.tasks)
    pools = {name: replace(pool, watts=pool.grams_per_second) for name, pool in problem.pools.items()}
    return replace(problem, tasks=tasks, pools=pools, objective="energy")
