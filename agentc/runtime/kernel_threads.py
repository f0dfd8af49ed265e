"""Parts of a kernel's phase on several threads, and memory that calls leave to those after them."""

import ctypes
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from math import prod
from threading import get_native_id
from typing import Any

import numpy as np
from numpy.typing import NDArray

SERIAL_BYTES = 1 << 18
"""A phase that touches less is not worth waking threads for: a wake-up costs about as much as this traffic."""
PART_BYTES = 1 << 18
"""What a part touches at least."""
PARTS = 4
"""Parts for each thread, at most. Who calls does not wait for threads to wake up: it goes on with the next part, and
whoever comes later takes what is left."""
KEPT_BYTES = 1 << 26
"""Memory that is kept for later calls, of all kernels together. What the C library returns to the system (glibc: blocks
beyond 32 MiB) costs a fault for each page when it comes again, a tenth of the time of a kernel that reads it once."""
SMALL_BYTES = 1 << 22
"""Smaller arrays the C library keeps itself."""
LINE = 64

Bytes = NDArray[np.uint8]


def parts_of(rows: int, touched: int, threads: int) -> int:
    """Into how many parts a phase over ``rows`` that touches so many bytes is cut."""
    if touched < SERIAL_BYTES or threads < 2:
        return 1
    return max(1, min(rows, PARTS * threads, max(threads, touched // PART_BYTES)))


def in_parts(call: Callable[[int, int], object], rows: int, parts: int, threads: int) -> None:
    """``call(low, high)`` for each of ``parts`` ranges of rows, by this thread and by others that are idle."""
    numbers = itertools.count()

    def work() -> None:
        while (part := next(numbers)) < parts:
            call(rows * part // parts, rows * (part + 1) // parts)

    pool = _pool(threads)
    pool.keep_apart()
    pending = [pool.executor.submit(work) for _ in range(min(threads, parts) - 1)]
    work()
    for future in pending:
        if not future.cancel():
            future.result()


class Pool:
    """Threads that wait for parts of kernels; a call into machine code does not hold the interpreter's lock."""

    def __init__(self, threads: int) -> None:
        self._members: list[int] = []
        self._avoided: tuple[int, int] | None = None
        """The processor that members keep off, and how many of them were told so."""
        self.executor = ThreadPoolExecutor(threads, "agentc-kernel", lambda: self._members.append(get_native_id()))

    def keep_apart(self) -> None:
        """Have the members run on other processors than this thread, where the system lets them.

        Linux prefers to wake a thread on the processor of the one that wakes it, which goes on computing there.
        """
        here = _processor()
        told = None if here is None else (here, len(self._members))
        if here is None or told == self._avoided:
            return
        self._avoided = told
        others = os.sched_getaffinity(0) - {here}
        with suppress(OSError):  # where a sandbox forbids it
            for member in self._members if others else ():
                os.sched_setaffinity(member, others)


@cache
def _pool(threads: int) -> Pool:
    return Pool(max(1, threads - 1))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads stay behind


@cache
def _own_processor() -> Callable[[], int] | None:
    """The C library's ``sched_getcpu``, where it has one and threads may be moved."""
    try:
        return ctypes.CDLL(None).sched_getcpu if hasattr(os, "sched_setaffinity") else None
    except (OSError, AttributeError, TypeError):
        return None


def _processor() -> int | None:
    """The number of the processor that this thread runs on, or ``None`` where nobody tells."""
    own = _own_processor()
    number = own() if own is not None else -1
    return number if number >= 0 else None


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

__all__ = ["SCRATCH", "Pool", "Scratch", "in_parts", "parts_of"]
