"""How fast compiled tensor kernels are: ``make bench-kernels`` prints a table of milliseconds.

All contenders of a row are measured in turn, round after round, in one process; a ratio is the median over the rounds
of the pairs in each, so that it holds on a loaded machine. Two threads for all. Before its turn each runs for some
milliseconds unmeasured: so long threads of OpenBLAS, numba and ONNX Runtime spin after their work, on the processors of
the next. ``--cpu`` measures processor time.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

THREADS = min(2, os.cpu_count() or 1)
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, str(THREADS))  # before the first import of what reads it

import numpy as np  # noqa: E402

from agentc.frontends.kernels import builtin  # noqa: E402
from agentc.pipelines.kernels import compile_kernel, upstream_text  # noqa: E402
from agentc.runtime.native import NativeKernel  # noqa: E402
from agentc.support.diagnostics import Refused  # noqa: E402
from benchmarks import kernel_peers as peers  # noqa: E402

ROUNDS = 15
SETTLE = 0.03
"""Seconds. OpenBLAS spins for 2^26 cycles, the others for less."""
PEERS = ("numpy", "re", "numba", "onnxrt", "iree")
Contender = Callable[[], Any]


@dataclass
class Row:
    """One kernel with its contenders."""

    name: str
    arguments: tuple[Any, ...]
    others: dict[str, Contender]
    megabytes: float = 0.0
    """What a call reads and writes at least, where that bounds it."""


CPU = "--cpu" in sys.argv[1:]
"""Measure the processors' time in place of the clock's: what threads wait for others of a busy machine is left out."""
clock = time.process_time if CPU else time.perf_counter


def rounds(contenders: Mapping[str, Contender], count: int = ROUNDS) -> dict[str, list[float]]:
    """Milliseconds of each, round by round."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()
    for _ in range(count):
        for name, run in contenders.items():
            settle(run)
            start = clock()
            run()
            times[name].append((clock() - start) * 1e3)
    return times


def settle(run: Contender) -> None:
    """Run until the threads of the contender before sleep."""
    end = time.perf_counter() + SETTLE
    while True:
        run()
        if time.perf_counter() >= end:
            return


def ratio(mine: Sequence[float], other: Sequence[float]) -> float:
    """How many times faster, by the median of the pairs."""
    return statistics.median(b / max(a, 1e-6) for a, b in zip(mine, other, strict=True))


def rows() -> list[Row]:
    """The kernels of the table on their data."""
    random = np.random.default_rng(0)
    docs = random.standard_normal((100_000, 384), dtype=np.float32)
    query = random.standard_normal(384, dtype=np.float32)
    samples = (random.standard_normal(60 * 16_000) * 0.1).astype(np.float32)
    ranks = random.integers(0, 10_000, (10, 10_000)).astype(np.float32)
    codes = random.integers(0, 256, (4096, 128, 16)).astype(np.uint8)
    scale, x = random.random((4096, 128), dtype=np.float32), random.standard_normal((128, 32), dtype=np.float32)
    text = prose(random, 10_000_000)
    return [
        Row(
            "cosine_softmax_top_k",
            (query, docs, np.float32(1)),
            peers.cosine_top(query, docs, 10, THREADS),
            docs.nbytes / 1e6,
        ),
        Row("log_mel_spectrogram", (samples,), peers.log_mel(samples, THREADS)),
        Row("reciprocal_rank_fusion", (ranks,), peers.rank_fusion(ranks, THREADS)),
        Row("int4_matvec", (codes, scale, x), peers.four_bits(codes, scale, x, THREADS)),
        Row("mask_pii", (text,), peers.personal(text, THREADS)),
        Row(
            "cosine_softmax",
            (query, docs, np.float32(1)),
            _with_iree("cosine_softmax", (query, docs, 1.0)),
            docs.nbytes / 1e6,
        ),
        Row("softmax_rows", (docs,), {"numpy": lambda: _softmax(docs)}, 2 * docs.nbytes / 1e6),
        Row(
            "rms_norm",
            (docs, query),
            {"numpy": lambda: docs / np.sqrt(np.mean(docs * docs, -1, keepdims=True) + np.float32(1e-5)) * query},
            2 * docs.nbytes / 1e6,
        ),
        _product(random, 1024, 1024, 1024),
    ]


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = x - x.max(-1, keepdims=True)
    np.exp(powers, out=powers)
    powers /= powers.sum(-1, keepdims=True)
    return powers


def _with_iree(name: str, arguments: tuple[Any, ...]) -> dict[str, Contender]:
    try:
        run = peers.iree_run(upstream_text(builtin(name)), name, arguments)
    except Refused:
        run = None
    return {"iree": run} if run else {}


def _product(random: np.random.Generator, n: int, k: int, m: int) -> Row:
    a, b = random.standard_normal((n, k), dtype=np.float32), random.standard_normal((k, m), dtype=np.float32)
    return Row("matmul", (a, b), {"numpy": lambda: a @ b, **_with_iree("matmul", (a, b))})


def prose(random: np.random.Generator, size: int) -> np.ndarray:
    """Words, with a number or an address here and there."""
    words = [bytes(random.integers(97, 123, n).astype(np.uint8)) for n in random.integers(2, 11, 2000)]
    words += [b"4111 1111 1111 1111", b"030-901820", b"jo.doe@mail.example.org", b"2026", b"17:30"] * 8
    picked = random.integers(0, len(words), size // 5)
    text = b" ".join(words[i] for i in picked)
    return np.frombuffer(text[:size].ljust(size), np.uint8)


def measure(row: Row, streaming: tuple[Contender, int] | None) -> str:
    """The line of one kernel. ``streaming`` is STREAM's triad and the bytes that it moves; what memory gives differs by
    half from minute to minute on a shared machine, so it takes its turn in every round.
    """
    start = time.perf_counter()
    kernel: NativeKernel = compile_kernel(builtin(row.name), threads=THREADS)
    compiling = (time.perf_counter() - start) * 1e3
    single = compile_kernel(builtin(row.name), threads=1)
    out = kernel(*row.arguments)
    ours = {"one": lambda: single(*row.arguments, out=out), "ours": lambda: kernel(*row.arguments, out=out)}
    triad = {"triad": streaming[0]} if streaming and row.megabytes else {}
    times = rounds({**ours, **triad, **row.others})  # what counts most as far as can be from threads that spin
    cells = [f"{row.name:24}", *(f"{min(times[n]):9.3f}" for n in ("one", "ours"))]
    for peer in PEERS:
        if peer == "re":
            continue
        name = "re" if peer == "numpy" and "re" in times else peer
        told = f"{min(times[name]):9.3f} {ratio(times['ours'], times[name]):5.1f}x" if name in times else ""
        cells.append(f"{told:>16}")
    share = row.megabytes * 1e6 / streaming[1] * ratio(times["ours"], times["triad"]) if streaming and triad else None
    cells.append(f"{share:7.0%}" if share else f"{'':7}")
    return " ".join([*cells, f"{compiling:7.0f}"])


def main(names: Sequence[str] = ()) -> None:
    """Print the table; with ``names`` only those rows."""
    streaming = peers.triad(THREADS)
    if streaming is not None:
        bandwidth = streaming[1] / 1e6 / min(rounds({"triad": streaming[0]})["triad"])
        print(f"STREAM triad, {THREADS} threads: {bandwidth:.1f} GB/s")
    what = "milliseconds of processor time, all threads" if CPU else "milliseconds"
    print(f"{what}, least of {ROUNDS} rounds; x: times faster, median of the rounds' pairs; `re` in NumPy's column")
    head = ("1 thread", f"{THREADS} threads", "numpy", "numba", "onnxrt", "iree", "triad", "compile")
    print("{:24} {:>9} {:>9} {:>16} {:>16} {:>16} {:>16} {:>7} {:>7}".format("kernel", *head))
    for row in rows():
        if not names or row.name in names:
            print(measure(row, streaming), flush=True)


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if not name.startswith("--")])
