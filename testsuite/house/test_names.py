"""One name everywhere: a pass's file, kebab name, class and test; every pass and op documented."""

import inspect
import re
from pathlib import Path

import pytest
from harness.tree import PACKAGE, ROOT, kebab, name_of, tracked
from xdsl.irdl import IRDLOperation
from xdsl.passes import ModulePass

from agentc.dialects import DIALECTS
from agentc.passes import PASSES
from agentc.support.registry import load

TESTS = ROOT / "testsuite" / "filecheck" / "passes"


@pytest.mark.parametrize("name", PASSES)
def test_pass_names_agree(name: str) -> None:
    module, _, class_name = PASSES[name].partition(":")
    found = load(PASSES[name])
    assert issubclass(found, ModulePass)
    assert found.name == name
    assert module.startswith("agentc.passes.")
    assert kebab(module.split(".")[2]) == name
    assert kebab(class_name.removesuffix("Pass")) == name
    assert class_name.endswith("Pass")
    assert (TESTS / f"{name}.mlir").is_file() or any((TESTS / name).glob("*.mlir"))


def test_every_pass_is_listed() -> None:
    listed = {target.partition(":")[0] for target in PASSES.values()}
    holding = {
        name_of(path)
        for path in tracked()
        if path.is_relative_to(PACKAGE / "passes")
        and re.search(r"^class \w+\(ModulePass\)", path.read_text("utf-8"), re.M)
    }
    assert holding - listed == set()


def test_every_test_of_a_pass_names_a_pass() -> None:
    strays = {path.relative_to(TESTS).parts[0].removesuffix(".mlir") for path in TESTS.rglob("*.mlir")} - set(PASSES)
    assert strays == set()


@pytest.mark.parametrize("name", PASSES)
def test_pass_shows_before_and_after(name: str) -> None:
    """The shortest true description of a pass is its effect on IR."""
    found = load(PASSES[name])
    module = inspect.getdoc(inspect.getmodule(found)) or ""
    text = f"{module}\n{inspect.getdoc(found) or ''}"
    assert len(re.findall(r"```mlir|^\s*// (?:before|after)\b", text, re.M | re.I)) >= 1, "no mlir example"


def _ops() -> list[type[IRDLOperation]]:
    return [op for target in DIALECTS.values() for op in load(target).operations]


@pytest.mark.parametrize("op", _ops(), ids=lambda op: op.name)
def test_op_is_documented_with_an_example(op: type[IRDLOperation]) -> None:
    text = op.__doc__ or ""
    assert "```mlir" in text
    assert op.name in text.partition("```mlir")[2]
    assert text.partition("```mlir")[0].strip()


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect_names_agree(name: str) -> None:
    dialect = load(DIALECTS[name])
    assert dialect.name == name
    assert DIALECTS[name].startswith(f"agentc.dialects.{name}:")
    assert all(op.name.startswith(f"{name}.") for op in dialect.operations)
    assert Path(PACKAGE / "dialects" / f"{name}.py").is_file()
