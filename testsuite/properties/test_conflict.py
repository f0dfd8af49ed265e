"""What would help where nothing fits: no more of it is asked for than brute force needs."""

from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agentc.plan.placement import PlacementProblem
from agentc.solve import brute_force
from agentc.solve.conflict import explain
from agentc.solve.tables import tabulate
from agentc.solve.without import demands_of, refuted, without
from testsuite.problem_sample import QUICK, problems

RARE = settings(
    QUICK,
    max_examples=60,
    suppress_health_check=(HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large),
)
MOST = 12
"""Devices up to which brute force looks for the least that help."""


@st.composite
def short(draw: st.DrawFn) -> PlacementProblem:
    """A problem of cost whose stock, of each class at most one device, or whose deadlines are likely to be short."""
    problem = replace(draw(problems(3)), objective="cost")
    devices = {pool.device for pool in problem.pools.values()}
    stock = {device: draw(st.integers(0, 1)) for device in sorted(devices) if draw(st.booleans())}
    return replace(problem, stock=stock)


def least(problem: PlacementProblem, device: str) -> int | None:
    """The fewest devices of a class that help alone."""
    for count in range(problem.stock[device] + 1, MOST):
        if brute_force(replace(problem, stock={**problem.stock, device: count})) is not None:
            return count
    return None


@RARE
@given(short())
def test_the_devices_that_would_do_are_the_fewest(problem: PlacementProblem):
    assume(all(task.options for task in problem.tasks) and brute_force(problem) is None)
    found = explain(problem)
    told = {cure.name.removeprefix("fleet "): cure.needed for cure in found.relaxations if cure.kind == "stock"}
    for device in problem.stock:
        needed = least(problem, device)
        if needed is not None:
            assert told.get(device) == needed
        else:
            assert told.get(device, MOST) >= MOST


@RARE
@given(problems(4), st.data())
def test_what_presolve_refutes_without_some_demands_has_no_placement(problem: PlacementProblem, data: st.DataObject):
    problem = replace(problem, objective="cost")
    tables = tabulate(problem)
    keys = [key for key in demands_of(tables) if key[0] in ("deadline", "stock", "together")]
    off = {key for key in keys if data.draw(st.booleans())}
    rest = without(tables, off)
    free = replace(
        problem,
        deadlines=tuple(row for b, row in enumerate(problem.deadlines) if ("deadline", b) not in off),
        together=tuple(group for g, group in enumerate(problem.together) if ("together", g) not in off),
        stock={name: count for n, (name, count) in enumerate(problem.stock.items()) if ("stock", n) not in off},
    )
    assert not refuted(rest) or brute_force(free) is None


@RARE
@given(problems(4), st.data())
def test_a_task_that_is_away_stands_in_nobodys_way(problem: PlacementProblem, data: st.DataObject):
    tables = tabulate(replace(problem, objective="cost"))
    tasks = list(range(tables.size))
    assert not refuted(without(tables, [("task", t) for t in tasks]))
    one = data.draw(st.sampled_from(tasks))
    alone = replace(problem, tasks=(problem.tasks[one],), edges=(), deadlines=(), together=())
    others = [key for key in demands_of(tables) if key != ("task", one) and key[0] in ("task", "deadline")]
    assert not refuted(without(tables, others)) or brute_force(alone) is None
