"""What a million tokens cost on each device class alone, by phase: the parts that the pairs are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from agentc.cost.rates import Rates, cheapest
from benchmarks.paper.facts import MODELS, PRECISIONS, SHAPES, SLAS
from benchmarks.paper.settings import Setting, devices, hours
from benchmarks.paper.tco import Case, pool_of

LONG_OUTPUT, LONG_INPUT = SHAPES
TBT_SECONDS = SLAS[0].tbt_seconds
SLACK = 2.0
""""Slightly longer" time between tokens, in claim 3: up to this times the limit."""
NEVER = float("inf")


@dataclass(frozen=True)
class Phases:
    """One model and precision on all devices; infinite where no configuration fits or keeps the limit."""

    model: str
    precision: str
    prefill_usd: Mapping[str, float]
    """A million input tokens of long prompts, without a limit on latency."""
    fastest_prefill_seconds: Mapping[str, float]
    """One long prompt, at any price."""
    decode_usd: Mapping[str, float]
    """A million output tokens of long answers, without a limit."""
    decode_usd_slack: Mapping[str, float]
    """The same with time between tokens up to ``SLACK`` times the limit."""
    decode_usd_tight: Mapping[str, float]
    """The same within the limit."""


def phases(setting: Setting, model: str, precision: str) -> Phases:
    """The costs of one model and precision under ``setting``."""
    names = devices(setting.figures, setting.curves)
    prompt, answer = (Case(model, precision, shape, SLAS[1]) for shape in (LONG_INPUT, LONG_OUTPUT))
    first = {name: pool_of(setting, name, prompt, "prefill") for name in names}
    then = {name: pool_of(setting, name, answer, "decode") for name in names}
    rate = hours(setting)

    def decode_usd(limit: float) -> dict[str, float]:
        return {n: _usd(found, limit, rate[n], LONG_OUTPUT[1]) for n, found in then.items()}

    return Phases(
        model,
        precision,
        {n: _usd(found, NEVER, rate[n], LONG_INPUT[0]) for n, found in first.items()},
        {n: float(found.seconds.min()) if len(found) else NEVER for n, found in first.items()},
        decode_usd(NEVER),
        decode_usd(SLACK * TBT_SECONDS),
        decode_usd(TBT_SECONDS),
    )


def all_phases(setting: Setting) -> tuple[Phases, ...]:
    """All models and precisions."""
    return tuple(phases(setting, m, p) for m in MODELS for p in PRECISIONS)


def _usd(found: Rates, limit_seconds: float, usd_per_hour: float, tokens: int) -> float:
    """Dollars for a million tokens at the best configuration within the limit."""
    best = cheapest(found, limit_seconds)
    if best is None:
        return NEVER
    return float(found.device_seconds[best]) * usd_per_hour / 3600 / tokens * 1e6
