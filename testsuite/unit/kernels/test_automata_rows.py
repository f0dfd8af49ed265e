"""Rows of texts through an automaton, in both directions, on every road: each row begins anew."""

import numpy as np
import pytest

from agentc.frontends.kernels.annotations import automaton
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel

TEXT = """
import numpy as np
from agentc import automaton, u8
def f(text: u8["m", "n"]) -> u8["m", "n"]:
    byte, state = np.arange(256)[None], np.arange(3)[:, None]
    table = np.where(byte == 97, state + 1, np.where(byte == 98, 2, 0)).astype(u8)
    return automaton(text, table, backward=WAY)
"""


def rows() -> np.ndarray:
    byte, state = np.arange(256)[None], np.arange(3)[:, None]
    return np.where(byte == 97, state + 1, np.where(byte == 98, 2, 0)).astype(np.uint8)


@pytest.mark.parametrize("way", [False, True])
def test_each_row_begins_anew(way: bool) -> None:
    module = compile_source(parse(TEXT.replace("WAY", str(way)), "k.py"), "f")
    for shape in ((3, 7), (1, 1), (2, 0), (4, 40)):
        text = np.random.default_rng(shape[1]).choice(np.frombuffer(b"aaabc", np.uint8), shape)
        wanted = [automaton(row, rows(), way) for row in text] if text.size else text
        found = [compile_kernel(module, threads=1)(text), run_kernel(module, text)[0]]
        found += [run_kernel(lower_kernel(module, "gpu"), text)[0]] if text.size < 30 else []
        for each in found:
            np.testing.assert_array_equal(each, wanted)
