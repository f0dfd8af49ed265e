"""Threads for work that blocks: daemons, so that a tool that hangs cannot keep the process alive."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from agentc.support.diagnostics import Diagnostic, Refused

T = TypeVar("T")
Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]

THREADS = 32
"""Steps of one run that may block at once; models and databases share the machine's cores below that."""


class TooLong(Exception):
    """Work on a thread was given up."""


class Workers:
    """A pool of daemon threads, started as they are needed. A job that is given up keeps its thread until it ends."""

    def __init__(self, threads: int = THREADS) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._free = asyncio.Semaphore(threads)
        self._idle = 0
        self._started = 0
        self._lock = threading.Lock()

    async def call(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """Run ``work`` on a thread and wait at most ``seconds`` for it.

        Raises:
            TooLong: it was not done in time; its thread goes on, its answer is dropped.
        """
        async with self._free:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[T] = loop.create_future()
            self._hand((work, future, loop))
            if not (await asyncio.wait([future], timeout=seconds))[0]:
                future.cancel()
                raise TooLong
            return future.result()

    def close(self) -> None:
        """Let the threads end when their jobs have."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _hand(self, job: Job) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                self._started += 1
                threading.Thread(target=self._serve, name="agentc-worker", daemon=True).start()
        self._jobs.put(job)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future, loop = job
            answer, error = _outcome(work)
            with self._lock:
                self._idle += 1
            with contextlib.suppress(RuntimeError):  # the run is over and its loop closed
                loop.call_soon_threadsafe(_settle, future, answer, error)


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:  # it must reach the waiter, whatever it is
        if isinstance(error, StopIteration | SystemExit | KeyboardInterrupt | GeneratorExit):
            return None, RuntimeError(f"{type(error).__name__}: {error}")
        return None, error


def _settle(future: "asyncio.Future[Any]", answer: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
        future.exception()  # marks it as seen: the waiter may have been canceled, and asyncio would print a traceback
    else:
        future.set_result(answer)


def timed_out(what: str, seconds: float) -> Refused:
    """The refusal of a step, or a run, that took too long."""
    message = f"{what} took longer than {seconds:g} s"
    return Refused(Diagnostic("run-timeout", message, help="allow more time, or look at why it takes so long"))
