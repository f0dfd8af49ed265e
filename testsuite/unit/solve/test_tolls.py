"""Tolls on scarce devices, company that options bring, and clocks of programs: figures by hand."""

import math

import pytest

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.solve import evaluate
from agentc.solve.company import Company, whole
from agentc.solve.highs import Program
from agentc.solve.pace import pace
from agentc.solve.presolve import possible
from agentc.solve.search import Search
from agentc.solve.tables import Tables, tabulate
from agentc.solve.tolls import mended, tolled


def way(name: str, pool: Pool, busy: float, seconds: float) -> Option:
    return Option(name, pool.name, pool.device, pool.device, "single", busy_seconds=busy, seconds=seconds)


CHEAP, FAST = Pool("cheap", "l40s", 1, 1.0), Pool("fast", "h100", 1, 4.0)


def chain(stock: dict[str, int], limit: float = math.inf, tasks: int = 8) -> PlacementProblem:
    """Tasks one after the other that fill half a cheap device or a quarter of a fast one, in 1 s or 0.25 s."""
    row = way("slow", CHEAP, 0.5, 1.0), way("quick", FAST, 0.25, 0.25)
    hops = {(a, b): Hop(0.0) for a in ("l40s", "h100") for b in ("l40s", "h100")}
    edges = tuple(PlacementEdge(f"t{n}", f"t{n + 1}", hops) for n in range(tasks - 1))
    limits = (Deadline("end_to_end", limit),) if math.isfinite(limit) else ()
    made = tuple(PlacementTask(f"t{n}", row) for n in range(tasks))
    return PlacementProblem(made, edges, {p.name: p for p in (CHEAP, FAST)}, limits, stock=stock)


@pytest.mark.parametrize("cheap", [0, 1, 2, 4])
def test_what_does_not_fit_goes_elsewhere(cheap: int):
    problem = chain({"l40s": cheap, "h100": 2})
    tables = tabulate(problem)
    figures = evaluate(problem, tables.choice(tolled(tables, possible(tables))))
    assert figures.feasible
    assert figures.devices.get("l40s", 0) <= cheap
    assert figures.cost == {4: 4.0, 2: 6.0}.get(cheap, 8.0)


def test_tasks_that_are_late_hurry():
    problem = chain({"l40s": 4, "h100": 2}, limit=5.1)
    tables = tabulate(problem)
    figures = evaluate(problem, tables.choice(tolled(tables, possible(tables))))
    assert figures.feasible
    assert figures.end_to_end_seconds <= 5.1


def test_where_nothing_fits_the_stock_is_what_is_broken():
    problem = chain({"l40s": 1, "h100": 1})
    tables = tabulate(problem)
    figures = evaluate(problem, tables.choice(tolled(tables, possible(tables))))
    assert {each.kind for each in figures.violations} == {"stock"}


def test_whole_replicas_are_seen_afterwards():
    """Nine tasks by their share: four and a half cheap devices, of which five are paid."""
    problem = chain({}, tasks=9)
    tables = tabulate(problem)
    assert mended(tables, possible(tables)).score().objective == 5.0


def paired() -> Tables:
    """The first option of either task only with the first of the other; alone it would be the cheaper for the first
    task."""
    rows = [
        (Option("a", None, "x", "x", "hosted", usd=1.0), Option("b", None, "x", "x", "hosted", usd=2.0)),
        (Option("a", None, "x", "x", "hosted", usd=5.0), Option("b", None, "x", "x", "hosted", usd=1.0)),
    ]
    tasks = tuple(PlacementTask(f"t{n}", row, asynchronous=False) for n, row in enumerate(rows))
    sets = tuple(frozenset({("t0", name), ("t1", name)}) for name in "ab")
    limit = Deadline("end_to_end", 10.0)
    return tabulate(PlacementProblem(tasks, (), {}, (limit,), sets))


def test_an_option_brings_its_company():
    tables = paired()
    company = Company(tables, possible(tables))
    assert company.open([], 0) == [0, 1]
    assert company.after(0, 0) == [(1, 0)]
    company.choose(0, 0)
    assert company.open([0], 1) == [0]


def test_what_company_costs_counts():
    tables = paired()
    assert pace(tables, possible(tables)) == [1, 1]
    assert tolled(tables, possible(tables)) == [1, 1]


def test_broken_sets_are_no_answer():
    tables = paired()
    assert [whole(tables, picked) for picked in ([0, 0], [1, 1], [0, 1], [1, 0])] == [True, True, False, False]
    search = Search(tables, possible(tables), "cost", None, -math.inf, 1e-6, math.inf)
    search.offer([0, 1])
    assert search.best is None
    search.offer([1, 1])
    assert search.best is not None


@pytest.mark.parametrize("integer", [False, True])
def test_each_run_has_the_whole_of_its_time(integer: bool):
    program = Program()
    column = program.column(0.0, 10.0, integer=integer)
    program.row(1.5, math.inf, [(column, 1.0)])
    program.costs([(column, 1.0)])
    for _ in range(3):
        before = program.loaded().getRunTime()
        assert program.run(time_limit=7.0).outcome == "optimal"
        _, limit = program.loaded().getOptionValue("time_limit")
        assert limit == pytest.approx(7.0 if integer else before + 7.0)
