"""Branches and loops in a graph of control edges.

Loops are the strongly connected parts: each is entered at its first step, and edges back there are its next trip; what
is left within may hold further loops. In what has no cycle, a step belongs to a case of a branch if every way to it
goes through that case's edge (it is dominated by the edge); after the ways meet again, it belongs to none. Graphs that
no nesting describes exactly (a jump into the middle of a loop) are described by the nearest one that keeps every step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from agentc.frontends.importers.flow import Edge

Choice = tuple[str, str]
"""A step and the label that it chooses."""


@dataclass
class Block:
    """Items that run one after the other, as far as they need each other."""

    items: list["Item"] = field(default_factory=list["Item"])


@dataclass
class Item:
    """A step, a step with the cases that it chooses from, or a loop."""

    id: str
    """The step; of a loop, its first."""
    cases: dict[str, Block] = field(default_factory=dict[str, Block])
    loop: Block | None = None
    exits: tuple[Choice, ...] = ()
    """Of a loop: the choices that leave it; an empty label for a step that leaves without a choice."""
    stays: tuple[Choice, ...] = ()
    """Of a loop: the other choices of the steps that may leave it."""
    chooser: str = ""
    """Of a loop that is left on several ways: the step within that chooses among them, and so among ``cases``."""


def structure(nodes: Sequence[str], edges: Iterable[Edge], choosers: frozenset[str]) -> Block:
    """The nested form of a graph; ``choosers``: the steps whose edges are alternatives."""
    order = {node: i for i, node in enumerate(nodes)}
    inner = [
        Edge(edge.source, edge.target, edge.label if edge.source in choosers else "")
        for edge in edges
        if edge.source in order and edge.target in order
    ]
    return _Structure(order).block(list(nodes), inner, 0)


_DEEPEST = 12
"""Loops in loops; deeper ones are cut open (no definition nests so deeply)."""


@dataclass
class _Structure:
    order: dict[str, int]

    def block(self, nodes: list[str], edges: list[Edge], depth: int) -> Block:
        parts = [part for part in components(nodes, edges) if len(part) > 1 or _loops(part[0], edges)]
        owner = {node: self._head(part, edges) for part in parts for node in part}
        loops = {owner[part[0]]: self._loop(part, owner[part[0]], edges, depth) for part in parts}
        outside: list[Edge] = []
        for edge in edges:
            source, target = owner.get(edge.source, edge.source), owner.get(edge.target, edge.target)
            if source != target:
                keeps = source not in loops or loops[source].chooser
                outside.append(Edge(source, target, edge.label if keeps else ""))
        heads = [node for node in nodes if owner.get(node, node) == node]
        return self._cases(heads, list(dict.fromkeys(outside)), loops)

    def _head(self, part: list[str], edges: list[Edge]) -> str:
        """Where a loop is entered from outside; its first step where nothing leads there."""
        inside = set(part)
        entered = {edge.target for edge in edges if edge.target in inside and edge.source not in inside}
        return min(entered or inside, key=self.order.__getitem__)

    def _loop(self, part: list[str], head: str, edges: list[Edge], depth: int) -> Item:
        inside = set(part)
        within = [e for e in edges if e.source in inside and e.target in inside]
        leaving = [e for e in edges if e.source in inside and e.target not in inside]
        exits = tuple(dict.fromkeys((e.source, e.label) for e in leaving))
        deciders = {source for source, label in exits if label}
        stays = tuple(dict.fromkeys((e.source, e.label) for e in within if e.source in deciders))
        forward = [e for e in within if e.target != head]
        members = sorted(part, key=self.order.__getitem__)
        if depth >= _DEEPEST:
            forward = [e for e in forward if self.order[e.source] < self.order[e.target]]
        body = self.block([head, *(node for node in members if node != head)], forward, depth + 1)
        chooser = exits[0][0] if len(exits) > 1 and len(deciders) == len({source for source, _ in exits}) == 1 else ""
        return Item(head, loop=body, exits=exits, stays=stays, chooser=chooser)

    def _cases(self, nodes: list[str], edges: list[Edge], loops: dict[str, Item]) -> Block:
        """A graph without cycles as a block."""
        before: dict[str, list[Edge]] = {node: [] for node in nodes}
        for edge in edges:
            before[edge.target].append(edge)
        inside: dict[str, tuple[Choice, ...]] = {}
        root = Block()
        items: dict[str, Item] = {}
        for node in topological(nodes, edges):
            ways = [self._way(edge, inside) for edge in before[node]]
            chain = _common(ways)
            inside[node] = chain
            items[node] = loops.get(node) or Item(node)
            block = root
            for chooser, label in chain:
                block = items[chooser].cases.setdefault(label, Block())
            block.items.append(items[node])
        return root

    def _way(self, edge: Edge, inside: dict[str, tuple[Choice, ...]]) -> tuple[Choice, ...]:
        """The choices that control has gone through at the end of ``edge``."""
        chain = inside[edge.source]
        return (*chain, (edge.source, edge.label)) if edge.label else chain


def _common(ways: list[tuple[Choice, ...]]) -> tuple[Choice, ...]:
    """What all ``ways`` begin with."""
    if not ways:
        return ()
    first, last = min(ways), max(ways)
    for i, choice in enumerate(first):
        if i >= len(last) or last[i] != choice:
            return first[:i]
    return first


def _loops(node: str, edges: list[Edge]) -> bool:
    return any(edge.source == node == edge.target for edge in edges)


def topological(nodes: Sequence[str], edges: Iterable[Edge]) -> list[str]:
    """``nodes`` such that edges lead forward, else in the order given; cycles and what follows them come last."""
    place = {node: i for i, node in enumerate(nodes)}
    after: dict[str, list[str]] = {node: [] for node in nodes}
    missing = dict.fromkeys(nodes, 0)
    for edge in edges:
        after[edge.source].append(edge.target)
        missing[edge.target] += 1
    ready = [place[node] for node in nodes if not missing[node]]
    made: list[str] = []
    while ready:
        node = nodes[heappop(ready)]
        made.append(node)
        for following in after[node]:
            missing[following] -= 1
            if not missing[following]:
                heappush(ready, place[following])
    done = set(made)
    return [*made, *(node for node in nodes if node not in done)]


def components(nodes: Sequence[str], edges: Iterable[Edge]) -> list[list[str]]:
    """The strongly connected parts (Tarjan 1972, without recursion), in the order of their first nodes."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for edge in edges:
        after[edge.source].append(edge.target)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    held: set[str] = set()
    found: list[list[str]] = []
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter(after[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        held.add(root)
        while work:
            node, following = work[-1]
            step = next(following, None)
            if step is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = _popped(stack, held, node)
                    found.append(part)
            elif step not in index:
                index[step] = low[step] = len(index)
                stack.append(step)
                held.add(step)
                work.append((step, iter(after[step])))
            elif step in held:
                low[node] = min(low[node], index[step])
    place = {node: i for i, node in enumerate(nodes)}
    return sorted((sorted(part, key=place.__getitem__) for part in found), key=lambda part: place[part[0]])


def _popped(stack: list[str], held: set[str], node: str) -> list[str]:
    part: list[str] = []
    while True:
        top = stack.pop()
        held.discard(top)
        part.append(top)
        if top == node:
            return part
