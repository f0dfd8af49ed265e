"""Dynamic programming on series-parallel paths: brute force without it finds the same."""

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.solve import presolve, solve
from agentc.solve.brute_force import choices
from agentc.solve.evaluate import evaluate
from agentc.solve.fronts import search_fronts
from agentc.solve.nested import Nest, decompose
from agentc.solve.paths import Path
from agentc.solve.tables import Tables, tabulate

PLACES = "abc"


@st.composite
def nests(draw: st.DrawFn, size: int = 6) -> list[list[int]]:
    """Task -> those before it: steps in a row, and branches that meet again."""
    before: list[list[int]] = [[]]

    def steps(last: int, room: int) -> int:
        while room > 0:
            if room < 3 or draw(st.booleans()):
                before.append([last])
                last, room = len(before) - 1, room - 1
                continue
            inner = draw(st.integers(1, room - 2))
            ends = [steps(last, inner), steps(last, 1)]
            before.append(ends)
            last, room = len(before) - 1, room - inner - 2
        return last

    steps(0, draw(st.integers(0, size - 1)))
    return before


@st.composite
def problems(draw: st.DrawFn, size: int = 6) -> PlacementProblem:
    """Paid by the second, with memory that may be short, and a deadline that may bind."""
    before = draw(nests(size))
    pools = {f"p{p}": Pool(f"p{p}", f"p{p}", 1, 0.0, memory_bytes=draw(st.sampled_from((2.0, 9.0)))) for p in PLACES}
    tasks = [
        PlacementTask(
            f"t{t}",
            tuple(
                Option(
                    f"{p}{i}",
                    f"p{p}",
                    p,
                    f"p{p}",
                    "single",
                    seconds=draw(st.integers(1, 9)) / 8,
                    usd=draw(st.integers(1, 9)) / 8,
                    memory_bytes=1.0,
                )
                for p in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=2, unique=True))
                for i in range(draw(st.integers(1, 2)))
            ),
            asynchronous=len(before) > 1 and t == len(before) - 1 and len(before[t]) == 1 and draw(st.booleans()),
        )
        for t in range(len(before))
    ]
    edges: list[PlacementEdge] = []
    for t, sources in enumerate(before):
        far = draw(st.integers(0, 4)) / 4
        hops = {(a, b): Hop(0.0 if a == b else far, usd=0.0 if a == b else far / 2) for a in PLACES for b in PLACES}
        edges += [PlacementEdge(f"t{u}", f"t{t}", hops) for u in sources]
    limit = draw(st.integers(1, 3 * len(tasks))) / 3
    return PlacementProblem(tuple(tasks), tuple(edges), pools, (Deadline("end_to_end", limit),))


def fitting(problem: PlacementProblem) -> Iterator[float]:
    """The bills of all placements that keep every demand."""
    for choice in choices(problem):
        figures = evaluate(problem, choice)
        if figures.feasible:
            yield figures.usd_per_hour


def path_of(problem: PlacementProblem, price: float) -> tuple[Tables, Path]:
    tables = tabulate(problem)
    nest = decompose(tables)
    assert nest is not None
    rooms = dict.fromkeys(tables.crowded, price)
    return tables, Path(tables, presolve.everything(tables), nest, tables.path_bounds()[0].limit, rooms)


@settings(max_examples=150, deadline=None)
@given(problems(), st.data())
def test_bound_at_any_prices_is_below_every_placement(problem: PlacementProblem, data: st.DataObject) -> None:
    tables, path = path_of(problem, data.draw(st.sampled_from((0.0, 0.1, 2.0))))
    raw = {n: data.draw(st.integers(0, 8)) * 1000.0 for n in range(len(tables.links))}
    least = min(fitting(problem), default=math.inf)
    assert path.priced(raw).bound <= least * (1 + 1e-9) + 1e-9


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(0, 8))
def test_fronts_without_thinning_are_exact(problem: PlacementProblem, price: int) -> None:
    assume(not any(task.asynchronous for task in problem.tasks))  # what transfers to them charge is left out
    roomy = PlacementProblem(
        problem.tasks,
        problem.edges,
        {name: Pool(name, name, 1, 0.0) for name in problem.pools},
        problem.deadlines,
    )
    tables, path = path_of(roomy, 0.0)
    prices = path.priced(dict.fromkeys(range(len(tables.links)), price * 1000.0))
    found = search_fronts(path, prices, below=1e9, points=10**6, bounding=False, until=math.inf)
    least = min(fitting(roomy), default=math.inf)
    assert found is not None
    assert found.usd == pytest.approx(least)
    if math.isfinite(least):
        figures = evaluate(roomy, tables.choice(path.completed(found.picked)))
        assert figures.feasible
        assert figures.usd_per_hour == pytest.approx(least)
        again = search_fronts(path, prices, below=least * 0.999, points=10**6, bounding=False, until=math.inf)
        assert again is not None
        assert again.usd == math.inf


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(1, 3), st.sampled_from((0.0, 0.2, 1.5)))
def test_thinned_fronts_bound_from_below_and_place_in_time(
    problem: PlacementProblem, points: int, price: float
) -> None:
    tables, path = path_of(problem, price)
    prices = path.priced(dict.fromkeys(range(len(tables.links)), 500.0))
    bound = search_fronts(path, prices, below=1e9, points=points, bounding=True, until=math.inf)
    assert bound is not None
    assert bound.usd <= min(fitting(problem), default=math.inf) * (1 + 1e-9) + 1e-9
    found = search_fronts(path, prices, below=1e9, points=points, bounding=False, until=math.inf)
    assert found is not None
    if found.picked:
        figures = evaluate(problem, tables.choice(path.completed(found.picked)))
        assert figures.end_to_end_seconds <= problem.deadlines[0].seconds * (1 + 1e-9)


@settings(max_examples=12, deadline=None)
@given(st.lists(problems(3), min_size=14, max_size=16))
def test_long_agents_cost_what_their_parts_do(parts: list[PlacementProblem]) -> None:
    """Parts in a row that have their own memory: the best way to share the time, part by part."""
    limit = sum(part.deadlines[0].seconds for part in parts)
    tasks, edges, pools, last = list[PlacementTask](), list[PlacementEdge](), dict[str, Pool](), ""
    fronts: list[dict[float, float]] = []
    free = {(a, b): Hop(0.0) for a, b in itertools.product(PLACES, PLACES)}
    for n, part in enumerate(parts):
        mine = [
            PlacementTask(
                f"{n}.{task.name}",
                tuple(
                    Option(o.name, f"{n}.{o.pool}", o.place, o.device, "single", seconds=o.seconds, usd=o.usd)
                    for o in task.options
                ),
            )
            for task in part.tasks
        ]
        pools |= {f"{n}.{name}": Pool(f"{n}.{name}", name, 1, 0.0) for name in part.pools}
        tasks += mine
        edges += [PlacementEdge(f"{n}.{e.src}", f"{n}.{e.dst}", e.hops) for e in part.edges]
        if last:
            edges.append(PlacementEdge(last, mine[0].name, free))
        ends = {task.name for task in mine} - {edge.src for edge in edges}
        assume(len(ends) == 1)
        last = ends.pop()
        alone = PlacementProblem(
            tuple(mine),
            tuple(e for e in edges if e.src.startswith(f"{n}.")),
            pools,
            (Deadline("end_to_end", math.inf),),
        )
        front: dict[float, float] = {}
        for choice in choices(alone):
            figures = evaluate(alone, choice)
            at = round(figures.end_to_end_seconds, 9)
            front[at] = min(front.get(at, math.inf), figures.usd_per_hour)
        fronts.append(front)
    assume(len(tasks) >= 30)
    best = {0.0: 0.0}
    for front in fronts:
        merged: dict[float, float] = {}
        for (s, usd), (more, cost) in itertools.product(best.items(), front.items()):
            at = round(s + more, 9)
            if at <= limit + 1e-9:
                merged[at] = min(merged.get(at, math.inf), usd + cost)
        best = merged
    problem = PlacementProblem(tuple(tasks), tuple(edges), pools, (Deadline("end_to_end", limit),))
    assert decompose(tabulate(problem)) is not None
    answer = solve(problem, time_limit=60)
    if not best:
        assert answer.status == "infeasible"
    else:
        assert answer.status == "optimal"
        assert answer.objective == pytest.approx(min(best.values()), rel=2e-6)


def nest_of(edges: list[tuple[int, int]], size: int) -> Nest | None:
    option = Option("a", None, "a", "a", "hosted", seconds=1.0, usd=1.0)
    hop = {("a", "a"): Hop(0.0)}
    tasks = tuple(PlacementTask(f"t{t}", (option,)) for t in range(size))
    return decompose(
        tabulate(PlacementProblem(tasks, tuple(PlacementEdge(f"t{a}", f"t{b}", hop) for a, b in edges), {}))
    )


def test_crossing_branches_are_not_series_parallel() -> None:
    diamond = [(0, 1), (0, 2), (1, 3), (2, 3)]
    assert nest_of(diamond, 4) is not None
    assert nest_of([*diamond, (1, 2)], 4) is None
    assert nest_of([], 3) is not None


@given(nests(12))
def test_steps_and_branches_are_series_parallel(before: list[list[int]]) -> None:
    edges = [(u, t) for t, sources in enumerate(before) for u in sources]
    nest = nest_of(edges, len(before))
    assert nest is not None
    assert sorted(s.task for s in nest.stretches if s.task >= 0) == list(range(len(before)))


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=3, max_size=5), min_size=6, max_size=9
    ),
    st.integers(1, 4),
    st.floats(0.2, 0.8),
)
def test_thinned_fronts_of_a_row(rows: list[list[tuple[int, int]]], points: int, part: float) -> None:
    tasks = [
        PlacementTask(
            f"t{t}",
            tuple(
                Option(str(o), None, "a", "a", "hosted", seconds=float(s), usd=float(usd))
                for o, (s, usd) in enumerate(row)
            ),
        )
        for t, row in enumerate(rows)
    ]
    fastest, slowest = (sum(pick(s for s, _ in row) for row in rows) for pick in (min, max))
    limit = fastest + part * (slowest - fastest)
    edges = [PlacementEdge(f"t{t}", f"t{t + 1}", {("a", "a"): Hop(0.0)}) for t in range(len(rows) - 1)]
    problem = PlacementProblem(tuple(tasks), tuple(edges), {}, (Deadline("end_to_end", limit),))
    best = {0: 0}
    for row in rows:
        merged: dict[int, int] = {}
        for (seconds, usd), (more, cost) in itertools.product(best.items(), row):
            merged[seconds + more] = min(merged.get(seconds + more, 10**9), usd + cost)
        best = {seconds: usd for seconds, usd in merged.items() if seconds <= limit}
    least = 3600.0 * min(best.values())
    tables, path = path_of(problem, 0.0)
    prices = path.priced(dict.fromkeys(range(len(edges)), 3600.0))
    bound = search_fronts(path, prices, below=1e9, points=points, bounding=True, until=math.inf)
    found = search_fronts(path, prices, below=1e9, points=points, bounding=False, until=math.inf)
    assert bound is not None
    assert found is not None
    assert bound.usd <= least * (1 + 1e-9)
    figures = evaluate(problem, tables.choice(path.completed(found.picked)))
    assert figures.feasible
    assert figures.usd_per_hour == pytest.approx(found.usd)
    assert found.usd >= least * (1 - 1e-9)
