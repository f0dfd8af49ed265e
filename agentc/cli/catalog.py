"""``agentc models``: the models that the catalog knows."""

import json
from dataclasses import asdict
from typing import Any

import click


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
