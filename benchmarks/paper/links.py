"""Claim 5's bandwidths: what link lets a KV cache travel without holding up either side.

    egress = KV / (TTFT x N_prefill)      ingress = KV / (TBT x N_decode)

KV is the cache of the whole batch (here one request), N the devices of the replica on that side, each with a link of
its own: tensor parallelism splits the cache among them. The egress lasts as long as the prefill, whose own time stands
for TTFT (few devices prefill 32K tokens in the SLA's 250 ms). The ingress, as the paper has it, must be over within one
token of the decode.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agentc import catalog
from agentc.cost.environment import environment, resident_environment
from agentc.cost.grid import kv_shards
from agentc.cost.roofline import estimate
from agentc.plan import demand
from agentc.plan.quantity import Quantity
from benchmarks.paper.facts import LONGEST_INPUT, MODELS, PRECISIONS, SLAS
from benchmarks.paper.settings import Setting, devices, priced_as
from benchmarks.paper.tco import kv_bytes

REPLICAS = (1, 2, 4, 8)
"""Devices of a replica, up to a chassis."""
TBT_SECONDS = SLAS[0].tbt_seconds


@dataclass(frozen=True)
class Need:
    """Gbit/s of each device's link, for one model, precision, size of replicas and input."""

    model: str
    precision: str
    devices: int
    input_tokens: int
    kv_bytes: float
    egress_gbps: Mapping[str, float]
    """By device class of the prefill; only those that hold the model on that many devices."""
    ingress_gbps: float


def gbps(bytes_: float, seconds: float, count: int) -> float:
    """What each of ``count`` links carries of ``bytes_`` in ``seconds``, in Gbit/s."""
    return bytes_ * 8 / (seconds * count) / 1e9


def needed_devices(bytes_: float, seconds: float, link_gbps: float) -> int:
    """The fewest links of ``link_gbps`` that carry ``bytes_`` in ``seconds``."""
    return math.ceil(bytes_ * 8 / (seconds * link_gbps * 1e9))


def prefill_seconds(setting: Setting, device: str, model: str, precision: str, tokens: int, tp: int) -> float | None:
    """Of one prompt; None where the model does not fit."""
    shape = catalog.model(model)
    stated = {"input_tokens": Quantity(tokens), "output_tokens": Quantity(1)}
    found = estimate(
        demand.prefill(shape, precision, precision),
        environment(stated),
        devices(setting.figures, setting.curves)[device],
        phase="prefill",
        precision=precision,
        tp=tp,
        kv_shards=kv_shards(shape),
        resident_env=resident_environment(stated),
        model=priced_as(setting, model),
    )
    return float(found.seconds) if found.fits else None


def need(setting: Setting, model: str, precision: str, count: int, tokens: int) -> Need:
    """Both bandwidths of replicas of ``count`` devices at an input of ``tokens``."""
    cache = kv_bytes(model, precision, tokens)
    times = {
        name: prefill_seconds(setting, name, model, precision, tokens, count)
        for name in devices(setting.figures, setting.curves)
    }
    egress = {name: gbps(cache, seconds, count) for name, seconds in times.items() if seconds}
    return Need(model, precision, count, tokens, cache, egress, gbps(cache, TBT_SECONDS, count))


def needs(setting: Setting, tokens: int = LONGEST_INPUT) -> tuple[Need, ...]:
    """All models, precisions and sizes at an input of ``tokens``, where some device class holds the model."""
    every = (need(setting, m, p, n, tokens) for m in MODELS for p in PRECISIONS for n in REPLICAS)
    return tuple(row for row in every if row.egress_gbps)
