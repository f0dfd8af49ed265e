"""``agentc schema``: the JSON Schema of a file, so that editors complete and check it."""

import json

import click


@click.command(short_help="Print the JSON Schema of an agent or fleet file.")
@click.argument("what", type=click.Choice(["agent", "fleet"]), default="agent")
def schema(what: str) -> None:
    """Print the JSON Schema (draft 2020-12) of an agent definition or a fleet file."""
    from agentc import api

    click.echo(json.dumps(api.schema(what), indent=2))
