"""Storage in eight or four bits: symmetric, one scale per row or per group of 32."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, i8, kernel, u8


@kernel
def quantize_int8(x: f32["n", "d"]) -> tuple[i8["n", "d"], f32["n"]]:
    """Codes in -127 … 127 and the scale of each row; ties go to even."""
    scale = np.maximum(np.max(np.abs(x), axis=1), 1e-12) / 127.0
    codes = np.clip(np.rint(x / scale[:, None]), -127.0, 127.0).astype(i8)
    return codes, scale


@kernel
def dequantize_int8(codes: i8["n", "d"], scale: f32["n"]) -> f32["n", "d"]:
    """The inverse of `quantize_int8`, within half a step."""
    return codes.astype(f32) * scale[:, None]


@kernel
def quantize_int8_groups(x: f32["n", "g", 32]) -> tuple[i8["n", "g", 32], f32["n", "g"]]:
    """As `quantize_int8`, with a scale for each 32 neighbors."""
    scale = np.maximum(np.max(np.abs(x), axis=2), 1e-12) / 127.0
    codes = np.clip(np.rint(x / scale[:, :, None]), -127.0, 127.0).astype(i8)
    return codes, scale


@kernel
def dequantize_int8_groups(codes: i8["n", "g", 32], scale: f32["n", "g"]) -> f32["n", "g", 32]:
    """The inverse of `quantize_int8_groups`, within half a step."""
    return codes.astype(f32) * scale[:, :, None]


@kernel
def quantize_int4(x: f32["n", "g", 32]) -> tuple[u8["n", "g", 16], f32["n", "g"]]:
    """Codes 1 … 15, which are -7 … 7, and a scale for each 32 neighbors; a byte holds element i low and i + 16 high."""
    scale = np.maximum(np.max(np.abs(x), axis=2), 1e-12) / 7.0
    codes = (np.clip(np.rint(x / scale[:, :, None]), -7.0, 7.0) + 8.0).astype(u8)
    packed = codes[:, :, :16] | (codes[:, :, 16:] << 4)
    return packed, scale


@kernel
def dequantize_int4(codes: u8["n", "g", 16], scale: f32["n", "g"]) -> f32["n", "g", 32]:
    """The inverse of `quantize_int4`, within half a step."""
    both = np.concatenate([codes & 15, codes >> 4], axis=2)
    return (both.astype(f32) - 8.0) * scale[:, :, None]


@kernel
def int4_matvec(codes: u8["m", "g", 16], scale: f32["m", "g"], x: f32["g", 32]) -> f32["m"]:
    """A matrix of four-bit codes, as `quantize_int4` makes it, times a vector of 32 g elements."""
    low = ((codes & 15).astype(i8) - 8).astype(f32) * x[:, :16]
    high = ((codes >> 4).astype(i8) - 8).astype(f32) * x[:, 16:]
    return np.sum((low + high) * scale[:, :, None], axis=(1, 2))


@kernel
def int4_matmul(codes: u8["m", "g", 16], scale: f32["m", "g"], x: f32["b", "g", 32]) -> f32["b", "m"]:
    """As `int4_matvec`, for each of b vectors: codes are read and unpacked once for several of them."""
    low = ((codes & 15).astype(i8) - 8).astype(f32) * x[:, None, :, :16]
    high = ((codes >> 4).astype(i8) - 8).astype(f32) * x[:, None, :, 16:]
    return np.sum((low + high) * scale[:, :, None], axis=(2, 3))


@kernel
def int8_matvec(codes: i8["m", "g", 32], scale: f32["m", "g"], x: f32["g", 32]) -> f32["m"]:
    """A matrix of eight-bit codes, as `quantize_int8_groups` makes it, times a vector of 32 g elements."""
    return np.sum(codes.astype(f32) * x * scale[:, :, None], axis=(1, 2))


@kernel
def int8_matmul(codes: i8["m", "g", 32], scale: f32["m", "g"], x: f32["b", "g", 32]) -> f32["b", "m"]:
    """As `int8_matvec`, for each of b vectors."""
    return np.sum(codes.astype(f32) * x[:, None] * scale[:, :, None], axis=(2, 3))
