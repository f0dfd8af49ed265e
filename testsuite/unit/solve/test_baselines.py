"""Baselines against every class solved by itself."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from agentc.plan.placement import Deadline, Objective, Option, PlacementProblem, PlacementSolution, PlacementTask, Pool
from agentc.solve import baselines
from agentc.solve.baselines import classes, disaggregated, on_one_class
from agentc.solve.tables import Tables, tabulate

KEEP = ("cpu",)


def problem(seed: int, objective: Objective) -> PlacementProblem:
    """Tasks with an aggregated and a disaggregated option on most of five classes, some only on CPUs."""
    rng = random.Random(seed)
    names = [f"class{d}" for d in range(5)]
    pools = {
        f"{mode}/{name}": Pool(f"{mode}/{name}", name, 1, rng.choice([1.0, 2.0, 3.5]) * (mode == "single" or 1.2))
        for name in (*names, "cpu")
        for mode in ("aggregated", "disaggregated", "single")
    }
    tasks = [PlacementTask("tool", (option("single", "cpu", rng),))]
    for t in range(3):
        modes = [(mode, name) for name in names for mode in ("aggregated", "disaggregated") if rng.random() < 0.85]
        tasks.append(PlacementTask(f"task{t}", tuple(option(mode, name, rng) for mode, name in modes)))
    return PlacementProblem(
        tuple(tasks),
        (),
        pools,
        (Deadline("end_to_end", rng.choice([2.0, 3.0, 9.0])),),
        objective=objective,
        requests_per_second=10.0,
    )


def option(mode: Any, device: str, rng: random.Random) -> Option:
    busy = rng.uniform(0.01, 0.3)
    seconds = rng.uniform(0.3, 1.0)
    return Option(
        f"{device}/{mode}", f"{mode}/{device}", device, device, mode, seconds=seconds, busy_seconds=busy, joules=busy
    )


Solved = Callable[[Tables, str, tuple[str, ...]], PlacementSolution | None]


def prices(asked: PlacementProblem, solved: Solved) -> list[tuple[str, float]]:
    tables = tabulate(asked)
    answers = [(device, solved(tables, device, KEEP)) for device in classes(asked, KEEP)]
    return [(device, answer.usd_per_hour) for device, answer in answers if answer is not None]


@pytest.mark.parametrize("objective", ["cost", "latency", "energy"])
@pytest.mark.parametrize("seed", range(12))
def test_no_class_that_is_left_out_would_be_the_cheapest(seed: int, objective: Objective) -> None:
    asked = problem(seed, objective)
    best, worst, apart = baselines(asked, keep=KEEP)
    single, split = prices(asked, on_one_class), prices(asked, disaggregated)
    by_price = lambda pair: pair[1]  # noqa: E731
    for told, expected in (
        (best, min(single, key=by_price, default=None)),
        (worst, max(single, key=by_price, default=None)),
        (apart, min(split, key=by_price, default=None)),
    ):
        assert told.usd_per_hour == (pytest.approx(expected[1]) if expected else None)
        assert told.devices == ((expected[0],) if expected else ())
