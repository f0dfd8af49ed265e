"""Results that are written past the caches are what they would be otherwise, wherever they lie."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from kernel_sample import SIZES, arguments
from xdsl.dialects import vector
from xdsl.passes import ModulePass

from agentc.backends.llvm import optimized_module
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.passes.stream_kernel_rows import StreamKernelRowsPass
from agentc.pipelines import kernels
from agentc.pipelines.kernels import compile_kernel, kernel_passes, lower_kernel
from agentc.plan.kernels import LINE
from agentc.runtime.interpreters import run_kernel, scalars

STREAMED = (
    *("relu", "gelu", "silu", "sigmoid", "swiglu", "rms_norm", "layer_norm", "l2_normalize"),
    *("quantize_int8", "dequantize_int8", "dequantize_int8_groups", "cosine_gate", "softmax_rows", "log_softmax_rows"),
)
WIDE = {**SIZES, "n": 9, "d": 64, "g": 4}
DTYPES = {"f32": "x * 2 + y", "f64": "x * 2 + y", "i32": "x * 2 + y", "i64": "x - y", "i8": "x + y", "u8": "x ^ y"}


def elementwise(dtype: str, dims: str = '"n", "d"') -> Any:
    text = (
        f"import numpy as np\nfrom agentc import {dtype}\n"
        f"def k(x: {dtype}[{dims}], y: {dtype}[{dims}]) -> {dtype}[{dims}]:\n    return {DTYPES[dtype]}\n"
    )
    return compile_source(parse(text, "k.py"), "k")


def every_size(device: kernels.Device = "cpu") -> list[ModulePass]:
    """The passes, for which nothing is too small."""
    return [StreamKernelRowsPass(0) if isinstance(p, StreamKernelRowsPass) else p for p in kernel_passes(device)]


def placed(like: np.ndarray, shift: int) -> np.ndarray:
    """An array ``shift`` bytes behind a line of the cache, with as much before and after it, which must stay as it is."""
    memory = np.full(like.nbytes + 3 * LINE, 77, np.uint8)
    first = -memory.ctypes.data % LINE + LINE + shift
    return memory[first : first + like.nbytes].view(like.dtype).reshape(like.shape)


def rest(array: np.ndarray) -> np.ndarray:
    """What lies around ``array``, which ``placed`` made."""
    memory: Any = array
    while memory.base is not None:
        memory = memory.base
    first = array.ctypes.data - memory.ctypes.data
    return np.concatenate([memory[:first], memory[first + array.nbytes :]])


def streams(module: Any) -> bool:
    return any(isinstance(op, vector.StoreOp) and op.nontemporal.value.data for op in lower_kernel(module).walk())


def test_which_kernels_of_the_library_have_such_rows() -> None:
    assert [name for name in BUILTINS if streams(builtin(name))] == list(STREAMED)


@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("shift", [0, 4, 32])
@pytest.mark.parametrize("columns", [64, 80, 60])
def test_the_same_bits(name: str, shift: int, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = compile_kernel(builtin(name), threads=2)
    given = arguments(usual.abi, {**WIDE, "d": columns, "m": columns})
    wanted = usual(*given)
    monkeypatch.setattr(kernels, "kernel_passes", every_size)
    streaming = compile_kernel(builtin(name), threads=2)
    first, *others = wanted if isinstance(wanted, tuple) else (wanted,)
    out = [placed(array, shift) for array in (first, *others)]
    streaming(*given, out=tuple(out) if others else out[0])
    for array, expected in zip(out, (first, *others), strict=True):
        assert array.tobytes() == expected.tobytes()
        assert (rest(array) == 77).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_more_than_caches_hold(dtype: str) -> None:
    kernel = compile_kernel(elementwise(dtype), threads=2)
    random, numbers = (
        np.random.default_rng(0),
        np.dtype({"f": "f", "i": "i", "u": "u"}[dtype[0]] + str(int(dtype[1:]) // 8)),
    )
    shape = ((64 << 20) // numbers.itemsize // 1024 + 3, 1024)
    x, y = (random.integers(0, 100, shape).astype(numbers) for _ in range(2))
    made = kernel(x, y)
    assert made.ctypes.data % LINE == 0
    assert np.array_equal(made, eval(DTYPES[dtype], {"x": x, "y": y}))


@pytest.mark.parametrize("dims", ['"b", "n", "d"', '"n", 48', '3, "n", "d"'])
def test_other_ranks_and_known_sizes(dims: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert streams(elementwise("f32", dims))
    monkeypatch.setattr(kernels, "kernel_passes", every_size)
    kernel = compile_kernel(elementwise("f32", dims))
    shape = [int(d) if d.isdigit() else {"b": 2, "n": 5, "d": 32}[d.strip('"')] for d in dims.split(", ")]
    x, y = np.random.default_rng(0).random((2, *shape), np.float32)
    out = placed(x, 0)
    kernel(x, y, out=out)
    assert np.array_equal(out, x * 2 + y)


@pytest.mark.parametrize("dims", ['"n", 12', "100, 32", '"n"'])
def test_rows_that_never_fill_lines_and_small_results_are_left_alone(dims: str) -> None:
    assert not streams(elementwise("f32", dims))


@pytest.mark.parametrize("name", ["softmax_rows", "rms_norm", "quantize_int8"])
@pytest.mark.parametrize("shift", [0, 4])
def test_the_meaning_is_the_same(name: str, shift: int, monkeypatch: pytest.MonkeyPatch) -> None:
    given = arguments(compile_kernel(builtin(name)).abi, {**WIDE, "n": 3})
    wanted = run_kernel(builtin(name), *given)
    nonsense = scalars.nonsense

    def lying(shape: Sequence[int], dtype: np.dtype[Any]) -> np.ndarray:
        made = placed(nonsense(shape, dtype), shift)
        made[...] = 77
        return made

    monkeypatch.setattr(scalars, "nonsense", lying)
    monkeypatch.setattr(kernels, "kernel_passes", every_size)
    for array, expected in zip(run_kernel(lower_kernel(builtin(name)), *given), wanted, strict=True):
        assert np.allclose(array, expected, rtol=1e-5)
        assert (rest(array) == 77).all()


def test_what_goes_past_the_caches_is_there_before_the_phase_ends() -> None:
    text = str(optimized_module(lower_kernel(builtin("rms_norm")), "x86-64-v4"))
    assert text.count("!nontemporal") == 1 and "align 64, !nontemporal" in text
    assert text.count("fence seq_cst") >= 1
