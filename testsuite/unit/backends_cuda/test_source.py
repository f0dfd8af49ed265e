"""CUDA text, run unchanged on the CPU, against NumPy, in each of the ways in which work is shared out."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from kernel_sample import NUMPY, SIZES, arguments, assert_close, reference

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import kind_of, source
from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import Device, lower_kernel
from agentc.plan.sizes import Sizes

needs_compiler = pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")
LONG: Mapping[str, int] = {"n": 9, "d": 4100, "k": 64, "m": 36, "t": 70, "lists": 3}
"""Rows longer than a warp's share, and sizes that fours divide."""
TALL: Mapping[str, int] = {"n": 70_001, "d": 3, "t": 1100}
"""Long enough for many blocks."""
CASES = [
    ("gpu", "cosine_softmax", SIZES),
    ("gpu", "cosine_gate", LONG),
    ("gpu", "mean_pool", SIZES),
    ("gpu", "mean_pool", TALL),
    ("gpu", "softmax", TALL),
    ("gpu", "linear", SIZES),
    ("gpu", "matmul", LONG),
    ("gpu", "quantize_int8", LONG),
    ("gpu", "reciprocal_rank_fusion", SIZES),
    ("cuda", "layer_norm", SIZES),
    ("cuda", "cosine_top_k", SIZES),
    ("gpu", "int4_matvec", SIZES),
    ("gpu", "mask_pii", SIZES),
    ("cuda", "mask_pii", {**SIZES, "n": 1700}),  # pieces of 512
    ("cuda", "sample_top_p", SIZES),
    ("gpu", "maximal_marginal_relevance", SIZES),
    ("cuda", "maximal_marginal_relevance", {**SIZES, "n": 5, "d": 33_000}),  # a norm by many blocks
    ("cpu", "attention_pool", SIZES),
]


def run_on_host(
    module: Any, values: list[Any], sizes: Mapping[str, int], folder: Path, *changes: tuple[str, str]
) -> list[np.ndarray]:
    """``changes``: what of the text is replaced by what."""
    abi, text = kernel_abi(module), source(module)
    for good, other in changes:
        assert good in text
        text = text.replace(good, other)
    known = Sizes(sizes)
    shapes = [[d if isinstance(d, int) else known[d] for d in p.dims or ()] for p in abi.results]
    results = [np.full(s, 99, NUMPY[p.dtype]) for s, p in zip(shapes, abi.results, strict=True)]
    HostKernel(text, abi, folder, check=True)(values, results, [known[s] for s in abi.sizes])
    return results


@needs_compiler
@pytest.mark.parametrize(("device", "name", "sizes"), CASES, ids=lambda c: c if isinstance(c, str) else str(c["d"]))
def test_text_matches_numpy(device: str, name: str, sizes: Mapping[str, int], tmp_path: Path) -> None:
    module = lower_kernel(builtin(name), cast(Device, device))
    values = arguments(kernel_abi(module), sizes)
    for found, wanted in zip(run_on_host(module, values, sizes, tmp_path), reference(name, values), strict=True):
        assert_close(found, wanted)


@needs_compiler
def test_a_divergent_barrier_is_told(tmp_path: Path) -> None:
    """The fibers stop where a GPU would hang."""
    import subprocess

    from agentc.backends.cuda.compiler import INCLUDE

    text = """#include "agentc_cuda.cuh"
__global__ void bad(int) { if (threadIdx.x == 0) __syncthreads(); else __syncwarp(); }
int main() { AGENTC_LAUNCH(bad, 1, 64, nullptr, 0); }
"""
    (tmp_path / "bad.cu").write_text(text)
    program = str(tmp_path / "bad")
    command = [str(host_compiler()), "-std=c++17", "-DAGENTC_ON_HOST", "-I", str(INCLUDE), "-x", "c++"]
    subprocess.run([*command, str(tmp_path / "bad.cu"), "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "divergent barrier in block 0" in done.stderr


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("softmax", ["serial", "elements", "serial", "elements"]),
        ("softmax_rows", ["rows"]),
        ("mean_pool", ["serial", "columns"]),
    ],
)
def test_work_is_shared_out_by_shape(name: str, kinds: list[str]) -> None:
    module = lower_kernel(builtin(name), "gpu")
    phases = [f for f in module.body.block.ops if "agentc.phase" in f.attributes]
    assert [kind_of(cast(Any, f))[0] for f in phases] == kinds


def test_rows_are_moved_by_fours() -> None:
    text = source(lower_kernel(builtin("softmax_rows"), "gpu"))
    assert "agentc::load_pack<4>(x + i * d + j" in text
    assert "agentc::store_pack(out + i * d + j" in text
    assert "d % 4 == 0" in text


def test_every_scalar_op_of_kernels_has_a_cuda_form() -> None:
    """A kernel that the planner puts on a GPU is never refused there."""
    import agentc.frontends.kernels as frontend
    import agentc.passes as passes
    from agentc.backends.cuda import scalars

    pattern = re.compile(r"\b(?:arith|math)\.[A-Z]\w*Op\b")
    made: set[str] = set()
    for folder in (frontend, passes):
        files = Path(str(folder.__file__)).parent.glob("*.py")
        made.update(op for f in files if folder is frontend or "kernel" in f.name or "linalg" in f.name
                    for op in pattern.findall(f.read_text()))  # fmt: skip
    known = set(pattern.findall(Path(str(scalars.__file__)).read_text()))
    assert made - known == set()


def test_short_rows_are_read_and_written_once() -> None:
    text = source(lower_kernel(builtin("softmax_rows"), "cuda"))
    held = text[text.index("void softmax_rows_p0_held(") : text.index("softmax_rows_p0_pieces0(")]
    assert held.count("load_pack") == 1 and held.count("store_pack") == 1
    assert held.count("expf") == 1
    assert "if (d <= 8192 && d % 4 == 0 && agentc::packable<4>(x) && agentc::packable<4>(out)) {" in text


@needs_compiler
@pytest.mark.parametrize("width", [256, 260, 1024, 1028, 8192, 8196])
def test_rows_at_the_edge_of_what_is_kept(width: int, tmp_path: Path) -> None:
    module = lower_kernel(builtin("layer_norm"), "cuda")
    sizes = {"n": 3, "d": width}
    values = arguments(kernel_abi(module), sizes)
    [found], [wanted] = run_on_host(module, values, sizes, tmp_path), reference("layer_norm", values)
    assert_close(found, wanted)


@needs_compiler
@pytest.mark.parametrize("rows", [1, 4096])
def test_few_rows_are_shared_out_among_blocks_and_warps(rows: int, tmp_path: Path) -> None:
    """Query heads go over the grid's second axis; a block's warps share out the keys, or a warp has them all."""
    module = lower_kernel(builtin("gqa_decode"), "cuda")
    text = source(module)
    assert "= blockIdx.y;" in text and "+= group.parts)" in text
    assert [text.count(f"AGENTC_LAUNCH(agentc_gqa_decode_p1_{who}") for who in ("warp", "block")] == [1, 1]
    sizes = {**SIZES, "g": 3, "q": 5, "t": 90, "d": 36}
    values = arguments(kernel_abi(module), sizes)
    found = run_on_host(module, values, sizes, tmp_path, ("g >= 4096", f"g >= {4097 - rows}"))
    for one, wanted in zip(found, reference("gqa_decode", values), strict=True):
        assert_close(one, wanted)


@needs_compiler
def test_warps_that_do_not_wait_for_each_other_are_found(tmp_path: Path) -> None:
    module = lower_kernel(builtin("gqa_decode"), "cuda")
    sizes = {**SIZES, "g": 2, "q": 2, "t": 90, "d": 36}
    values = arguments(kernel_abi(module), sizes)
    whole = "group.join(best, [](float a, float b) { return agentc::maximum(a, b); })"
    with pytest.raises(RuntimeError, match="two threads write|what another writes|what another reads"):
        run_on_host(module, values, sizes, tmp_path, (whole, "best"), ("group.sync();", ""))


@needs_compiler
def test_an_automaton_that_never_forgets_goes_through_the_piece_before(tmp_path: Path) -> None:
    """Digits and blanks alone keep what may be a number going from piece to piece."""
    module = lower_kernel(builtin("mask_pii"), "cuda")
    assert "agentc::over(n, int64_t(512))" in source(module)
    text = np.frombuffer((b"0123456789 " * 200)[:2100], np.uint8).copy()
    [found] = run_on_host(module, [text], {"n": 2100}, tmp_path)
    np.testing.assert_array_equal(found, reference("mask_pii", [text])[0])
