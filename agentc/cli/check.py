"""``agentc check``."""

import sys

import click

from agentc.cli.arguments import ASSUME, MODEL_MAP
from agentc.cli.show import show


@click.command(short_help="Say what is wrong with an agent's definition, and nothing else.")
@click.argument("agent", type=click.Path())
@MODEL_MAP
@ASSUME
def check(agent: str, model_map: str | None, assume: bool) -> int:
    """Print the diagnostics of AGENT. Exit status 1 where there is an error, 0 where there are only warnings."""
    from agentc import api
    from agentc.support.diagnostics import Severity

    found = api.check(agent, model_map=model_map, assume=assume)
    show(found)
    errors = sum(problem.severity is Severity.ERROR for problem in found)
    if not found:
        print(f"{agent}: no problems", file=sys.stderr)
    return 1 if errors else 0
