"""``agentc devices``: what the catalog, or a table of the user's, knows of devices."""

import json
from pathlib import Path

import click

from agentc.catalog import PROFILES


@click.command(short_help="List the devices of the catalog.")
@click.argument("name", required=False)
@click.option("--profile", type=click.Choice(list(PROFILES)), default="datasheet", show_default=True)
@click.option(
    "--file", "file", metavar="FILE", type=click.Path(path_type=Path), help="A table of your own devices, checked."
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def devices(name: str | None, profile: str, file: Path | None, format_: str) -> None:
    """List the catalog's devices with their dense peak rates, memory, power and price; with NAME, one in full.

    The `paper` profile has the figures of arXiv 2507.19635, table 5, as printed.
    """
    from agentc import api

    entries = [api.device_entry(name, profile, file)] if name else api.device_entries(profile, file)
    if format_ == "json":
        from agentc.report.devices import payload

        click.echo(json.dumps([payload(entry) for entry in entries], indent=2, allow_nan=False))
    else:
        from agentc.report.devices import device_page, device_table

        click.echo(device_page(entries[0]) if name else device_table(entries), nl=False)
