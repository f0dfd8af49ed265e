"""Weights in blocks of small integers: symmetric, one scale to a block along the inputs of a linear layer.

The largest value of a block (with its sign) becomes the most negative integer, so that all of the range is used:
``scale = largest / -2 ** (bits - 1)``, as llama.cpp's Q4_0 does. With four bits a narrower range, which clips the
largest and rounds the others more finely, is taken wherever its squared error is less.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from agentc.support.record import record

Matrix = npt.NDArray[Any]

_CHUNK_VALUES: Final = 1 << 22

_NARROWER: Final = (0.92, 0.84, 0.76)
"""Ranges that are tried beside the whole one."""

OF_PRECISION: Final[dict[str, Literal[4, 8]]] = {
    "int8": 8,
    "fp8": 8,
    "int4": 4,
    "fp4": 4,
    "mxfp4": 4,
    "nvfp4": 4,
}
"""Bits by the precision that a definition states. CPUs have no arithmetic for the small floats; integers of the same
width are nearest in size and in error."""


@record(slots=True)
class Quantization:
    """How matrices are stored."""

    bits: Literal[4, 8]
    block: int = 32
    """Inputs that share a scale: a power of two, 16 or more."""

    def fits(self, inputs: int, outputs: int) -> bool:
        """Whether a matrix divides into blocks; others stay in float32."""
        return inputs % self.block == 0 and (inputs * outputs) % 2 == 0


def of_precision(precision: str) -> Quantization | None:
    """The storage for a precision that a definition states; ``None`` for those of 16 and 32 bits."""
    bits = OF_PRECISION.get(precision)
    return Quantization(bits) if bits is not None else None


def quantize(rows: npt.NDArray[np.float32], how: Quantization) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Values ``[inputs, outputs]`` as integers of the same shape and scales ``[inputs / block, outputs]``."""
    blocks = rows.reshape(-1, how.block, rows.shape[1])
    place = np.abs(blocks).argmax(1, keepdims=True)
    widest = np.take_along_axis(blocks, place, 1) / np.float32(-(2 ** (how.bits - 1)))
    best, integers, least = widest, _rounded(blocks, widest, how), None
    for share in _NARROWER if how.bits == 4 else ():
        scales = widest * np.float32(share)
        rounded = _rounded(blocks, scales, how)
        error = np.square(rounded * scales - blocks).sum(1, keepdims=True)
        least = np.square(integers * best - blocks).sum(1, keepdims=True) if least is None else least
        better = error < least
        best, integers, least = (
            np.where(better, a, b) for a, b in ((scales, best), (rounded, integers), (error, least))
        )
    return integers.astype(np.int8).reshape(rows.shape), best[:, 0]


def _rounded(
    blocks: npt.NDArray[np.float32], scales: npt.NDArray[np.float32], how: Quantization
) -> npt.NDArray[np.float32]:
    limit = 2 ** (how.bits - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(scales == 0, np.float32(0), blocks / scales)
    return np.clip(np.rint(scaled), -limit, limit - 1)


class Quantized:
    """A matrix ``[outputs, inputs]`` of a checkpoint, quantized while it is written.

    The scales are found with the integers, which therefore have to be read first, as files of weights do. Nothing is
    held but the scales, and those until they are read.
    """

    def __init__(self, read: Callable[[], Matrix], how: Quantization) -> None:
        self._read = read
        self._how = how
        self._scales: list[npt.NDArray[np.float32]] = []

    def integers(self) -> Iterator[npt.NDArray[np.int8]]:
        """Pieces of ``[inputs, outputs]``.

        Raises:
            ValueError: a weight is infinite or no number.
        """
        matrix = self._read()
        outputs, inputs = matrix.shape
        step = max(_CHUNK_VALUES // max(outputs, 1) // self._how.block, 1) * self._how.block
        self._scales.clear()
        for start in range(0, inputs, step):
            rows = np.ascontiguousarray(matrix[:, start : start + step].T, dtype=np.float32)
            if not np.isfinite(rows).all():
                raise ValueError("a weight is infinite or no number, so that its block has no scale")
            integers, scales = quantize(rows, self._how)
            self._scales.append(scales)
            yield integers

    def scales(self) -> Iterator[npt.NDArray[np.float32]]:
        """Pieces of ``[inputs / block, outputs]``."""
        scales, self._scales = self._scales, []
        yield from scales
