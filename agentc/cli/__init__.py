"""The command line: one command a file, no logic. Nothing heavy is imported before a command runs.

Exit status: 0 done; 1 the input was refused (diagnostics say why); 2 wrong usage.
"""

import gc
import sys


def main(args: list[str] | None = None) -> int:
    """Run ``agentc`` with ``args`` (default: the process's own) and give the exit status."""
    from agentc.cli.boundary import guarded
    from agentc.cli.root import agentc

    if args is not None:
        return guarded(agentc, args)
    gc.set_threshold(500_000, 20, 20)  # a command is short: little of what it makes is garbage before it ends
    status = guarded(agentc, sys.argv[1:])
    gc.freeze()  # the process ends: to look through all its objects once more frees nothing that matters
    return status
