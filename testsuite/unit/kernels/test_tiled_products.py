"""Products of matrices at every kind of edge: blocks that overlap, few rows, few columns, nothing at all."""

import re

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.native import NativeKernel

SHAPES = [
    (rows, depth, columns)
    for rows in (0, 1, 5, 6, 7, 12, 23, 24, 25, 61)
    for depth, columns in ((1, 16), (7, 15), (33, 17), (0, 16), (5, 1), (64, 48), (3, 0))
]


@pytest.fixture(scope="module", params=["matmul", "linear", "double"])
def product(request: pytest.FixtureRequest) -> tuple[str, NativeKernel]:
    if request.param != "double":
        return request.param, compile_kernel(builtin(request.param), threads=2)
    text = 'def f(a: f64["n", "k"], b: f64["k", "m"]) -> f64["n", "m"]:\n    return a @ b\n'
    return request.param, compile_kernel(compile_source(parse(text, "k.py"), "f"), threads=2)


def test_against_numpy(product: tuple[str, NativeKernel]) -> None:
    name, kernel = product
    dtype = np.float64 if name == "double" else np.float32
    random = np.random.default_rng(3)
    for rows, depth, columns in SHAPES:
        a = random.standard_normal((rows, depth)).astype(dtype)
        b = random.standard_normal((depth, columns)).astype(dtype)
        wanted = a @ b
        if name == "linear":
            bias = random.standard_normal(columns).astype(dtype)
            found = kernel(a, np.ascontiguousarray(b.T), bias)
            wanted = wanted + bias
        else:
            found = kernel(a, b)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5, err_msg=str((rows, depth, columns)))


def test_the_inner_loop_is_multiply_add_on_wide_vectors() -> None:
    from agentc.backends.llvm import optimized_ir
    from agentc.pipelines.kernels import lower_kernel

    text = optimized_ir(lower_kernel(builtin("matmul")), "x86-64-v4")
    assert text.count("fmul contract <16 x float>") + text.count("contract <16 x float>") >= 6


def test_the_interpreter_agrees_before_and_after() -> None:
    module = builtin("linear")
    random = np.random.default_rng(5)
    x, weight, bias = (random.standard_normal(s).astype(np.float32) for s in ((25, 3), (17, 3), (17,)))
    for stage in (module, lower_kernel(module)):
        found = run_kernel(stage, x, weight, bias)[0]
        np.testing.assert_allclose(found, x @ weight.T + bias, rtol=1e-5, atol=1e-6)


def test_a_matrix_is_turned_as_it_is_written() -> None:
    from agentc.backends.llvm import optimized_ir

    text = optimized_ir(lower_kernel(builtin("linear")), "x86-64-v4")
    turning = next(part for part in text.split("\n}\n") if re.search(r"^define .*@agentc_linear_p0\(", part, re.M))
    assert turning.count("insertelement <16 x float>") == 16 and "vector.body" not in turning


def test_nan_and_infinity_stay_in_their_rows(product: tuple[str, NativeKernel]) -> None:
    name, kernel = product
    if name == "linear":
        return
    dtype = np.float64 if name == "double" else np.float32
    a, b = np.ones((13, 20), dtype), np.ones((20, 33), dtype)
    a[3, 4], a[12, 0] = np.nan, np.inf
    found = kernel(a, b)
    assert np.isnan(found[3]).all() and np.isinf(found[12]).all()
    assert (np.delete(found, [3, 12], axis=0) == 20).all()


CHAIN = """
import numpy as np
def k(x: f32["n", "d"], w: f32["d", "d"]):
    return x @ w @ w @ w.T, (x + 1.0) @ w
"""


@pytest.mark.parametrize(("n", "d"), [(5, 5), (6, 16), (30, 40), (3, 50)])
def test_products_by_one_matrix_lay_it_out_once(n: int, d: int) -> None:
    module = compile_source(parse(CHAIN, "k.py"), "k")
    packs = [t for t in kernel_abi(lower_kernel(module)).temporaries if t.dims and t.dims[-1] == 16]
    assert len(packs) == 2, "one as it stands, one turned"
    x, w = (np.random.default_rng(n).uniform(-1, 1, s).astype(np.float32) for s in ((n, d), (d, d)))
    found = compile_kernel(module)(x, w)
    for one, wanted in zip(found, (x @ w @ w @ w.T, (x + 1) @ w), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["matmul", "linear", "int4_matvec"])
def test_what_a_kernel_allocates_it_frees(name: str) -> None:
    from xdsl.dialects import memref

    from agentc.pipelines.kernels import lower_kernel

    ops = list(lower_kernel(builtin(name)).walk())
    made = [op.memref for op in ops if isinstance(op, memref.AllocOp)]
    assert made
    assert {op.memref for op in ops if isinstance(op, memref.DeallocOp)} == set(made)


TABLE = """
import numpy as np
from agentc import {type}
def k(x: {type}["n", {k}]):
    w = np.cos(np.arange({k})[:, None] * 3 + np.arange({m})[None]).astype({type})
    return x @ w, x @ w + 1.0, x @ np.cos(np.arange({m})[:, None] + np.arange({k})[None]).astype({type}).T
"""


@pytest.mark.parametrize(("type_", "k", "m"), [("f32", 7, 16), ("f32", 33, 41), ("f64", 1, 17), ("f32", 5, 15)])
def test_a_constant_is_laid_out_while_compiling(type_: str, k: int, m: int) -> None:
    module = compile_source(parse(TABLE.format(type=type_, k=k, m=m), "k.py"), "k")
    lowered = lower_kernel(module)
    shapes = [t.dims for t in kernel_abi(lowered).temporaries]
    lanes = 16 if type_ == "f32" else 8
    assert not any(len(dims or ()) == 3 for dims in shapes), "nothing is laid out at a call"
    assert ("_packed" in str(lowered)) == (m >= lanes)
    kernel, dtype = compile_kernel(module, threads=2), np.float32 if type_ == "f32" else np.float64
    depth, columns = np.arange(k), np.arange(m)
    w = np.cos(depth[:, None] * 3 + columns).astype(dtype)
    turned = np.cos(columns[:, None] + depth).astype(dtype).T
    for n in (0, 1, 2, 5, 6, 7, 11, 12, 25):
        x = np.random.default_rng(n).uniform(-1, 1, (n, k)).astype(dtype)
        for one, wanted in zip(kernel(x), (x @ w, x @ w + 1, x @ turned), strict=True):
            np.testing.assert_allclose(one, wanted, rtol=1e-4, atol=1e-5)
