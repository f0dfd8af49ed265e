"""Parts of phases on threads."""

import ctypes
import os
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from agentc.runtime import kernel_threads
from agentc.runtime.kernel_threads import Pool, bounds, in_parts, parts_of, pool_ir

WORK = struct.Struct("<q")
Part = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def run(call: Callable[[int, int], object], rows: int, parts: int, threads: int) -> bool:
    """Have ``call`` done as if it were machine code."""
    part = Part(lambda work, low, high: call(low, high))
    address = ctypes.cast(part, ctypes.c_void_p).value
    assert address is not None
    return in_parts(address, WORK, [1], rows, parts, threads)


@pytest.mark.parametrize(("rows", "parts", "threads"), [(10, 3, 2), (7, 7, 4), (100, 8, 2), (1, 1, 2), (900, 300, 5)])
def test_every_row_is_done_once(rows: int, parts: int, threads: int) -> None:
    done, lock = np.zeros(rows, int), threading.Lock()

    def call(low: int, high: int) -> None:
        with lock:
            done[low:high] += 1

    assert run(call, rows, parts, threads)
    assert (done == 1).all()


def test_parts_get_what_they_work_on() -> None:
    found: list[tuple[int, float]] = []
    layout = struct.Struct("<qd" + "q" * 100)

    @Part
    def part(work: int, low: int, high: int) -> None:
        found.append(layout.unpack((ctypes.c_char * layout.size).from_address(work))[:2])

    address = ctypes.cast(part, ctypes.c_void_p).value
    assert address is not None and in_parts(address, layout, [7, 0.5, *range(100)], 2, 2, 2)
    assert found == [(7, 0.5)] * 2


def test_another_thread_takes_part() -> None:
    """Whether it still waits or sleeps: each part waits for the other, so that both end only if two threads do them. A
    wake-up that gets lost leaves both parts to one.
    """
    for pause in (0, 0.02, *np.random.default_rng(0).uniform(0, 3 * kernel_threads.WAIT, 300)):
        both, met = threading.Barrier(2), list[int]()

        def call(low: int, high: int, both: threading.Barrier = both, met: list[int] = met) -> None:
            both.wait(30)
            met.append(threading.get_ident())

        time.sleep(pause)
        run(call, 2, 2, 2)
        assert len(set(met)) == 2


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells threads where to run")
def test_threads_run_beside_the_one_that_calls() -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("one processor")
    pool = Pool(1)
    member = pool.members[0]
    while member.number is None:
        time.sleep(0.001)
    pool.keep_apart()
    found = os.sched_getaffinity(member.number)
    assert len(found) == len(allowed) - 1 and found < allowed
    assert os.sched_getaffinity(0) == allowed
    pool.close()
    assert not member.thread.is_alive()


def test_a_pool_that_is_busy_says_so() -> None:
    begun, free, answers = threading.Event(), threading.Event(), list[bool]()

    def slow(low: int, high: int) -> None:
        begun.set()
        free.wait(30)

    other = threading.Thread(target=lambda: answers.append(run(slow, 2, 2, 3)))
    other.start()
    assert begun.wait(30)
    done: list[int] = []
    assert not run(lambda low, high: done.append(low), 2, 2, 3)
    free.set()
    other.join(30)
    assert answers == [True] and not done
    assert run(lambda low, high: done.append(low), 2, 2, 3) and sorted(done) == [0, 1]


def test_an_interrupt_leaves_the_pool_whole() -> None:
    """Signals come between any two steps of Python: after the job is open, and before."""
    pool, done = Pool(1), list[int]()
    part = Part(lambda work, low, high: done.append(low))
    address = ctypes.cast(part, ctypes.c_void_p).value
    assert address is not None
    code = kernel_threads._code()
    for fails in ("before", "after"):

        def interrupted(*arguments: int, fails: str = fails) -> int:
            if fails == "after":
                code.begin(*arguments)
            raise KeyboardInterrupt

        broken = replace(code, begin=interrupted)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernel_threads, "_code", lambda broken=broken: broken)
            with pytest.raises(KeyboardInterrupt):
                pool.run(address, WORK, [1], 4, 4)
        assert sorted(done) == ([] if fails == "before" else [0, 1, 2, 3])
        done.clear()
        assert pool.run(address, WORK, [1], 4, 4) and sorted(done) == [0, 1, 2, 3]
        done.clear()
    pool.close()


def test_kernels_of_several_threads_at_once_do_all_their_rows() -> None:
    done, helped = np.zeros((4, 1000), int), [0] * 4

    def caller(number: int) -> None:
        def call(low: int, high: int) -> None:
            done[number, low:high] += 1

        for _ in range(50):
            if run(call, 1000, 8, 3):
                helped[number] += 1
            else:
                call(0, 1000)

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(4)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(60)
    assert (done == 50).all() and any(helped)


@pytest.mark.parametrize("machine", ["x86_64", "AMD64", "aarch64", "arm64", "riscv64"])
def test_machine_code_waits_on_every_processor(machine: str) -> None:
    from llvmlite import binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    triple = {"AMD64": "x86_64", "arm64": "aarch64"}.get(machine, machine) + "-unknown-linux-gnu"
    module = binding.parse_assembly(pool_ir(machine))
    module.verify()
    text = binding.Target.from_triple(triple).create_target_machine().emit_assembly(module)
    waits = {"x86_64": "pause", "aarch64": "yield"}.get(triple.split("-")[0])
    assert waits is None or waits in text


EXIT = """
import numpy as np
from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import compile_kernel

kernel = compile_kernel(builtin("softmax_rows"), threads=4)
for _ in range(20):
    kernel(np.ones((4096, 256), np.float32))
"""


def test_a_process_ends_while_threads_wait() -> None:
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", EXIT], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 7, 8, 64])
def test_parts_get_smaller_and_cover_all_rows(parts: int) -> None:
    places = bounds(64_000, parts)
    sizes = np.diff(places)
    assert places[0] == 0 and places[-1] == 64_000 and len(sizes) == parts
    assert (np.diff(sizes) <= 1).all() and sizes[-1] > 0
    assert bounds(0, parts) == [0] * (parts + 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    assert run(lambda low, high: None, 2, 2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        done = np.zeros(8, int)

        def call(low: int, high: int) -> None:
            done[low:high] += 1

        both = run(call, 8, 8, 2)
        os._exit(0 if both and (done == 1).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_little_work_stays_whole() -> None:
    assert parts_of(1000, 1000, 8) == 1
    assert parts_of(1000, 1 << 30, 1) == 1
    assert parts_of(3, 1 << 30, 8) == 3
    assert parts_of(1 << 20, 1 << 30, 2) == 8
    assert parts_of(0, 1 << 30, 2) == 1
