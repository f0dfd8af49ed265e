"""Executes a build on this machine: ``load(build).run(inputs)``.

An executor over the IR itself, so that it is also the meaning of the IR: handlers by op name, one file a dialect.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentc.runtime.program import Program


def load(build: str | Path, *, state: str | Path | None = None) -> "Program":
    """Open a build directory. ``state`` is where memories live; a directory of the user's by default.

    Raises:
        Refused: ``not-a-build``, ``artifact-missing``, ``artifact-corrupt``, ``unreadable-ir``.
    """
    from agentc.runtime.build import open_build
    from agentc.runtime.program import Program

    opened = open_build(Path(build))
    return Program(opened.module(), opened, state=Path(state) if state is not None else None)
