"""Each instruction of native code knows its line: in LLVM IR, and in the line table of the object file."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from llvmlite import binding
from xdsl.dialects.builtin import ModuleOp, StringAttr

from agentc.analyses.kernel_sources import SOURCE
from agentc.backends.llvm import emit, optimized_ir
from agentc.backends.llvm.targets import find, object_code
from agentc.backends.llvm.translate import translate
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel

TEXT = """
import numpy as np


def scaled(v):
    return v / np.sqrt(np.sum(v * v))


def k(x: f32["n", "d"], w: f32["d"]):
    unit = scaled(w)
    high = np.exp(x[:, 0]) + 3.0
    found = x @ unit - high
    return np.sort(found), np.cumsum(found)
"""
TARGET = "x86-64-v3"
DBG = re.compile(r", !dbg !(\d+)")
PLACE = re.compile(r"^!(\d+) = !DILocation\(.*?\bline: (\d+)", re.MULTILINE)


@pytest.fixture(scope="module")
def lowered() -> ModuleOp:
    return lower_kernel(compile_source(parse(TEXT, "ranking.py"), "k"))


def line_of(text: str, instruction: str) -> set[int]:
    """The lines of all instructions that hold ``instruction``, as the metadata says."""
    places = dict(PLACE.findall(text))
    found = [DBG.search(line) for line in text.splitlines() if instruction in line and "define" not in line]
    return {int(places[match.group(1)]) for match in found if match}


def plain(lowered: ModuleOp) -> str:
    """As LLVM prints it, before it optimizes."""
    module = binding.parse_assembly(str(translate(lowered, lines=True)))
    module.verify()
    return str(module)


def test_every_instruction_of_a_phase_says_where_it_is_from(lowered: ModuleOp) -> None:
    inside = False
    for line in plain(lowered).splitlines():
        inside = (inside or line.startswith("define void @")) and not line.startswith("}")
        if inside and line.startswith("  "):
            assert DBG.search(line), line


def test_it_is_the_line_that_it_was_written_on(lowered: ModuleOp) -> None:
    text = plain(lowered)
    assert line_of(text, "call float @agentc.exp.f32") == {11}
    assert 6 in line_of(text, "fdiv") and 6 in line_of(text, "@llvm.sqrt")
    assert line_of(text, "fadd") >= {6, 11, 12, 13}, "sums of squares, 3.0 more, a product, a running sum"
    assert line_of(text, "fsub") == {12}
    assert {11, 12, 13} <= line_of(text, "load") and {12, 13} <= line_of(text, "store")


def test_llvm_takes_it_and_keeps_it_when_it_optimizes(lowered: ModuleOp) -> None:
    text = optimized_ir(lowered, TARGET, lines=True)
    module = binding.parse_assembly(text)
    module.verify()
    assert str(binding.parse_assembly(str(module))) == str(module)
    assert {6, 11, 12, 13} <= line_of(text, "load ")
    assert 'DIFile(filename: "ranking.py", directory: ".")' in text and "LineTablesOnly" in text


def test_the_code_is_the_same_and_what_is_run_at_once_has_none(lowered: ModuleOp) -> None:
    with_lines, without = (optimized_ir(lowered, TARGET, lines=lines) for lines in (True, False))
    assert "!DI" not in without and "!dbg" not in without
    assert instructions(with_lines) == instructions(without)


def instructions(text: str) -> list[str]:
    """Optimized IR without what only debuggers read."""
    return [re.sub(r", !\S+ !\d+| !dbg !\d+", "", line) for line in text.splitlines() if line.startswith("  ")]


@pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump")
def test_object_files_have_a_table_of_lines(lowered: ModuleOp, tmp_path: Path) -> None:
    file = tmp_path / "k.o"
    file.write_bytes(object_code(optimized_ir(lowered, TARGET, lines=True), find(TARGET)))
    told = subprocess.run(["objdump", "--dwarf=decodedline", file], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^ranking\.py\s+(\d+)\s+(?:0x)?[0-9a-f]+", told, re.MULTILINE)
    assert {6, 11, 12, 13} <= {int(row) for row in rows}


def test_builds_have_them_and_are_the_same_on_every_run(lowered: ModuleOp, tmp_path: Path) -> None:
    for name in ("a", "b"):
        emit({"k": lowered}, tmp_path / name, targets=[TARGET, "aarch64"])
    for path in (f"{TARGET}/k.ll", f"{TARGET}/k.o", "aarch64/k.o"):
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()
    assert "!DILocation(line: 12" in (tmp_path / "a" / TARGET / "k.ll").read_text()
    assert b".debug_line" in (tmp_path / "a/aarch64/k.o").read_bytes()


def test_a_line_of_another_file_and_a_column_too_far_out() -> None:
    lowered = lower_kernel(compile_source(parse(TEXT, "ranking.py"), "k"))
    for op in lowered.walk():
        if op.name == "math.exp":
            op.attributes[SOURCE] = StringAttr("shared/other.py:70000:70000")
    text = plain(lowered)
    assert 'DIFile(filename: "shared/other.py", directory: ".")' in text
    scope = re.search(r"DILocation\(line: 70000, scope: (!\d+)\)", text)
    assert scope and f"{scope.group(1)} = !DILexicalBlockFile(" in text


def test_what_has_no_place_has_no_lines(lowered: ModuleOp) -> None:
    bare = lowered.clone()
    for op in bare.walk():
        op.attributes.pop(SOURCE, None)
    assert "!DI" not in plain(bare) and "!DI" in plain(lowered)


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_work_of_the_library_knows_its_line(name: str) -> None:
    """Loads, stores, calls and arithmetic of numbers: nothing that is fused, cut or tiled loses its own."""
    lowered = lower_kernel(builtin(name))
    work = (
        "memref.load",
        "memref.store",
        "vector.load",
        "vector.store",
        "math.",
        "arith.addf",
        "arith.mulf",
        "arith.divf",
    )
    lost = [
        op
        for phase in lowered.ops
        if "agentc.phase" in phase.attributes
        for op in phase.walk()
        if op.name.startswith(work)
    ]
    assert lost and not [str(op) for op in lost if SOURCE not in op.attributes]
