"""``agentc devices`` and ``agentc models``: what the catalog knows."""

import json
from dataclasses import asdict
from typing import Any

import click

from agentc.catalog import PROFILES


@click.command(short_help="List the devices of the catalog.")
@click.argument("name", required=False)
@click.option("--profile", type=click.Choice(list(PROFILES)), default="datasheet", show_default=True)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def devices(name: str | None, profile: str, format_: str) -> None:
    """List the catalog's devices with their dense peak rates, memory, power and price; with NAME, one in full."""
    from agentc import api

    rows = [api.device(name, profile)] if name else api.devices(profile)
    if format_ == "json":
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        from agentc.report.listing import device_page, device_table

        click.echo(device_page(rows[0]) if name else device_table(rows), nl=False)


@click.command(short_help="List the models of the catalog.")
@click.argument("name", required=False)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def models(name: str | None, format_: str) -> None:
    """List the catalog's models by architecture; with NAME, one in full."""
    from agentc import api

    rows = [api.model(name)] if name else api.models()
    if format_ == "json":
        click.echo(json.dumps([_with_parameters(row) for row in rows], indent=2))
    else:
        from agentc.report.listing import model_page, model_table

        click.echo(model_page(rows[0]) if name else model_table(rows), nl=False)


def _with_parameters(row: Any) -> dict[str, Any]:
    from agentc.plan.demand import parameters

    return asdict(row) | {"parameters": parameters(row)}
