"""Ways of serving a unit of work on a device class, as arrays over the configurations that are tried."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost import queueing
from agentc.cost.bench import Bench
from agentc.cost.decoder import front_seconds
from agentc.cost.environment import environment, resident_environment
from agentc.cost.grid import Grid, kv_shards
from agentc.cost.hardware import Hardware
from agentc.cost.residency import BLOCK_TOKENS, HOST_MEMORY, Residency, held, host_rate, reside
from agentc.cost.roofline import BOTTLENECKS, RESERVE, Demand, Timing, added, evaluate, hardware, largest, timed, trust
from agentc.cost.units import Unit
from agentc.plan.fleet import Device, Fleet, Stock
from agentc.plan.graph import Limit
from agentc.plan.models import ModelShape
from agentc.plan.placement import SHARED, Mode
from agentc.plan.quantity import Quantity
from agentc.plan.work import Drafted, Work
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
    callers: Mapping[str, int] = field(default_factory=dict[str, int])
    """Model, by the name of its pools -> calls that may share them."""
    known: dict[object, Any] = field(default_factory=dict[object, Any])
    """What was worked out for one unit and serves another: configurations to try, demands, steps."""

    def bench(self, stocks: tuple[Stock, ...], grids: Sequence[Grid]) -> Bench:
        """The same for the same device classes and grids."""
        key = ("bench", *(stock.device.name for stock in stocks), *map(id, grids))
        if key not in self.known:
            self.known[key] = Bench(stocks, grids)
        return self.known[key]


@record
class Candidates:
    """Configurations of one unit on all devices that may serve it in one way, as arrays."""

    bench: Bench
    mode: Mode
    pools: tuple[str, ...]
    """Of each device class, the name of its pool without the configuration."""
    seconds: "Array"
    busy: "Array"
    """Replica seconds of one request."""
    metrics: Mapping[str, "Array"]
    timing: Timing
    """The mean."""
    shares: "Array"
    """(tasks, configurations): each task's part of the unit."""
    bands: Mapping[str, tuple[float, float]]
    """By device class, p10 and p90 of measured over predicted seconds."""
    calibrated: frozenset[str]
    """The device classes whose figures are measured."""
    shared: bool = False
    """Whether the pool is one of several units that share devices."""
    residency: Residency | None = None
    """Where the KV cache lies; None where all of it is reserved."""


_SAME: Mapping[str, float] = {}
_UNSCHEDULED: Mapping[str, float] = {"step_seconds": 0.0, "sequence_seconds": 0.0}
"""The engine's own times, of the steps of a draft."""


class _Priced:
    """One work on devices, over their configurations: demand evaluated per percentile, priced."""

    def __init__(self, unit: Unit, bench: Bench, setting: Setting) -> None:
        self.unit, self.bench, self.setting, self.grid = unit, bench, setting, bench.grid
        self.shards = kv_shards(unit.model) if unit.model else 0

    def demand(self, percentile: str = "mean", task: int | None = None, prompt: bool = False) -> Demand:
        """The figures of the unit, or of one of its tasks; of one ``prompt`` at a time if asked for."""
        key, known = ("demand", self.unit, self.bench, percentile, task, prompt), self.setting.known
        if key not in known:
            known[key] = _demand(self.unit, self.bench, percentile, task, prompt)
        return known[key]

    def prompt(self, percentile: str = "mean") -> Demand:
        """One prompt at a time."""
        return self.demand(percentile, prompt=True)

    def added(self, percentile: str = "mean") -> "Array":
        """What the unit, a prefill of one prompt, adds to a decode step."""
        grid, asked, precision = self.grid, self.prompt(percentile), self.unit.head.precision
        figures = self.hardware(asked, "prefill", precision)
        return self.wide(added(asked, figures, precision=precision, tp=grid.tp, dp=grid.dp, kv_shards=self.shards))

    def price(self, demand: Demand, percentile: str = "mean") -> Timing:
        """What ``demand``, that of the unit at a percentile, takes."""
        grid, phase, precision = self.grid, _phase(self.unit), self.unit.head.precision
        figures, draft = self.hardware(demand, phase, precision), self.unit.draft
        whole = timed(
            demand, figures, phase=phase, precision=precision, tp=grid.tp, pp=grid.pp, dp=grid.dp, kv_shards=self.shards
        )
        return whole if draft is None or self.unit.model is None else self._rounds(whole, draft, percentile)

    def _rounds(self, whole: Timing, draft: Drafted, percentile: str) -> Timing:
        """Steps of the draft, then one of the model. The engine schedules and samples once for all of them."""
        check = self._part(draft.check, self.unit.model, self.unit.head.precision, percentile)
        small = self._part(draft.step, draft.model, draft.precision, percentile, _UNSCHEDULED)
        parts = {name: check.parts[name] + draft.times * small.parts[name] for name in check.parts}
        return replace(
            whole,
            seconds=check.seconds + draft.times * small.seconds,
            step_seconds=check.step_seconds + draft.times * small.step_seconds,
            busy_seconds=check.busy_seconds + draft.times * small.busy_seconds,
            bottleneck=largest(parts),
            parts=parts,
        )

    def _part(
        self, work: Work, model: ModelShape | None, precision: str, percentile: str, other: Mapping[str, float] = _SAME
    ) -> Timing:
        """A part of the unit's work, by ``model``, with ``other`` figures of the devices."""
        told, grid, phase = self.unit.head, self.grid, _phase(self.unit)
        env, resident = environment(told.shape, percentile, model), resident_environment(told.shape, model)
        demand = evaluate(work, env, grid.batch, grid.pp, resident, model)
        figures = Hardware({**self.hardware(demand, phase, precision).values, **other})
        shards = kv_shards(model) if model else 0
        return timed(
            demand, figures, phase=phase, precision=precision, tp=grid.tp, pp=grid.pp, dp=grid.dp, kv_shards=shards
        )

    def hardware(self, demand: Demand, phase: str, precision: str) -> Hardware:
        """What ``demand`` depends on of the devices."""
        key = (id(demand.model), tuple(demand.flops), phase, precision)
        return self.bench.hardware(key, lambda device: hardware(demand, device, phase, precision))

    def at(self, percentile: str) -> Timing:
        """The unit at a percentile."""
        key, known = ("timing", self.unit, self.bench, percentile), self.setting.known
        if key not in known:
            known[key] = self.price(self.demand(percentile), percentile)
        return known[key]

    def step(self, percentile: str) -> "Array":
        """A step at a percentile."""
        return self.wide(self.at(percentile).step_seconds)

    def shares(self) -> "Array":
        """Each task's part of the unit's time, one row a task."""
        import numpy as np

        count, key, known = len(self.unit.tasks), ("shares", self.unit, self.bench), self.setting.known
        if key not in known:
            times = [self.wide(self.price(self.demand(task=i)).seconds) for i in range(count)] if count > 1 else []
            whole = np.stack(times) if times else np.ones((1, len(self.bench)))
            known[key] = whole / np.maximum(whole.sum(axis=0), 1e-300)
        return known[key]

    def wide(self, value: Any) -> "Array":
        """``value`` as an array over all configurations."""
        return wide(value, len(self.bench))


def _demand(unit: Unit, bench: Bench, percentile: str, task: int | None, prompt: bool) -> Demand:
    told = unit.head if task is None else unit.tasks[task]
    work = unit.work if task is None else told.work
    env, resident = environment(told.shape, percentile, unit.model), resident_environment(told.shape, unit.model)
    grid = bench.grid
    return evaluate(work, env, grid.pp if prompt else grid.batch, grid.pp, resident, unit.model)


def alone(unit: Unit, bench: Bench, mode: Mode, pools: tuple[str, ...], setting: Setting) -> Candidates:
    """``unit`` on a pool of its own kind."""
    priced = _Priced(unit, bench, setting)
    mean = priced.at("mean")
    lies = _residency(unit.pair, priced, mean) if unit.pair and unit.role == "decode" else None
    mean = _lengthened(mean, lies, priced)
    service = priced.wide(mean.seconds)
    busy = priced.wide(mean.busy_seconds) / bench.grid.batch
    metrics = _metrics(unit, priced, busy, lies)
    wait = _waiting(unit, service, busy, setting, "mean") + _front(unit, bench)
    trusted = _trust(unit, bench, setting)
    return Candidates(
        bench, mode, pools, service + wait, busy, metrics, mean, priced.shares(), *trusted, residency=lies
    )


def _residency(pair: Unit, decode: _Priced, timing: Timing) -> Residency | None:
    """Where the cache of a decode lies whose prefill is ``pair``; None where all of it can be reserved."""
    import numpy as np

    unit, bench, grid, setting = decode.unit, decode.bench, decode.grid, decode.setting
    if np.all(timing.fits) or pair.model != unit.model:
        return None
    shape, demand = unit.head.shape, decode.demand()
    tokens = held(shape.get("input_tokens", _NONE), shape.get("output_tokens", _NONE))
    full = {**resident_environment(shape, unit.model), "batch": grid.batch}
    ways = np.minimum(grid.tp, decode.shards) if decode.shards else grid.tp

    def cache(context: float) -> "Array":
        found = unit.work.kv_bytes.evaluate({**full, "context_tokens": context + (BLOCK_TOKENS - 1) / 2})
        return decode.wide(found) / (ways * grid.pp * grid.dp)

    reserved, mean = decode.wide(demand.kv) / (ways * grid.pp * grid.dp), cache(tokens.mean)
    prompt = environment(pair.head.shape, "mean", pair.model)
    cached, new = prompt["cached_tokens"], max(prompt["input_tokens"] - prompt["cached_tokens"], 1.0)
    longer = max(tokens.mean - cached, 1.0) / new
    rate = grid.batch / grid.pp / decode.wide(np.maximum(demand.repeats, 1.0))
    return reside(
        rest=decode.wide(timing.memory_bytes) - reserved,
        reserved=reserved,
        mean=mean,
        spread=(cache(tokens.mean + tokens.spread) - mean) / np.sqrt(grid.batch / grid.dp),
        room=bench.each(lambda device: device.memory_bytes * (1 - RESERVE)),
        host_bytes=bench.each(lambda device: device.memory_bytes * HOST_MEMORY),
        host_rates=bench.each(host_rate) * (not (unit.model and unit.model.kv_lora_rank)),
        again=rate * longer * _Priced(pair, bench, setting).added(),
    )


_NONE = Quantity(0.0)


def _lengthened(timing: Timing, lies: Residency | None, priced: _Priced) -> Timing:
    """The steps with what their cache adds."""
    import numpy as np

    if lies is None:
        return timing
    added, repeats = _added(lies), priced.demand().repeats
    longest = np.maximum.reduce([priced.wide(part) for part in timing.parts.values()])
    return replace(
        timing,
        seconds=timing.seconds + repeats * added,
        step_seconds=timing.step_seconds + added,
        busy_seconds=timing.busy_seconds + repeats * added,
        bottleneck=np.where(added > longest, BOTTLENECKS.index("network"), timing.bottleneck),
        memory_bytes=lies.memory,
        fits=lies.fits,
    )


def _added(lies: Residency | None) -> Any:
    """Seconds of a step, none where nothing fits."""
    import numpy as np

    return 0.0 if lies is None else np.where(lies.fits, lies.added, 0.0)


def beside_others(unit: Unit, bench: Bench, setting: Setting) -> Candidates:
    """``unit`` on devices that it shares with other units, all of them resident.

    The device takes turns (processor sharing): with a busy share r, whoever keeps it busy, work takes 1 / (1 - r) of
    its own time (M/G/1-PS; Kleinrock, Queueing Systems, volume 2, 1976, section 4.4). r is what pools are planned for,
    which no pool exceeds.
    """
    priced = _Priced(unit, bench, setting)
    mean, pools = priced.at("mean"), tuple(map(shared_pool, bench.devices))
    busy = priced.wide(mean.busy_seconds) / bench.grid.batch
    seconds = priced.wide(mean.seconds) / (1 - setting.share) + _front(unit, bench)
    shares, trusted = priced.shares(), _trust(unit, bench, setting)
    return Candidates(bench, "single", pools, seconds, busy, {}, mean, shares, *trusted, shared=True)


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
    crowded = _crowded(unit, setting)
    return np.asarray(queueing.wait_seconds(occupied, busy, arrivals, setting.share, percentile, crowded=crowded))


def _crowded(unit: Unit, setting: Setting) -> bool:
    """Other calls of the model may come to the same pool."""
    return unit.model is not None and setting.callers.get(setting.pool_names(unit), 1) > 1


def _front(unit: Unit, bench: Bench) -> Any:
    """Seconds of a prefill's request before any device sees it."""
    return bench.each(partial(front_seconds, unit.model)) if unit.role == "prefill" else 0.0


def _metrics(unit: Unit, priced: _Priced, busy: "Array", lies: Residency | None) -> dict[str, "Array"]:
    """What the unit adds to time to first token and time between tokens, at the limits' percentiles."""
    setting = priced.setting
    if unit.role == "prefill":
        percentile = _percentile(setting, "ttft")
        service = priced.wide(priced.at(percentile).seconds)
        wait = _waiting(unit, service, busy, setting, percentile) + _front(unit, priced.bench)
        return {"ttft": service + wait}
    if unit.role == "decode":
        first, other = (priced.step(_percentile(setting, metric)) + _added(lies) for metric in ("ttft", "tbt"))
        return {"ttft": first, "tbt": _gap(other, unit, setting)}
    return {}


def _gap(step: "Array", unit: Unit, setting: Setting) -> "Array":
    """Time between tokens of a decode with such steps. With a draft a round's tokens come at once: in the mean the gap
    is a round over its tokens; percentiles are held against the round."""
    gained = unit.draft.gained if unit.draft else 1.0
    return step / gained if _percentile(setting, "tbt") == "mean" else step


def aggregated(unit: Unit, other: Unit, bench: Bench, pools: tuple[str, ...], setting: Setting) -> Candidates:
    """One half of a call whose prefill and decode share a pool with continuous batching and chunked prefill.

    The slowest step carries a whole chunk: it is what time between tokens is held against. Prefill keeps the replica
    for what a mixed step takes longer.
    """
    import numpy as np

    first, second = (unit, other) if unit.role == "prefill" else (other, unit)
    key, batch = ("mixed", first, second, bench), bench.grid.batch
    if key not in setting.known:
        setting.known[key] = _mix(_Priced(first, bench, setting), _Priced(second, bench, setting))
    mixed: _Mixed = setting.known[key]
    turn = mixed.outputs * mixed.step / batch
    busy_prefill = mixed.outputs * np.maximum(mixed.step - mixed.step_alone, 0.0) / batch
    if unit.role == "decode":
        busy, seconds = turn - busy_prefill, mixed.outputs * mixed.step
        metrics = {"ttft": mixed.ttft_step, "tbt": mixed.tbt_step}
    else:
        arrivals = setting.arrivals_per_second * unit.head.visits
        front, percentile = _front(unit, bench), _percentile(setting, "ttft")
        crowded = _crowded(unit, setting)
        wait, tail = (
            np.asarray(queueing.wait_seconds(turn, turn, arrivals, setting.share, at, crowded=crowded)) + front
            for at in ("mean", percentile)
        )
        busy, chunks = busy_prefill, np.maximum(np.ceil(mixed.new_tokens / CHUNK_TOKENS), 1)
        seconds = chunks * np.maximum(mixed.step, mixed.ttft_step) + wait
        metrics = {"ttft": mixed.ttft_steps * mixed.ttft_step + tail}
    shares, trusted, lies = _Priced(unit, bench, setting).shares(), _trust(second, bench, setting), mixed.residency
    return Candidates(bench, "aggregated", pools, seconds, busy, metrics, mixed.alone, shares, *trusted, residency=lies)


@record
class _Mixed:
    """Steps of a pool that decodes and takes in prompts, over its configurations."""

    alone: Timing
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
    residency: Residency | None


def _mix(prefill: _Priced, decode: _Priced) -> _Mixed:
    """With b requests in flight and o output tokens each, b / o requests end in a step and as many prompts enter. A
    step is the decode of b tokens and its share of prompts; weights are read once for both."""
    import numpy as np

    grid, first, setting = decode.grid, prefill.unit, decode.setting
    mean, prompt = decode.demand(), prefill.prompt()
    outputs = decode.wide(np.maximum(mean.repeats, 1.0))
    tokens = environment(first.head.shape, "mean", first.model)
    new = max(tokens["input_tokens"] - tokens["cached_tokens"], 1.0)
    rate = grid.batch / grid.pp / outputs
    plain = decode.price(replace(mean, activations=np.maximum(mean.activations, prompt.activations)))
    lies = _residency(first, decode, plain)
    plain, added = _lengthened(plain, lies, decode), _added(lies)
    step_alone = decode.wide(plain.step_seconds)
    step = (
        step_alone + rate * decode.hardware(mean, "decode", decode.unit.head.precision).interference * prefill.added()
    )
    outs = {p: _chunk_steps(prefill, decode, rate, new, p) for p in {_percentile(setting, m) for m in ("ttft", "tbt")}}
    ttft_steps, ttft_step = outs[_percentile(setting, "ttft")]
    tbt_step = _gap(outs[_percentile(setting, "tbt")][1] + added, decode.unit, setting)
    return _Mixed(plain, step_alone, step, outputs, new, ttft_steps, ttft_step + added, tbt_step, lies)


def _chunk_steps(
    prefill: _Priced, decode: _Priced, rate: "Array", new: float, percentile: str
) -> tuple["Array", "Array"]:
    """Steps that a prompt takes, and the time of a step that carries a chunk (or what the load calls for, if more)."""
    import numpy as np

    env = environment(prefill.unit.head.shape, percentile, prefill.unit.model)
    tokens = max(env["input_tokens"] - env["cached_tokens"], 1.0)
    chunk = np.minimum(np.maximum(CHUNK_TOKENS, rate * new), tokens)
    step = decode.step(percentile) + chunk / tokens * prefill.added(percentile)
    return np.maximum(np.ceil(tokens / chunk), 1.0), step


def _trust(unit: Unit, bench: Bench, setting: Setting) -> tuple[dict[str, tuple[float, float]], frozenset[str]]:
    """Bands by device class, and the classes whose figures are measured."""
    phase, precision, known = _phase(unit), unit.head.precision, setting.known
    key = ("trust", id(unit.model), phase, precision, bench)
    if key not in known:
        found = {device.name: trust(unit.model, device, phase, precision) for device in bench.devices}
        measured = frozenset(name for name, (calibrated, _) in found.items() if calibrated)
        known[key] = {name: band for name, (_, band) in found.items()}, measured
    return known[key]


def _phase(unit: Unit) -> str:
    """What the cost model takes a unit for."""
    return unit.role if unit.role in ("prefill", "decode") else "decode" if _speaks(unit) else "other"


def _speaks(unit: Unit) -> bool:
    """A model that decodes token by token though it is no language model."""
    return bool(unit.model and unit.model.kind in ("stt", "tts"))


def _percentile(setting: Setting, metric: str) -> str:
    return setting.limits[metric].percentile if metric in setting.limits else "mean"


def wide(value: Any, size: int) -> Any:
    """``value`` as an array over all configurations."""
    import numpy as np

    return value if np.shape(value) == (size,) else np.full(size, value)
