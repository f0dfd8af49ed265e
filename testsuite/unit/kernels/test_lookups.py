"""What is looked up and counted: ties, NaN, infinities, every type and length, on every target, as NumPy does it."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.backends.onnx.kernels import kernel_model
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.plan.sizes import Sizes
from agentc.runtime.interpreters import run_kernel, tensors
from agentc.runtime.onnx_kernels import run_model

NAN, INF = float("nan"), float("inf")
TYPES = {
    "f32": "f4",
    "f64": "f8",
    "f16": "f2",
    "i8": "i1",
    "i32": "i4",
    "i64": "i8",
    "u8": "u1",
    "u64": "u8",
    "i1": "?",
}
POOL = [-INF, -2.5, -1.0, -0.0, 0.0, 0.25, 1.0, 1.0, 3.0, INF, NAN]


def text_of(signature: str, body: str) -> str:
    return f"import numpy as np\nfrom agentc import *\ndef k({signature}):\n    return {body}\n"


def module_of(signature: str, body: str) -> Any:
    return compile_source(parse(text_of(signature, body), "k.py"), "k")


@cache
def kernel(signature: str, body: str) -> Any:
    return compile_kernel(module_of(signature, body), threads=1)


def values_of(name: str, shape: Any) -> st.SearchStrategy[Any]:
    if name == "i1":
        return arrays.arrays(np.bool_, shape)
    if name[0] == "f":
        elements = st.one_of(st.sampled_from(POOL), st.floats(-4, 4, width=16))
        return arrays.arrays(np.dtype(TYPES[name]), shape, elements=elements)
    ends = np.iinfo(TYPES[name])
    near = st.integers(max(ends.min, -4), 9)
    return arrays.arrays(
        np.dtype(TYPES[name]), shape, elements=st.one_of(near, st.sampled_from([int(ends.min), int(ends.max)]))
    )


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, Any, Any]:
    name = draw(st.sampled_from(sorted(TYPES)))
    row = draw(values_of(name, st.tuples(st.integers(0, 70))))
    least = int(name == "f16")  # of which there are no numbers
    return name, row, draw(values_of(name, arrays.array_shapes(min_dims=least, max_dims=3, min_side=0, max_side=5)))


def signature_of(name: str, values: Any) -> str:
    dims = ", ".join(f'"{d}"' for d in "abc"[: values.ndim])
    return f'row: {name}["n"], values: {name}{f"[{dims}]" if dims else ""}'


@settings(max_examples=60, deadline=None)
@given(searches(), st.sampled_from(["left", "right"]))
@example(("f32", np.array([0, 1, NAN, NAN], np.float32), np.array([NAN, 0.5, 1, 2], np.float32)), "left")
@example(("f32", np.array([0, 1, NAN, NAN], np.float32), np.array([NAN, 0.5, 1, 2], np.float32)), "right")
def test_places_are_those_of_numpy(search: tuple[str, Any, Any], side: str) -> None:
    name, row, values = search
    row = np.sort(row)
    found = kernel(signature_of(name, values), f'np.searchsorted(row, values, side="{side}")')(row, values)
    wanted = np.asarray(np.searchsorted(row, values, side=side))  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@settings(max_examples=40, deadline=None)
@given(searches(), st.booleans(), st.booleans())
def test_bins_ascend_or_descend(search: tuple[str, Any, Any], right: bool, down: bool) -> None:
    name, row, values = search
    row = np.sort(row[row == row])
    row = row[::-1].copy() if down else row
    found = kernel(signature_of(name, values), f"np.digitize(values, row, right={right})")(row, values)
    np.testing.assert_array_equal(found, np.digitize(values, row, right=right))


@settings(max_examples=40, deadline=None)
@given(searches())
def test_members_are_those_of_numpy(search: tuple[str, Any, Any]) -> None:
    name, row, values = search
    found = kernel(signature_of(name, values), "np.isin(values, row)")(row, values)
    np.testing.assert_array_equal(found, np.isin(values, row))


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.int32, st.integers(0, 60), elements=st.integers(-3, 12)), st.integers(1, 40))
def test_what_is_beyond_the_bound_is_not_counted(x: Any, size: int) -> None:
    counts = kernel('x: i32["n"], like: f32["m"]', "np.bincount(x, minlength=like.shape[0])")
    wanted = np.bincount(x[x >= 0], minlength=size)[:size]
    np.testing.assert_array_equal(counts(x, np.zeros(size, np.float32)), wanted)


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.float32, st.integers(0, 60), elements=st.integers(-12, 12).map(lambda n: n / 4)),
    arrays.arrays(np.float32, st.integers(1, 9), elements=st.integers(-9, 9).map(lambda n: n / 4)),
)
def test_bins_have_their_lower_edges_and_the_last_one_both(x: Any, edges: Any) -> None:
    edges = np.sort(edges)
    found = kernel('x: f32["n"], e: f32["m"]', "np.histogram(x, e)")(x, edges)
    for one, wanted in zip(found, np.histogram(x, edges), strict=True):
        assert one.dtype == wanted.dtype
        np.testing.assert_array_equal(one, wanted)


@pytest.mark.parametrize(("count", "low", "high"), [(7, 0.0, 0.7), (12, -0.3, 0.3), (49, 0.1, 5.0), (1000, -3.0, 3.0)])
@pytest.mark.parametrize("name", ["f32", "f64"])
def test_values_on_an_edge_and_right_beside_it_are_where_numpy_has_them(
    name: str, count: int, low: float, high: float
) -> None:
    edges = np.histogram_bin_edges(np.zeros(0, TYPES[name]), count, (low, high))
    x = np.concatenate([edges, np.nextafter(edges, edges - 1), np.nextafter(edges, edges + 1)])
    found = kernel(f'x: {name}["n"]', f"np.histogram(x, {count}, ({low}, {high}))")(x)
    for one, wanted in zip(found, np.histogram(x, count, (low, high)), strict=True):
        np.testing.assert_array_equal(one, wanted)


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.float32, st.integers(0, 30), elements=st.sampled_from(POOL)),
    st.lists(st.tuples(st.sampled_from([-2.5, -1.0, 0.0, 0.25, 1.0, INF]), st.sampled_from(POOL)), min_size=2),
)
def test_curves_go_through_their_points(x: Any, points: list[tuple[float, float]]) -> None:
    at, heights = np.array(sorted(points), np.float32).T.copy()
    found = kernel('x: f32["n"], at: f32["m"], to: f32["m"]', "np.interp(x, at, to)")(x, at, heights)
    with np.errstate(all="ignore"):
        wanted = np.interp(x, at, heights)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from(["full", "same", "valid"]), st.booleans())
def test_rows_of_any_two_lengths_are_convolved(n: int, m: int, mode: Any, known: bool) -> None:
    x, y = np.arange(1, n + 1, dtype=np.int32), np.arange(1, m + 1, dtype=np.int32) ** 2
    dims = (n, m) if known else ('"n"', '"m"')
    signature = f"x: i32[{dims[0]}], y: i32[{dims[1]}]"
    pairs: tuple[tuple[str, Any], ...] = (("convolve", np.convolve), ("correlate", np.correlate))
    for name, reference in pairs:
        found = kernel(signature, f'np.{name}(x, y, mode="{mode}")')(x, y)
        np.testing.assert_array_equal(found, reference(x, y, mode=mode))


EVERYWHERE = {
    "np.searchsorted(np.sort(e), x)": "left",
    'np.searchsorted(np.sort(e), x[:, ::-1], side="right") + np.isin(x, e)': "fused",
    "np.digitize(x, np.sort(e)[::-1]), np.isin(x, e, invert=True)": "descending",
    "np.histogram(np.where(x == x, x, 9), np.array([-2.5, 0, 1, 1, 3]).astype(f32))": "edges",
    "np.bincount(np.searchsorted(np.sort(e), x[0]), x[1], 8)": "weights",
    "np.interp(x, np.sort(e)[:5], e[:5] * 0.5)": "curve",
    "np.diag(x[0], -1), np.diagonal(x, 1), np.trace(x[:, 2:])": "diagonals",
    "np.convolve(x[0, :4], e[:3]), np.correlate(x[0, :2], e[1:4], 'same')": "convolutions",
    "np.nanmedian(x, axis=1), np.nan_to_num(x), np.nanargmax(x, axis=1)": "numbers",
}


@pytest.mark.parametrize("body", EVERYWHERE, ids=EVERYWHERE.values())
def test_every_target_agrees_on_ties_and_what_is_no_number(body: str, tmp_path: Path) -> None:
    signature = 'x: f32["n", "d"], e: f32["m"]'
    x = np.array([POOL[:9], [1.0, NAN, 0.0, 0.5, -INF, 3.0, -2.5, 7.0, INF]], np.float32)
    e = np.array([1.0, -2.5, 3.0, 1.0, 0.25, 0.0, NAN], np.float32)
    names: dict[str, Any] = {"np": np, "x": x, "e": e, "f32": np.float32}
    with np.errstate(all="ignore"):
        evaluated = eval(body, names)
    wanted = evaluated if isinstance(evaluated, tuple) else (evaluated,)
    graph, lowered = kernel_model(module_of(signature, body)), lower_kernel(module_of(signature, body))
    found = kernel(signature, body)(x, e)
    with np.errstate(all="ignore"):
        every = [run_kernel(module_of(signature, body), x, e), run_kernel(lowered, x, e), run_model(graph, [x, e])]
    every.append([*found] if isinstance(found, tuple) else [found])
    if host_compiler() is not None:
        module = lower_kernel(module_of(signature, body), "cuda")
        abi, results = kernel_abi(module), [np.zeros(np.shape(w), np.asarray(w).dtype) for w in wanted]
        known = Sizes({"n": 2, "d": 9, "m": 7})
        HostKernel(source(module), abi, tmp_path, check=True)([x, e], results, [known[s] for s in abi.sizes])
        every.append(results)
    for results in every:
        for one, other in zip(results, wanted, strict=True):
            assert np.asarray(one).dtype == np.asarray(other).dtype
            np.testing.assert_allclose(np.asarray(one, "f8"), np.asarray(other, "f8"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", [*(2**b + d for b in (4, 8, 12, 16, 20) for d in (-1, 0, 1)), 0, 1, 2, 3, 100])
def test_a_search_takes_the_logarithm_of_the_length(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most three steps more where the length is not known, and none is missing: each element is found."""
    row, reads = np.arange(length), list[int]()
    values = np.unique([-1, 0, 1, length // 2, length - 2, length - 1, length])
    plain = tensors.read

    def counted(value: Any, places: Any) -> Any:
        reads.append(1) if np.shape(value) == row.shape else None
        return plain(value, places)

    monkeypatch.setattr(tensors, "read", counted)
    known = length.bit_length() if length > 16 else length  # a few are all compared
    longest = max(4, length.bit_length() + 3) if length else 0
    for dim, most in (('"n"', longest), *([(str(length), known)] if length else [])):
        module = module_of(f'row: i64[{dim}], values: i64["m"]', "np.searchsorted(row, values)")
        reads.clear()
        np.testing.assert_array_equal(run_kernel(module, row, values)[0], np.searchsorted(row, values))
        assert length.bit_length() <= len(reads) <= most
    found = kernel('row: i64["n"], values: i64["m"]', 'np.searchsorted(row, values, "right")')(row, row)
    np.testing.assert_array_equal(found, row + 1)


def test_onnx_lays_out_what_a_loop_reads_before_it() -> None:
    [loop] = [n for n in searched_graph().node if n.op_type == "Loop"]
    [body] = [a.g for a in loop.attribute if a.name == "body"]
    assert "Concat" not in {n.op_type for n in body.node}
    assert "Gather" in {n.op_type for n in body.node}


def searched_graph() -> Any:
    return kernel_model(module_of('row: f32["n"], x: f32["m"]', "np.searchsorted(row, x)")).graph


def test_lists_are_as_wide_as_in_numpy() -> None:
    """0.1 is no number of single precision: the nearest of those is above it."""
    x = np.array([0.1, 0.5, 0.7], np.float32)
    for body in ("np.searchsorted([0.1, 0.7], x)", "np.digitize(x, [0.1, 0.7])", "np.isin(x, [0.1, 0.5, 0.7])"):
        found = kernel('x: f32["n"]', body)(x)
        np.testing.assert_array_equal(found, eval(body, {"np": np, "x": x}))
    whole = np.array([-3, 2, 127], np.int8)
    found = kernel('x: i8["n"]', "np.isin(x, [2, 2.5, 300, -3.0])")(whole)
    np.testing.assert_array_equal(found, [True, True, False])
    assert not kernel('x: i8["n"]', "np.isin(x, [0.5])")(whole).any()


HALF_BODIES = """
np.searchsorted(e, x) + np.digitize(x, e) + np.isin(x, e)
np.isin(x, [0.25, 0.1])
np.histogram(x, 6, (-3, 3))[0]
np.histogram(x, e)[0]
np.interp(x, e, e)
np.diagonal(x)
np.trace(x)
np.diag(e, 1)
np.convolve(e, e)
np.nan_to_num(np.sqrt(x))
np.nanmedian(np.sqrt(x), axis=1)
np.nanstd(np.sqrt(x), axis=0)
np.gradient(e)
np.unwrap(e * 4)
""".strip().splitlines()


@pytest.mark.parametrize("body", HALF_BODIES)
def test_bf16_is_computed_in_single_precision(body: str) -> None:
    half = pytest.importorskip("ml_dtypes", reason="names bf16 for NumPy").bfloat16
    random = np.random.default_rng(0)
    x, e = (random.integers(-12, 12, shape).astype("f4") / 4 for shape in ((5, 7), 9))
    e = np.sort(e)
    with np.errstate(all="ignore"):
        wanted = np.asarray(eval(body, {"np": np, "x": x, "e": e}))
    module, given = module_of('x: bf16["n", "d"], e: bf16["m"]', body), [x.astype(half), e.astype(half)]
    for found in (
        compile_kernel(module_of('x: bf16["n", "d"], e: bf16["m"]', body))(*given),
        run_kernel(module, *given)[0],
    ):
        assert found.dtype == (half if wanted.dtype == np.float32 else wanted.dtype)
        np.testing.assert_allclose(np.asarray(found, "f8"), wanted.astype("f8"), rtol=1e-2, atol=1e-2)
