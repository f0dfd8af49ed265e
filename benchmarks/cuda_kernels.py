"""How fast emitted CUDA kernels are on a GPU: ``python benchmarks/cuda_kernels.py [FOLDER] [--arch ARCH] [--rows N]``.

FOLDER holds ``NAME.cu``, ``NAME.abi.json`` and ``agentc_cuda.cuh`` as the CUDA backend writes them; without it the
built-in kernels are emitted first (that needs agentc; the rest needs only NumPy and nvcc). Each kernel is built with
nvcc, run through its launcher, checked against NumPy in double precision, and timed against the device's own copy of as
many bytes and, where torch is installed, against torch. Without nvcc or a GPU nothing is measured.
"""

import argparse
import ctypes
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

NAMES = ("cosine_softmax", "cosine_gate", "softmax_rows", "rms_norm", "gelu", "matvec", "weighted_sum", "quantize_int8")
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
DTYPES = {"f32": np.float32, "f64": np.float64, "i8": np.int8, "i32": np.int32, "i64": np.int64}
SCALARS = {"f32": ctypes.c_float, "f64": ctypes.c_double, "i32": ctypes.c_int32, "i64": ctypes.c_int64}
REPEATS = 20


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


REFERENCES: Mapping[str, Callable[..., Any]] = {
    "cosine_softmax": lambda q, x, t: softmax(cosine(q, x) / t),
    "cosine_gate": lambda q, x: softmax(x * cosine(q, x)[:, None]),
    "softmax_rows": softmax,
    "rms_norm": lambda x, w: x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5) * w,
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
    "matvec": lambda a, x: a @ x,
    "weighted_sum": lambda w, v: w @ v,
    "quantize_int8": quantized,
}
"""In double precision: what a kernel has to give."""


def torch_references() -> Mapping[str, Callable[..., Any]]:
    """The same in torch, as its user would write it; empty where torch or its GPU support is missing."""
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
    }


def emit(folder: Path) -> None:
    """Write the kernels of ``NAMES``."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from agentc.backends import cuda
    from agentc.frontends.kernels import builtin
    from agentc.pipelines.kernels import lower_kernel

    cuda.emit({name: lower_kernel(builtin(name), "gpu") for name in NAMES}, folder, targets=[])


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
        """Mean time of ``run``, of many runs behind each other, after some to warm up."""
        for _ in range(3):
            run()
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
    random = np.random.default_rng(0)
    shapes = {p["name"]: tuple(sizes[d] for d in p["dims"] or ()) for p in (*abi["arguments"], *abi["results"])}
    inputs: list[Any] = [
        random.standard_normal(shapes[p["name"]], dtype=np.float32) if p["dims"] is not None else 0.5
        for p in abi["arguments"]
    ]
    outputs = [np.empty(shapes[p["name"]], DTYPES[p["dtype"]]) for p in abi["results"]]
    places = [device.alloc(o.nbytes) for o in outputs]
    passed: list[Any] = [
        ctypes.c_void_p(device.put(v)) if p["dims"] is not None else SCALARS[p["dtype"]](v)
        for p, v in zip(abi["arguments"], inputs, strict=True)
    ]
    passed += [ctypes.c_void_p(p) for p in places] + [ctypes.c_int64(sizes[s]) for s in abi["sizes"]] + [None]
    launch = getattr(device.library, f"agentc_launch_{name}")
    ms = device.ms(lambda: launch(*passed))
    for place, output in zip(places, outputs, strict=True):
        device.get(place, output)
    wide = [v.astype(np.float64) if isinstance(v, np.ndarray) else v for v in inputs]
    wanted = REFERENCES[name](*wide)
    pairs = zip(outputs, wanted if isinstance(wanted, tuple) else (wanted,), strict=True)
    error = max(float(np.max(np.abs(o - w)) / max(np.max(np.abs(w)), 1e-30)) for o, w in pairs)
    moved = sum(v.nbytes for v in inputs if isinstance(v, np.ndarray)) + sum(o.nbytes for o in outputs)
    half = moved // 2
    from_, to = device.alloc(half), device.alloc(half)
    copy = device.ms(lambda: device.library.bench_copy(to, from_, half))
    device.free()
    other = torch_ms(name, inputs)
    torch_text = f"{other:9.3f} {other / ms:6.2f}x" if other else f"{'-':>9} {'-':>7}"
    print(f"{name:16} {ms:9.3f} {moved / ms / 1e6:9.0f} {copy:9.3f} {copy / ms:6.2f}x {torch_text} {error:9.1e}")


def torch_ms(name: str, inputs: list[Any]) -> float | None:
    """What torch takes, or ``None``."""
    references = torch_references()
    if name not in references:
        return None
    import torch  # pyright: ignore[reportMissingImports]

    tensors = [torch.from_numpy(v).cuda() if isinstance(v, np.ndarray) else v for v in inputs]
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(3):
        references[name](*tensors)
    torch.cuda.synchronize()
    begin.record()
    for _ in range(REPEATS):
        references[name](*tensors)
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / REPEATS


def main() -> int:
    """Build, check, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--arch", default="native", help="architecture for nvcc (default: that of the GPU here)")
    parser.add_argument("--rows", type=int, default=262_144)
    parser.add_argument("--width", type=int, default=1024)
    options = parser.parse_args()
    if not shutil.which("nvcc") or not shutil.which("nvidia-smi"):
        print("skipped: this needs nvcc and a GPU")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if options.folder:
            shutil.copytree(options.folder, folder, dirs_exist_ok=True)
        else:
            emit(folder)
        abis = {n: json.loads(p.read_text()) for n in NAMES if (p := folder / f"{n}.abi.json").is_file()}
        device = Device(build(folder, list(abis), options.arch))
        if not device.library.bench_devices():
            print("skipped: this needs a GPU")
            return 0
        sizes = {"n": options.rows, "d": options.width}
        print(f"[{options.rows}, {options.width}] f32, mean of {REPEATS}, ms; copy: the device's copy of as many bytes")
        head = ("kernel", "ms", "GB/s", "copy", "copy/", "torch", "torch/", "error")
        print("{:16} {:>9} {:>9} {:>9} {:>7} {:>9} {:>7} {:>9}".format(*head))
        for name, abi in abis.items():
            measure(name, abi, device, sizes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
