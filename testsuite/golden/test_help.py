"""The help of every command, whole."""

from pathlib import Path

import pytest
from harness import golden

from agentc.cli.root import COMMANDS

PINNED = Path(__file__).parent / "help"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command: str, tmp_path: Path) -> None:
    args = [command, "--help"] if command else ["--help"]
    golden.compare(PINNED / f"{command or 'agentc'}.txt", golden.agentc(args, tmp_path))


def test_every_pinned_help_belongs_to_a_command() -> None:
    assert {path.stem for path in PINNED.glob("*.txt")} <= {"agentc", *COMMANDS}
