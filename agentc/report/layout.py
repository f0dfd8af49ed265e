"""Where the boxes of a picture go: layers by longest path, rows within a layer in the order of their inputs."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spot:
    """Column and row of a node, from 0."""

    column: int
    row: int


def layers(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The column of each node: one more than its farthest predecessor's.

    ``nodes`` are in an order in which edges of the graph mostly go forward; an edge
    that goes back (a loop's) is left out.
    """
    order = {name: i for i, name in enumerate(nodes)}
    column = dict.fromkeys(nodes, 0)
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for src, dst in edges:
        if order[src] < order[dst]:
            before[dst].append(src)
    for name in nodes:
        column[name] = max((column[src] + 1 for src in before[name]), default=0)
    return column


def spots(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, Spot]:
    """Column and row of each node; in a column, nodes stand near the mean row of what they come from."""
    column = layers(nodes, edges)
    placed: dict[str, Spot] = {}
    for index in range(max(column.values(), default=-1) + 1):
        here = [name for name in nodes if column[name] == index]
        wish = {name: _mean_row(name, edges, placed) for name in here}
        for row, name in enumerate(sorted(here, key=lambda name: (wish[name], nodes.index(name)))):
            placed[name] = Spot(index, row)
    return placed


def _mean_row(name: str, edges: Sequence[tuple[str, str]], placed: dict[str, Spot]) -> float:
    rows = [placed[src].row for src, dst in edges if dst == name and src in placed]
    return sum(rows) / len(rows) if rows else 0.0
