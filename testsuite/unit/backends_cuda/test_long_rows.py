"""Few long rows by many blocks: which rows are cut, into which launches, and that each piece does its own, run on the
CPU under the check for races.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects import arith, func, memref

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.long_rows import LongRows, long_rows_of
from agentc.backends.cuda.phase import PhaseCode
from agentc.backends.cuda.source import source
from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel
from agentc.runtime.native import dtype_of

needs_compiler = pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")
SMALL = ("32768, 4096, 1024", "64, 48, 64")
"""Rows are cut from 64 elements on, in pieces of 48 or more, of which there are 64 at most."""


def lowered(body: str, parameters: str, result: str) -> Any:
    lines = "\n".join(f"    {line}" for line in [*body.split("; ")[:-1], f"return {body.split('; ')[-1]}"])
    text = f"import numpy as np\nfrom agentc.kernels import *\ndef k({parameters}) -> {result}:\n{lines}\n"
    return lower_kernel(compile_source(parse(text, "k.py"), "k"), "cuda")


def rows_of(module: Any) -> list[LongRows | None]:
    """What the analysis says of each phase over rows."""
    abi = kernel_abi(module)
    functions = {f.sym_name.data: f for f in module.body.block.ops if isinstance(f, func.FuncOp)}
    phases = [PhaseCode(abi, phase, functions[phase.symbol]) for phase in abi.phases]
    return [long_rows_of(phase) for phase in phases if phase.rows_loop is not None]


def compiled(module: Any, folder: Path, *changes: tuple[str, str], check: bool = True) -> HostKernel:
    """The kernel, with some of its text replaced."""
    text = source(module)
    for good, other in changes:
        assert good in text
        text = text.replace(good, other)
    return HostKernel(text, kernel_abi(module), folder, check=check)


def run(kernel: HostKernel, values: Sequence[Any]) -> list[Any]:
    abi, sizes = kernel.abi, dict[str, int]()
    for parameter, value in zip(abi.arguments, values, strict=True):
        sizes |= {str(d): n for d, n in zip(parameter.dims or (), np.shape(value), strict=True)}
    shapes = [[d if isinstance(d, int) else sizes[d] for d in p.dims or ()] for p in abi.results]
    found = [np.full(shape, 99, dtype_of(p.dtype)) for shape, p in zip(shapes, abi.results, strict=True)]
    kernel(values, found, [sizes[s] for s in abi.sizes])
    return found


def attention(query: Any, keys: Any, values: Any, length: int) -> Any:
    """In double precision."""
    wide = [array.astype(np.float64) for array in (query, keys, values)]
    scores = np.einsum("gqd,tgd->gqt", wide[0], wide[1]) / np.sqrt(query.shape[2])
    scores[:, :, length:] = -np.inf
    powers = np.exp(scores - scores.max(2, keepdims=True))
    return np.einsum("gqt,tgd->gqd", powers, wide[2]) / powers.sum(2)[:, :, None]


def cache(g: int, q: int, d: int, t: int) -> list[Any]:
    random = np.random.default_rng(g + q + d + t)
    shapes = ((g, q, d), (t, g, d), (t, g, d))
    return [*(random.standard_normal(shape, dtype=np.float32) for shape in shapes), np.int64(max(1, t - 3))]


@needs_compiler
@pytest.mark.parametrize("shift", [0, 1])
def test_attention_in_pieces(shift: int, tmp_path: Path) -> None:
    """Columns that a power of two is more than, and of more than a block has threads; pieces that are empty; arrays off
    alignment; heads that share a block, or have one each.
    """
    module, text = lower_kernel(builtin("gqa_decode"), "cuda"), dict([SMALL])
    kernel = compiled(module, tmp_path, *text.items())
    if shift:
        kernel = HostKernel(
            source(module).replace(*SMALL), kernel_abi(module), tmp_path / "..", check=True, shift=shift
        )
    for g, q, d, t in ((1, 1, 4, 333), (1, 3, 64, 50), (2, 4, 33, 129), (1, 1, 260, 16), (3, 2, 8, 65), (1, 70, 4, 40)):
        values = cache(g, q, d, t)
        np.testing.assert_allclose(run(kernel, values)[0], attention(*values), rtol=2e-5, atol=2e-6)


@needs_compiler
def test_attention_of_every_length(tmp_path: Path) -> None:
    """As it is launched on a GPU: from where nothing is to where there are as many pieces as there may be."""
    kernel = compiled(lower_kernel(builtin("gqa_decode"), "cuda"), tmp_path, check=False)
    for g, q, d, t in ((1, 1, 64, 0), (1, 2, 0, 5), (0, 1, 8, 9), (1, 1, 64, 1), (3, 1, 8, 511), (2, 2, 64, 513),
                       (1, 1, 1, 40_001)):  # fmt: skip
        values = cache(g, q, d, t)
        found = run(kernel, values)[0]
        if t and d:
            np.testing.assert_allclose(found, attention(*values), rtol=5e-5, atol=5e-6)


def softmax(x: Any) -> Any:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


ROWS: Mapping[str, tuple[str, str, str, Any]] = {
    "maximum": ("np.max(x, axis=1)", 'x: f32["n", "d"]', 'f32["n"]', lambda x: x.max(1)),
    "two results": (
        "m = np.mean(x, axis=1); x - m[:, None], m",
        'x: f32["n", "d"]', 'tuple[f32["n", "d"], f32["n"]]',
        lambda x: (x - x.mean(1)[:, None], x.mean(1)),
    ),
    "elements": ("x * w + 1", 'x: f32["n", "d"], w: f32["d"]', 'f32["n", "d"]', lambda x, w: x * w + 1),
    "codes": ("np.max(np.abs(x), axis=1)", 'x: i8["n", "d"]', 'i8["n"]', lambda x: np.abs(x).max(1)),
    "halves": ("x / np.max(x, axis=1)[:, None]", 'x: f16["n", "d"]', 'f16["n", "d"]', lambda x: x / x.max(1)[:, None]),
    "places": ("np.argmax(x, axis=1)", 'x: f32["n", "d"]', 'i64["n"]', lambda x: x.argmax(1)),
    "running sum": (
        "p = np.exp(x - np.max(x, axis=1)[:, None]); s = np.cumsum(p, axis=1); np.sum(s < 0.5 * s[:, s.shape[1] - 1][:, None], axis=1)",
        'x: f64["n", "d"]', 'i64["n"]',
        lambda x: (np.cumsum(softmax(x), 1) < 0.5).sum(1),
    ),
    "what others wrote": (
        "y = np.exp(x); y - y[:, ::-1] / np.sum(y, axis=1)[:, None]",
        'x: f32["n", "d"]', 'f32["n", "d"]',
        lambda x: np.exp(x) - np.exp(x)[:, ::-1] / np.exp(x).sum(1)[:, None],
    ),
    "rows of rows": (
        "np.sum(x * x, axis=2)", 'x: f32["n", "e", "d"]', 'f32["n", "e"]', lambda x: (x * x).sum(2)
    ),
    "columns": (
        "np.sum(np.exp(w)[:, :, None] * v, axis=1) / np.sum(np.exp(w), axis=1)[:, None]",
        'w: f32["n", "t"], v: f32["n", "t", "d"]', 'f32["n", "d"]',
        lambda w, v: np.einsum("nt,ntd->nd", np.exp(w), v) / np.exp(w).sum(1)[:, None],
    ),
    "columns of halves": (
        "np.sum(np.exp(w)[:, :, None] * v, axis=1) / np.sum(np.exp(w), axis=1)[:, None]",
        'w: f16["n", "t"], v: f16["n", "t", "d"]', 'f16["n", "d"]',
        lambda w, v: np.einsum("nt,ntd->nd", np.exp(w), v) / np.exp(w).sum(1)[:, None],
    ),
}  # fmt: skip
SHAPES = {
    "columns of halves": [(2, 70), (2, 70, 24)],
    "rows of rows": [(2, 3, 101)],
    "elements": [(3, 211), (211,)],
    "columns": [(2, 77), (2, 77, 21)],
}


@needs_compiler
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_every_kind(name: str, tmp_path: Path) -> None:
    body, parameters, result, wanted = ROWS[name]
    kernel = compiled(lowered(body, parameters, result), tmp_path, SMALL)
    random = np.random.default_rng(1)
    shapes = SHAPES.get(name, [(3, 211)])
    values = [
        (random.standard_normal(shape) * 9).astype(dtype_of(p.dtype)) / (1 if p.dtype == "i8" else 3)
        for shape, p in zip(shapes, kernel.abi.arguments, strict=True)
    ]
    values = [v.astype(dtype_of(p.dtype)) for v, p in zip(values, kernel.abi.arguments, strict=True)]
    expected = wanted(*values)
    for one, other in zip(run(kernel, values), expected if isinstance(expected, tuple) else [expected], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-2 if "halves" in name else 2e-5, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("rows", [1, 3])
def test_long_rows_as_they_are_launched(rows: int, tmp_path: Path) -> None:
    kernel = compiled(lower_kernel(builtin("softmax_rows"), "cuda"), tmp_path, check=False)
    for width in (32_768, 32_769, 50_001):
        x = np.random.default_rng(width).standard_normal((rows, width), dtype=np.float32)
        np.testing.assert_allclose(run(kernel, [x])[0], softmax(x.astype(np.float64)), rtol=5e-5)


@needs_compiler
def test_a_result_does_not_depend_on_when_blocks_run(tmp_path: Path) -> None:
    """The same bits twice, and another order of pieces gives the same maximum and close to the same sums."""
    module = lower_kernel(builtin("gqa_decode"), "cuda")
    kernel, values = compiled(module, tmp_path, SMALL, check=False), cache(2, 2, 16, 200)
    np.testing.assert_array_equal(run(kernel, values)[0], run(kernel, values)[0])


def test_attention_is_three_launches() -> None:
    """Scores and their maximum; powers, with their sum and that of values; then the division."""
    [rows] = [found for found in rows_of(lower_kernel(builtin("gqa_decode"), "cuda")) if found is not None]
    assert (rows.counts, rows.length, rows.work, rows.shared) == (("g", "q"), "t", "d * t + t", True)
    steps = list(rows.steps.values())
    assert [(step.columns, step.launch, step.finish) for step in steps] == [("", 0, 0), ("", 1, 1), ("d", 1, 2)]
    assert rows.launches == 3


@pytest.mark.parametrize(
    ("name", "launches"),
    [("softmax_rows", [3]), ("rms_norm", [2]), ("gelu", [1]), ("matvec", [2]), ("layer_norm", [3]),
     ("sample_softmax", [6])],
)  # fmt: skip
def test_launches_of_rows(name: str, launches: list[int]) -> None:
    found = rows_of(lower_kernel(builtin(name), "cuda"))
    assert [rows.launches for rows in found if rows is not None] == launches


def test_a_column_whose_second_reduction_needs_the_first_is_not_cut() -> None:
    body = "np.sum(np.exp(x - np.max(x, axis=1)[:, None]), axis=1)"
    assert rows_of(lowered(body, 'x: f32["n", "t", "d"]', 'f32["n", "d"]')) == [None]


@pytest.mark.parametrize(("place", "launches"), [(0, None), (1, 4)])
def test_what_needs_another_piece_waits_for_it(place: int, launches: int | None) -> None:
    """What a loop reads at another place than its own is written in an earlier launch: not by the loop itself."""
    module = lower_kernel(builtin("gqa_decode"), "cuda")
    phase = next(f for f in module.body.block.ops if isinstance(f, func.FuncOp) and "agentc.rows" in f.attributes)
    scores = phase.body.block.args[5]
    loads = [op for op in phase.walk() if isinstance(op, memref.LoadOp) and op.memref is scores]
    assert len(loads) == 2
    loads[place].operands[3] = next(op for op in phase.walk() if isinstance(op, arith.ConstantOp)).result
    [rows] = rows_of(module)
    assert (rows and rows.launches) == launches


def test_sizes_that_are_known_decide_at_once() -> None:
    """No code for rows that never are long, or never few."""
    for dims, cut in (("3, 32768", False), ("3, 32769", True), ("513, 99999", False), ('"n", 99999', True)):
        text = source(lowered("np.max(x, axis=1)", f"x: f32[{dims}]", f"f32[{dims.split(',')[0]}]"))
        assert ("parts_of_rows" in text) == cut


FAULTS = {
    "pieces that overlap": ("agentc::piece_of(t, blockIdx.y + 1, pieces)", "t"),
    "pieces that leave some out": ("agentc::piece_of(t, blockIdx.y, pieces)", "agentc::piece_of(t, blockIdx.y, pieces) + 1"),
    "one part for all": ("parts_1[unit * pieces + blockIdx.y] = total", "parts_1[unit * pieces] = total"),
    "rows that are read twice": ("+ group.lane() / side", "+ 0 * side"),
    "rows that are not joined": ("], side_20, []", "], 256, []"),
    "a row's parts for another": ("parts_2 + unit * pieces", "parts_2 + (unit ^ 1) * pieces"),
    "a head that is left out": ("unit < (blockIdx.x + 1) * q;", "unit < (blockIdx.x + 1) * q - 1;"),
    "columns that are not there": ("if (active && group.lane() == 0) out", "if (group.lane() == 0) out"),
}  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(fault: str, tmp_path: Path) -> None:
    kernel = compiled(lower_kernel(builtin("gqa_decode"), "cuda"), tmp_path, SMALL, FAULTS[fault])
    values = cache(2, 2, 9, 150)
    try:
        found = run(kernel, values)[0]
    except RuntimeError:
        return
    assert not np.allclose(found, attention(*values), rtol=2e-5, atol=2e-6)


def test_nothing_else_is_called_as_parts_are() -> None:
    """Arrays and sizes of a kernel may have any name."""
    text = source(
        lowered("pieces / np.sum(pieces, axis=1)[:, None]", 'pieces: f32["unit", "parts_0"]', 'f32["unit", "parts_0"]')
    )
    heads = re.findall(r"_pieces\d\((.*)\) {", text)
    assert heads
    for head in heads:
        names = [parameter.split()[-1] for parameter in head.split(", ")]
        assert len(set(names)) == len(names)
