"""Vector search: work against searches that count what they do."""

import heapq
import math
from itertools import product

import numpy as np
import pytest

from agentc.plan import demand
from agentc.plan.demand.vectors import LINE_BYTES, graph_hops

Edges = list[dict[int, list[int]]]


class Graph:
    """A navigable graph after Malkov and Yashunin, algorithms 1, 2 and 5, that counts distances and opened nodes."""

    def __init__(self, vectors: np.ndarray, links: int, rng: np.random.Generator) -> None:
        self.vectors, self.links = vectors, links
        self.distances = self.opened = 0
        heights = [int(-math.log(1 - rng.random()) / math.log(links)) for _ in vectors]
        self.edges: Edges = [{} for _ in range(max(heights) + 1)]
        self.top, self.entry = heights[0], 0
        for level in range(heights[0] + 1):
            self.edges[level][0] = []
        for node in range(1, len(vectors)):
            self._insert(node, heights[node])

    def _distance(self, node: int, query: np.ndarray) -> float:
        self.distances += 1
        return float(((self.vectors[node] - query) ** 2).sum())

    def _level(self, query: np.ndarray, entries: list[int], breadth: int, level: int) -> list[int]:
        waiting = [(self._distance(node, query), node) for node in entries]
        best, seen = [(-far, node) for far, node in waiting], set(entries)
        heapq.heapify(waiting)
        heapq.heapify(best)
        while waiting:
            far, node = heapq.heappop(waiting)
            if far > -best[0][0] and len(best) >= breadth:
                break
            self.opened += 1
            for near in self.edges[level][node]:
                if near in seen:
                    continue
                seen.add(near)
                away = self._distance(near, query)
                if len(best) < breadth or away < -best[0][0]:
                    heapq.heappush(waiting, (away, near))
                    heapq.heappush(best, (-away, near))
                    if len(best) > breadth:
                        heapq.heappop(best)
        return [node for _, node in sorted(best, reverse=True)]

    def _insert(self, node: int, height: int) -> None:
        entries = self._down(self.vectors[node], height)
        for level in range(min(self.top, height), -1, -1):
            entries = self._level(self.vectors[node], entries, 40, level)
            near = entries[: self.links]
            self.edges[level][node] = list(near)
            most = self.links * (1 if level else 2)
            for other in near:
                self.edges[level][other].append(node)
                if len(self.edges[level][other]) > most:
                    ranked = sorted(self.edges[level][other], key=lambda n, o=other: self._distance(n, self.vectors[o]))
                    self.edges[level][other] = ranked[:most]
        for level in range(self.top + 1, height + 1):
            self.edges[level][node] = []
        if height > self.top:
            self.top, self.entry = height, node

    def _down(self, query: np.ndarray, to: int) -> list[int]:
        entries = [self.entry]
        for level in range(self.top, to, -1):
            entries = self._level(query, entries, 1, level)[:1]
        return entries

    def search(self, query: np.ndarray, breadth: int) -> list[int]:
        return self._level(query, self._down(query, 0), breadth, 0)


@pytest.mark.parametrize(("links", "breadth"), [(8, 16), (8, 48), (16, 16)])
def test_graph_search_bounds_what_a_graph_counts(links: int, breadth: int):
    """The bound counts nodes again that were seen before: that is at most 3 times what is left."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(900, 16))
    graph = Graph(vectors, links, rng)
    graph.distances = graph.opened = 0
    found = 0
    for _ in range(30):
        query = rng.normal(size=16)
        nearest = int(((vectors - query) ** 2).sum(1).argmin())
        found += nearest in graph.search(query, breadth)
    counted, opened = graph.distances / 30, graph.opened / 30
    assert found >= 20  # it is a search
    assert counted <= demand.graph_evaluations(links, breadth, 900) <= 3 * counted
    assert opened <= graph_hops(links, breadth, 900) <= 1.6 * opened


def test_graph_work_by_hand():
    met, opened = demand.graph_evaluations(16, 64, 1e6), graph_hops(16, 64, 1e6)
    work, env = demand.graph_lookup(16, 64, 1e6, 100), {"batch": 3.0}
    assert work.flops["fp32"].evaluate(env) == pytest.approx(3 * 2 * 100 * met)
    assert work.bytes_read.evaluate(env) == pytest.approx(3 * (met * 7 * LINE_BYTES + opened * 32 * 4))
    assert work.weights_bytes.evaluate(env) == 1e6 * (400 + 32 * 4)
    assert work.static_seconds.evaluate(env) == pytest.approx(opened * 100e-9)
    assert met < demand.graph_evaluations(16, 64, 1e9) < 1.1 * met
    assert demand.graph_evaluations(16, 64, 200) == 200


def test_lists_by_enumeration():
    """2 queries, 2 of 5 lists of 4 vectors each: every choice of lists is as likely."""
    pairs = [(i, j) for i in range(5) for j in range(i)]
    touched = sum(len({*a, *b}) for a, b in product(pairs, pairs)) / len(pairs) ** 2
    work, env = demand.list_lookup(5, 2, 16, 20), {"batch": 2.0}
    assert work.flops["fp32"].evaluate(env) == 2 * 2 * 16 * (5 + 8)
    scores = 2 * (5 + 8) * 4
    assert work.bytes_read.evaluate(env) == pytest.approx(touched * 4 * (16 * 4 + 8) + 5 * 16 * 4 + scores)
    assert work.weights_bytes.evaluate(env) == 20 * (16 * 4 + 8) + 5 * 16 * 4


def test_all_lists_are_a_flat_search():
    env = {"batch": 4.0, "documents": 1000.0, "dimension": 64.0}
    flat, lists = demand.vector_lookup(), demand.list_lookup(10, 10)
    assert lists.flops["fp32"].evaluate(env) == flat.flops["fp32"].evaluate(env) + 4 * 10 * 64 * 2


@pytest.mark.parametrize(("lists", "probes"), [(0, 0), (4, 5), (4, 0)])
def test_lists_that_cannot_be_probed(lists: int, probes: int):
    with pytest.raises(ValueError, match="cannot be probed"):
        demand.list_lookup(lists, probes)


@pytest.mark.parametrize(("links", "breadth"), [(1, 8), (8, 0)])
def test_graphs_that_find_nothing(links: int, breadth: int):
    with pytest.raises(ValueError, match="finds nothing"):
        demand.graph_lookup(links, breadth, 100.0)
