"""Placement problems to measure the solver by, each the same for the same arguments.

``shared``   layered agents; every task on a device class shares its pool, so that whole replicas join all tasks
``private``  the same with a pool for each task
``priced``   agents whose work is paid by the second; what a class holds in memory, and the deadline, join tasks
``mix``      the problem of Mélange (arXiv:2404.14527): rates of request sizes on GPU types, from its own JSON
``fleet``    many agents of few kinds of calls, who share pools of engines in several regions with stock
"""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, cast

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool


def shared(tasks: int, classes: int, *, seed: int = 0, private: bool = False) -> PlacementProblem:
    """Without a deadline. Faster classes are dearer; transfers take the slower network interface of both ends."""
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
        PlacementEdge(f"task{u:04}", f"task{t:04}", _wires(names, nic, rng.lognormvariate(0, 1) * 2e6))
        for t in range(1, tasks)
        for u in sorted({rng.randrange(max(0, t - 12), t) for _ in range(rng.choice([1, 1, 2]))})
    ]
    return PlacementProblem(tuple(rows), tuple(edges), pools, requests_per_second=20.0)


def _wires(names: list[str], nic: Mapping[str, float], bytes_: float) -> dict[tuple[str, str], Hop]:
    stay = Hop(0.0)
    wire = {speed: Hop(20e-6 + bytes_ / speed, bytes_=bytes_) for speed in set(nic.values())}
    return {(a, b): stay if a == b else wire[min(nic[a], nic[b])] for a in names for b in names}


GROUPS = ("near", "far", "away")
"""Places that classes are in."""

MILLISECONDS = {
    ("near", "far"): 4.0,
    ("near", "away"): 9.0,
    ("far", "away"): 6.0,
}
"""Of a unit of data between places, either way."""


def priced(tasks: int, classes: int, *, seed: int = 0, nested: bool = False) -> PlacementProblem:
    """With a deadline 35 % of the way from the fastest options' path to that of the median ones; each class but one
    holds twice the average share of all memory. ``nested``: agents of steps and branches, else of layers."""
    rng = random.Random(seed)
    before = _nested(rng, tasks) if nested else _layered(rng, tasks)
    names = [f"class{d:02}" for d in range(classes)]
    speed = {name: rng.uniform(0.5, 8) for name in names}
    price = {name: speed[name] ** 0.9 * rng.uniform(0.7, 1.4) / 3600 for name in names}
    place = {name: rng.choice(GROUPS) for name in names}
    held = [rng.uniform(1e9, 20e9) for _ in range(tasks)]
    rows: list[PlacementTask] = []
    for t in range(tasks):
        work, options = rng.lognormvariate(0, 1) * 0.01, list[Option]()
        for name in names:
            if name != names[0] and rng.random() < 0.25:
                continue
            seconds = work / (speed[name] * rng.choice([0.3, 1, 1, 2]))
            bill = seconds * price[name]
            options.append(
                Option(name, name, place[name], name, "single", seconds=seconds, usd=bill, memory_bytes=held[t])
            )
        rows.append(PlacementTask(f"task{t:04}", tuple(options)))
    edges = [
        PlacementEdge(f"task{u:04}", f"task{t:04}", _between(rng.uniform(0.2, 2)))
        for t, sources in enumerate(before)
        for u in sources
    ]
    room = sum(held) / classes * 2
    pools = {name: Pool(name, name, 1, 0.0, memory_bytes=room) for name in names}
    pools[names[0]] = Pool(names[0], names[0], 1, 0.0, memory_bytes=sum(held))
    fast, usual = _path(rows, before, 0.0), _path(rows, before, 0.5)
    limit = Deadline("end_to_end", fast + 0.35 * (usual - fast))
    return PlacementProblem(tuple(rows), tuple(edges), pools, (limit,))


def _between(units: float) -> dict[tuple[str, str], Hop]:
    both = MILLISECONDS | {(b, a): ms for (a, b), ms in MILLISECONDS.items()}
    return {(a, b): Hop(both.get((a, b), 0.0) * units * 1e-3) for a in GROUPS for b in GROUPS}


def _path(rows: Sequence[PlacementTask], before: Sequence[Sequence[int]], part: float) -> float:
    """The longest path if each task takes the option at this part of its times in order, without transfers."""
    ends: list[float] = []
    for task, sources in zip(rows, before, strict=True):
        times = sorted(option.seconds for option in task.options)
        own = (times[int(part * (len(times) - 1))] + times[-int(part * (len(times) - 1)) - 1]) / 2 if part else times[0]
        ends.append(own + max((ends[u] for u in sources), default=0.0))
    return max(ends)


class Gpu(TypedDict):
    """Of Mélange's ``gpu_info``."""

    cost: float
    tputs: list[list[float]]


class Mix(TypedDict):
    """A problem of Mélange."""

    gpu_info: dict[str, Gpu]
    workload_distribution: list[list[float]]
    total_request_rate: float
    slice_factor: int


README: Mix = {
    "gpu_info": {
        "A10G": {"cost": 1.01, "tputs": [[2, 1], [5, 2]]},
        "A100-80GB": {"cost": 3.67, "tputs": [[20, 20], [40, 20]]},
    },
    "workload_distribution": [[0.2, 0.1], [0.5, 0.2]],
    "total_request_rate": 30.0,
    "slice_factor": 1,
}
"""The example in Mélange's README, whose optimum is 3 A10G and 1 A100 at $6.70/h."""


def mix(given: Mix) -> PlacementProblem:
    """Each slice of each request size is a task; its load on a GPU type is its rate over the throughput there."""
    kinds = given["gpu_info"]
    tasks: list[PlacementTask] = []
    for i, row in enumerate(given["workload_distribution"]):
        for j, part in enumerate(row):
            rates = {name: kind["tputs"][i][j] for name, kind in kinds.items()}
            options = tuple(Option(n, n, n, n, "single", busy_seconds=1 / r) for n, r in rates.items() if r > 0)
            slices = given["slice_factor"] if part > 0 else 0
            tasks += [PlacementTask(f"{i}.{j}.{k}", options, visits=part / slices) for k in range(slices)]
    pools = {name: Pool(name, name, 1, kind["cost"]) for name, kind in kinds.items()}
    return PlacementProblem(tuple(tasks), (), pools, requests_per_second=given["total_request_rate"])


def read_mix(path: Path) -> PlacementProblem:
    """A problem of Mélange from its JSON."""
    return mix(cast(Mix, json.loads(path.read_text())))


def fleet(
    agents: int, calls: int, *, regions: int, devices: int, kinds: int = 40, classes: int = 6, seed: int = 0
) -> PlacementProblem:
    """``agents`` of ``calls`` tasks each, every one a call of one of ``kinds`` engines, which serve all agents.

    ``devices`` are spread over classes and regions. An agent's first and last task are at its home: what is far from it
    is late. All agents have the same deadline, that binds the ones with long chains.
    """
    rng = random.Random(seed)
    regional = [f"region{r}" for r in range(regions)]
    speed = [rng.uniform(1, 8) for _ in range(classes)]
    rent = [s**0.9 * rng.uniform(0.7, 1.4) for s in speed]
    dear = {region: rng.uniform(0.85, 1.3) for region in regional}
    hops = _regions(rng, regional)
    pools: dict[str, Pool] = {}
    rows: list[tuple[Option, ...]] = []
    for kind in range(kinds):
        work, options = rng.lognormvariate(0, 1) * 0.05, list[Option]()
        for c in range(classes):
            for region in regional:
                if rng.random() < 0.4:
                    continue
                name, device = f"kind{kind:02}/class{c}/{region}", f"class{c}@{region}"
                pools[name] = Pool(name, device, 1, rent[c] * dear[region], capacity=0.8)
                seconds = work / speed[c]
                options.append(Option(name, name, region, device, "single", seconds=seconds, busy_seconds=seconds))
        rows.append(tuple(options))
    tasks, edges = list[PlacementTask](), list[PlacementEdge]()
    for a in range(agents):
        for i in range(calls):
            tasks.append(PlacementTask(f"agent{a:02}.{i:03}", rows[rng.randrange(kinds)]))
            for j in sorted({rng.randrange(max(0, i - 12), i) for _ in range(rng.choice([1, 1, 2]))} if i else ()):
                edges.append(PlacementEdge(f"agent{a:02}.{j:03}", f"agent{a:02}.{i:03}", hops))
    stock = {f"class{c}@{region}": devices // (classes * regions) for c in range(classes) for region in regional}
    return PlacementProblem(tuple(tasks), tuple(edges), pools, stock=stock, requests_per_second=60.0)


def _regions(rng: random.Random, regions: Sequence[str]) -> dict[tuple[str, str], Hop]:
    apart = {frozenset((a, b)): rng.uniform(0.005, 0.08) for a in regions for b in regions if a < b}
    return {(a, b): Hop(0.0 if a == b else apart[frozenset((a, b))]) for a in regions for b in regions}


def _layered(rng: random.Random, tasks: int) -> list[list[int]]:
    layer = sorted(rng.randrange(max(4, tasks // 8)) for _ in range(tasks))
    before: list[list[int]] = []
    for t in range(tasks):
        earlier = [u for u in range(max(0, t - 24), t) if layer[u] < layer[t]]
        before.append(sorted(rng.sample(earlier, min(len(earlier), 1 + (rng.random() < 0.6)))))
    return before


def _nested(rng: random.Random, tasks: int) -> list[list[int]]:
    """Steps one after the other, some of which run two to four branches at once, that are made of steps again."""
    before: list[list[int]] = []

    def step(after: list[int]) -> int:
        before.append(after)
        return len(before) - 1

    def steps(first: int, room: int) -> int:
        last = first
        while room > 0:
            if room < 6 or rng.random() < 0.6:
                last, room = step([last]), room - 1
                continue
            many, inner = rng.randint(2, 4), rng.randint(4, max(4, min(room - 1, room // 3)))
            start = len(before)
            ends = [steps(last, max(1, inner // many)) for _ in range(many)]
            last = step(ends)
            room -= len(before) - start
        return last

    before.append([])
    steps(0, tasks - 1)
    return before[:tasks]
