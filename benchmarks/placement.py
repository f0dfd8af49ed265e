"""How long placement takes: ``python benchmarks/placement.py [NAME ...]`` prints one row per problem.

The problems are generated agents: layered graphs whose tasks run on some of the device classes, faster
ones being dearer, with transfers by the slower network interface of both ends and nothing inside a class.
Pools are shared by all tasks on a class. ``-deadline`` problems bind: the limit is 35 % of the way
from the fastest placement's time to that of the cheapest. Every row is a fresh process, so that memory is its own.
"""

import random
import resource
import subprocess
import sys
import time
from dataclasses import replace

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.solve import alternatives, solve

PROBLEMS = {
    "12x10": (12, 10, True, False),
    "50x20": (50, 20, False, False),
    "50x20-deadline": (50, 20, True, False),
    "200x20-deadline": (200, 20, True, False),
    "200x20-private-deadline": (200, 20, True, True),
    "1000x20": (1000, 20, False, False),
    "1000x20-deadline": (1000, 20, True, False),
}
"""Name -> tasks, device classes, binding deadline, a pool for each task instead of one for each class."""


def generate(tasks: int, classes: int, *, seed: int = 0, private: bool = False) -> PlacementProblem:
    """A problem without a deadline."""
    rng = random.Random(seed)
    names = [f"class{d:02}" for d in range(classes)]
    speed = {name: rng.uniform(0.5, 8) for name in names}
    price = {name: speed[name] ** 0.9 * rng.uniform(0.7, 1.4) for name in names}
    nic = {name: rng.choice([2e9, 5e9, 12.5e9, 50e9]) for name in names}
    pools: dict[str, Pool] = {}
    rows: list[PlacementTask] = []
    for t in range(tasks):
        work = rng.lognormvariate(0, 1) * 0.01
        options: list[Option] = []
        for d, name in enumerate(names):
            if d and rng.random() < 0.25:
                continue
            pool = f"{name}/{t}" if private else name
            pools.setdefault(pool, Pool(pool, name, 1, price[name], capacity=0.8))
            seconds = work / (speed[name] * rng.choice([0.3, 1, 1, 2]))
            options.append(Option(name, pool, name, name, "single", seconds=seconds, busy_seconds=seconds))
        rows.append(PlacementTask(f"task{t:04}", tuple(options)))
    edges = [
        PlacementEdge(f"task{u:04}", f"task{t:04}", _hops(names, nic, rng.lognormvariate(0, 1) * 2e6))
        for t in range(1, tasks)
        for u in sorted({rng.randrange(max(0, t - 12), t) for _ in range(rng.choice([1, 1, 2]))})
    ]
    return PlacementProblem(tuple(rows), tuple(edges), pools, requests_per_second=20.0)


def _hops(names: list[str], nic: dict[str, float], bytes_: float) -> dict[tuple[str, str], Hop]:
    stay = Hop(0.0)
    wire = {speed: Hop(20e-6 + bytes_ / speed, bytes_=bytes_) for speed in set(nic.values())}
    return {(a, b): stay if a == b else wire[min(nic[a], nic[b])] for a in names for b in names}


def problem(name: str) -> PlacementProblem:
    """The problem of ``PROBLEMS`` that is called ``name``."""
    tasks, classes, deadline, private = PROBLEMS[name]
    free = generate(tasks, classes, private=private)
    if not deadline:
        return free
    slow = solve(free, time_limit=5, gap=1e-2).end_to_end_seconds
    fast = solve(replace(free, objective="latency"), time_limit=5, gap=1e-2).end_to_end_seconds
    return replace(free, deadlines=(Deadline("end_to_end", fast + 0.35 * (slow - fast)),))


def measure(name: str) -> str:
    """Solve one problem; its row of the table."""
    given = problem(name)
    started = time.perf_counter()
    answer = solve(given, time_limit=30)
    took = time.perf_counter() - started
    others = 0.0
    if len(given.tasks) <= 12:
        started = time.perf_counter()
        alternatives(given, answer)
        others = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{name:26}{answer.status:10}{took:8.2f}{answer.gap:12.2e}{memory:10.0f}{others:14.3f}"


def main(names: list[str]) -> None:
    """Print the table."""
    print(f"{'problem':26}{'status':10}{'seconds':>8}{'gap':>12}{'MiB':>10}{'alternatives':>14}", flush=True)
    for name in names or list(PROBLEMS):
        row = subprocess.run([sys.executable, __file__, "--row", name], check=True, capture_output=True, text=True)
        print(row.stdout, end="", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--row"]:
        print(measure(sys.argv[2]))
    else:
        main(sys.argv[1:])
