"""``agentc compile``."""

import os
from pathlib import Path
from typing import Any

import click

from agentc.cli.arguments import compiling
from agentc.cli.show import show
from agentc.pipelines.phases import PHASES

NAMES = [phase.name for phase in PHASES]


@click.command("compile", short_help="Compile an agent for a fleet: placement, code, deployment files.")
@click.argument("agent", type=click.Path())
@compiling
@click.option(
    "--target", "targets", metavar="T", multiple=True, help="Only this backend; may be given again.  [default: all]"
)
@click.option("--stop-after", type=click.Choice(NAMES), help="Stop after this phase and print its IR.")
@click.option(
    "--dump-phases", metavar="DIR", type=click.Path(path_type=Path), help="Write the IR of each phase to DIR."
)
@click.option(
    "-o",
    "--output",
    metavar="BUILD",
    type=click.Path(path_type=Path),
    help="The build directory.  [default: build/NAME]",
)
def compile_(agent: str, output: Path | None, stop_after: str | None, **options: Any) -> None:
    """Compile AGENT (a YAML definition, a Python file as FILE.py:NAME, .mlir, or a file of another tool such as
    Open Agent Spec) into a build directory.

    The build is written whole or not at all; a failed compile leaves the previous one as it was.
    """
    _settle()
    from agentc import api

    stops = stop_after not in (None, "artifacts")
    build = api.compile(
        agent,
        fleet=options["fleet"],
        sla=options["sla"],
        load=options["load"],
        objective=options["objective"],
        calibration=options["calibration"],
        model_map=options["model_map"],
        assume=options["assume"],
        profile=options["profile"],
        targets=options["targets"] or None,
        dump_phases=options["dump_phases"],
        stop_after=stop_after,
        out=None if stops else output or Path("build") / api.name_of(agent),
    )
    show(build.diagnostics)
    if stops:
        _deliver(build.text, output)
    else:
        click.echo(build.headline)


def _settle() -> None:
    """No product here needs NumPy's threads, and pydantic need not ask every installed package for plugins."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _deliver(text: str, output: Path | None) -> None:
    from agentc.support.files import write_file

    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
