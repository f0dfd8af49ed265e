"""Reductions over everything and down columns, cut into blocks: every target gives what NumPy gives, and any number of
threads the same bits."""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.backends.onnx.kernels import kernel_model
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.passes import cut_column_sums, cut_kernel_reductions
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.native import dtype_of
from agentc.runtime.onnx_kernels import run_model

BODIES = {
    "total": "np.sum(x)",
    "extremes": "np.max(x), np.min(x * 2.0), np.sum(x * x)",
    "softmax": "np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)))",
    "columns": "np.sum(x, axis=0)",
    "column_extremes": "np.max(x, axis=0), np.min(x, axis=0), np.sum(x * x, axis=0)",
    "centered": "np.sum((x - np.mean(x)) ** 2)",
    "weighed": "x[:, 0] @ x",
}
MANY = dict.fromkeys(BODIES, '"n", "d"')
SHORT = {"total": '"n"', "extremes": '"n"', "softmax": '"n"', "centered": '"n"'}


def text_of(name: str, axes: str) -> str:
    return f"import numpy as np\ndef k(x: f32[{axes}]):\n    return {BODIES[name]}\n"


@cache
def module_of(name: str, axes: str) -> Any:
    return compile_source(parse(text_of(name, axes), "k.py"), "k")


def expected(name: str, x: np.ndarray) -> list[np.ndarray]:
    names: dict[str, Any] = {}
    exec(f"import numpy as np\ndef k(x):\n    return {BODIES[name]}\n", names)
    found = names["k"](x.astype(np.float64))
    return list(found) if isinstance(found, tuple) else [found]


def agree(found: Any, wanted: list[np.ndarray]) -> None:
    values = found if isinstance(found, tuple | list) else (found,)
    for one, other in zip(values, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4)


@pytest.fixture(scope="module", autouse=True)
def _short_blocks() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Blocks so short that small arrays have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut_column_sums, "HEIGHT", 4)
        patch.setattr(cut_kernel_reductions, "LENGTH", 8)
        yield


@cache
def native(name: str, axes: str) -> Any:
    return compile_kernel(module_of(name, axes))


@cache
def loops(name: str, axes: str) -> Any:
    return lower_kernel(module_of(name, axes))


@cache
def graph(name: str, axes: str) -> Any:
    return kernel_model(module_of(name, axes))


CASES = [*((name, axes) for name, axes in MANY.items()), *((name, axes) for name, axes in SHORT.items())]


@pytest.mark.parametrize("name, axes", CASES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 41), st.integers(1, 19), st.integers(0, 9))
def test_every_target_means_what_numpy_means(name: str, axes: str, n: int, d: int, seed: int) -> None:
    shape = (n, d) if "d" in axes else (n,)
    x = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    wanted = expected(name, x)
    agree(native(name, axes)(x), wanted)
    agree(run_kernel(loops(name, axes), x), wanted)
    agree(run_kernel(module_of(name, axes), x), wanted)
    agree(run_model(graph(name, axes), [x]), wanted)


@pytest.mark.parametrize("name", ["total", "columns", "column_extremes"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_of_nothing_comes_what_changes_nothing(name: str, shape: tuple[int, int]) -> None:
    found = native(name, MANY[name])(np.zeros(shape, np.float32))
    values = found if isinstance(found, tuple) else (found,)
    starts = [-np.inf, np.inf, 0.0] if name == "column_extremes" else [0.0]
    for value, start in zip(values, starts, strict=True):
        wanted = np.full(() if name == "total" else shape[1:], start, np.float32)
        np.testing.assert_array_equal(value, wanted)


def test_a_number_that_is_none_shows() -> None:
    for place in (0, 9, 22):
        x = np.zeros(23, np.float32)
        x[place] = np.nan
        greatest, least, total = native("extremes", SHORT["extremes"])(x)
        assert np.isnan(greatest) and np.isnan(least) and np.isnan(total)


@pytest.mark.parametrize("name, axes", [("softmax", '"n"'), ("columns", '"n", "d"'), ("total", '"n", "d"')])
def test_threads_give_the_same_bits(name: str, axes: str) -> None:
    x = np.random.default_rng(7).standard_normal((5003, 41) if "d" in axes else 201_234).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut_column_sums, "HEIGHT", 256)
        patch.setattr(cut_kernel_reductions, "LENGTH", 8192)
        first = compile_kernel(module_of(name, axes), 1)(x)
        for threads in (2, 3, 7):
            np.testing.assert_array_equal(compile_kernel(module_of(name, axes), threads)(x), first)
    agree(first, expected(name, x))


@pytest.mark.skipif(host_compiler() is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("name", ["total", "columns"])
def test_cuda_means_what_numpy_means(name: str) -> None:
    lowered = lower_kernel(module_of(name, MANY[name]), "cuda")
    abi = kernel_abi(lowered)
    with tempfile.TemporaryDirectory() as folder:
        run = HostKernel(source(lowered), abi, Path(folder), check=True)
        for n, d in ((1, 1), (37, 5)):
            x = np.random.default_rng(n).uniform(-1, 1, (n, d)).astype(np.float32)
            known = {"n": n, "d": d}
            results = [
                np.zeros([s if isinstance(s, int) else known[s] for s in p.dims or ()], dtype_of(p.dtype))
                for p in abi.results
            ]
            run([x], results, [known[s] for s in abi.sizes])
            agree(results, expected(name, x))
