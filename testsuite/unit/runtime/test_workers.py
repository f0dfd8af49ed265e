"""Threads that block: what nobody waits for anymore is dropped without a word."""

import asyncio
import gc
import threading

import pytest

from agentc.runtime.workers import TooLong, Workers


def test_answers_and_errors_come_back() -> None:
    async def run() -> int:
        workers = Workers()
        with pytest.raises(ZeroDivisionError):
            await workers.call(lambda: 1 // 0)
        return await workers.call(lambda: 6 * 7)

    assert asyncio.run(run()) == 42


@pytest.mark.parametrize("seconds", [None, 0.01])
def test_an_error_that_nobody_waits_for_is_not_printed(seconds: float | None) -> None:
    """asyncio tells of exceptions that nobody saw, by a traceback on stderr; after a failure elsewhere that is noise."""
    told: list[object] = []
    go = threading.Event()

    def fail() -> None:
        go.wait(10)
        raise ValueError("late")

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        workers = Workers()
        waiting = asyncio.create_task(workers.call(fail, seconds))
        if seconds is None:
            await asyncio.sleep(0.01)
            waiting.cancel()
        with pytest.raises((asyncio.CancelledError, TooLong)):
            await waiting
        go.set()
        workers.close()
        await asyncio.sleep(0.05)
        gc.collect()

    asyncio.run(run())
    gc.collect()
    assert told == []
