"""Random placement problems that are small enough to try every choice."""

import math
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool

T = TypeVar("T")

DEVICES = ("a", "b", "c")
PLACES = (*DEVICES, "hosted")
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    derandomize=True,
)
CHOICES = 4096
"""Brute force tries no more than this; larger draws are cut to their first options."""


def one_of(*values: T) -> st.SearchStrategy[T]:
    return st.sampled_from(values)


@st.composite
def options(draw: st.DrawFn, name: str, pools: dict[str, Pool]) -> Option:
    pool = draw(one_of(None, *pools, *pools))
    place = "hosted" if pool is None else pools[pool].device
    return Option(
        name,
        pool,
        place,
        place,
        "hosted" if pool is None else "single",
        seconds=draw(one_of(0.1, 0.2, 0.3, 0.45, 0.0)),
        busy_seconds=0.0 if pool is None else draw(one_of(0.1, 0.5, 0.77, 0.0)),
        usd=draw(one_of(0.0005, 0.002)) if pool is None else draw(one_of(0.0, 0.0, 0.0001)),
        joules=draw(one_of(1.0, 2.0, 3.5)),
        grams=draw(one_of(0.5, 1.0, 4.0)),
        metrics={"ttft": draw(one_of(0.1, 0.2)), "tbt": draw(one_of(0.01, 0.02))},
        memory_bytes=draw(one_of(1e9, 4e9, 6e9)),
        resident=draw(one_of("", "", "m", "n")),
    )


@st.composite
def problems(draw: st.DrawFn, most: int = 8, *, whole: bool = False) -> PlacementProblem:
    pools = {
        f"p{i}": Pool(
            f"p{i}",
            DEVICES[i % 3],
            draw(one_of(1, 2, 4)),
            draw(one_of(0.5, 1.0, 3.25, 8.0)),
            draw(one_of(0.0, 0.0, 1.5, 4.0)),
            draw(one_of(1.0, 0.8)),
            draw(one_of(0.0, 0.0, 0.5, 2.0)),
            draw(one_of(math.inf, math.inf, 10e9, 5e9)),
        )
        for i in range(draw(st.integers(1, 5)))
    }
    size = draw(st.integers(1, most))
    per_task = max(1, min(5, int(CHOICES ** (1 / size))))
    tasks = tuple(
        PlacementTask(
            f"t{t}",
            tuple(draw(options(f"o{o}", pools)) for o in range(draw(st.integers(1, per_task)))),
            draw(one_of(1.0, 1.0, 1.5, 0.5)),
            draw(st.integers(0, 9)) == 0,
        )
        for t in range(size)
    )
    edges: list[PlacementEdge] = []
    for t in range(1, size):
        for u in draw(st.sets(st.integers(0, t - 1), min_size=1, max_size=2)):
            hops = {
                (a, b): Hop(0.0 if a == b else draw(one_of(0.05, 0.1)), 0.0 if a == b else draw(one_of(0.0, 0.0002)))
                for a in PLACES
                for b in PLACES
                if a == b or whole or draw(st.integers(0, 14))
            }
            edges.append(PlacementEdge(f"t{u}", f"t{t}", hops, draw(st.integers(0, 9)) == 0))
    deadlines: list[Deadline] = []
    if draw(st.booleans()):
        deadlines.append(Deadline("end_to_end", draw(one_of(0.2, 0.35, 0.6, 1.0)) * size, (), draw(one_of(None, 0.01))))
    if size > 1 and draw(st.booleans()):
        deadlines.append(Deadline("ttft", draw(one_of(0.2, 0.3, 0.35, 0.45)), ("t0", "t1"), draw(one_of(None, 0.005))))
    together: tuple[frozenset[tuple[str, str]], ...] = ()
    if size > 2 and draw(st.booleans()):
        u, v = draw(st.sets(st.integers(0, size - 1), min_size=2, max_size=2))
        together = (frozenset({(f"t{u}", tasks[u].options[0].name), (f"t{v}", tasks[v].options[-1].name)}),)
    stock = {d: draw(one_of(0, 1, 2, 4, 8, 16)) for d in DEVICES if draw(st.integers(0, 2)) == 0}
    return PlacementProblem(
        tasks,
        tuple(edges),
        pools,
        tuple(deadlines),
        together,
        stock,
        draw(one_of(0.5, 1.0, 3.0)),
        draw(one_of("cost", "cost", "latency", "energy", "carbon")),
    )
