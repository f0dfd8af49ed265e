"""How fast emitted CUDA kernels are on a GPU: ``python benchmarks/cuda_kernels.py [FOLDER] [--rows N] [--width D]``.

``--emit FOLDER`` writes, where agentc is installed, all that another machine needs: ``NAME.cu``, ``NAME.abi.json``,
the headers, this file and, where nvcc is here, the library built for ``--arch``. ``python FOLDER/cuda_kernels.py`` is
then the one command there: it needs a driver, NumPy and, to compare with, torch; nvcc, if there, builds for the GPU at
hand.

Each kernel has a process of its own, so that one that fails takes no other along. It is run through its launcher and
checked against NumPy in double precision: as it is, with arrays that begin an element late, on two streams at once, and
replayed from a CUDA graph. Then it is timed in turn with the device's own copy of as many bytes and with torch.compile:
medians of rounds. The product of 16-bit matrices is compared with torch's, which is cuBLAS. Exit status: 1 if a result
is wrong, else 0. ``--check`` runs the same text on the CPU on small arrays, with the check for races.
"""

import argparse
import ctypes
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PRODUCT = """
from agentc import bf16, kernel

@kernel
def product_bf16(a: bf16["s", "s"], b: bf16["s", "s"]) -> bf16["s", "s"]:
    return a @ b
"""
NAMES = (
    "cosine_softmax", "cosine_gate", "softmax_rows", "rms_norm", "gelu", "matvec", "weighted_sum", "quantize_int8",
    "gqa_decode", "product_bf16",
)  # fmt: skip
CHECKED_ROWS = 64
"""Rows of a large product that NumPy computes, too."""
TOLERANCE: dict[str, float] = {"product_bf16": 1e-2, "quantize_int8": 2 / 127}
"""Largest error, as a part of the largest value; 2e-5 elsewhere. A code of 8 bits may differ by the one step that
rounding a tie decides."""
GOAL, PRODUCT_GOAL = 0.85, 0.7
"""Of the speed of a copy, and of cuBLAS, that a kernel should reach."""
HELPER = "cuda_helper.cu"
"""What this needs of the CUDA runtime."""
DTYPES = {
    "bf16": np.uint16, "f32": np.float32, "f64": np.float64, "i8": np.int8, "i32": np.int32, "i64": np.int64
}  # fmt: skip
"""NumPy's types; it has no bfloat16, whose bits are the upper half of a float."""
SCALARS = {"f32": ctypes.c_float, "f64": ctypes.c_double, "i32": ctypes.c_int32, "i64": ctypes.c_int64}
REPEATS, ROUNDS = 10, 7
SMALL: dict[str, int] = {"n": 1237, "d": 516, "s": 264, "g": 2, "q": 3, "t": 777}
"""Sizes of arrays that are only checked: rows, width, side; groups, heads of each and cached keys."""
HEADS: dict[str, int] = {"g": 8, "q": 4, "d": 128}
"""Of attention, as in an 8B Llama 3: groups, query heads of each, and how wide a head is."""


def softmax(x: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def cosine(query: np.ndarray, docs: np.ndarray) -> np.ndarray:
    """Of each row to the query."""
    return docs @ query / np.sqrt((docs * docs).sum(1) * (query @ query))


def quantized(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales."""
    scale = np.abs(x).max(1) / 127
    return np.rint(x / scale[:, None]), scale


def attention(query: np.ndarray, keys: np.ndarray, values: np.ndarray, length: int) -> np.ndarray:
    """Of one token over all keys, whose number is ``length``."""
    scores = np.einsum("gqd,tgd->gqt", query, keys[:length]) / np.sqrt(query.shape[2])
    return np.einsum("gqt,tgd->gqd", softmax(scores), values[:length])


REFERENCES: dict[str, Callable[..., Any]] = {
    "cosine_softmax": lambda q, x, t: softmax(cosine(q, x) / t),
    "cosine_gate": lambda q, x: softmax(x * cosine(q, x)[:, None]),
    "softmax_rows": softmax,
    "rms_norm": lambda x, w: x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5) * w,
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
    "matvec": lambda a, x: a @ x,
    "weighted_sum": lambda w, v: w @ v,
    "quantize_int8": quantized,
    "gqa_decode": attention,
    "product_bf16": lambda a, b: a[:CHECKED_ROWS] @ b,
}
"""In double precision: what a kernel has to give."""


def torch_references() -> Mapping[str, Callable[..., Any]]:
    """The same in torch, to be compiled by it; empty where torch or its GPU support is missing."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        return {}
    if not torch.cuda.is_available():
        return {}
    functional = torch.nn.functional

    def similar(q: Any, x: Any) -> Any:
        return functional.cosine_similarity(x, q[None], dim=1)

    def codes(x: Any) -> Any:
        scale = x.abs().amax(1) / 127
        return torch.round(x / scale[:, None]).to(torch.int8), scale

    return {
        "cosine_softmax": lambda q, x, t: torch.softmax(similar(q, x) / t, 0),
        "cosine_gate": lambda q, x: torch.softmax(x * similar(q, x)[:, None], 1),
        "softmax_rows": lambda x: torch.softmax(x, 1),
        "rms_norm": lambda x, w: functional.rms_norm(x, (x.shape[1],), w, 1e-5),
        "gelu": lambda x: functional.gelu(x, approximate="tanh"),
        "matvec": lambda a, x: a @ x,
        "weighted_sum": lambda w, v: w @ v,
        "quantize_int8": codes,
        "gqa_decode": lambda q, k, v, _: functional.scaled_dot_product_attention(
            q, k.transpose(0, 1), v.transpose(0, 1)
        ),
        "product_bf16": lambda a, b: a @ b,
    }


def modules() -> dict[str, Any]:
    """The kernels of ``NAMES``, lowered for a GPU."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from agentc.frontends.kernels import builtin
    from agentc.frontends.kernels.python_ast import compile_source
    from agentc.frontends.kernels.source import parse
    from agentc.pipelines.kernels import lower_kernel

    product = compile_source(parse(PRODUCT, "product.py"), "product_bf16")
    found = {name: builtin(name) if name != "product_bf16" else product for name in NAMES}
    return {name: lower_kernel(module, "cuda") for name, module in found.items()}


def emit(folder: Path) -> None:
    """Write the kernels of ``NAMES``, this file and its helper."""
    lowered = modules()
    from agentc.backends import cuda

    cuda.emit(lowered, folder, targets=[])
    for name in (Path(__file__).name, HELPER):
        shutil.copyfile(Path(__file__).parent / name, folder / name)


def rounded(values: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def widened(values: np.ndarray) -> np.ndarray:
    """In double precision; 16 bits are those of a bfloat16."""
    if values.dtype == np.uint16:
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float64)


def arrays(abi: Mapping[str, Any], sizes: Mapping[str, int]) -> tuple[list[Any], list[np.ndarray]]:
    """Arguments and results of a kernel."""
    random = np.random.default_rng(0)
    inputs: list[Any] = []
    for parameter in abi["arguments"]:
        if parameter["dims"] is None:
            inputs.append(0.5 if parameter["dtype"] == "f32" else sizes["t"])
            continue
        values = random.standard_normal([sizes[d] for d in parameter["dims"]], dtype=np.float32)
        inputs.append(rounded(values) if parameter["dtype"] == "bf16" else values)
    outputs = [np.empty([sizes[d] for d in p["dims"] or ()], DTYPES[p["dtype"]]) for p in abi["results"]]
    return inputs, outputs


def error_of(name: str, inputs: Sequence[Any], outputs: Sequence[np.ndarray]) -> float:
    """The largest error, as a part of the largest value."""
    wanted = REFERENCES[name](*(widened(v) if isinstance(v, np.ndarray) else v for v in inputs))
    pairs = zip(outputs, wanted if isinstance(wanted, tuple) else (wanted,), strict=True)
    return max(float(np.max(np.abs(widened(o)[: len(w)] - w)) / max(np.max(np.abs(w)), 1e-30)) for o, w in pairs)


def check(sizes: Mapping[str, int]) -> int:
    """Run the same text on the CPU, with the check for races; 1 if a kernel is wrong."""
    lowered = modules()
    from agentc.analyses.kernel_abi import kernel_abi
    from agentc.backends.cuda.host import HostKernel
    from agentc.backends.cuda.source import source

    worst = 0.0
    for name, module in lowered.items():
        abi = kernel_abi(module)
        inputs, outputs = arrays(json.loads(abi.to_json()), sizes)
        with tempfile.TemporaryDirectory() as folder:
            HostKernel(source(module), abi, Path(folder), check=True)(inputs, outputs, [sizes[s] for s in abi.sizes])
        error = error_of(name, inputs, outputs)
        worst = max(worst, error / TOLERANCE.get(name, 2e-5))
        print(f"{name:16} error {error:9.1e}")
    return int(worst > 1)


LIBRARY = "bench.so"


def build(folder: Path, names: Sequence[str], architecture: str) -> None:
    """One library of all kernels and the helper, in ``folder``."""
    files = [f"{name}.cu" for name in names] + [HELPER]
    command = ["nvcc", "-std=c++17", "-O3", f"-arch={architecture}", "-shared", "-Xcompiler", "-fPIC", "-o", LIBRARY]
    subprocess.run([*command, *files], check=True, cwd=folder)


def load(folder: Path) -> ctypes.CDLL:
    """The library in ``folder``."""
    loaded = ctypes.CDLL(str(folder.resolve() / LIBRARY))
    loaded.bench_alloc.restype = loaded.bench_stream.restype = ctypes.c_void_p
    loaded.bench_alloc.argtypes = [ctypes.c_size_t]
    loaded.bench_free.argtypes = loaded.bench_capture.argtypes = loaded.bench_replay.argtypes = [ctypes.c_void_p]
    loaded.bench_stop.restype = ctypes.c_float
    loaded.bench_words.restype = ctypes.c_char_p
    loaded.bench_clear.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    loaded.bench_describe.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    for name in ("bench_put", "bench_get", "bench_copy"):
        getattr(loaded, name).argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    return loaded


class Device:
    """Arrays on the GPU and times of what it does."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.held: list[int] = []

    def alloc(self, size: int) -> int:
        """Memory of ``size`` bytes."""
        place = self.library.bench_alloc(max(size, 16))
        if not place:
            raise MemoryError(f"the GPU has no {size} bytes left")
        self.held.append(place)
        return int(place)

    def put(self, array: np.ndarray, shift: int = 0) -> int:
        """A copy of ``array``, ``shift`` bytes off alignment."""
        place = self.alloc(array.nbytes + shift) + shift
        self.good(self.library.bench_put(place, array.ctypes.data, array.nbytes))
        return place

    def get(self, place: int, array: np.ndarray) -> None:
        """Fill ``array`` from the GPU."""
        self.good(self.library.bench_get(array.ctypes.data, place, array.nbytes))

    def good(self, status: int) -> None:
        """Raise ``RuntimeError`` for what is no success."""
        if status:
            raise RuntimeError(f"CUDA error {status}: {self.library.bench_words(status).decode()}")

    def ms(self, run: Callable[[], Any]) -> float:
        """Mean time of ``run``, of many runs behind each other."""
        self.library.bench_wait()
        self.library.bench_start()
        for _ in range(REPEATS):
            run()
        return self.library.bench_stop() / REPEATS

    def free(self) -> None:
        """Give all memory back."""
        for place in self.held:
            self.library.bench_free(place)
        self.held.clear()


class Run:
    """A kernel with its arrays on the GPU."""

    def __init__(
        self, name: str, abi: Mapping[str, Any], device: Device, sizes: Mapping[str, int], late: int = 0
    ) -> None:
        """Arrays begin ``late`` elements after where they are aligned."""
        self.name, self.device = name, device
        self.inputs, self.outputs = arrays(abi, sizes)
        self.launch = getattr(device.library, f"agentc_launch_{name}")
        self.passed: list[Any] = [
            SCALARS[p["dtype"]](v) if p["dims"] is None else ctypes.c_void_p(device.put(v, late * v.itemsize))
            for p, v in zip(abi["arguments"], self.inputs, strict=True)
        ]
        self.sizes = [ctypes.c_int64(sizes[s]) for s in abi["sizes"]]
        self.places = self.room(late)

    def room(self, late: int = 0) -> list[int]:
        """New room for results, of bytes that are no number."""
        places = [self.device.alloc(o.nbytes + late * o.itemsize) + late * o.itemsize for o in self.outputs]
        for place, output in zip(places, self.outputs, strict=True):
            self.device.good(self.device.library.bench_clear(place, output.nbytes))
        return places

    def start(self, stream: int | None = None, places: Sequence[int] | None = None) -> None:
        """Launch."""
        results = [ctypes.c_void_p(p) for p in places or self.places]
        self.device.good(self.launch(*self.passed, *results, *self.sizes, ctypes.c_void_p(stream)))

    def error(self, places: Sequence[int] | None = None) -> float:
        """Wait, and compare with NumPy."""
        self.device.good(self.device.library.bench_wait())
        for place, output in zip(places or self.places, self.outputs, strict=True):
            self.device.get(place, output)
        return error_of(self.name, self.inputs, self.outputs)

    @property
    def moved(self) -> int:
        """Bytes that are read once or written once."""
        return sum(v.nbytes for v in (*self.inputs, *self.outputs) if isinstance(v, np.ndarray))


def errors(name: str, abi: Mapping[str, Any], device: Device, sizes: Mapping[str, int]) -> dict[str, float]:
    """Errors on small arrays, of sizes that nothing divides: plain, off alignment, on two streams, from a graph."""
    small = {size: SMALL[size] for size in sizes}
    found = dict[str, float]()
    for odd in (0, 1):
        one = Run(name, abi, device, {size: value + odd for size, value in small.items()}, late=odd)
        one.start()
        found["late" if odd else "small"] = one.error()
    run = Run(name, abi, device, small)
    streams = [device.library.bench_stream() for _ in range(2)]
    places = [run.room() for _ in streams]
    for _ in range(20):
        for stream, place in zip(streams, places, strict=True):
            run.start(stream, place)
    found["streams"] = max(run.error(place) for place in places)
    device.good(device.library.bench_capture(streams[0]))
    places[0] = run.places
    run.start(streams[0])
    device.good(device.library.bench_replay(streams[0]))
    found["graph"] = run.error()
    device.free()
    return found


def measure(name: str, abi: Mapping[str, Any], device: Device, sizes: Mapping[str, int]) -> int:
    """Check one kernel and print its row; 1 if a result is wrong."""
    found = errors(name, abi, device, sizes)
    run = Run(name, abi, device, sizes)
    run.start()
    found["large"] = run.error()
    half = run.moved // 2
    from_, to = device.alloc(half), device.alloc(half)
    other, label = torch_run(name, run.inputs)
    # In turn, so that all see the same clocks; the first round warms up.
    runs = [run.start, lambda: device.library.bench_copy(to, from_, half), *([other] if other else [])]
    rounds = [[device.ms(one) for one in runs] for _ in range(ROUNDS + 1)][1:]
    ms, copy, *rest = (statistics.median(column) for column in zip(*rounds, strict=True))
    device.free()
    print(row(name, run.moved, ms, copy, rest, label), flush=True)
    wrong = {what: error for what, error in found.items() if not error <= TOLERANCE.get(name, 2e-5)}
    for what, error in wrong.items():
        print(f"{name}: WRONG ({what}): error {error:.1e}", flush=True)
    if not wrong:
        print(f"{'':16} right: largest error {max(found.values()):.1e} of {', '.join(found)}", flush=True)
    return int(bool(wrong))


def row(name: str, moved: int, ms: float, copy: float, rest: Sequence[float], label: str) -> str:
    """A kernel's figures beside those of the copy and of torch, and whether it is as fast as it should be."""
    share, faster = copy / ms, rest[0] / ms if rest else 0.0
    slow = faster < PRODUCT_GOAL if name == "product_bf16" else share < GOAL or (label == "compiled" and faster < 1)
    torch_text = f"{rest[0]:9.3f} {faster:6.2f}x" if rest else f"{'-':>9} {'-':>7}"
    verdict = "slow" if slow and (rest or name != "product_bf16") else "good"
    return f"{name:16} {ms:9.3f} {moved / ms / 1e6:9.0f} {copy:9.3f} {share:6.2f}x {torch_text} {label:9} {verdict}"


def torch_run(name: str, inputs: Sequence[Any]) -> tuple[Callable[[], Any] | None, str]:
    """A call of torch's code for the same, or ``None``; and which it is: compiled, eager, or cuBLAS."""
    references = torch_references()
    if name not in references:
        return None, "no torch"
    import torch  # pyright: ignore[reportMissingImports]

    def tensor(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        if value.dtype == np.uint16:
            return torch.from_numpy(value.view(np.int16)).cuda().view(torch.bfloat16)
        return torch.from_numpy(value).cuda()

    tensors = [tensor(v) for v in inputs]
    eager = references[name]
    if name == "product_bf16":
        return lambda: eager(*tensors), "cuBLAS"
    try:
        compiled = torch.compile(eager)
        compiled(*tensors)
    except Exception as error:  # a machine without a compiler for it: anything can be raised
        print(f"{name}: torch does not compile here, eager instead: {str(error).splitlines()[0]}")
        return lambda: eager(*tensors), "eager"
    return lambda: compiled(*tensors), "compiled"


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="what `--emit` wrote (default: where this file is)")
    parser.add_argument("--emit", type=Path, metavar="FOLDER", help="only write what another machine needs")
    parser.add_argument("--check", action="store_true", help="only run them on the CPU, on small arrays")
    parser.add_argument("--arch", default="", help="architecture for nvcc (default: that of the GPU here, or sm_90a)")
    parser.add_argument("--only", choices=NAMES, help="one kernel, in this process")
    parser.add_argument("--rows", type=int, default=262_144)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--keys", type=int, default=65_536, help="that attention of one token is over")
    parser.add_argument("--side", type=int, default=8192, help="of the square matrices of the product")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, check, measure."""
    options = parsed(arguments)
    if options.emit:
        return emit_all(options.emit, options.arch or "sm_90a")
    if options.check:
        return check({"n": 150, "d": 68, "s": 72, "g": 2, "q": 3, "t": 700})
    if options.only:
        return one(options)
    here = Path(__file__).resolve().parent
    found = options.folder or (here if (here / f"{NAMES[0]}.abi.json").is_file() else None)
    compiles = bool(shutil.which("nvcc"))
    device = shutil.which("nvidia-smi") or Path("/dev/nvidia0").exists()
    if not device or not (compiles or (found and (found / LIBRARY).is_file())):
        print("skipped: this needs a GPU, and nvcc or a folder that `--emit` wrote where nvcc was")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if found:
            shutil.copytree(found, folder, dirs_exist_ok=True)
        else:
            emit(folder)
        try:
            if compiles:
                build(folder, there(folder), options.arch or "native")
        except subprocess.CalledProcessError:
            if not (folder / LIBRARY).is_file():
                raise
            print("nvcc does not build here: the library that came with the folder is measured")
        return on_gpu(folder, options)


def there(folder: Path) -> list[str]:
    """The kernels that are in ``folder``."""
    return [name for name in NAMES if (folder / f"{name}.abi.json").is_file()]


def emit_all(folder: Path, architecture: str) -> int:
    """Write what another machine needs, with the library where nvcc is here."""
    emit(folder)
    if shutil.which("nvcc"):
        build(folder, there(folder), architecture)
        print(f"built for {architecture}; other GPUs need nvcc there")
    print(f"on a machine with a GPU: python {Path(folder.name, Path(__file__).name)}")
    return 0


def on_gpu(folder: Path, options: argparse.Namespace) -> int:
    """Measure what is in ``folder`` and print a row for each kernel; 1 if one is wrong."""
    library = load(folder)
    if not library.bench_devices():
        print("skipped: this needs a GPU")
        return 0
    text = ctypes.create_string_buffer(400)
    Device(library).good(library.bench_describe(text, len(text)))
    print(text.value.decode())
    print(f"[{options.rows}, {options.width}] f32 and [{options.side}, {options.side}] bf16; ms: medians of {ROUNDS}")
    print(f"attention of one token: {HEADS['g'] * HEADS['q']} heads over {options.keys} keys of {HEADS['g']}")
    print("copy: the device's copy of as many bytes; torch: compiled, for the product cuBLAS")
    head = ("kernel", "ms", "GB/s", "copy", "copy/", "torch", "torch/")
    print("{:16} {:>9} {:>9} {:>9} {:>7} {:>9} {:>7}".format(*head), flush=True)
    sizes = [f"--{what}={getattr(options, what)}" for what in ("rows", "width", "side", "keys")]
    command = [sys.executable, str(Path(__file__).resolve()), str(folder), *sizes]
    statuses = {name: subprocess.run([*command, "--only", name], check=False).returncode for name in there(folder)}
    for name in (name for name, status in statuses.items() if status):
        print(f"{name}: FAILED")
    print(f"{sum(not s for s in statuses.values())} of {len(statuses)} kernels right")
    return int(any(statuses.values()))


def one(options: argparse.Namespace) -> int:
    """Measure one kernel of a folder with its library."""
    library = load(options.folder)
    library.bench_devices()
    abi = json.loads((options.folder / f"{options.only}.abi.json").read_text())
    sizes = {"n": options.rows, "d": options.width, "s": options.side}
    if options.only == "gqa_decode":
        sizes = {**HEADS, "t": options.keys}
    return measure(options.only, abi, Device(library), sizes)


if __name__ == "__main__":
    sys.exit(main())
