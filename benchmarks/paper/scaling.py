"""Claim 4's sweep: latency of one request as tensor parallelism grows from 1 to 64 devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentc import catalog
from agentc.cost.environment import environment, resident_environment
from agentc.cost.grid import kv_shards
from agentc.cost.roofline import estimate
from agentc.plan import demand
from agentc.plan.quantity import Quantity
from benchmarks.paper.facts import MODELS, PRECISIONS
from benchmarks.paper.settings import Setting, devices, priced_as

WAYS = (1, 2, 4, 8, 16, 32, 64)
INPUT, OUTPUT = 4096, 512


@dataclass(frozen=True)
class Sweep:
    """One device class, model, precision and phase."""

    device: str
    model: str
    precision: str
    phase: str
    seconds: Mapping[int, float]
    """Devices -> latency of a prefill of 4,096 tokens, or of one decode step; where the model fits."""
    network_share: Mapping[int, float]
    """Devices -> the part of it that is communication."""

    @property
    def best(self) -> int:
        """The devices of the least latency."""
        return min(self.seconds, key=lambda ways: (self.seconds[ways], ways))


def sweep(setting: Setting, device: str, model: str, precision: str, phase: str) -> Sweep:
    """Batch 1; parallelism that divides the heads. Beyond a chassis the scale-out link carries the all-reduces."""
    import numpy as np

    shape = catalog.model(model)
    ways = [tp for tp in WAYS if shape.heads % tp == 0]
    stated = {"input_tokens": Quantity(INPUT), "output_tokens": Quantity(OUTPUT)}
    work = (demand.prefill if phase == "prefill" else demand.decode)(shape, precision, precision)
    found = estimate(
        work,
        environment(stated),
        devices(setting.figures, setting.curves)[device],
        phase=phase,
        precision=precision,
        tp=np.array(ways, dtype=float),
        kv_shards=kv_shards(shape),
        resident_env=resident_environment(stated),
        model=priced_as(setting, model),
    )
    fits, steps, network = (_list(part, len(ways)) for part in (found.fits, found.step_seconds, found.parts["network"]))
    kept = [i for i in range(len(ways)) if fits[i]]
    return Sweep(
        device,
        model,
        precision,
        phase,
        {ways[i]: steps[i] for i in kept},
        {ways[i]: network[i] / steps[i] for i in kept},
    )


def sweeps(setting: Setting) -> tuple[Sweep, ...]:
    """All device classes, models, precisions and phases."""
    names = devices(setting.figures, setting.curves)
    return tuple(
        sweep(setting, d, m, p, phase)
        for d in names
        for m in MODELS
        for p in PRECISIONS
        for phase in ("prefill", "decode")
    )


def _list(value: Any, size: int) -> list[Any]:
    import numpy as np

    return np.broadcast_to(np.asarray(value), (size,)).tolist()
