"""The runner of RUN lines agrees with lit, and fails where lit fails."""

import subprocess
import sys
from pathlib import Path

import pytest
from harness.runlines import RunFailed, run_file, run_lines, substitute
from harness.tree import ROOT

GOOD = "// RUN: agentc-opt %s | filecheck %s\n// CHECK: arith.constant 1\n%x = arith.constant 1 : i32\n"
CASES = {
    "good": (GOOD, True),
    "mismatch": (GOOD.replace("constant 1\n", "constant 2\n"), False),
    "first-stage-fails": (GOOD.replace("%s |", "%s -p nope |"), False),
    "not": ("// RUN: not agentc-opt %s -p nope 2>&1 | filecheck %s\n// CHECK: Unrecognized passes\n", True),
    "not-of-a-success": ("// RUN: not agentc-opt %s\n%x = arith.constant 1 : i32\n", False),
    "shell": ("// RUN: agentc-opt %s > %t && filecheck %s < %t\n" + GOOD.partition("\n")[2], True),
    "shell-fails": ("// RUN: agentc-opt %s -p nope > %t && true\n" + GOOD.partition("\n")[2], False),
    "no-run-line": (GOOD.partition("\n")[2], False),
    "wrong-option": ("// RUN: agentc-opt %s --no-such-option\n", False),
    "syntax-error": ("// RUN: agentc-opt %s\nnonsense\n", False),
}


@pytest.mark.parametrize("name", CASES)
def test_verdict(name: str, tmp_path: Path) -> None:
    text, passes = CASES[name]
    path = tmp_path / f"{name}.mlir"
    path.write_text(text)
    if passes:
        run_file(path)
    else:
        with pytest.raises(RunFailed):
            run_file(path)


def test_lit_agrees(tmp_path: Path) -> None:
    """lit proper on the same files, with the repository's configuration."""
    (tmp_path / "lit.cfg.py").write_text(
        f"import lit.llvm\nexec(open({str(ROOT / 'testsuite' / 'lit.cfg.py')!r}).read(), "
        f"{{'config': config, '__file__': {str(ROOT / 'testsuite' / 'lit.cfg.py')!r}}})\n"
        f"config.test_source_root = config.test_exec_root = {str(tmp_path)!r}\n"
    )
    for name, (text, _) in CASES.items():
        (tmp_path / f"{name}.mlir").write_text(text)
    lit = [str(Path(sys.executable).parent / "lit"), "-v", "-j2", str(tmp_path)]
    out = subprocess.run(lit, capture_output=True, text=True, check=False).stdout
    for name, (_, passes) in CASES.items():
        verdict = f"PASS: agentc :: {name}.mlir" in out
        assert verdict is passes, f"{name}\n{out}"


def test_continuation_lines() -> None:
    assert run_lines("// RUN: a \\\n// RUN: | b\n// RUN: c\n") == ["a | b", "c"]


def test_substitutions() -> None:
    line = substitute("x %s %t %S 100%% AGENTC_ROUNDTRIP", Path("/d/a.mlir"), Path("/t"))
    assert line.startswith("x /d/a.mlir /t/a.mlir.tmp /d 100% agentc-opt /d/a.mlir --split-input-file |")


def test_options_of_one_line_do_not_leak_into_the_next(tmp_path: Path) -> None:
    from xdsl.ir import Attribute

    before = Attribute.__post_init__
    path = tmp_path / "a.mlir"
    path.write_text("// RUN: agentc-opt %s --disable-verify\n%x = arith.constant 1 : i32\n")
    run_file(path)
    assert Attribute.__post_init__ is before
