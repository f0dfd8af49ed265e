"""The command line: one command a file, no logic. Nothing heavy is imported before a command runs.

Exit status: 0 done; 1 the input was refused (diagnostics say why); 2 wrong usage.
"""

import gc
import sys

from agentc.support.deferred_methods import defer_dataclass_methods


def main(args: list[str] | None = None) -> int:
    """Run ``agentc`` with ``args`` (default: the process's own) and give the exit status."""
    if args is not None:
        return _run(args)
    defer_dataclass_methods()
    gc.set_threshold(500_000, 20, 20)  # a command is short: little of what it makes is garbage before it ends
    status = _run(sys.argv[1:])
    gc.freeze()  # the process ends: to look through all its objects once more frees nothing that matters
    return status


def _run(args: list[str]) -> int:
    from agentc.cli.boundary import guarded
    from agentc.cli.root import agentc

    return guarded(agentc, args)
