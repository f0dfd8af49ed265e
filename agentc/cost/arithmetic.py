"""In what precision a device computes when it lacks the one asked for, and what that does to the weights.

Rule. Arithmetic moves to the next wider format that the device has a rate for; 4-bit weights go to 16 bit where they
are widened on the fly. Weights stay in the narrow format
in memory where the family has kernels that widen them on the fly (weight-only quantization: NVIDIA from Ampere on,
AMD CDNA 3 and 4, CPUs); elsewhere they are stored and read in the wider format.
"""

from collections.abc import Mapping

from agentc.plan.demand.precision import width
from agentc.plan.fleet import Device

_WIDER: Mapping[str, tuple[str, ...]] = {
    "fp4": ("fp4", "fp8", "bf16", "fp16", "tf32", "fp32"),
    "fp8": ("fp8", "bf16", "fp16", "tf32", "fp32"),
    "int8": ("int8", "bf16", "fp16", "tf32", "fp32"),
    "bf16": ("bf16", "fp16", "tf32", "fp32"),
    "fp16": ("fp16", "bf16", "tf32", "fp32"),
    "tf32": ("tf32", "bf16", "fp32", "fp16"),
    "fp32": ("fp32", "tf32", "bf16", "fp16"),
}
"""Formats to try in order. A device without FP32 or TF32 rates (the paper's table prints FP16 only) takes 16 bit."""

_WEIGHT_ONLY = frozenset(("ampere", "ada", "hopper", "blackwell", "blackwell-gddr", "cdna3", "cdna4", "cpu", "cpu-amx"))


def compute_precision(device: Device, precision: str) -> str | None:
    """The precision in which ``device`` computes what is asked in ``precision``; None where it has no rate at all."""
    rates = device.flops_per_second
    weight_only = precision == "fp4" and "fp4" not in rates and device.family in _WEIGHT_ONLY
    return next((p for p in _WIDER["bf16" if weight_only else precision] if p in rates), None)


def stored_precision(device: Device, precision: str) -> str:
    """The precision in which ``device`` keeps the weights."""
    runs = compute_precision(device, precision) or precision
    if device.family in _WEIGHT_ONLY or width(runs) <= width(precision):
        return precision
    return runs


def widening(device: Device, precision: str) -> float:
    """Bytes of the stored weights over bytes of the weights as asked for: 1 or more."""
    return width(stored_precision(device, precision)) / width(precision)
