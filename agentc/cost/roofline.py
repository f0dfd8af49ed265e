"""The roofline: what a step of work takes on a device (arXiv 2507.19635, section 3.1).

t = max over resources (work / (peak x efficiency)) + static + launch + communication. Communication is tensor
parallelism's all-reduces and pipeline parallelism's hand-overs; launch is a fixed time per sublayer.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost import decoder, step
from agentc.cost.arithmetic import compute_precision, stored_precision, widening
from agentc.cost.curves import active
from agentc.cost.efficiency import efficiency, mixed
from agentc.plan.fleet import Device
from agentc.plan.models import ModelShape
from agentc.plan.work import Work
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

RESERVE = 0.10
"""Share of a device's memory that is not planned with: runtime, fragmentation, graphs (vLLM plans with 90 %)."""
DISK_BYTES_PER_SECOND = 2e9
"""One local NVMe drive, sequential. Not calibrated."""
BOTTLENECKS = ("compute", "memory", "cpu", "network", "static")


@record
class Demand:
    """Work in figures. What flows is that of one step of a micro-batch; what resides is that of the whole batch."""

    flops: Mapping[str, "float | Array"]
    bytes_: "float | Array"
    weights: "float | Array"
    kv: "float | Array"
    activations: "float | Array"
    cached: "float | Array"
    """KV cache of a micro-batch."""
    collective_bytes: "float | Array"
    collectives: "float | Array"
    cpu_core_seconds: "float | Array"
    disk_bytes: "float | Array"
    static: "float | Array"
    repeats: "float | Array"
    attention: "float | Array" = 0.0
    """Part of the FLOP that is attention."""
    expert: "float | Array" = 0.0
    """Part of the FLOP that is routed experts."""
    weights_traffic: "float | Array" = 0.0
    expert_traffic: "float | Array" = 0.0
    kv_traffic: "float | Array" = 0.0
    sequences: "float | Array" = 1.0
    """Of a micro-batch."""
    model: ModelShape | None = None
    """What the work is of: a decoder is priced by the step model."""


@record
class Estimate:
    """What ``Demand`` takes on a device. Floats, or arrays where batch or parallelism were arrays."""

    seconds: "float | Array"
    """Latency of the whole task: all its repeats."""
    step_seconds: "float | Array"
    """One repeat."""
    busy_seconds: "float | Array"
    """Time for which the whole batch keeps a replica from other work: latency without waiting for others."""
    bottleneck: Any
    """The part that is the largest: one of ``BOTTLENECKS``; an array of indices into it for arrays."""
    memory_bytes_per_device: "float | Array"
    parts: Mapping[str, "float | Array"]
    """Seconds of one step by resource."""
    fits: Any
    """Whether the memory suffices: a bool or an array of them."""
    precision: str
    """In which the device computes."""
    calibrated: bool
    band: tuple[float, float] = (1.0, 1.0)
    """p10 and p90 of what was measured over what was predicted, of steps like this one: factors of ``seconds``."""


def estimate(
    work: Work,
    env: Mapping[str, float],
    device: Device,
    *,
    phase: str = "other",
    precision: str = "fp32",
    tp: "int | Array" = 1,
    pp: "int | Array" = 1,
    dp: "int | Array" = 1,
    batch: "float | Array" = 1,
    kv_shards: int = 0,
    resident_env: Mapping[str, float] | None = None,
    model: ModelShape | None = None,
) -> Estimate:
    """What one execution of ``work`` takes on a replica of ``tp x pp x dp`` of ``device`` at ``batch``.

    Pipeline stages work on micro-batches of ``batch / pp`` at the same time, so that a step takes as long as
    one micro-batch needs to pass all stages. ``kv_shards`` is the number of ways in which the KV cache can be
    split (KV heads; 1 for latent attention); beyond it every device holds a copy; 0 is no limit. ``resident_env`` gives
    memory its own figures (percentiles). A step of a decoder, given by ``model``, is priced by the step model
    (``agentc.cost.step``) with its fitted curves; all else by one roof. Any of ``tp``, ``pp`` and ``batch`` may be
    arrays of one shape.

    Raises:
        ValueError: The device has no rate for the arithmetic.
    """
    demand = evaluate(work, env, batch, pp, resident_env, model)
    return price(demand, device, phase=phase, precision=precision, tp=tp, pp=pp, dp=dp, kv_shards=kv_shards)


def evaluate(
    work: Work,
    env: Mapping[str, float],
    batch: "float | Array" = 1,
    pp: "int | Array" = 1,
    resident_env: Mapping[str, float] | None = None,
    model: ModelShape | None = None,
) -> Demand:
    """The figures of ``work``, which no device changes."""
    full: dict[str, Any] = {**(resident_env or env), "batch": batch}
    micro: dict[str, Any] = {**env, "batch": _at_least(batch / pp, 1.0)}
    return Demand(
        flops={precision: formula.evaluate(micro) for precision, formula in work.flops.items()},
        bytes_=work.bytes_read.evaluate(micro) + work.bytes_written.evaluate(micro),
        weights=work.weights_bytes.evaluate(full),
        kv=work.kv_bytes.evaluate(full),
        activations=work.activation_bytes.evaluate({**full, "batch": micro["batch"]}),
        cached=work.kv_bytes.evaluate(micro),
        collective_bytes=work.collective_bytes.evaluate(micro),
        collectives=work.collectives.evaluate(micro),
        cpu_core_seconds=work.cpu_core_seconds.evaluate(micro),
        disk_bytes=work.disk_bytes.evaluate(micro),
        static=work.static_seconds.evaluate(micro),
        repeats=work.repeats.evaluate(micro),
        attention=work.attention_flops.evaluate(micro),
        expert=work.expert_flops.evaluate(micro),
        weights_traffic=work.weights_traffic.evaluate(micro),
        expert_traffic=work.expert_traffic.evaluate(micro),
        kv_traffic=work.kv_traffic.evaluate(micro),
        sequences=micro["batch"],
        model=model,
    )


def price(
    demand: Demand,
    device: Device,
    *,
    phase: str = "other",
    precision: str = "fp32",
    tp: "int | Array" = 1,
    pp: "int | Array" = 1,
    dp: "int | Array" = 1,
    kv_shards: int = 0,
) -> Estimate:
    """``estimate`` of figures that are there already. Only a decoder's work is split over ``dp`` groups."""
    runs = compute_precision(device, precision)
    if runs is None:
        raise ValueError(f"`{device.name}` has no rate for {precision} or anything wider")
    if demand.model is not None and decoder.is_decoder(demand.model) and phase in ("prefill", "decode"):
        return _decoder(demand, demand.model, device, phase, precision, runs, tp, pp, dp, kv_shards)
    stored = efficiency(device.family, phase, stored_precision(device, precision))
    share = mixed(efficiency(device.family, phase, runs), stored)
    kv_ways = _at_most(tp, kv_shards) if kv_shards else tp
    parts = {
        "compute": _compute_seconds(demand, device, phase) / tp,
        "memory": _moved(demand, device, precision, phase, tp, kv_ways) / (device.bytes_per_second * share.memory),
        "cpu": demand.cpu_core_seconds,
        "disk": demand.disk_bytes / DISK_BYTES_PER_SECOND,
        "static": demand.static,
        "launch": _launches(demand) * share.overhead_seconds,
        "network": _collective(demand, device, share.collective, tp) + _pipeline(demand, device, tp, pp),
    }
    return _total(demand, device, parts, _memory(demand, device, precision, tp, pp, kv_ways), runs, share.calibrated)


def added_seconds(
    demand: Demand,
    device: Device,
    *,
    precision: str,
    tp: "int | Array" = 1,
    dp: "int | Array" = 1,
    kv_shards: int = 0,
) -> "float | Array":
    """By how much a prompt (``demand`` of a prefill) lengthens a decode step that carries it, all of it.

    Raises:
        ValueError: ``demand`` is not of a decoder, or the device has no rate for the arithmetic.
    """
    model = demand.model
    if model is None or not decoder.is_decoder(model):
        raise ValueError("only a decoder's prompt joins a step")
    figures = decoder.rates(model, device, precision)
    replica = decoder.machine(model, device, precision, tp, dp, _at_most(tp, kv_shards) if kv_shards else tp)
    return step.added(decoder.load(demand, model, device, precision, "prefill"), replica, figures)


def _decoder(
    demand: Demand,
    model: ModelShape,
    device: Device,
    phase: str,
    precision: str,
    runs: str,
    tp: "int | Array",
    pp: "int | Array",
    dp: "int | Array",
    kv_shards: int,
) -> Estimate:
    """A prefill or a decode of a language model, by the step model."""
    kv_ways = _at_most(tp, kv_shards) if kv_shards else tp
    curves, figures = active(), decoder.rates(model, device, precision)
    found = step.parts(
        decoder.load(demand, model, device, precision, phase),
        decoder.machine(model, device, precision, tp, dp, kv_ways),
        figures,
        prompts=phase == "prefill",
    )
    memory = found["dense_memory"] + found["expert_memory"] + found["cache"] + found["moved"]
    parts = {
        "compute": found["dense_compute"] + found["expert_compute"] + found["scores"],
        "memory": memory,
        "cpu": demand.cpu_core_seconds,
        "disk": demand.disk_bytes / DISK_BYTES_PER_SECOND,
        "static": demand.static,
        "launch": found["launch"] + found["engine"],
        "network": found["network"] + _pipeline(demand, device, tp, pp),
    }
    roof = found["dense"] + found["experts"] + found["attention"] + found["moved"]
    memory_bytes = decoder.memory(demand, model, device, precision, tp, pp, dp, kv_ways)
    estimate = _total(demand, device, parts, memory_bytes, runs, curves.calibrated(device.family), roof)
    metric = "ttft" if phase == "prefill" else "tpot"
    return replace(estimate, band=curves.band(metric, device.family, decoder.kind_of(model)))


def allreduce_seconds(
    bytes_: "float | Array", count: "float | Array", ways: "int | Array", device: Device, share: float
) -> "float | Array":
    """``count`` ring all-reduces of ``bytes_`` in all over ``ways`` devices of a scale-up domain.

    Each device sends and receives 2 (w - 1) / w of the tensor (Patarasuk and Yuan 2009). Latency: engines use one-shot
    and tree kernels for small tensors, so 1 + log2(w) rounds. Beyond the domain the scale-out link sets the pace.
    """
    import numpy as np

    inside = np.less_equal(ways, device.scale_up_size)
    rate = np.where(inside, device.scale_up.bytes_per_second, device.scale_out.bytes_per_second) * share
    round_ = np.where(inside, device.scale_up.latency_seconds, device.scale_out.latency_seconds)
    volume = 2 * (np.asarray(ways, dtype=float) - 1) / ways * bytes_ / rate
    seconds = np.where(np.greater(ways, 1), volume + count * round_ * (1 + np.log2(ways)), 0.0)
    return seconds if seconds.ndim else float(seconds)


def _compute_seconds(demand: Demand, device: Device, phase: str) -> "float | Array":
    total: float | Array = 0.0
    for precision, flops in demand.flops.items():
        runs = compute_precision(device, precision)
        if runs is None:
            raise ValueError(f"`{device.name}` has no rate for {precision} or anything wider")
        total = total + flops / (device.flops_per_second[runs] * efficiency(device.family, phase, runs).compute)
    return total


def _moved(
    demand: Demand, device: Device, precision: str, phase: str, tp: "int | Array", kv_ways: "int | Array"
) -> "float | Array":
    """Bytes that one device moves: also wider weights where it keeps none narrow, and KV copies beyond a split."""
    extra = widening(device, precision) - 1
    wider = _at_most(demand.weights, demand.bytes_) * extra
    copies = demand.cached / kv_ways - demand.cached / tp if phase == "decode" else 0.0
    return (demand.bytes_ + wider) / tp + copies


def _launches(demand: Demand) -> "float | Array":
    """Sublayers of a step; a kernel without any is one launch."""
    return _at_least(demand.collectives, 1.0) if demand.flops else 0.0 * demand.collectives


def _collective(demand: Demand, device: Device, share: float, tp: "int | Array") -> "float | Array":
    if isinstance(tp, int) and tp == 1:
        return 0.0
    return allreduce_seconds(demand.collective_bytes, demand.collectives, tp, device, share)


def _pipeline(demand: Demand, device: Device, tp: "int | Array", pp: "int | Array") -> "float | Array":
    """Hand-overs between stages: one tensor of activations each, inside the host as long as it holds the replica."""
    import numpy as np

    if isinstance(pp, int) and pp == 1:
        return 0.0
    inside = np.less_equal(np.asarray(tp) * pp, device.scale_up_size)
    rate = np.where(inside, device.scale_up.bytes_per_second, device.scale_out.bytes_per_second)
    latency = np.where(inside, device.scale_up.latency_seconds, device.scale_out.latency_seconds)
    tensor = demand.collective_bytes / _at_least(demand.collectives, 1.0)
    seconds = (np.asarray(pp) - 1) * (tensor / rate + latency)
    return seconds if seconds.ndim else float(seconds)


def _memory(
    demand: Demand, device: Device, precision: str, tp: "int | Array", pp: "int | Array", kv_ways: "int | Array"
) -> "float | Array":
    """Bytes on the fullest device: weights and cache split over stages and ways, activations over ways."""
    weights = demand.weights * widening(device, precision) / (tp * pp)
    return weights + demand.kv / (kv_ways * pp) + demand.activations / tp


def _total(
    demand: Demand,
    device: Device,
    parts: Mapping[str, "float | Array"],
    memory: "float | Array",
    runs: str,
    calibrated: bool,
    joined: "float | Array | None" = None,
) -> Estimate:
    import numpy as np

    roofs = ("compute", "memory", "cpu", "disk") if joined is None else ("cpu", "disk")
    roof = np.maximum.reduce(np.broadcast_arrays(*(parts[r] for r in roofs), 0.0 if joined is None else joined))
    whole = roof + parts["static"] + parts["launch"] + parts["network"]
    busy = _occupied(device, parts) if joined is None else roof + parts["launch"] + parts["network"]
    named = (parts["compute"], parts["memory"], parts["cpu"], parts["network"])
    static = parts["static"] + parts["launch"] + parts["disk"]
    index = np.argmax(np.stack(np.broadcast_arrays(*named, static)), axis=0)
    scalar = np.ndim(whole) == 0 and np.ndim(memory) == 0
    seconds, fits = demand.repeats * whole, np.less_equal(memory, device.memory_bytes * (1 - RESERVE))
    return Estimate(
        seconds=_plain(seconds, scalar),
        step_seconds=_plain(whole, scalar),
        busy_seconds=_plain(demand.repeats * busy, scalar),
        bottleneck=BOTTLENECKS[int(index)] if scalar else index,
        memory_bytes_per_device=_plain(memory, scalar),
        parts={name: _plain(part, scalar) for name, part in parts.items()},
        fits=bool(fits) if scalar else fits,
        precision=runs,
        calibrated=calibrated,
    )


def _occupied(device: Device, parts: Mapping[str, "float | Array"]) -> "float | Array":
    """Time of a step that keeps the replica busy. A CPU shares its cores: one core's work is 1 / cores of it."""
    import numpy as np

    if device.kind == "cpu":
        cpu = parts["cpu"] / max(device.cores, 1)
        return np.maximum(np.maximum(parts["compute"], parts["memory"]), cpu) + parts["launch"]
    roof = np.maximum(np.maximum(parts["compute"], parts["memory"]), parts["cpu"])
    return roof + parts["launch"] + parts["network"]


def _plain(value: Any, scalar: bool) -> Any:
    return float(value) if scalar else value


def _at_least(value: Any, least: float) -> Any:
    import numpy as np

    return max(value, least) if isinstance(value, int | float) else np.maximum(value, least)


def _at_most(value: Any, most: Any) -> Any:
    import numpy as np

    both = isinstance(value, int | float) and isinstance(most, int | float)
    return min(value, most) if both else np.minimum(value, most)
