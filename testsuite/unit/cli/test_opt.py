"""``agentc-opt``, and plain ``xdsl-opt`` with agentc installed."""

import subprocess
import sys
from pathlib import Path

import pytest
from xdsl.universe import Universe

from agentc.cli.opt import main
from agentc.dialects import DIALECTS
from agentc.passes import PASSES

GOOD = "%x = arith.constant 1 : i32\n"


def write(directory: Path, text: str) -> str:
    path = directory / "a.mlir"
    path.write_text(text)
    return str(path)


def test_prints_what_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([write(tmp_path, GOOD)]) == 0
    assert "arith.constant 1 : i32" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("nonsense", [], "not registered"),
        ('"llm.no_such_op"() : () -> ()', [], "not registered"),
        (GOOD, ["-p", "no-such-pass"], "no-such-pass"),
        (GOOD, ["-p", "cse{"], ""),
        ('%x = "arith.addi"() : () -> i32', [], "operand"),
    ],
)
def test_refusals_are_no_tracebacks(
    text: str, options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([write(tmp_path, text), *options]) == 1
    assert told in capsys.readouterr().err


def test_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "gone.mlir")]) == 1
    assert "gone.mlir" in capsys.readouterr().err


def test_xdsl_finds_our_universe() -> None:
    found = Universe.get_multiverse()
    assert set(DIALECTS) <= set(found.all_dialects)
    assert set(PASSES) <= set(found.all_passes)


def test_console_scripts() -> None:
    for script, sign in (("agentc", "agentc 0."), ("agentc-opt", "agentc-opt 0.")):
        command = [str(Path(sys.executable).parent / script), "--version"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith(sign)
