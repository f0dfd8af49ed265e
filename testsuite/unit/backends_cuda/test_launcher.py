"""The host's side of emitted CUDA: errors of each call, what is given back, limits of launches, arrays off alignment."""

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_sample import NUMPY, SIZES, arguments, assert_close, reference

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.compiler import INCLUDE
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.pipelines.kernels import lower_kernel
from agentc.plan.sizes import Sizes

needs_compiler = pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")
OUT_OF_MEMORY, BAD_VALUE, BAD_LAUNCH = 2, 1, 9


def prepared(name: str, folder: Path, **options: Any) -> tuple[HostKernel, list[Any], list[np.ndarray], list[int]]:
    """A built-in with arguments, results and sizes."""
    module = lower_kernel(builtin(name), "cuda")
    abi, known = kernel_abi(module), Sizes(SIZES)
    shapes = [[d if isinstance(d, int) else known[d] for d in p.dims or ()] for p in abi.results]
    results = [np.full(s, 99, NUMPY[p.dtype]) for s, p in zip(shapes, abi.results, strict=True)]
    kernel = HostKernel(source(module), abi, folder, **options)
    return kernel, arguments(abi, SIZES), results, [known[s] for s in abi.sizes]


@needs_compiler
@pytest.mark.parametrize(("name", "least"), [("cosine_softmax_top_k", 8), ("matmul", 1)])
def test_every_call_that_fails_is_told_and_nothing_is_kept(name: str, least: int, tmp_path: Path) -> None:
    """The launcher gives the error of each call of the runtime, and all scratch memory back."""
    kernel, values, results, sizes = prepared(name, tmp_path)
    failed = 0
    for calls in range(1, 100):
        kernel.fail_in(calls)
        try:
            kernel(values, results, sizes)
        except RuntimeError as error:
            assert re.search(f"gave error ({OUT_OF_MEMORY}|{BAD_VALUE}|{BAD_LAUNCH})$", str(error))
            failed += 1
        else:
            break
        finally:
            assert kernel.scratch == 0
    assert failed >= least
    kernel.fail_in(0)
    kernel(values, results, sizes)
    for found, wanted in zip(results, reference(name, values), strict=True):
        assert_close(found, wanted)


@needs_compiler
@pytest.mark.parametrize(
    "name", ["softmax_rows", "cosine_softmax_top_k", "gqa_decode", "matmul", "int4_matvec", "linear"]
)
def test_arrays_off_alignment(name: str, tmp_path: Path) -> None:
    """No pack is loaded where an array begins an element later (it would stop), and results are the same."""
    kernel, values, results, sizes = prepared(name, tmp_path, check=True, shift=1)
    kernel(values, results, sizes)
    for found, wanted in zip(results, reference(name, values), strict=True):
        assert_close(found, wanted)


@pytest.mark.parametrize("name", BUILTINS)
def test_launches_are_as_their_kernels_say(name: str) -> None:
    """A block has as many threads as its kernel is compiled for: with more it does not start. No array is passed as two
    parameters, which are ``__restrict__``: what is overwritten could be read from a cache.
    """
    module = lower_kernel(builtin(name), "cuda")
    text = source(module)
    assert all(len(set(phase.arguments)) == len(phase.arguments) for phase in kernel_abi(module).phases)
    bounds = {kernel: threads for threads, kernel in re.findall(r"__launch_bounds__\((\d+)(?:, \d+)?\) (\w+)\(", text)}
    launches = re.findall(
        r"AGENTC_LAUNCH(?:_SHARED)?\((\w+), (?:dim3\()?.*?\)*, (\d+|dim3\(32, 16\)), (?:\(.*?\), )?stream", text
    )
    assert len(launches) == len(re.findall("AGENTC_LAUNCH", text)) > 0
    for kernel, threads in launches:
        assert int(bounds[kernel]) == (512 if threads.startswith("dim3") else int(threads))


def test_the_launcher_asks_for_the_alignment_of_what_it_passes() -> None:
    """A phase's own names of temporaries are not the launcher's."""
    lines = source(lower_kernel(builtin("maximal_marginal_relevance"), "cuda")).splitlines()
    asked = next(place for place, line in enumerate(lines) if "if (d <= 8192 && d % 4 == 0" in line)
    launch = next(line for line in lines[asked:] if "_p1_held_short" in line)
    for name in re.findall(r"packable<4>\((\w+)\)", lines[asked]):
        assert f" {name}," in launch
    assert "void maximal_marginal_relevance_p1_held(" in "\n".join(lines) and "packable<4>(tmp1)" in lines[asked]


FAULTS = {
    "a shuffle from a lane that is not there": "if (threadIdx.x < 31) agentc::shuffle_xor(1, 16);",
    "lanes of a warp at different calls": "if (threadIdx.x < 16) __syncwarp(); else agentc::shuffle_xor(1, 1);",
    "a pack that is not aligned": "float x[8]; agentc::load_pack<4>(x + (reinterpret_cast<uintptr_t>(x) % 16 == 0));",
}


@needs_compiler
@pytest.mark.parametrize("message", FAULTS)
def test_what_a_gpu_would_do_wrong_stops(message: str, tmp_path: Path) -> None:
    body = f'#include "agentc_cuda.cuh"\n__global__ void bad(int) {{ {FAULTS[message]} }}\n'
    assert message in _run(body + "int main() { AGENTC_LAUNCH(bad, 1, 32, nullptr, 0); }", tmp_path)[1]


@needs_compiler
@pytest.mark.parametrize(
    ("grid", "block", "bytes", "error"),
    [
        ("1", "32", 0, 0),
        ("0", "32", 0, BAD_LAUNCH),
        ("1", "1025", 0, BAD_LAUNCH),
        ("dim3(1, 65535)", "1", 0, 0),
        ("dim3(1, 65536)", "1", 0, BAD_LAUNCH),
        ("0x80000000u", "1", 0, BAD_LAUNCH),
        ("1", "32", 49_153, 0),  # what is above 48 KiB is asked for
        ("1", "32", 227 * 1024 + 1, BAD_VALUE),
    ],
)
def test_limits_of_a_launch(grid: str, block: str, bytes: int, error: int, tmp_path: Path) -> None:
    """As a GPU has them: the launcher gives the launch's error."""
    launch = f"AGENTC_LAUNCH_SHARED(empty, {grid}, {block}, {bytes}, nullptr, 0)"
    text = f'#include "agentc_cuda.cuh"\n__global__ void empty(int) {{}}\nint main() {{ {launch}; }}'
    assert _run(text, tmp_path)[0] == error


def _run(text: str, folder: Path) -> tuple[int, str]:
    compiler = host_compiler()
    assert compiler is not None
    (folder / "text.cpp").write_text(text)
    command = [compiler, "-std=c++17", "-DAGENTC_ON_HOST", "-I", str(INCLUDE), "text.cpp", "-o", "text"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run([str(folder / "text")], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr
