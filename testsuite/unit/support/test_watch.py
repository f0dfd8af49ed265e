"""A change is noticed, whatever it is; and nothing else is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentc.support.watch import changes


def looks(folder: Path, *deeds: Callable[[], object], beside: tuple[Path, ...] = ()) -> list[int]:
    """After how many waits each look came, where each wait does the next deed."""
    waits = iter(deeds)
    count = 0

    class Over(Exception):
        pass

    def wait() -> None:
        nonlocal count
        deed = next(waits, None)
        if deed is None:
            raise Over
        deed()
        count += 1

    def counted() -> Iterator[int]:
        try:
            for _ in changes(folder / "agent.yaml", wait, beside):
                yield count
        except Over:
            return

    return list(counted())


def test_writing_making_and_deleting_are_changes(tmp_path: Path) -> None:
    file, tool = tmp_path / "agent.yaml", tmp_path / "tools" / "tools.py"
    file.write_text("a")
    tool.parent.mkdir()
    deeds = (lambda: file.write_text("ab"), lambda: None, lambda: tool.write_text("x"), tool.unlink, lambda: None)
    assert looks(tmp_path, *deeds) == [0, 1, 3, 4]


def test_what_a_compile_writes_is_none(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    assert looks(tmp_path, lambda: (tmp_path / "build" / "manifest.yaml").write_text("x")) == [0]


def test_a_file_elsewhere_counts_where_it_is_named(tmp_path: Path) -> None:
    folder, other = tmp_path / "agent", tmp_path / "profile.yaml"
    folder.mkdir()
    deeds = (lambda: other.write_text("a"), lambda: other.write_text("ab"), other.unlink)
    assert looks(folder, *deeds) == [0]
    assert looks(folder, *deeds, beside=(other,)) == [0, 1, 2, 3]


def test_the_command_checks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from agentc.cli import main

    file = tmp_path / "agent.yaml"
    file.write_text("agentc: v1\nname: a\n")
    waits = iter([lambda: file.write_text("agentc: v1\nname: a\nnodes: {}\ninputs: {x: {type: text}}\n")])

    def wait(_: float) -> None:
        try:
            next(waits)()
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("time.sleep", wait)
    assert main(["check", str(file), "--watch"]) == 130
    told = capsys.readouterr().err
    assert told.count("needs a field `nodes`") == 1
    assert "interrupted" in told
