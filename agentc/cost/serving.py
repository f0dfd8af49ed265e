"""Ways of serving a unit of work on a device class, as arrays over the configurations that are tried."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost import queueing
from agentc.cost.decoder import rates
from agentc.cost.environment import environment, resident_environment
from agentc.cost.grid import Grid, kv_shards
from agentc.cost.roofline import Demand, Estimate, added_seconds, evaluate, price
from agentc.cost.units import Unit
from agentc.plan.fleet import Device, Fleet
from agentc.plan.graph import Limit
from agentc.plan.placement import SHARED, Mode
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

CHUNK_TOKENS = 512
"""Prompt tokens that an aggregated engine mixes into one decode step (Sarathi-Serve, arXiv 2403.02310, section 4)."""


@record
class Setting:
    """What all units of a graph share."""

    fleet: Fleet
    arrivals_per_second: float
    limits: Mapping[str, Limit]
    """The tightest limit by metric."""
    share: float
    """Busy share of a replica that pools are planned for."""
    pool_names: Callable[[Unit], str]
    coarse: bool = False
    """Whether to try fewer configurations: an agent of very many calls."""
    packs: bool = False
    """Whether there are several small units that may share a device."""
    lenient: bool = False
    """Whether to keep also what is too late, or takes more devices than are at hand."""


@record
class Candidates:
    """Configurations of one unit on one device, as arrays."""

    grid: Grid
    mode: Mode
    pool: str
    """Name of the pool without its configuration."""
    seconds: "Array"
    busy: "Array"
    """Replica seconds of one request."""
    metrics: Mapping[str, "Array"]
    estimate: Estimate
    shares: "Array"
    """(tasks, configurations): each task's part of the unit."""
    shared: bool = False
    """Whether the pool is one of several units that share devices."""


class _Priced:
    """One work on one device over a grid: demand evaluated per percentile, priced."""

    def __init__(self, unit: Unit, device: Device, grid: Grid) -> None:
        self.unit, self.device, self.grid = unit, device, grid
        self.shards = kv_shards(unit.model) if unit.model else 0

    def demand(self, percentile: str = "mean", task: int | None = None, batch: Any = None) -> Demand:
        head, grid = self.unit.head, self.grid
        work = self.unit.work if task is None else self.unit.tasks[task].work
        shape = head.shape if task is None else self.unit.tasks[task].shape
        env, resident = environment(shape, percentile, self.unit.model), resident_environment(shape, self.unit.model)
        return evaluate(work, env, grid.batch if batch is None else batch, grid.pp, resident, self.unit.model)

    def added(self, percentile: str = "mean") -> "Array":
        """What the unit, a prefill of one prompt, adds to a decode step."""
        prompt, device, grid = self.demand(percentile, batch=self.grid.pp * 1.0), self.device, self.grid
        precision = self.unit.head.precision
        return wide(
            added_seconds(prompt, device, precision=precision, tp=grid.tp, dp=grid.dp, kv_shards=self.shards),
            len(grid.tp),
        )

    def price(self, demand: Demand, phase: str | None = None) -> Estimate:
        return price(
            demand,
            self.device,
            phase=phase or _phase(self.unit),
            precision=self.unit.head.precision,
            tp=self.grid.tp,
            pp=self.grid.pp,
            dp=self.grid.dp,
            kv_shards=self.shards,
        )

    def at(self, percentile: str) -> Estimate:
        return self.price(self.demand(percentile))

    def shares(self) -> "Array":
        """Each task's part of the unit's time, one row a task."""
        import numpy as np

        count, size = len(self.unit.tasks), len(self.grid.tp)
        if count == 1:
            return np.ones((1, size))
        times = np.stack([wide(self.price(self.demand(task=i)).seconds, size) for i in range(count)])
        return times / np.maximum(times.sum(axis=0), 1e-300)


def alone(unit: Unit, device: Device, grid: Grid, mode: Mode, pool: str, setting: Setting) -> Candidates:
    """``unit`` on a pool of its own kind."""
    priced, size = _Priced(unit, device, grid), len(grid.tp)
    mean = priced.at("mean")
    service = wide(mean.seconds, size)
    busy = wide(mean.busy_seconds, size) / grid.batch
    metrics = _metrics(unit, priced, busy, setting)
    wait = _waiting(unit, service, busy, setting, "mean")
    return Candidates(grid, mode, pool, service + wait, busy, metrics, mean, priced.shares())


def beside_others(unit: Unit, device: Device, grid: Grid, setting: Setting) -> Candidates:
    """``unit`` on a device that it shares with other units, all of them resident.

    The device takes turns (processor sharing): with a busy share r, whoever keeps it busy, work takes 1 / (1 - r) of
    its own time (M/G/1-PS; Kleinrock, Queueing Systems, volume 2, 1976, section 4.4). r is what pools are planned for,
    which no pool exceeds.
    """
    priced, size = _Priced(unit, device, grid), len(grid.tp)
    mean = priced.at("mean")
    busy = wide(mean.busy_seconds, size) / grid.batch
    seconds = wide(mean.seconds, size) / (1 - setting.share)
    return Candidates(grid, "single", shared_pool(device), seconds, busy, {}, mean, priced.shares(), shared=True)


def shared_pool(device: Device) -> str:
    """The pool of what shares devices of a class."""
    return f"{SHARED}{device.name}"


def _waiting(unit: Unit, service: "Array", busy: "Array", setting: Setting, percentile: str) -> "Array":
    """Wait before service. A decode does not wait: its prefill was admitted with it."""
    import numpy as np

    if unit.role == "decode":
        return np.zeros_like(service)
    arrivals = setting.arrivals_per_second * unit.head.visits
    occupied = np.minimum(service, busy * 1e9)
    return np.asarray(queueing.wait_seconds(occupied, busy, arrivals, setting.share, percentile))


def _metrics(unit: Unit, priced: _Priced, busy: "Array", setting: Setting) -> dict[str, "Array"]:
    """What the unit adds to time to first token and time between tokens, at the limits' percentiles."""
    size = len(priced.grid.tp)
    if unit.role == "prefill":
        percentile = _percentile(setting, "ttft")
        service = wide(priced.at(percentile).seconds, size)
        return {"ttft": service + _waiting(unit, service, busy, setting, percentile)}
    if unit.role == "decode":
        first = wide(priced.at(_percentile(setting, "ttft")).step_seconds, size)
        return {"ttft": first, "tbt": wide(priced.at(_percentile(setting, "tbt")).step_seconds, size)}
    return {}


def aggregated(unit: Unit, other: Unit, device: Device, grid: Grid, pool: str, setting: Setting) -> Candidates:
    """One half of a call whose prefill and decode share a pool with continuous batching and chunked prefill.

    With b requests in flight and o output tokens each, b / o requests end in a step and as many prompts enter. A step
    is the decode of b tokens and its share of prompts; weights are read once for both. The slowest step carries a
    whole chunk: it is what time between tokens is held against. Prefill keeps the replica for what a mixed step
    takes longer.
    """
    import numpy as np

    first, second = (unit, other) if unit.role == "prefill" else (other, unit)
    size = len(grid.tp)
    prefill, decode = _Priced(first, device, grid), _Priced(second, device, grid)
    ones = np.ones(size)
    mean, prompt = decode.demand(), prefill.demand(batch=grid.pp * ones)
    figures = rates(second.model, device, second.head.precision) if second.model else None
    share_of_prompt = figures.interference if figures else 1.0
    outputs = np.maximum(mean.repeats, 1.0) * ones
    tokens = environment(first.head.shape, "mean", first.model)
    new = max(tokens["input_tokens"] - tokens["cached_tokens"], 1.0)
    rate = grid.batch / grid.pp / outputs
    plain = decode.price(replace(mean, activations=np.maximum(mean.activations, prompt.activations)))
    step_alone = wide(plain.step_seconds, size)
    step = step_alone + rate * share_of_prompt * prefill.added()
    outs = {p: _chunk_steps(prefill, decode, rate, new, p) for p in {_percentile(setting, m) for m in ("ttft", "tbt")}}
    ttft_steps, ttft_step = outs[_percentile(setting, "ttft")]
    tbt_step = outs[_percentile(setting, "tbt")][1]
    busy_total = outputs * step / grid.batch
    busy_prefill = outputs * np.maximum(step - step_alone, 0.0) / grid.batch
    arrivals = setting.arrivals_per_second * unit.head.visits
    if unit.role == "decode":
        busy, seconds, share = busy_total - busy_prefill, outputs * step, second
        metrics = {"ttft": ttft_step, "tbt": tbt_step}
    else:
        turn = outputs * step / grid.batch
        wait = np.asarray(queueing.wait_seconds(turn, busy_total, arrivals, setting.share))
        tail = queueing.wait_seconds(turn, busy_total, arrivals, setting.share, _percentile(setting, "ttft"))
        busy, share = busy_prefill, first
        seconds = np.maximum(np.ceil(new / CHUNK_TOKENS), 1) * np.maximum(step, ttft_step) + wait
        metrics = {"ttft": ttft_steps * ttft_step + tail}
    shares = _Priced(share, device, grid).shares()
    return Candidates(grid, "aggregated", pool, seconds, busy, metrics, plain, shares)


def _chunk_steps(
    prefill: _Priced, decode: _Priced, rate: "Array", new: float, percentile: str
) -> tuple["Array", "Array"]:
    """Steps that a prompt takes, and the time of a step that carries a chunk (or what the load calls for, if more)."""
    import numpy as np

    env = environment(prefill.unit.head.shape, percentile, prefill.unit.model)
    tokens = max(env["input_tokens"] - env["cached_tokens"], 1.0)
    chunk = np.minimum(np.maximum(CHUNK_TOKENS, rate * new), tokens)
    step = wide(decode.at(percentile).step_seconds, len(rate)) + chunk / tokens * prefill.added(percentile)
    return np.maximum(np.ceil(tokens / chunk), 1.0), step


def _phase(unit: Unit) -> str:
    return unit.role if unit.role in ("prefill", "decode") else "decode" if _speaks(unit) else "other"


def _speaks(unit: Unit) -> bool:
    """A model that decodes token by token though it is no language model."""
    return bool(unit.model and unit.model.kind in ("stt", "tts"))


def _percentile(setting: Setting, metric: str) -> str:
    return setting.limits[metric].percentile if metric in setting.limits else "mean"


def wide(value: Any, size: int) -> Any:
    """``value`` as an array over all configurations."""
    import numpy as np

    return np.broadcast_to(np.asarray(value), (size,))
