"""The placement problem and its answer, free of IR: what ``solve`` takes and gives."""

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Literal, TypeAlias

from agentc.support.record import record

Mode: TypeAlias = Literal["single", "disaggregated", "aggregated", "hosted"]
CachePolicy: TypeAlias = Literal["reserved", "paged", "offloaded"]
Objective: TypeAlias = Literal["cost", "latency", "energy", "carbon"]
SHARED = "shared/"
"""How the names of pools begin whose devices serve several models and kernels."""

Status: TypeAlias = Literal["optimal", "feasible", "infeasible"]
Verdict: TypeAlias = Literal["dearer", "slower", "infeasible", "equal"]


@record(slots=True)
class Pool:
    """Identical replicas of one engine configuration, shared by all tasks whose options name it."""

    name: str
    device: str
    devices: int
    """Devices that one replica holds (tp x pp x dp)."""
    usd_per_hour: float
    """One replica."""
    watts: float = 0.0
    """One replica that is held, with nothing to do; what work draws beyond it is in its options' ``joules``."""
    capacity: float = 1.0
    """Share of a replica's time that may be busy (queueing headroom)."""
    grams_per_second: float = 0.0
    """Of carbon dioxide equivalent, for ``watts`` by the site's electricity."""
    memory_bytes: float = math.inf
    """What the options chosen in it may take of a device together; infinite where each that is offered fits beside all
    others."""


@record(slots=True)
class Option:
    """One way to run one task."""

    name: str
    """Unique within the task."""
    pool: str | None
    """``None`` for work that no pool of the fleet does (hosted APIs)."""
    place: str
    """Key for transfers: device class, or ``hosted``."""
    device: str
    mode: Mode
    tp: int = 1
    pp: int = 1
    dp: int = 1
    """Data-parallel groups of a replica, which share the routed experts (expert parallelism over tp x dp)."""
    batch: int = 1
    """Of a replica."""
    seconds: float = 0.0
    """Latency of one visit, as it enters the end-to-end path."""
    busy_seconds: float = 0.0
    """Replica time that one visit occupies (batch time over batch)."""
    usd: float = 0.0
    """Dollars per visit beside the pool's rent."""
    joules: float = 0.0
    """Of one visit, beyond the idle power of the pool's replicas."""
    grams: float = 0.0
    """Of carbon dioxide equivalent: ``joules`` by the site's electricity."""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    """Contribution to ``ttft`` and ``tbt``, seconds."""
    bottleneck: str = ""
    """``compute``, ``memory``, ``network``, ``cpu`` or ``static``: the resource that sets the time."""
    memory_bytes: float = 0.0
    """Per device."""
    low: float = 1.0
    """p10 of what was measured over what was predicted, in steps like this one: a factor of ``seconds``."""
    high: float = 1.0
    """p90, likewise."""
    resident: str = ""
    """Whose memory that is, in a pool whose memory counts: options of one resident (the weights of a model) lie there
    once, by the largest; empty: the task's own."""
    cache: CachePolicy = "reserved"
    """Where the KV cache of requests in flight lies: room for the longest of each, pages, or pages and the host."""
    host_bytes: float = 0.0
    """Memory of the host that is set aside for each device's KV cache."""


@record(slots=True)
class Hop:
    """What it takes to carry one edge between two places."""

    seconds: float
    usd: float = 0.0
    link: str = ""
    bytes_: float = 0.0


@record
class PlacementTask:
    """A task and the ways to run it."""

    name: str
    options: tuple[Option, ...]
    visits: float = 1.0
    """Of one request on average, by this route."""
    asynchronous: bool = False
    share: float = 1.0
    """Of the visits of the step that it is a route of; a visit takes as long by any."""

    @property
    def weight(self) -> float:
        """Visits of a request that goes this way: what the longest path counts."""
        return self.visits / self.share


@record
class PlacementEdge:
    """``hops[(a, b)]`` is the transfer from place ``a`` to place ``b``; a missing pair cannot be chosen."""

    src: str
    dst: str
    hops: Mapping[tuple[str, str], Hop]
    asynchronous: bool = False
    rule: str = ""
    """No data, but the user's word on which places go together, as a sentence."""


@record(slots=True)
class Deadline:
    """A bound on a metric.

    ``ttft`` and ``tbt``: the metric's contributions of ``tasks`` and the seconds of the edges between
    them add up. ``end_to_end``: the longest path over all synchronous edges; ``tasks`` is empty.
    """

    metric: str
    seconds: float
    tasks: tuple[str, ...] = ()
    usd_per_second: float | None = None
    """Soft with this price per request; ``None``: hard."""


@record
class PlacementProblem:
    """Everything that a placement depends on."""

    tasks: tuple[PlacementTask, ...]
    """In topological order."""
    edges: tuple[PlacementEdge, ...]
    pools: Mapping[str, Pool]
    deadlines: tuple[Deadline, ...] = ()
    together: tuple[frozenset[tuple[str, str]], ...] = ()
    """Sets of (task, option name) that are chosen all or none."""
    stock: Mapping[str, int] = field(default_factory=dict[str, int])
    """Devices at hand per class; a class that is not named is unlimited."""
    requests_per_second: float = 1.0
    objective: Objective = "cost"


@record
class PlacementSolution:
    """An answer with its proof. ``choice`` and the figures are empty or zero where infeasible."""

    status: Status
    choice: Mapping[str, str] = field(default_factory=dict[str, str])
    """Task -> option name."""
    replicas: Mapping[str, int] = field(default_factory=dict[str, int])
    """Pool -> replicas, only pools that are used."""
    objective: float = 0.0
    bound: float = 0.0
    gap: float = 0.0
    usd_per_hour: float = 0.0
    usd_per_request: float = 0.0
    end_to_end_seconds: float = 0.0
    ttft_seconds: float = 0.0
    tbt_seconds: float = 0.0
    critical_path: tuple[str, ...] = ()
    solve_seconds: float = 0.0
    conflict: tuple[str, ...] = ()
    """Infeasible: a minimal set of demands that cannot hold together, each a sentence."""


@record(slots=True)
class Alternative:
    """A device class that a task was not put on, and why."""

    device: str
    option: str
    """The best option there; empty where there is none."""
    verdict: Verdict
    why: str
    """One sentence with figures."""
    seconds: float = 0.0
    usd_per_hour_delta: float = 0.0
    """What the whole plan would cost more with the task there."""
    usd_per_request: float = 0.0


@record(slots=True)
class Assignment:
    """Where a task was put and what it comes to there."""

    device: str
    mode: Mode
    pool: str | None = None
    tp: int = 1
    pp: int = 1
    batch: int = 1
    replicas: int = 1
    devices_held: int = 0
    """All devices of the pool, which other tasks may share."""
    seconds: float = 0.0
    """One visit."""
    usd_per_request: float = 0.0
    """The task's share of the pool by busy time, and its own price."""
    bottleneck: str = ""
    memory_bytes: float = 0.0
    """Per device."""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    low_seconds: float = 0.0
    """What one visit takes at p10 of the measurements behind the estimate; 0 where there are none."""
    high_seconds: float = 0.0
    """The same at p90."""
    dp: int = 1
    """Data-parallel groups of a replica, which share the routed experts."""
    cache: CachePolicy = "reserved"
    """Where the KV cache of requests in flight lies."""
    host_bytes: float = 0.0
    """Memory of the host that is set aside for each device's KV cache."""
    share: float = 1.0
    """Of the requests, where others are served by another pool."""

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tp * self.pp * self.dp


@record(slots=True)
class Baseline:
    """What a simpler fleet would cost under the same demands; ``None`` where it cannot keep them."""

    name: str
    usd_per_hour: float | None
    devices: tuple[str, ...] = ()


@record(slots=True)
class PoolPlan:
    """One pool as planned."""

    name: str
    device: str
    replicas: int
    devices: int
    """Devices that the pool holds in all."""
    usd_per_hour: float
    utilization: float
    """Busy share of its replicas."""
    watts: float = 0.0
    """What it draws at the stated load."""
    grams_per_hour: float = 0.0
    """Of carbon dioxide equivalent."""
    sunk_usd_per_hour: float = 0.0
    """What is paid off of its devices; not in ``usd_per_hour``."""


@record(slots=True)
class PlanSummary:
    """The placement of a graph as a whole. Latencies are ``None`` where the graph has nothing of the kind."""

    status: Status
    objective: Objective
    gap: float = 0.0
    usd_per_hour: float = 0.0
    usd_per_request: float = 0.0
    ttft_seconds: float | None = None
    tbt_seconds: float | None = None
    end_to_end_seconds: float | None = None
    critical_path: tuple[str, ...] = ()
    pools: tuple[PoolPlan, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    conflict: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    watts: float | None = None
    """What all pools draw at the stated load; ``None`` where nothing is known, as of hosted models."""
    wh_per_request: float | None = None
    grams_per_hour: float | None = None
    """Of carbon dioxide equivalent."""
    grams_per_request: float | None = None
    sunk_usd_per_hour: float = 0.0
    """What is paid off of the devices held; not in ``usd_per_hour``."""
    penalty_usd_per_hour: float = 0.0
    """The price of soft limits that are missed; not in ``usd_per_hour``, which is what is paid."""
    then: tuple[Objective, ...] = ()
    """What decided among the plans that are as good for ``objective``."""
