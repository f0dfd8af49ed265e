"""``agentc profile``: what to expect of an agent, learned from what it did."""

from pathlib import Path

import click

from agentc.cli.arguments import MODEL_MAP
from agentc.cli.show import show


@click.command(short_help="Learn a profile of an agent from its traces.")
@click.argument("traces", nargs=-1, required=True, type=click.Path())
@click.option("--agent", metavar="AGENT", help="The definition whose nodes the spans are of.")
@MODEL_MAP
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE instead of stdout."
)
def profile(traces: tuple[str, ...], agent: str | None, model_map: str | None, output: Path | None) -> None:
    """Write the profile that TRACES make: files of OpenTelemetry spans as OTLP/JSON, such as the collector's file
    exporter and `agentc run --otlp` write.

    Tokens, latencies of tools, trips of loops, widths of maps and shares of cases, by the nodes of AGENT, for
    `agentc compile --profile`. Spans are matched by their attribute `agentc.node`, else by the names of tools, agents
    and models.
    """
    from agentc import api
    from agentc.support.files import write_file

    text, told = api.learn_profile(traces, agent, model_map)
    show(told)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
