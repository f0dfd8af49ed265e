"""``agentc import``."""

from pathlib import Path

import click

from agentc.cli.arguments import MODEL_MAP
from agentc.cli.show import show


@click.command("import", short_help="Write another tool's agent as a definition.")
@click.argument("format_", metavar="FORMAT")
@click.argument("source", type=click.Path())
@MODEL_MAP
@click.option(
    "--write-metadata",
    "metadata",
    is_flag=True,
    help="Of Open Agent Spec: write SOURCE itself, which states in `metadata.agentc` what is assumed of it.",
)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE instead of stdout."
)
def import_(format_: str, source: str, model_map: str | None, metadata: bool, output: Path | None) -> None:
    """Write the agent of SOURCE, a file of another tool, as a definition in which every assumption is a comment.

    FORMAT: agentspec, nat, haystack, dify, flowise, docker-agent, promptflow, ms-agent-framework, adk, crewai,
    langgraph, or auto.
    """
    from agentc import api
    from agentc.support.files import write_file

    text, told = api.import_(source, format_, model_map, metadata)
    show(told)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
