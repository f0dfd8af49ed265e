"""Parts of a kernel's phase on several threads, and memory that calls leave to those after them."""

import ctypes
import itertools
import os
import threading
from collections.abc import Callable
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


def bounds(rows: int, parts: int) -> list[int]:
    """Where each of ``parts`` parts of ``rows`` begins, and where the last one ends.

    The first quarter of them is half as large again as those in the middle, the last quarter half as large as those: at
    the end threads wait for each other.
    """
    few = parts // 4
    weights = [3] * few + [2] * (parts - 2 * few) + [1] * few
    return [rows * sum_ // (2 * parts) for sum_ in itertools.accumulate(weights, initial=0)]


def in_parts(call: Callable[[int, int], object], rows: int, parts: int, threads: int) -> None:
    """``call(low, high)`` for each of ``parts`` ranges of rows, by this thread and by others that are idle."""
    numbers, places = itertools.count(), bounds(rows, parts)

    def work() -> None:
        while (part := next(numbers)) < parts:
            call(places[part], places[part + 1])

    pool = _pool(threads)
    pool.keep_apart()
    shares = [Share(work) for _ in range(min(threads, parts) - 1)]
    for member, share in zip(pool.members, shares, strict=False):
        member.take(share)
    try:
        work()
    finally:
        for share in shares:
            share.settle()


class Share:
    """What another thread may do of a phase: it does, unless who calls is through before it begins. Who asks first of
    both is told 0.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._asked = itertools.count()
        self._busy = threading.Lock()
        self._busy.acquire()
        self._error: Exception | None = None

    def help(self) -> None:
        """Do it, in the other thread."""
        if next(self._asked):
            return
        try:
            self._work()
        except Exception as error:
            self._error = error
        finally:
            self._busy.release()

    def settle(self) -> None:
        """Wait for the other thread if it has begun; else it never will. Raises what its work raised."""
        if next(self._asked) == 0:
            return
        self._busy.acquire()
        if self._error is not None:
            raise self._error


class Member:
    """A thread that waits for shares. An executor's way to it, by a queue and a future, takes 30 us and more of whoever
    calls, which is a tenth of a small kernel.
    """

    def __init__(self) -> None:
        self._share: Share | None = None
        self._asleep = threading.Lock()
        self._asleep.acquire()
        self.number: int | None = None
        """What the system calls it, once it runs."""
        threading.Thread(target=self._run, name="agentc-kernel", daemon=True).start()

    def _run(self) -> None:
        self.number = get_native_id()
        while True:
            self._asleep.acquire()
            share, self._share = self._share, None
            if share is not None:
                share.help()

    def take(self, share: Share) -> None:
        """Help with ``share`` next, instead of with what was asked for before and has not begun."""
        self._share = share
        with suppress(RuntimeError):  # it was woken before, and has not looked yet
            self._asleep.release()


class Pool:
    """Threads that wait for parts of kernels; a call into machine code does not hold the interpreter's lock."""

    def __init__(self, threads: int) -> None:
        self.members = [Member() for _ in range(threads)]
        self._avoided: tuple[int, int] | None = None
        """The processor that members keep off, and how many of them were told so."""

    def keep_apart(self) -> None:
        """Have the members run on other processors than this thread, where the system lets them.

        Linux prefers to wake a thread on the processor of the one that wakes it, which goes on computing there.
        """
        here = _processor()
        numbers = [member.number for member in self.members if member.number is not None]
        told = None if here is None else (here, len(numbers))
        if here is None or told == self._avoided:
            return
        self._avoided = told
        others = os.sched_getaffinity(0) - {here}
        with suppress(OSError):  # where a sandbox forbids it
            for number in numbers if others else ():
                os.sched_setaffinity(number, others)


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

__all__ = ["SCRATCH", "Pool", "Scratch", "Share", "bounds", "in_parts", "parts_of"]
