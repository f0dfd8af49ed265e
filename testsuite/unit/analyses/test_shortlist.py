"""Contracted and shortened problems have the answers of the whole: held against the solver on the problem as it is."""

from dataclasses import replace

import pytest

from agentc.analyses import shortlist
from agentc.analyses.contraction import contract
from agentc.plan.graph import Task, TaskGraph
from agentc.plan.placement import (
    Deadline,
    Hop,
    Option,
    PlacementEdge,
    PlacementProblem,
    PlacementSolution,
    PlacementTask,
    Pool,
)
from agentc.plan.work import Work
from agentc.solve import evaluate, solve

PARTS = 2


def exact(problem: PlacementProblem, gap: float) -> PlacementSolution:
    return solve(problem, gap=gap)


def options(task: int, scale: float) -> tuple[Option, ...]:
    """Many ways to run a task: six sizes on each of three device classes."""
    found: list[Option] = []
    for d, device in enumerate(("small", "middle", "large")):
        for size in (1, 2, 4, 8, 16, 32):
            pool = f"{device}/{size}"
            seconds = scale * (3 - d) / size**0.5 / PARTS
            found.append(Option(pool, pool, device, device, "single", batch=size, seconds=seconds,
                                busy_seconds=seconds / size, metrics={"ttft": seconds}))  # fmt: skip
    return tuple(found)


def whole(deadline: float, rate: float) -> tuple[PlacementProblem, TaskGraph]:
    """A chain of four groups of two parts each."""
    names = [f"t{i}.{part}" for i in range(4) for part in range(PARTS)]
    rows = {name: options(i, 0.05 * (1 + i // PARTS)) for i, name in enumerate(names)}
    tasks = tuple(PlacementTask(name, rows[name]) for name in names)
    graph = TaskGraph("a", tuple(Task(n, "op", "", Work(), group=n.partition(".")[0]) for n in names), ())
    classes = ("small", "middle", "large")
    hops = {(a, b): Hop(0.001 if a == b else 0.01) for a in classes for b in classes}
    edges = tuple(PlacementEdge(a, b, hops) for a, b in zip(names, names[1:], strict=False))
    pools = {
        o.pool: Pool(o.pool, o.device, 1, (1.0, 2.5, 7.0)[classes.index(o.device)], capacity=0.7)
        for row in rows.values()
        for o in row
        if o.pool
    }
    together = tuple(
        frozenset((f"t{i}.{part}", o.name) for part in range(PARTS)) for i in range(4) for o in rows["t0.0"]
    )
    limits = (Deadline("end_to_end", deadline), Deadline("ttft", 0.2, ("t0.0", "t0.1")))
    return PlacementProblem(tasks, edges, pools, limits, together, requests_per_second=rate), graph


@pytest.mark.parametrize(("deadline", "rate"), [(10.0, 1.0), (0.45, 1.0), (0.6, 400.0), (10.0, 2000.0)])
def test_the_answer_of_the_short_way_is_that_of_the_whole(
    deadline: float, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortlist, "FEW", 10)
    problem, graph = whole(deadline, rate)
    smaller = contract(problem, graph)
    short = shortlist.solve_large(smaller.problem, exact)
    direct = solve(problem)
    assert direct.status == short.solution.status == "optimal"
    assert short.solution.usd_per_hour == pytest.approx(direct.usd_per_hour, rel=1e-6)
    expanded = smaller.expand(short.solution)
    told = evaluate(problem, expanded.choice)
    assert told.feasible
    assert told.usd_per_hour == pytest.approx(expanded.usd_per_hour)
    assert sum(len(task.options) for task in short.problem.tasks) < sum(len(t.options) for t in smaller.problem.tasks)


def test_what_is_infeasible_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortlist, "FEW", 10)
    problem, graph = whole(0.001, 1.0)
    answer = shortlist.solve_large(contract(problem, graph).problem, exact)
    assert answer.solution.status == "infeasible"
    assert answer.solution.conflict


@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_other_objectives_lose_nothing(objective: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortlist, "FEW", 10)
    problem, graph = whole(10.0, 1.0)
    problem = replace(problem, objective=objective)  # pyright: ignore[reportArgumentType]
    smaller = contract(problem, graph).problem
    assert shortlist.solve_large(smaller, exact).solution.objective == pytest.approx(solve(smaller).objective)


def test_a_pool_that_costs_more_than_the_budget_goes() -> None:
    problem, _ = whole(10.0, 1.0)
    assert {problem.pools[name].device for name in shortlist.affordable(problem, 2.0)} == {"small"}
    assert shortlist.affordable(problem, 1e6) == set(problem.pools)


def test_a_contracted_task_is_the_sum_of_its_parts() -> None:
    problem, graph = whole(10.0, 1.0)
    smaller = contract(problem, graph)
    assert [task.name for task in smaller.problem.tasks] == ["t0", "t1", "t2", "t3"]
    assert smaller.problem.tasks[0].options[0].seconds == sum(part.options[0].seconds for part in problem.tasks[:PARTS])
    assert smaller.problem.together == ()
    assert smaller.problem.deadlines[1].tasks == ("t0",)
    assert len(smaller.problem.edges) == 3


def test_of_two_answers_the_cheaper_one_counts_with_the_better_bound():
    one = PlacementSolution("feasible", objective=10.0, bound=6.0, gap=0.4, usd_per_hour=10.0)
    other = PlacementSolution("feasible", objective=12.0, bound=9.0, gap=0.25, usd_per_hour=12.0)
    best = shortlist.better(one, other)
    assert (best.objective, best.bound, best.status) == (10.0, 9.0, "feasible")
    assert best.gap == pytest.approx(0.1)
    assert shortlist.better(one, replace(other, bound=11.0)).status == "optimal"
    assert shortlist.better(one, PlacementSolution("infeasible")).bound == 6.0
