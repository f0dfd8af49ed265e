"""Where the KV cache of the requests in flight lies: reserved, in pages, or partly in the host's memory.

``reserved``   every request has room for its 95th percentile from the start: nothing can go wrong.
``paged``      blocks of 16 tokens are handed out as a request grows (vLLM: Kwon et al., arXiv 2309.06180, sections 4.2
               and 4.5), a hundredth of them kept free. Requests are at different points of their answers, so that a
               batch needs room for its mean and the spread of a sum. When blocks run out the last request is thrown
               out and its prompt computed again.
``offloaded``  what finds no block waits in the host's memory and is taken back (vLLM's swapping, section 4.5).
               That is for what goes beyond the mean: a batch that never has room would have to cross the host's link in
               each step, which offline engines do (FlexGen, arXiv 2303.06865) and those that are deployed do not.

Of a configuration the policy counts that lengthens its step the least; the more memory a device has, the less each
does.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.plan.fleet import Device
from agentc.plan.placement import CachePolicy
from agentc.plan.quantity import Quantity
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
    Index: TypeAlias = NDArray[np.intp]
    Mask: TypeAlias = NDArray[np.bool_]

POLICIES: tuple[CachePolicy, ...] = ("reserved", "paged", "offloaded")
BLOCK_TOKENS = 16
"""vLLM's default ``block_size`` on accelerators."""
WATERMARK = 0.01
"""Share of the blocks that admission leaves free: ``watermark`` of vLLM's ``BlockSpaceManager``."""
MOST_FULL = 0.05
"""Largest share of time for which a pool of pages may have no block left."""
P95 = 1.6449
"""Standard deviations between the mean and the 95th percentile of a normal distribution."""
P999 = 3.0902
"""The same for the 99.9th percentile: what the host's memory is set aside for."""
HOST_SHARE = 0.8
"""Share of the host link's nominal rate that large pinned copies reach. Not calibrated."""
HOST_MEMORY = 1.0
"""Memory of the host that a device may fill, over its own: servers are sold with about twice their devices' memory
(NVIDIA-certified systems configuration guide), half of which is left to all else. Assumed."""

_GB = 1e9
_HOST_RATES: Mapping[str, float] = {
    "volta": 16 * _GB,
    "turing": 16 * _GB,
    "ampere": 32 * _GB,
    "ada": 32 * _GB,
    "cdna2": 32 * _GB,
    "gaudi2": 32 * _GB,
    "hopper": 64 * _GB,
    "blackwell": 64 * _GB,
    "blackwell-gddr": 64 * _GB,
    "cdna3": 64 * _GB,
    "cdna4": 64 * _GB,
    "gaudi3": 64 * _GB,
}
"""Bytes/s one way between host and device, by family: PCIe of 16 lanes, generations 3, 4, 5."""
_COHERENT: Mapping[str, float] = {
    "gh200": 450 * _GB,
    "gh200-144gb": 450 * _GB,
    "gb200": 225 * _GB,
    "gb300": 225 * _GB,
}
"""The same for devices beside a Grace CPU: NVLink-C2C, which two Blackwell devices share."""


def host_rate(device: Device) -> float:
    """Bytes/s from the host's memory to the device that a copy reaches; 0 where no such link is known."""
    nominal = next((_COHERENT[name] for name in device.names if name in _COHERENT), _HOST_RATES.get(device.family, 0.0))
    return nominal * HOST_SHARE


@record
class Tokens:
    """What a request in flight holds: tokens, at a random moment of its decode."""

    mean: float
    spread: float
    """Standard deviation."""


def held(prompt: Quantity, answer: Quantity) -> Tokens:
    """Tokens that a request in flight holds.

    A request is seen the more often the longer its answer o is, at a point of it that is even: it holds the prompt and
    E(o^2) / (2 E(o)) tokens of the answer, whose square is E(o^3) / (3 E(o)) (renewal theory; Kleinrock, Queueing
    Systems, volume 1, 1975, section 5.2). Spreads are those of normal distributions with the stated 95th percentile.
    """
    i, o = prompt.at("mean"), max(answer.at("mean"), 1.0)
    si, so = _spread(prompt), _spread(answer)
    first, second = (o * o + so * so) / (2 * o), (o * o + 3 * so * so) / 3
    return Tokens(i + first, math.sqrt(si * si + max(second - first * first, 0.0)))


def _spread(quantity: Quantity) -> float:
    return max(quantity.at("p95") - quantity.at("mean"), 0.0) / P95


@record
class Residency:
    """Where the cache of each configuration lies."""

    policy: "Index"
    """Place in ``POLICIES``."""
    added: "Array"
    """Seconds by which it lengthens a step; infinite where nothing fits."""
    memory: "Array"
    """Bytes on the fullest device, all in; where nothing fits, the least that would."""
    host: "Array"
    """Bytes of the host's memory that are set aside for each device."""

    @property
    def fits(self) -> "Mask":
        """Which configurations have a place for their cache."""
        import numpy as np

        return np.isfinite(self.added)


def reside(
    *,
    rest: "Array",
    reserved: "Array",
    mean: "Array",
    spread: "Array",
    room: "Array",
    host_bytes: "Array",
    host_rates: "Array",
    again: "Array",
) -> Residency:
    """The policy of each configuration. All bytes are those of one device.

    Args:
        rest: Weights and activations.
        reserved: Cache with room for every request's 95th percentile.
        mean: Cache that is held in the mean, in whole blocks.
        spread: Standard deviation of that, of the whole batch.
        room: Bytes that may be planned with.
        host_bytes: Host memory for the device.
        host_rates: Bytes/s between the two; 0 for none.
        again: Seconds of computing prompts again that a step would hold if there never was a free block.
    """
    import numpy as np

    blocks, spread = (room - rest) * (1 - WATERMARK), np.maximum(spread, 1.0)
    z = (blocks - mean) / spread
    full = np.array([math.erfc(each / math.sqrt(2)) / 2 for each in z.tolist()])
    over = spread * np.maximum(np.exp(-z * z / 2) / math.sqrt(2 * math.pi) - z * full, 0.0)
    need, aside = mean + P95 * spread, np.maximum(mean + P999 * spread - blocks, spread)
    swapped = over / np.where(host_rates > 0, host_rates, 1.0)
    may_swap = (host_rates > 0) & (blocks > 0) & (mean <= blocks) & (aside <= host_bytes)
    added = np.stack(
        [
            np.where(rest + reserved <= room, 0.0, np.inf),
            np.where((full <= MOST_FULL) & (blocks > 0), full * again, np.inf),
            np.where(may_swap, swapped, np.inf),
        ]
    )
    policy = np.argmin(added, axis=0)
    least: Any = np.min(added, axis=0)
    wanted = need / (1 - WATERMARK)
    pages = np.maximum(np.minimum(wanted, room - rest), 0.0)
    whole = np.where(np.isfinite(least), reserved, np.minimum(reserved, wanted))
    return Residency(
        policy=policy,
        added=least,
        memory=rest + np.where(policy == 0, whole, pages),
        host=np.where(policy == 2, aside, 0.0),
    )
