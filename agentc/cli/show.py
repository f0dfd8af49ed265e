"""Diagnostics on their way to the terminal."""

import os
import sys
from collections.abc import Iterable, Mapping

from agentc.cli.options import settings
from agentc.support.diagnostics import Diagnostic
from agentc.support.render import RENDERERS


def show(
    diagnostics: Iterable[Diagnostic], format_: str | None = None, sources: Mapping[str, str] | None = None
) -> None:
    """Print ``diagnostics`` on stderr, by default in the format that ``--diagnostics`` asks for.

    ``sources`` holds texts that are not files (name -> text).
    """
    format_ = format_ or settings().diagnostics
    if format_ == "text":
        if not (diagnostics := tuple(diagnostics)):
            return  # without importing what renders them
        from agentc.support.render import text

        rendered = text.render(diagnostics, sources or {}, colors(sys.stderr.isatty()))
    else:
        rendered = RENDERERS[format_](diagnostics, sources or {})
    sys.stderr.write(rendered)


def colors(terminal: bool) -> bool:
    """Whether to color: only on a terminal, and not against https://no-color.org or a terminal that cannot."""
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
