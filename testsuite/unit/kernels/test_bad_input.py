"""What is unusual in kernels and their arguments: computed as NumPy does, or refused at its place. Never misread."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_sample import arguments, reference

from agentc.backends.cuda.source import source
from agentc.backends.llvm.translate import translate
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.frontends.kernels.python_ast import compile_source, from_python
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.native import KernelCallError, NativeKernel
from agentc.support.diagnostics import Refused

ODD = np.array(
    [[np.nan, 1.0, -2.0], [np.inf, 0.0, -0.0], [-np.inf, np.nan, 1e-42], [3.4e38, -3.4e38, 0.5], [2.0, 2.0, 2.0]],
    np.float32,
)
"""NaN, infinities, zeros of both signs, a number too small to be normal, and the largest."""


def text_of(body: str, signature: str = 'x: f32["n", "d"]') -> str:
    return f"import numpy as np\ndef k({signature}):\n    return {body}\n"


def kernel(body: str, signature: str = 'x: f32["n", "d"]') -> NativeKernel:
    return compile_kernel(compile_source(parse(text_of(body, signature), "k.py"), "k"), threads=1)


def plain(body: str, **values: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(body, {"np": np, "f32": np.float32, "i32": np.int32, **values})


@pytest.mark.parametrize(
    "body",
    [
        "np.max(x, axis=1)",
        "np.min(x, axis=0)",
        "np.argmax(x, axis=1)",
        "np.argmin(x, axis=0)",
        "np.sort(x, axis=1)",
        "np.argsort(x, axis=0)",
        "np.cumsum(x, axis=1)",
        "np.maximum.accumulate(x, axis=0)",
        "np.where(x > 0.0, x, -x)",
        "np.clip(x, -1.0, 1.0)",
        "np.exp(x - np.max(x, axis=1, keepdims=True))",
        "np.isnan(x).astype(f32) + np.isinf(x).astype(f32) + np.isfinite(x).astype(f32)",
        "np.sqrt(np.abs(x)) * np.sign(x)",
        "np.minimum(x, 1.0) + np.rint(x)",
        "np.log(np.abs(x)) / x",
    ],
)
def test_nan_and_infinities_mean_what_they_mean_in_numpy(body: str) -> None:
    module = compile_source(parse(text_of(body), "k.py"), "k")
    wanted = plain(body, x=ODD)
    with np.errstate(all="ignore"):
        [meant] = run_kernel(module, ODD)
    for found in (compile_kernel(module)(ODD), meant):
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-37)


@pytest.mark.parametrize("name", sorted(BUILTINS))
@pytest.mark.filterwarnings("ignore:Mean of empty")
def test_an_axis_without_elements(name: str) -> None:
    """Every size in turn is 0. Where NumPy has no answer, a greatest of nothing is minus infinity, or it is refused."""
    compiled = compile_kernel(builtin(name), threads=1)
    named = {d for p in compiled.abi.arguments for d in p.dims or () if isinstance(d, str) and d.isidentifier()}
    for empty in sorted(named):
        sizes = {**dict.fromkeys(("n", "d", "k", "m", "t", "lists", "g", "q", "h", "r", "b", "v"), 3), empty: 0}
        values = arguments(compiled.abi, sizes, 1)
        try:
            found = compiled(*values)
        except KernelCallError as refused:
            assert f"needs `{empty}` to be at least 1, it is 0" in str(refused)
            continue
        try:
            with np.errstate(all="ignore"):
                wanted = reference(name, values)
        except ValueError:
            continue
        for a, b in zip(found if isinstance(found, tuple) else [found], wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("body", "signature", "told"),
    [
        ("x + i", 'x: f32["n"], i: i32["n"]', "`astype`"),
        ("x @ y", 'x: f32["n", "d"], y: f64["d"]', "`astype`"),
        ("np.where(c, x, i)", 'c: i1["n"], x: f32["n"], i: i32["n"]', "`astype`"),
        ("np.maximum(x, y)", 'x: f16["n"], y: bf16["n"]', "`astype`"),
    ],
)
def test_operands_of_two_types_are_refused_at_their_place(body: str, signature: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_source(parse(text_of(body, signature), "k.py"), "k")
    [problem] = refused.value.diagnostics
    assert problem.slug == "kernel-shape" and problem.span is not None and str(problem.span).startswith("k.py:3:")
    assert told in f"{problem.message} {problem.help}"


@pytest.mark.parametrize("dtype", ["float64", "int32", "float16", "bool", "complex64", "object"])
def test_an_array_of_another_type_is_never_converted_in_silence(dtype: str) -> None:
    with pytest.raises(KernelCallError, match="not float32"):
        kernel("x + 1.0")(np.zeros((2, 2), dtype))


@pytest.mark.parametrize("body", ["x[x > 0.0]", "np.nonzero(x)", "np.unique(x)", "x[: np.sum(x > 0.0)]", "np.where(x)"])
def test_shapes_that_depend_on_data_are_refused_at_their_place(tmp_path: Path, body: str) -> None:
    (tmp_path / "k.py").write_text(text_of(body))
    with pytest.raises(Refused) as refused:
        from_python(tmp_path / "k.py", "k")
    [problem] = refused.value.diagnostics
    assert problem.slug in ("kernel-unsupported", "kernel-shape") and problem.span is not None
    assert problem.span.line == 3 and problem.span.file.endswith("k.py")


def test_results_that_overlap_each_other_are_refused() -> None:
    both = compile_kernel(compile_source(parse(text_of("x + 1.0, x * 2.0"), "k.py"), "k"))
    memory, x = np.empty((3, 4), np.float32), np.ones((2, 4), np.float32)
    with pytest.raises(KernelCallError, match="must not share memory"):
        both(x, out=[memory[:2], memory[1:]])
    apart = both(x, out=[memory[:2].copy(), memory[1:].copy()])
    np.testing.assert_array_equal(apart[0], x + 1.0)


def test_single_elements_and_broadcasts_of_them() -> None:
    found = kernel("x + y[:, None] + z[None, :]", 'x: f32["n", "d"], y: f32["n"], z: f32["d"]')
    one = np.full((1, 1), 2.0, np.float32)
    np.testing.assert_array_equal(found(one, one[0], one[:, 0]), [[6.0]])
    with pytest.raises(KernelCallError, match="is not `n`"):
        found(np.ones((2, 1), np.float32), one[0], one[0])


@pytest.mark.parametrize("name", sorted(set(BUILTINS) - {"mask_pii", "log_mel_spectrogram_128"}))
def test_every_place_is_computed_in_64_bits(name: str) -> None:
    text = str(translate(lower_kernel(builtin(name))))
    places = re.findall(r"getelementptr inbounds [^,]+, ptr [^,]+, (<[^>]+>|\S+) ", text)
    assert places and all(place.rstrip(">").endswith("i64") for place in places)
    counters = re.findall(r'%"i[.\d]*" = phi +(\S+)', text)
    assert set(counters) <= {"i64"}


def test_places_on_gpus_are_64_bits_wide() -> None:
    text = source(lower_kernel(builtin("bm25"), "cuda"))
    loops = re.findall(r"for \((\w+) (\w+) = [^;]*; \w+ < (?!\d)", text)
    assert loops and {kind for kind, _ in loops} == {"int64_t"}


def free_bytes() -> int:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return 0
    return 1024 * int(re.findall(r"MemAvailable:\s+(\d+)", text)[0])


@pytest.mark.skipif(free_bytes() < 6 << 30, reason="needs 6 GiB of free memory")
def test_more_than_two_to_the_31_elements() -> None:
    """Pages of zeros that nobody writes take no memory, so that this reads 2 GiB and holds little."""
    rows, width = (1 << 25) + 3, 64
    x = np.zeros((rows, width), np.uint8)
    x[-1, :], x[-2, 5] = 7, 3
    assert x.size > 1 << 31
    sums = kernel("np.sum(x, axis=1)", 'x: u8["n", 64]')(x)
    assert sums[-1] == 7 * width and sums[-2] == 3 and not sums[:-2].any()
    flat, places = x.reshape(-1), np.array([x.size - 1, x.size - 2 * width + 5, -1, 0])
    np.testing.assert_array_equal(kernel("x[p]", 'x: u8["n"], p: i64["m"]')(flat, places), [7, 3, 7, 0])
    assert kernel("np.argmax(x)", 'x: u8["n"]')(flat) == x.size - width
