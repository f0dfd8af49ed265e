"""``agentc size``: how many of which device for so many users."""

from typing import Any

import click

from agentc.cli.arguments import compiling
from agentc.cli.options import Figure


class Users(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """Numbers of users, parted by commas."""

    name = "N,N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """As numbers from 1 to a billion."""
        figure = Figure(min=1, max=1e9)
        return tuple(figure.convert(part.strip(), param, ctx) for part in str(value).split(","))


PERCENTILES = ("p50", "p90", "p95", "p99")


@click.command("size", short_help="Say how many of which device serve so many users, and at what price.")
@click.argument("source", metavar="AGENT|BUILD", type=click.Path())
@click.option("--users", metavar="N,N", type=Users(), required=True, help="Users at the same time, such as 50,200.")
@click.option("--p50", metavar="S", type=Figure(min=0, min_open=True), help="Half of the answers within S seconds.")
@click.option("--p90", metavar="S", type=Figure(min=0, min_open=True), help="90 % of the answers.")
@click.option("--p95", metavar="S", type=Figure(min=0, min_open=True), help="95 % of the answers.")
@click.option("--p99", metavar="S", type=Figure(min=0, min_open=True), help="99 % of the answers.")
@click.option(
    "--think", metavar="S", type=Figure(min=0), default=0.0, show_default=True, help="Seconds from answer to request."
)
@click.option("--unlimited", is_flag=True, help="What to buy: as many devices as it takes, whatever the fleet has.")
@compiling
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def size(source: str, users: tuple[float, ...], think: float, unlimited: bool, format_: str, **options: Any) -> None:
    """Say what it takes to serve USERS of AGENT, or of a BUILD, within a time at a percentile.

    Each user waits for the answer, thinks, and asks again, so the load follows from the answers' time.
    """
    stated = {name: seconds for name in PERCENTILES if (seconds := options.pop(name)) is not None}
    if len(stated) != 1:
        raise click.UsageError("state one of --p50, --p90, --p95 and --p99, such as --p95 8")
    if options.pop("load") is not None:
        raise click.UsageError("the load follows from --users: leave out --load")
    from agentc import api
    from agentc.analyses.study.size import sizing
    from agentc.report.study import tell

    ((percentile, seconds),) = stated.items()
    found = api.ask(
        source,
        lambda asked: sizing(asked, users, seconds, percentile=percentile, think_seconds=think, unlimited=unlimited),
        **options,
    )
    click.echo(tell(found, format_), nl=False)
