"""Every CHECK line is read: a test of IR whose expectations nobody looks at passes whatever happens."""

import re
from pathlib import Path

import pytest
from harness.runlines import MACROS, run_lines
from harness.tree import ROOT, tracked

CHECK = re.compile(r"^\s*(?://|#)\s*([A-Z][A-Z0-9_-]*?)(?:-(?:NEXT|SAME|NOT|DAG|LABEL|EMPTY|COUNT-\d+))?:", re.M)
NO_CHECK = {"RUN", "COM", "TODO", "NOTE"}


def _files() -> list[Path]:
    return [p for p in tracked() if p.suffix == ".mlir" and p.is_relative_to(ROOT / "testsuite" / "filecheck")]


def faults(text: str) -> list[str]:
    """What is wrong with the RUN and CHECK lines of a test."""
    lines = run_lines(text)
    for name, macro in MACROS.items():
        lines = [line.replace(name, macro) for line in lines]
    calls = [stage.strip() for line in lines for stage in re.split(r"\||&&|;", line)]
    checks = [call for call in calls if re.match(r"filecheck\b", call, re.I)]
    found = [] if lines else ["no RUN line"]
    found += [] if checks else ["no line is piped to filecheck"]
    found += [f"`{call}` does not read this file" for call in checks if "%s" not in call]
    read = {prefix for call in checks for prefix in _prefixes(call)}
    written = {match[1] for match in CHECK.finditer(text)} - NO_CHECK
    found += [f"nobody reads the lines `{prefix}:`" for prefix in sorted(written - read)]
    found += [f"there are no lines `{prefix}:`" for prefix in sorted(read - written)]
    return found


def _prefixes(call: str) -> list[str]:
    given = re.findall(r"--?check-prefix(?:es)?[= ](\S+)", call)
    return [prefix for text in given for prefix in text.strip("'\"").split(",")] or ["CHECK"]


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.name)
def test_every_check_is_read(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("// CHECK: a", "no RUN line"),
        ("// RUN: agentc-opt %s\n// CHECK: a", "no line is piped to filecheck"),
        ("// RUN: agentc-opt %s | filecheck\n// CHECK: a", "`filecheck` does not read this file"),
        ("// RUN: agentc-opt %s | filecheck %s\n// CHECK: a\n// OTHER-NEXT: b", "nobody reads the lines `OTHER:`"),
        ("// RUN: agentc-opt %s | filecheck %s", "there are no lines `CHECK:`"),
    ],
)
def test_faults_are_found(text: str, fault: str) -> None:
    assert fault in faults(text)


def test_a_good_file_has_none() -> None:
    run = "// RUN: AGENTC_ROUNDTRIP\n// RUN: agentc-opt %s | filecheck %s --check-prefixes=A,B\n"
    assert faults(f"{run}// CHECK: x\n// A: y\n// B-DAG: z") == []
