"""What comes first: cycles of references, and an order that follows the file where references leave it open."""

import heapq
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

Needs = Mapping[str, AbstractSet[str]]
"""Consumer -> producers."""


def components(names: Sequence[str], needs: Needs) -> dict[str, int]:
    """Name -> number of its strongly connected component (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    found: dict[str, int] = {}
    stack: list[str] = []
    count = 0
    for root in names:
        work: list[tuple[str, list[str]]] = [(root, [])] if root not in index else []
        while work:
            name, rest = work[-1]
            if name not in index:
                index[name] = low[name] = len(index)
                stack.append(name)
                rest.extend(sorted(needs.get(name, frozenset()), reverse=True))
            if rest:
                following = rest.pop()
                if following not in index:
                    work.append((following, []))
                elif following not in found:
                    low[name] = min(low[name], index[following])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[name])
            if low[name] == index[name]:
                while name not in found:
                    found[stack.pop()] = count
                count += 1
    return found


def back_edges(names: Sequence[str], needs: Needs) -> frozenset[tuple[str, str]]:
    """Pairs (consumer, producer) that a loop carries over: within a cycle, the producer is not above the consumer."""
    component = components(names, needs)
    place = {name: i for i, name in enumerate(names)}
    return frozenset(
        (consumer, producer)
        for consumer in names
        for producer in needs.get(consumer, ())
        if component[consumer] == component[producer] and place[producer] >= place[consumer]
    )


def cycles(names: Sequence[str], needs: Needs) -> list[list[str]]:
    """One shortest cycle, in the direction of the data, for each set of names that depend on one another."""
    component = components(names, needs)
    groups: dict[int, list[str]] = {}
    for name in names:
        groups.setdefault(component[name], []).append(name)
    loops = [group for group in groups.values() if len(group) > 1 or group[0] in needs.get(group[0], ())]
    return [_shortest(group, needs) for group in loops]


def _shortest(group: Sequence[str], needs: Needs) -> list[str]:
    """From the first of ``group`` back to it, breadth first."""
    start = group[0]
    came: dict[str, str] = {}
    row = [start]
    while start not in came:
        following: list[str] = []
        for name in row:
            for producer in sorted(needs.get(name, ())):
                if producer in group and producer not in came:
                    came[producer] = name
                    following.append(producer)
        row = following
    path = [came[start]]
    while path[-1] != start:
        path.append(came[path[-1]])
    return [start, *path[:-1]] if path[-1] == start else path


def order(names: Sequence[str], needs: Needs) -> list[str]:
    """``names`` with producers first; in the order of ``names`` where that leaves a choice. ``needs`` has no cycle."""
    place = {name: i for i, name in enumerate(names)}
    waiting = {name: len(needs.get(name, ())) for name in names}
    users: dict[str, list[str]] = {name: [] for name in names}
    for consumer in names:
        for producer in needs.get(consumer, ()):
            users[producer].append(consumer)
    ready = [place[name] for name in names if not waiting[name]]
    heapq.heapify(ready)
    done: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        done.append(name)
        for user in users[name]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, place[user])
    return done
