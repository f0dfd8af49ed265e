"""Parts of phases on threads, and memory that calls leave to later ones."""

import os
import threading
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from agentc.runtime.kernel_threads import LINE, SMALL_BYTES, Pool, Scratch, Share, bounds, in_parts, parts_of


@pytest.mark.parametrize(("rows", "parts", "threads"), [(10, 3, 2), (7, 7, 4), (100, 8, 2), (1, 1, 2)])
def test_every_row_is_done_once(rows: int, parts: int, threads: int) -> None:
    done, lock = np.zeros(rows, int), threading.Lock()

    def call(low: int, high: int) -> None:
        with lock:
            done[low:high] += 1

    in_parts(call, rows, parts, threads)
    assert (done == 1).all()


def test_what_fails_in_another_thread_is_told() -> None:
    here, waiting = threading.get_ident(), threading.Event()

    def call(low: int, high: int) -> None:
        if threading.get_ident() == here:
            waiting.wait(10)
        else:
            waiting.set()
            raise ValueError("there")

    with pytest.raises(ValueError, match="there"):
        in_parts(call, 2, 2, 2)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells threads where to run")
def test_threads_run_beside_the_one_that_calls() -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("one processor")
    pool, found = Pool(1), list[set[int]]()
    _do(pool, lambda: None)
    pool.keep_apart()
    _do(pool, lambda: found.append(os.sched_getaffinity(0)))
    assert len(found[0]) == len(allowed) - 1 and found[0] < allowed
    assert os.sched_getaffinity(0) == allowed


def _do(pool: Pool, work: Callable[[], object]) -> None:
    """Have the only member of ``pool`` do ``work``."""
    begun = threading.Event()

    def noted() -> None:
        begun.set()
        work()

    share = Share(noted)
    pool.members[0].take(share)
    assert begun.wait(10)
    share.settle()


def test_a_share_that_comes_too_late_is_not_done() -> None:
    done: list[int] = []
    share = Share(lambda: done.append(1))
    share.settle()
    share.help()
    assert not done


def test_a_member_that_is_busy_takes_the_latest_share() -> None:
    pool, done = Pool(1), list[str]()
    begun, free, last = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        free.wait(10)

    one, two, three = Share(first), Share(lambda: done.append("two")), Share(lambda: (done.append("three"), last.set()))
    pool.members[0].take(one)
    assert begun.wait(10)
    pool.members[0].take(two)
    pool.members[0].take(three)
    free.set()
    for share in (one, two):
        share.settle()
    assert last.wait(10)
    three.settle()
    assert done == ["three"]


def test_kernels_of_several_threads_at_once_do_all_their_rows() -> None:
    done = np.zeros((4, 1000), int)

    def caller(number: int) -> None:
        def call(low: int, high: int) -> None:
            done[number, low:high] += 1

        for _ in range(50):
            in_parts(call, 1000, 8, 3)

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(4)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(30)
    assert (done == 50).all()


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 7, 8, 64])
def test_parts_get_smaller_and_cover_all_rows(parts: int) -> None:
    places = bounds(64_000, parts)
    sizes = np.diff(places)
    assert places[0] == 0 and places[-1] == 64_000 and len(sizes) == parts
    assert (np.diff(sizes) <= 1).all() and sizes[-1] > 0
    assert bounds(0, parts) == [0] * (parts + 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    in_parts(lambda low, high: None, 2, 2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        done = np.zeros(8, int)

        def call(low: int, high: int) -> None:
            done[low:high] += 1

        in_parts(call, 8, 8, 2)
        os._exit(0 if (done == 1).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_little_work_stays_whole() -> None:
    assert parts_of(1000, 1000, 8) == 1
    assert parts_of(1000, 1 << 30, 1) == 1
    assert parts_of(3, 1 << 30, 8) == 3
    assert parts_of(1 << 20, 1 << 30, 2) == 8
    assert parts_of(0, 1 << 30, 2) == 1


def test_memory_comes_back() -> None:
    scratch = Scratch()
    first = scratch.take((SMALL_BYTES,), "float32")
    place = first.ctypes.data
    assert place % LINE == 0
    scratch.give(first)
    again = scratch.take((SMALL_BYTES // 2, 2), "float32")
    assert again.ctypes.data == place and again.shape == (SMALL_BYTES // 2, 2)
    other = scratch.take((SMALL_BYTES,), "float32")
    assert not np.may_share_memory(other, again)


def test_no_more_is_kept_than_allowed() -> None:
    scratch = Scratch(most=3 * SMALL_BYTES)
    for array in [scratch.take((SMALL_BYTES,), "uint8") for _ in range(5)]:
        scratch.give(array)
    assert sum(block.nbytes for block in scratch._free) <= scratch.most
    small = scratch.take((4,), "float32")
    scratch.give(small)
    assert all(block.nbytes >= SMALL_BYTES for block in scratch._free)
