"""Halves are rounded as NumPy rounds them, on processors that have no instruction for it, too."""

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.llvm import phases_code
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel
from agentc.runtime.native import best_target, load_object

TARGETS = ("host", *(t for t in ("x86-64", "x86-64-v3", "sapphirerapids", "znver4", "aarch64") if best_target([t])))
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


EDGES = np.array([65519.996, 65520, 65536, 1e9, 3e38, 1e-45, -1e-45, 2.9802322e-8, 2.9802326e-8], np.float32)
UPWARD = np.sort(HALVES[np.isfinite(HALVES)]).astype(np.float32)
TIES = (UPWARD[:-1] + UPWARD[1:]) / 2
SINGLES = np.concatenate(
    [HALVES.astype(np.float32), TIES, np.nextafter(TIES, -TIES), np.nextafter(TIES, 4 * TIES), EDGES]
)


@pytest.mark.parametrize("target", TARGETS)
def test_conversions_of_halves_need_nobody_elses_functions(target: str) -> None:
    text = 'def k(x: f32["n"], h: f16["n"]):\n    return x.astype(f16), h.astype(f32)\n'
    lowered = lower_kernel(compile_source(parse(text, "k.py"), "k"))
    code = phases_code(lowered, target)
    assert b"hfsf2" not in code and b"sfhf2" not in code
    halves = np.resize(HALVES, SINGLES.shape)
    narrow, wide = load_object(code, kernel_abi(lowered), threads=1)(SINGLES, halves)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(narrow, SINGLES.astype(np.float16))
    np.testing.assert_array_equal(np.signbit(narrow), np.signbit(SINGLES))
    np.testing.assert_array_equal(wide, halves.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(wide), np.signbit(halves))
