"""From spans to figures of nodes: distributions, and how often what runs."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from agentc.frontends.profile.traces.matching import Match, Matcher, Miss
from agentc.frontends.profile.traces.meaning import Meaning, meaning
from agentc.frontends.profile.traces.otlp import Recorded
from agentc.frontends.profile.traces.sketch import Sketch
from agentc.frontends.profile.traces.structure import Node

OPEN_SPANS: Final = 100_000
"""Spans that wait for the rest of their traces. Beyond, the trace that has waited longest counts as it is."""

DEEPEST: Final = 100
"""Spans around a span that are looked at."""

MOST_NODES: Final = 10_000
"""Names of nodes, where spans name them."""

MISSES: Final = 50
"""Kinds of spans without a node that are remembered by name."""


@dataclass
class Figures:
    """What was seen of a node."""

    spans: int = 0
    failed: int = 0
    how: Counter[str] = field(default_factory=Counter[str])
    input_tokens: Sketch = field(default_factory=Sketch)
    output_tokens: Sketch = field(default_factory=Sketch)
    milliseconds: dict[str, Sketch] = field(default_factory=dict[str, Sketch])
    """By kind of span: a step may do more than its node's work."""

    def add(self, said: Meaning, how: str) -> None:
        """One more span; of one that failed nothing but that."""
        self.spans += 1
        self.how[how] += 1
        if said.failed:
            self.failed += 1
            return
        for sketch, value in ((self.input_tokens, said.input_tokens), (self.output_tokens, said.output_tokens)):
            if value is not None:
                sketch.add(value)
        if said.milliseconds is not None and said.op not in _NOT_THE_WORK:
            self.milliseconds.setdefault(said.kind, Sketch()).add(said.milliseconds)


@dataclass
class Totals:
    """Of loops, maps, branches and conditions: what a trace after the other adds up to."""

    ran: Sketch = field(default_factory=Sketch)
    """Trips, or entries, of each run of a loop or map."""
    cases: dict[str, float] = field(default_factory=dict[str, float])
    """Of a branch: how often each ran."""
    held: float = 0.0
    asked: float = 0.0


@dataclass
class Collected:
    """Everything that the traces say."""

    traces: int = 0
    spans: int = 0
    unfinished: int = 0
    backward: int = 0
    """Spans that end before they begin: clocks differ."""
    first: int = 0
    last: int = 0
    nodes: dict[str, Figures] = field(default_factory=dict[str, Figures])
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    """Without an agent: what each node seems to be."""
    control: dict[str, Totals] = field(default_factory=dict[str, Totals])
    missed: Counter[Miss] = field(default_factory=Counter[Miss])


@dataclass(eq=False, slots=True)
class Held:
    """A span that waits for the rest of its trace: what it means, without what else it says."""

    id: str
    parent: str
    start: int
    end: int
    said: Meaning
    match: Match | Miss | None = None

    @property
    def is_step(self) -> bool:
        """Whether it is of a node, rather than around nodes or of what a plan adds."""
        return self.said.kind not in ("", "agent") or bool(self.said.node and not self.said.ours)


@dataclass
class Collector:
    """Takes spans in any order; gives what they say of each node."""

    matcher: Matcher
    found: Collected = field(default_factory=Collected)
    open_spans: int = OPEN_SPANS
    _open: OrderedDict[str, list[Held]] = field(default_factory=OrderedDict[str, list[Held]])
    _waiting: int = 0

    def add(self, spans: Iterable[Recorded]) -> None:
        """Take ``spans``; those of a trace are best near each other."""
        for span in spans:
            held = Held(span.id, span.parent, span.start, span.end, meaning(span))
            self._open.setdefault(span.trace, []).append(held)
            self._open.move_to_end(span.trace)
            self._waiting += 1
            while self._waiting > self.open_spans:
                self._close()

    def finish(self) -> Collected:
        """What all traces say."""
        while self._open:
            self._close()
        return self.found

    def _close(self) -> None:
        _, spans = self._open.popitem(last=False)
        self._waiting -= len(spans)
        _Trace(self, spans).count()


@dataclass
class _Trace:
    collector: Collector
    spans: list[Held]
    counts: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    """Node -> op -> how often."""
    _by_id: dict[str, Held] = field(default_factory=dict[str, Held])

    def count(self) -> None:
        found = self.collector.found
        self._by_id = {span.id: span for span in self.spans if span.id}
        for span in self._once():
            found.spans += 1
            found.unfinished += not span.end
            found.backward += bool(span.start and span.end and span.end < span.start)
            if span.start:
                found.first = min(found.first or span.start, span.start)
                found.last = max(found.last, span.start)
            if span.is_step:
                self._step(span)
        if self.counts:
            found.traces += 1
            if self.collector.matcher.nodes is not None:
                Visits(self.visits(), found.control).body(self.collector.matcher.nodes, root=True)

    def _once(self) -> Iterator[Held]:
        """Spans without those that were exported twice; the last counts, which may be the finished one."""
        return (span for span in self.spans if not span.id or self._by_id[span.id] is span)

    def visits(self) -> dict[str, int]:
        """Node -> how often it ran: several spans of one step are of different ops."""
        return {node: max(ops.values()) for node, ops in self.counts.items()}

    def _step(self, span: Held) -> None:
        match, found = self._match(span), self.collector.found
        if isinstance(match, Match) and match.node not in found.nodes and len(found.nodes) >= MOST_NODES:
            match = Miss(match.node)
        if isinstance(match, Miss):
            if match in found.missed or len(found.missed) < MISSES:
                found.missed[match] += 1
        elif not self._is_twice(span, match):
            self.counts.setdefault(match.node, Counter())[span.said.op] += 1
            found.kinds.setdefault(match.node, span.said.kind)
            found.nodes.setdefault(match.node, Figures()).add(span.said, match.how)

    def _match(self, span: Held) -> Match | Miss:
        if span.match is None:
            around = tuple(label for each in self._around(span) for label in each.said.labels)
            span.match = self.collector.matcher.find(span.said, around)
        return span.match

    def _around(self, span: Held) -> list[Held]:
        """The spans around ``span``, nearest first; as far as the trace holds them, and no span twice."""
        row, seen = list[Held](), {span.id}
        here = self._by_id.get(span.parent) if span.parent else None
        while here is not None and len(row) < DEEPEST and here.id not in seen:
            row.append(here)
            seen.add(here.id)
            here = self._by_id.get(here.parent) if here.parent else None
        return row

    def _is_twice(self, span: Held, match: Match) -> bool:
        """Whether a span around says the same: a framework's span around its client's."""
        if span.said.ours or span.said.kind not in ("llm", "embed", "rerank", "tool"):
            return False
        outer = next((each for each in self._around(span) if each.said.kind == span.said.kind), None)
        again = self._match(outer) if outer is not None else None
        return isinstance(again, Match) and again.node == match.node


_NOT_THE_WORK: Final = ("tool.lookup",)
"""Ops of a node whose time is not the tool's."""


@dataclass
class Visits:
    """How often each part of an agent ran in a trace."""

    visits: dict[str, int]
    control: dict[str, Totals]

    def body(self, nodes: list[Node], *, root: bool = False) -> float:
        """How often a body ran: as often as what always runs in it; at least once, where anything in it did."""
        ran = {node.dotted: self._ran(node) for node in nodes}
        always = sorted(ran[node.dotted] for node in nodes if self._always(node) and ran[node.dotted])
        runs = always[(len(always) - 1) // 2] if always else float(root or any(ran.values()))
        for node in nodes:
            self._note(node, ran[node.dotted], runs, sure=root or bool(always))
        return runs

    def _always(self, node: Node) -> bool:
        """Whether the node runs once whenever its body does, and is seen to."""
        return not node.conditional and node.kind not in ("loop", "map")

    def _ran(self, node: Node) -> float:
        """How often a node ran: of a loop or map, how often its body did."""
        if not node.bodies:
            return self.visits.get(node.dotted, 0)
        runs = {label: self.body(body) for label, body in node.bodies.items()}
        if node.kind == "branch" and any(runs.values()):
            cases = self._totals(node).cases
            for label, times in runs.items():
                cases[label] = cases.get(label, 0.0) + times
        return sum(runs.values())

    def _note(self, node: Node, ran: float, runs: float, *, sure: bool) -> None:
        """``runs``: of the body that ``node`` is in; ``sure``: whether that is more than a guess."""
        if node.kind in ("loop", "map") and (ran or (node.kind == "map" and sure and not node.conditional)):
            times = max(min(runs, ran), 1.0) if node.conditional else max(runs, 1.0)
            self._totals(node).ran.add(ran / times)
        elif node.conditional and node.kind not in ("loop", "map") and sure and runs:
            self._totals(node).asked += runs
            self._totals(node).held += min(ran, runs)
        if node.kind == "branch" and not node.conditional and sure:
            self._totals(node).asked += runs

    def _totals(self, node: Node) -> Totals:
        return self.control.setdefault(node.dotted, Totals())
