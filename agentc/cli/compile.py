"""``agentc compile``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentc.cli.arguments import compiling
from agentc.cli.show import show
from agentc.pipelines.phases import PHASES

if TYPE_CHECKING:
    from agentc.api import Build

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
    from agentc.pipelines.sources import build_name

    whole = stop_after in (None, "artifacts")
    out = (output or Path("build") / build_name(agent)) if whole else None
    if out is None or options["dump_phases"] is not None:
        build = _compile(agent, out, stop_after, options)
        if out is None:
            _deliver(build.text, output)
        else:
            click.echo(build.headline)
        return
    from agentc.pipelines import unchanged

    name = unchanged.command_key({"agent": agent, "out": out, **options})
    headline = unchanged.restore(name, out)
    if headline is None:
        with unchanged.noting() as noted:
            build = _compile(agent, out, stop_after, options)
        headline = build.headline
        if not build.diagnostics:  # warnings are told each time
            unchanged.keep(name, noted, out, headline)
    click.echo(headline)


def _compile(agent: str, out: Path | None, stop_after: str | None, options: Mapping[str, Any]) -> "Build":
    """Compile, and show the warnings."""
    from agentc import api

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
        out=out,
    )
    show(build.diagnostics)
    return build


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
