"""Memory of kernels made at random: what is shared holds what it held, and is never more."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_sample import parsed
from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import ModuleOp

from agentc.analyses.kernel_abi import kernel_abi, kernels
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.passes.fuse_kernel_gathers import FuseKernelGathersPass
from agentc.passes.fuse_kernels import FuseKernelsPass
from agentc.passes.merge_kernel_twins import MergeKernelTwinsPass
from agentc.passes.plan_kernel_arena import PlanKernelArenaPass
from agentc.passes.privatize_kernel_rows import PrivatizeKernelRowsPass
from agentc.passes.share_kernel_buffers import ShareKernelBuffersPass
from agentc.pipelines.kernels import compile_kernel, kernel_passes
from agentc.plan.arena import aligned, most_alive
from agentc.plan.kernels import KernelAbi, bytes_of
from agentc.plan.sizes import Sizes
from agentc.runtime.interpreters import run_kernel

LINES = (
    "np.sort({0}, axis=1)",
    "np.cumsum({0}, axis=1)",
    "np.cumsum({0}, axis=0)",
    "{0} - np.max({1}, axis=1, keepdims=True)",
    "{0}[::-1, ::-1] + {1}",
    "np.take_along_axis({0}, np.argsort({1}, axis=1), axis=1)",
    "np.exp(-np.abs({0}))",
    "np.concatenate([{1}, {0}], axis=0)[x.shape[0] :]",
    "{0} * np.sum({1}, axis=0)",
    "{0} / np.sum({0}, axis=0) + {1} * np.sum({0}, axis=0)",
    "np.stack([{0}, {1}], axis=1)[:, 1] * 2.0",
)
"""Of arrays of one shape an array of the same: much that no fusion makes go away."""


@st.composite
def programs(draw: st.DrawFn) -> str:
    names, lines = ["x"], list[str]()
    for i in range(draw(st.integers(2, 6))):
        pair = [draw(st.sampled_from(names[-2:])), draw(st.sampled_from(names))]
        lines.append(f"    t{i} = {draw(st.sampled_from(LINES)).format(*pair)}")
        names.append(f"t{i}")
    body = "\n".join(lines)
    return f'import numpy as np\ndef k(x: f32["n", "d"]):\n{body}\n    return {names[-1]}, {names[-2]} + 1.0\n'


def lowered(module: ModuleOp, shared: bool, planned: bool = True) -> ModuleOp:
    left_out = () if shared else (ShareKernelBuffersPass,)
    left_out += () if planned else (PlanKernelArenaPass, PrivatizeKernelRowsPass)
    made = module.clone()
    for step in kernel_passes():
        if not isinstance(step, left_out):
            step.apply(Context(), made)
            made.verify()
    return made


@settings(max_examples=15, deadline=None)
@given(programs(), st.integers(1, 3), st.integers(1, 4))
def test_sharing_keeps_every_answer_and_never_costs(text: str, n: int, d: int) -> None:
    module = compile_source(parse(text, "k.py"), "k")
    x = np.random.default_rng(n * 8 + d).uniform(-1, 1, (n, d)).astype(np.float32)
    shared, apart = (lowered(module, s) for s in (True, False))
    for a, b in zip(run_kernel(shared, x), run_kernel(apart, x), strict=True):
        np.testing.assert_array_equal(a, b)
    sizes = {"n": 1000, "d": 1000}
    assert alive(kernel_abi(shared), sizes) <= alive(kernel_abi(apart), sizes)


def alive(abi: KernelAbi, sizes: Mapping[str, int]) -> int:
    """Bytes that some phase needs at once: no arena is smaller."""
    known = Sizes(sizes)
    return most_alive(abi.lives, [bytes_of(t.dtype, t.dims or (), known) for t in abi.temporaries])


@settings(max_examples=15, deadline=None)
@given(programs(), st.integers(1, 3), st.integers(1, 4))
def test_what_lies_in_one_arena_or_row_holds_what_it_held(text: str, n: int, d: int) -> None:
    module = compile_source(parse(text, "k.py"), "k")
    x = np.random.default_rng(n * 8 + d).uniform(-1, 1, (n, d)).astype(np.float32)
    planned, plain = lowered(module, True), lowered(module, True, planned=False)
    for a, b in zip(run_kernel(planned, x), run_kernel(plain, x), strict=True):
        np.testing.assert_array_equal(a, b)
    abi, sizes = kernel_abi(planned), {"n": n, "d": d}
    each = sum(aligned(bytes_of(t.dtype, t.dims or (), Sizes(sizes))) for t in abi.temporaries)
    assert alive(abi, sizes) <= abi.arena(sizes)[1] <= each
    [kernel] = kernels(planned)
    assert sum(isinstance(op, memref.AllocOp) for op in kernel.body.block.ops) <= 1


@settings(max_examples=15, deadline=None)
@given(programs(), st.integers(1, 3), st.integers(1, 4))
def test_fused_equals_unfused(text: str, n: int, d: int) -> None:
    module = compile_source(parse(text, "k.py"), "k")
    x = np.random.default_rng(n * 8 + d).uniform(-1, 1, (n, d)).astype(np.float32)
    wanted = run_kernel(module, x)
    for step in (MergeKernelTwinsPass(), FuseKernelsPass(), FuseKernelGathersPass()):
        step.apply(Context(), module)
        module.verify()
        for a, b in zip(run_kernel(module, x), wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@settings(max_examples=4, deadline=None)
@given(programs(), st.integers(1, 30), st.integers(1, 40))
def test_compiled_code_lives_in_shared_memory_too(text: str, n: int, d: int) -> None:
    module = compile_source(parse(text, "k.py"), "k")
    x = np.random.default_rng(n * 64 + d).uniform(-1, 1, (n, d)).astype(np.float32)
    for a, b in zip(compile_kernel(module)(x), run_kernel(module, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * (1 + np.max(np.abs(b))))


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_the_library_never_needs_more(name: str) -> None:
    module = builtin(name)
    shared, apart = (kernel_abi(lowered(module, s)) for s in (True, False))
    sizes = dict.fromkeys(shared.sizes, 64)
    assert shared.scratch_bytes(sizes) <= apart.scratch_bytes(sizes)
    assert len(shared.temporaries) <= len(apart.temporaries)


def test_sampling_sorts_in_half_of_the_memory() -> None:
    shared, apart = (kernel_abi(lowered(builtin("sample_top_p"), s)) for s in (True, False))
    sizes = {"b": 8, "v": 1000}
    assert shared.scratch_bytes(sizes) * 2 < apart.scratch_bytes(sizes)


def test_sampling_needs_one_row_for_each_thread() -> None:
    abi = kernel_abi(lowered(builtin("sample_top_p"), True))
    row = 128_256 * (4 + 8) * 2
    assert not abi.temporaries
    assert [abi.scratch_bytes({"b": 8, "v": 128_256}, threads) for threads in (1, 2)] == [row, 2 * row]
    assert KernelAbi.from_json(abi.to_json()) == abi


def test_two_threads_do_not_share_a_row() -> None:
    kernel = compile_kernel(builtin("sample_top_p"), threads=2)
    logits = np.random.default_rng(0).normal(size=(64, 3000)).astype(np.float32)
    arguments = (logits, np.float32(0.7), np.float32(0.9), np.uint64(3))
    [wanted] = run_kernel(lowered(builtin("sample_top_p"), True), logits[:2, :50], *arguments[1:])
    np.testing.assert_array_equal(kernel(logits[:2, :50].copy(), *arguments[1:]), wanted)
    whole = kernel(*arguments)
    for low in range(0, 64, 16):  # a row is drawn by its place: only rows of the first piece stand where they stood
        np.testing.assert_array_equal(kernel(logits[: low + 16].copy(), *arguments[1:])[low:], whole[low : low + 16])


def test_lives_are_counted_in_phases() -> None:
    abi = kernel_abi(lowered(builtin("maximal_marginal_relevance"), True))
    assert all(0 <= life.start < life.stop <= len(abi.phases) for life in abi.lives)
    sizes = {"n": 100, "d": 100}
    every = sum(aligned(bytes_of(t.dtype, t.dims or (), Sizes(sizes))) for t in abi.temporaries)
    assert 0 < abi.scratch_bytes(sizes) < every


READS_FIRST = """
func.func @k(%x: memref<1xf32>, %out: memref<1xf32>) attributes {agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %s = memref.alloc() : memref<1xf32>
  %v = memref.load %s[%c0] : memref<1xf32>
  memref.store %v, %out[%c0] : memref<1xf32>
  func.return
}
"""


def test_memory_begins_as_nonsense() -> None:
    """So that what is read before it is written shows in every comparison with the interpreter."""
    [found] = run_kernel(parsed(READS_FIRST), np.ones(1, np.float32))
    assert np.isnan(found[0])
