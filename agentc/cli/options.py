"""Options that all commands share, and types of options."""

import math
from dataclasses import dataclass
from typing import Any

import click

DIAGNOSTICS = "diagnostics_format"


class Figure(click.FloatRange):
    """A finite number in a range; a range alone does not hold against NaN."""

    name = "number"
    """As messages call it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does, and a failure for NaN and infinity."""
        figure = super().convert(value, param, ctx)
        if not math.isfinite(figure):
            self.fail(f"{value} is no finite number", param, ctx)
        return figure


@dataclass
class Settings:
    """What the shared options say; the object of click's context."""

    diagnostics: str = "text"
    """A name of ``agentc.support.render.RENDERERS``."""


def diagnostics_option() -> click.Option:
    """``--diagnostics FORMAT``, before or after the command's name."""
    return click.Option(
        ["--diagnostics", DIAGNOSTICS],
        type=click.Choice(["text", "json", "github", "sarif"]),
        expose_value=False,
        callback=_remember,
        help="How problems are told, on stderr.  [default: text]",
    )


def _remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    del param
    if value is not None:
        ctx.ensure_object(Settings).diagnostics = value


def settings() -> Settings:
    """Those of the command that runs; the defaults outside of one."""
    ctx = click.get_current_context(silent=True)
    return (ctx.find_object(Settings) if ctx else None) or Settings()
