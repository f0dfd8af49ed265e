"""The contenders of ``benchmarks/kernels.py``: the same mathematics by NumPy, numba, ONNX Runtime and IREE.

Each is written the way somebody who knows the tool would write it; what a tool has no way for is left out.
"""

# pyright: reportMissingTypeStubs=false, reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
Run = Callable[[], Any]
HOP, WINDOW, BINS = 160, 400, 201


def onnx_session(
    nodes: Sequence[onnx.NodeProto],
    feeds: Mapping[str, Array],
    constants: Mapping[str, Array],
    outputs: Sequence[str],
    threads: int,
) -> Run:
    """A graph ready to run on ``feeds``."""
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8}
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, types[x.dtype], x.shape) for name, x in feeds.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(x, name) for name, x in constants.items()],
    )
    sets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, dict(feeds))


def numba_of(threads: int) -> Any:
    """numba with ``threads`` threads, or ``None`` where it is not installed."""
    try:
        import numba
    except ImportError:
        return None
    numba.set_num_threads(min(threads, numba.get_num_threads()))
    return numba


def iree_run(text: str, name: str, arguments: Sequence[Any]) -> Run | None:
    """A kernel's MLIR through IREE for this processor, or ``None`` where it is not installed or refuses."""
    try:
        from iree import compiler, runtime
    except ImportError:
        return None
    try:
        code = compiler.compile_str(
            text, target_backends=["llvm-cpu"], extra_args=["--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3"]
        )
    except compiler.CompilerToolError:
        return None
    config = runtime.Config("local-task")
    context = runtime.SystemContext(config=config)
    context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, code))
    function = getattr(context.modules.module, name)
    given = [runtime.asdevicearray(config.device, a) if isinstance(a, np.ndarray) else float(a) for a in arguments]

    def run() -> Any:
        found = function(*given)
        return [one.to_host() for one in found] if isinstance(found, tuple) else found.to_host()

    return run


def triad(threads: int) -> tuple[Run, int] | None:
    """STREAM's triad by numba, and the bytes that it moves."""
    numba = numba_of(threads)
    if numba is None:
        return None
    b, c = np.ones(20_000_000, np.float32), np.ones(20_000_000, np.float32)
    a = np.empty_like(b)

    @numba.njit(parallel=True, fastmath=True)
    def body(a: Array, b: Array, c: Array, s: float) -> None:
        for i in numba.prange(a.size):
            a[i] = b[i] + s * c[i]

    return lambda: body(a, b, c, np.float32(2)), 12 * a.size


def cosine_top(query: Array, docs: Array, k: int, threads: int) -> dict[str, Run]:
    """Softmax of cosines, then the ten greatest."""

    def numpy_run() -> Any:
        scores = docs @ query / np.sqrt(np.einsum("ij,ij->i", docs, docs) * (query @ query))
        np.exp(scores - scores.max(), out=scores)
        scores /= scores.sum()
        best = np.argpartition(scores, -k)[-k:]
        return scores[np.sort(best)[np.argsort(-scores[np.sort(best)], kind="stable")]]

    found: dict[str, Run] = {"numpy": numpy_run}
    if (numba := numba_of(threads)) is not None:

        @numba.njit(parallel=True, fastmath=True)
        def scores_of(query: Array, docs: Array) -> Array:
            out = np.empty(docs.shape[0], np.float32)
            unit = np.float32(0)
            for j in range(query.size):
                unit += query[j] * query[j]
            for i in numba.prange(docs.shape[0]):
                dot, own = np.float32(0), np.float32(0)
                for j in range(query.size):
                    dot += docs[i, j] * query[j]
                    own += docs[i, j] * docs[i, j]
                out[i] = dot / np.sqrt(own * unit)
            top = out.max()
            total = np.float32(0)
            for i in numba.prange(out.size):
                out[i] = np.exp(out[i] - top)
                total += out[i]
            return out / total

        def numba_run() -> Any:
            scores = scores_of(query, docs)
            return np.sort(scores[np.argpartition(scores, -k)[-k:]])[::-1]

        found["numba"] = numba_run
    unit = (query / np.linalg.norm(query))[:, None]
    nodes = [
        helper.make_node("MatMul", ["X", "q"], ["dot"]),
        helper.make_node("ReduceL2", ["X", "axes"], ["length"], keepdims=1),
        helper.make_node("Div", ["dot", "length"], ["score"]),
        helper.make_node("Softmax", ["score"], ["chance"], axis=0),
        helper.make_node("TopK", ["chance", "k"], ["best", "places"], axis=0),
    ]
    constants = {"q": unit, "axes": np.array([1], np.int64), "k": np.array([k], np.int64)}
    found["onnxrt"] = onnx_session(nodes, {"X": docs}, constants, ["best", "places"], threads)
    return found


def mel_matrix(bands: int = 80) -> Array:
    """Slaney's triangles, as Whisper has them."""
    top, step = 45.245640471924965, np.log(6.4) / 27
    mel = np.linspace(0, top, bands + 2)
    points = np.where(mel >= 15, 1000 * np.exp(step * (mel - 15)), mel * 200 / 3)
    bins = np.arange(BINS)[:, None] * 40.0
    low, center, high = points[:-2], points[1:-1], points[2:]
    rows = np.maximum(np.minimum((bins - low) / (center - low), (high - bins) / (high - center)), 0)
    return (rows * (2 / (high - low))).astype(np.float32)


def log_mel(samples: Array, threads: int) -> dict[str, Run]:
    """Whisper's features; NumPy by its FFT, ONNX Runtime by products with a Fourier matrix, faster than its STFT."""
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    filters = mel_matrix()
    frames = samples.size // HOP
    padded = np.pad(samples, WINDOW // 2, mode="reflect")
    places = np.arange(frames)[:, None] * HOP + np.arange(WINDOW)

    def numpy_run() -> Any:
        padded = np.pad(samples, WINDOW // 2, mode="reflect")
        view = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
        spectrum = np.fft.rfft(view * window, axis=1)
        logs = np.log10(np.maximum((spectrum.real**2 + spectrum.imag**2) @ filters, 1e-10))
        return ((np.maximum(logs, logs.max() - 8) + 4) / 4).T

    angle = 2 * np.pi * np.outer(np.arange(WINDOW), np.arange(BINS)) / WINDOW
    constants = {
        "places": places,
        "cos": (np.cos(angle) * window[:, None]).astype(np.float32),
        "sin": (np.sin(angle) * window[:, None]).astype(np.float32),
        "mel": filters,
        "floor": np.float32(1e-10),
        "factor": np.float32(1 / np.log(10)),
        "eight": np.float32(8),
        "four": np.float32(4),
    }
    steps: list[tuple[str, list[str], str]] = [
        ("Gather", ["X", "places"], "frames"),
        ("MatMul", ["frames", "cos"], "re"),
        ("MatMul", ["frames", "sin"], "im"),
        ("Mul", ["re", "re"], "re2"),
        ("Mul", ["im", "im"], "im2"),
        ("Add", ["re2", "im2"], "power"),
        ("MatMul", ["power", "mel"], "bands"),
        ("Max", ["bands", "floor"], "kept"),
        ("Log", ["kept"], "natural"),
        ("Mul", ["natural", "factor"], "logs"),
        ("ReduceMax", ["logs"], "top"),
        ("Sub", ["top", "eight"], "least"),
        ("Max", ["logs", "least"], "cut"),
        ("Add", ["cut", "four"], "moved"),
        ("Div", ["moved", "four"], "scaled"),
        ("Transpose", ["scaled"], "Y"),
    ]
    nodes = [helper.make_node(op, given, [made]) for op, given, made in steps]
    return {"numpy": numpy_run, "onnxrt": onnx_session(nodes, {"X": padded}, constants, ["Y"], threads)}


def rank_fusion(ranks: Array, threads: int) -> dict[str, Run]:
    """Reciprocal-rank fusion of dense lists of ranks."""

    def numpy_run() -> Any:
        return np.where(ranks > 0, 1 / (60 + ranks), 0).sum(0)

    found: dict[str, Run] = {"numpy": numpy_run}
    if (numba := numba_of(threads)) is not None:

        @numba.njit(parallel=True, fastmath=True)
        def body(ranks: Array) -> Array:
            out = np.zeros(ranks.shape[1], np.float32)
            for part in numba.prange(2):
                low, high = part * out.size // 2, (part + 1) * out.size // 2
                for row in range(ranks.shape[0]):
                    for i in range(low, high):
                        out[i] += np.float32(1) / (np.float32(60) + ranks[row, i]) if ranks[row, i] > 0 else 0
            return out

        found["numba"] = lambda: body(ranks)
    nodes = [
        helper.make_node("Add", ["X", "k"], ["moved"]),
        helper.make_node("Div", ["one", "moved"], ["part"]),
        helper.make_node("Greater", ["X", "zero"], ["in"]),
        helper.make_node("Where", ["in", "part", "zero"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axes"], ["Y"], keepdims=0),
    ]
    numbers = {"k": np.float32(60), "one": np.float32(1), "zero": np.float32(0)}
    constants = {**{n: np.asarray(x) for n, x in numbers.items()}, "axes": np.array([0], np.int64)}
    found["onnxrt"] = onnx_session(nodes, {"X": ranks}, constants, ["Y"], threads)
    return found


def four_bits(codes: Array, scale: Array, x: Array, threads: int) -> dict[str, Run]:
    """A matrix of four-bit codes times a vector. ONNX Runtime's own layout interleaves neighbors, in as many bytes."""
    rows, groups, _ = codes.shape

    def numpy_run() -> Any:
        both = np.concatenate([codes & 15, codes >> 4], axis=2).astype(np.float32)
        both -= 8
        return np.einsum("mgi,gi,mg->m", both, x, scale, optimize=True)

    found: dict[str, Run] = {"numpy": numpy_run}
    if (numba := numba_of(threads)) is not None:

        @numba.njit(parallel=True, fastmath=True)
        def body(codes: Array, scale: Array, x: Array) -> Array:
            out = np.empty(codes.shape[0], np.float32)
            for m in numba.prange(codes.shape[0]):
                total = np.float32(0)
                for g in range(codes.shape[1]):
                    part = np.float32(0)
                    for i in range(16):
                        code = codes[m, g, i]
                        part += (np.float32(code & 15) - np.float32(8)) * x[g, i]
                        part += (np.float32(code >> 4) - np.float32(8)) * x[g, i + 16]
                    total += part * scale[m, g]
                out[m] = total
            return out

        found["numba"] = lambda: body(codes, scale, x)
    low, high = codes & 15, codes >> 4
    ordered = np.concatenate([low, high], axis=2)
    packed = (ordered[:, :, 0::2] | (ordered[:, :, 1::2] << 4)).astype(np.uint8)
    node = helper.make_node(
        "MatMulNBits", ["X", "B", "S"], ["Y"], domain="com.microsoft", K=groups * 32, N=rows, bits=4, block_size=32
    )
    constants = {"B": packed, "S": scale.reshape(-1)}
    found["onnxrt"] = onnx_session([node], {"X": x.reshape(1, -1)}, constants, ["Y"], threads)
    return found


MASKED = re.compile(
    rb"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}[A-Za-z0-9.-]*|\d(?:[ .-]?\d){5,}"
)


def personal(text: Array, threads: int) -> dict[str, Run]:
    """Long numbers and addresses masked; by Python's ``re`` in place of NumPy, which has no automata, and by numba."""
    data = text.tobytes()

    def stars(found: "re.Match[bytes]") -> bytes:
        return b"*" * len(found.group())

    found: dict[str, Run] = {"re": lambda: MASKED.sub(stars, data)}
    if (numba := numba_of(threads)) is not None:
        letters = np.array([chr(i).isalpha() and i < 128 for i in range(256)])
        digits = np.array([48 <= i <= 57 for i in range(256)])
        body = _numba_personal(numba)
        found["numba"] = lambda: body(text, letters, digits, threads)
    return found


def _numba_personal(numba: Any) -> Any:
    """One pass over pieces of the text that begin behind a line's end: runs of digits, and words around a sign."""

    @numba.njit
    def numbers(text: Array, out: Array, digits: Array, low: int, high: int) -> None:
        i = low
        while i < high:
            if not digits[text[i]]:
                i += 1
                continue
            last, count, j = i, 1, i + 1
            while j < high:
                if digits[text[j]]:
                    count, last, j = count + 1, j, j + 1
                elif text[j] in (32, 45, 46) and j + 1 < high and digits[text[j + 1]]:
                    j += 1
                else:
                    break
            if count >= 6:
                for p in range(i, last + 1):
                    if digits[text[p]]:
                        out[p] = 42
            i = last + 1

    @numba.njit
    def addresses(text: Array, out: Array, letters: Array, digits: Array, low: int, high: int) -> None:
        for i in range(low, high):
            if text[i] != 64:
                continue
            first, last = i, i + 1
            while first > low and (
                letters[text[first - 1]] or digits[text[first - 1]] or text[first - 1] in (37, 43, 45, 46, 95)
            ):
                first -= 1
            while last < high and (letters[text[last]] or digits[text[last]] or text[last] in (45, 46)):
                last += 1
            dotted = False
            for p in range(i + 2, last - 2):
                if text[p] == 46 and letters[text[p + 1]] and letters[text[p + 2]]:
                    dotted = True
            if first < i and dotted:
                out[first:last] = 42

    @numba.njit(parallel=True)
    def body(text: Array, letters: Array, digits: Array, parts: int) -> Array:
        out = text.copy()
        for part in numba.prange(parts):
            low, high = part * text.size // parts, (part + 1) * text.size // parts
            numbers(text, out, digits, low, high)
            addresses(text, out, letters, digits, low, high)
        return out

    return body
