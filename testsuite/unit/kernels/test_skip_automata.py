"""Automata that pass over quiet stretches: as byte after byte, whatever the tables and the texts."""

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.ir import Operation

from agentc.dialects.linalg_ext import AutomatonOp
from agentc.frontends.kernels.annotations import automaton
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.passes.skip_automata import LENGTH, SkipAutomataPass
from agentc.pipelines.kernels import compile_kernel, kernel_passes
from agentc.runtime.native import NativeKernel

TABLES = {
    "one quiet state": "np.where((byte >= 48) & (byte <= 57), np.minimum(state + 1, 6), 0)",
    "left by one, forgotten": (
        "np.where(byte == 35, 3, np.where(byte == 64, np.where(state == 2, 3, 0), "
        "np.where(byte == 32, 0, np.where(state < 2, state + 1, 2))))"
    ),
    "left by one, never forgotten": (
        "np.where(byte == 35, 3, np.where(byte == 64, np.where(state == 2, 3, 0), (state + byte) % 3))"
    ),
    "quiet states that forget": "np.where(byte == 64, 3, np.where(byte == 32, 0, np.where(state < 2, state + 1, 0)))",
    "quiet states that never forget": "np.where(byte == 64, 3, (state + byte) % 3)",
    "loud for long": "np.where(byte == 64, np.where(state < 200, state + 1, 0), np.where(byte == 10, 0, state))",
    "two ranges": "np.where((byte >= 200) | (byte == 7), 1, np.where(byte == 10, 0, state))",
}
READERS = {
    "states": "s",
    "marks": "np.where(s >= 3, 42, text)",
    "classes": "np.where(s == 3, 1, np.where(text == 32, 2, 0)).astype(u8)",
    "others": "np.where(s >= 3, other, text)",
}
WAYS = {"forward": "False", "backward": "True"}


def source(table: str, reader: str, way: str) -> str:
    return (
        "import numpy as np\nfrom agentc import automaton, u8\n"
        'def f(text: u8["n"], other: u8["n"]) -> u8["n"]:\n'
        "    byte, state = np.arange(256)[None], np.arange(250)[:, None]\n"
        f"    table = ({table}).astype(u8)\n"
        f"    s = automaton(text, table, backward={way})\n"
        f"    return {reader}\n"
    )


def kernel(table: str, reader: str, way: str) -> NativeKernel:
    return compile_kernel(compile_source(parse(source(table, reader, way), "k.py"), "f"), threads=2)


def in_order(table: str, reader: str, way: str, text: np.ndarray, other: np.ndarray) -> np.ndarray:
    names = {"np": np, "text": text, "other": other, "u8": np.uint8, "byte": np.arange(256)[None]}
    names["state"] = np.arange(250)[:, None]
    rows = eval(table, names).astype(np.uint8)
    names["s"] = automaton(text, rows, way == "True")
    return np.asarray(eval(reader.replace(".astype(u8)", ""), names)).astype(np.uint8)


def texts() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    common = np.frombuffer(b"abc 1@\n", np.uint8)
    found = [random.choice(common, n, p=[0.4, 0.3, 0.2, 0.06, 0.02, 0.01, 0.01]) for n in (0, 1, 31, 32, 33, 95, 700)]
    # A state at the end of a block that matters; one that passes and ends with a byte that all forget at; what matters.
    found.append(np.frombuffer(b"aa@aa".ljust(32, b"a") + b"a" * 31 + b" " + b"@bb" + b"a" * 70 + b"@", np.uint8))
    found.append(np.frombuffer((b"a" * 63 + b" @" + b"b" * 62 + b"a@") * 3, np.uint8))
    found += [np.full(200, 97, np.uint8), np.full(200, 64, np.uint8), random.integers(0, 256, 900).astype(np.uint8)]
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("table", TABLES)
def test_as_in_order(table: str, reader: str, way: str) -> None:
    parts = TABLES[table], READERS[reader], WAYS[way]
    compiled = kernel(*parts)
    for text in texts():
        other = np.arange(text.size).astype(np.uint8)
        np.testing.assert_array_equal(compiled(text, other), in_order(*parts, text, other))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("table", ["quiet states that forget", "quiet states that never forget"])
def test_pieces_begin_as_the_one_before_ends(table: str, way: str) -> None:
    parts = TABLES[table], READERS["states"], WAYS[way]
    random = np.random.default_rng(1)
    for size in (LENGTH - 1, LENGTH + 1, 2 * LENGTH + 40):
        text = random.choice(np.frombuffer(b"abc @", np.uint8), size, p=[0.5, 0.3, 0.19, 0.009, 0.001])
        found = kernel(*parts)(text, text)
        assert np.array_equal(found, in_order(*parts, text, text))


def test_which_are_left() -> None:
    def kinds(table: str, reader: str) -> set[type[Operation]]:
        module = compile_source(parse(source(table, reader, "False"), "k.py"), "f")
        for step in kernel_passes():
            step.apply(Context(), module)
            if isinstance(step, SkipAutomataPass):
                break
        return {type(op) for op in module.walk()}

    assert AutomatonOp not in kinds(TABLES["one quiet state"], "s")
    assert AutomatonOp in kinds("np.where(byte < 128, state, 1 - np.minimum(state, 1))", "s")
