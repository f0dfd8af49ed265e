"""``agentc import``."""

from pathlib import Path

import click

from agentc.cli.arguments import MODEL_MAP
from agentc.cli.options import Figure
from agentc.cli.show import show


@click.command("import", short_help="Write another tool's agent as a definition.")
@click.argument("format_", metavar="FORMAT")
@click.argument("source", nargs=-1, required=True, metavar="SOURCE")
@MODEL_MAP
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=Figure(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Of `mcp`: longest that the server may take.",
)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE instead of stdout."
)
def import_(format_: str, source: tuple[str, ...], model_map: str | None, timeout: float, output: Path | None) -> None:
    """Write the agent of SOURCE, a file of another tool, as a definition in which every assumption is a comment.

    FORMAT: agentspec, nat, haystack, dify, flowise, docker-agent, promptflow, ms-agent-framework, adk, crewai,
    langgraph, or auto.

    With `mcp` as FORMAT, SOURCE is a server of the Model Context Protocol: a URL, or the command that serves on stdio
    (put `--` before a command with options of its own). Its tools become tools and nodes.
    """
    from agentc import api
    from agentc.support.files import write_file

    if format_ == "mcp":
        text, told = api.import_mcp(source, timeout)
    else:
        if len(source) != 1:
            raise click.UsageError(f"one SOURCE at a time, found {len(source)}")
        text, told = api.import_(source[-1], format_, model_map)
    show(told)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
