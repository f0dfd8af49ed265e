"""Parts of a kernel's phase on several threads.

Threads wait in machine code (``kernel_pool.ll``) for some time after each phase, as most phases follow one another and
waking a thread takes as long as reading a megabyte; then they sleep in Python. While parts are done nobody holds the
interpreter's lock.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import atexit
import ctypes
import itertools
import os
import platform
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from importlib import resources
from threading import get_native_id
from typing import Any

from agentc.support.record import record

SERIAL_BYTES = 1 << 18
"""A phase that touches less is not worth waking threads for: a wake-up costs about as much as this traffic."""
PART_BYTES = 1 << 18
"""What a part touches at least."""
PARTS = 4
"""Parts for each thread, at most. Who calls does not wait for threads to wake up: it goes on with the next part, and
whoever comes later takes what is left."""
WAIT = 1e-4
"""Seconds for which a thread waits for the next phase before it sleeps, and who calls for the last part before it naps:
some times what waking up takes (20 to 50 us on Linux)."""
TURNS = 4096
"""Turns of waiting that are timed, to learn how many fit into ``WAIT``."""
LINE = 16
"""Words (``kernel_pool.ll``) between those that threads contend for."""
INSIDE, JOB, MEMBERS = 2 * LINE, 3 * LINE, 4 * LINE
CLOSED = 1 << 32


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


@lru_cache(maxsize=256)
def _places(rows: int, parts: int) -> Any:
    """``bounds``, as machine code reads them."""
    return (ctypes.c_int64 * (parts + 1))(*bounds(rows, parts))


@record
class _Code:
    """The functions of ``kernel_pool.ll``."""

    attend: Callable[[int, int, int, int], int]
    begin: Callable[[int, int, Any], int]
    finish: Callable[[int, int], None]
    spins: int
    """Turns of waiting in ``WAIT``."""
    linked: Any
    """Owns the machine code."""


PAUSES = {
    **dict.fromkeys(("x86_64", "amd64"), "llvm.x86.sse2.pause()"),
    **dict.fromkeys(("aarch64", "arm64"), "llvm.aarch64.hint(i32 1)"),
}
"""What tells a processor that its thread waits."""


def pool_ir(machine: str) -> str:
    """``kernel_pool.ll`` for a machine as ``platform.machine`` names it."""
    text = resources.files("agentc.runtime").joinpath("kernel_pool.ll").read_text(encoding="utf-8")
    hint = PAUSES.get(machine.lower())
    lines = ["define internal void @pause() nounwind {", *([f"  call void @{hint}"] if hint else []), "  ret void", "}"]
    declared = [f"declare void @{hint.replace('i32 1', 'i32')}"] if hint else []
    return "\n".join([text, *lines, *declared, ""])


@cache
def _code() -> _Code:
    from llvmlite import binding

    from agentc.runtime.linking import host_machine, link

    machine = host_machine()
    names = ("attend", "begin", "finish", "turns")
    linked = link(machine.emit_object(binding.parse_assembly(pool_ir(platform.machine()))), "kernel_pool", names)
    word = ctypes.c_int64

    def function(name: str, result: Any, *arguments: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *arguments)(linked.get_function_address(name))

    turns = function("turns", None, ctypes.c_void_p, word)
    start = time.perf_counter()
    turns(ctypes.byref(word()), TURNS)
    took = max(time.perf_counter() - start, 1e-9)
    return _Code(
        function("attend", word, ctypes.c_void_p, ctypes.c_void_p, word, word),
        function("begin", word, ctypes.c_void_p, word, ctypes.c_void_p),
        function("finish", None, ctypes.c_void_p, word),
        max(1, int(TURNS * WAIT / took)),
        linked,
    )


class Member:
    """A thread that helps with the jobs of a pool."""

    def __init__(self, job: int, asleep: int) -> None:
        self._job, self._asleep = job, asleep
        """Where these words are."""
        self._bed = threading.Lock()
        self._bed.acquire()
        self.over = False
        self.number: int | None = None
        """What the system calls the thread, once it runs."""
        self.thread = threading.Thread(target=self._run, name="agentc-kernel", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.number = get_native_id()
        code, seen = _code(), 0
        while not self.over:
            found = code.attend(self._job, self._asleep, seen, code.spins)
            if found == seen:
                self._bed.acquire()
            seen = found

    def wake(self) -> None:
        """Have it look again; it sleeps, or is about to."""
        with suppress(RuntimeError):  # it was told before, at the end of the process
            self._bed.release()


class Pool:
    """Threads that help the one that calls a kernel; one kernel at a time."""

    def __init__(self, members: int) -> None:
        self._words = (ctypes.c_int64 * (MEMBERS + LINE * members))()
        self._words[INSIDE] = CLOSED
        self._job = ctypes.addressof(self._words)
        self._woken = (ctypes.c_uint8 * members)()
        self._work = (ctypes.c_int64 * 64)()
        self._free = threading.Lock()
        self._avoided: tuple[int, int] | None = None
        """The processor that members keep off, and how many of them were told so."""
        self.members = [Member(self._job, self._job + 8 * (MEMBERS + LINE * i)) for i in range(members)]

    def run(self, part: int, layout: struct.Struct, values: Sequence[Any], rows: int, parts: int) -> bool:
        """Have the machine function at ``part`` done for all rows; ``layout`` packs what it works on.

        Returns:
            ``False`` if another thread's kernel has the pool. Nothing was done then.
        """
        if not self._free.acquire(blocking=False):
            return False
        try:
            self.keep_apart()
            if layout.size > ctypes.sizeof(self._work):
                self._work = (ctypes.c_int64 * (layout.size // 8))()
            layout.pack_into(self._work, 0, *values)
            places = _places(rows, parts)
            self._words[JOB : JOB + 4] = part, ctypes.addressof(self._work), ctypes.addressof(places), parts
            self._share_out(min(len(self.members), parts - 1))
        finally:
            self._free.release()
        return True

    def _share_out(self, helpers: int) -> None:
        code, asleep = _code(), helpers
        try:
            asleep = code.begin(self._job, helpers, self._woken)
        finally:  # whatever signal comes now, nobody is left waiting
            if asleep:
                self._wake(helpers)
            code.finish(self._job, code.spins)

    def _wake(self, helpers: int) -> None:
        for number in range(helpers):
            if self._woken[number]:
                self.members[number].wake()

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

    def close(self) -> None:
        """End the threads, before their code goes."""
        for member in self.members:
            member.over = True
            member.wake()
        for member in self.members:
            member.thread.join()


def in_parts(part: int, layout: struct.Struct, values: Sequence[Any], rows: int, parts: int, threads: int) -> bool:
    """``Pool.run`` of the pool that makes ``threads`` with this one."""
    return _pool(threads).run(part, layout, values, rows, parts)


@cache
def _pool(threads: int) -> Pool:
    pool = Pool(max(1, threads - 1))
    atexit.register(pool.close)
    return pool


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
