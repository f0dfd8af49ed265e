"""Executes a build on this machine: ``load(build).run(inputs)``.

An executor over the IR itself, so that it is also the meaning of the IR: handlers by op name, one file a dialect.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentc.runtime.outcome import Outcome
    from agentc.runtime.program import Program


def load(build: str | Path, *, state: str | Path | None = None, target: str | None = None) -> "Program":
    """Open a build directory. ``state`` is where memories live; a directory of the user's by default. ``target``: what
    kernels run as, ``llvm`` or ``onnx``.

    Raises:
        Refused: ``not-a-build``, ``artifact-missing``, ``artifact-corrupt``, ``unreadable-ir``.
    """
    from agentc.runtime.build import open_build
    from agentc.runtime.program import Program

    opened = open_build(Path(build))
    return Program(opened.module(), opened, state=Path(state) if state is not None else None, target=target)


def execute(build: Path, request: Mapping[str, Any], **options: Any) -> "Outcome":
    """Open a build and answer one request; ``options`` as in ``outcome.execute``.

    Raises:
        Refused: the build or the request is refused, or a step failed.
    """
    from agentc.runtime import outcome

    return outcome.execute(build, request, **options)
