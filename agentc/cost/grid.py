"""The configurations that are tried: tensor x pipeline x data parallelism x batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from agentc.plan.fleet import Device, Stock
from agentc.plan.models import ModelShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

MAX_TP = 8
"""Largest tensor-parallel group: a chassis (arXiv 2507.19635, section 5), also in a domain of 72."""
MAX_DEVICES = 8
"""Largest replica, unless the weights need more."""
PREFILL_BATCHES = (1, 2, 4, 8, 16)
DECODE_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MODEL_BATCHES = (1, 2, 4, 8, 16, 32)
SHARED_BATCHES = (1, 8, 32)
"""What a model tries on a device that others share."""
COARSE_BATCHES = (1, 8, 32, 128)
"""What agents of more than ``COARSE_UNITS`` calls and models try, so that their problem stays solvable."""
COARSE_UNITS = 200


@dataclass(frozen=True, eq=False)
class Grid:
    """Configurations as arrays of one length, whole numbers as floats."""

    tp: "Array"
    pp: "Array"
    batch: "Array"
    """Of a whole replica."""
    dp: "Array"
    """Groups of ``tp`` devices in a replica, each with attention and dense weights of its own for its part of the
    batch; routed experts are split over all ``tp x dp`` devices (expert parallelism)."""

    @property
    def devices(self) -> "Array":
        """Devices of one replica."""
        return self.tp * self.pp * self.dp

    def __len__(self) -> int:
        return len(self.tp)


def joined(grids: Sequence[Grid]) -> Grid:
    """The configurations of several grids, one grid after the other."""
    import numpy as np

    if len(grids) == 1:
        return grids[0]
    rows = [np.concatenate(column) for column in zip(*((g.tp, g.pp, g.batch, g.dp) for g in grids), strict=True)]
    return Grid(*rows)


def model_grid(
    model: ModelShape, stock: Stock, batches: tuple[int, ...], resident_bytes: float = 0.0, coarse: bool = False
) -> Grid:
    """All configurations of a model on a device class.

    Tensor parallelism: powers of two up to the scale-up domain (and ``MAX_TP``) that divide the query heads. Pipeline
    parallelism: 1, 2, 4 where the layers allow it, with at least as many requests as stages. Data-parallel attention
    with expert parallelism: 1, 2, 4, 8 groups of a model with routed experts, without stages. CPUs run a replica each.
    A replica is not larger than ``MAX_DEVICES`` (twice or four times that where ``resident_bytes`` of weights call for
    it) and the stock. ``coarse`` keeps every second batch or so, and stages only where the weights need them.
    """
    device, limit = stock.device, MAX_DEVICES
    while resident_bytes > 0.8 * limit * stock.device.memory_bytes and limit < 4 * MAX_DEVICES:
        limit *= 2
    stages = (1,) if coarse and limit == MAX_DEVICES else _stages(model, device)
    kept = tuple(b for b in batches if not coarse or b in COARSE_BATCHES or len(batches) < 6)
    limit = limit if stock.count is None else min(limit, stock.count)
    return _product(stages, _groups(model, device), _ways(model, device), kept, limit, device.scale_up_size)


@cache
def _product(
    stages: tuple[int, ...],
    groups: tuple[int, ...],
    ways: tuple[int, ...],
    batches: tuple[int, ...],
    limit: int,
    domain: int,
) -> Grid:
    """One grid for all devices that allow the same: figures that no device changes are worked out once for it."""
    import numpy as np

    rows = [
        (tp, pp, batch, dp)
        for pp in stages
        for dp in (groups if pp == 1 else (1,))
        for tp in ways
        for batch in batches
        if tp * pp * dp <= limit and batch >= max(pp, dp) and tp * dp <= max(domain, tp)
    ]
    table = np.array(rows or [], dtype=np.float64).reshape(-1, 4)
    return Grid(*table.T)


@cache
def single_grid(batches: tuple[int, ...] = (1,)) -> Grid:
    """One device, one request at a time unless ``batches`` says otherwise."""
    import numpy as np

    batch = np.array(batches, dtype=np.float64)
    one = np.ones(len(batch))
    return Grid(one, one, batch, one)


def _ways(model: ModelShape, device: Device) -> tuple[int, ...]:
    if device.kind == "cpu" or model.kind not in ("decoder", "tts", "diffusion"):
        return (1,)
    most = min(device.scale_up_size, MAX_TP)
    return tuple(tp for tp in (1, 2, 4, 8) if tp <= most and model.heads % tp == 0)


def _groups(model: ModelShape, device: Device) -> tuple[int, ...]:
    return (1, 2, 4, 8) if model.experts and model.kind == "decoder" and device.kind != "cpu" else (1,)


def _stages(model: ModelShape, device: Device) -> tuple[int, ...]:
    if device.kind == "cpu" or model.kind != "decoder":
        return (1,)
    return tuple(pp for pp in (1, 2, 4) if pp <= model.layers)


def kv_shards(model: ModelShape) -> int:
    """In how many ways the KV cache splits: KV heads; latent attention keeps one entry for all heads."""
    return 1 if model.kv_lora_rank else max(model.kv_heads, 1)
