"""From spans to figures of nodes: distributions, and how often what runs."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
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


@dataclass
class Collector:
    """Takes spans in any order; gives what they say of each node."""

    matcher: Matcher
    found: Collected = field(default_factory=Collected)
    open_spans: int = OPEN_SPANS
    _open: OrderedDict[str, list[Recorded]] = field(default_factory=OrderedDict[str, list[Recorded]])
    _waiting: int = 0

    def add(self, spans: Iterable[Recorded]) -> None:
        """Take ``spans``; those of a trace are best near each other."""
        for span in spans:
            self._open.setdefault(span.trace, []).append(span)
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
    spans: list[Recorded]
    counts: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    """Node -> op -> how often."""
    _means: dict[int, Meaning] = field(default_factory=dict[int, Meaning])
    _by_id: dict[str, Recorded] = field(default_factory=dict[str, Recorded])
    _matched: dict[int, Match] = field(default_factory=dict[int, Match])

    def count(self) -> None:
        found = self.collector.found
        self._by_id = {span.id: span for span in self.spans if span.id}
        for span in self._by_id.values() if len(self._by_id) == len(self.spans) else self._once():
            found.spans += 1
            found.unfinished += not span.end
            found.backward += bool(span.start and span.end and span.end < span.start)
            if span.start:
                found.first = min(found.first or span.start, span.start)
                found.last = max(found.last, span.start)
            self._span(span)
        if self.counts:
            found.traces += 1
            if self.collector.matcher.nodes is not None:
                Visits(self.visits(), found.control).body(self.collector.matcher.nodes, root=True)

    def _once(self) -> list[Recorded]:
        """Spans without those that were exported twice; the last counts, which may be the finished one."""
        return [span for span in self.spans if not span.id or self._by_id[span.id] is span]

    def visits(self) -> dict[str, int]:
        """Node -> how often it ran: several spans of one step are of different ops."""
        return {node: max(ops.values()) for node, ops in self.counts.items()}

    def _meaning(self, span: Recorded) -> Meaning:
        key = id(span)
        if key not in self._means:
            self._means[key] = meaning(span)
        return self._means[key]

    def _span(self, span: Recorded) -> None:
        said = self._meaning(span)
        if said.kind in ("", "agent") and (not said.node or "agentc.op" in span.attributes):
            return
        match = self._match(span)
        found = self.collector.found
        if isinstance(match, Miss):
            if match in found.missed or len(found.missed) < MISSES:
                found.missed[match] += 1
            return
        if self._is_twice(span, match):
            return
        figures = found.nodes.setdefault(match.node, Figures())
        figures.spans += 1
        figures.how[match.how] += 1
        found.kinds.setdefault(match.node, said.kind)
        self.counts.setdefault(match.node, Counter())[said.op] += 1
        if said.failed:
            figures.failed += 1
            return
        for sketch, value in ((figures.input_tokens, said.input_tokens), (figures.output_tokens, said.output_tokens)):
            if value is not None:
                sketch.add(value)
        if said.milliseconds is not None and said.op not in _NOT_THE_WORK:
            figures.milliseconds.setdefault(said.kind, Sketch()).add(said.milliseconds)

    def _match(self, span: Recorded) -> Match | Miss:
        if id(span) in self._matched:
            return self._matched[id(span)]
        around = tuple(label for each in self._around(span) for label in self._meaning(each).labels)
        match = self.collector.matcher.find(self._meaning(span), around)
        if isinstance(match, Match):
            self._matched[id(span)] = match
        return match

    def _around(self, span: Recorded) -> list[Recorded]:
        """The spans around ``span``, nearest first; as far as the trace holds them, and no span twice."""
        row: list[Recorded] = []
        here = self._by_id.get(span.parent) if span.parent else None
        while here is not None and len(row) < DEEPEST and here is not span and here not in row:
            row.append(here)
            here = self._by_id.get(here.parent) if here.parent else None
        return row

    def _is_twice(self, span: Recorded, match: Match) -> bool:
        """Whether a span within says the same: a framework's span around its client's."""
        said = self._meaning(span)
        if said.kind not in ("llm", "embed", "tool") or said.op.partition(".")[2]:
            return False
        for outer in self._around(span):
            other = self._meaning(outer)
            if other.kind == said.kind and other.op == said.op:
                again = self._match(outer)
                return isinstance(again, Match) and again.node == match.node
        return False


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
