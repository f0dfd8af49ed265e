"""What a request takes on a pool of its own, over all configurations at once, and the cheapest pair of pools.

The method of arXiv 2507.19635, section 5: every configuration of tensor parallelism, pipeline parallelism and batch is
tried for prefill and for decode, each at full load; a pair has as many replicas of either as keep pace with
each other, so that a request costs the device seconds of both. No headroom for queues: ``agentc.cost.options`` has it.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost.grid import Grid
from agentc.cost.network import TAIL_SHARE
from agentc.cost.roofline import Demand, price
from agentc.plan.fleet import Device, Link
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]


@record
class Rates:
    """Configurations of one phase on one device class that fit its memory, as arrays."""

    grid: Grid
    seconds: "Array"
    """Latency: of a prefill the whole batch, of a decode one step."""
    busy_seconds: "Array"
    """Replica seconds of one request."""

    @property
    def device_seconds(self) -> "Array":
        """Device seconds of one request: what it costs, but for the price of a device."""
        return self.busy_seconds * self.grid.devices

    def __len__(self) -> int:
        return len(self.seconds)

    def rows(self, index: Any) -> "Rates":
        """The configurations at ``index`` (whole numbers in any order, or a mask)."""
        grid = Grid(self.grid.tp[index], self.grid.pp[index], self.grid.batch[index], self.grid.dp[index])
        return Rates(grid, self.seconds[index], self.busy_seconds[index])


def rates(demand: Demand, grid: Grid, device: Device, *, phase: str, precision: str, kv_shards: int = 0) -> Rates:
    """``demand``, evaluated over ``grid``, on replicas of ``device``.

    Raises:
        ValueError: The device has no rate for the arithmetic.
    """
    import numpy as np

    size = len(grid.tp)
    found = price(
        demand, device, phase=phase, precision=precision, tp=grid.tp, pp=grid.pp, dp=grid.dp, kv_shards=kv_shards
    )
    seconds = found.step_seconds if phase == "decode" else found.seconds
    busy = np.asarray(found.busy_seconds, dtype=float) / grid.batch
    every = Rates(grid, *(np.broadcast_to(np.asarray(part, dtype=float), (size,)) for part in (seconds, busy)))
    return every.rows(np.broadcast_to(np.asarray(found.fits, dtype=bool), (size,)))


def sent(made: Rates, bytes_per_request: float, link: Link) -> Rates:
    """Prefills whose KV cache leaves over ``link``, one at each device, while it is made.

    Latency grows by what is left of the transfer at the end (``agentc.cost.network.streamed_seconds``); a link that
    carries less than the replica makes sets the pace.
    """
    import numpy as np

    whole = bytes_per_request / (made.grid.devices * link.bytes_per_second)
    batch = whole * made.grid.batch
    left = np.maximum(batch - made.seconds * (1 - TAIL_SHARE), batch * TAIL_SHARE) + link.latency_seconds
    return replace(made, seconds=made.seconds + left, busy_seconds=np.maximum(made.busy_seconds, whole))


def received(taken: Rates, bytes_per_request: float, link: Link) -> Rates:
    """Decodes whose KV cache comes over ``link``, one at each device, while others run: at most the link's pace."""
    import numpy as np

    whole = bytes_per_request / (taken.grid.devices * link.bytes_per_second)
    return replace(taken, busy_seconds=np.maximum(taken.busy_seconds, whole))


def frontier(found: Rates) -> Rates:
    """The configurations that no other beats in both latency and device seconds, from fast to frugal."""
    import numpy as np

    order = np.lexsort((found.device_seconds, found.seconds))
    spent = found.device_seconds[order]
    before = np.concatenate(([np.inf], np.minimum.accumulate(spent)[:-1])) if len(spent) else spent
    return found.rows(order[spent < before])


def cheapest(found: Rates, limit_seconds: float = float("inf")) -> int | None:
    """The configuration of the fewest device seconds within a limit on latency; None where there is none."""
    import numpy as np

    spent = np.where(found.seconds <= limit_seconds, found.device_seconds, np.inf)
    return int(np.argmin(spent)) if len(spent) and bool(np.isfinite(spent).any()) else None


def cheapest_pair(
    prefill: Rates,
    decode: Rates,
    usd_per_hour: tuple[float, float],
    *,
    ttft_seconds: float = float("inf"),
    tbt_seconds: float = float("inf"),
) -> tuple[int, int] | None:
    """The prefill and the decode of the least dollars a request; None where no two keep the limits.

    Time to first token is the prefill with its transfer and one decode step; time between tokens is a decode step.
    """
    import numpy as np

    if not len(prefill) or not len(decode):
        return None
    cost = prefill.device_seconds[:, None] * usd_per_hour[0] + decode.device_seconds[None, :] * usd_per_hour[1]
    late = prefill.seconds[:, None] + decode.seconds[None, :] > ttft_seconds
    cost = np.where(late | (decode.seconds[None, :] > tbt_seconds), np.inf, cost)
    best = int(np.argmin(cost))
    i, j = divmod(best, len(decode))
    return (i, j) if np.isfinite(cost[i, j]) else None
