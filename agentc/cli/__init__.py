"""The command line: one command a file, no logic. Nothing heavy is imported before a command runs.

Exit status: 0 done; 1 the input was refused (diagnostics say why); 2 wrong usage.
"""

import atexit
import contextlib
import gc
import os
import sys
import threading
from typing import NoReturn

from agentc.support.deferred_methods import defer_annotations, defer_dataclass_methods


def main(args: list[str] | None = None) -> int:
    """Run ``agentc`` with ``args`` and give the exit status; without, run the process's own arguments and end it."""
    if args is not None:
        return _run(args)
    defer_dataclass_methods()
    defer_annotations()
    gc.set_threshold(500_000, 20, 20)  # a command is short: little of what it makes is garbage before it ends
    _leave(_run(sys.argv[1:]))


def _leave(status: int) -> NoReturn:
    """End the process as ``sys.exit`` does, but for taking its modules apart, whose memory the system frees anyway."""
    if threading.active_count() > 1:
        sys.exit(status)
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or none
            stream.flush()
    os._exit(status)


def _run(args: list[str]) -> int:
    try:
        from agentc.cli.boundary import guarded
        from agentc.cli.root import agentc

        return guarded(agentc, args)
    except KeyboardInterrupt:  # before the boundary stood
        print("interrupted", file=sys.stderr)
        return 130
