"""The figures that the symbols of a work formula take."""

from collections.abc import Mapping

from agentc.plan.models import ModelShape
from agentc.plan.quantity import Quantity

_DEFAULTS: Mapping[str, float] = {
    "batch": 1.0,
    "input_tokens": 512.0,
    "cached_tokens": 0.0,
    "output_tokens": 128.0,
    "documents": 1.0,
    "audio_seconds": 10.0,
    "pixels": 1024.0 * 1024.0,
    "steps": 28.0,
    "dimension": 384.0,
    "latency_seconds": 0.0,
    "cpu_seconds": 0.0,
    "bytes": 1024.0,
}
SPEECH_TOKENS_PER_SECOND = 4.0
"""Text tokens in a second of speech: about 150 words a minute, 1.5 tokens a word."""


def environment(
    shape: Mapping[str, Quantity], percentile: str = "mean", model: ModelShape | None = None
) -> dict[str, float]:
    """What is stated, at ``percentile``; and a default for what is not.

    ``context_tokens``, if not stated, is the mean over a decode: the input and half of the output. A speech
    recognizer's ``output_tokens`` follow from the seconds it hears.
    """
    stated = {name: quantity.at(percentile) for name, quantity in shape.items()}
    env = {**_DEFAULTS, **stated}
    if model and model.kind == "stt" and "output_tokens" not in stated:
        env["output_tokens"] = max(env["audio_seconds"] * SPEECH_TOKENS_PER_SECOND, 1.0)
    env.setdefault("context_tokens", env["input_tokens"] + env["output_tokens"] / 2)
    return env


def resident_environment(shape: Mapping[str, Quantity], model: ModelShape | None = None) -> dict[str, float]:
    """The figures for memory: p95 of everything stated, and the context at the end of a decode."""
    env = environment(shape, "p95", model)
    return {**env, "context_tokens": max(env["context_tokens"], env["input_tokens"] + env["output_tokens"])}
