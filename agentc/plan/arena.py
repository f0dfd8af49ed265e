"""Where temporaries of different sizes lie in one piece of memory, an arena.

Temporaries that are alive at once lie apart; all others may overlap. Sizes of arrays are known only when a kernel is
called, so what is decided when it is compiled is an order: each temporary lies right above those before it that are
alive with it. Whatever the sizes turn out to be, that is right; how tight it is depends on the order. Any plan at all,
its temporaries taken from the lowest up, gives an order that is as tight or tighter (each only moves down), so orders
are all there is to choose from.
"""

from collections.abc import Callable, Sequence
from itertools import permutations

ALIGNMENT = 64
"""Bytes to which every temporary is aligned: a cache line, and the widest vector."""
EXHAUSTIVE = 6
"""Of as many temporaries every order is tried where a quick plan is not the least there can be."""


def aligned(count: int) -> int:
    """``count`` bytes, rounded up to whole lines."""
    return -(-count // ALIGNMENT) * ALIGNMENT


def meet(first: range, second: range) -> bool:
    """Whether two lives, in phases, have a phase in common."""
    return max(first.start, second.start) < min(first.stop, second.stop)


def beneath(lives: Sequence[range]) -> list[list[int]]:
    """For each temporary, in the order of placement, the earlier ones that it lies right above; those that lie beneath
    one of these anyway are left out.
    """
    every: list[set[int]] = []
    direct: list[list[int]] = []
    for i, life in enumerate(lives):
        meeting = [j for j in range(i) if meet(lives[j], life)]
        covered = {k for j in meeting for k in every[j]}
        every.append({*meeting, *covered})
        direct.append([j for j in meeting if j not in covered])
    return direct


def stack(lives: Sequence[range], counts: Sequence[int]) -> tuple[list[int], int]:
    """The byte at which each temporary of ``counts`` bytes begins, placed in this order, and the bytes of the arena."""
    offsets: list[int] = []
    for under in beneath(lives):
        offsets.append(max((offsets[j] + aligned(counts[j]) for j in under), default=0))
    return offsets, max((at + aligned(n) for at, n in zip(offsets, counts, strict=True)), default=0)


def most_alive(lives: Sequence[range], counts: Sequence[int]) -> int:
    """Bytes that are alive in one phase, at most: no arena is smaller."""
    phases = range(max((life.stop for life in lives), default=0))
    pairs = list(zip(lives, counts, strict=True))
    return max((sum(aligned(n) for life, n in pairs if p in life) for p in phases), default=0)


def order(lives: Sequence[range], counts: Sequence[int]) -> list[int]:
    """An order of placement in which temporaries of ``counts`` bytes need little: the best of a few quick plans, and of
    all orders where these leave gaps and there are few temporaries.
    """
    places = range(len(lives))
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-counts[i], lives[i].start, i),
        lambda i: (-len(lives[i]), -counts[i], i),
        lambda i: (-len(lives[i]) * counts[i], lives[i].start, i),
        lambda i: (lives[i].start, -counts[i], i),
    )
    tried = [_from_below(_best_fit(sorted(places, key=key), lives, counts)) for key in keys]
    best = min(tried, key=lambda tried: _height(tried, lives, counts))
    if len(lives) <= EXHAUSTIVE and _height(best, lives, counts) > most_alive(lives, counts):
        best = list(min(permutations(best), key=lambda tried: _height(tried, lives, counts)))
    return best


def _height(placement: Sequence[int], lives: Sequence[range], counts: Sequence[int]) -> int:
    return stack([lives[i] for i in placement], [counts[i] for i in placement])[1]


def _from_below(offsets: dict[int, int]) -> list[int]:
    return sorted(offsets, key=lambda i: (offsets[i], i))


def _best_fit(placement: Sequence[int], lives: Sequence[range], counts: Sequence[int]) -> dict[int, int]:
    """Offsets, where each goes into the smallest gap that takes it, between those placed before that it meets."""
    offsets: dict[int, int] = {}
    for i in placement:
        taken = sorted((offsets[j], offsets[j] + aligned(counts[j])) for j in offsets if meet(lives[i], lives[j]))
        gaps: list[tuple[int, int]] = []
        top = 0
        for low, high in taken:
            if low - top >= aligned(counts[i]):
                gaps.append((low - top, top))
            top = max(top, high)
        offsets[i] = min(gaps)[1] if gaps else top
    return offsets
