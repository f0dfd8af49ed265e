"""Running sums by groups of threads and scattered rows by a thread each, run on the CPU under the check for races."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects import func

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.compiler import DEVICE_HEADERS, INCLUDE
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.sharing import kind_of
from agentc.backends.cuda.source import source
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel
from agentc.runtime.native import dtype_of

needs_compiler = pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")


def lowered(body: str, parameters: str, result: str) -> Any:
    text = f"import numpy as np\nfrom agentc.kernels import *\ndef k({parameters}) -> {result}:\n    return {body}\n"
    return lower_kernel(compile_source(parse(text, "k.py"), "k"), "cuda")


def compiled(module: Any, folder: Path, *faults: tuple[str, str, str]) -> HostKernel:
    """The kernel, with ``(file, good, bad)`` replaced once each."""
    abi, text = kernel_abi(module), source(module)
    for file in DEVICE_HEADERS:
        (folder / file).write_text((INCLUDE / file).read_text())
    for file, good, bad in faults:
        found = text if file == "text" else (folder / file).read_text()
        assert good in found
        if file == "text":
            text = found.replace(good, bad, 1)
        else:
            (folder / file).write_text(found.replace(good, bad, 1))
    return HostKernel(text, abi, folder, check=True)


def run(kernel: HostKernel, values: list[Any], shape: tuple[int, ...]) -> Any:
    abi = kernel.abi
    sizes = {
        str(d): n
        for p, v in zip(abi.arguments, values, strict=True)
        for d, n in zip(p.dims or (), np.shape(v), strict=True)
    }
    result = np.zeros(shape, dtype_of(abi.results[0].dtype))
    kernel(values, [result], [sizes[s] for s in abi.sizes])
    return result


def kinds(module: Any) -> list[str]:
    symbols = [phase.symbol for phase in kernel_abi(module).phases]
    functions = {f.sym_name.data: f for f in module.body.block.ops if isinstance(f, func.FuncOp)}
    return [kind_of(functions[symbol])[0] for symbol in symbols]


@needs_compiler
@pytest.mark.parametrize("dtype", ["f32", "i64"])
def test_running_sums_along_rows(dtype: str, tmp_path: Path) -> None:
    """By warps, and above 4,096 elements by blocks."""
    module = lowered("np.cumsum(x, axis=-1)", f'x: {dtype}["n", "d"]', f'{dtype}["n", "d"]')
    assert kinds(module) == ["rows"]
    kernel = compiled(module, tmp_path)
    for width in (1, 31, 128, 129, 700, 4097, 5000):
        x = np.random.default_rng(width).integers(-9, 9, (3, width)).astype(dtype_of(dtype))
        np.testing.assert_array_equal(run(kernel, [x], x.shape), np.cumsum(x, axis=-1))


@needs_compiler
def test_a_running_sum_of_all(tmp_path: Path) -> None:
    module = lowered("np.cumsum(x)", 'x: f32["n"]', 'f32["n"]')
    assert kinds(module) == ["serial"]
    kernel = compiled(module, tmp_path)
    for count in (1, 1023, 4096, 9001):
        x = np.random.default_rng(count).integers(-9, 9, count).astype(np.float32)
        np.testing.assert_array_equal(run(kernel, [x], x.shape), np.cumsum(x))


@needs_compiler
@pytest.mark.parametrize("dtype", ["i64", "i32", "i8", "f64", "f16"])
@pytest.mark.parametrize("kind", ["sum", "max"])
def test_long_reductions_of_every_type_compile_and_are_right(dtype: str, kind: str, tmp_path: Path) -> None:
    module = lowered(f"np.{kind}(x)", f'x: {dtype}["n"]', dtype if kind == "max" or dtype[0] == "f" else "i64")
    kernel = compiled(module, tmp_path, ("text", "n <= 32768", "n <= 100"), ("text", "(n, 4096, 1024)", "(n, 300, 4)"))
    x = np.random.default_rng(0).integers(0, 9, 1000).astype(dtype_of(dtype))
    found = run(kernel, [x], ())
    assert found == (np.sum(x, dtype=np.float64) if kind == "sum" else np.max(x))


LONG = (("text", "if (n <= 32768) {", "if (n <= 900) {"), ("text", "parts_of(n, 4096, 1024)", "parts_of(n, 700, 5)"))
"""As from 32,768 elements on, in pieces of fewer: five at most."""


@needs_compiler
@pytest.mark.parametrize(
    ("body", "dtype", "wanted"),
    [
        ("np.cumsum(x)", "f32", np.cumsum),
        ("np.cumsum(x * 2) + x", "i64", lambda x: np.cumsum(x * 2) + x),
        ("np.maximum.accumulate(x)", "f16", np.maximum.accumulate),
        ("np.minimum.accumulate(-x)", "i8", lambda x: np.minimum.accumulate(-x)),
    ],
)
def test_a_long_running_combination_by_many_blocks(body: str, dtype: str, wanted: Any, tmp_path: Path) -> None:
    module = lowered(body, f'x: {dtype}["n"]', f'{dtype}["n"]')
    assert "_pieces" in source(module)
    kernel = compiled(module, tmp_path, *LONG)
    for count in (901, 1400, 4999):
        x = np.random.default_rng(count).integers(-9, 9, count).astype(dtype_of(dtype))
        np.testing.assert_array_equal(run(kernel, [x], x.shape), wanted(x))


@needs_compiler
@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("const int64_t end = agentc::minimum<int64_t>(n, begin + share);", "const int64_t end = begin + share;"),
        ("static_cast<int>(blockIdx.x), 0.0f", "static_cast<int>(gridDim.x), 0.0f"),
        ("parts_0[blockIdx.y * gridDim.x + blockIdx.x] = total;", "parts_0[blockIdx.y * gridDim.x] = total;"),
        ("const int64_t begin = agentc::minimum<int64_t>(n, share * blockIdx.x);", "const int64_t begin = 0;"),
    ],
)
def test_pieces_that_are_wrong_are_found(good: str, bad: str, tmp_path: Path) -> None:
    kernel = compiled(lowered("np.cumsum(x)", 'x: f32["n"]', 'f32["n"]'), tmp_path, *LONG, ("text", good, bad))
    x = np.random.default_rng(0).integers(-9, 9, 4999).astype(np.float32)
    try:
        found = run(kernel, [x], x.shape)
    except RuntimeError:
        return
    assert not np.array_equal(found, np.cumsum(x))


@needs_compiler
@pytest.mark.parametrize("kind", ["add", "maximum"])
def test_few_long_rows_go_over_many_blocks_too(kind: str, tmp_path: Path) -> None:
    body = "np.cumsum(x, axis=-1)" if kind == "add" else "np.maximum.accumulate(x, axis=-1)"
    module = lowered(body, 'x: f32["n", "d"]', 'f32["n", "d"]')
    few = ("text", "if (d <= 32768 || n > 64) {", "if (d <= 900 || n > 3) {")
    kernel = compiled(module, tmp_path, few, ("text", "parts_of(d, 4096, 1024)", "parts_of(d, 700, 5)"))
    for n, d in ((1, 901), (3, 2500), (4, 1000), (2, 100)):
        x = np.random.default_rng(d).integers(-9, 9, (n, d)).astype(np.float32)
        np.testing.assert_array_equal(run(kernel, [x], x.shape), getattr(np, kind).accumulate(x, axis=-1))


def test_rows_of_rows_stay_with_a_block_each() -> None:
    assert "_pieces" not in source(lowered("np.cumsum(x, axis=-1)", 'x: f32["n", "e", "d"]', 'f32["n", "e", "d"]'))


def test_a_scan_whose_total_is_needed_stays_with_one_block() -> None:
    """So does one that shares its phase with another loop."""
    assert (
        "_pieces"
        not in source(lowered("np.cumsum(x) / np.sum(np.cumsum(x))", 'x: f32["n"]', 'f32["n"]')).split("_p1")[0]
    )


@needs_compiler
@pytest.mark.parametrize(("dtype", "kind"), [("f32", "maximum"), ("f16", "minimum"), ("i8", "maximum")])
def test_running_extremes(dtype: str, kind: str, tmp_path: Path) -> None:
    module = lowered(f"np.{kind}.accumulate(x, axis=1)", f'x: {dtype}["n", "d"]', f'{dtype}["n", "d"]')
    x = np.random.default_rng(0).integers(-99, 99, (2, 300)).astype(dtype_of(dtype))
    if dtype == "f32":
        x[1, 77] = np.nan
    np.testing.assert_array_equal(
        run(compiled(module, tmp_path), [x], x.shape), getattr(np, kind).accumulate(x, axis=1)
    )


@needs_compiler
def test_what_is_done_before_and_after_a_scan(tmp_path: Path) -> None:
    module = lowered("np.cumsum(x * w, axis=-1) / w + x", 'x: f32["n", "d"], w: f32["d"]', 'f32["n", "d"]')
    x, w = np.random.default_rng(0).random((5, 201)).astype(np.float32), np.full(201, 2.0, np.float32)
    found = run(compiled(module, tmp_path), [x, w], x.shape)
    np.testing.assert_allclose(found, np.cumsum(x * w, axis=-1) / w + x, rtol=1e-5)


@needs_compiler
@pytest.mark.parametrize("barrier", [1, 2])
def test_a_scan_without_a_barrier_is_found(barrier: int, tmp_path: Path) -> None:
    """The one before parts are read, and the one before the next tile's parts are written."""
    whole = (INCLUDE / "agentc_cuda.cuh").read_text()
    start = whole.index("partial[own] = upto;")
    good = whole[start : whole.index("};", start)]
    parts = good.split("    __syncthreads();\n")
    assert len(parts) == 3
    bad = "    __syncthreads();\n".join(parts[:barrier]) + "    __syncthreads();\n".join(["", *parts[barrier:]][1:])
    module = lowered("np.cumsum(x)", 'x: f32["n"]', 'f32["n"]')
    kernel = compiled(module, tmp_path, ("agentc_cuda.cuh", good, bad))
    with pytest.raises(
        RuntimeError, match="a thread reads what another writes|writes what another reads|nobody has written"
    ):
        run(kernel, [np.ones(9001, np.float32)], (9001,))


def reference(kind: str, x: Any, rows: Any, updates: Any) -> Any:
    out = x.copy()
    for row, update in zip(rows, updates, strict=True):
        place = row + len(x) if row < 0 else row
        if 0 <= place < len(x):
            out[place] = {
                "set": lambda old, new: new,
                "add": np.add,
                "max": np.maximum,
            }[kind](out[place], update)
    return out


def scattering(inner: tuple[int, ...], kind: str, way: str, folder: Path) -> HostKernel:
    """A scatter of rows of the shape ``inner`` that goes the ``way`` each, sorted or alone."""
    names = ["n", *"de"[: len(inner)]]
    dims = "".join(f', "{name}"' for name in names[1:])
    body = f"scatter_{kind}(x, rows, updates)"
    module = lowered(body, f'x: f32["n"{dims}], rows: i32["m"], updates: f32["m"{dims}]', f'f32["n"{dims}]')
    assert kinds(module)[-1] == "alone"
    few, fits = f"m <= 128 || {' * '.join(names)} <= 536870912 / m", "n < 4294967295 && m < 4294967295"
    faults = [("text", few, "false")] if way != "each" else []
    faults += [("text", fits, "false")] if way == "alone" else []
    return compiled(module, folder, *faults)


@needs_compiler
@pytest.mark.parametrize("way", ["each", "sorted", "alone"])
@pytest.mark.parametrize(("inner", "kind"), [((), "set"), ((), "add"), ((7,), "max"), ((2, 3), "add")])
def test_scattered_rows(inner: tuple[int, ...], kind: str, way: str, tmp_path: Path) -> None:
    """Rows that repeat, that count from the end, and that are none; each way in which they are launched."""
    kernel = scattering(inner, kind, way, tmp_path)
    random = np.random.default_rng(0)
    x, updates = (random.random((count, *inner)).astype(np.float32) for count in (11, 40))
    rows = random.integers(-14, 14, 40).astype(np.int32)
    np.testing.assert_array_equal(run(kernel, [x, rows, updates], x.shape), reference(kind, x, rows, updates))


@needs_compiler
@pytest.mark.parametrize("count", [1024, 1025, 3000])
def test_many_updates_are_sorted_in_more_than_one_chunk(count: int, tmp_path: Path) -> None:
    """Sums of floats tell every change of the order."""
    kernel = scattering((2,), "add", "sorted", tmp_path)
    random = np.random.default_rng(count)
    x, updates = (random.random((n, 2)).astype(np.float32) for n in (500, count))
    for rows in (random.integers(-600, 600, count), np.full(count, 7), np.arange(count)[::-1], np.full(count, 500)):
        rows = rows.astype(np.int32)
        np.testing.assert_array_equal(run(kernel, [x, rows, updates], x.shape), reference("add", x, rows, updates))


@needs_compiler
@pytest.mark.parametrize(
    ("file", "good", "bad"),
    [
        ("agentc_ordered.cuh", "((base + low) & own) == 0", "(low & own) == 0"),
        (
            "agentc_ordered.cuh",
            "const bool rising = (low & run) == 0;\n    const uint64_t a = keys",
            "const bool rising = true;\n    const uint64_t a = keys",
        ),
        ("text", "static_cast<uint64_t>(v_4) << 32 | static_cast<uint64_t>(k)", "static_cast<uint64_t>(v_4) << 32"),
        ("text", "first > 0 && ", "false && "),
        ("text", "next < m && ", "next < first + 1 && "),
        ("text", "apart >= 1024", "apart >= 2048"),
    ],
)
def test_sorting_that_is_wrong_is_found(file: str, good: str, bad: str, tmp_path: Path) -> None:
    module = lowered("scatter_add(x, rows, updates)", 'x: f32["n"], rows: i32["m"], updates: f32["m"]', 'f32["n"]')
    kernel = compiled(module, tmp_path, ("text", "m <= 128 || n <= 536870912 / m", "false"), (file, good, bad))
    random = np.random.default_rng(1)
    x, updates = (random.random(n).astype(np.float32) for n in (50, 3000))
    rows = random.integers(0, 50, 3000).astype(np.int32)
    try:
        found = run(kernel, [x, rows, updates], x.shape)
    except RuntimeError:
        return
    assert not np.array_equal(found, reference("add", x, rows, updates))


def test_a_scatter_whose_target_is_read_elsewhere_stays_in_order() -> None:
    """``scatter_of`` is asked of the phases of kernels that hold none, too."""
    from agentc.backends.cuda.scatters import scatter_of
    from agentc.frontends.kernels import builtin

    for name in ("mask_pii", "maximal_marginal_relevance", "softmax"):
        module = lower_kernel(builtin(name), "cuda")
        assert all(scatter_of(f) is None for f in module.body.block.ops if isinstance(f, func.FuncOp))
