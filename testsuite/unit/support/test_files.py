import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentc.support import files
from agentc.support.diagnostics import Refused

OLD = {"manifest.yaml": "old", "a/old.txt": "1"}
NEW = {"manifest.yaml": "new", "b/new.txt": b"\x00\x01"}


def content(path: Path) -> dict[str, bytes]:
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_sha256() -> None:
    assert files.sha256(b"x") == hashlib.sha256(b"x").hexdigest()


def test_replaces_the_whole_directory(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "build"
    files.write_directory(target, OLD)
    files.write_directory(target, NEW)
    assert content(target) == {"b/new.txt": b"\x00\x01", "manifest.yaml": b"new"}
    assert [p.name for p in target.parent.iterdir()] == ["build"]
    assert target.stat().st_mode & 0o777 == 0o755 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    files.write_directory(tmp_path / "link", NEW)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "manifest.yaml").read_text() == "new"


def test_works_without_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_exchange", lambda _a, _b: False)
    files.write_directory(tmp_path / "build", OLD)
    files.write_directory(tmp_path / "build", NEW)
    assert content(tmp_path / "build")["manifest.yaml"] == b"new"


@pytest.mark.parametrize("exchange", [True, False])
def test_a_failing_write_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool) -> None:
    target = tmp_path / "build"
    files.write_directory(target, OLD)
    name = "_write" if exchange else "_swap"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, name, full)
    with pytest.raises(Refused) as refused:
        files.write_directory(target, NEW)
    assert refused.value.diagnostics[0].slug == "unwritable-path"
    assert "No space left" in refused.value.diagnostics[0].message
    assert content(target)["manifest.yaml"] == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["build"]


def test_does_not_replace_somebody_elses_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused) as refused:
        files.write_directory(tmp_path, NEW)
    assert refused.value.diagnostics[0].slug == "not-a-build"
    assert (tmp_path / "thesis.txt").exists()


def test_takes_an_empty_directory(tmp_path: Path) -> None:
    files.write_directory(tmp_path, NEW)
    assert (tmp_path / "manifest.yaml").exists()


def test_refuses_a_file_in_the_place(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("x")
    with pytest.raises(Refused) as refused:
        files.write_directory(tmp_path / "build", NEW)
    assert refused.value.diagnostics[0].slug == "unwritable-path"
    assert (tmp_path / "build").read_text() == "x"


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "."])
def test_paths_stay_inside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="does not stay inside"):
        files.write_directory(tmp_path / "build", {name: "x"})


KILLED = """
import sys, time
from agentc.support import files
write = files._write
def slow(path, data):
    write(path, data)
    print("written", flush=True)
    time.sleep(60)
files._write = slow
files.write_directory(sys.argv[1], {"manifest.yaml": "new", "z": "z"})
"""


def test_a_killed_run_leaves_the_old_and_the_next_run_sweeps(tmp_path: Path) -> None:
    target = tmp_path / "build"
    files.write_directory(target, OLD)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    files.write_directory(tmp_path / "other", OLD)
    leftovers = [p.name for p in tmp_path.iterdir() if p.name.startswith(".build.agentc-")]
    assert len(leftovers) == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert content(target)["manifest.yaml"] == b"old"
    files.write_directory(target, NEW)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["build", "other"]


def test_a_running_neighbor_is_not_swept(tmp_path: Path) -> None:
    target = tmp_path / "build"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    time.sleep(0.01)
    files.write_directory(target, OLD)
    assert len([p for p in tmp_path.iterdir() if p.name.startswith(".build.agentc-")]) == 1
    process.kill()
    process.wait()


def test_write_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    files.write_file(path, "one")
    files.write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]
    with pytest.raises(Refused):
        files.write_file(tmp_path, "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new"]
