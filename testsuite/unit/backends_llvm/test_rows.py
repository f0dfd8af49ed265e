"""Phases over rows, cut at will: each call does its own rows, all of them, and no others."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from kernel_sample import SIZES, arguments
from llvmlite import binding

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.llvm import optimized_module
from agentc.backends.llvm.targets import find, machine
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel
from agentc.plan.kernels import PREFIX, KernelAbi, Phase
from agentc.plan.sizes import Sizes
from agentc.runtime.native import C_SCALARS, dtype_of

ALL: dict[str, Any] = {**C_SCALARS, "index": ctypes.c_int64}


class Machine:
    """A kernel's phases as machine code, called one by one."""

    def __init__(self, module: Any) -> None:
        lowered = lower_kernel(module)
        self.abi: KernelAbi = kernel_abi(lowered)
        self.engine = binding.create_mcjit_compiler(optimized_module(lowered, "host"), machine(find("host")))
        self.engine.finalize_object()

    def run(self, phase: Phase, buffers: list[Any], sizes: Sizes, *rows: int) -> None:
        kinds = [
            ctypes.c_void_p if isinstance(v, np.ndarray) else ALL[self._dtype(i)] for i, v in self._of(phase, buffers)
        ]
        signature = ctypes.CFUNCTYPE(None, *kinds, *[ctypes.c_int64] * (len(rows) + len(phase.sizes)))
        plain = [v.ctypes.data if isinstance(v, np.ndarray) else v for _, v in self._of(phase, buffers)]
        address = self.engine.get_function_address(PREFIX + phase.symbol)
        signature(address)(*plain, *rows, *(sizes[s] for s in phase.sizes))

    def _dtype(self, place: int) -> str:
        return self.abi.buffers[place].dtype

    @staticmethod
    def _of(phase: Phase, buffers: list[Any]) -> Iterator[tuple[int, Any]]:
        return ((i, buffers[i]) for i in phase.arguments)

    def buffers(self, given: list[Any], sizes: Sizes) -> list[Any]:
        made = [
            np.zeros([d if isinstance(d, int) else sizes[d] for d in p.dims or ()], dtype_of(p.dtype))
            for p in (*self.abi.results, *self.abi.temporaries)
        ]
        values = [
            np.ascontiguousarray(v) if p.dims is not None else np.asarray(v).item()
            for p, v in zip(self.abi.arguments, given, strict=True)
        ]
        return [*values, *made]

    def whole(self, given: list[Any], sizes: Sizes, cuts: int) -> list[Any]:
        """The results, where each phase over rows goes in ``cuts`` pieces, the last one first."""
        buffers = self.buffers(given, sizes)
        for phase in self.abi.phases:
            if phase.rows is None:
                self.run(phase, buffers, sizes)
                continue
            rows = phase.rows if isinstance(phase.rows, int) else sizes[phase.rows]
            for part in reversed(range(cuts)):
                self.run(phase, buffers, sizes, rows * part // cuts, rows * (part + 1) // cuts)
        first = len(self.abi.arguments)
        return buffers[first : first + len(self.abi.results)]


def sizes_of(abi: KernelAbi, given: list[Any]) -> Sizes:
    known = Sizes()
    for parameter, value in zip(abi.arguments, given, strict=True):
        for dim, size in zip(parameter.dims or (), np.shape(value), strict=True):
            if isinstance(dim, str) and dim.isidentifier():
                known[dim] = size
    return known


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_pieces_in_any_order_give_the_same_bits(name: str) -> None:
    made = Machine(builtin(name))
    given = arguments(made.abi, SIZES)
    sizes = sizes_of(made.abi, given)
    once = made.whole(given, sizes, 1)
    for cuts in (2, 5):
        for one, other in zip(once, made.whole(given, sizes, cuts), strict=True):
            np.testing.assert_array_equal(one, other)


TEXT = """
import numpy as np
def k(x: f32["n", "d"]):
    return np.exp(x[:, 0]) + 1.0, np.sort(x, axis=1), np.sum(x * x, axis=1)
"""


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 1), (3, 7), (7, 19), (18, 19), (19, 19)])
def test_a_call_writes_its_own_rows_and_no_others(low: int, high: int) -> None:
    made = Machine(compile_source(parse(TEXT, "k.py"), "k"))
    x = np.random.default_rng(0).uniform(1, 2, (19, 6)).astype(np.float32)
    sizes = Sizes({"n": 19, "d": 6})
    buffers = made.buffers([x], sizes)
    written = 0
    for phase in made.abi.phases:
        assert phase.rows == "n"
        made.run(phase, buffers, sizes, low, high)
    for result in buffers[1:4]:
        touched = result.reshape(19, -1).any(axis=1)
        assert touched[low:high].all() and not touched[:low].any() and not touched[high:].any()
        written += int(touched.sum())
    assert written == 3 * (high - low)
