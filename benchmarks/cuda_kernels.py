"""How fast emitted CUDA kernels are on a GPU: ``python benchmarks/cuda_kernels.py [FOLDER] [--rows N] [--width D]``.

FOLDER holds ``NAME.cu``, ``NAME.abi.json`` and the headers as the CUDA backend writes them (``--emit FOLDER`` does
that where agentc is installed); without it they are written first. What runs on the GPU needs only nvcc, NumPy and
torch, not agentc. Each kernel is built, run through its launcher, checked against NumPy in double precision, and timed
in turn with the device's own copy of as many bytes and with torch.compile: medians of rounds. The product of 16-bit
matrices is compared with torch's, which is cuBLAS. ``--check`` runs the same text on the CPU on small arrays, with the
check for races. Without nvcc or a GPU nothing is measured.
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
    "cosine_softmax",
    "cosine_gate",
    "softmax_rows",
    "rms_norm",
    "gelu",
    "matvec",
    "weighted_sum",
    "quantize_int8",
    "product_bf16",
)
CHECKED_ROWS = 64
"""Rows of a large product that NumPy computes, too."""
HELPER = r"""
#include <cuda_runtime.h>
extern "C" int bench_devices() { int n = 0; return cudaGetDeviceCount(&n) == cudaSuccess ? n : 0; }
extern "C" void* bench_alloc(size_t n) { void* p = nullptr; return cudaMalloc(&p, n) ? nullptr : p; }
extern "C" void bench_free(void* p) { cudaFree(p); }
extern "C" int bench_put(void* to, const void* from, size_t n) {
  return cudaMemcpy(to, from, n, cudaMemcpyHostToDevice);
}
extern "C" int bench_get(void* to, const void* from, size_t n) {
  return cudaMemcpy(to, from, n, cudaMemcpyDeviceToHost);
}
extern "C" int bench_copy(void* to, const void* from, size_t n) {
  return cudaMemcpyAsync(to, from, n, cudaMemcpyDeviceToDevice, nullptr);
}
extern "C" int bench_wait() { return cudaDeviceSynchronize(); }
static cudaEvent_t begin, end;
extern "C" void bench_start() {
  if (!begin) { cudaEventCreate(&begin); cudaEventCreate(&end); }
  cudaEventRecord(begin, nullptr);
}
extern "C" float bench_stop() {
  float ms = 0;
  cudaEventRecord(end, nullptr);
  cudaEventSynchronize(end);
  cudaEventElapsedTime(&ms, begin, end);
  return ms;
}
"""
DTYPES = {
    "bf16": np.uint16,
    "f32": np.float32,
    "f64": np.float64,
    "i8": np.int8,
    "i32": np.int32,
    "i64": np.int64,
}
"""NumPy's types; it has no bfloat16, whose bits are the upper half of a float."""
SCALARS = {"f32": ctypes.c_float, "f64": ctypes.c_double, "i32": ctypes.c_int32, "i64": ctypes.c_int64}
REPEATS, ROUNDS = 10, 7


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


REFERENCES: dict[str, Callable[..., Any]] = {
    "cosine_softmax": lambda q, x, t: softmax(cosine(q, x) / t),
    "cosine_gate": lambda q, x: softmax(x * cosine(q, x)[:, None]),
    "softmax_rows": softmax,
    "rms_norm": lambda x, w: x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5) * w,
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
    "matvec": lambda a, x: a @ x,
    "weighted_sum": lambda w, v: w @ v,
    "quantize_int8": quantized,
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
    """Write the kernels of ``NAMES``."""
    lowered = modules()
    from agentc.backends import cuda

    cuda.emit(lowered, folder, targets=[])


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
            inputs.append(0.5)
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
        # A code of 8 bits may differ by the one step that rounding a tie decides.
        worst = max(worst, error / {"product_bf16": 1e-2, "quantize_int8": 2 / 127}.get(name, 2e-5))
        print(f"{name:16} error {error:9.1e}")
    return int(worst > 1)


def build(folder: Path, names: list[str], architecture: str) -> ctypes.CDLL:
    """One library of all kernels and the helper."""
    (folder / "bench_helper.cu").write_text(HELPER, encoding="utf-8")
    library = folder / "bench.so"
    files = [str(folder / f"{name}.cu") for name in names] + [str(folder / "bench_helper.cu")]
    command = [
        "nvcc",
        "-std=c++17",
        "-O3",
        f"-arch={architecture}",
        "-shared",
        "-Xcompiler",
        "-fPIC",
        "-o",
        str(library),
    ]
    subprocess.run([*command, *files], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.bench_alloc.restype = ctypes.c_void_p
    loaded.bench_alloc.argtypes = [ctypes.c_size_t]
    loaded.bench_free.argtypes = [ctypes.c_void_p]
    loaded.bench_stop.restype = ctypes.c_float
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
        return place

    def put(self, array: np.ndarray) -> int:
        """A copy of ``array``."""
        place = self.alloc(array.nbytes)
        self.library.bench_put(place, array.ctypes.data, array.nbytes)
        return place

    def get(self, place: int, array: np.ndarray) -> None:
        """Fill ``array`` from the GPU."""
        if status := self.library.bench_get(array.ctypes.data, place, array.nbytes):
            raise RuntimeError(f"CUDA error {status}")

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


def measure(name: str, abi: Mapping[str, Any], device: Device, sizes: Mapping[str, int]) -> None:
    """Check one kernel and print its row."""
    inputs, outputs = arrays(abi, sizes)
    places = [device.alloc(o.nbytes) for o in outputs]
    passed: list[Any] = [
        ctypes.c_void_p(device.put(v)) if p["dims"] is not None else SCALARS[p["dtype"]](v)
        for p, v in zip(abi["arguments"], inputs, strict=True)
    ]
    passed += [ctypes.c_void_p(p) for p in places] + [ctypes.c_int64(sizes[s]) for s in abi["sizes"]] + [None]
    launch = getattr(device.library, f"agentc_launch_{name}")
    if status := launch(*passed):
        raise RuntimeError(f"{name}: CUDA error {status}")
    for place, output in zip(places, outputs, strict=True):
        device.get(place, output)
    error = error_of(name, inputs, outputs)
    moved = sum(v.nbytes for v in inputs if isinstance(v, np.ndarray)) + sum(o.nbytes for o in outputs)
    half = moved // 2
    from_, to = device.alloc(half), device.alloc(half)
    other = torch_run(name, inputs)
    # In turn, so that all see the same clocks; the first round warms up.
    runs = [lambda: launch(*passed), lambda: device.library.bench_copy(to, from_, half), *([other] if other else [])]
    rounds = [[device.ms(run) for run in runs] for _ in range(ROUNDS + 1)][1:]
    ms, copy, *rest = (statistics.median(column) for column in zip(*rounds, strict=True))
    device.free()
    torch_text = f"{rest[0]:9.3f} {rest[0] / ms:6.2f}x" if rest else f"{'-':>9} {'-':>7}"
    print(f"{name:16} {ms:9.3f} {moved / ms / 1e6:9.0f} {copy:9.3f} {copy / ms:6.2f}x {torch_text} {error:9.1e}")


def torch_run(name: str, inputs: Sequence[Any]) -> Callable[[], Any] | None:
    """A call of torch's compiled code for the same, or ``None``."""
    references = torch_references()
    if name not in references:
        return None
    import torch  # pyright: ignore[reportMissingImports]

    def tensor(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        if value.dtype == np.uint16:
            return torch.from_numpy(value.view(np.int16)).cuda().view(torch.bfloat16)
        return torch.from_numpy(value).cuda()

    tensors = [tensor(v) for v in inputs]
    compiled = references[name] if name == "product_bf16" else torch.compile(references[name])
    compiled(*tensors)
    return lambda: compiled(*tensors)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--emit", type=Path, metavar="FOLDER", help="only write the kernels there")
    parser.add_argument("--check", action="store_true", help="only run them on the CPU, on small arrays")
    parser.add_argument("--arch", default="native", help="architecture for nvcc (default: that of the GPU here)")
    parser.add_argument("--rows", type=int, default=262_144)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--side", type=int, default=8192, help="of the square matrices of the product")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, check, measure."""
    options = parsed(arguments)
    if options.emit:
        emit(options.emit)
        return 0
    if options.check:
        return check({"n": 150, "d": 68, "s": 72})
    if not shutil.which("nvcc") or not shutil.which("nvidia-smi"):
        print("skipped: this needs nvcc and a GPU")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if options.folder:
            shutil.copytree(options.folder, folder, dirs_exist_ok=True)
        else:
            emit(folder)
        return on_gpu(folder, options)


def on_gpu(folder: Path, options: argparse.Namespace) -> int:
    """Build what is in ``folder`` and print a row for each kernel."""
    abis = {n: json.loads(p.read_text()) for n in NAMES if (p := folder / f"{n}.abi.json").is_file()}
    device = Device(build(folder, list(abis), options.arch))
    if not device.library.bench_devices():
        print("skipped: this needs a GPU")
        return 0
    sizes = {"n": options.rows, "d": options.width, "s": options.side}
    print(f"[{options.rows}, {options.width}] f32 and [{options.side}, {options.side}] bf16; ms: medians of {ROUNDS}")
    print("copy: the device's copy of as many bytes; torch: compiled, for the product cuBLAS")
    head = ("kernel", "ms", "GB/s", "copy", "copy/", "torch", "torch/", "error")
    print("{:16} {:>9} {:>9} {:>9} {:>7} {:>9} {:>7} {:>9}".format(*head))
    for name, abi in abis.items():
        measure(name, abi, device, sizes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
