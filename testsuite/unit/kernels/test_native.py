"""Calls of compiled kernels: what is checked at the boundary, and threads."""

from typing import Any

import numpy as np
import pytest

from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel
from agentc.runtime import kernel_threads
from agentc.runtime.native import KernelCallError, NativeKernel

QUERY = np.ones(4, np.float32)
DOCS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(scope="module")
def scores() -> NativeKernel:
    return compile_kernel(builtin("dot_scores"))


def test_arguments_by_place_and_by_name(scores: NativeKernel) -> None:
    wanted = DOCS @ QUERY
    assert np.array_equal(scores(QUERY, DOCS), wanted)
    assert np.array_equal(scores(QUERY, docs=DOCS), wanted)


def test_other_layouts_are_copied(scores: NativeKernel) -> None:
    wide = np.arange(24, dtype=np.float32).reshape(3, 8)
    assert np.array_equal(scores(QUERY, wide[:, ::2]), wide[:, ::2] @ QUERY)
    assert np.array_equal(scores(QUERY, np.asfortranarray(DOCS)), DOCS @ QUERY)


def test_the_caller_may_give_the_memory(scores: NativeKernel) -> None:
    out = np.empty(3, np.float32)
    assert scores(QUERY, DOCS, out=out) is out
    assert np.array_equal(out, DOCS @ QUERY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((QUERY,), "`docs` is missing"),
        ((QUERY, DOCS, DOCS), "3 were given"),
        ((QUERY, DOCS.astype(np.float64)), "`docs` is float64, not float32"),
        ((QUERY, QUERY), "`docs` has 1 axes, not 2"),
        ((QUERY, DOCS[:, :3]), "3 is not `d` = 4"),
        ((QUERY, np.ma.masked_less(DOCS, 3)), "`docs` is masked"),
    ],
)
def test_wrong_calls_are_refused(scores: NativeKernel, arguments: tuple[np.ndarray, ...], message: str) -> None:
    with pytest.raises(KernelCallError) as refused:
        scores(*arguments)
    assert message in str(refused.value)


@pytest.mark.parametrize("threads", [0, -1, 10**6, "a", 1.0])
def test_wrong_numbers_of_threads_are_refused(threads: Any) -> None:
    with pytest.raises(KernelCallError, match="`threads` is a number from 1 to"):
        compile_kernel(builtin("relu"), threads=threads)


@pytest.mark.parametrize("out", [3, [[1]], [None], [np.empty(3, np.float32)] * 2, "abc"])
def test_wrong_results_are_refused(scores: NativeKernel, out: Any) -> None:
    with pytest.raises(KernelCallError, match="`out`"):
        scores(QUERY, DOCS, out=out)


def test_wrong_memory_is_refused(scores: NativeKernel) -> None:
    for out in (np.empty(4, np.float32), np.empty(3), np.empty(6, np.float32)[::2], DOCS[:, 0]):
        with pytest.raises(KernelCallError):
            scores(QUERY, DOCS, out=out)
    square = np.ones((4, 4), np.float32)
    with pytest.raises(KernelCallError, match="share memory"):
        scores(QUERY, square, out=square[0])


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [
        ("f32", {True: 1.0, 1.5: 1.5, 1e300: np.inf, np.float64(0.1): np.float32(0.1)}, ["a", 1j, 10**400, None]),
        ("i32", {3: 3, np.int64(-3): -3, True: 1, -(2**31): -(2**31)}, [2**31, 1.5, np.nan, "a", [1]]),
        ("i64", {2**62: 2**62}, [2**63, 10**400, 0.0]),
        ("i8", {-128: -128}, [128, -129]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows", [1, 70_000])
def test_numbers_fit_their_type_or_are_refused(dtype: str, good: dict[Any, Any], bad: list[Any], rows: int) -> None:
    """Alone, and in parts on threads."""
    text = f'import numpy as np\ndef k(x: {dtype}["n"], s: {dtype}):\n    return x * 0 + s\n'
    kernel = compile_kernel(compile_source(parse(text, "k.py"), "k"), threads=2)
    x = np.zeros(rows, kernel.dtypes[0])
    for value, expected in good.items():
        found = kernel(x, value)
        assert (found[0], found[-1]) == (expected, expected)
    for value in bad:
        with pytest.raises(KernelCallError, match="`s` is"):
            kernel(x, value)


def test_no_rows_are_no_work(scores: NativeKernel) -> None:
    assert scores(QUERY, DOCS[:0]).shape == (0,)


def test_threads_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_threads, "SERIAL_BYTES", 0)
    monkeypatch.setattr(kernel_threads, "PART_BYTES", 1)
    rows = np.random.default_rng(0).standard_normal((101, 33)).astype(np.float32)
    found = [compile_kernel(builtin("softmax_rows"), threads=t)(rows) for t in (1, 2, 5, 500)]
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_infinities_and_nan_go_through() -> None:
    rows = np.array([[np.nan, 1.0], [-np.inf, 1.0], [np.inf, 1.0]], np.float32)
    found = compile_kernel(builtin("softmax_rows"))(rows)
    with np.errstate(invalid="ignore"):
        powers = np.exp(rows - rows.max(1, keepdims=True))
    np.testing.assert_array_equal(found, powers / powers.sum(1, keepdims=True))
