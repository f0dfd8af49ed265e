"""The command line: one command a file, no logic. Nothing heavy is imported before a command runs.

Exit status: 0 done; 1 the input was refused (diagnostics say why); 2 wrong usage.
"""

import sys


def main(args: list[str] | None = None) -> int:
    """Run ``agentc`` with ``args`` (default: the process's own) and give the exit status."""
    from agentc.cli.boundary import guarded
    from agentc.cli.root import agentc

    return guarded(agentc, sys.argv[1:] if args is None else args)
