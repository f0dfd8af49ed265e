"""The roofline: what a step of work takes on a device (arXiv 2507.19635, section 3.1).

t = max over resources (work / (peak x efficiency)) + static + launch + communication. Communication is tensor
parallelism's all-reduces and pipeline parallelism's hand-overs; launch is a fixed time per sublayer.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from agentc.cost import decoder, step
from agentc.cost.arithmetic import compute_precision, stored_precision, widening
from agentc.cost.curves import active
from agentc.cost.efficiency import Efficiency, efficiency, mixed
from agentc.cost.hardware import Figures, Hardware, peaks
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
class Timing:
    """What ``Demand`` takes, floats or arrays: an ``Estimate`` without the trust that a device's figures deserve."""

    seconds: Any
    step_seconds: Any
    busy_seconds: Any
    bottleneck: Any
    """Index into ``BOTTLENECKS``."""
    memory_bytes: Any
    """Per device."""
    parts: Mapping[str, Any]
    fits: Any


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
    """``estimate`` of figures that are there already. Only a decoder's work is split over ``dp`` groups.

    Raises:
        ValueError: The device has no rate for the arithmetic.
    """
    import numpy as np

    figures = Hardware(hardware(demand, device, phase, precision))
    found = timed(demand, figures, phase=phase, precision=precision, tp=tp, pp=pp, dp=dp, kv_shards=kv_shards)
    scalar = np.ndim(found.step_seconds) == 0 and np.ndim(found.memory_bytes) == 0
    calibrated, band = trust(demand.model, device, phase, precision)
    return Estimate(
        seconds=_plain(found.seconds, scalar),
        step_seconds=_plain(found.step_seconds, scalar),
        busy_seconds=_plain(found.busy_seconds, scalar),
        bottleneck=BOTTLENECKS[int(found.bottleneck)] if scalar else found.bottleneck,
        memory_bytes_per_device=_plain(found.memory_bytes, scalar),
        parts={name: _plain(part, scalar) for name, part in found.parts.items()},
        fits=bool(found.fits) if scalar else found.fits,
        precision=_runs(device, precision),
        calibrated=calibrated,
        band=band,
    )


def hardware(demand: Demand, device: Device, phase: str, precision: str) -> Figures:
    """What ``demand`` depends on of ``device``.

    Raises:
        ValueError: The device has no rate for the arithmetic.
    """
    _runs(device, precision)
    if (model := _stepped(demand.model, phase)) is not None:
        return decoder.hardware(model, device, precision)
    share = _share(device, phase, precision)
    return {
        **peaks(device),
        **{f"rate {each}": _reached(device, phase, each) for each in demand.flops},
        "memory_rate": device.bytes_per_second * share.memory,
        "overhead_seconds": share.overhead_seconds,
        "collective": share.collective,
        "widening": widening(device, precision),
    }


def trust(model: ModelShape | None, device: Device, phase: str, precision: str) -> tuple[bool, tuple[float, float]]:
    """Whether an estimate rests on measured figures, and the p10 and p90 of measured over predicted seconds."""
    if (stepped := _stepped(model, phase)) is None:
        return _share(device, phase, precision).calibrated, (1.0, 1.0)
    curves, metric = active(), "ttft" if phase == "prefill" else "tpot"
    return curves.calibrated(device.family), curves.band(metric, device.family, decoder.kind_of(stepped))


def timed(
    demand: Demand,
    figures: Hardware,
    *,
    phase: str = "other",
    precision: str = "fp32",
    tp: "int | Array" = 1,
    pp: "int | Array" = 1,
    dp: "int | Array" = 1,
    kv_shards: int = 0,
) -> Timing:
    """What ``demand`` takes on devices of these ``figures`` (those of ``hardware`` for it)."""
    kv_ways = _at_most(tp, kv_shards) if kv_shards else tp
    if (model := _stepped(demand.model, phase)) is not None:
        return _decoder(demand, model, figures, phase, precision, tp, pp, dp, kv_ways)
    parts = {
        "compute": _compute_seconds(demand, figures) / tp,
        "memory": _moved(demand, figures, phase, tp, kv_ways) / figures.memory_rate,
        "cpu": demand.cpu_core_seconds,
        "disk": demand.disk_bytes / DISK_BYTES_PER_SECOND,
        "static": demand.static,
        "launch": _launches(demand) * figures.overhead_seconds,
        "network": _collective(demand, figures, tp) + _pipeline(demand, figures, tp, pp),
    }
    return _total(demand, figures, parts, _memory(demand, figures, tp, pp, kv_ways))


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
    figures = Hardware(hardware(demand, device, "prefill", precision))
    return added(demand, figures, precision=precision, tp=tp, dp=dp, kv_shards=kv_shards)


def added(
    demand: Demand,
    figures: Hardware,
    *,
    precision: str,
    tp: "int | Array" = 1,
    dp: "int | Array" = 1,
    kv_shards: int = 0,
) -> "float | Array":
    """``added_seconds`` on devices of these ``figures``.

    Raises:
        ValueError: ``demand`` is not of a decoder.
    """
    model = _stepped(demand.model, "prefill")
    if model is None:
        raise ValueError("only a decoder's prompt joins a step")
    replica = decoder.machine(model, figures, tp, dp, _at_most(tp, kv_shards) if kv_shards else tp)
    return step.added(decoder.load(demand, model, figures, precision, "prefill"), replica, figures)


def _stepped(model: ModelShape | None, phase: str) -> ModelShape | None:
    """The model, if the step model prices its phase."""
    return model if decoder.is_decoder(model) and phase in ("prefill", "decode") else None


def _runs(device: Device, precision: str) -> str:
    runs = compute_precision(device, precision)
    if runs is None:
        raise ValueError(f"`{device.name}` has no rate for {precision} or anything wider")
    return runs


def _share(device: Device, phase: str, precision: str) -> Efficiency:
    """Compute of the arithmetic, memory of the format that weights are stored in."""
    stored = efficiency(device.family, phase, stored_precision(device, precision))
    return mixed(efficiency(device.family, phase, _runs(device, precision)), stored)


def _reached(device: Device, phase: str, precision: str) -> float:
    runs = _runs(device, precision)
    return device.flops_per_second[runs] * efficiency(device.family, phase, runs).compute


def _decoder(
    demand: Demand,
    model: ModelShape,
    figures: Hardware,
    phase: str,
    precision: str,
    tp: "int | Array",
    pp: "int | Array",
    dp: "int | Array",
    kv_ways: "int | Array",
) -> Timing:
    """A prefill or a decode of a language model, by the step model."""
    found = step.parts(
        decoder.load(demand, model, figures, precision, phase),
        decoder.machine(model, figures, tp, dp, kv_ways),
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
        "network": found["network"] + _pipeline(demand, figures, tp, pp),
    }
    roof = found["dense"] + found["experts"] + found["attention"] + found["moved"]
    memory_bytes = decoder.memory(demand, model, figures, precision, tp, pp, dp, kv_ways)
    return _total(demand, figures, parts, memory_bytes, roof)


def allreduce_seconds(
    bytes_: "float | Array", count: "float | Array", ways: "int | Array", device: Device, share: float
) -> "float | Array":
    """``count`` ring all-reduces of ``bytes_`` in all over ``ways`` devices of a scale-up domain.

    Each device sends and receives 2 (w - 1) / w of the tensor (Patarasuk and Yuan 2009). Latency: engines use one-shot
    and tree kernels for small tensors, so 1 + log2(w) rounds. Beyond the domain the scale-out link sets the pace.
    """
    return _allreduce(bytes_, count, ways, Hardware({**peaks(device), "collective": share}))


def _allreduce(
    bytes_: "float | Array", count: "float | Array", ways: "int | Array", figures: Hardware
) -> "float | Array":
    import numpy as np

    rate, round_ = _link(figures, ways)
    volume = 2 * (np.asarray(ways, dtype=float) - 1) / ways * bytes_ / (rate * figures.collective)
    seconds = np.where(np.greater(ways, 1), volume + count * round_ * (1 + np.log2(ways)), 0.0)
    return seconds if seconds.ndim else float(seconds)


def _link(figures: Hardware, ways: Any) -> tuple[Any, Any]:
    """Bytes/s and seconds of latency between ``ways`` devices: inside the domain as long as it holds them."""
    import numpy as np

    inside = np.less_equal(ways, figures.domain)
    rate = _either(inside, figures.inside_rate, figures.outside_rate)
    return rate, _either(inside, figures.inside_latency, figures.outside_latency)


def _either(which: Any, yes: Any, no: Any) -> Any:
    import numpy as np

    return cast(Any, np.where(which, yes, no))


def _compute_seconds(demand: Demand, figures: Hardware) -> "float | Array":
    total: float | Array = 0.0
    for precision, flops in demand.flops.items():
        total = total + flops / figures[f"rate {precision}"]
    return total


def _moved(demand: Demand, figures: Hardware, phase: str, tp: "int | Array", kv_ways: "int | Array") -> "float | Array":
    """Bytes that one device moves: also wider weights where it keeps none narrow, and KV copies beyond a split."""
    wider = _at_most(demand.weights, demand.bytes_) * (figures.widening - 1)
    copies = demand.cached / kv_ways - demand.cached / tp if phase == "decode" else 0.0
    return (demand.bytes_ + wider) / tp + copies


def _launches(demand: Demand) -> "float | Array":
    """Sublayers of a step; a kernel without any is one launch."""
    return _at_least(demand.collectives, 1.0) if demand.flops else 0.0 * demand.collectives


def _collective(demand: Demand, figures: Hardware, tp: "int | Array") -> "float | Array":
    if isinstance(tp, int) and tp == 1:
        return 0.0
    return _allreduce(demand.collective_bytes, demand.collectives, tp, figures)


def _pipeline(demand: Demand, figures: Hardware, tp: "int | Array", pp: "int | Array") -> "float | Array":
    """Hand-overs between stages: one tensor of activations each, inside the host as long as it holds the replica."""
    import numpy as np

    if isinstance(pp, int) and pp == 1:
        return 0.0
    rate, latency = _link(figures, np.asarray(tp) * pp)
    tensor = demand.collective_bytes / _at_least(demand.collectives, 1.0)
    seconds = (np.asarray(pp) - 1) * (tensor / rate + latency)
    return seconds if seconds.ndim else float(seconds)


def _memory(
    demand: Demand, figures: Hardware, tp: "int | Array", pp: "int | Array", kv_ways: "int | Array"
) -> "float | Array":
    """Bytes on the fullest device: weights and cache split over stages and ways, activations over ways."""
    weights = demand.weights * figures.widening / (tp * pp)
    return weights + demand.kv / (kv_ways * pp) + demand.activations / tp


def _total(
    demand: Demand,
    figures: Hardware,
    parts: Mapping[str, "float | Array"],
    memory: "float | Array",
    joined: "float | Array | None" = None,
) -> Timing:
    import numpy as np

    roof: Any = parts["cpu"] if joined is None else joined
    for resource in ("compute", "memory", "disk") if joined is None else ("cpu", "disk"):
        roof = np.maximum(roof, parts[resource])
    whole = roof + parts["static"] + parts["launch"] + parts["network"]
    busy = _occupied(figures, parts) if joined is None else roof + parts["launch"] + parts["network"]
    return Timing(
        seconds=demand.repeats * whole,
        step_seconds=whole,
        busy_seconds=demand.repeats * busy,
        bottleneck=largest(parts),
        memory_bytes=memory,
        parts=parts,
        fits=np.less_equal(memory, figures.memory_bytes * (1 - RESERVE)),
    )


def largest(parts: Mapping[str, "float | Array"]) -> Any:
    """The place in ``BOTTLENECKS`` of the part that takes the longest, the first of equals."""
    import numpy as np

    static = parts["static"] + parts["launch"] + parts["disk"]
    longest, index = parts["compute"], 0
    for place, part in enumerate((parts["memory"], parts["cpu"], parts["network"], static), start=1):
        more = np.greater(part, longest)
        longest, index = np.where(more, part, longest), np.where(more, place, index)
    return index


def _occupied(figures: Hardware, parts: Mapping[str, "float | Array"]) -> "float | Array":
    """Time of a step that keeps the replica busy. A CPU shares its cores: one core's work is 1 / cores of it."""
    import numpy as np

    roof, is_cpu = np.maximum(parts["compute"], parts["memory"]), np.greater(figures.cores, 0)
    cpu = np.where(is_cpu, parts["cpu"] / np.maximum(figures.cores, 1), parts["cpu"])
    return np.maximum(roof, cpu) + parts["launch"] + np.where(is_cpu, 0.0, parts["network"])


def _plain(value: Any, scalar: bool) -> Any:
    return float(value) if scalar else value


def _at_least(value: Any, least: float) -> Any:
    import numpy as np

    return max(value, least) if isinstance(value, int | float) else np.maximum(value, least)


def _at_most(value: Any, most: Any) -> Any:
    import numpy as np

    both = isinstance(value, int | float) and isinstance(most, int | float)
    return min(value, most) if both else np.minimum(value, most)
