"""NumPy's functions in kernels: on every target, and on empty arrays, what NumPy gives for the same text; or refused."""

import warnings
from typing import Any

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.onnx.kernels import kernel_model
from agentc.frontends.kernels import annotations
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.native import KernelCallError
from agentc.runtime.onnx_kernels import run_model
from agentc.support.diagnostics import Refused

SIGNATURE = (
    'x: f32["n", "d"], y: f32["n", "d"], v: f32["d"], i: i32["n"], b: u8["n", "d"], m: i1["n", "d"], p: i64["q"],'
    ' h: f16["n", "d"], a: f32["r", "n", "d"], s: f32'
)
HEAD = "import numpy as np\nfrom agentc import *\n"
NAMES: dict[str, Any] = {n: getattr(annotations, n) for n in dir(annotations) if not n.startswith("_")}
SIZES = ({"n": 5, "d": 7, "q": 4, "r": 2}, {"n": 1, "d": 1, "q": 1, "r": 1}, {"n": 0, "d": 3, "q": 2, "r": 2})
BODIES = """
np.std(x, axis=0)
np.var(x, axis=1, ddof=1, keepdims=True)
np.var(b, axis=1)
np.std(h, axis=1)
np.median(x, axis=1)
np.median(x, axis=0, keepdims=True)
np.quantile(x, 0.9, axis=1)
np.percentile(np.where(m, x, np.nan), 25)
np.median(b)
np.nansum(np.log(x), axis=1)
np.nanmax(np.log(x), axis=0)
np.nanmean(np.log(np.abs(x)), axis=0)
np.ptp(x, axis=1)
np.count_nonzero(b > 100, axis=1)
np.log1p(np.abs(x)) + np.log1p(x * 1e-6)
np.expm1(x * 1e-5) + np.expm1(x)
np.logaddexp(x * 50, y * 50)
np.logaddexp(x / 0, y / 0)
np.trunc(x * 3)
np.tan(x)
np.exp2(x)
np.tril(x) + np.triu(y, k=1)
np.tril(m, -1)
np.eye(4, dtype=f32) + s
np.eye(x.shape[1], k=1)
np.identity(3)
np.diff(x)
np.diff(x, axis=0)
np.diff(m, axis=0)
np.pad(x, 1)
np.pad(x, ((0, 2), (1, 0)), mode="constant")
np.pad(x, ((0, 0), (2, 1)), mode="edge")
np.pad(b, (1, 2), constant_values=7)
np.pad(v, 3, mode="wrap")
np.pad(v, 3, mode="symmetric")
np.pad(v, 3, mode="reflect")
np.roll(x, 1)
np.roll(x, -2, axis=0)
np.roll(x, 300, axis=1)
np.repeat(x, 2, axis=0)
np.repeat(x, 3)
np.tile(v, 3)
np.tile(x, (2, 1))
np.swapaxes(a, 0, 2)
np.moveaxis(a, 0, -1)
np.expand_dims(v, axis=0) * x
np.squeeze(x[None], axis=0)
np.hstack([x, y[:, :2]])
np.vstack((x, v))
np.hstack((v, v))
np.einsum("ij,kj->ik", x, y)
np.einsum("ij,ij->i", x, y)
np.einsum("ij->ji", x)
np.einsum("ij,j", x, v)
np.einsum("...j,j->...", a, v)
np.einsum("ij,ij,j->i", x, y, v)
np.einsum("rnd,nd->r", a, x)
np.einsum("...ij,...kj->...ik", a, x)
np.einsum("ii", x @ y.T)
np.einsum("rnn->rn", a @ x.T)
np.einsum("i->", h[:, 0])
np.inner(x, y)
np.dot(a, v)
np.outer(v, x)
a @ x.T
a @ np.swapaxes(a, -1, -2)
v @ np.swapaxes(a, 1, 2)
x @ y.T @ x
h @ h.T
np.linalg.norm(x, ord=1, axis=1)
np.linalg.norm(x, np.inf, 1)
np.linalg.norm(i)
np.clip(x, None, 0.5)
np.clip(x, a_min=-s, a_max=s)
b.clip(10, 200)
np.select([x > 1, x > 0], [x, -x], -1.0)
np.sum(x, axis=1, dtype=np.float64)
np.sum(b, dtype=np.int32)
np.where(m, x, np.nan)
np.arange(0, x.shape[0], 2)
np.arange(8, 0, -3)
np.arange(x.shape[1], dtype=np.float32) * v
np.full(2, -1)
np.full(2, True)
np.invert(b) + np.bitwise_not(b)
x.flatten()[::2]
x.astype("float64").std()
x[1:] - x[:-1]
x[:, 2:] - x[:, :-2]
x[:, 1:-1] * 2
x[-3:, :2]
x[-2:] - x[:2]
np.concatenate([v[:1], (v[1:] != v[:-1]).astype(f32)])
np.concatenate([np.zeros(1, dtype=f32), v[:-1]]) - v
top_k(x, 3)[1]
(b == ord("a")) | (b == b"xyz"[1])
int(3.7) * b
x if 1 < 2 and not False else y
np.float32(-0.0) * x
np.array([[1, 2], [3, 4]], dtype=np.int32)
np.array([True, False, True])
np.array([x.mean(), s, 0.5], dtype=f32)
np.array([0.25, 0.5, 0.25], dtype=f16)
x[:, [0, -1]]
m * x + m
i * (i > 0)
np.minimum(i + x.shape[0], x.shape[1] - 1)
b // x.shape[1] + x.shape[0]
h * x.shape[1]
m * x.shape[0] + (m == x.shape[1])
np.where(m, m, x)
m @ v
(m == b) & (np.maximum(m, x) > 0)
np.stack([x[:, j] * j for j in range(1)], axis=1)
np.hstack([v[j : j + 1] for j in range(0, 6, 2)])
np.searchsorted(np.sort(v), x)
np.sort(v).searchsorted(s, side="right")
np.searchsorted([0.1, 0.5], a, "right")
np.digitize(x, np.sort(v)) + np.digitize(y, np.sort(v)[::-1], right=True)
np.digitize(i, [50, 0, -50])
np.isin(p, i.astype(np.int64)) | np.isin(p, [2, 3, 2.5])
np.isin(b, [1, 3, 300], invert=True)
np.isin(x, np.where(m, x, y))
np.interp(x, np.sort(v), v)
np.interp(i, [-80, 0, 0.5, 80], [1.0, 2.0, -1.0, 0.0], left=-7.0, right=s)
np.bincount(b[0], minlength=256)
np.bincount(p % 7, p / 2, minlength=7)
np.histogram(x, bins=5, range=(-2.0, 2.0))[0]
np.histogram(x)[1]
np.histogram(h, bins=4)[0]
np.histogram(x, bins=4, density=True)[0]
np.histogram(x, [-2, 0, 0.25, 1], weights=y)[0]
np.histogram(b, np.array([0, 10, 100, 255], dtype=np.uint8))[1]
np.linspace(-1, 2, 7, endpoint=False)
np.linspace(s, 4, x.shape[0], dtype=f32)
np.diagonal(a, 1, 2, 0)
np.diagonal(h, offset=-1)
np.trace(b) + np.trace(b, offset=1)
np.trace(a, axis1=1, axis2=2)
np.diag(v, k=-2)
np.diag(m) | np.diag(b, 0).astype(bool)
np.tri(3, 4, 1)
np.convolve(v, x[:, 0])
np.convolve(v, [0.25, 0.5, 0.25], "same")
np.convolve(v, np.array([1, 2, 4, 8], dtype=f32), mode="same")
np.convolve(i, i, "valid")
np.convolve(h[:, 0], h[:, 0])
np.correlate(v, x[:, 0], "same")
np.correlate(x[:, 0], v, "same")
np.correlate(v, x[:, 0])
np.nanprod(np.sqrt(x), axis=1)
np.nanstd(np.sqrt(x), axis=1, ddof=1)
np.nanvar(np.sqrt(h), axis=0, keepdims=True)
np.nanmedian(np.sqrt(x), axis=1)
np.nanargmax(np.where(m, x, -3), axis=0) + np.nanargmin(np.where(x > 1, np.nan, x), axis=0)
np.nancumsum(np.sqrt(x), axis=1)
np.nan_to_num(np.log(x)) + np.nan_to_num(x / 0, nan=2.0, posinf=3.0, neginf=-4)
np.nan_to_num(h / 0)
np.average(x, axis=1, weights=v * v)
np.average(b, axis=1, weights=b.astype(i32) + 1)
np.gradient(x, 0.5, axis=1)
np.gradient(i)
np.unwrap(x * 4, axis=0)
np.unwrap(v * 9, period=4)
np.diff(x, 2)
np.diff(i, n=3)
""".strip().splitlines()


def text_of(body: str, signature: str = SIGNATURE) -> str:
    return f"{HEAD}def k({signature}):\n    return {body}\n"


def arguments(n: int, d: int, q: int, r: int) -> list[Any]:
    random = np.random.default_rng(n * 100 + d)

    def real(*shape: int) -> Any:
        return random.normal(size=shape).astype(np.float32)

    whole = random.integers(-100, 100, n).astype(np.int32)
    bytes_, truths = random.integers(0, 256, (n, d)).astype(np.uint8), random.integers(0, 2, (n, d)) > 0
    places = random.integers(0, max(min(n, d), 1), q)
    shaped = [real(n, d), real(n, d), real(d), whole, bytes_, truths, places]
    return [*shaped, real(n, d).astype(np.float16), real(r, n, d), 0.75]


def wanted_of(text: str, values: list[Any]) -> Any:
    names: dict[str, Any] = {**NAMES, "np": np}
    exec(text.replace(HEAD, ""), names)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return names["k"](*values[:-1], np.float32(values[-1]))


@pytest.mark.parametrize("body", BODIES)
def test_every_target_means_what_numpy_means(body: str) -> None:
    text = text_of(body)
    module = compile_source(parse(text, "k.py"), "k")
    native = compile_kernel(compile_source(parse(text, "k.py"), "k"), threads=1)
    graph = kernel_model(module)
    computed = 0
    for sizes in SIZES:
        values = arguments(**sizes)
        try:
            found = native(*values)
        except KernelCallError as refused:
            assert "to be at least 1, it is" in str(refused)
            continue
        try:
            wanted = np.asarray(wanted_of(text, values))
        except ValueError:  # the greatest of nothing
            continue
        assert found.dtype == wanted.dtype
        with np.errstate(all="ignore"):
            others = [run_kernel(module, *values)[0], run_model(graph, values)[0]]
        close = 4e-3 if "h" in body.replace("np.hstack", "") and wanted.dtype == np.float16 else 2e-5
        for one in (found, *others):
            assert np.shape(one) == wanted.shape
            np.testing.assert_allclose(
                np.asarray(one).astype("f8"), wanted.astype("f8"), rtol=close, atol=close, equal_nan=True
            )
        computed += 1
    assert computed


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('np.einsum("ij,jk->ik", x)', "has 2 terms for 1 arrays"),
        ('np.einsum("ij,jk->ik", x, y)', "is not"),
        ('np.einsum("ij->kk", x)', "each letter of the result"),
        ('np.einsum("i", x)', "the array has 2"),
        ('np.einsum("i j!", x)', "no subscripts"),
        ("a @ x", "is not"),
        ("a @ s", "not numbers"),
        ("np.dot(a, a)", "np.einsum"),
        ("np.squeeze(x)", "say which axis"),
        ("np.squeeze(x, axis=0)", "not known to be 1"),
        ("np.pad(x, ((1, 1), (2, 2), (3, 3)))", "widths"),
        ('np.pad(x, 1, mode="linear_ramp")', "modes"),
        ("np.pad(x, -1)", "does not have"),
        ("np.repeat(x, i)", "by a number"),
        ("b * 2.0", "convert one with `astype`"),
        ("np.float32(2) * b", "convert one with `astype`"),
        ("np.where(b > 1, b, 0.0)", "convert one with `astype`"),
        ("np.quantile(x, s)", "from 0 to 1"),
        ("np.linalg.norm(x, ord=2)", "along one axis"),
        ("np.select([x > 0], [x, y])", "as many choices"),
        ("x if np.sum(x) > 0 else y", "before the data"),
        ("x > 0 and y > 0", "parentheses"),
        ("0 < x < 1", "parentheses"),
        ("top_k(x, 3)[2]", "place 2 of 2"),
        ("np.bincount(p)", "np.bincount(x, minlength=16)"),
        ("np.bincount(v, minlength=3)", "a row of integers"),
        ("np.bincount(p, v, minlength=3)", "weights [d] of values [q]"),
        ("np.searchsorted(v, i)", "convert one with `astype`"),
        ("np.searchsorted(x, v)", "one row, not [n, d]"),
        ("np.searchsorted(v, v, sorter=i)", "sorter="),
        ('np.searchsorted(v, v, side="middle")', '`"right"`'),
        ("np.digitize(x, y)", "one row"),
        ("np.histogram(v, 'auto')[0]", "not supported"),
        ("np.histogram(v, p)[0]", "convert one with `astype`"),
        ("np.histogram(v, 4, range=(1, 0))[0]", "bins from 1 to 0"),
        ("np.histogram(v, [0, 1], range=(0, 1))[0]", "edges say where bins are"),
        ("np.histogram(v, 0)[0]", "does not have"),
        ("np.interp(v, v, x)", "two rows of one length"),
        ("np.interp(v, v, v, period=3)", "period="),
        ("np.trace(v)", "no matrix"),
        ("np.diagonal(x, axis1=1, axis2=1)", "are the same"),
        ("np.diag(a)", "np.diagonal"),
        ("np.diag(v, k=x.shape[0])", "is a number"),
        ("np.convolve(x, v)", "rows are convolved"),
        ('np.convolve(v, v, "half")', "modes: `full`, `same`, `valid`"),
        ("np.gradient(x)", "along one axis"),
        ("np.unwrap(i)", "angles are floats"),
        ("np.average(x, weights=i)", "say along which axis"),
        ("np.nanmedian(i)", "none is NaN"),
        ("np.nansum(i)", "none is NaN"),
        ("m @ m.T", "astype"),
        ("np.array([[1, 2], [3]])", "differ in length"),
        ("np.array(np.arange(65) + [0] * 65)", "not supported"),
        ("np.array([1.5], dtype=i32)", "fractions"),
        ("np.stack([x for j in range(x.shape[0])])", "a known range"),
    ],
)
def test_what_is_refused_says_where_and_why(body: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_source(parse(text_of(body), "k.py"), "k")
    [problem] = refused.value.diagnostics
    assert str(problem.span).startswith("k.py:4:")
    assert told in f"{problem.message} {problem.help}"


def test_arrays_that_a_negative_size_would_read_beyond_are_refused_at_the_call() -> None:
    """Before its first row lies memory of somebody else."""
    kernel = compile_kernel(
        compile_source(parse(text_of("x[x.shape[0] - 5 :]", 'x: f32["n", "d"]'), "k.py"), "k"), threads=1
    )
    np.testing.assert_array_equal(kernel(np.ones((7, 2), np.float32)), np.ones((5, 2)))
    with pytest.raises(KernelCallError, match="`n - 4` to be at least 1, it is -1"):
        kernel(np.ones((3, 2), np.float32))


def test_a_row_beside_its_elder_by_one_place_needs_a_row() -> None:
    """``max(n, 1)`` is ``n`` where there is a row, which callers see to; the annotation's spelling is kept."""
    text = text_of("np.concatenate([v[:1], v[:-1]])", 'v: f32["n"]').replace("):\n", ') -> f32["n"]:\n')
    abi = kernel_abi(lower_kernel(compile_source(parse(text, "k.py"), "k")))
    assert abi.results[0].dims == ("n",)
    assert list(abi.requires) == ["n"]


def test_helpers_give_several_values_and_branches_are_known() -> None:
    text = (
        f"{HEAD}def split(x, at: int = 2):\n    return x[:at], x[at:]\n"
        'def k(x: f32["n"], twice: bool = True, times: int = 3):\n    a, b = split(x)\n    c = d = split(x, at=1)[0]\n'
        "    if twice and times != 2:\n        b = b * times\n    else:\n        return x\n    return a, b, c + d\n"
    )
    kernel = compile_kernel(compile_source(parse(text, "k.py"), "k"), threads=1)
    x = np.arange(5, dtype=np.float32)
    for found, wanted in zip(kernel(x), (x[:2], x[2:] * 3, x[:1] * 2), strict=True):
        np.testing.assert_array_equal(found, wanted)


WHOLE = {
    "u64": "x % 1000, x // 7, x // y, x % y, np.max(x), np.sum(x), np.prod(x), np.sort(x), np.min(y), np.argmin(x)",
    "u32": "x % 1000, x // y, np.min(y[:, None] * x + y[:, None], axis=1), np.sum(x), np.prod(x), np.max(x - y)",
    "i64": "np.sum(x), np.prod(x), np.max(x), np.min(x), x // y, x % y, np.abs(x), np.argmax(y), x.astype(i32)",
    "i8": "x // y, x % y, np.abs(x), -x, x * y, np.sum(x), np.prod(x), np.min(x), x << 3, x >> 1, x / y",
}


@pytest.mark.parametrize("name", WHOLE)
def test_integers_are_exact_in_all_their_bits(name: str) -> None:
    """Of ONNX Runtime's own reductions, sums go by way of floats, and the least of [1, 2^31 + 1] is the latter."""
    text = f'{HEAD}def k(x: {name}["n"], y: {name}["n"]):\n    return {WHOLE[name]}\n'
    ends, random = np.iinfo(NAMES[name].dtype), np.random.default_rng(5)
    x, y = (random.integers(ends.min, ends.max, 40, NAMES[name].dtype, endpoint=True) for _ in range(2))
    x[0], y[0], y[y == 0] = ends.min, ends.max, 1
    with np.errstate(all="ignore"):
        wanted = eval(WHOLE[name], {**NAMES, "np": np, "x": x, "y": y})
    module = compile_source(parse(text, "k.py"), "k")
    with np.errstate(all="ignore"):
        found = [run_kernel(module, x, y), run_model(kernel_model(module), [x, y]), list(compile_kernel(module)(x, y))]
    for results in found:
        for one, other in zip(results, wanted, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "body",
    [
        "np.max(x, axis=1), np.min(x), np.argmax(x, axis=0), np.sort(x), np.argsort(x, kind='stable')",
        "top_k(x, 3)",
        "np.cumsum(x, axis=1), np.maximum.accumulate(x, axis=1), np.minimum.accumulate(x, axis=0)",
    ],
)
def test_onnx_runtime_loses_no_nan(body: str) -> None:
    text = text_of(body, 'x: f32["n", "d"]')
    x = np.random.default_rng(3).choice([np.nan, np.inf, -np.inf, 1.0, 1.0, -2.5, 3e38], (7, 9)).astype(np.float32)
    names: dict[str, Any] = {**NAMES, "np": np}
    exec(text.replace(HEAD, ""), names)
    found = run_model(kernel_model(compile_source(parse(text, "k.py"), "k")), [x])
    for one, wanted in zip(found, names["k"](x), strict=True):
        np.testing.assert_allclose(one, wanted)


def test_onnx_runtime_survives_products_of_empty_arrays() -> None:
    """It divided by zero where it had to turn a factor without elements itself."""
    text = text_of('x @ y.T, np.einsum("ij,kj->ki", x, y)', 'x: f32["n", "d"], y: f32["m", "d"]')
    graph = kernel_model(compile_source(parse(text, "k.py"), "k"))
    for n, m, d in ((3, 2, 0), (0, 2, 3), (0, 0, 0)):
        one, two = run_model(graph, [np.ones((n, d), np.float32), np.ones((m, d), np.float32)])
        np.testing.assert_array_equal(one, np.full((n, m), d))
        np.testing.assert_array_equal(two, np.full((m, n), d))


@pytest.mark.parametrize(
    ("name", "divisor"), [*((n, d) for n in ("f32", "f64") for d in ("0.3", "-0.3", "2", "0.5", "y")), ("f16", "y")]
)
def test_floor_division_of_floats_is_that_of_numpy(name: str, divisor: str) -> None:
    """12.3 // 0.3 is 40: the quotient in single precision is 41, and the rest would be less than nothing."""
    text = f'{HEAD}def k(x: {name}["n"], y: {name}["n"]):\n    return x // {divisor}, x % {divisor}\n'
    pool = [np.nan, np.inf, -np.inf, 0.0, 1.0, -2.5, 12.3, 0.9, -0.9, 3.0, 0.3, 0.6, -7.3, 1e-3, 1000.0]
    random = np.random.default_rng(1)
    x, y = (random.choice(pool, 200).astype(NAMES[name].dtype) for _ in range(2))
    names: dict[str, Any] = {**NAMES, "np": np}
    exec(text.replace(HEAD, ""), names)
    module = compile_source(parse(text, "k.py"), "k")
    with np.errstate(all="ignore"):
        wanted = names["k"](x, y)
        found = [run_kernel(module, x, y), run_model(kernel_model(module), [x, y]), compile_kernel(module)(x, y)]
    for results in found:
        for one, other in zip(results, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6 if name != "f16" else 2e-3, atol=1e-7)


def test_what_a_file_writes_out_beside_its_functions_is_known() -> None:
    text = (
        f"{HEAD}N = 1 << 2\nHALF = N / 8\nTAPS = [0.25, HALF, 0.25]\n"
        "TABLE = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)\n"
        'def k(x: f32["n", 3]):\n    y = x @ TABLE.T\n    total = x[:, 0] * TAPS[0]\n'
        "    for i in range(1, 3):\n        total += x[:, i] * TAPS[i]\n"
        "    for w in (2.0, 3.0):\n        total = total * w + N\n    return y, total\n"
    )
    names: dict[str, Any] = {**NAMES, "np": np}
    exec(text.replace(HEAD, ""), names)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    found = compile_kernel(compile_source(parse(text, "k.py"), "k"), threads=1)(x)
    for one, wanted in zip(found, names["k"](x), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-6)
    with pytest.raises(Refused, match="place 3 of 3"):
        compile_source(parse(f'{HEAD}TAPS = (1, 2, 3)\ndef k(x: f32["n"]):\n    return x * TAPS[3]\n', "k.py"), "k")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("2 ** 2 ** 2 ** 2 ** 2 ** 2 + x", "constant arithmetic fails"),
        ("(1 << 10**9) + x", "constant arithmetic fails"),
        ("(-8) ** 0.5 + x", "not real"),
        ("x[10**30]", "no size"),
        ("np.arange(2**70)", "no size"),
        ("np.zeros((2**40, 2**40))", "more elements"),
        ("-" * 600 + "x", "nested too deep"),
        (" + ".join(["x"] * 600), "nested too deep"),
    ],
)
def test_nothing_takes_the_compiler_down(body: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_source(parse(text_of(body, 'x: f32["n"]'), "k.py"), "k")
    [problem] = refused.value.diagnostics
    assert problem.span is not None and problem.span.line >= 3
    assert told in problem.message


def test_loops_in_loops_are_bounded() -> None:
    loops = "".join(f"{'    ' * (i + 1)}for a{i} in range(64):\n" for i in range(4))
    text = f'{HEAD}def k(x: f32["n"]):\n{loops}                    x = x + a3\n    return x\n'
    with pytest.raises(Refused, match="more than 4096 statements"):
        compile_source(parse(text, "k.py"), "k")
