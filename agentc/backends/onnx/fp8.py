"""Matrices in 8-bit floats with a scale for every square block (DeepSeek-V3, arXiv 2412.19437, section 3.3)."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.fields import Json, table
from agentc.backends.onnx.views import Lazy, View, Weights, lazy_of
from agentc.backends.onnx.weights import Checkpoint

_SCALES: Final = "_scale_inv"
_BLOCK: Final = 128


def with_fp8(config: Json, source: Weights) -> Weights:
    """The same with such matrices unpacked, one at a time when they are asked for.

    Raises:
        ValueError: scales without a matrix or the reverse, or of a shape that does not go with it.
    """
    scaled = [name for name in source if name.endswith(_SCALES)]
    quantized = table(config, "quantization_config")
    if quantized.get("quant_method") == "fp8":
        _check_scaled(source)
    if not scaled:
        return source
    stated: object = quantized.get("weight_block_size") or [_BLOCK, _BLOCK]
    if stated != [_BLOCK, _BLOCK]:
        raise ValueError(f"config.json: `weight_block_size` is {stated!r}, not [{_BLOCK}, {_BLOCK}]")
    entries = {name: lazy_of(source, name) for name in source}
    for name in scaled:
        scales, matrix = entries.pop(name), entries.get(name.removesuffix(_SCALES))
        if matrix is None or len(matrix.shape) != 2 or scales.shape != tuple(-(-n // _BLOCK) for n in matrix.shape):
            raise ValueError(f"weight `{name}` has shape {list(scales.shape)}, which goes with no matrix")
        entries[name.removesuffix(_SCALES)] = _unpacked(matrix, scales)
    return View(entries)


def _check_scaled(source: Weights) -> None:
    if isinstance(source, Checkpoint):
        for name in source:
            if source.dtype(name) == "F8_E4M3" and f"{name}{_SCALES}" not in source:
                raise ValueError(f"weight `{name}{_SCALES}` is missing")


def _unpacked(matrix: Lazy, scales: Lazy) -> Lazy:
    return Lazy(matrix.shape, lambda: unpack(matrix.read(), scales.read()))


def unpack(matrix: npt.NDArray[Any], scales: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Each block of 128 x 128 times its scale."""
    rows, columns = matrix.shape
    wide = np.repeat(np.repeat(scales.astype(np.float32), _BLOCK, 0)[:rows], _BLOCK, 1)[:, :columns]
    return matrix.astype(np.float32) * wide
