"""One measured figure of a model that is served on devices."""

import hashlib
from typing import Literal, TypeAlias

from agentc.support.record import record

Mode: TypeAlias = Literal["closed", "static", "offline", "disaggregated"]
"""``closed``: ``concurrency`` clients, each of which sends its next request when the last is answered. ``static``: one
batch of ``concurrency`` equal requests, from start to end. ``offline``: more requests than the engine can hold.
``disaggregated``: as ``closed``, prefill and decode in pools of their own."""

Metric: TypeAlias = Literal["ttft", "tpot", "throughput", "latency"]
"""Seconds to the first token, seconds per output token, output tokens per second of all devices, seconds of a batch."""

FOLDS = 5
"""Parts into which the groups are split for cross-validation."""


@record(slots=True)
class Pool:
    """Equal workers of a disaggregated deployment."""

    workers: int
    tp: int
    dp: int
    ep: int

    @property
    def devices(self) -> int:
        """All devices of the pool."""
        return self.workers * self.tp * self.dp


@record(slots=True)
class Measurement:
    """A row: where it is from, what was run, and what came out in SI units."""

    source: str
    row: int
    """Line in the file, the header being 1."""
    device: str
    """The catalog's name."""
    devices: int
    tp: int
    pp: int
    ep: int
    dp: int
    """Ways of data-parallel attention within the replica."""
    model: str
    """The catalog's name."""
    precision: str
    """Of the weights."""
    engine: str
    """``vllm``, ``sglang``, ``trtllm``, ``deepspeed``, ``habana``, ``llama.cpp``, …"""
    version: str
    isl: float
    osl: float
    concurrency: float
    """0 where the load was not limited."""
    mode: Mode
    metric: Metric
    value: float
    prefill: Pool | None = None
    decode: Pool | None = None

    @property
    def group(self) -> str:
        """Device, model and precision: what a split never cuts."""
        return f"{self.device} {self.model} {self.precision}"

    @property
    def fold(self) -> int:
        """The part of the cross-validation that the group is held out in: a hash of its name."""
        return fold_of(self.group)


def fold_of(group: str) -> int:
    """SHA-256 of the name, modulo ``FOLDS``."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") % FOLDS
