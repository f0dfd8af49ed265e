"""Products of matrices at every kind of edge: blocks that overlap, few rows, few columns, nothing at all."""

import re
from dataclasses import replace

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.llvm import optimized_ir
from agentc.backends.llvm.targets import find, object_of, optimized
from agentc.backends.llvm.translate import translate
from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel, vectors
from agentc.runtime.native import NativeKernel, load_object

SHAPES = [
    (rows, depth, columns)
    for rows in (0, 1, 5, 6, 7, 12, 23, 24, 25, 61)
    for depth, columns in ((1, 16), (7, 15), (33, 17), (0, 16), (5, 1), (64, 48), (3, 0), (17, 64), (18, 81), (3, 150))
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


@pytest.mark.parametrize(
    ("target", "sums"),
    [("x86-64-v4", 24), ("sapphirerapids", 24), ("znver5", 24), ("x86-64-v3", 6), ("x86-64", 6), ("neoverse-v2", 6)],
)
def test_blocks_are_as_wide_as_registers_allow(target: str, sums: int) -> None:
    text = optimized_ir(lower_kernel(builtin("matmul")), target)
    blocks = [part.count("phi <16 x float>") for part in re.split(r"\n\n", text)]
    assert max(blocks) == sums
    assert "vector_ext" not in text


def test_few_rows_are_summed_by_vectors() -> None:
    text = optimized_ir(lower_kernel(builtin("linear")), "x86-64-v3")
    assert re.search(r"fadd reassoc .*<8 x float>", text) and "@llvm.vector.reduce.fadd.v8f32" in text


def on_this_machine(name: str, registers: int) -> NativeKernel:
    """The kernel for this processor as if its registers held so much."""
    lowered, host = lower_kernel(builtin(name)), find("host")
    code = str(translate(lowered, replace(host.traits, registers=registers), phases=True))
    return load_object(object_of(optimized(code, host), host), kernel_abi(lowered), threads=2)


@pytest.mark.parametrize("name", ["matmul", "linear"])
def test_the_same_bits_whatever_the_registers(name: str) -> None:
    narrow, wide = (on_this_machine(name, registers) for registers in (256, 2048))
    random = np.random.default_rng(5)
    for n, k, m in [(6, 9, 64), (25, 40, 63), (31, 130, 65), (48, 17, 128), (50, 33, 161), (24, 1, 500)]:
        a = random.standard_normal((n, k), np.float32)
        b = random.standard_normal((m, k) if name == "linear" else (k, m), np.float32)
        given = (a, b, np.zeros(m, np.float32)) if name == "linear" else (a, b)
        found = narrow(*given), wide(*given)
        assert found[0].tobytes() == found[1].tobytes(), (n, k, m)
        np.testing.assert_allclose(found[1], a @ (b.T if name == "linear" else b), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("registers", [256, 2048])
def test_the_interpreter_means_the_same(registers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "REGISTERS", registers)
    random = np.random.default_rng(7)
    for n, k, m in [(7, 3, 81), (6, 18, 64), (13, 2, 150), (3, 2, 70)]:
        a, b = random.standard_normal((n, k), np.float32), random.standard_normal((k, m), np.float32)
        (found,) = run_kernel(lower_kernel(builtin("matmul")), a, b)
        np.testing.assert_allclose(found, a @ b, rtol=1e-4, atol=1e-5)


def test_a_kernel_remembers_the_sizes_of_the_last_call_alone() -> None:
    kernel = compile_kernel(builtin("matmul"), threads=2)
    for n, k, m in [(30, 8, 64), (60, 8, 64), (30, 20, 64), (30, 8, 16), (30, 8, 64)]:
        a, b = np.ones((n, k), np.float32), np.ones((k, m), np.float32)
        np.testing.assert_array_equal(kernel(a, b), np.full((n, m), k, np.float32))


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


@pytest.mark.parametrize(
    ("type_", "k", "m"), [("f32", 7, 16), ("f32", 33, 41), ("f64", 1, 17), ("f32", 5, 15), ("f32", 4, 85)]
)
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
