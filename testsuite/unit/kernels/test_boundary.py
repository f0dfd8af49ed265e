"""What a call may be given: any layout is copied, never misread; results are refused where they cannot be written."""

import numpy as np
import pytest

from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import compile_kernel
from agentc.runtime.native import KernelCallError, NativeKernel


@pytest.fixture(scope="module")
def kernel() -> NativeKernel:
    return compile_kernel(builtin("dot_scores"), threads=2)


def misaligned(rows: int, columns: int) -> np.ndarray:
    raw = np.zeros(4 * rows * columns + 1, np.uint8)
    array = raw[1:].view(np.float32).reshape(rows, columns)
    array[:] = np.arange(rows * columns).reshape(rows, columns)
    assert not array.flags.aligned
    return array


def test_any_layout_is_read_right(kernel: NativeKernel) -> None:
    query, docs = np.arange(5, dtype=np.float32), np.arange(40, dtype=np.float32).reshape(8, 5)
    wide = np.zeros((16, 10), np.float32)
    wide[::2, ::2] = docs
    for given in (docs, misaligned(8, 5), np.asfortranarray(docs), wide[::2, ::2], docs[::-1][::-1]):
        np.testing.assert_array_equal(kernel(query, given), docs @ query)


def test_a_misaligned_result_is_refused(kernel: NativeKernel) -> None:
    out = misaligned(1, 8)[0]
    with pytest.raises(KernelCallError, match="not contiguous, aligned and writable"):
        kernel(np.ones(5, np.float32), np.ones((8, 5), np.float32), out=out)


def test_a_result_that_overlaps_is_refused(kernel: NativeKernel) -> None:
    docs = np.ones((8, 5), np.float32)
    with pytest.raises(KernelCallError, match="must not share memory"):
        kernel(np.ones(5, np.float32), docs, out=docs.reshape(-1)[:8])


@pytest.mark.parametrize("rows, columns", [(0, 5), (5, 0), (0, 0), (1, 1)])
def test_empty_and_single_sizes(kernel: NativeKernel, rows: int, columns: int) -> None:
    found = kernel(np.ones(columns, np.float32), np.ones((rows, columns), np.float32))
    np.testing.assert_array_equal(found, np.full(rows, columns, np.float32))
