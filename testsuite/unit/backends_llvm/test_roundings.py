"""Operations on elements are NumPy's: no NaN is lost, nothing overflows that does not there, halves are rounded each time."""

from typing import Any

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.llvm import phases_code
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel
from agentc.runtime.native import NativeKernel, best_target, load_object

TARGETS = ("host", *(t for t in ("x86-64", "x86-64-v3", "sapphirerapids", "znver4", "aarch64") if best_target([t])))
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
SHUFFLED = np.random.default_rng(0).permutation(HALVES)
HALF = (
    *("(x + y) - x", "(x * y) * x", "x * y + x * y", "x * x + x", "x * s + y * s", "(x / s) * s", "x / s / s"),
    *("x / y", "x / s", "x / np.max(s)", "1.0 / (1.0 / x)", "x * 2.0 * 0.5", "(x + 1000.0) - 1000.0"),
    *("np.sqrt(x)", "1.0 / np.sqrt(x)", "np.where(x > y, x, y)", "-x", "np.maximum(x, y) - np.minimum(x, y)"),
)
WIDE = (
    *("(x + y) - x", "x + y - y", "(x * y) * x", "x * y + x * y", "x * 3.0 / 3.0", "(x + 1000.0) - 1000.0"),
    *("1.0 / np.sqrt(x)", "y / np.sqrt(x)", "x / y * y", "1.0 / (1.0 / x)"),
)
"""None of them may be contracted (``x * y + z``), which would change more than the last bits."""


def compiled(expression: str, dtype: str, target: str) -> NativeKernel:
    array = f'{dtype}["n"]'
    text = f"import numpy as np\ndef k(x: {array}, y: {array}, v: {dtype}[1]):\n    s = v[0]\n    return {expression}\n"
    lowered = lower_kernel(compile_source(parse(text, "k.py"), "k"))
    return load_object(phases_code(lowered, target), kernel_abi(lowered), threads=1)


def wanted(expression: str, x: Any, y: Any, s: Any) -> Any:
    with np.errstate(all="ignore"):
        return eval(expression, {"np": np}, {"x": x, "y": y, "s": s})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("expression", HALF)
def test_halves_are_rounded_after_each_operation(expression: str, target: str) -> None:
    kernel = compiled(expression, "f16", target)
    for s in np.array([6e-8, 1e-5, 0.1, 3.0], np.float16) if "s" in expression.replace("np.", "") else [np.float16(1)]:
        np.testing.assert_array_equal(kernel(HALVES, SHUFFLED, s.reshape(1)), wanted(expression, HALVES, SHUFFLED, s))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("expression", WIDE)
def test_what_is_not_finite_stays_so(expression: str, target: str, dtype: Any) -> None:
    limits = np.finfo(dtype)
    edges = [0, 1, 3, 0.1, 1e-19, 1e19, limits.max, limits.max / 2, limits.tiny, np.inf, np.nan]
    ones = np.concatenate([edges, np.negative(edges)]).astype(dtype)
    x, y = (axis.ravel().copy() for axis in np.meshgrid(ones, ones))
    kernel = compiled(expression, {np.float32: "f32", np.float64: "f64"}[dtype], target)
    found, expected = kernel(x, y, np.ones(1, dtype)), wanted(expression, x, y, dtype(1))
    if "sqrt" in expression:  # `nsz`: which zero it is of
        found, expected = np.abs(found), np.abs(expected)
    np.testing.assert_allclose(found, expected, rtol=8 * limits.eps)


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
