"""``agentc schema``: the JSON Schema of a file, so that editors complete and check it."""

import json

import click


@click.command(short_help="Print the JSON Schema of a file.")
@click.argument("what", type=click.Choice(["agent", "fleet", "profile", "manifest"]), default="agent")
def schema(what: str) -> None:
    """Print the JSON Schema (draft 2020-12) of an agent definition, a fleet file, a profile, or a build's manifest."""
    from agentc import api

    click.echo(json.dumps(api.schema(what), indent=2))
