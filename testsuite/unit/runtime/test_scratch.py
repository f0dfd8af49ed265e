"""Memory that calls of kernels leave to later ones."""

import numpy as np

from agentc.runtime.scratch import LINE, SMALL_BYTES, Scratch


def test_memory_comes_back() -> None:
    scratch = Scratch()
    first = scratch.take((SMALL_BYTES,), "float32")
    place = first.ctypes.data
    assert place % LINE == 0
    scratch.give(first)
    again = scratch.take((SMALL_BYTES // 2, 2), "float32")
    assert again.ctypes.data == place and again.shape == (SMALL_BYTES // 2, 2)
    other = scratch.take((SMALL_BYTES,), "float32")
    assert not np.may_share_memory(other, again)


def test_no_more_is_kept_than_allowed() -> None:
    scratch = Scratch(most=3 * SMALL_BYTES)
    for array in [scratch.take((SMALL_BYTES,), "uint8") for _ in range(5)]:
        scratch.give(array)
    assert sum(block.nbytes for block in scratch._free) <= scratch.most
    small = scratch.take((4,), "float32")
    scratch.give(small)
    assert all(block.nbytes >= SMALL_BYTES for block in scratch._free)
