"""``agentc explain-placement``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentc.cli.arguments import compiling
from agentc.cli.show import show
from agentc.report import RENDERINGS

if TYPE_CHECKING:
    from agentc.report.facts import Facts


@click.command("explain-placement", short_help="Say where each task runs, at what cost, and why.")
@click.argument("source", metavar="AGENT|BUILD", type=click.Path())
@compiling
@click.option("--task", metavar="T", help="Only this task, in detail.")
@click.option("--why-not", metavar="DEVICE", help="What speaks against this device.")
@click.option("--format", "format_", type=click.Choice(list(RENDERINGS)), default="text", show_default=True)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE instead of stdout."
)
def explain_placement(source: str, format_: str, output: Path | None, **options: Any) -> None:
    """Explain the placement of AGENT, which is compiled for it, or of a BUILD directory."""
    from agentc import api
    from agentc.support.files import write_file

    task, why_not = options.pop("task"), options.pop("why_not")
    facts = api.facts_of_build(Path(source)) if os.path.isdir(source) else _compiled(source, options)
    text = api.render(facts, format_, task=task, why_not=why_not)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)


def _compiled(source: str, options: dict[str, Any]) -> "Facts":
    from agentc import api

    build = api.compile(source, stop_after="placed", **options)
    show(build.diagnostics)
    return build.facts()
