"""Runs one kernel on one target, and measures how far its results are from NumPy's."""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from kernel_sample import arguments, reference

from agentc.analyses.kernel_abi import kernel_abi
from agentc.frontends.kernels import builtin
from agentc.plan.kernels import KernelAbi, Parameter
from agentc.plan.sizes import Sizes

SMALL: Mapping[str, int] = {
    "n": 5,
    "d": 4,
    "k": 3,
    "m": 3,
    "t": 8,
    "lists": 3,
    "g": 2,
    "q": 2,
    "h": 2,
    "r": 3,
    "b": 2,
    "v": 9,
}
ONES: Mapping[str, int] = {**dict.fromkeys(SMALL, 1), "t": 4}
LARGER: Mapping[str, int] = {
    "n": 150,
    "d": 70,
    "k": 40,
    "m": 36,
    "t": 90,
    "lists": 4,
    "g": 3,
    "q": 4,
    "h": 3,
    "r": 8,
    "b": 4,
    "v": 200,
}
TOLERANCE = 2e-4
"""Relative to 1 plus the size of the value: single precision in sums of a few hundred terms."""
Runner = Callable[[str, list[Any], Mapping[str, int]], list[Any]]


class Unsupported(Exception):
    """The target refuses the kernel; the text says why."""


def tensors(name: str, values: list[Any], sizes: Mapping[str, int]) -> list[Any]:
    """The interpreter, on tensors as the frontend made them."""
    from agentc.runtime.interpreters import run_kernel

    return run_kernel(builtin(name), *values)


def loops(name: str, values: list[Any], sizes: Mapping[str, int]) -> list[Any]:
    """The interpreter, on the loops that a processor is given."""
    from agentc.runtime.interpreters import run_kernel

    return run_kernel(lowered(name), *values)


@cache
def lowered(name: str) -> Any:
    """The kernel as a processor is given it."""
    from agentc.pipelines.kernels import lower_kernel

    return lower_kernel(builtin(name))


def unfused(name: str, values: list[Any], sizes: Mapping[str, int]) -> list[Any]:
    """Native code without any fusion, and with a memory of its own for each array."""
    return _list(_unfused(name)(*values))


@cache
def _unfused(name: str) -> Any:
    from xdsl.context import Context

    from agentc.backends.llvm import optimized_ir
    from agentc.passes.fuse_kernel_gathers import FuseKernelGathersPass
    from agentc.passes.fuse_kernel_loops import FuseKernelLoopsPass
    from agentc.passes.fuse_kernels import FuseKernelsPass
    from agentc.passes.merge_kernel_twins import MergeKernelTwinsPass
    from agentc.passes.share_kernel_buffers import ShareKernelBuffersPass
    from agentc.pipelines.kernels import kernel_passes
    from agentc.runtime.native import load_ir

    module = builtin(name)
    for step in kernel_passes():
        if not isinstance(
            step,
            FuseKernelsPass
            | FuseKernelGathersPass
            | FuseKernelLoopsPass
            | MergeKernelTwinsPass
            | ShareKernelBuffersPass,
        ):
            step.apply(Context(), module)
    return load_ir(optimized_ir(module, "host"), kernel_abi(module))


def llvm(name: str, values: list[Any], sizes: Mapping[str, int]) -> list[Any]:
    """Native code."""
    return _list(_native(name)(*values))


@cache
def _native(name: str) -> Any:
    from agentc.pipelines.kernels import compile_kernel

    return compile_kernel(builtin(name))


def cuda(name: str, values: list[Any], sizes: Mapping[str, int]) -> list[Any]:
    """CUDA text, run unchanged on the processor."""
    from agentc.runtime.native import dtype_of

    abi, run = _on_host(name)
    known = sizes_of(abi, values)
    results = [
        np.zeros([d if isinstance(d, int) else known[d] for d in p.dims or ()], dtype_of(p.dtype)) for p in abi.results
    ]
    run(values, results, [known[s] for s in abi.sizes])
    return results


@cache
def _on_host(name: str) -> tuple[KernelAbi, Any]:
    from agentc.backends.cuda.host import HostKernel, host_compiler
    from agentc.backends.cuda.source import source
    from agentc.pipelines.kernels import lower_kernel

    if host_compiler() is None:
        raise Unsupported("needs g++ or clang++")
    module = lower_kernel(builtin(name), "cuda")
    abi = kernel_abi(module)
    with tempfile.TemporaryDirectory() as folder:
        return abi, HostKernel(source(module), abi, Path(folder), check=True)


def onnx(name: str, values: list[Any], sizes: Mapping[str, int]) -> list[Any]:
    """The ONNX graph, by ONNX Runtime."""
    from agentc.runtime.onnx_kernels import run_model

    return run_model(_graph(name), values)


@cache
def _graph(name: str) -> Any:
    from agentc.backends.onnx.kernels import kernel_model

    return kernel_model(builtin(name))


TARGETS: Mapping[str, Runner] = {
    "interpreter": tensors,
    "loops": loops,
    "unfused": unfused,
    "llvm": llvm,
    "onnx": onnx,
    "cuda": cuda,
}


def sizes_of(abi: KernelAbi, values: Sequence[Any]) -> Sizes:
    """The sizes that the arguments have."""
    known = Sizes()
    for parameter, value in zip(abi.arguments, values, strict=True):
        known.update(_plain(parameter, value))
    return known


def _plain(parameter: Parameter, value: Any) -> dict[str, int]:
    pairs = zip(parameter.dims or (), np.shape(value), strict=parameter.dims is not None)
    return {d: n for d, n in pairs if isinstance(d, str) and d.isidentifier()}


def _list(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


def error(found: Sequence[Any], wanted: Sequence[Any]) -> float:
    """The largest distance, relative to 1 plus the size of the value; equal infinities and NaN have none."""
    worst = 0.0
    for a, b in zip(found, wanted, strict=True):
        if np.shape(a) != np.shape(b):
            return float("inf")
        left, right = np.asarray(a).astype("f8"), np.asarray(b).astype("f8")
        with np.errstate(all="ignore"):
            apart = np.abs(left - right) / (1.0 + np.abs(right))
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        worst = max(worst, float(np.max(np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart)), initial=0.0)))
    return worst


def measure(name: str, target: str, sizes: Mapping[str, int], seed: int) -> float:
    """The error of a kernel on a target.

    Raises:
        Unsupported: the target refuses it.
    """
    from agentc.support.diagnostics import Refused

    values = arguments(kernel_abi(lowered(name)), sizes, seed)
    wanted = reference(name, values)
    try:
        return error(TARGETS[target](name, values, sizes), wanted)
    except Refused as refused:
        raise Unsupported(refused.diagnostics[0].message) from refused
