"""One step of a decoder on a replica: seconds by class of operator.

A step is one pass of all layers over some tokens: of prompts, of one token for each sequence, or of both. Its time is
the sum over classes of operators, because a class runs after the other:

    dense      (compute^p + memory^p)^(1/p): products with the dense weights; p = 2.5 joins the two roofs smoothly
    experts    likewise, with padding to whole tiles and the weights of those experts only that a token meets
    attention  KV cache read against the FLOP of the scores, and the scores of prompts
    moved      activations
    network    all-reduces: latency that grows with log2 of the ways, and volume 2 (t - 1) / t over the link
    launch     fixed times of a layer, of routing, of latent attention; the engine's times of a step and a sequence

All figures are floats or arrays of one shape. ``Rates`` holds the fitted shares and times (``curves.QUANTITIES``).
"""

from functools import lru_cache
from typing import Any

from agentc.cost.curves import QUANTITIES, Curves, Target
from agentc.cost.hardware import Hardware
from agentc.support.record import record

SHARPNESS = 2.5
"""Exponent that joins compute and memory: 1 adds them, infinity takes the larger."""
MOST = 0.95
"""No share of a peak rate is above this."""
STAGE_SECONDS = 20e-6
"""A hand-over between pipeline stages, apart from its bytes."""


@record
class Load:
    """What one step asks of a whole replica. FLOP and bytes before they are split over devices."""

    dense: Any
    """FLOP with dense weights, at the machine's ``dense`` rate."""
    head: Any
    """FLOP of logits, and all that runs in 16 bit beside narrower weights."""
    dense_bytes: Any
    expert: Any
    expert_bytes: Any
    """Weights of the experts that are met."""
    tile: Any
    """FLOP of one row through every expert that is met."""
    scores: Any
    """FLOP of a prefill's attention."""
    lookups: Any
    """FLOP of a decode's attention."""
    kv_bytes: Any
    moved: Any
    """Bytes of activations."""
    reductions: Any
    reduced_bytes: Any
    layers: Any
    routed: Any
    """Routed layers x sqrt(experts per token / 8)."""
    latent: Any
    """Layers of latent attention."""
    indexed: Any
    """Layers with an index for sparse attention."""
    sequences: Any


@record
class Machine:
    """The replica: peak rates of one device, and how the work is split."""

    dense_rate: Any
    """FLOP/s of one device at the arithmetic of dense weights."""
    expert_rate: Any
    half_rate: Any
    """FLOP/s in 16 bit."""
    bandwidth: Any
    link: Any
    """Bytes/s between the devices, one direction."""
    tp: Any
    dp: Any
    """Ways of data-parallel attention; routed experts are split over tp x dp."""
    kv_ways: Any
    latent: Any
    """1 where attention is latent, else 0."""
    group: Any = 1.0
    """Query heads that share a head of the cache."""


class Rates(Hardware):
    """The fitted figures: one attribute a quantity, floats or arrays."""

    def scaled(self, name: str, factor: float) -> "Rates":
        """The same with one figure multiplied."""
        return Rates({**self.values, name: self.values[name] * factor})


@lru_cache(4096)
def rates_of(curves: Curves, target: Target, dense: str, expert: str, weights: str, experts: str) -> Rates:
    """The figures of a target. ``dense`` and ``expert`` are the arithmetic of dense weights and of experts,
    ``weights`` and ``experts`` what they are stored in."""
    words = {
        "matrix_compute": dense,
        "matrix_memory": weights,
        "expert_compute": expert,
        "expert_memory": experts,
    }
    return Rates({name: curves.value(name, target, words.get(name, "")) for name in QUANTITIES})


def parts(load: Load, machine: Machine, rates: Hardware, *, prompts: bool = False) -> dict[str, Any]:
    """Seconds of a step by class of operator; those of ``CLASSES`` add up to the step, which only prefills ``prompts``
    or decodes. What is left over of a step (``step_factor``) divides the shares, so that it cannot beat a peak either.
    """
    import numpy as np

    ways, factor = machine.tp * machine.dp, _factor(rates, prompts)
    share = _share(rates.matrix_compute / factor)
    compute = load.dense / ways / (machine.dense_rate * share) + load.head / ways / (machine.half_rate * share)
    memory = load.dense_bytes / machine.tp / (machine.bandwidth * _share(rates.matrix_memory / factor))
    padded, expert_share = load.expert + load.tile * rates.tile_rows, _share(rates.expert_compute / factor)
    expert = padded / ways / (machine.expert_rate * expert_share)
    expert_memory = load.expert_bytes / ways / (machine.bandwidth * _share(rates.expert_memory / factor))
    lookups = _share(np.where(machine.latent > 0, rates.latent_compute, LOOKUP_COMPUTE) / factor)
    cache, scores = _cache(load, machine, rates, factor), _scores(load, machine, rates, factor)
    return {
        "dense_compute": compute,
        "dense_memory": memory,
        "dense": _joined(compute, memory),
        "expert_compute": expert,
        "expert_memory": expert_memory,
        "experts": _joined(expert, expert_memory),
        "cache": cache,
        "scores": scores,
        "attention": _joined(cache, load.lookups / ways / (machine.half_rate * lookups)) + scores,
        "moved": _moved(load, machine, rates, factor),
        "network": network(load, machine, rates) * factor,
        "launch": launches(load, rates) * factor,
        "engine": rates.step_seconds + rates.sequence_seconds * load.sequences / machine.dp,
    }


def seconds(load: Load, machine: Machine, rates: Hardware, *, prompts: bool = False) -> Any:
    """Seconds of a step."""
    found = parts(load, machine, rates, prompts=prompts)
    return sum(found[name] for name in CLASSES)


CLASSES = ("dense", "experts", "attention", "moved", "network", "launch", "engine")
"""The parts that add up to a step."""
LOOKUP_COMPUTE = 0.3
"""Share of the 16-bit peak that a decode's attention over KV heads reaches; it is bound by memory nearly always."""


def added(load: Load, machine: Machine, rates: Hardware) -> Any:
    """Seconds by which a prompt lengthens a step that reads the weights and launches the kernels already."""
    ways, factor = machine.tp * machine.dp, _factor(rates, prompts=True)
    share, expert_share = _share(rates.matrix_compute / factor), _share(rates.expert_compute / factor)
    compute = load.dense / ways / (machine.dense_rate * share) + load.head / ways / (machine.half_rate * share)
    expert = load.expert / ways / (machine.expert_rate * expert_share)
    attention = _cache(load, machine, rates, factor) + _scores(load, machine, rates, factor)
    return compute + expert + attention + _moved(load, machine, rates, factor) + _volume(load, machine, rates) * factor


def _factor(rates: Hardware, prompts: bool) -> Any:
    return rates.step_factor * rates.prompt_factor if prompts else rates.step_factor


def _cache(load: Load, machine: Machine, rates: Hardware, factor: Any) -> Any:
    read = load.kv_bytes / machine.dp / machine.kv_ways * machine.group**rates.group_growth
    return read / (machine.bandwidth * _share(rates.kv_memory / factor))


def _scores(load: Load, machine: Machine, rates: Hardware, factor: Any) -> Any:
    return load.scores / (machine.tp * machine.dp) / (machine.half_rate * _share(rates.score_compute / factor))


def _moved(load: Load, machine: Machine, rates: Hardware, factor: Any) -> Any:
    return load.moved / (machine.tp * machine.dp) / (machine.bandwidth * _share(rates.activation_memory / factor))


def network(load: Load, machine: Machine, rates: Hardware) -> Any:
    """Seconds of the collectives of a step.

    An all-reduce over t ways: hop time x (1 + log2 t) / 2, and 2 (t - 1) / t of the tensor over the link (Patarasuk and
    Yuan 2009; engines use one-shot and tree kernels for small tensors). With attention split over data-parallel
    groups, tokens go to the experts and back: two exchanges a routed layer.
    """
    import numpy as np

    tp, dp = machine.tp, machine.dp
    rounds = np.where(np.greater(tp, 1), load.reductions * rates.hop_seconds * (1 + np.log2(tp)) / 2, 0.0)
    exchanges = np.where(np.greater(dp, 1), load.routed * 4 * rates.hop_seconds, 0.0)
    return rounds + exchanges + _volume(load, machine, rates)


def _volume(load: Load, machine: Machine, rates: Hardware) -> Any:
    tp, dp, link = machine.tp, machine.dp, machine.link * _share(rates.link_share)
    return (2 * (tp - 1) / tp + EXCHANGED * (dp - 1) / dp) * load.reduced_bytes / dp / link


EXCHANGED = 1.5
"""Bytes that leave and enter a device of a data-parallel group, over the bytes that tensor parallelism would reduce."""


def launches(load: Load, rates: Hardware) -> Any:
    """Fixed times of the layers of a step."""
    return (
        load.layers * rates.layer_seconds
        + load.routed * rates.routed_seconds
        + load.latent * rates.latent_seconds
        + load.indexed * rates.index_seconds
    )


def _joined(a: Any, b: Any, p: float = SHARPNESS) -> Any:
    return (a**p + b**p) ** (1 / p)


def _share(value: Any) -> Any:
    import numpy as np

    return np.minimum(value, MOST)
