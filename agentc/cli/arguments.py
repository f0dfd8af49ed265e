"""Arguments that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

MODEL_MAP = click.option(
    "--model-map", metavar="FILE", help="Of another tool's file: its models as ours, `gpt-4o: llama-3.3-70b` a line."
)
ASSUME = click.option("--assume", is_flag=True, help="Tell nothing of what another tool's file never states.")
PROFILE = click.option(
    "--profile", metavar="FILE", help="Figures by node name, such as `agentc profile` learns from traces."
)

F = TypeVar("F", bound=Callable[..., Any])


def compiling(command: F) -> F:
    """The options of every command that compiles an agent."""
    options = (
        click.option("--fleet", metavar="F", help="A fleet file, or a shipped fleet's name.  [default: mixed-2026]"),
        click.option(
            "--sla",
            "sla",
            metavar="K=V",
            multiple=True,
            help="Set a limit: ttft_ms=250, tbt_ms.p95=20, end_to_end_ms=4000.",
        ),
        click.option(
            "--load", "load", metavar="RPS", type=click.FloatRange(min=0, min_open=True), help="Requests per second."
        ),
        MODEL_MAP,
        ASSUME,
        PROFILE,
        click.option("--calibration", metavar="CURVES", help="Estimate with these curves (`agentc calibrate`)."),
        click.option(
            "--objective",
            metavar="O[,O]",
            default="cost",
            show_default=True,
            help="What to minimize: cost, latency, energy or carbon; or one after the other: cost,latency.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
