"""``agentc explain-placement``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentc.cli.arguments import compiling
from agentc.cli.show import show
from agentc.report import RENDERINGS

if TYPE_CHECKING:
    from agentc.report.facts import Facts


@click.command("explain-placement", short_help="Say where each task runs, at what cost, and why.")
@click.argument("source", metavar="AGENT|BUILD", type=click.Path())
@compiling
@click.option("--task", metavar="T", help="Only this task, in detail.")
@click.option("--why-not", metavar="DEVICE", help="What speaks against this device.")
@click.option(
    "--what-if",
    "what_if",
    metavar="K=V",
    multiple=True,
    help="Compare with the plan for h100.price=1.2, sla.tbt_ms=30, load=50, h100.count=0, NODE.pin=h100.",
)
@click.option("--sensitivity", is_flag=True, help="What the limits cost, and at which price or load the plan turns.")
@click.option("--pareto", metavar="O,O", help="The plans that trade two objectives, such as cost,latency.")
@click.option("--format", "format_", type=click.Choice(list(RENDERINGS)), default="text", show_default=True)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE instead of stdout."
)
def explain_placement(source: str, format_: str, output: Path | None, **options: Any) -> None:
    """Explain the placement of AGENT, which is compiled for it, or of a BUILD directory.

    Questions such as --what-if are answered by placing again, and by nothing less.
    """
    from agentc import api
    from agentc.support.files import write_file

    if options["profile"] is not None and os.path.isdir(source):
        raise click.UsageError("--profile fills a definition, not a build: compile with it")
    text = _answered(source, format_, options)
    if text is None:
        task, why_not = options.pop("task"), options.pop("why_not")
        facts = api.facts_of_build(Path(source)) if os.path.isdir(source) else _compiled(source, options)
        text = api.render(facts, format_, task=task, why_not=why_not)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)


def _answered(source: str, format_: str, options: dict[str, Any]) -> str | None:
    """The answer to a question that is more than how the plan is; ``None`` where none was asked."""
    asked = {name: options.pop(name) for name in ("what_if", "sensitivity", "pareto")}
    named = [f"--{name.replace('_', '-')}" for name, value in asked.items() if value]
    if not named:
        return None
    narrowing = [f"--{name.replace('_', '-')}" for name in ("task", "why_not") if options.pop(name)]
    if len(named + narrowing) > 1:
        raise click.UsageError(f"{' and '.join(named + narrowing)} do not go together")
    from agentc import api
    from agentc.analyses.study import difference, pareto, sensitivity
    from agentc.pipelines.overrides import objectives
    from agentc.report.study import tell

    if asked["pareto"]:
        axes = objectives(asked["pareto"])
        if len(axes) != 2:
            raise click.UsageError("--pareto takes two objectives, such as cost,latency")
        return tell(api.ask(source, lambda each: pareto.pareto(each, *axes), **options), format_)
    if asked["sensitivity"]:
        return tell(api.ask(source, sensitivity.sensitivity, **options), format_)
    return tell(api.ask(source, lambda each: difference.what_if(each, asked["what_if"]), **options), format_)


def _compiled(source: str, options: dict[str, Any]) -> "Facts":
    from agentc import api

    build = api.compile(source, stop_after="placed", **options)
    show(build.diagnostics)
    return build.facts()
