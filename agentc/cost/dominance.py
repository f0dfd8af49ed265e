"""Drops pools that no optimal placement needs.

Pool B makes pool A needless where both stand on the same device class and serve the same tasks from the same places,
B's replica holds 1 / k of A's devices (k a whole number: sizes are powers of two) and costs and draws as little, and
every task's option in B takes no more device seconds and is no worse in every other figure than its option in A. Then
all that runs in A can move to B: its busy time is at most k times as long, so with ceil(x + y) <= ceil(x) + ceil(y) B
needs at most k replicas more for each that A gives up, and cost, stock and every latency are kept. Comparing single
options would not be safe: a pool may be paid for by another task already. Pools whose memory counts are left as they
are.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

from agentc.cost.offers import FIGURES, Offer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
    Index: TypeAlias = NDArray[np.intp]
    Mask: TypeAlias = NDArray[np.bool_]

_Member: TypeAlias = tuple[int, int]
"""An offer, and the place on its bench of a device class."""


def needed(offers: Sequence[Offer], share: float, counted: Collection[str] = FIGURES) -> list["Mask"]:
    """Which configurations of each offer to keep.

    ``counted`` names those of ``FIGURES`` that an objective or a constraint may count; the others only break ties.
    ``share`` of a replica's time may be busy.
    """
    kept = [offer.kept.copy() for offer in offers]
    members: dict[str, list[_Member]] = {}
    for index, offer in enumerate(offers):
        if not offer.found.shared:
            for place, pool in enumerate(offer.found.pools):
                members.setdefault(pool, []).append((index, place))
    figures = [offer.figures(share) for offer in offers]
    for served in members.values():
        _prune(served, offers, figures, kept, counted)
    return kept


def _prune(
    served: Sequence[_Member],
    offers: Sequence[Offer],
    figures: Sequence["Array"],
    kept: Sequence["Mask"],
    counted: Collection[str],
) -> None:
    """Take those pools of one name on one device class out of ``kept`` that another makes needless."""
    import numpy as np

    offer, place = offers[served[0][0]], served[0][1]
    rows = [offers[index].on(place) for index, place in served]
    devices = offer.found.bench.grid.devices[rows[0]]
    rent = np.stack([devices, devices * offer.found.bench.stocks[place].usd_per_hour], axis=1)
    there = np.stack([kept[index][mine] for (index, _), mine in zip(served, rows, strict=True)])
    for users, group in _alike(there):
        mine = [figures[served[user][0]][rows[user]][group] for user in users]
        table, columns = np.concatenate([rent[group], *mine], axis=1), [True, True]
        columns += [name in counted for _ in range((table.shape[1] - 2) // len(FIGURES)) for name in FIGURES]
        needless = group[~frontier(table[:, columns], table)]
        for user in users:
            kept[served[user][0]][rows[user].start + needless] = False


def _alike(there: "Mask") -> list[tuple[list[int], "Index"]]:
    """The users of each pool of ``there`` (users, pools), with all pools that have the same; two or more of them."""
    import numpy as np

    if (there == there[0]).all():
        groups = {0: there[0].nonzero()[0]}
    else:
        kinds: dict[bytes, list[int]] = {}
        for pool, users in enumerate(there.T):
            kinds.setdefault(users.tobytes(), []).append(pool)
        groups = {pools[0]: np.array(pools) for pools in kinds.values()}
    return [(there[:, pools[0]].nonzero()[0].tolist(), pools) for pools in groups.values() if len(pools) > 1]


def frontier(table: "Array", ties: "Array") -> "Mask":
    """Which rows no other makes needless: one that is nowhere larger, and smaller somewhere or the first of equals
    (by ``ties``, then in order)."""
    import numpy as np

    covers: Mask = np.all(table[:, None, :] <= table[None, :, :], axis=2)
    equal = covers & covers.T
    needless: Mask = np.any(covers & ~equal, axis=0)
    np.fill_diagonal(equal, val=False)
    for i, j in zip(*equal.nonzero(), strict=True):
        needless[j] |= (tuple(ties[i]), i) < (tuple(ties[j]), j)
    return ~needless
