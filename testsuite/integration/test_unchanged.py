"""A command whose agent nobody changed hands out the build it made before; any change makes it compile again."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from agentc import api
from agentc.cli.compile import compile_
from agentc.support import cache

AGENT = """
agentc: v1
name: shout
sla: {end_to_end_ms: {p95: 5000}}
load: {requests_per_second: 1}
inputs: {question: {type: text, tokens: {mean: 10, p95: 20}}}
nodes:
  loud: {compute: {python: tools.py:loud, cpu_ms: 1}, in: question, returns: text}
outputs: {answer: loud}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTC_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "home"
    home.mkdir()
    (home / "agent.yaml").write_text(AGENT)
    (home / "tools.py").write_text("def loud(x: str) -> str:\n    return x.upper()\n")
    return home


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that the compiler really ran."""
    times: list[str] = []
    real = api.compile

    def counted(*args: object, **options: object) -> api.Build:
        times.append(str(args[0]))
        return real(*args, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(api, "compile", counted)
    return times


def run(folder: Path, *options: str, out: str = "out") -> tuple[str, dict[str, bytes]]:
    place = folder.parent / out
    done = CliRunner().invoke(compile_, [str(folder / "agent.yaml"), "-o", str(place), *options])
    assert done.exit_code == 0, done.output
    return done.output, {p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()}


def test_nothing_changed(folder: Path, compiled: list[str]) -> None:
    first = run(folder)
    assert run(folder) == first
    (folder.parent / "out" / "report.html").unlink()
    assert run(folder) == first
    assert len(compiled) == 1


def test_a_build_that_is_as_it_was_stays(folder: Path) -> None:
    _, files = run(folder)
    out = folder.parent / "out"
    kept, old = out.stat().st_ino, out / "manifest.yaml"
    os.utime(old, (1000, 1000))
    old.chmod(0o600)
    assert run(folder)[1] == files
    assert out.stat().st_ino == kept
    assert old.stat().st_mtime > 1000 and old.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("change", ["edited", "as long", "more", "less", "folder", "link"])
def test_a_build_that_was_touched_is_written_again(folder: Path, compiled: list[str], change: str) -> None:
    _, files = run(folder)
    report = folder.parent / "out" / "report.html"
    match change:
        case "edited":
            report.write_text("mine")
        case "as long":
            report.write_bytes(b" " * report.stat().st_size)
        case "more":
            report.with_name("notes.txt").write_text("mine")
        case "less":
            report.unlink()
        case "folder":
            report.with_name("notes").mkdir()
        case _:
            report.rename(folder / ".report.html")
            report.symlink_to(folder / ".report.html")
    assert run(folder)[1] == files
    assert not report.is_symlink() and not list(report.parent.glob("notes*"))
    assert len(compiled) == 1


@pytest.mark.parametrize(
    "change", ["definition", "source", "option", "beside", "damaged", "environment", "off", "elsewhere"]
)
def test_a_change_compiles_again(
    folder: Path, compiled: list[str], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder)
    match change:
        case "definition":
            (folder / "agent.yaml").write_text(AGENT.replace("p95: 5000", "p95: 6000"))
        case "source":
            (folder / "tools.py").write_text("def loud(x: str) -> str:\n    return x.upper() + '!'\n")
        case "beside":
            (folder / "more.yaml").write_text("")
        case "damaged":
            for entry in (folder.parent / "cache").glob("*/*/1"):
                entry.write_bytes(b"?")
        case "environment":
            monkeypatch.setenv("AGENTC_OTHER", "1")
        case "off":
            monkeypatch.setenv("AGENTC_CACHE", "off")
        case _:
            pass
    _, files = run(
        folder, *(["--load", "2"] if change == "option" else []), out="b" if change == "elsewhere" else "out"
    )
    assert len(compiled) == 2
    if change == "source":
        assert any(b"+ '!'" in data for data in files.values())


def test_what_is_not_a_build_is_not_replaced_from_the_cache(folder: Path, compiled: list[str]) -> None:
    run(folder)
    out = folder.parent / "out"
    (out / "manifest.yaml").unlink()
    done = CliRunner().invoke(compile_, [str(folder / "agent.yaml"), "-o", str(out)])
    assert done.exit_code != 0
    assert (out / "report.html").exists()
    assert len(compiled) == 1


def test_warnings_are_told_each_time(folder: Path, compiled: list[str]) -> None:
    more = "p95: 20}}, unread: {type: text, tokens: {mean: 1, p95: 2}}}"
    (folder / "agent.yaml").write_text(AGENT.replace("p95: 20}}}", more))
    first, _ = run(folder)
    second, _ = run(folder)
    assert first == second and "unused-input" in first
    assert len(compiled) == 2


def test_the_cache_holds_no_hidden_state(folder: Path) -> None:
    run(folder)
    assert cache.folder() is not None
    names = {p.name[0] for p in (folder.parent / "cache").glob("*/*")}
    assert "." not in names  # nothing half written is left
