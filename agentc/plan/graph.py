"""The task graph: what the passes leave of an agent for the cost model, the solver and the simulator."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, TypeAlias

from agentc.plan.fleet import DeviceKind
from agentc.plan.formula import ZERO, Formula
from agentc.plan.models import ModelShape
from agentc.plan.quantity import Quantity
from agentc.plan.work import Drafted, Work
from agentc.support.record import record

Metric: TypeAlias = Literal["ttft", "tbt", "end_to_end"]
Domain: TypeAlias = Literal["device", "site", "zone"]
"""What nodes share or do not: a device class, a site of the fleet, a zone of sites."""


@record(slots=True)
class Limit:
    """A bound of the service-level agreement, at a percentile.

    ``usd_per_ms`` makes it soft: a missed millisecond costs that much per request. ``None``: hard.
    """

    metric: Metric
    seconds: float
    percentile: str = "p95"
    usd_per_ms: float | None = None


@record(slots=True)
class Load:
    """How many requests arrive; ``concurrency`` where the user stated users in flight instead of a rate."""

    requests_per_second: float = 1.0
    concurrency: float | None = None
    assumed: bool = False


@record(slots=True)
class Neighbor:
    """A node that another is to keep away from, or to stay with."""

    node: str
    """Dotted path; a node with others in it means all of them."""
    apart: bool = True
    """Share no place of the domain; False: be at one."""
    domain: Domain = "device"


@record(slots=True)
class PlacementRule:
    """The user's own word on where a task may go; names are device classes."""

    allow: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    pin: str | None = None
    sites: tuple[str, ...] = ()
    """Only at these sites of the fleet; empty: at any."""
    zones: tuple[str, ...] = ()
    """Only at sites of these zones: where the data may be; empty: anywhere."""
    neighbors: tuple[Neighbor, ...] = ()
    """Nodes to be apart from or together with."""
    source: str = field(default="", compare=False)
    """Where the definition says so: ``agent.yaml:24:94``."""


@record(slots=True)
class NoCode:
    """A device class for which there is no code of a kernel, and why."""

    device: str
    why: str
    backend: str = ""
    """The one that emits for such devices; empty: none does."""
    source: str = ""
    """``kernels.py:12:5``: what in the kernel the backend has no form of; empty where it is not the kernel."""

    @property
    def sentence(self) -> str:
        """The reason, for a table of devices."""
        if not self.backend:
            return f"no backend emits kernels for it: {self.why}"
        return f"the {self.backend} backend has no code for it: {self.why}{f' ({self.source})' if self.source else ''}"


@record(slots=True)
class Hosted:
    """A model behind somebody else's API: its prices, and how fast it answers."""

    usd_per_input_token: float = 0.0
    usd_per_output_token: float = 0.0
    ttft_seconds: float = 0.0
    tokens_per_second: float = 0.0
    """Of one answer; 0: the whole answer comes at once."""
    requests_per_minute: float = 0.0
    """Calls that the interface takes from us; 0: no limit is known."""
    tokens_per_minute: float = 0.0
    """Tokens, in and out; 0: no limit is known."""


ROUTE = "~"
"""Between the name of a step and the number of a further route of it: ``think.decode~2``."""


def step_of(name: str) -> str:
    """The task that ``name`` is a route of; itself where it is none."""
    return name.partition(ROUTE)[0]


@record
class Task:
    """One operator that can be placed."""

    name: str
    """Dotted path in the agent: ``think.decide.prefill``."""
    op: str
    """IR operation: ``llm.prefill``."""
    source: str
    """``agent.yaml:12:3``."""
    work: Work
    shape: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])
    """The figures that the work's symbols take."""
    model: ModelShape | None = None
    precision: str = "fp32"
    visits: float = 1.0
    """Expected executions per request: branch probability x loop trips x map width."""
    pair: str | None = None
    """The prefill of a decode, or the decode of a prefill: the two may be served by one pool."""
    asynchronous: bool = False
    rule: PlacementRule = PlacementRule()
    group: str | None = None
    """Tasks of one group run on one pool (the operators of one sharded model step)."""
    concurrency: float = 1.0
    """Visits that run side by side (a map's concurrency): on the longest path a task weighs visits / concurrency."""
    kinds: tuple[DeviceKind, ...] = ()
    """Kinds of device that can run it; empty: unknown."""
    hosted: Hosted | None = None
    """Set where no device of the fleet runs it but an API; its ``static_seconds`` are the API's."""
    draft: Drafted | None = None
    """The parts of ``work``, where a draft does one of them."""
    share: float = 1.0
    """Of the node's visits, where the task is one of several routes: ``visits`` are those of the share."""
    no_code: tuple[NoCode, ...] = ()
    """Of a kernel: the device classes that it has no code for."""


@record
class TaskEdge:
    """Data that flows from one task to another."""

    src: str
    dst: str
    bytes_: Formula = ZERO
    """Per visit of ``dst``; symbols as in ``src``'s work."""
    asynchronous: bool = False
    streams: bool = False
    """True where the consumer starts on the first part (KV cache layer by layer, token streams)."""


@record(slots=True)
class Company:
    """Tasks of two nodes that are to be apart, or together."""

    ones: tuple[str, ...]
    """The tasks of the node that says so."""
    others: tuple[str, ...]
    rule: Neighbor


@record
class TaskGraph:
    """An agent as tasks in topological order, edges, service-level agreement and load."""

    agent: str
    tasks: tuple[Task, ...]
    edges: tuple[TaskEdge, ...]
    limits: tuple[Limit, ...] = ()
    load: Load = Load()
    company: tuple[Company, ...] = ()
