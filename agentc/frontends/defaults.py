"""Every figure that stands in where the user states none, each with its reason. Nothing else in the frontends guesses.

A figure that comes from here, or is derived from one, is marked `assumed` in the IR, and every report says so.
"""

import math

from agentc.plan.quantity import Quantity

INPUT_TOKENS = 1020.0
"""Median prompt of a conversation (Azure LLM inference trace 2023, CC-BY-4.0), where no input says its size."""

OUTPUT_TOKENS = 129.0
"""Median answer of a conversation (same trace)."""

CHARACTERS_PER_TOKEN = 4.0
"""English text under byte-pair vocabularies of 32,000 to 200,000 entries: 3.8 to 4.5."""

SPOKEN_TOKENS_PER_SECOND = 3.3
"""150 words a minute, 1.33 tokens a word: converts between seconds of speech and tokens of text."""

AUDIO_SECONDS = 6.0
"""A spoken question: one to two sentences."""

DOCUMENT_TOKENS = 200.0
"""A passage as retrieval systems cut it: a few sentences to a paragraph."""

LOOKUP_DOCUMENTS = 5
"""`k` of a lookup: what retrieval examples and libraries commonly take."""

MEMORY_DOCUMENTS = 10_000
"""Documents of a vector memory that names no folder: a company's handbook, not the web."""

EMBEDDING_DIMENSION = 384
"""Vectors of a small sentence encoder such as MiniLM, where no embedding model says more."""

DIFFUSION_STEPS = 28.0
"""Steps of current text-to-image transformers in their own examples (FLUX.1-dev: 28 to 50, SD 3.5: 28)."""

PIXELS = 1024.0 * 1024.0
"""One megapixel, what these models draw by default."""

TOOL_LATENCY_SECONDS = 0.1
"""An internal service's answer. A public search takes longer, a local function less: state it."""

TOOL_CPU_SECONDS = 0.002
"""Serializing a request and its answer on the caller's side."""

PYTHON_CPU_SECONDS = 0.001
"""A short text function in CPython."""

PRECISION = "bf16"
"""What open checkpoints are published in since 2023."""

HOSTED_TTFT_SECONDS = 0.6
"""Time to the first token of a hosted model, in the middle of what public dashboards of 2025 show."""

HOSTED_TOKENS_PER_SECOND = 60.0
"""Stream rate of a hosted model, likewise."""

REQUESTS_PER_SECOND = 1.0
"""Enough to need the agent at all; far from saturating anything."""

LATENCY_FOR_CONCURRENCY_SECONDS = 10.0
"""Turns users in flight into a rate (Little's law) where no end-to-end limit says how long a request takes."""

WHEN_PROBABILITY = 0.5
"""A condition of which nothing is known."""

LOOP_TRIPS_SHARE = 0.5
"""Expected trips where only the maximum is stated: half way between one and the maximum."""

MAP_WIDTH = 4.0
"""Items of a fan-out over a list of unknown length."""

MAP_CONCURRENCY = 8
"""Items at a time: more than a usual list is long, few enough for a tool that limits rates."""

SLA_PERCENTILE = "p95"
"""A limit without a percentile: the usual one of interactive services."""

FIELD_TOKENS = {"text": 30.0, "bool": 4.0, "number": 6.0, "choice": 5.0}
"""A structured answer's tokens per field, with its name and quotes."""

_Z = {"p50": 0.0, "p90": 1.2815515655446004, "p95": 1.6448536269514722, "p99": 2.3263478740408408}
"""Quantiles of the standard normal distribution."""


def mean_of(percentiles: dict[str, float]) -> float:
    """The mean that stated percentiles imply, for a log-normal distribution: latencies and lengths are skewed so.

    ``mean = p50 exp(s^2 / 2)`` with ``s = ln(p / p50) / z``; with one percentile only, or zeros, that percentile.
    """
    stated = [(name, value) for name, value in percentiles.items() if name in _Z]
    name, value = stated[-1]
    median = percentiles.get("p50", value)
    if median <= 0 or value <= median or name == "p50":
        return median
    sigma = math.log(value / median) / _Z[name]
    return min(median * math.exp(sigma * sigma / 2), value)


def assumed(mean: float) -> Quantity:
    """A figure that nobody stated."""
    return Quantity(float(mean), assumed=True)
