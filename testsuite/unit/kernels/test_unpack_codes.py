"""Narrow codes times numbers: every layout of bits, at sizes that fill no vector, against NumPy and the interpreter."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from agentc.analyses.narrow_codes import BYTE_VALUES, field_of
from agentc.backends.llvm import optimized_ir
from agentc.dialects.vector_ext import FieldOp, WordsOp
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel

Array = np.ndarray[Any, Any]

HALVES = """
def f(codes: u8["m", "g", {width}], scale: f32["m", "g"], x: f32["g", {twice}]) -> f32["m"]:
    low = ((codes & 15).astype(f32) - 8.0) * x[:, :{width}]
    high = ((codes >> 4).astype(f32) - 8.0) * x[:, {width}:]
    return np.sum((low + high) * scale[:, :, None], axis=(1, 2))
"""
ZEROS = """
def f(codes: u8["m", "g", 16], scale: f32["m", "g"], zero: u8["m", "g"], x: f32["g", 32]) -> f32["m"]:
    low = ((codes & 15).astype(f32) - zero.astype(f32)[:, :, None]) * x[:, :16]
    high = ((codes >> 4).astype(f32) - zero.astype(f32)[:, :, None]) * x[:, 16:]
    return np.sum((low + high) * scale[:, :, None], axis=(1, 2))
"""
NEIGHBORS = """
def f(codes: u8["m", "g", 16], scale: f32["m", "g"], x: f32["g", 16, 2]) -> f32["m"]:
    low = ((codes & 15).astype(i8) - 8).astype(f32) * x[:, :, 0]
    high = ((codes >> 4).astype(i8) - 8).astype(f32) * x[:, :, 1]
    return np.sum((low + high) * scale[:, :, None], axis=(1, 2))
"""
QUARTERS = """
def f(codes: u8["m", "g", 16], scale: f32["m", "g"], x: f32["g", 4, 16]) -> f32["m"]:
    a = ((codes & 3).astype(f32) - 1.0) * x[:, 0]
    b = (((codes >> 2) & 3).astype(f32) - 1.0) * x[:, 1]
    c = (((codes >> 4) & 3).astype(f32) - 1.0) * x[:, 2]
    d = ((codes >> 6).astype(f32) - 1.0) * x[:, 3]
    return np.sum((a + b + c + d) * scale[:, :, None], axis=(1, 2))
"""
SCALED_ONCE = """
def f(codes: u8["m", "g", 16], scale: f32["m"], x: f32["g", 32]) -> f32["m"]:
    low = (codes & 15).astype(f32) * (x[:, :16] + 1.0)
    return np.sum(low, axis=(1, 2)) * scale
"""
HALF_SCALES = (
    HALVES.format(width=16, twice=32).replace("scale: f32", "scale: f16").replace("scale[", "scale.astype(f32)[")
)
FLAT = """
def f(codes: u8["m", "16*g"], scale: f32["m", "g"], x: f32["32*g"]) -> f32["m"]:
    bytes, rows = codes.reshape(codes.shape[0], scale.shape[1], 16), x.reshape(scale.shape[1], 32)
    low = ((bytes & 15).astype(f32) - 8.0) * rows[:, :16]
    high = ((bytes >> 4).astype(f32) - 8.0) * rows[:, 16:]
    return np.sum((low + high) * scale[:, :, None], axis=(1, 2))
"""
SIGNED = """
def f(codes: i8["m", "g", 16], scale: f32["m", "g"], x: f32["g", 32]) -> f32["m"]:
    low = ((codes << 4) >> 4).astype(f32) * x[:, :16]
    high = (codes >> 4).astype(f32) * x[:, 16:]
    return np.sum((low + high) * scale[:, :, None], axis=(1, 2))
"""
OVERLAPPING = """
def f(codes: i8["m", "g", 16], scale: f32["m", "g"], x: f32["g", 32]) -> f32["m"]:
    low = ((codes << 4) >> 4).astype(f32) * x[:, :16]
    part = ((codes << 5) >> 5).astype(f32) * x[:, 16:]
    return np.sum((low + part + (codes >> 4).astype(f32)) * scale[:, :, None], axis=(1, 2))
"""
BATCH = """
def f(codes: u8["m", "g", 16], scale: f32["m", "g"], x: f32["b", "g", 32]) -> f32["b", "m"]:
    low = ((codes & 15).astype(i8) - 8).astype(f32) * x[:, None, :, :16]
    high = ((codes >> 4).astype(i8) - 8).astype(f32) * x[:, None, :, 16:]
    return np.sum((low + high) * scale[:, :, None], axis=(2, 3))
"""
BATCHES = {
    "rows of x outside": BATCH,
    "rows of codes outside": """
def f(codes: u8["m", "g", 16], scale: f32["m", "g"], x: f32["b", "g", 32]) -> f32["m", "b"]:
    low = ((codes & 15).astype(i8) - 8).astype(f32)[:, None] * x[:, :, :16]
    high = ((codes >> 4).astype(i8) - 8).astype(f32)[:, None] * x[:, :, 16:]
    return np.sum((low + high) * scale[:, None, :, None], axis=(2, 3))
""",
    "with a bias, doubled": BATCH.replace("return np.sum", "return scale[:, 0] + 2.0 * np.sum"),
    "as many as there always are": BATCH.replace('"b"', "6").replace('"m"', "5").replace('"g"', "8"),
    "flat": """
def f(codes: u8["m", "16*g"], scale: f32["m", "g"], x: f32["b", "32*g"]) -> f32["b", "m"]:
    groups = codes.reshape(codes.shape[0], scale.shape[1], 16)
    rows = x.reshape(x.shape[0], 1, scale.shape[1], 32)
    low = ((groups & 15).astype(i8) - 8).astype(f32) * rows[..., :16]
    high = ((groups >> 4).astype(i8) - 8).astype(f32) * rows[..., 16:]
    return np.sum((low + high) * scale[:, :, None], axis=(2, 3))
""",
    "zero points": """
def f(codes: u8["m", "g", 16], scale: f32["m", "g"], zero: u8["m", "g"], x: f32["b", "g", 32]) -> f32["b", "m"]:
    low = ((codes & 15).astype(f32) - zero.astype(f32)[:, :, None]) * x[:, None, :, :16]
    high = ((codes >> 4).astype(f32) - zero.astype(f32)[:, :, None]) * x[:, None, :, 16:]
    return np.sum((low + high) * scale[:, :, None], axis=(2, 3))
""",
    "whole bytes": """
def f(codes: i8["m", "g", 32], scale: f32["m", "g"], x: f32["b", "g", 32]) -> f32["b", "m"]:
    return np.sum(codes.astype(f32) * x[:, None] * scale[:, :, None], axis=(2, 3))
""",
    "signed": BATCH.replace("u8", "i8")
    .replace("((codes & 15).astype(i8) - 8)", "((codes << 4) >> 4)")
    .replace("((codes >> 4).astype(i8) - 8)", "(codes >> 4)"),
}
SQUARES = """
def f(codes: u8["m", "g", 16], scale: f32["m", "g"], x: f32["g", 32]) -> f32["m"]:
    low = (codes & 15).astype(f32)
    return np.sum(low * low * x[:, :16] * scale[:, :, None], axis=(1, 2))
"""


def halves(codes: Array, scale: Array, x: Array) -> Array:
    both = np.concatenate([codes & 15, codes >> 4], axis=2).astype("f8") - 8
    return np.einsum("mgi,gi,mg->m", both, x, scale)


def zeros(codes: Array, scale: Array, zero: Array, x: Array) -> Array:
    both = np.concatenate([codes & 15, codes >> 4], axis=2).astype("f8") - zero[:, :, None]
    return np.einsum("mgi,gi,mg->m", both, x, scale)


def neighbors(codes: Array, scale: Array, x: Array) -> Array:
    both = np.stack([codes & 15, codes >> 4], axis=3).astype("f8") - 8
    return np.einsum("mgij,gij,mg->m", both, x, scale)


def quarters(codes: Array, scale: Array, x: Array) -> Array:
    four = np.stack([(codes >> at) & 3 for at in (0, 2, 4, 6)], axis=2).astype("f8") - 1
    return np.einsum("mgji,gji,mg->m", four, x, scale)


def scaled_once(codes: Array, scale: Array, x: Array) -> Array:
    return np.einsum("mgi,gi,m->m", (codes & 15).astype("f8"), x[:, :16] + 1.0, scale)


def squares(codes: Array, scale: Array, x: Array) -> Array:
    return np.einsum("mgi,gi,mg->m", (codes & 15).astype("f8") ** 2, x[:, :16], scale)


def signed(codes: Array, scale: Array, x: Array) -> Array:
    both = np.concatenate([codes & 15, codes >> 4], axis=2)
    return np.einsum("mgi,gi,mg->m", ((both + 8) & 15).astype("f8") - 8, x, scale)


def overlapping(codes: Array, scale: Array, x: Array) -> Array:
    low, part, high = (codes << 4).view("i1") >> 4, (codes << 5).view("i1") >> 5, codes.view("i1") >> 4
    return np.einsum("mgi,mg->m", low * x[:, :16].astype("f8") + part * x[:, 16:].astype("f8") + high, scale)


def whole(codes: Array, scale: Array, x: Array) -> Array:
    return np.einsum("mgi,gi,mg->m", codes.view("i1").astype("f8"), x, scale)


def flat(codes: Array, scale: Array, x: Array) -> Array:
    return halves(codes.reshape(*scale.shape, 16), scale, x.reshape(-1, 32))


Case = tuple[str, tuple[int, ...], int, Callable[..., Array]]
CASES: dict[str, Case] = {
    "halves": (HALVES.format(width=16, twice=32), (32,), 16, halves),
    "halves of 64": (HALVES.format(width=32, twice=64), (64,), 32, halves),
    "halves of 128": (HALVES.format(width=64, twice=128), (128,), 64, halves),
    "zero points": (ZEROS, (32,), 16, zeros),
    "neighbors": (NEIGHBORS, (16, 2), 16, neighbors),
    "quarters": (QUARTERS, (4, 16), 16, quarters),
    "half scales": (HALF_SCALES, (32,), 16, halves),
    "flat": (FLAT, (32,), 16, flat),
    "overlapping": (OVERLAPPING, (32,), 16, overlapping),
    "signed": (SIGNED, (32,), 16, signed),
    "scaled once": (SCALED_ONCE, (32,), 16, scaled_once),
}


@cache
def module(text: str) -> ModuleOp:
    return compile_source(parse(f"import numpy as np\n{text}", "k.py"), "f")


def given(name: str, rows: int, groups: int) -> tuple[list[Array], Array]:
    text, row, width, oracle = CASES[name]
    random = np.random.default_rng(rows * 100 + groups)
    codes = random.integers(0, 256, (rows, groups, width)).astype(np.uint8)
    shape = (rows,) if name == "scaled once" else (rows, groups)
    arrays = [codes, random.uniform(0.5, 2, shape).astype(np.float16 if "f16" in text else np.float32)]
    if "zero" in text:
        arrays.append(random.integers(0, 16, (rows, groups)).astype(np.uint8))
    arrays.append(random.standard_normal((groups, *row)).astype(np.float32))
    wanted = oracle(*arrays)
    if name == "flat":
        arrays[0], arrays[-1] = arrays[0].reshape(rows, 16 * groups), arrays[-1].reshape(-1)
    return [arrays[0].view(np.int8) if "codes: i8" in text else arrays[0], *arrays[1:]], wanted


@pytest.mark.parametrize("name", CASES)
def test_native_code_agrees_at_every_size(name: str) -> None:
    kernel = compile_kernel(module(CASES[name][0]), threads=2)
    for rows, groups in ((0, 4), (1, 1), (3, 3), (2, 4), (5, 5), (7, 11), (65, 32), (300, 130)):
        arrays, wanted = given(name, rows, groups)
        np.testing.assert_allclose(kernel(*arrays), wanted, rtol=1e-4, atol=2e-3, err_msg=str((rows, groups)))


@pytest.mark.parametrize("name", CASES)
def test_the_interpreter_agrees_before_and_after(name: str) -> None:
    source = module(CASES[name][0])
    lowered = lower_kernel(source)
    assert any(isinstance(op, FieldOp) for op in lowered.walk())
    for groups in (3, 6):
        arrays, wanted = given(name, 2, groups)
        for stage in (source, lowered):
            np.testing.assert_allclose(run_kernel(stage, *arrays)[0], wanted, rtol=1e-4, atol=1e-4)


def batch(name: str, rows: int, groups: int, count: int) -> tuple[list[Array], Array]:
    random = np.random.default_rng(rows * 100 + groups)
    codes = random.integers(0, 256, (rows, groups, 32 if name == "whole bytes" else 16)).astype(np.uint8)
    scale = random.uniform(0.5, 2, (rows, groups)).astype(np.float32)
    x = random.standard_normal((count, groups, 32)).astype(np.float32)
    oracle = {"signed": signed, "whole bytes": whole}.get(name, halves)
    wanted = np.stack([oracle(codes, scale, one) for one in x]) if count else np.zeros((0, rows))
    if name == "rows of codes outside":
        wanted = wanted.T
    if name == "with a bias, doubled":
        wanted = scale[:, 0] + 2.0 * wanted
    if name == "flat":
        return [codes.reshape(rows, 16 * groups), scale, x.reshape(count, 32 * groups)], wanted
    if name == "zero points":
        zero = random.integers(0, 16, (rows, groups)).astype(np.uint8)
        return [codes, scale, zero, x], np.stack([zeros(codes, scale, zero, one) for one in x]) if count else wanted
    return [codes.view(np.int8) if "codes: i8" in BATCHES[name] else codes, scale, x], wanted


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_reads_codes_once_for_some_of_its_rows(name: str) -> None:
    source = module(BATCHES[name])
    lowered = lower_kernel(source)
    assert sum(isinstance(op, WordsOp) for op in lowered.walk()) == 3  # two rows of codes at once, and one by one
    kernel = compile_kernel(source, threads=2)
    fixed = name == "as many as there always are"
    sizes = (
        [(5, 8, 6)]
        if fixed
        else [(0, 4, 2), (1, 1, 1), (2, 4, 4), (3, 8, 5), (4, 3, 9), (7, 11, 3), (65, 32, 16), (5, 4, 0)]
    )
    for rows, groups, count in sizes:
        arrays, wanted = batch(name, rows, groups, count)
        np.testing.assert_allclose(kernel(*arrays), wanted, rtol=1e-4, atol=4e-3, err_msg=str((rows, groups, count)))
        if rows * groups * count < 300:
            for stage in (source, lowered):
                np.testing.assert_allclose(run_kernel(stage, *arrays)[0], wanted, rtol=1e-4, atol=1e-4)


def test_threads_give_a_batch_the_same_bits() -> None:
    arrays, _ = batch("rows of x outside", 301, 64, 7)
    first = compile_kernel(module(BATCH), threads=1)(*arrays)
    for threads in (2, 3):
        np.testing.assert_array_equal(compile_kernel(module(BATCH), threads=threads)(*arrays), first)


@pytest.mark.parametrize("name", ["scale", "x"])
def test_bf16_becomes_single_precision_lane_by_lane(name: str) -> None:
    bf16 = pytest.importorskip("ml_dtypes", reason="names bf16 for NumPy").bfloat16
    text = CASES["halves"][0].replace(f"{name}: f32", f"{name}: bf16").replace(f"{name}[", f"{name}.astype(f32)[")
    lowered = lower_kernel(module(text))
    assert any(isinstance(op, FieldOp) for op in lowered.walk())
    arrays, _ = given("halves", 3, 7)
    place = ["codes", "scale", "x"].index(name)
    arrays[place] = arrays[place].astype(bf16)
    wanted = halves(*(a.astype(np.float32) if a.dtype == bf16 else a for a in arrays))
    found = compile_kernel(module(text), threads=1)(*arrays)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3", "x86-64-v4", "aarch64"])
def test_tables_are_looked_up_where_one_instruction_does_it(target: str) -> None:
    text = optimized_ir(lower_kernel(module(CASES["halves"][0])), target)
    assert text.count("call <16 x float> @llvm.x86.avx512.permvar.sf.512") == (5 if target == "x86-64-v4" else 0)


def test_what_is_no_field_stays() -> None:
    lowered = lower_kernel(module(SQUARES))
    assert sum(isinstance(op, FieldOp) for op in lowered.walk()) > 0  # the codes themselves, which are squared
    arrays, _ = given("halves", 4, 5)
    found = compile_kernel(module(SQUARES), threads=1)(*arrays)
    np.testing.assert_allclose(found, squares(*arrays), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(("at", "bits"), [(at, bits) for bits in range(1, 9) for at in range(9 - bits)])
@pytest.mark.parametrize("plus", [-8, 0, 3])
def test_fields_are_recognized(at: int, bits: int, plus: int) -> None:
    table = ((BYTE_VALUES >> at) & ((1 << bits) - 1)).astype(np.float32) + plus
    assert field_of(table) == (at, bits, plus, False)
    if bits > 1:
        sign = 1 << (bits - 1)
        assert field_of(((table.astype(np.int64) - plus) ^ sign).astype(np.float32) + plus) == (at, bits, plus, True)


@pytest.mark.parametrize(
    "table",
    [
        BYTE_VALUES.astype(np.float32) * 2,
        (BYTE_VALUES & 15).astype(np.float32) * 2,
        (BYTE_VALUES & 15).astype(np.float32) + 0.5,
        (BYTE_VALUES & 17).astype(np.float32),
        np.full(256, np.nan, np.float32),
        np.full(256, np.inf, np.float32),
        np.asarray(3.0, np.float32).reshape(1),
    ],
)
def test_what_is_no_field_is_none(table: Array) -> None:
    assert field_of(table) is None


def test_one_row_alone_is_not_laid_out() -> None:
    text = """
def f(codes: u8["g", 16], scale: f32["g"], x: f32["g", 32]) -> f32:
    return np.sum(((codes & 15).astype(f32) - 8.0) * x[:, :16] * scale[:, None])
"""
    random = np.random.default_rng(2)
    codes, scale = random.integers(0, 256, (9, 16)).astype(np.uint8), random.random(9, np.float32)
    x = random.standard_normal((9, 32)).astype(np.float32)
    found = compile_kernel(module(text), threads=1)(codes, scale, x)
    np.testing.assert_allclose(
        found, np.einsum("gi,gi,g->", (codes & 15).astype("f8") - 8, x[:, :16], scale), rtol=1e-4
    )
