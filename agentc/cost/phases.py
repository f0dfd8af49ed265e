"""What one phase of a model asks of a machine, in figures: the page that ``agentc models show --work`` prints."""

from collections.abc import Callable, Mapping

from agentc.cost.environment import environment
from agentc.cost.roofline import Demand, evaluate
from agentc.plan import demand
from agentc.plan.models import Draft, ModelKind, ModelShape
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work
from agentc.support.record import record

RUNS: Mapping[ModelKind, Callable[[ModelShape, str], Work]] = {
    "stt": demand.transcribe,
    "tts": demand.synthesize,
    "embedding": demand.embed,
    "rerank": demand.rerank,
    "diffusion": demand.diffuse,
    "vision": demand.vision,
}
"""Kinds of model whose calls are not split into phases -> their work."""


@record
class PhaseWork:
    """One phase of a model at given sizes. Figures are those of one step of the whole batch."""

    model: str
    phase: str
    precision: str
    kv_precision: str
    sizes: Mapping[str, float]
    """The sizes that the work depends on."""
    demand: Demand
    network_bytes: float
    """What goes on to the next task: the KV cache of a prefill, vectors, audio."""
    intensity: float
    """FLOP per byte that the step moves through memory."""


def phases(shape: ModelShape) -> tuple[str, ...]:
    """What ``phase_work`` takes for a model: none for a hosted one."""
    return ("prefill", "decode") if shape.kind == "decoder" else ("run",) if shape.kind in RUNS else ()


def phase_work(
    shape: ModelShape,
    phase: str,
    sizes: Mapping[str, float],
    precision: str,
    kv_precision: str | None = None,
    *,
    chunk_tokens: int = 0,
    draft: Draft | None = None,
) -> PhaseWork:
    """The work of ``phase``, one of ``phases(shape)``; sizes that are not given take their defaults.

    A prefill may be in chunks of ``chunk_tokens``, a decode may verify a ``draft``.

    Raises:
        ValueError: The precision is unknown, or the draft is none.
    """
    cache = kv_precision or demand.activation_precision(precision)
    demand.width(cache)
    work = _work(shape, phase, precision, cache, chunk_tokens, draft)
    env = environment({name: Quantity(value) for name, value in sizes.items()}, model=shape)
    figures = evaluate(work, env, env["batch"])
    bytes_, flops = float(figures.bytes_), float(sum(map(float, figures.flops.values())))
    return PhaseWork(
        model=shape.name,
        phase=phase,
        precision=precision,
        kv_precision=cache,
        sizes={name: env[name] for name in sorted(_symbols(work)) if name in env},
        demand=figures,
        network_bytes=float(work.network_bytes.evaluate(env)),
        intensity=flops / bytes_ if bytes_ else 0.0,
    )


def _work(shape: ModelShape, phase: str, precision: str, cache: str, chunk_tokens: int, draft: Draft | None) -> Work:
    if phase == "run":
        return RUNS[shape.kind](shape, precision)
    if phase == "prefill":
        if chunk_tokens:
            return demand.chunked_prefill(shape, precision, chunk_tokens, cache)
        return demand.prefill(shape, precision, cache)
    if draft is None:
        return demand.decode(shape, precision, cache)
    return demand.speculate(shape, draft.model, precision, draft.tokens, draft.acceptance, cache)


def _symbols(work: Work) -> frozenset[str]:
    rows = (work.bytes_read, work.bytes_written, work.kv_bytes, work.network_bytes, work.repeats, *work.flops.values())
    return frozenset[str]().union(*(row.symbols for row in rows))
