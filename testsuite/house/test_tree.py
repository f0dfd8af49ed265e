"""What holds for every file of the repository."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from harness.tree import ROOT, modules, name_of, syntax, tracked

# Spelled in parts, so that this file does not name what it forbids.
MACHINE = re.compile(
    "|".join(
        [
            r"(?<![\w.])/(?:" + "root|work|home/" + r"\w+)/",
            "files." + "pythonhosted.org",
            "pypi" + r"\.org/simple",
            r"(?:--|\b)(?:extra-)?index-" + r"url[ =]\S*//",
        ]
    )
)
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".lock", ".mlir", ".txt", ".cfg", ".in", ".css", ".html", ""}
LONGEST = 500


def _texts() -> list[Path]:
    return [path for path in tracked() if path.suffix in TEXT]


def test_no_file_is_longer_than_500_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix in (".py", ".mlir") and (lines := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert long == {}


def test_no_file_names_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _texts()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1)
        if MACHINE.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "caught"),
    [("see /ro" + "ot/x.txt", True), ("/wo" + "rk/main/a", True), ("a/work/b", False), ("framework/x", False)],
)
def test_machine_pattern(line: str, caught: bool) -> None:
    assert bool(MACHINE.search(line)) is caught


def test_every_module_says_what_it_is_for() -> None:
    assert [name_of(path) for path in modules() if not ast.get_docstring(syntax(path))] == []


@pytest.mark.parametrize("door", ["dialects", "passes", "backends"])
def test_doors_refuse_another_name(door: str) -> None:
    """Under a second name every class would exist twice and ``isinstance`` would silently miss."""
    assert (ROOT / door).resolve() == ROOT / "agentc" / door
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {door}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"agentc.{door}" in done.stderr.splitlines()[-1]
    assert "ImportError" in done.stderr


def test_wheel_holds_only_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    source = _copy(tmp_path / "source")
    subprocess.run([*command, str(source)], check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"agentc"}
    missing = [name for name in map(_in_wheel, _package_files()) if name not in names]
    assert missing == []


def _package_files() -> list[Path]:
    return [path for path in tracked() if path.is_relative_to(ROOT / "agentc")]


def _in_wheel(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _copy(target: Path) -> Path:
    """A copy without what earlier builds left, links kept."""
    for path in tracked():
        if path.is_relative_to(ROOT / "agentc") or path.parent == ROOT:
            copy = target / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    for door in ("dialects", "passes", "backends"):
        (target / door).symlink_to(f"agentc/{door}")
    return target
