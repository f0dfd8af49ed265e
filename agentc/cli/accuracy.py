"""``agentc accuracy``: how far the cost model's predictions are from measurements."""

import json
from pathlib import Path

import click

VIEWS = ("all", "vendor", "device", "model", "precision", "mode", "engine", "source")
SHOWN = 20
"""Diagnostics of rows that are printed; the rest is counted."""


@click.command(short_help="Say how far predictions are from measurements.")
@click.option(
    "--data", "data", metavar="CSV", multiple=True, type=click.Path(path_type=Path),
    help="Your measurements, in the columns of the docs; may be given again.  [default: those of the package]",
)  # fmt: skip
@click.option("--by", "views", type=click.Choice(VIEWS), multiple=True, help="Tables to print.  [default: all, vendor]")
@click.option("--calibration", metavar="CURVES", type=click.Path(path_type=Path), help="Predict with these curves.")
@click.option("--svg", "picture", metavar="FILE", type=click.Path(path_type=Path), help="Draw predicted over measured.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def accuracy(
    data: tuple[Path, ...], views: tuple[str, ...], calibration: Path | None, picture: Path | None, format_: str
) -> None:
    """Compare predictions with measurements: TTFT, TBT and throughput by vendor, device, model, precision, mode.

    The package's measurements are predicted by fits that did not see their group (device, model, precision).
    """
    from agentc import api
    from agentc.cli.show import show
    from agentc.report import accuracy as report
    from agentc.support.files import write_file

    found = api.accuracy(data, calibration)
    show(found.problems[:SHOWN])
    rest(len(found.problems))
    if picture is not None:
        write_file(picture, report.svg(found))
    if format_ == "json":
        click.echo(json.dumps(report.payload(found), indent=2, allow_nan=False))
    else:
        click.echo(report.text(found, views or ("all", "vendor")), nl=False)


def rest(problems: int) -> None:
    """Say how many rows more could not be read than were told."""
    if problems > SHOWN:
        click.echo(f"and {problems - SHOWN} rows more that could not be read", err=True)
