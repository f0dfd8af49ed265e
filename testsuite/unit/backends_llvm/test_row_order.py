"""Rows in another order are the same rows, each once."""

import ctypes

import pytest
from kernel_sample import arguments
from llvmlite import binding, ir

from agentc.backends.llvm import row_order
from agentc.backends.llvm.functions import Traits
from agentc.backends.llvm.row_order import FAR, PAGE, STRETCHES, in_turn, stretch
from agentc.backends.llvm.scalars import I64
from agentc.backends.llvm.targets import Target, find, machine
from agentc.backends.llvm.translate import translate
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.pipelines.kernels import compile_kernel, lower_kernel


def order(low: int, high: int, row_bytes: int) -> list[int]:
    """The rows, as machine code finds them."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(I64, [I64] * 4), "row")
    build = ir.IRBuilder(function.append_basic_block())
    index, first, last, size = function.args
    build.ret(in_turn(build, index, first, stretch(build, first, last, size)))
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine(find("host")))
    engine.finalize_object()
    row = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(engine.get_function_address("row"))
    return [row(i, low, high, row_bytes) for i in range(low, high)]


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


@pytest.mark.parametrize("name", BUILTINS)
def test_every_kernel_gives_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_order, "FAR", 1)
    answers: list[list[bytes]] = []
    for fetches_pages in (False, True):
        traits = Traits(find("host").traits.scales, fetches_pages)
        monkeypatch.setattr(Target, "traits", property(lambda _, traits=traits: traits))
        kernel = compile_kernel(builtin(name), threads=1)
        found = kernel(*arguments(kernel.abi))
        answers.append([array.tobytes() for array in (found if isinstance(found, tuple) else [found])])
    assert answers[0] == answers[1]


def test_who_takes_rows_in_turn() -> None:
    def taken(name: str, target: str) -> bool:
        return str(FAR) in str(translate(lower_kernel(builtin(name)), find(target).traits))

    targets = ("sapphirerapids", "haswell", "znver4", "x86-64-v4", "aarch64")
    assert [t for t in targets if taken("cosine_softmax", t)] == ["sapphirerapids", "haswell"]
    names = ("rms_norm", "int4_matvec", "matmul", "mask_pii", "reciprocal_rank_fusion", "relu")
    assert [n for n in names if taken(n, "sapphirerapids")] == ["rms_norm", "int4_matvec", "relu"]
