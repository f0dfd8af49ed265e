"""Eight-bit storage of rows: symmetric, one scale per row."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, i8, kernel


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
