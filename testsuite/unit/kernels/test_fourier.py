"""Fourier transforms in log steps: as NumPy's, of lengths that are products of 2, 3 and 5, and of any number of rows."""

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from agentc.dialects.linalg_ext import FourierOp
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.passes.find_fourier import FindFourierPass, radices
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel


def module(length: int, dtype: str = "f32", what: str = "power_spectrum(x)", rows: str = '"n"') -> ModuleOp:
    text = (
        "import numpy as np\nfrom agentc import f32, f64, power_spectrum\n"
        f"def f(x: {dtype}[{rows}, {length}]) -> {dtype}[{rows}, {length // 2 + 1}]:\n    return {what}\n"
    )
    return compile_source(parse(text, "k.py"), "f")


def found_in(kernel: ModuleOp) -> list[int]:
    """How many results each transform has that is found."""
    found = kernel.clone()
    FindFourierPass().apply(Context(), found)
    found.verify()
    return [len(op.outputs) for op in found.walk() if isinstance(op, FourierOp)]


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("length", [32, 36, 40, 54, 250, 400, 486, 512])
def test_power_as_numpy(length: int, dtype: str) -> None:
    kernel = module(length, dtype)
    assert found_in(kernel) == [1]
    compiled = compile_kernel(kernel, threads=2)
    for rows in (0, 1, 7, 8, 21):
        x = np.random.default_rng(rows).standard_normal((rows, length)).astype({"f32": "f4", "f64": "f8"}[dtype])
        wanted = np.abs(np.fft.rfft(x.astype("f8"))) ** 2
        rest = {"f32": 2e-6, "f64": 1e-14}[dtype] * wanted.max(initial=1)
        np.testing.assert_allclose(compiled(x), wanted, rtol=0, atol=rest)


PARTS = {
    "np.fft.rfft(x).real": [2],
    "np.fft.rfft(x).imag": [2],
    "np.fft.rfft(x).imag - np.fft.rfft(x).real": [2],
    "np.abs(np.fft.rfft(x))": [1],
    "np.abs(np.fft.rfft(x)) ** 2 + np.fft.rfft(x).real": [2],
}


@pytest.mark.parametrize("shape", [(40,), (5, 40), (9, 40), (2, 3, 40), (2, 1, 9, 40), (0, 3, 40)])
@pytest.mark.parametrize("what", PARTS)
def test_parts(what: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype("f4")
    wanted = eval(what, {"np": np, "x": x.astype("f8")})
    rows = "".join(f'"{name}", ' for name in "abc"[: len(shape) - 1])
    text = f"import numpy as np\nfrom agentc import f32\ndef f(x: f32[{rows}40]) -> f32[{rows}21]:\n    return {what}\n"
    kernel = compile_source(parse(text, "k.py"), "f")
    assert found_in(kernel) == PARTS[what]
    np.testing.assert_allclose(compile_kernel(kernel)(x), wanted, rtol=2e-6, atol=1e-5)


def test_a_quiet_row_hears_nothing_of_a_loud_one() -> None:
    x = np.zeros((8, 400), "f4")
    x[3] = 1e6
    found = compile_kernel(module(400))(x)
    assert not found[[0, 1, 2, 4, 5, 6, 7]].any() and found[3, 0] == pytest.approx(1.6e17)


def test_loops_mean_what_the_op_means() -> None:
    kernel = module(32, "f64", rows="3")
    x = np.random.default_rng(0).standard_normal((3, 32))
    found = kernel.clone()
    FindFourierPass().apply(Context(), found)
    wanted = np.abs(np.fft.rfft(x)) ** 2
    for form in (found, lower_kernel(kernel)):
        np.testing.assert_allclose(run_kernel(form, x)[0], wanted, atol=1e-12)


def test_other_lengths_are_multiplied() -> None:
    for length in (30, 33, 34, 4098):
        assert not found_in(module(length)) if length < 4096 else radices(length // 2) is None
    assert radices(200) == [5, 5, 4, 2] and radices(27) == [3, 3, 3] and radices(1) == [] and radices(14) is None


def numbers(*shape: int, kind: str = "f4") -> np.ndarray:
    return (30 * np.random.default_rng(sum(shape)).standard_normal(shape)).astype(kind)


FRAMES = "np.clip(np.arange(x.shape[0] // 16)[:, None] * 16 + np.arange(40) - 20, 0, x.shape[0] - 1)"
MADE = {
    "frames": (
        'x: f32["t"], w: f32[40]',
        '"t//16", ',
        f"x[{FRAMES}] * w",
        lambda n: [numbers(16 * n + 3), numbers(40)],
    ),
    "doubles": ('x: f64["t"]', '"t//16", ', f"x[{FRAMES}] * 2.0", lambda n: [numbers(16 * n + 3, kind="f8")]),
    "choice": (
        'x: f32["n", 40], s: f32',
        '"n", ',
        "np.where(x > s, x * s, -x)",
        lambda n: [numbers(n, 40), np.float32(2)],
    ),
    "places": (
        'x: f32["n", 40]',
        '"n", ',
        "x * (np.arange(x.shape[0])[:, None] + np.arange(40) % 3).astype(f32)",
        lambda n: [numbers(n, 40)],
    ),
    "one row": ("x: f32[40], w: f32[40]", "", "np.maximum(x * w, w - x)", lambda n: [numbers(40), numbers(40) + 1]),
    "blocks": (
        'x: f32["b", "n", 40], w: f32[40]',
        '"b", "n", ',
        "x * w + np.arange(x.shape[0])[:, None, None].astype(f32)",
        lambda n: [numbers(3, n, 40), numbers(40)],
    ),
    "integers": ('x: i32["n", 40]', '"n", ', "x.astype(f32) * 0.5", lambda n: [numbers(n, 40, kind="i4")]),
    "gathered": (
        'x: f32["t"], i: i32["n", 40]',
        '"n", ',
        "x[np.minimum(i + 1, x.shape[0] - 1)] * 0.5",
        lambda n: [numbers(50), np.abs(numbers(n, 40, kind="i4")) % 50],
    ),
    "constant": ('x: f32["n"]', '"n", ', "np.full((x.shape[0], 40), 0.5, dtype=np.float32)", lambda n: [numbers(n)]),
    "other rows": (
        'x: f32["n", 40], i: i32["n"]',
        '"n", ',
        "x[i] * 0.5",
        lambda n: [numbers(max(n, 1), 40), np.arange(max(n, 1), dtype="i4")[::-1].copy()],
    ),
    "bytes": ('x: i8["n", 40]', '"n", ', "x.astype(f32) * 0.5", lambda n: [numbers(n, 40, kind="i1")]),
    "logarithms": ('x: f32["n", 40]', '"n", ', "np.log(np.abs(x) + 1.0)", lambda n: [numbers(n, 40)]),
}
ON_THE_WAY = {"frames", "doubles", "choice", "places", "one row", "blocks", "integers", "gathered"}
"""Those that are computed as they are read; the last ones need what vectors do not have, and are stored."""


@pytest.mark.parametrize("rows", [0, 1, 9, 16])
@pytest.mark.parametrize("name", MADE)
def test_rows_are_computed_on_the_way(name: str, rows: int) -> None:
    arguments, outer, what, make = MADE[name]
    kind = "f64" if name == "doubles" else "f32"
    head = f"import numpy as np\nfrom agentc import f32, f64, i8, i32, power_spectrum\ndef f({arguments}) -> {kind}"
    kernel = compile_source(parse(f"{head}[{outer}21]:\n    return power_spectrum({what})\n", "k.py"), "f")
    values = make(rows)
    seen = dict(zip("xwsi" if "w:" in arguments else "xsi" if "s:" in arguments else "xi", values, strict=False))
    x = [v.astype("f8") if np.asarray(v).dtype.kind == "f" else v for v in seen.values()]
    wanted = np.abs(np.fft.rfft(eval(what, {"np": np, "f32": np.float64, **dict(zip(seen, x, strict=True))}))) ** 2
    found = compile_kernel(kernel, threads=2)(*values)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=4e-6 * wanted.max(initial=1))
    if rows < 10:
        lowered = lower_kernel(kernel)
        np.testing.assert_allclose(run_kernel(lowered, *values)[0], wanted, rtol=0, atol=4e-6 * wanted.max(initial=1))
        stored = [p for p in lowered.body.block.ops if "phase" in str(p.attributes) and "fourier" not in p.name]
        assert (len(stored) == 1) == (name in ON_THE_WAY), [p.name for p in stored]
