"""Measurements as arrays: what each row's model asks of a step, as coefficients of tokens and sequences.

The coefficients are taken from the work formulas (``plan.demand``) by evaluating them at a few points, so that the rows
are priced by the same formulas as a plan. Only what is not linear keeps its own form: experts that are met, windows.
"""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc import catalog
from agentc.cost.accuracy.measurement import Measurement
from agentc.cost.arithmetic import compute_precision, stored_precision, widening
from agentc.cost.curves import Target
from agentc.cost.decoder import query_group
from agentc.cost.step import Load, Machine
from agentc.plan.demand import decode, kv_bytes_per_token, parameters, prefill
from agentc.plan.demand.decoder import ROUTING_EVENNESS
from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.demand.shape import (
    dense_precision,
    full_layers,
    layer_parameters,
    local_layers,
    moe_layers,
    state_bytes,
)
from agentc.plan.fleet import Device
from agentc.plan.models import ModelShape
from agentc.plan.work import Work
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

UNLIMITED = 1e12
HARNESS_SHAPES = frozenset(((1024.0, 1024.0), (1024.0, 8192.0), (8192.0, 1024.0)))
"""Shapes whose lengths InferenceX draws from 0.8 to 1.0 of the label."""
DRAWN = 0.9
"""Mean of these lengths over the label."""
WORDS = ("family", "vendor", "engine", "release", "dense", "expert", "stored_dense", "stored_expert")


@record
class Constants:
    """Coefficients of one model at one precision on one device."""

    dense: float
    """FLOP of dense weights for a token."""
    side: float
    """FLOP in 16 bit for a sequence: the head."""
    dense_bytes: float
    expert: float
    expert_bytes: float
    """All experts."""
    tile: float
    """FLOP of one row through every expert."""
    pair_prefill: float
    """FLOP of a pair of tokens in a layer."""
    pair_decode: float
    linear_prefill: float
    """FLOP of a token in all layers of linear attention."""
    linear_decode: float
    state: float
    """Bytes of a sequence's state in all layers of linear attention."""
    entry: float
    """Bytes of a token's KV in a layer."""
    moved: float
    """Bytes of activations for a token."""
    moved_once: float
    """The same for a sequence."""
    reductions: float
    reduced: float
    """Bytes that are reduced for a token."""
    experts: float
    chosen: float
    full: float
    local: float
    window: float
    layers: float
    routed: float
    latent: float
    indexed: float
    kv_heads: float
    group: float
    resident: float
    trunk_resident: float
    dense_rate: float
    expert_rate: float
    half_rate: float
    bandwidth: float
    inside: float
    """Bytes/s between devices of one scale-up domain, one direction."""
    outside: float
    """The same beyond it."""
    domain: float
    """Devices of a scale-up domain."""
    memory: float


@record
class Rows:
    """All rows as arrays."""

    measurements: Sequence[Measurement]
    constants: "dict[str, Array]"
    figures: "dict[str, Array]"
    words: dict[str, list[str]]
    """What the curves ask for: family, vendor, engine, and precisions of arithmetic and storage."""

    def __getattr__(self, name: str) -> "Array":
        for table in (self.constants, self.figures):
            if name in table:
                return table[name]
        raise AttributeError(name)

    def __len__(self) -> int:
        return len(self.measurements)


def rows_of(measurements: Sequence[Measurement]) -> Rows:
    """The rows as arrays.

    Raises:
        UnknownName: A device or model is not in the catalog.
    """
    import numpy as np

    found = [_known(m.model, m.precision, m.device, cache_precision(m)) for m in measurements]
    names = [f.name for f in fields(Constants)]
    constants = {name: np.array([getattr(c, name) for c, _ in found], dtype=float) for name in names}
    words: dict[str, list[str]] = {
        word: [text[word] for _, text in found] for word in WORDS if word not in ("engine", "release")
    }
    words["engine"] = [m.engine for m in measurements]
    words["release"] = [release(m) for m in measurements]
    return Rows(measurements, constants, _figures(measurements), words)


def load(rows: Rows, tokens: Any, sequences: Any, read: Any, seen: Any, pairs: Any) -> Load:
    """A step over ``tokens`` in all, of ``sequences``; ``read`` positions x layers of KV are read, ``seen`` of them by
    a decode; ``pairs`` of a prefill's tokens x layers see one another."""
    import numpy as np

    met = _met(rows, np.maximum(tokens, 0))
    return Load(
        dense=rows.dense * tokens,
        head=rows.side * sequences,
        dense_bytes=rows.dense_bytes,
        expert=rows.expert * tokens,
        expert_bytes=rows.expert_bytes * met,
        tile=rows.tile * met,
        scores=rows.pair_prefill * pairs + np.where(np.greater(pairs, 0), rows.linear_prefill * tokens, 0.0),
        lookups=rows.pair_decode * seen + np.where(np.greater(seen, 0), rows.linear_decode * tokens, 0.0),
        kv_bytes=rows.entry * read + np.where(np.greater(seen, 0), rows.state * sequences, 0.0),
        moved=rows.moved * tokens + rows.moved_once * sequences,
        reductions=rows.reductions,
        reduced_bytes=rows.reduced * tokens,
        layers=rows.layers,
        routed=rows.routed,
        latent=rows.latent,
        indexed=rows.indexed,
        sequences=sequences,
    )


def _met(rows: Rows, tokens: Any) -> Any:
    """Part of the experts that ``tokens`` meet (``plan.demand.decoder.touched_experts``)."""
    import numpy as np

    share, a = rows.chosen / rows.experts, ROUTING_EVENNESS
    others = (1 + np.maximum(tokens - 1, 0) * share / a) ** -a
    return 1 - (1 - share * np.minimum(tokens, 1)) * others


def machine(rows: Rows) -> Machine:
    """The replica of each row."""
    import numpy as np

    return Machine(
        dense_rate=rows.dense_rate,
        expert_rate=rows.expert_rate,
        half_rate=rows.half_rate,
        bandwidth=rows.bandwidth,
        link=np.where(rows.tp * rows.dp > rows.domain, rows.outside, rows.inside),
        tp=rows.tp,
        dp=rows.dp,
        kv_ways=np.minimum(rows.tp, rows.kv_heads),
        latent=rows.latent,
        group=rows.group,
    )


def positions(rows: Rows, context: Any) -> Any:
    """Positions x layers that a token sees at a context."""
    import numpy as np

    return rows.full * context + rows.local * np.minimum(context, rows.window)


def causal(rows: Rows, tokens: Any) -> Any:
    """Pairs x layers of a prompt of ``tokens``."""
    import numpy as np

    inside = np.minimum(tokens, rows.window)
    windowed = inside * (inside + 1) / 2 + (tokens - inside) * rows.window
    return rows.full * tokens * (tokens + 1) / 2 + np.where(rows.local > 0, rows.local * windowed, 0.0)


def target(rows: Rows, index: int) -> Target:
    """To whom the figures of a row apply."""
    return Target(*(rows.words[word][index] for word in ("family", "vendor", "engine", "release")))


def release(m: Measurement) -> str:
    """``trtllm-1.0.0rc`` for the release candidates of TensorRT-LLM 1.0, the first on PyTorch; else nothing."""
    first = m.engine == "trtllm" and m.version.startswith("1.0.0rc")
    return "trtllm-1.0.0rc" if first else ""


def _figures(measurements: Sequence[Measurement]) -> "dict[str, Array]":
    import numpy as np

    names = ("tp", "pp", "dp", "devices", "concurrency", "value")
    table = {name: np.array([getattr(m, name) for m in measurements], dtype=float) for name in names}
    drawn = [
        DRAWN if m.mode in ("closed", "disaggregated") and (m.isl, m.osl) in HARNESS_SHAPES else 1.0
        for m in measurements
    ]
    share = np.array(drawn)
    table["inputs"] = share * np.array([m.isl for m in measurements])
    table["outputs"] = np.maximum(share * np.array([m.osl for m in measurements]), 1.0)
    for name, mode in (("static", "static"), ("offline", "offline"), ("apart", "disaggregated")):
        table[name] = np.array([m.mode == mode for m in measurements], dtype=float)
    for name, pools in (("first", [m.prefill for m in measurements]), ("last", [m.decode for m in measurements])):
        for field_ in ("workers", "tp", "dp"):
            table[f"{name}_{field_}"] = np.array([getattr(pool, field_) if pool else 1 for pool in pools], dtype=float)
    for metric in ("ttft", "tpot", "latency"):
        table[metric] = np.array([m.metric == metric for m in measurements], dtype=float)
    return table


@cache
def _known(model: str, precision: str, device: str, kv: str) -> tuple[Constants, dict[str, str]]:
    shape, machine = catalog.model(model), catalog.device(device)
    formula = "fp4" if precision == "int4" else precision
    runs = compute_precision(machine, "bf16" if precision == "int4" else precision) or "bf16"
    dense = dense_precision(shape, formula)
    dense_runs = compute_precision(machine, "bf16" if precision == "int4" else dense) or runs
    half = compute_precision(machine, "bf16") or runs
    words = {
        "family": machine.family,
        "vendor": machine.vendor,
        "dense": dense_runs,
        "expert": runs,
        "stored_dense": "int4" if precision == "int4" and dense == "fp4" else stored_precision(machine, dense),
        "stored_expert": "int4" if precision == "int4" else stored_precision(machine, formula),
    }
    return _constants(shape, machine, formula, dense, (dense_runs, runs, half), kv), words


def cache_precision(m: Measurement) -> str:
    """The format of the KV cache in published runs: FP8 beside 8- and 4-bit weights, but with sliding windows only in
    TensorRT-LLM, whose checkpoints bring the scales."""
    narrow = m.precision in ("fp8", "fp4") and (m.engine.startswith("trtllm") or not _windowed(m.model))
    return "fp8" if narrow else activation_precision("fp4" if m.precision == "int4" else m.precision)


@cache
def _windowed(model: str) -> bool:
    return bool(catalog.model(model).sliding_window)


def _constants(
    shape: ModelShape, device: Device, precision: str, dense: str, runs: tuple[str, str, str], kv: str
) -> Constants:
    one, two = (_at(prefill(shape, precision, kv), tokens=n) for n in (1, 2))
    step, next_ = (_at(decode(shape, precision, kv), tokens=1, context=n) for n in (1, 2))
    attending, pairs = shape.layers - shape.linear_layers, two.attention - 2 * one.attention
    seen = next_.attention - step.attention
    dense_flops = two.dense - one.dense
    parts, wider = layer_parameters(shape), widening(device, dense)
    experts, moe = parts.experts, moe_layers(shape)
    trunk = max(parameters(shape) - experts, 0.0) * width(dense) * wider
    return Constants(
        dense=dense_flops,
        side=step.dense - dense_flops,
        dense_bytes=step.dense_bytes * wider,
        expert=step.expert,
        expert_bytes=experts * width(precision) * widening(device, precision),
        tile=2.0 * experts,
        pair_prefill=pairs / attending,
        pair_decode=seen / attending,
        linear_prefill=one.attention - pairs,
        linear_decode=step.attention - seen,
        state=state_bytes(shape),
        entry=kv_bytes_per_token(shape, kv) / attending,
        moved=two.moved - one.moved,
        moved_once=max(2 * one.moved - two.moved, 0.0),
        reductions=step.reductions,
        reduced=two.reduced - one.reduced,
        experts=float(max(shape.experts, 1)),
        chosen=float(shape.experts_per_token),
        full=float(full_layers(shape)),
        local=float(local_layers(shape)),
        window=float(shape.sliding_window or UNLIMITED),
        layers=float(shape.layers),
        routed=moe * (shape.experts_per_token / 8) ** 0.5,
        latent=float(shape.layers if shape.kv_lora_rank else 0),
        indexed=float(shape.layers if shape.index_heads else 0),
        group=query_group(shape),
        kv_heads=1.0 if shape.kv_lora_rank else float(max(shape.kv_heads, 1)),
        resident=trunk + experts * width(precision) * widening(device, precision),
        trunk_resident=trunk,
        dense_rate=device.flops_per_second[runs[0]],
        expert_rate=device.flops_per_second[runs[1]],
        half_rate=device.flops_per_second[runs[2]],
        bandwidth=device.bytes_per_second,
        inside=device.scale_up.bytes_per_second,
        outside=device.scale_out.bytes_per_second,
        domain=float(max(device.scale_up_size, 8)),
        memory=device.memory_bytes,
    )


@record
class _Sample:
    """A work formula at one point, one sequence."""

    dense: float
    expert: float
    attention: float
    dense_bytes: float
    moved: float
    reductions: float
    reduced: float


def _at(work: Work, tokens: int, context: int = 1) -> _Sample:
    env = {
        "batch": 1.0,
        "input_tokens": float(tokens),
        "cached_tokens": 0.0,
        "context_tokens": float(context),
        "output_tokens": 1.0,
    }
    attention, expert = work.attention_flops.evaluate(env), work.expert_flops.evaluate(env)
    weights, kv = work.weights_traffic.evaluate(env), work.kv_traffic.evaluate(env)
    flops = {name: formula.evaluate(env) for name, formula in work.flops.items() if name != "fp32"}
    return _Sample(
        dense=sum(flops.values()) - attention - expert,
        expert=expert,
        attention=attention,
        dense_bytes=weights - work.expert_traffic.evaluate(env),
        moved=work.bytes_read.evaluate(env) + work.bytes_written.evaluate(env) - weights - kv,
        reductions=work.collectives.evaluate(env),
        reduced=work.collective_bytes.evaluate(env),
    )
