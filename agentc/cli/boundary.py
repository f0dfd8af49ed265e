"""Where problems end: a refusal becomes diagnostics on stderr and exit status 1, never a traceback."""

import contextlib
import os
import sys

import click

from agentc.cli.options import Settings
from agentc.cli.show import show
from agentc.support.diagnostics import Diagnostic, Refused, shortened

DEBUG = "AGENTC_DEBUG"
"""Environment variable: set it to see the traceback of an internal error."""


def guarded(command: click.Command, args: list[str]) -> int:
    """Run ``command`` and give the exit status."""
    settings = Settings()
    try:
        status = command.main(args=args, prog_name=command.name, standalone_mode=False, obj=settings)
        if sys.stdout:  # none where it was closed
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _close_stdout()
        return 1  # as click does where it notices first
    except Refused as refused:
        show(refused.diagnostics, settings.diagnostics)
        return 1
    except OSError as problem:
        if os.environ.get(DEBUG):
            raise
        _close_stdout()
        show((_refused_by_system(problem),), settings.diagnostics)
        return 1
    except Exception as problem:
        if os.environ.get(DEBUG):
            raise
        show((_internal(problem),), settings.diagnostics)
        return 1


def _close_stdout() -> None:
    """What could not be written stays in the buffer: without this, Python would try once more when it ends."""
    if sys.stdout:
        with contextlib.suppress(OSError):  # a stream of a test, a closed descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refused_by_system(problem: OSError) -> Diagnostic:
    """A full disk behind stdout, or a file that no command expected to be out of reach."""
    why = problem.strerror or str(problem)
    if problem.filename is None:
        return Diagnostic("unwritable-path", f"cannot write the output: {why}")
    return Diagnostic("unreadable-file", f"cannot use `{shortened(str(problem.filename))}`: {why}")


def _internal(problem: Exception) -> Diagnostic:
    return Diagnostic(
        "internal-error",
        f"{type(problem).__name__}: {problem}",
        notes=("this is a mistake in agentc, not in your input",),
        help=f"set {DEBUG}=1 to see where it happened, and report it",
    )
