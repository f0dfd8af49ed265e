"""Shares of routes: the program against every count of replicas, on problems small enough to try them all."""

import math
from dataclasses import replace
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from agentc.plan.placement import Deadline, Option, PlacementProblem, PlacementTask, Pool
from agentc.solve import evaluate, solve
from agentc.solve.split import floor, shares

PRICES = {"a": 3.0, "b": 1.0, "c": 7.5}


@st.composite
def problems(draw: st.DrawFn, routes: int = 2) -> PlacementProblem:
    """One step by several routes of equal shares, beside a task that shares its pools."""
    pools: dict[str, Pool] = {}
    options: list[Option] = []
    for device, usd in PRICES.items():
        for size in (1, 2):
            name = f"{device}{size}"
            pools[name] = Pool(name, device, size, usd * size, capacity=draw(st.sampled_from((1.0, 0.7))))
            metrics = {"ttft": draw(st.sampled_from((0.1, 0.2, 0.4)))}
            busy = draw(st.sampled_from((0.83, 1.37, 2.11))) / size
            options.append(
                Option(name, name, device, device, "single", busy_seconds=busy, metrics=metrics, seconds=busy)
            )
    names = ("s", *(f"s~{n}" for n in range(2, routes + 1)))
    tasks = [PlacementTask(name, tuple(options), 1.0 / routes, share=1.0 / routes) for name in names]
    tasks.append(PlacementTask("other", (options[draw(st.integers(0, 5))],), draw(st.sampled_from((0.1, 0.53)))))
    limit = draw(st.sampled_from((0.15, 0.25, 1.0)))
    deadlines = tuple(Deadline("ttft", limit, (name,)) for name in names)
    stock = {device: draw(st.integers(0, 6)) for device in PRICES}
    return PlacementProblem(tuple(tasks), (), pools, deadlines, (), stock, draw(st.sampled_from((0.9, 2.3, 3.7))))


def best_of_all(problem: PlacementProblem) -> float | None:
    """The least dollars an hour, by trying for two options every count of replicas of the first: it carries as much of
    the step as they can, the second the rest."""
    step, other = problem.tasks[0], problem.tasks[-1]
    rate, limit = problem.requests_per_second, problem.deadlines[0].seconds
    late = [option.name for option in step.options if option.metrics["ttft"] > limit]
    fixed = other.options[0]
    base = {str(fixed.pool): rate * other.visits * fixed.busy_seconds / problem.pools[str(fixed.pool)].capacity}
    best: float | None = None
    timely = [option for option in step.options if option.name not in late]
    for one, two in product(timely, repeat=2):
        whole = {o.name: rate * o.busy_seconds / problem.pools[o.name].capacity for o in (one, two)}
        free = base.get(one.name, 0.0)
        for count in range(1, problem.stock[one.device] + 1):
            share = min(1.0, (count - free) / whole[one.name])
            if share <= 0:
                continue
            load = dict(base)
            load[one.name] = load.get(one.name, 0.0) + share * whole[one.name]
            if share < 1:
                load[two.name] = load.get(two.name, 0.0) + (1 - share) * whole[two.name]
            held = {name: max(1, math.ceil(each - 1e-9)) for name, each in load.items()}
            devices: dict[str, int] = {}
            for name, n in held.items():
                pool = problem.pools[name]
                devices[pool.device] = devices.get(pool.device, 0) + n * pool.devices
            if all(n <= problem.stock[device] for device, n in devices.items()):
                usd = sum(n * problem.pools[name].usd_per_hour for name, n in held.items())
                best = usd if best is None else min(best, usd)
    return best


def routed(problem: PlacementProblem, row: tuple[float, ...]) -> PlacementProblem:
    """The problem at those shares, without routes that have none."""
    tasks = [replace(t, visits=s, share=s) for t, s in zip(problem.tasks, row, strict=False) if s > 0]
    names = {task.name for task in tasks}
    limits = tuple(each for each in problem.deadlines if each.tasks[0] in names)
    return replace(problem, tasks=(*tasks, problem.tasks[-1]), deadlines=limits)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(problems())
def test_shares_are_those_of_the_best_count_of_replicas(problem: PlacementProblem) -> None:
    expected = best_of_all(problem)
    found = shares(problem, [[["s"], ["s~2"]]])
    if expected is None:
        assert found is None
        return
    assert found is not None and abs(math.fsum(found[0]) - 1.0) < 1e-9
    answer = solve(routed(problem, found[0]))
    assert answer.status == "optimal"
    assert abs(answer.usd_per_hour - expected) <= 1e-6 * expected
    assert shares(problem, [[["s"], ["s~2"]]], most=expected * 1.001) is not None
    assert shares(problem, [[["s"], ["s~2"]]], most=expected * 0.999) is None


@settings(max_examples=100, deadline=None, derandomize=True)
@given(problems())
def test_a_floor_is_below_what_any_shares_cost_and_leaves_their_pools(problem: PlacementProblem) -> None:
    expected = best_of_all(problem)
    step, other = replace(problem.tasks[0], visits=1.0, share=1.0), problem.tasks[-1]
    one_way = replace(problem, tasks=(step, other), deadlines=problem.deadlines[:1])
    rough, fine = floor(one_way, [["s"]]), floor(one_way, [["s"]], time_limit=10.0)
    if expected is None:
        return
    assert 0 < rough.bound <= fine.bound <= expected * (1 + 1e-5)
    worth = floor(one_way, [["s"]], most=expected).pools
    cheap = tuple(option for option in step.options if option.pool in worth)
    assert best_of_all(replace(problem, tasks=(replace(step, options=cheap), other))) == expected


def test_a_floor_is_infinite_where_no_route_keeps_a_limit() -> None:
    option = Option("a", "a", "a", "a", "single", busy_seconds=1.0, metrics={"ttft": 0.2}, seconds=1.0)
    pools = {"a": Pool("a", "a", 1, 1.0)}
    limit = (Deadline("ttft", 0.1, ("s",)),)
    problem = PlacementProblem((PlacementTask("s", (option,)),), (), pools, limit, (), {"a": 2}, 1.0)
    assert floor(problem, [["s"]]).bound == math.inf


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems(3))
def test_more_routes_never_cost_more(problem: PlacementProblem) -> None:
    two = replace(problem, tasks=(*problem.tasks[:2], problem.tasks[-1]), deadlines=problem.deadlines[:2])
    few, many = shares(two, [[["s"], ["s~2"]]]), shares(problem, [[["s"], ["s~2"], ["s~3"]]])
    if few is None:
        return
    assert many is not None
    one = solve(routed(two, few[0]))
    more = solve(routed(problem, many[0]))
    assert more.status == "optimal" and more.usd_per_hour <= one.usd_per_hour * (1 + 1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_a_limit_holds_on_each_route(problem: PlacementProblem) -> None:
    found = shares(problem, [[["s"], ["s~2"]]])
    if found is None:
        return
    asked = routed(problem, found[0])
    answer = solve(asked)
    figures = evaluate(asked, answer.choice)
    assert figures.feasible
    chosen = {task.name: next(o for o in task.options if o.name == answer.choice[task.name]) for task in asked.tasks}
    assert all(chosen[limit.tasks[0]].metrics["ttft"] <= limit.seconds for limit in asked.deadlines)
    # A visit takes as long by any route: the path counts the longest, not the average.
    once = [*(1.0 for _ in asked.tasks[:-1]), asked.tasks[-1].visits]
    longest = max(visits * chosen[task.name].seconds for visits, task in zip(once, asked.tasks, strict=True))
    assert abs(figures.end_to_end_seconds - longest) < 1e-9
