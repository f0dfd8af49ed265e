"""``agentc calibrate``: fits the cost model to a user's measurements."""

from pathlib import Path

import click

from agentc.cli.accuracy import SHOWN, rest


@click.command(short_help="Fit the cost model to your measurements.")
@click.option(
    "--data", "data", metavar="CSV", multiple=True, required=True, type=click.Path(path_type=Path),
    help="Measurements, in the columns of the docs; may be given again.",
)  # fmt: skip
@click.option("-o", "--output", metavar="CURVES", type=click.Path(path_type=Path), default="curves.yaml",
              show_default=True, help="Where the curves go.")  # fmt: skip
def calibrate(data: tuple[Path, ...], output: Path) -> None:
    """Fit curves to your rows and write them; `compile --calibration` takes them.

    The package's curves are what is believed before: few rows move them little.
    """
    from agentc import api
    from agentc.cli.show import show
    from agentc.report import accuracy as report
    from agentc.support.files import write_file

    curves, before, after = api.calibrate(data)
    show(before.problems[:SHOWN])
    rest(len(before.problems))
    write_file(output, curves)
    click.echo(report.text(before, ("all",)), nl=False)
    click.echo("\nwith the new curves, which saw these rows\n" + report.text(after, ("all",)), nl=False)
    click.echo(f"\nwrote {output}")
