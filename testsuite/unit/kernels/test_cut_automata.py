"""Automata over long texts, cut into pieces: as one goes through in order, also where they never forget."""

import numpy as np
import pytest

from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.passes.cut_automata import AT_ONCE, LENGTH
from agentc.pipelines.kernels import compile_kernel
from agentc.runtime.native import NativeKernel

TEXT = """
from agentc import automaton
def f(text: u8["n"], table: u8["s", 256]) -> u8["n"]:
    return automaton(text, table)
"""
WHOLE = LENGTH * AT_ONCE


@pytest.fixture(scope="module")
def kernel() -> NativeKernel:
    return compile_kernel(compile_source(parse(TEXT, "k.py"), "f"), threads=2)


def in_order(text: np.ndarray, table: np.ndarray) -> np.ndarray:
    state, out = 0, np.empty_like(text)
    rows: list[list[int]] = table.tolist()
    for i, byte in enumerate(text.tolist()):
        out[i] = rows[state][byte]
        state = int(out[i]) if out[i] < len(rows) else 0
    return out


TABLES = {
    "forgets": lambda r: np.where(np.arange(256)[None] < 200, 0, r.integers(0, 9, (9, 256))),
    "never forgets": lambda r: (np.arange(5)[:, None] + np.arange(256)[None]) % 5,
    "sometimes": lambda r: np.where(np.arange(256)[None] == 7, 0, (np.arange(3)[:, None] + 1) % 3 + 0 * np.arange(256)),
    "beyond the table": lambda r: r.integers(0, 256, (4, 256)),
    "one state": lambda r: r.integers(0, 2, (1, 256)),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("size", [0, 1, LENGTH, WHOLE - 1, WHOLE, WHOLE + 1, 3 * WHOLE + 77])
def test_as_in_order(kernel: NativeKernel, name: str, size: int) -> None:
    random = np.random.default_rng(size)
    text, table = random.integers(0, 256, size).astype(np.uint8), TABLES[name](random).astype(np.uint8)
    np.testing.assert_array_equal(kernel(text, table), in_order(text, table))
