"""Where the boxes of a picture go: layers by longest path from the top, and lanes for edges that pass layers by."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from agentc.support.record import record

Edge = tuple[str, str]
Lane = tuple[str, str, int]
"""The place of an edge in a layer that it passes."""

SWEEPS = 4


@record
class Layout:
    """Centers, in units of a box's width; layers count from 0."""

    boxes: Mapping[str, tuple[float, int]]
    """Node -> x and layer."""
    routes: Mapping[Edge, tuple[tuple[float, int], ...]] = field(
        default_factory=dict[Edge, tuple[tuple[float, int], ...]]
    )
    """Edge -> where it passes the layers between its ends."""
    width: float = 1.0
    layers: int = 1


def layers(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The layer of each node: one more than its farthest predecessor's.

    ``nodes`` are in an order in which edges of the graph mostly go forward; an edge that goes
    back (a loop's) is left out.
    """
    order = {name: i for i, name in enumerate(nodes)}
    layer = dict.fromkeys(nodes, 0)
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for src, dst in edges:
        if order[src] < order[dst]:
            before[dst].append(src)
    for name in nodes:
        layer[name] = max((layer[src] + 1 for src in before[name]), default=0)
    return layer


def arrange(nodes: Sequence[str], edges: Sequence[Edge], *, gap: float = 0.25, lane: float = 0.15) -> Layout:
    """Place the nodes; ``gap`` and ``lane`` are the distance of boxes and the width of a passing edge."""
    layer = layers(nodes, edges)
    forward = [edge for edge in dict.fromkeys(edges) if layer[edge[0]] < layer[edge[1]]]
    rows: list[list[str | Lane]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for name in nodes:
        rows[layer[name]].append(name)
    above: dict[str | Lane, list[str | Lane]] = {}
    for src, dst in forward:
        last: str | Lane = src
        for at in range(layer[src] + 1, layer[dst]):
            rows[at].append((src, dst, at))
            above.setdefault((src, dst, at), []).append(last)
            last = (src, dst, at)
        above.setdefault(dst, []).append(last)
    _order(rows, above)
    x, width = _spread(rows, gap, lane)
    routes = {
        (src, dst): tuple((x[(src, dst, at)], at) for at in range(layer[src] + 1, layer[dst])) for src, dst in forward
    }
    return Layout({name: (x[name], layer[name]) for name in nodes}, routes, width, len(rows))


def _order(rows: list[list[str | Lane]], above: Mapping[str | Lane, list[str | Lane]]) -> None:
    """Sort each layer by the mean place of what its items hang on, down and up a few times (Sugiyama's heuristic)."""
    below: dict[str | Lane, list[str | Lane]] = {}
    for item, parents in above.items():
        for parent in parents:
            below.setdefault(parent, []).append(item)
    for sweep in range(SWEEPS):
        links, order = (above, rows) if sweep % 2 == 0 else (below, rows[::-1])
        place: dict[str | Lane, float] = {item: i / max(len(row), 1) for row in rows for i, item in enumerate(row)}
        for row in order:
            mean = {item: _mean([place[other] for other in links.get(item, ())], place[item]) for item in row}
            row.sort(key=lambda item, mean=mean: mean[item])
            place |= {item: (i + 0.5) / len(row) for i, item in enumerate(row)}


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(rows: list[list[str | Lane]], gap: float, lane: float) -> tuple[dict[str | Lane, float], float]:
    """The x of each item's center: items side by side, each layer in the middle."""
    size = [[1.0 if isinstance(item, str) else lane for item in row] for row in rows]
    wide = [sum(widths) + gap * max(len(widths) - 1, 0) for widths in size]
    x: dict[str | Lane, float] = {}
    for row, widths, total in zip(rows, size, wide, strict=True):
        left = (max(wide) - total) / 2
        for item, width in zip(row, widths, strict=True):
            x[item] = left + width / 2
            left += width + gap
    return x, max(wide, default=1.0)
