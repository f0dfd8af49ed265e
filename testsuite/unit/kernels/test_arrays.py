"""What kernels do to shapes, orders and types, against the same text as NumPy."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from agentc.backends.onnx.kernels import kernel_model
from agentc.frontends.kernels import annotations
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.onnx_kernels import run_model
from agentc.support.diagnostics import Refused

HEAD = "import numpy as np\nimport agentc\nfrom agentc import *\n"
NAMES: dict[str, Any] = {n: getattr(annotations, n) for n in dir(annotations) if not n.startswith("_")}


def program(parameters: str, body: str) -> str:
    lines = body if "return" in body else f"return {body}"
    return HEAD + f"def k({parameters}):\n" + "".join(f"    {line}\n" for line in lines.splitlines())


@cache
def compiled(text: str) -> Any:
    return compile_kernel(compile_source(parse(text, "k.py"), "k"))


def both(parameters: str, body: str, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """What the compiled kernel gives, and what NumPy gives."""
    text = program(parameters, body)
    found = compiled(text)(*values)
    names: dict[str, Any] = {**NAMES, "np": np, "agentc": annotations}
    exec(text.replace("import agentc\nfrom agentc import *\n", ""), names)
    with np.errstate(all="ignore"):
        wanted = names["k"](*values)
    as_list = [list(v) if isinstance(v, tuple) else [v] for v in (found, wanted)]
    return as_list[0], as_list[1]


def check(parameters: str, body: str, *values: Any, tolerance: float = 2e-6) -> None:
    compare(*both(parameters, body, values), tolerance)


def compare(found: list[Any], wanted: list[Any], tolerance: float) -> None:
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == np.shape(b), (a.shape, np.shape(b))
        np.testing.assert_allclose(a.astype("float64"), np.asarray(b).astype("float64"), rtol=tolerance, atol=tolerance)


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).round(1).astype(np.float32)


def odd(*shape: int) -> Any:
    """Numbers with ties, infinities and NaN."""
    x = numbers(*shape)
    if x.size > 6:
        x.flat[1], x.flat[3], x.flat[5] = np.nan, np.inf, -np.inf
    return x


SHAPES = [(5, 33), (1, 1), (0, 8), (2, 129)]
MATRIX = 'x: f32["n", "m"]'


BODIES = [
    "np.sort(x)",
    "np.sort(x, axis=0)",
    "np.argsort(x, axis=1, kind='stable')",
    "np.cumsum(np.where(x < 5.0, 1.0, x), axis=1)",
    "np.cumprod(np.where(np.abs(x) < 1.0, x, 1.0), axis=0)",
    "np.maximum.accumulate(x, axis=1)",
    "np.minimum.accumulate(x, axis=0)",
    "top_k(x, 1)",
    "top_k(x, 7)",
    "v, i = agentc.top_k(x, 3)\nreturn i, v",
    "x[:, ::-1]",
    "x[::2, 1:]",
    "x[1:-1]",
    "x[:, :4], x[:, 4:]",
    "np.concatenate([x, x[:, :3], -x], axis=1)",
    "np.concatenate([x, x[:1]], axis=0)",
    "np.stack([x, x + 1.0], axis=1)",
    "x.reshape(-1)",
    "np.ravel(x.T)",
    "x.reshape(x.shape[1], x.shape[0])",
    "np.broadcast_to(x[:, None], (x.shape[0], 3, x.shape[1]))",
    "np.any(x > 1.0, axis=1)",
    "np.all(x == x, axis=0)",
    "np.any(x > 9.0), np.all(x < 9.0)",
    "(x > 0.5) & ~(x > 1.0) | np.isnan(x)",
    "np.flip(x, axis=1)",
    "np.sum(x > 0.0, axis=1)",
    "np.sign(x)",
    "np.isfinite(x), np.isinf(x)",
    "x[..., None] * np.arange(3).astype(f32)",
    "np.transpose(x, (1, 0)) + 1.0",
    "np.cumsum(x > 0.0)",
    "n = x.shape[1] // 2\nreturn x[:, :n] + x[:, x.shape[1] - n:]",
    "np.zeros((x.shape[0], 2), dtype=np.float32), np.full_like(x, 2.5), np.ones(x.shape[1])",
    "y = x\nfor i in range(3):\n    y = y + x[:, None, 0] * i\nreturn y",
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("body", BODIES)
def test_arrays(body: str, shape: tuple[int, int]) -> None:
    check(MATRIX, body, odd(*shape))


@pytest.mark.parametrize("shape", [(5, 33), (1, 1), (4, 70)])
@pytest.mark.parametrize(
    "body", ["np.argmax(x, axis=1)", "np.argmin(x, axis=0)", "np.argmax(x)", "np.argmax(x, axis=1, keepdims=True)"]
)
def test_place_of_the_best(body: str, shape: tuple[int, int]) -> None:
    check(MATRIX, body, odd(*shape))


PLACES = 'x: f32["n", "m"], i: i64["k"], j: i32["n", "k"]'


@pytest.mark.parametrize(
    "body", ["x[i]", "x[:, i]", "np.take(x, i, axis=0)", "np.take(x, j)", "x[i][:, None]", "x[None, :, i]"]
)
def test_gather(body: str) -> None:
    x = numbers(9, 6)
    i = np.array([0, 5, -1, 3, 3, -6])
    check(PLACES, body, x, i, np.arange(54, dtype=np.int32).reshape(9, 6))


def test_take_along_and_back() -> None:
    x = numbers(4, 9)
    check(MATRIX, "i = np.argsort(x, axis=1, kind='stable')\nreturn np.take_along_axis(x, i, axis=1), i", x)


def test_places_beyond_the_ends_clip() -> None:
    x = numbers(4, 2)
    found, _ = both(PLACES, "x[np.clip(i, -4, 3)], x[i]", [x, np.array([1]), np.zeros((4, 1), np.int32)])
    text = program(PLACES, "x[i]")
    kernel = compile_kernel(compile_source(parse(text, "k.py"), "k"))
    np.testing.assert_array_equal(kernel(x, np.array([99, -99]), np.zeros((4, 2), np.int32)), x[[3, 0]])
    assert len(found) == 2


ROWS = 'x: f32["n", "m"], i: i64["k"], u: f32["k", "m"]'


@pytest.mark.parametrize("kind", ["set", "add", "max", "min"])
def test_scatter(kind: str) -> None:
    check(ROWS, f"scatter_{kind}(x, i, u)", numbers(5, 3), np.array([4, 0, -1, 4, 9, -8]), numbers(6, 3, seed=1))
    check(ROWS, f"scatter_{kind}(x * 2.0, i, 1.5)", numbers(5, 3), np.array([], np.int64), numbers(0, 3))


WHOLE = [
        "a + b", "a - b", "a * b", "a // b", "a % b", "a & b", "a | b", "a ^ b", "~a", "a << (b & 7)", "a >> (b & 7)",
        "a // 3", "a % 3", "a < b", "np.maximum(a, b)", "np.minimum(a, b)", "np.sum(a)", "np.max(a)", "np.min(b)",
        "np.sort(a)", "np.cumsum(a)", "top_k(a, 4)", "np.argmax(a)", "a.astype(f32)", "a.astype(i8)", "a / 2",
        "np.mean(a)", "np.sqrt(a.astype(f32))", "np.abs(a)", "np.where(a > b, a, b)", "np.prod(a)",
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", ["i8", "i32", "i64", "u8", "u32", "u64"])
@pytest.mark.parametrize("body", WHOLE)
def test_integers(dtype: str, body: str) -> None:
    kind = NAMES[dtype].dtype
    low, high = (-100, 100) if kind.kind == "i" else (0, 200)
    random = np.random.default_rng(3)
    a, b = (random.integers(low, high, 23).astype(kind) for _ in range(2))
    b[2] = 0
    check(f'a: {dtype}["n"], b: {dtype}["n"]', body, a, b, tolerance=1e-6)


def test_division_of_the_least_integer_wraps() -> None:
    a = np.array([-128, -128, 5, -5], np.int8)
    check('a: i8["n"], b: i8["n"]', "a // b", a, np.array([-1, 0, -2, 2], np.int8))


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize(
    "body",
    ["a + b", "a * b - a", "np.exp(a)", "np.sum(a)", "np.max(a)", "a @ b", "np.sort(a)", "a.astype(f32)", "a > b"],
)
def test_halves_round_each_result(dtype: str, body: str) -> None:
    pytest.importorskip("ml_dtypes", reason="names bf16 for NumPy")
    kind = NAMES[dtype].dtype
    a, b = (numbers(40, seed=s).astype(kind) for s in (1, 2))
    found, _ = both(f'a: {dtype}["n"], b: {dtype}["n"]', body, [a, b])
    _, wanted = both('a: f32["n"], b: f32["n"]', body, [a.astype("f4"), b.astype("f4")])
    assert found[0].dtype == (np.float32 if "f32" in body else np.bool_ if ">" in body else kind)
    step = {"f16": 2e-3, "bf16": 2e-2}[dtype]
    np.testing.assert_allclose(found[0].astype("f8"), wanted[0].astype("f8"), rtol=step, atol=step)


@pytest.mark.parametrize("length", [2, 3, 7, 8, 31, 400])
def test_fourier(length: int) -> None:
    x = np.random.default_rng(0).standard_normal((3, length)).astype(np.float32)
    body = "power_spectrum(x), np.abs(np.fft.rfft(x)), np.fft.rfft(x).real, np.fft.rfft(x, axis=-1).imag"
    check(f'x: f32["n", {length}]', body, x, tolerance=2e-4)


def test_derived_sizes_are_checked() -> None:
    text = program('x: f32["n"], y: f32["2*n + 1"]', "np.sum(x) + y")
    kernel = compile_kernel(compile_source(parse(text, "k.py"), "k"))
    assert kernel(numbers(3), numbers(7)).shape == (7,)
    with pytest.raises(ValueError, match=r"8 is not `2\*n \+ 1` = 7"):
        kernel(numbers(3), numbers(8))


@pytest.mark.parametrize(
    ("body", "slug", "text"),
    [
        ("x[x > 0.0]", "kernel-unsupported", "truth values"),
        ("np.nonzero(x)", "kernel-unsupported", "np.nonzero"),
        ("x.reshape(7, 3)", "kernel-shape", "elements"),
        ("x[1, 2, 3]", "kernel-shape", "3 items"),
        ("x + np.arange(x.shape[1])", "kernel-shape", "astype"),
        ("np.concatenate([x, x.T])", "kernel-shape", "do not join"),
        ("top_k(x, 0)", "kernel-shape", "best 0"),
        ("top_k(x)", "kernel-unsupported", "top_k"),
        ("np.fft.fft(x)", "kernel-unsupported", "fft"),
        ("np.abs(np.fft.rfft(x))", "kernel-shape", "known length"),
        ("x << 1", "kernel-shape", "shl"),
        ("x.astype(i8) + 300", "kernel-shape", "300 is beyond i8"),
        ("x.astype(i8) + 0.5", "kernel-shape", "0.5"),
        ("x[:, np.sum(x)]", "kernel-shape", "whole numbers"),
        ("x[::0]", "kernel-unsupported", "step"),
        ("np.take_along_axis(x, np.argsort(x, axis=1)[:1], axis=1)", "kernel-shape", "other axes differ"),
        ("a, b = top_k(x, 2), 3\nreturn a", "kernel-shape", "gives 2 values"),
        ("for i in range(x.shape[0]):\n    x = x + 1.0\nreturn x", "kernel-unsupported", "for"),
        ("for i in range(99):\n    x = x + 1.0\nreturn x", "kernel-unsupported", "for"),
    ],
)
def test_refusals(body: str, slug: str, text: str) -> None:
    with pytest.raises(Refused) as caught:
        compile_source(parse(program(MATRIX, body), "k.py"), "k")
    found = caught.value.diagnostics[0]
    assert found.slug == slug
    assert text in found.message
    assert found.span is not None and found.span.line >= 5


def everywhere(text: str, values: Sequence[Any]) -> dict[str, list[Any]]:
    """What the interpreter makes of it before and after lowering, native code, and ONNX Runtime."""
    module = compile_source(parse(text, "k.py"), "k")
    native = compiled(text)(*values)
    return {
        "tensors": run_kernel(module, *values),
        "loops": run_kernel(lower_kernel(module), *values),
        "llvm": list(native) if isinstance(native, tuple) else [native],
        "onnx": run_model(kernel_model(module), values),
    }


def agree(text: str, *values: Any) -> None:
    found = everywhere(text, values)
    for target, results in found.items():
        for a, b in zip(results, found["llvm"], strict=True):
            assert (target, a.dtype, a.shape) == (target, b.dtype, b.shape)
            np.testing.assert_allclose(a.astype("f8"), b.astype("f8"), rtol=2e-6, atol=2e-6, err_msg=target)


@pytest.mark.parametrize("body", BODIES)
def test_targets_agree_on_arrays(body: str) -> None:
    agree(program(MATRIX, body), numbers(3, 9))


@pytest.mark.parametrize("dtype", ["i8", "i64", "u8", "u64"])
@pytest.mark.parametrize("body", [b for b in WHOLE if b not in ("a / 2", "np.prod(a)")])
def test_targets_agree_on_integers(dtype: str, body: str) -> None:
    kind = NAMES[dtype].dtype
    low, high = (-100, 100) if kind.kind == "i" else (0, 200)
    a, b = (np.random.default_rng(s).integers(low, high, 7).astype(kind) for s in (3, 4))
    agree(program(f'a: {dtype}["n"], b: {dtype}["n"]', body), a, np.where(b == 0, 1, b).astype(kind))


@pytest.mark.parametrize("kind", ["set", "add", "max", "min"])
def test_targets_agree_on_scattered_rows(kind: str) -> None:
    text = program(ROWS, f"scatter_{kind}(x, i, u), x[i]")
    agree(text, numbers(5, 3), np.array([4, 0, -1, 9, -8]), numbers(5, 3, seed=1))


def test_targets_agree_on_halves_and_spectra() -> None:
    agree(program('x: f16["n"]', "x * x + x, np.sum(x)"), numbers(9).astype("f2"))
    agree(program('x: f32["n", 20]', "np.abs(np.fft.rfft(x))"), numbers(2, 20))


def test_a_broken_meaning_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentc.passes import lower_linalg_ext

    monkeypatch.setitem(lower_linalg_ext.FLOATS, "max", lower_linalg_ext.FLOATS["min"])
    module = compile_source(parse(program(MATRIX, "np.maximum.accumulate(x, axis=1)"), "k.py"), "k")
    before, after = run_kernel(module, numbers(3, 9)), run_kernel(lower_kernel(module), numbers(3, 9))
    assert not np.array_equal(before[0], after[0])


def test_what_is_read_for_certain_is_checked_at_the_call() -> None:
    kernel = compiled(program(MATRIX, "x[2, -1] + np.argmax(x[0]).astype(f32)"))
    assert kernel.abi.requires == ("n - 2", "m", "n")
    with pytest.raises(ValueError, match=r"needs `n - 2` to be at least 1, it is 0"):
        kernel(numbers(2, 4))
    divided = compiled(program(MATRIX, "np.arange(x.shape[0] // x.shape[1])"))
    assert divided(numbers(9, 4)).tolist() == [0, 1]
    with pytest.raises(ValueError, match="needs `m`"):
        divided(numbers(3, 0))
    wheel = compiled(program(MATRIX, "np.arange((x.shape[0] - 5) % 4)"))
    assert [len(wheel(numbers(n, 1))) for n in (3, 5, 7)] == [2, 0, 2]


@pytest.mark.parametrize("dtype", ["f32", "i32", "u8"])
def test_very_many_of_the_best_are_found_by_sorting(dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 99, (2, 900)).astype(NAMES[dtype].dtype)
    check(f'x: {dtype}["n", "m"]', "top_k(x, 300)", values)
    with pytest.raises(ValueError, match=r"needs `m - 299` to be at least 1"):
        compiled(program(f'x: {dtype}["n", "m"]', "top_k(x, 300)"))(values[:, :200])
