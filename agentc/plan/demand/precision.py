"""Number formats: how many bytes an element takes and in what format the arithmetic runs."""

from collections.abc import Mapping

WIDTH: Mapping[str, float] = {
    "fp32": 4.0,
    "tf32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "fp4": 0.5625,
}
"""Bytes per element. FP4 is NVFP4: 4 bits and an 8-bit scale for every 16 elements. TF32 is stored as FP32."""

PRECISIONS = tuple(WIDTH)


def width(precision: str) -> float:
    """Bytes per element. Raises ValueError for a precision that is not in ``WIDTH``."""
    try:
        return WIDTH[precision]
    except KeyError:
        raise ValueError(f"unknown precision `{precision}`; known: {', '.join(WIDTH)}") from None


def activation_precision(precision: str) -> str:
    """The format of activations, attention and, unless stated, the KV cache beside weights of ``precision``.

    Engines that run FP8, INT8 or FP4 matrix products keep the residual stream and attention in BF16
    (vLLM's ``kv_cache_dtype=auto``), so these take BF16 here.
    """
    width(precision)
    return "bf16" if precision in ("fp8", "int8", "fp4") else precision
