"""Problems that fall apart against brute force, and against the road that knows no parts."""

from dataclasses import replace
from random import Random

import pytest

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.solve import alternatives, brute_force, solve
from agentc.solve import parts as parts_
from agentc.solve.parts import decide, parts
from agentc.solve.presolve import everything, possible
from agentc.solve.tables import tabulate


def problem(seed: int) -> PlacementProblem:
    """Up to four tasks; two share pools, two have a deadline together, one edge charges between classes, sets, stock."""
    rng = Random(seed)
    classes = ("a", "b", "c")
    stock = {d: rng.choice([1, 2, 4]) for d in classes if rng.random() < 0.5}
    pools: dict[str, Pool] = {}
    tasks: list[PlacementTask] = []
    for t in range(rng.choice([3, 4])):
        options: list[Option] = []
        for d in classes:
            for size in (1, 2):
                shared = t < 2 and rng.random() < 0.5
                pool = f"{d}{size}" if shared else f"{d}{size}/{t}"
                pools.setdefault(pool, Pool(pool, d, size, size * rng.choice([1.0, 1.5, 2.0])))
                metrics = {"ttft": rng.choice([0.1, 0.2, 0.3])}
                seconds, busy = rng.choice([0.1, 0.2, 0.4]), rng.choice([0.02, 0.07, 0.1])
                options.append(
                    Option(f"{d}{size}", pool, d, d, "single", seconds=seconds, busy_seconds=busy, metrics=metrics)
                )
        tasks.append(PlacementTask(f"t{t}", tuple(options[: rng.choice([3, 5])])))
    dear = {(x, y): Hop(0.01, usd=0.0 if x == y else 1e-4) for x in classes for y in classes}
    free = {(x, y): Hop(0.02) for x in classes for y in classes if (x, y) != ("a", "b") or seed % 3}
    edges = (PlacementEdge("t0", "t1", free), PlacementEdge("t1", "t2", dear if seed % 2 else free))
    price = rng.choice([None, None, 0.001])
    deadlines = (
        Deadline("ttft", rng.choice([0.3, 0.5]), ("t1", "t2"), price),
        Deadline("end_to_end", rng.choice([0.5, 0.8, 9.0])),
    )
    together = (frozenset({("t0", "a2"), ("t2", "b1")}),) if seed % 4 == 0 else ()
    known = {(task.name, option.name) for task in tasks for option in task.options}
    return PlacementProblem(
        tuple(tasks),
        edges,
        pools,
        deadlines,
        tuple(group for group in together if group <= known),
        stock,
        requests_per_second=20.0,
    )


@pytest.mark.parametrize("seed", range(150))
def test_what_is_decided_is_what_brute_force_finds(seed: int) -> None:
    asked = problem(seed)
    best = brute_force(asked)
    tables = tabulate(asked)
    whole = decide(tables, everything(tables))
    if best is None:
        assert whole.state is None
        return
    assert whole.bound <= best[1].cost * (1 + 1e-9)
    if whole.state is not None:
        assert whole.state.score().violation == 0
        assert whole.state.score().objective == pytest.approx(best[1].cost)


def test_most_of_them_are_decided() -> None:
    tables = [tabulate(problem(seed)) for seed in range(150)]
    rows = [(each, possible(each)) for each in tables]
    wholes = [decide(each, left) for each, left in rows if all(left.alive)]
    assert sum(whole.state is not None for whole in wholes) > len(wholes) / 2


@pytest.mark.parametrize("seed", range(0, 150, 5))
def test_the_road_without_parts_gives_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = problem(seed)
    answer = solve(asked, reasons=False)
    others = alternatives(asked, answer)
    monkeypatch.setattr(parts_, "CHOICES", 0)
    again = solve(asked, reasons=False)
    assert (again.status, again.objective) == (answer.status, pytest.approx(answer.objective))
    assert again.end_to_end_seconds == pytest.approx(answer.end_to_end_seconds)
    for name, rows in alternatives(asked, answer).items():
        for old, new in zip(rows, others[name], strict=True):
            assert (new.device, new.verdict) == (old.device, old.verdict)
            assert new.usd_per_hour_delta == pytest.approx(old.usd_per_hour_delta, abs=2e-3 * answer.objective)


def test_stock_that_is_exceeded_joins_parts() -> None:
    pool = {f"p{t}/{d}": Pool(f"p{t}/{d}", d, 1, rent) for t in range(3) for d, rent in (("a", 1.0), ("b", 1.1 + t))}
    tasks = tuple(
        PlacementTask(f"t{t}", tuple(Option(d, f"p{t}/{d}", d, d, "single", busy_seconds=0.5) for d in "ab"))
        for t in range(3)
    )
    asked = PlacementProblem(tasks, (), pool, stock={"a": 2})
    tables = tabulate(asked)
    left = everything(tables)
    assert [part.tasks for part in parts(tables, left)] == [(0,), (1,), (2,)]
    whole = decide(tables, left)
    assert whole.scarce == {"a"}
    assert whole.bound == pytest.approx(3.1)
    assert whole.state is not None and whole.state.picked == [1, 0, 0]
    none = decide(tabulate(replace(asked, stock={"a": 1, "b": 1})), left)
    assert (none.state, none.bound) == (None, float("inf"))


def test_equally_cheap_choices_are_told_apart_by_time_then_by_order() -> None:
    rows = [("slow", 0.5), ("first", 0.2), ("second", 0.2)]
    pools = {name: Pool(name, name, 1, 1.0) for name, _ in rows}
    options = tuple(Option(name, name, name, name, "single", seconds=s, busy_seconds=0.1) for name, s in rows)
    asked = PlacementProblem((PlacementTask("t", options),), (), pools)
    assert solve(asked).choice == {"t": "first"}
