"""What a tool draws: steps, control edges with labels, and what each step reads of others.

Importers of graphs (Agent Spec flows, Dify, Haystack, Flowise, …) fill a `Flow`; ``structure`` finds its branches and
loops, and ``nest`` writes it as nodes of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentc.frontends.importers.source import Part
from agentc.support.record import record

INPUT = ""
"""The step that stands for the flow's own inputs."""

OTHERWISE = "*"
"""The label of the case that takes the rest."""


@record
class Read:
    """A value that a step reads."""

    step: str
    """Who makes it; `INPUT` for an input of the flow, the first of ``field``."""
    field: tuple[str, ...] = ()
    name: str = ""
    """What the reader calls it."""


@dataclass
class Step:
    """One node of the flow."""

    id: str
    name: str
    node: dict[str, Any]
    """Ours, without `in` and without what stands within it. Empty: the step is only a point that control passes."""
    part: Part
    reads: list[Read] = field(default_factory=list[Read])
    gives: str = "any"
    """The type of what it gives; empty for nothing."""
    routes: "Routes | None" = None
    over: Read | None = None
    """Of a fan-out: the list whose entries run through ``body``."""
    body: "Flow | None" = None
    output: Read | None = None
    """Of a fan-out: what each entry gives."""
    named: bool = False
    """Whether its inputs go by name."""
    takes: tuple[tuple[str, ...], ...] = ()
    """Types that the inputs may have, one tuple an input; what may be of another type is passed on as `any`."""
    needs: Mapping[str, str] = field(default_factory=dict[str, str])
    """Inputs that must be there: name -> text that stands in where nothing is read."""


@record
class Routes:
    """How a step chooses among its control edges."""

    on: Read
    """The value that decides."""
    values: Mapping[str, tuple[str, ...]]
    """Label of an edge -> the values that lead there; `OTHERWISE` takes the rest."""
    probabilities: Mapping[str, float] = field(default_factory=dict[str, float])
    """Label -> how often, where the source states it."""


@record
class Edge:
    """Control goes from one step to another, where the first chooses only if it chooses ``label``."""

    source: str
    target: str
    label: str = ""


@dataclass
class Flow:
    """Steps in the order of the source, and edges."""

    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    edges: list[Edge] = field(default_factory=list[Edge])
    trips: Mapping[str, float] = field(default_factory=dict[str, float])
    """`expected` and `max` of loops where the source states them."""
    _known: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])

    def add(self, step: Step) -> Step:
        """Add a step."""
        self.steps[step.id] = step
        return step

    def connect(self, source: str, target: str, label: str = "") -> None:
        """Add an edge, once, between steps that are there."""
        new = (source, target, label) not in self._known
        if new and source in self.steps and target in self.steps:
            self._known.add((source, target, label))
            self.edges.append(Edge(source, target, label))

    def all_steps(self) -> list[Step]:
        """Those of the bodies of fan-outs too."""
        found: list[Step] = []
        for step in self.steps.values():
            found.append(step)
            if step.body is not None:
                found += step.body.all_steps()
        return found


def home_of(key: str, parents: Mapping[str, str]) -> str:
    """The fan-out that the node ``key`` stands in; none where the nesting bites its own tail."""
    seen = [key]
    while parents.get(seen[-1]):
        if parents[seen[-1]] in seen:
            return ""
        seen.append(parents[seen[-1]])
    return parents.get(key, "")
