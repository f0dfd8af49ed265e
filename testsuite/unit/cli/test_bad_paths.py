"""Paths and texts that a clumsy or hostile user types: each is refused in words, none by a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentc.cli import main

AGENT = """agentc: v1
name: helper
models: {mind: llama-3.1-8b}
inputs: {q: {type: text}}
nodes: {n: {llm: mind, in: q}}
outputs: {y: n}
"""
RUN = "import sys; from agentc.cli import main; sys.exit(main())"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files of every awkward kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTC_DEBUG", raising=False)
    (tmp_path / "ok.yaml").write_text(AGENT)
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + AGENT.encode())
    (tmp_path / "crlf.yaml").write_bytes(AGENT.replace("\n", "\r\n").encode())
    (tmp_path / "utf16.yaml").write_text(AGENT, encoding="utf-16")
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "big.yaml").write_bytes(b"a" * 10_000_001)
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "ok.txt").write_text(AGENT)
    (tmp_path / "dir.yaml").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").touch()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


SOURCES = [
    ("nowhere.yaml", "unreadable-file"),
    ("nowhere.py:agent", "unreadable-file"),
    ("empty/nowhere.yaml", "unreadable-file"),
    ("loop.yaml", "unreadable-file"),
    ("dir.yaml", "unreadable-file"),
    ("a" * 5000 + ".yaml", "unreadable-file"),
    ("utf16.yaml", "yaml-encoding"),
    ("big.yaml", "yaml-too-large"),
    ("empty.yaml", "wrong-type"),
    ("ok.txt", "unknown-source"),
    ("pipe", "unknown-source"),
    (os.devnull, "unknown-source"),
    ("", "unknown-source"),
    (":", "unknown-source"),
]


def refused(args: list[str], slug: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run and expect one diagnostic."""
    assert main(args) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error[{slug}]: ")
    assert len(err.splitlines()[0]) < 400
    return err


@pytest.mark.parametrize(("source", "slug"), SOURCES, ids=lambda text: ascii(text)[:20])
def test_sources(source: str, slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["check", source], slug, capsys)
    if source and source != "dir.yaml":  # a directory would be a build
        refused(["explain-placement", source], slug, capsys)


@pytest.mark.parametrize("source", ["bom.yaml", "crlf.yaml"])
def test_other_editors_files(source: str) -> None:
    assert main(["check", source]) == 0


@pytest.mark.parametrize(
    "fleet", ["", "nowhere.yaml", "dir.yaml", "loop.yaml", "big.yaml", "ok.yaml", "a" * 300, "pipe"]
)
def test_fleets(fleet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "ok.yaml", "--fleet", fleet, "--stop-after", "placed"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "internal-error" not in err


@pytest.mark.parametrize("command", [["compile", "ok.yaml", "--stop-after", "agent"], ["explain-placement", "ok.yaml"]])
@pytest.mark.parametrize("place", ["dir.yaml", "ok.yaml/x", "/proc/x", "/dev/full", "a" * 300])
def test_places_that_cannot_be_written(command: list[str], place: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused([*command, "-o", place], "unwritable-path", capsys)
    assert Path("/dev/full").is_char_device()
    assert Path("ok.yaml").read_text() == AGENT


@pytest.mark.parametrize(
    ("place", "slug"),
    [
        *((place, "unwritable-path") for place in ("ok.yaml", "ok.yaml/b", "pipe", os.devnull, "/proc/x", "a" * 300)),
        *((place, "not-a-build") for place in ("foreign", ".", "/")),
    ],
)
def test_builds_that_cannot_be_written(place: str, slug: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    refused(["compile", "ok.yaml", "-o", place], slug, capsys)
    assert sorted(folder.rglob("*")) == before


INPUTS = [
    "x",
    "{",
    "[]",
    "null",
    '"q"',
    "",
    '{"q": NaN}',
    '{"q": -Infinity}',
    "[" * 100_000,
    '{"q": 1' + "0" * 5000 + "}",
    "@",
    "@nowhere",
    "@empty",
    "@utf16.yaml",
    "@deep.json",
    "@loop.yaml",
    "@ok.yaml",
    "@" + "a" * 5000,
    "@\0",
]


@pytest.mark.parametrize("text", INPUTS, ids=lambda text: ascii(text)[:20])
def test_inputs(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["run", "empty", "--input", text], "bad-input", capsys)


@pytest.mark.parametrize("args", [["devices"], ["schema"], ["compile", "ok.yaml", "--stop-after", "agent"]])
def test_full_disk_behind_stdout(args: list[str]) -> None:
    """In a process of its own: what stays in the buffer must not be written once more at the end."""
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-c", RUN, *args]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error[unwritable-path]: cannot write the output: ")
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_closed_stdout() -> None:
    command = f"{sys.executable} -c '{RUN}' models >&-"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
