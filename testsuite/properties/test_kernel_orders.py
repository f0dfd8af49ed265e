"""Sorting, selecting and running sums of arbitrary rows, and sizes made at random, against NumPy and Python."""

from functools import cache
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agentc.frontends.kernels.annotations import top_k
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel
from agentc.plan.sizes import canonical, evaluate

ROWS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(0, 3), st.integers(0, 150)),
    elements=st.one_of(
        st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf"), float("-inf")]),
        st.floats(-3, 3, width=16),
    ),
)


@cache
def kernel(body: str) -> Any:
    text = f'import numpy as np\nfrom agentc import f32, top_k\ndef k(x: f32["n", "m"]):\n    return {body}\n'
    return compile_kernel(compile_source(parse(text, "k.py"), "k"))


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_sorting(x: Any) -> None:
    np.testing.assert_array_equal(kernel("np.sort(x)")(x), np.sort(x))
    np.testing.assert_array_equal(kernel("np.argsort(x, kind='stable')")(x), np.argsort(x, axis=-1, kind="stable"))


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_the_best(x: Any) -> None:
    for found, wanted in zip(kernel("top_k(x, 5)")(x), top_k(x, 5), strict=True):
        np.testing.assert_array_equal(found, wanted)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_running(x: Any) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(kernel("np.cumsum(x, axis=1)")(x), np.cumsum(x, axis=1))
    np.testing.assert_array_equal(kernel("np.maximum.accumulate(x, axis=1)")(x), np.maximum.accumulate(x, axis=1))


def texts() -> st.SearchStrategy[str]:
    leaves = st.one_of(st.sampled_from(["n", "m"]), st.integers(0, 9).map(str))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, st.sampled_from(["//", "%"]), st.integers(1, 9)).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        ),
        max_leaves=6,
    )


@settings(max_examples=300, deadline=None)
@given(texts(), st.integers(0, 40), st.integers(0, 40))
def test_one_spelling_keeps_the_value(text: str, n: int, m: int) -> None:
    found = canonical(text)
    known = {"n": n, "m": m}
    assert evaluate(found, known) == eval(text, {"min": min, "max": max}, known)
    assert canonical(str(found)) == found
