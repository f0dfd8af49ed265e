"""MXFP4 (OCP Microscaling Formats 1.0): 4-bit floats in blocks of 32 that share a power of two."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.views import Lazy

_MAGNITUDES: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
VALUES: Final = np.array([*_MAGNITUDES, *(-m for m in _MAGNITUDES)], np.float32)
"""E2M1 by its bits."""
_BIAS: Final = 127
"""Of the shared exponent (E8M0)."""


def unpacked(name: str, blocks: Lazy, scales: Lazy) -> Lazy:
    """The matrix ``[rows, columns]`` of ``blocks [rows, columns / 32, 16]`` and ``scales [rows, columns / 32]``.

    Raises:
        ValueError: the shapes do not go together.
    """
    if len(blocks.shape) != 3 or blocks.shape[-1] != 16 or blocks.shape[:-1] != scales.shape:
        raise ValueError(f"weight `{name}` has blocks {list(blocks.shape)} with scales {list(scales.shape)}")
    rows = blocks.shape[0]
    return Lazy((rows, math.prod(blocks.shape[1:]) * 2), lambda: unpack(blocks.read(), scales.read()))


def unpack(blocks: npt.NDArray[Any], scales: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Of two values in a byte, the low half is the first."""
    if blocks.dtype != np.uint8 or scales.dtype != np.uint8:
        raise ValueError(f"MXFP4 is bytes, not {blocks.dtype} with scales of {scales.dtype}")
    values = np.stack([VALUES[blocks & 15], VALUES[blocks >> 4]], axis=-1)
    powers = np.ldexp(np.float32(1), scales.astype(np.int32) - _BIAS)
    return (values.reshape(*blocks.shape[:2], 32) * powers[..., None]).reshape(blocks.shape[0], -1)
