"""Kernels from Python text: what is understood, and how the rest is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentc.frontends.kernels.python_ast import compile_source, from_python
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel
from agentc.support.diagnostics import Diagnostic, Refused

HEAD = "import numpy as np\nfrom agentc import f32, f64, i8, i32, kernel\n"
X = np.array([[1.5, -2.0, 0.25], [4.0, 0.5, -1.0]], np.float32)
V = np.array([1.0, 2.0, -3.0], np.float32)

EXPRESSIONS = {
    "x + v": X + V,
    "v - x * 2": V - X * 2,
    "-x / 4": -X / 4,
    "x ** 2 + x ** 3 + x ** 4": X**2 + X**3 + X**4,
    "np.abs(x) ** 0.5": np.abs(X) ** 0.5,
    "np.abs(x) ** 1.7": np.abs(X) ** np.float32(1.7),
    "x ** -1": 1 / X,
    "np.where((x > 0) & (x < 2), x, -1)": np.where((X > 0) & (X < 2), X, -1),
    "np.where(~(x >= v), 1.0, x)": np.where(~(X >= V), 1.0, X),
    "np.clip(x, -1, np.e)": np.clip(X, -1, np.e),
    "np.square(x) + np.reciprocal(x)": X * X + 1 / X,
    "np.floor(x) + np.ceil(x) + np.rint(x)": np.floor(X) + np.ceil(X) + np.rint(X),
    "np.maximum(x, 0) + np.minimum(v, x)": np.maximum(X, 0) + np.minimum(V, X),
    "np.exp(x) + np.tanh(x) + np.sin(x) + np.cos(x)": np.exp(X) + np.tanh(X) + np.sin(X) + np.cos(X),
    "np.log(np.abs(x))": np.log(np.abs(X)),
    "x - x.mean(axis=0)": X - X.mean(axis=0),
    "x / np.sum(x, axis=1, keepdims=True)": X / X.sum(axis=1, keepdims=True),
    "x - np.max(x, 1)[:, None] * np.min(x)": X - X.max(1)[:, None] * X.min(),
    "x * np.prod(x, axis=(0, 1))": X * X.prod(),
    "x.T.T + x.shape[1]": X + 3,
    "x * np.linalg.norm(v) + np.linalg.norm(x, axis=-1, keepdims=True)": X * np.linalg.norm(V)
    + np.linalg.norm(X, axis=-1, keepdims=True),
    "(x @ x.T) @ x": (X @ X.T) @ X,
    "x * (v @ v) + (x @ v)[..., None]": X * (V @ V) + (X @ V)[..., None],
    "(x > 0).astype(f32) * x": (X > 0) * X,
    "np.where(np.isnan(x / x), x, 1.0)": np.ones_like(X),
    "x.astype(np.float64).astype(f32)": X,
    "SCALE * x": 2.5 * X,
    "x + x.sum(0).sum(0).sum()": X + X.sum(),
    "np.minimum(x, 1e39)": X,
    "half(x, by=v)": X * V * 0.5,
}


def problems(body: str, signature: str = 'x: f32["n", "d"], v: f32["d"]') -> list[Diagnostic]:
    """What is wrong with a kernel of this body."""
    with pytest.raises(Refused) as refused:
        compile_source(parse(f"{HEAD}def k({signature}):\n{body}", "k.py"), "k")
    return list(refused.value.diagnostics)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_means_what_numpy_means(expression: str) -> None:
    text = f"""{HEAD}
SCALE = 2.5
def half(a, by): return a
def half(a: f32["n", "d"], by: f32["d"], c: float = 0.5):
    return a * by * c
def k(x: f32["n", "d"], v: f32["d"]) -> f32["n", "d"]:
    return {expression}
"""
    found = compile_kernel(compile_source(parse(text, "k.py"), "k"))(X, V)
    np.testing.assert_allclose(found, EXPRESSIONS[expression], rtol=3e-6, atol=3e-6)


def test_statements_and_several_results() -> None:
    text = f'''{HEAD}
@kernel
def k(x: f32["n", "d"], by: f32) -> tuple[f32["d"], f32]:
    """Sums."""
    y = x
    y *= by
    total: f32 = np.sum(y)
    columns = y.sum(axis=0)
    return columns, total
'''
    columns, total = compile_kernel(compile_source(parse(text, "k.py"), "k"))(X, 2.0)
    np.testing.assert_allclose(columns, 2 * X.sum(0))
    assert total.shape == ()
    np.testing.assert_allclose(total, 2 * X.sum())


def test_a_value_is_not_overwritten_before_its_last_reader() -> None:
    text = f'{HEAD}def k(x: f32["n", "d"]):\n    t = np.exp(x)\n    return t + 1, np.sum(t, axis=1), t\n'
    for order in ("t + 1, np.sum(t, axis=1)", "np.sum(t, axis=1), t + 1"):
        body = text.replace("t + 1, np.sum(t, axis=1)", order)
        found = compile_kernel(compile_source(parse(body, "k.py"), "k"))(X)
        wanted = (np.exp(X) + 1, np.exp(X).sum(1)) if order.startswith("t") else (np.exp(X).sum(1), np.exp(X) + 1)
        for result, value in zip(found, (*wanted, np.exp(X)), strict=True):
            np.testing.assert_allclose(result, value, rtol=1e-6)
    short = f'{HEAD}def k(x: f32["n", "d"]):\n    t = np.exp(x)\n    return t + 1, np.sum(t, axis=1)\n'
    plus, total = compile_kernel(compile_source(parse(short, "k.py"), "k"))(X)
    np.testing.assert_allclose(plus, np.exp(X) + 1, rtol=1e-6)
    np.testing.assert_allclose(total, np.exp(X).sum(1), rtol=1e-6)


def test_static_sizes_and_integers() -> None:
    text = f'{HEAD}def k(x: i32["n", 4]) -> i32["n"]:\n    return np.max(x * 3 - 1, axis=1)\n'
    values = np.arange(8, dtype=np.int32).reshape(2, 4)
    assert compile_kernel(compile_source(parse(text, "k.py"), "k"))(values).tolist() == [8, 20]


REFUSED = {
    "    return np.fft(x)": ("kernel-unsupported", 4, 12),
    "    return np.exq(x)": ("kernel-unsupported", 4, 12),
    "    return x + y": ("kernel-unknown-name", 4, 16),
    "    return x @ v.T @ x.T": ("kernel-shape", 4, 12),
    "    return x.T + v": ("kernel-shape", 4, 12),
    "    return x[x > 0]": ("kernel-unsupported", 4, 14),
    "    for i in x:\n        pass\n    return x": ("kernel-unsupported", 4, 5),
    "    return np.sum(x, axis=2)": ("kernel-shape", 4, 27),
    "    return np.sum(x, axs=1)": ("kernel-unsupported", 4, 22),
    "    return np.where(x, v, v)": ("kernel-shape", 4, 12),
    "    return k(x, v)": ("kernel-unsupported", 4, 12),
    "    return x + x.astype(f64)": ("kernel-shape", 4, 12),
    "    return x + 1 // 0": ("kernel-shape", 4, 16),
    "    return x + 1 / 0": ("kernel-shape", 4, 16),
    "    x = 3": ("kernel-unsupported", 3, 1),
    "    return np.linalg.norm()": ("kernel-unsupported", 4, 12),
    "    return": ("kernel-unsupported", 4, 5),
}


@pytest.mark.parametrize("body", REFUSED)
def test_what_cannot_be_is_refused_at_its_place(body: str) -> None:
    [problem] = problems(body)
    assert problem.span is not None
    assert (problem.slug, problem.span.line, problem.span.column) == REFUSED[body]


def test_all_problems_are_told_once() -> None:
    found = problems("    a = np.bad(x)\n    b = a + 1\n    c = x[x > 1]\n    return b + c + z")
    assert [d.span.line for d in found if d.span] == [4, 6]


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("x", "`x` has no type"),
        ('x: g32["n"]', "`g32` is no element type"),
        ('x: f32["n!"]', "`'n!'` is no size"),
        ("x: f32[0]", "`0` is no size"),
        ("x: float", "constant `x` has no number"),
        ("*x", "a kernel cannot take `*x`"),
        ('n: f32["n"]', "`n` is the name of an argument and of a size"),
        ('é: f32["n"]', "`é` is not plain ASCII"),
    ],
)
def test_bad_signatures(signature: str, message: str) -> None:
    assert problems("    return x", signature)[0].message == message


def test_the_annotated_result_is_checked() -> None:
    text = f'{HEAD}def k(x: f32["n"]) -> {{}}:\n    return np.sum(x)\n'
    for result, message in {
        'f32["n"]': "the result has shape [], the annotation says [n]",
        "f64": "the result is f32, the annotation says f64",
        "tuple[f32, f32]": "`k` returns 1 values, its annotation says 2",
        'f32["m"]': "size `m` of the result is no size of an argument",
    }.items():
        with pytest.raises(Refused) as refused:
            compile_source(parse(text.format(result), "k.py"), "k")
        assert refused.value.diagnostics[0].message == message


def test_names_may_be_those_of_c_and_of_generated_code() -> None:
    from agentc.analyses.kernel_abi import kernel_abi
    from agentc.backends.cuda.source import source
    from agentc.backends.llvm.header import header
    from agentc.pipelines.kernels import lower_kernel

    text = f'{HEAD}def k(tmp0: f32["n"], low: f32["n"], default: f32):\n    return tmp0 / np.sum(low) * default\n'
    module = lower_kernel(compile_source(parse(text, "k.py"), "k"))
    abi = kernel_abi(module)
    assert [p.name for p in abi.temporaries] == ["tmp_0", "tmp_1"]
    assert "float default_, float *out" in header(abi)
    assert "const float* __restrict__ low_" in source(module)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def k(:\n")
    for path, slug in {tmp_path / "none.py": "kernel-not-found", bad: "kernel-syntax"}.items():
        with pytest.raises(Refused) as refused:
            from_python(path, "k")
        assert refused.value.diagnostics[0].slug == slug


def test_the_function_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "k.py"
    path.write_text(f'{HEAD}raise SystemExit\ndef k(x: f32["n"]): return x + 1\n')
    found: Any = compile_kernel(from_python(path, "k"))(np.zeros(3, np.float32))
    assert found.tolist() == [1, 1, 1]
