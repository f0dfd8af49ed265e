"""Memory of temporaries that calls of kernels leave to later ones."""

import threading
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT_BYTES = 1 << 26
"""Memory that is kept for later calls, of all kernels together. What the C library returns to the system (glibc: blocks
beyond 32 MiB) costs a fault for each page when it comes again, a tenth of the time of a kernel that reads it once."""
SMALL_BYTES = 1 << 22
"""Smaller arrays the C library keeps itself."""
LINE = 64

Bytes = NDArray[np.uint8]


class Scratch:
    """Memory of temporaries, kept for later calls."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self.most = most
        self._free: list[Bytes] = []
        self._lock = threading.Lock()

    def take(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """An array whose elements nobody has set."""
        size = prod(shape) * np.dtype(dtype).itemsize
        block = _lines(size) if size < SMALL_BYTES else self._block(size)
        return block[:size].view(dtype).reshape(shape)

    def _block(self, size: int) -> Bytes:
        with self._lock:
            fitting = [i for i, block in enumerate(self._free) if size <= block.nbytes <= 2 * size]
            if fitting:
                return self._free.pop(min(fitting, key=lambda i: self._free[i].nbytes))
        return _lines(size)

    def give(self, array: NDArray[Any]) -> None:
        """Take back what ``take`` gave and nobody uses any more."""
        block = array.base
        if not isinstance(block, np.ndarray) or array.nbytes < SMALL_BYTES:
            return
        with self._lock:
            self._free.append(_whole(block))
            while sum(kept.nbytes for kept in self._free) > self.most:
                self._free.pop(0)


def _lines(size: int) -> Bytes:
    """New memory that begins with a line of the cache, as what compiled loops take whole vectors from should."""
    whole = np.empty(size + LINE, np.uint8)
    return whole[-whole.ctypes.data % LINE :]


def _whole(array: NDArray[Any]) -> Bytes:
    """All of the memory that ``array`` is a part of, from a line of the cache on."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    flat = array.reshape(-1).view(np.uint8)
    return flat[-flat.ctypes.data % LINE :]


SCRATCH = Scratch()
"""What all kernels share."""
