"""The help of every command, whole."""

from pathlib import Path

import pytest
from harness import golden

from agentc.cli.root import COMMANDS

PINNED = Path(__file__).parent / "help"
HELPS = ("", *COMMANDS, "models show")
"""Every command, and those within one."""


@pytest.mark.parametrize("command", HELPS)
def test_help(command: str, tmp_path: Path) -> None:
    golden.compare(PINNED / f"{_file(command)}.txt", golden.agentc([*command.split(), "--help"], tmp_path))


def test_every_pinned_help_belongs_to_a_command() -> None:
    assert {path.stem for path in PINNED.glob("*.txt")} <= set(map(_file, HELPS))


def _file(command: str) -> str:
    return command.replace(" ", "-") or "agentc"
