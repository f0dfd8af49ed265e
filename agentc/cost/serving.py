"""Ways of serving a unit of work on a device class, as arrays over the configurations that are tried."""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost import queueing
from agentc.cost.decoder import front_seconds, rates
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
    mixed: "dict[tuple[Unit, Unit, str], _Mixed]" = field(default_factory=dict[tuple[Unit, Unit, str], "_Mixed"])
    """Steps of a prefill and its decode on a device class, worked out for one and used for the other."""


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

    def demand(self, percentile: str = "mean", task: int | None = None) -> Demand:
        return _demand(self.unit, self.grid, percentile, task)

    def prompt(self, percentile: str = "mean") -> Demand:
        """One prompt at a time."""
        return _demand(self.unit, self.grid, percentile, prompt=True)

    def added(self, percentile: str = "mean") -> "Array":
        """What the unit, a prefill of one prompt, adds to a decode step."""
        device, grid, precision = self.device, self.grid, self.unit.head.precision
        return wide(
            added_seconds(
                self.prompt(percentile), device, precision=precision, tp=grid.tp, dp=grid.dp, kv_shards=self.shards
            ),
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


@lru_cache(1024)
def _demand(unit: Unit, grid: Grid, percentile: str, task: int | None = None, prompt: bool = False) -> Demand:
    """The figures of a unit, or of one of its tasks, over a grid: those of all devices that try the same grid."""
    told = unit.head if task is None else unit.tasks[task]
    work = unit.work if task is None else told.work
    env, resident = environment(told.shape, percentile, unit.model), resident_environment(told.shape, unit.model)
    return evaluate(work, env, grid.pp if prompt else grid.batch, grid.pp, resident, unit.model)


def alone(unit: Unit, device: Device, grid: Grid, mode: Mode, pool: str, setting: Setting) -> Candidates:
    """``unit`` on a pool of its own kind."""
    priced, size = _Priced(unit, device, grid), len(grid.tp)
    mean = priced.at("mean")
    service = wide(mean.seconds, size)
    busy = wide(mean.busy_seconds, size) / grid.batch
    metrics = _metrics(unit, priced, busy, setting)
    wait = _waiting(unit, service, busy, setting, "mean") + _front(unit, device)
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
    seconds = wide(mean.seconds, size) / (1 - setting.share) + _front(unit, device)
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


def _front(unit: Unit, device: Device) -> float:
    """Seconds of a prefill's request before any device sees it."""
    return front_seconds(unit.model, device) if unit.role == "prefill" else 0.0


def _metrics(unit: Unit, priced: _Priced, busy: "Array", setting: Setting) -> dict[str, "Array"]:
    """What the unit adds to time to first token and time between tokens, at the limits' percentiles."""
    size = len(priced.grid.tp)
    if unit.role == "prefill":
        percentile = _percentile(setting, "ttft")
        service = wide(priced.at(percentile).seconds, size)
        wait = _waiting(unit, service, busy, setting, percentile) + _front(unit, priced.device)
        return {"ttft": service + wait}
    if unit.role == "decode":
        first = wide(priced.at(_percentile(setting, "ttft")).step_seconds, size)
        return {"ttft": first, "tbt": wide(priced.at(_percentile(setting, "tbt")).step_seconds, size)}
    return {}


def aggregated(unit: Unit, other: Unit, device: Device, grid: Grid, pool: str, setting: Setting) -> Candidates:
    """One half of a call whose prefill and decode share a pool with continuous batching and chunked prefill.

    The slowest step carries a whole chunk: it is what time between tokens is held against. Prefill keeps the replica
    for what a mixed step takes longer.
    """
    import numpy as np

    first, second = (unit, other) if unit.role == "prefill" else (other, unit)
    key = (first, second, device.name)
    if key not in setting.mixed:
        setting.mixed[key] = _mix(_Priced(first, device, grid), _Priced(second, device, grid), setting)
    mixed = setting.mixed[key]
    turn = mixed.outputs * mixed.step / grid.batch
    busy_prefill = mixed.outputs * np.maximum(mixed.step - mixed.step_alone, 0.0) / grid.batch
    if unit.role == "decode":
        busy, seconds = turn - busy_prefill, mixed.outputs * mixed.step
        metrics = {"ttft": mixed.ttft_step, "tbt": mixed.tbt_step}
    else:
        arrivals = setting.arrivals_per_second * unit.head.visits
        front, percentile = _front(unit, device), _percentile(setting, "ttft")
        wait = np.asarray(queueing.wait_seconds(turn, turn, arrivals, setting.share)) + front
        tail = queueing.wait_seconds(turn, turn, arrivals, setting.share, percentile) + front
        busy, chunks = busy_prefill, np.maximum(np.ceil(mixed.new_tokens / CHUNK_TOKENS), 1)
        seconds = chunks * np.maximum(mixed.step, mixed.ttft_step) + wait
        metrics = {"ttft": mixed.ttft_steps * mixed.ttft_step + tail}
    return Candidates(
        grid, "aggregated", pool, seconds, busy, metrics, mixed.alone, _Priced(unit, device, grid).shares()
    )


@record
class _Mixed:
    """Steps of a pool that decodes and takes in prompts, over a grid."""

    alone: Estimate
    """Steps without prompts, with room for one."""
    step_alone: "Array"
    step: "Array"
    """With the prompts that enter in the mean."""
    outputs: "Array"
    """Tokens of an answer."""
    new_tokens: float
    """Tokens of a prompt that no cache holds."""
    ttft_steps: "Array"
    """Steps that a prompt takes, at the percentile of the limit."""
    ttft_step: "Array"
    tbt_step: "Array"
    """A step that carries a chunk."""


def _mix(prefill: _Priced, decode: _Priced, setting: Setting) -> _Mixed:
    """With b requests in flight and o output tokens each, b / o requests end in a step and as many prompts enter. A
    step is the decode of b tokens and its share of prompts; weights are read once for both."""
    import numpy as np

    device, grid, first = decode.device, decode.grid, prefill.unit
    size = len(grid.tp)
    mean, prompt = decode.demand(), prefill.prompt()
    figures = rates(decode.unit.model, device, decode.unit.head.precision) if decode.unit.model else None
    share_of_prompt = figures.interference if figures else 1.0
    outputs = np.maximum(mean.repeats, 1.0) * np.ones(size)
    tokens = environment(first.head.shape, "mean", first.model)
    new = max(tokens["input_tokens"] - tokens["cached_tokens"], 1.0)
    rate = grid.batch / grid.pp / outputs
    plain = decode.price(replace(mean, activations=np.maximum(mean.activations, prompt.activations)))
    step_alone = wide(plain.step_seconds, size)
    step = step_alone + rate * share_of_prompt * prefill.added()
    outs = {p: _chunk_steps(prefill, decode, rate, new, p) for p in {_percentile(setting, m) for m in ("ttft", "tbt")}}
    ttft_steps, ttft_step = outs[_percentile(setting, "ttft")]
    tbt_step = outs[_percentile(setting, "tbt")][1]
    return _Mixed(plain, step_alone, step, outputs, new, ttft_steps, ttft_step, tbt_step)


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
