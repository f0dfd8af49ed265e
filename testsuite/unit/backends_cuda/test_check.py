"""The check of kernels on the CPU finds what a GPU would get wrong: each fault is put into good text on purpose."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.compiler import DEVICE_HEADERS, INCLUDE
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import lower_kernel

pytestmark = pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")
BARRIER = "__syncthreads();"


def run(name: str, folder: Path, *faults: tuple[str, str, str], n: int = 40) -> Any:
    """Run a built-in on ones, with ``(file, good, bad)`` replaced once each."""
    module = lower_kernel(builtin(name), "gpu")
    abi, text = kernel_abi(module), source(module)
    for file in DEVICE_HEADERS:
        (folder / file).write_text((INCLUDE / file).read_text())
    for file, good, bad in faults:
        found = text if file == "text" else (folder / file).read_text()
        assert good in found
        changed = found.replace(good, bad, 1)
        text = changed if file == "text" else text
        if file != "text":
            (folder / file).write_text(changed)
    shapes = {p.name: [d if isinstance(d, int) else n for d in p.dims or ()] for p in (*abi.arguments, *abi.results)}
    values = [np.ones(shapes[p.name], np.float32) for p in abi.arguments]
    results = [np.zeros(shapes[p.name], np.float32) for p in abi.results]
    HostKernel(text, abi, folder, check=True)(values, results, [n for _ in abi.sizes])
    return results[0]


def test_good_text_passes(tmp_path: Path) -> None:
    np.testing.assert_allclose(run("softmax", tmp_path), np.full(40, 1 / 40), rtol=1e-6)


def test_a_missing_barrier_in_a_reduction_is_found(tmp_path: Path) -> None:
    fault = f"    {BARRIER}\n    T total = partial[0];"
    with pytest.raises(
        RuntimeError, match="a thread reads what another writes|writes what another reads|nobody has written"
    ):
        run("softmax", tmp_path, ("agentc_cuda.cuh", fault, "    T total = partial[0];"))


def test_a_barrier_missing_after_a_reduction_is_found(tmp_path: Path) -> None:
    """The next reduction would overwrite what a slow thread still reads."""
    good = f"combine(total, partial[warp]);\n    {BARRIER}\n"
    faults = ("agentc_cuda.cuh", good, "combine(total, partial[warp]);\n")
    rows = ("text", "static_cast<unsigned>(n < 1048576 ? n : 1048576)", "1")  # one block for all rows
    long_rows = ("text", "if (d <= 4096) {", "if (d < 0) {")
    with pytest.raises(RuntimeError, match="writes what another reads"):
        run("dot_scores", tmp_path, faults, rows, long_rows)


def test_a_product_that_does_not_wait_for_its_tiles_is_found(tmp_path: Path) -> None:
    good = f"    {BARRIER}  // all have arrived, and nobody still reads what is overwritten next\n"
    with pytest.raises(RuntimeError, match="another|nobody has written"):
        run("matmul", tmp_path, ("agentc_matrix.cuh", good, ""))


def test_two_blocks_that_write_one_place_are_found(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"two threads write the same place: .* of block 0 and .* of block 1"):
        run("dot_scores", tmp_path, ("agentc_cuda.cuh", "return static_cast<int64_t>(blockIdx.x)", "return 0"))


def test_a_step_beyond_an_array_is_found(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="reads 4 bytes at byte 164 of an array of 164"):
        run("softmax", tmp_path, ("text", "j_4 < n;", "j_4 <= n;"), n=41)
