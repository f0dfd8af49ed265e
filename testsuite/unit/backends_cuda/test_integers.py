"""Arithmetic of integers at its edges: the CUDA text on the CPU and native code, against Python's own integers."""

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.compiler import INCLUDE
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.native import dtype_of

TEXT = """
import numpy as np
def k(a: {0}["n"], b: {0}["n"]):
    return a // b, a % b, a << b, a >> b, a * b - b
"""


def pairs(dtype: str) -> tuple[Any, Any]:
    """Every pair of the numbers at which something may go wrong."""
    info = np.iinfo(dtype_of(dtype))
    edges = [-65, -64, -33, -32, -9, -8, -7, -3, -2, -1, 0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65]
    numbers = {info.min, info.min + 1, info.max, info.max - 1, *(n for n in edges if info.min <= n <= info.max)}
    a, b = np.meshgrid(sorted(numbers), sorted(numbers))
    return a.ravel().astype(dtype_of(dtype)), b.ravel().astype(dtype_of(dtype))


def wanted(dtype: str, a: Any, b: Any) -> list[Any]:
    """What Python says, wrapped. A shift by less than nothing, or by all bits, leaves the sign or nothing."""
    bits = 8 * dtype_of(dtype).itemsize
    answers: list[list[int]] = [[], [], [], [], []]
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        far = not 0 <= y < bits
        each = (
            x // y if y else 0,
            x % y if y else 0,
            0 if far else x << y,
            (-1 if x < 0 else 0) if far else x >> y,
            x * y - y,
        )
        for answer, value in zip(answers, each, strict=True):
            answer.append(
                (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1) if dtype[0] == "i" else value % (1 << bits)
            )
    return [np.array(answer, dtype_of(dtype)) for answer in answers]


@pytest.mark.parametrize("dtype", ["i8", "i32", "i64", "u8", "u32", "u64"])
def test_integers_divide_and_shift_as_python_does(dtype: str, tmp_path: Path) -> None:
    module = compile_source(parse(TEXT.format(dtype), "k.py"), "k")
    a, b = pairs(dtype)
    expected = wanted(dtype, a, b)
    ways = {"meaning": run_kernel(module, a, b), "native": compile_kernel(module)(a, b)}
    if host_compiler() is not None:
        lowered = lower_kernel(module, "cuda")
        results = [np.zeros_like(a) for _ in expected]
        HostKernel(source(lowered), kernel_abi(lowered), tmp_path)([a, b], results, [len(a)])
        ways["cuda"] = results
    for way, found in ways.items():
        for operator, one, right in zip(("//", "%", "<<", ">>", "* -"), found, expected, strict=True):
            wrong = np.flatnonzero(np.asarray(one) != right)
            assert not len(wrong), (way, operator, [(a[i], b[i], one[i], right[i]) for i in wrong[:4]])


FUNCTIONS = ("divide", "remainder", "floor_divide", "shift_left", "shift_right")
TYPES = {"i8": "int8_t", "i32": "int32_t", "i64": "int64_t", "u8": "uint8_t", "u32": "uint32_t", "u64": "uint64_t"}


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The header's own functions, with nothing in front of them that keeps bad values away."""
    if (compiler := host_compiler()) is None:
        pytest.skip("needs g++ or clang++")
    folder = tmp_path_factory.mktemp("functions")
    each = "\n".join(
        f'extern "C" void {name}_{dtype}(const {ctype}* a, const {ctype}* b, {ctype}* out, int64_t n) {{'
        f" for (int64_t i = 0; i < n; ++i) out[i] = agentc::{name}(a[i], b[i]); }}"
        for name in FUNCTIONS
        for dtype, ctype in TYPES.items()
    )
    (folder / "f.cpp").write_text(f'#include "agentc_cuda.cuh"\n{each}\n')
    made = [compiler, "-std=c++17", "-O1", "-fPIC", "-DAGENTC_ON_HOST", "-fsanitize=undefined", "-fno-sanitize-recover"]
    made = [*made, "-fsanitize-undefined-trap-on-error", "-shared", "-w", "-I", str(INCLUDE)]
    subprocess.run([*made, str(folder / "f.cpp"), "-o", str(folder / "f.so")], check=True)
    return ctypes.CDLL(str(folder / "f.so"))


@pytest.mark.parametrize("dtype", sorted(TYPES))
def test_functions_of_the_header_are_defined_for_all_integers(dtype: str, functions: Any) -> None:
    a, b = pairs(dtype)
    floors, _, left, right, _ = wanted(dtype, a, b)
    quotient, rest = (np.zeros_like(a) for _ in range(2))
    info = np.iinfo(a.dtype)
    for i, (x, y) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        toward_zero = (abs(x) // abs(y)) * (1 if (x < 0) == (y < 0) else -1) if y else 0
        quotient[i] = info.min if toward_zero > info.max else toward_zero
        rest[i] = x - toward_zero * y if y else 0
    for name, expected in zip(FUNCTIONS, (quotient, rest, floors, left, right), strict=True):
        found = np.zeros_like(a)
        places = [ctypes.c_void_p(array.ctypes.data) for array in (a, b, found)]
        functions[f"{name}_{dtype}"](*places, ctypes.c_int64(len(a)))
        wrong = np.flatnonzero(found != expected)
        assert not len(wrong), (name, [(a[i], b[i], found[i], expected[i]) for i in wrong[:4]])
