"""Selections and sorts by rounds, run unchanged on the CPU with the check for races, against NumPy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda import compiler
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel

TEXT = """
import numpy as np
import agentc
from agentc import f32, i8, i32, i64, u8, kernel

@kernel
def best(x: {kind}["r", "n"]) -> tuple[{kind}["r", {k}], i64["r", {k}]]:
    return agentc.top_k(x, {k})

@kernel
def ordered(x: {kind}["n"]) -> i64["n"]:
    return np.argsort(x)
"""
needs_compiler = pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")


def run(name: str, kind: str, x: Any, results: list[Any], folder: Path, k: int = 1, check: bool = True) -> str:
    module = lower_kernel(compile_source(parse(TEXT.format(kind=kind, k=k), "ordered.py"), name), "cuda")
    abi, text = kernel_abi(module), source(module)
    known = {"r": x.shape[0], "n": x.shape[-1]}
    HostKernel(text, abi, folder, check=check)([x], results, [known[s] for s in abi.sizes])
    return text


def stable(x: Any) -> Any:
    """Places in falling order; of equal elements the first comes first, NaN comes last."""
    keys = -x.astype(np.float64)
    return np.argsort(keys, axis=-1, kind="stable")


@needs_compiler
@pytest.mark.parametrize(
    ("kind", "k", "length"), [("f32", 5, 300), ("f32", 1500, 1700), ("u8", 40, 9000), ("f32", 7, 4)]
)
def test_the_largest(kind: str, k: int, length: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.integers(-6 if kind == "f32" else 0, 250, (2, length)).astype({"f32": np.float32, "u8": np.uint8}[kind])
    if kind == "f32":
        x[0, :: length // 3] = np.nan
        x[1, 1:3] = 0.0, -0.0
    values, places = np.full((2, k), 99, x.dtype), np.full((2, k), 99, np.int64)
    text = run("best", kind, x, [values, places], tmp_path, k, check=length < 5000)
    assert "agentc::Order<" in text
    wanted = stable(x)[:, :k]
    count = wanted.shape[1]
    assert np.array_equal(places[:, :count], wanted)
    assert np.array_equal(values[:, :count], np.take_along_axis(x, wanted, 1), equal_nan=kind == "f32")
    assert np.all(places[:, count:] == -1) and np.all(np.isneginf(values[:, count:]))


@needs_compiler
@pytest.mark.parametrize(("kind", "length"), [("f32", 1300), ("i32", 50), ("i8", 2100)])
def test_sorting(kind: str, length: int, tmp_path: Path) -> None:
    dtype = {"f32": np.float32, "i32": np.int32, "i8": np.int8}[kind]
    x = np.random.default_rng(1).integers(-100, 100, length).astype(dtype)
    if kind == "f32":
        x[5], x[6] = np.nan, -np.inf
    found = np.full(length, -9, np.int64)
    run("ordered", kind, x, [found], tmp_path)
    assert np.array_equal(found, np.argsort(x, kind="stable"))


@pytest.mark.skipif(compiler.compiler() is None, reason="needs nvcc or NVRTC to compile CUDA")
def test_compiles_for_a_gpu() -> None:
    module = lower_kernel(compile_source(parse(TEXT.format(kind="f32", k=8), "ordered.py"), "best"), "cuda")
    assert not compiler.compile_source(source(module), "sm_90a").problem
