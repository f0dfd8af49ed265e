"""The relaxation of large problems against brute force: never above the best cost, and equal to it where nothing binds."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.solve import alternatives, brute_force, evaluate, outline, relaxation, solve, solver
from agentc.solve.presolve import possible
from agentc.solve.relaxation import Relaxed, relax
from agentc.solve.tables import Tables, tabulate

DEVICES = ("a", "b", "c")
QUICK = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    derandomize=True,
)


@st.composite
def calls(draw: st.DrawFn) -> PlacementProblem:
    """Calls of two halves, some alike, that share pools: the halves apart, or both in one pool; and a tool for each."""
    one_of = st.sampled_from
    pools = {
        f"{kind}{i}": Pool(
            f"{kind}{i}",
            DEVICES[i],
            draw(one_of((1, 2))),
            draw(one_of((0.5, 1.0, 1.5, 4.0))),
            draw(one_of((0.0, 1.0, 2.5))),
        )
        for kind in ("first", "second", "both")
        for i in range(2)
    }

    def way(pool: str, mode: str) -> Option:
        device, seconds = pools[pool].device, draw(one_of((0.0, 0.1, 0.3, 0.45, 0.9)))
        late = {"ttft": draw(one_of((0.1, 0.2)))}
        place = device if mode == "disaggregated" else f"{device}+agg"
        return Option(
            f"{pool}-{mode}",
            pool,
            place,
            device,
            "single",
            seconds=seconds,
            busy_seconds=seconds,
            joules=draw(one_of((0.5, 1.0, 2.0))),
            metrics=late,
        )

    halves = [[way(f"{kind}{i}", "disaggregated") for i in range(2)] for kind in ("first", "second")]
    shared = [[way(f"both{i}", "aggregated") for i in range(2)] for _ in range(2)]
    looks = [tuple(a[: draw(st.integers(1, 2))] + b[:1]) for a, b in zip(halves, shared, strict=True)]
    other = [tuple(replace(o, busy_seconds=2 * o.busy_seconds) for o in row) for row in looks]
    tasks: list[PlacementTask] = []
    edges: list[PlacementEdge] = []
    together: list[frozenset[tuple[str, str]]] = []
    places = [p for d in DEVICES for p in (d, f"{d}+agg")]
    hops = {(a, b): Hop(0.0 if a == b else 0.05) for a in places for b in places}
    size = draw(st.integers(1, 3))
    for n in range(size):
        rows = other if draw(st.integers(0, 3)) == 0 else looks
        tasks += [PlacementTask(f"{half}{n}", rows[h]) for h, half in enumerate("pd")]
        edges.append(PlacementEdge(f"p{n}", f"d{n}", hops))
        inside = [o.name for o in rows[0] if o.name.endswith("-aggregated")]
        together += [frozenset({(f"p{n}", name), (f"d{n}", name)}) for name in inside]
    limits = [Deadline("ttft", draw(one_of((0.3, 0.35, 1.0))), (f"p{n}", f"d{n}")) for n in range(size)]
    whole = [Deadline("end_to_end", 0.7 * size)] if draw(st.integers(0, 3)) == 0 else []
    stock = {d: draw(one_of((1, 2, 4))) for d in DEVICES if draw(st.booleans())}
    rate = draw(one_of((0.5, 1.0, 3.0)))
    return PlacementProblem(
        tuple(tasks),
        tuple(edges),
        pools,
        (*limits, *whole),
        tuple(together),
        stock,
        rate,
        draw(one_of(("cost", "cost", "energy"))),
    )


def relaxed(problem: PlacementProblem) -> tuple[Tables, Relaxed | None]:
    """The relaxation of ``problem``, if every task has an option left."""
    tables = tabulate(problem)
    left = possible(tables)
    if not all(left.alive):
        return tables, None
    return tables, relax(tables, left, gap=1e-7, until=time.perf_counter() + 20)


@contextmanager
def set_to(module: object, **values: object) -> Iterator[None]:
    """Constants of a module for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setattr(module, name, value)
        yield


@settings(QUICK, max_examples=300)
@given(calls())
def test_the_bound_is_never_above_the_best_cost_and_met_where_the_choice_keeps_all(problem: PlacementProblem):
    tables, found = relaxed(problem)
    best = brute_force(problem)
    if found is None:
        assert best is None
        return
    if best is not None:
        assert found.bound <= best[1].objective(problem.objective) * (1 + 1e-6) + 1e-9
    if found.picked is not None:
        figures = evaluate(problem, tables.choice(found.picked))
        if figures.feasible:
            assert figures.objective(problem.objective) == pytest.approx(found.bound, rel=1e-6, abs=1e-9)
    if found.bound == math.inf:
        assert best is None


@QUICK
@given(calls())
def test_pools_that_are_needless_change_nothing(problem: PlacementProblem):
    _, found = relaxed(problem)
    with set_to(relaxation.Round, _makes_needless=lambda self, new, old: False):  # pyright: ignore[reportPrivateUsage, reportUnknownLambdaType]
        _, all_of_them = relaxed(problem)
    if found is not None and all_of_them is not None and not (problem.stock or problem.deadlines[-1].metric != "ttft"):
        assert found.bound == pytest.approx(all_of_them.bound, rel=1e-6, abs=1e-9)


@QUICK
@given(calls())
def test_parts_of_tasks_are_rounded_to_whole_ones(problem: PlacementProblem):
    """With counts that need not be whole the bound may only fall, and every task still gets one of its options."""
    _, exact = relaxed(problem)
    with set_to(relaxation, WHOLE=0, STRONG=0):
        tables, rough = relaxed(problem)
    if exact is None or rough is None:
        return
    assert rough.bound <= exact.bound * (1 + 1e-6) + 1e-9
    if rough.picked is not None:
        assert all(0 <= o < len(row) for o, row in zip(rough.picked, tables.cells, strict=True))
        assert not any(v.kind == "choice" for v in evaluate(problem, tables.choice(rough.picked)).violations)


@QUICK
@given(calls())
def test_by_way_of_the_relaxation_the_answer_is_the_same(problem: PlacementProblem):
    best = brute_force(problem)
    with set_to(solver, LAZY_TASKS=0):
        answer = solve(problem)
    if best is None:
        assert answer.status == "infeasible"
        return
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(best[1].objective(problem.objective), rel=2e-6)
    assert evaluate(problem, answer.choice).feasible


@QUICK
@given(calls())
def test_an_outline_is_an_answer_with_its_gap(problem: PlacementProblem):
    best = brute_force(problem)
    found, bound = outline(problem)
    if best is None:
        assert found is None
        return
    assert bound <= best[1].objective(problem.objective) * (1 + 1e-6) + 1e-9
    if found is not None:
        assert evaluate(problem, found.choice).feasible
        assert found.objective >= best[1].objective(problem.objective) * (1 - 1e-6)
        assert found.status != "optimal" or found.objective == pytest.approx(
            best[1].objective(problem.objective), rel=2e-6
        )


@QUICK
@given(calls())
def test_alternatives_of_large_plans_are_plans_with_one_task_moved(problem: PlacementProblem):
    """What moves change says the same as the plan summed up anew: the bill, and whether it is feasible."""
    answer = solve(problem)
    with set_to(sys.modules[alternatives.__module__], EXACT_TASKS=0):
        found = alternatives(problem, answer)
    joint = {task: dict(group) for group in problem.together for task in [name for name, _ in group]}
    for task, rows in found.items():
        for row in rows:
            moved = {**answer.choice, task: row.option}
            if row.verdict == "infeasible" or task in joint:
                continue
            figures = evaluate(problem, moved)
            assert figures.feasible
            assert row.usd_per_hour_delta == pytest.approx(figures.usd_per_hour - answer.usd_per_hour, abs=1e-9)
