"""Rows in another order are the same rows, each once."""

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
from kernel_sample import arguments
from llvmlite import binding, ir

from agentc.backends.llvm import row_order
from agentc.backends.llvm.functions import Traits
from agentc.backends.llvm.row_order import FAR, PAGE, STRETCHES, TINY, Order
from agentc.backends.llvm.scalars import I64
from agentc.backends.llvm.targets import Target, find, machine
from agentc.backends.llvm.translate import translate
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.pipelines.kernels import compile_kernel, lower_kernel


def of_rows(what: Callable[[Any, Order, Any], Any], low: int, high: int, row_bytes: int) -> list[int]:
    """``what`` of each place, as machine code finds it."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(I64, [I64] * 4), "row")
    build = ir.IRBuilder(function.append_basic_block())
    index, first, last, size = function.args
    build.ret(what(build, row_order.order(build, None, first, last, size), index))
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine(find("host")))
    engine.finalize_object()
    row = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(engine.get_function_address("row"))
    return [row(i, low, high, row_bytes) for i in range(low, high)]


def order(low: int, high: int, row_bytes: int) -> list[int]:
    """The rows."""
    return of_rows(lambda build, order, index: order.row(build, index), low, high, row_bytes)


def ahead(end: int, low: int, high: int, row_bytes: int) -> list[int]:
    """Where begins, or ends, what is fetched ahead of each row."""
    return of_rows(lambda build, order, at: order.ahead(build, order.row(build, at))[end], low, high, row_bytes)


@pytest.mark.parametrize("rest", range(STRETCHES))
def test_stretches_take_turns(rest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_order, "FAR", 1)
    length, low = 5, 7
    count = length * STRETCHES + rest
    found = order(low, low + count, PAGE - 1)
    turns = [low + of * length + turn for turn in range(length) for of in range(STRETCHES)]
    assert found == [*turns, *range(low + length * STRETCHES, low + count)]


def test_long_rows_and_few_ones_stay_in_order() -> None:
    assert order(3, 40, PAGE) == list(range(3, 40))
    rows = FAR // 64
    assert order(0, rows - 1, 64) == list(range(rows - 1))
    assert order(0, rows, 64)[:STRETCHES] == [of * rows // STRETCHES for of in range(STRETCHES)]


def test_the_next_row_of_a_stretch_is_fetched_a_turn_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_order, "FAR", 1)
    low, high = 3, 3 + 6 * STRETCHES
    for size in (TINY, PAGE - 1):
        rows = order(low, high, size)
        assert ahead(0, low, high, size)[:-STRETCHES] == [row * size for row in rows[STRETCHES:]]
        assert ahead(1, low, high, size)[:-STRETCHES] == [(row + 1) * size for row in rows[STRETCHES:]]
    for size in (TINY - 1, PAGE):
        assert ahead(0, low, high, size) == ahead(1, low, high, size)
    monkeypatch.setattr(row_order, "FAR", FAR)
    assert ahead(0, low, high, TINY) == ahead(1, low, high, TINY)


@pytest.mark.parametrize("name", BUILTINS)
def test_every_kernel_gives_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_order, "FAR", 1)
    monkeypatch.setattr(row_order, "TINY", 1)
    answers: list[list[bytes]] = []
    for fetches_pages in (False, True):
        traits = Traits(find("host").traits.scales, fetches_pages)
        monkeypatch.setattr(Target, "traits", property(lambda _, traits=traits: traits))
        kernel = compile_kernel(builtin(name), threads=1)
        found = kernel(*arguments(kernel.abi))
        answers.append([array.tobytes() for array in (found if isinstance(found, tuple) else [found])])
    assert answers[0] == answers[1]


def test_who_takes_rows_in_turn() -> None:
    def taken(name: str, target: str, what: str = str(FAR)) -> bool:
        return what in str(translate(lower_kernel(builtin(name)), find(target).traits))

    targets = ("sapphirerapids", "haswell", "znver4", "x86-64-v4", "aarch64")
    assert [t for t in targets if taken("cosine_softmax", t)] == ["sapphirerapids", "haswell"]
    names = ("rms_norm", "int4_matvec", "matmul", "mask_pii", "reciprocal_rank_fusion", "relu")
    assert [n for n in names if taken(n, "sapphirerapids")] == ["rms_norm", "int4_matvec", "relu"]
    assert [n for n in names if taken(n, "sapphirerapids", "llvm.prefetch")] == ["rms_norm", "relu"]
    assert [t for t in targets if taken("rms_norm", t, "llvm.prefetch")] == ["sapphirerapids", "haswell"]
