"""Sums along rows and down columns of one array, in one pass over it."""

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel

TEXT = """
import numpy as np

def sums(x: f32["n", "d"]):
    return np.sum(x, axis=1), np.sum(x, axis=0)

def columns_first(x: f32["n", "d"]):
    return np.max(x, axis=0), np.min(x, axis=0), np.argmax(x, axis=1), np.prod(x * 0.0 + 1.0, axis=0)

def weighed(x: f32["n", "d"], w: f32["n"]):
    return w @ x, x @ (x[0] * 0.5), np.sum(x * x, axis=0)

def related(x: f32["n", "d"]):
    centered = x - np.mean(x, axis=0)
    return centered / np.sum(np.abs(x), axis=1, keepdims=True), np.sum(x, axis=1)

def fixed(x: f32[300, "d"]):
    return np.sum(x, axis=0), np.sum(x, axis=1)

def whole(x: i32["n", "d"]):
    return np.sum(x, axis=1), np.max(x, axis=0)
"""
BLOCKED = ("sums", "columns_first", "weighed", "fixed", "whole")


def expected(name: str, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    match name:
        case "sums" | "fixed":
            return (x.sum(1), x.sum(0))[:: -1 if name == "fixed" else 1]
        case "columns_first":
            return x.max(0), x.min(0), x.argmax(1), np.ones(x.shape[1])
        case "weighed":
            return w @ x, x @ (x[0] * 0.5), (x * x).sum(0)
        case "whole":
            return x.sum(1), x.max(0)
        case _:
            return (x - x.mean(0)) / np.abs(x).sum(1, keepdims=True), x.sum(1)


@pytest.mark.parametrize("name", [*BLOCKED, "related"])
def test_the_answer_stays(name: str) -> None:
    module = compile_source(parse(TEXT, "k.py"), name)
    blocked = any("max(64," in str(t.dims) or t.dims == (5, "d") for t in kernel_abi(lower_kernel(module)).temporaries)
    assert blocked == (name in BLOCKED)
    compiled = compile_kernel(module)
    for n, d in [(300, 3)] if name == "fixed" else [(1, 1), (2, 40), (64, 3), (65, 7), (1100, 33), (9000, 2)]:
        random = np.random.default_rng(n)
        x, w = random.uniform(-2, 2, (n, d)).astype(np.float32), random.uniform(-1, 1, n).astype(np.float32)
        given = (x.astype(np.int32) if name == "whole" else x, *((w,) if name == "weighed" else ()))
        wanted = expected(name, given[0], w)
        for found, one in zip(compiled(*given), wanted, strict=True):
            np.testing.assert_allclose(found, one, rtol=1e-3, atol=1e-2)
        if n * d < 500:
            for found, one in zip(run_kernel(lower_kernel(module), *given), wanted, strict=True):
                np.testing.assert_allclose(found, one, rtol=1e-3, atol=1e-3)
