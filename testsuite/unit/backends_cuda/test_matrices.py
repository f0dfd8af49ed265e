"""Matrix products by tiles, run unchanged on the CPU with the check for races, against NumPy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda import compiler
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel

TEXT = """
import numpy as np
from agentc import bf16, f16, f32, kernel

@kernel
def product(a: {kind}[{a}], b: {kind}[{b}], bias: f32["m"]) -> f32["n", "m"]:
    return np.maximum(({left} @ {right}).astype(f32) + bias, 0.0)
"""
ALIGNED = {"n": 136, "k": 72, "m": 200}
"""Every load moves 16 bytes; the edges are no whole tiles."""
SMALL = {"n": 72, "k": 104, "m": 88}
ODD = {"n": 67, "k": 37, "m": 35}
TURNED = {True: ('"k", "n"', "a.T", '"m", "k"', "b.T"), False: ('"n", "k"', "a", '"k", "m"', "b")}
CASES = [
    ("f32", False, False, ALIGNED, 128),
    ("f32", True, True, ODD, 64),
    ("f32", True, False, ALIGNED, 64),
    ("bf16", False, False, SMALL, 64),
    ("bf16", True, True, ODD, 128),
    ("f16", False, True, SMALL, 128),
]


def product(kind: str, a_turned: bool, b_turned: bool) -> ModuleOp:
    a, left, _, _ = TURNED[a_turned]
    _, _, b, right = TURNED[b_turned]
    text = TEXT.format(kind=kind, a=a, b=b, left=left, right=right)
    return lower_kernel(compile_source(parse(text, "product.py"), "product"), "gpu")


def rounded(kind: str, values: Any) -> tuple[Any, Any]:
    """What a kernel is given, and the same as f32."""
    if kind == "bf16":
        bits = (values.view(np.uint32) + 0x8000) >> 16
        return bits.astype(np.uint16), (bits << 16).astype(np.uint32).view(np.float32)
    narrow = values.astype({"f16": np.float16, "f32": np.float32}[kind])
    return narrow, narrow.astype(np.float32)


@pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")
@pytest.mark.parametrize(("kind", "a_turned", "b_turned", "sizes", "tile"), CASES)
def test_products(kind: str, a_turned: bool, b_turned: bool, sizes: dict[str, int], tile: int, tmp_path: Path) -> None:
    module = product(kind, a_turned, b_turned)
    abi, text = kernel_abi(module), source(module)
    text = text.replace(">= 96)", f">= {1 if tile == 128 else 10**6})")
    random = np.random.default_rng(0)
    shapes = [("k", "n") if a_turned else ("n", "k"), ("m", "k") if b_turned else ("k", "m")]
    given = [rounded(kind, random.standard_normal([sizes[d] for d in s]).astype(np.float32)) for s in shapes]
    bias = random.standard_normal(sizes["m"]).astype(np.float32)
    found = np.full((sizes["n"], sizes["m"]), 99, np.float32)
    HostKernel(text, abi, tmp_path, check=True)(
        [given[0][0], given[1][0], bias], [found], [sizes[s] for s in abi.sizes]
    )
    left, right = (wide.T if t else wide for (_, wide), t in zip(given, (a_turned, b_turned), strict=True))
    exact = left.astype(np.float64) @ right.astype(np.float64)
    digits = {"f32": 2e-6, "f16": 1e-3, "bf16": 8e-3}[kind]
    wanted = np.maximum(exact + bias, 0)
    assert np.max(np.abs(found - wanted)) <= digits * np.max(np.abs(exact))


def test_each_kind_of_factor_has_its_tile() -> None:
    assert "agentc::FloatTile<128>, true, false>(a, b, high, m, k" in source(product("f32", False, False))
    text = source(product("bf16", True, True))
    assert "agentc::HalfTile<agentc::bfloat16, 64>, false, true>(a, b, high, m, k" in text
    assert "agentc::multiply" not in source(lower_kernel(builtin("weighted_sum"), "gpu"))


@pytest.mark.skipif(compiler.compiler() is None, reason="needs nvcc or NVRTC to compile CUDA")
def test_tensor_cores_and_copies_ahead_are_used() -> None:
    made = compiler.compile_source(source(product("bf16", False, True)), "sm_90a")
    assert not made.problem
    for instruction in (b"mma.sync.aligned.m16n8k16", b"ldmatrix.sync.aligned", b"cp.async.cg", b"cp.async.wait_group"):
        assert instruction in made.ptx
    assert b".local" not in made.ptx  # all sums stay in registers


@pytest.mark.skipif(host_compiler() is None, reason="needs a C++ compiler")
def test_a_row_that_is_read_again_is_no_product_by_tiles(tmp_path: Path) -> None:
    """The diagonal of a product is of the row, not of each element: tiles would read it before it is there."""
    text = 'import numpy as np\ndef k(x: f32["n", "d"]):\n    return np.einsum("ii->i", x @ x.T)\n'
    module = lower_kernel(compile_source(parse(text, "k.py"), "k"), "cuda")
    code = source(module)
    assert "agentc::multiply" not in code
    x, found = np.random.default_rng(0).standard_normal((70, 9)).astype(np.float32), np.zeros(70, np.float32)
    HostKernel(code, kernel_abi(module), tmp_path, check=True)([x], [found], [70, 9])
    np.testing.assert_allclose(found, np.sum(x * x, axis=1), rtol=1e-5)
