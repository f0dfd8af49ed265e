"""``agentc check``."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from agentc.cli.arguments import ASSUME, MODEL_MAP, PROFILE
from agentc.cli.options import settings
from agentc.cli.show import show


@click.command(short_help="Say what is wrong with an agent's definition, and nothing else.")
@click.argument("agent", type=click.Path())
@MODEL_MAP
@ASSUME
@PROFILE
@click.option("--watch", is_flag=True, help="Check again whenever a file beside it changes, until interrupted.")
def check(agent: str, model_map: str | None, assume: bool, profile: str | None, watch: bool) -> int:
    """Print the diagnostics of AGENT. Exit status 1 where there is an error, 0 where there are only warnings."""
    status = 0
    beside = [Path(name) for name in (profile, model_map) if name is not None]
    for _ in _looks(agent, beside) if watch else [None]:
        if watch and sys.stderr.isatty():
            click.clear()
        status = _check(agent, model_map, assume, profile)
    return status


def _looks(agent: str, beside: Sequence[Path]) -> Iterator[None]:
    from agentc.support.watch import changes

    return changes(Path(agent.partition(".py:")[0]), beside=beside)


def _check(agent: str, model_map: str | None, assume: bool, profile: str | None) -> int:
    from agentc import api
    from agentc.support.diagnostics import Severity

    found = api.check(agent, model_map=model_map, assume=assume, profile=profile)
    show(found)
    errors = sum(problem.severity is Severity.ERROR for problem in found)
    if not found and settings().diagnostics == "text":
        print(f"{agent}: no problems", file=sys.stderr)
    return 1 if errors else 0
