"""How fast compiled tensor kernels are: ``python benchmarks/kernels.py`` prints a table of milliseconds.

All of a row is measured in one run, the contenders in turn, so that the ratios hold on a loaded machine.
``cosine_softmax`` gives a weight per document; ``cosine_gate`` scales each row by its cosine and softmaxes it.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import compile_kernel

ROWS, WIDTH, ROUNDS = 100_000, 384, 7
THREADS = min(2, os.cpu_count() or 1)
Contender = Callable[[], Any]


def best_ms(contenders: Sequence[Contender]) -> list[float]:
    """The least time of each, taken in turn."""
    best = [float("inf")] * len(contenders)
    for _ in range(ROUNDS):
        for i, run in enumerate(contenders):
            start = time.perf_counter()
            run()
            best[i] = min(best[i], (time.perf_counter() - start) * 1e3)
    return best


def numpy_scores(query: np.ndarray, docs: np.ndarray) -> np.ndarray:
    """Cosines, without a temporary of the size of ``docs``."""
    return docs @ query / np.sqrt(np.einsum("ij,ij->i", docs, docs) * (query @ query))


def numpy_softmax(x: np.ndarray) -> np.ndarray:
    """Along the last axis, in place after the first subtraction."""
    powers = x - x.max(-1, keepdims=True)
    np.exp(powers, out=powers)
    powers /= powers.sum(-1, keepdims=True)
    return powers


def session(gate: bool, query: np.ndarray) -> onnxruntime.InferenceSession:
    """The same mathematics as an ONNX graph."""
    unit = query / np.linalg.norm(query)
    nodes = [
        helper.make_node("MatMul", ["X", "q"], ["dot"]),
        helper.make_node("ReduceL2", ["X", "axes"], ["length"], keepdims=1),
        helper.make_node("Div", ["dot", "length"], ["score"]),
        *([helper.make_node("Mul", ["X", "score"], ["scaled"])] if gate else []),
        helper.make_node("Softmax", ["scaled" if gate else "score"], ["Y"], axis=1 if gate else 0),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", WIDTH])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["n", WIDTH if gate else 1])],
        [numpy_helper.from_array(unit[:, None], "q"), numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def row(name: str, arguments: tuple[Any, ...], plain: Contender, onnx_run: Contender | None) -> None:
    """Measure and print one kernel."""
    start = time.perf_counter()
    kernel = compile_kernel(builtin(name), threads=THREADS)
    compiling = (time.perf_counter() - start) * 1e3
    single = compile_kernel(builtin(name), threads=1)
    out = kernel(*arguments)
    error = float(np.max(np.abs(out - plain())))
    ours: list[Contender] = [lambda: single(*arguments, out=out), lambda: kernel(*arguments, out=out)]
    times = best_ms([*ours, plain, *([onnx_run] if onnx_run else [])])
    cells = "".join(f" {t:9.1f}" for t in times) + ("" if onnx_run else f" {'-':>9}")
    ratios = "".join(f" {t / times[1]:6.1f}x" for t in times[2:]) + ("" if onnx_run else f" {'-':>7}")
    print(f"{name:16}{cells}{ratios} {error:9.1e} {compiling:8.0f}")


def main() -> None:
    """Print the table."""
    random = np.random.default_rng(0)
    docs = random.standard_normal((ROWS, WIDTH), dtype=np.float32)
    query = random.standard_normal(WIDTH, dtype=np.float32)
    print(f"[{ROWS}, {WIDTH}] f32, best of {ROUNDS}, ms; the last columns: how many times faster, largest difference")
    head = ("kernel", "1 thread", f"{THREADS} threads", "numpy", "onnxrt", "numpy/", "onnxrt/", "error", "compile")
    print("{:16} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>9} {:>8}".format(*head))
    one = np.float32(1)
    runs = {gate: session(gate, query) for gate in (False, True)}
    weights = runs[False], runs[True]
    row(
        "cosine_softmax",
        (query, docs, one),
        lambda: numpy_softmax(numpy_scores(query, docs)),
        lambda: weights[0].run(None, {"X": docs}),
    )
    row(
        "cosine_gate",
        (query, docs),
        lambda: numpy_softmax(docs * numpy_scores(query, docs)[:, None]),
        lambda: weights[1].run(None, {"X": docs}),
    )
    row("softmax_rows", (docs,), lambda: numpy_softmax(docs), None)
    row(
        "rms_norm",
        (docs, query),
        lambda: docs / np.sqrt(np.mean(docs * docs, -1, keepdims=True) + np.float32(1e-5)) * query,
        None,
    )


if __name__ == "__main__":
    main()
