"""A decoder's step as the step model sees it, from the figures of its work."""

from typing import TYPE_CHECKING, Any

from agentc.cost import step
from agentc.cost.arithmetic import compute_precision, stored_precision, widening
from agentc.cost.curves import DEFAULT_ENGINES, Curves, Target, active
from agentc.cost.hardware import Figures, Hardware, peaks
from agentc.cost.step import Load, Machine, Rates
from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.demand.shape import dense_precision, layer_parameters, moe_layers
from agentc.plan.fleet import Device
from agentc.plan.models import ModelShape

if TYPE_CHECKING:
    from agentc.cost.roofline import Demand


def is_decoder(model: ModelShape | None) -> bool:
    """Whether the step model holds for ``model``."""
    return model is not None and model.kind == "decoder"


def kind_of(model: ModelShape) -> str:
    """``moe`` or ``dense``: the bands of a curve tell them apart."""
    return "moe" if model.experts else "dense"


def front_seconds(model: ModelShape | None, device: Device) -> float:
    """Seconds that a request spends in front of a decoder, on no device: HTTP, tokenizer, scheduler."""
    if model is None or not is_decoder(model):
        return 0.0
    return active().value("first_seconds", _target(device))


def _target(device: Device) -> Target:
    return Target(device.family, device.vendor, DEFAULT_ENGINES.get(device.vendor, ""))


def rates(model: ModelShape, device: Device, precision: str, curves: Curves | None = None) -> Rates:
    """The fitted figures of ``model`` on ``device``, with the engine that a plan deploys there."""
    dense = dense_precision(model, precision)
    runs, expert_runs = _runs(device, dense), _runs(device, precision)
    weights, experts = stored_precision(device, dense), stored_precision(device, precision)
    return step.rates_of(curves or active(), _target(device), runs, expert_runs, weights, experts)


def hardware(model: ModelShape, device: Device, precision: str) -> Figures:
    """What a step of ``model`` depends on of ``device``: fitted figures, peak rates, links.

    Raises:
        ValueError: The device has no rate for the arithmetic.
    """
    flops, dense = device.flops_per_second, dense_precision(model, precision)
    return {
        **rates(model, device, precision).values,
        **peaks(device),
        "dense_rate": flops[_runs(device, dense)],
        "expert_rate": flops[_runs(device, precision)],
        "half_rate": flops[_runs(device, activation_precision(precision))],
        "dense_widening": widening(device, dense),
        "widening": widening(device, precision),
    }


def query_group(model: ModelShape) -> float:
    """Query heads that share a head of the cache: all share a latent one, whose lookups are FLOP, not reads."""
    return 1.0 if model.kv_lora_rank else model.heads / max(model.kv_heads, 1)


def machine(model: ModelShape, hardware: Hardware, tp: Any, dp: Any, kv_ways: Any) -> Machine:
    """A replica of ``dp`` groups of ``tp`` devices. Beyond the scale-up domain the scale-out link sets the pace."""
    import numpy as np

    inside = np.less_equal(np.asarray(tp) * dp, hardware.domain)
    return Machine(
        dense_rate=hardware.dense_rate,
        expert_rate=hardware.expert_rate,
        half_rate=hardware.half_rate,
        bandwidth=hardware.bandwidth,
        link=np.where(inside, hardware.inside_rate, hardware.outside_rate),
        tp=np.asarray(tp, dtype=float),
        dp=np.asarray(dp, dtype=float),
        kv_ways=kv_ways,
        latent=1.0 if model.kv_lora_rank else 0.0,
        group=query_group(model),
    )


def memory(
    demand: "Demand", model: ModelShape, hardware: Hardware, precision: str, tp: Any, pp: Any, dp: Any, kv_ways: Any
) -> Any:
    """Bytes on the fullest device: dense weights over ``tp``, routed experts over ``tp x dp``, both over the stages;
    the cache of a group's part of the batch over ``kv_ways``; activations over all."""
    import numpy as np

    experts = np.minimum(layer_parameters(model).experts * width(precision), demand.weights)
    weights = (demand.weights - experts + experts / dp) * hardware.widening / (tp * pp)
    return weights + demand.kv / (kv_ways * pp * dp) + demand.activations / (tp * dp)


def load(demand: "Demand", model: ModelShape, hardware: Hardware, precision: str, phase: str) -> Load:
    """The step of a demand. A part of a model (its experts, its trunk) has the launches of that part."""
    dense, native = dense_precision(model, precision), activation_precision(precision)
    dense_flops = demand.flops.get(dense, 0.0)
    dense_flops = dense_flops - (demand.attention if dense == native else 0.0)
    dense_flops = dense_flops - (demand.expert if dense == precision else 0.0)
    head = 0.0 if dense == native else demand.flops.get(native, 0.0) - demand.attention
    return Load(
        dense=_positive(dense_flops),
        head=_positive(head),
        dense_bytes=_positive(demand.weights_traffic - demand.expert_traffic) * hardware.dense_widening,
        expert=demand.expert,
        expert_bytes=demand.expert_traffic * hardware.widening,
        tile=2.0 * demand.expert_traffic / width(precision),
        scores=demand.attention if phase == "prefill" else 0.0,
        lookups=0.0 if phase == "prefill" else demand.attention,
        kv_bytes=demand.kv_traffic,
        moved=_positive(demand.bytes_ - demand.weights_traffic - demand.kv_traffic),
        reductions=demand.collectives,
        reduced_bytes=demand.collective_bytes,
        **_launched(demand, model),
        sequences=demand.sequences if phase == "decode" else 1.0,
    )


def _launched(demand: "Demand", model: ModelShape) -> dict[str, Any]:
    """Layers whose kernels a step launches."""
    import numpy as np

    trunk = np.where(np.greater(demand.attention, 0), float(model.layers), 0.0)
    routed = moe_layers(model) * (model.experts_per_token / 8) ** 0.5
    return {
        "layers": trunk,
        "routed": np.where(np.greater(demand.expert, 0), routed, 0.0),
        "latent": trunk if model.kv_lora_rank else 0.0,
        "indexed": trunk if model.index_heads else 0.0,
    }


def _runs(device: Device, precision: str) -> str:
    runs = compute_precision(device, precision)
    if runs is None:
        raise ValueError(f"`{device.name}` has no rate for {precision} or anything wider")
    return runs


def _positive(value: Any) -> Any:
    import numpy as np

    return np.maximum(value, 0.0)
