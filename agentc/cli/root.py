"""The command ``agentc`` and the table of its commands."""

from typing import Any

import click

from agentc import __version__
from agentc.cli.options import DIAGNOSTICS, diagnostics_option
from agentc.support.diagnostics import suggest
from agentc.support.registry import load

COMMANDS: dict[str, tuple[str, str]] = {
    "compile": ("agentc.cli.compile:compile_", "Compile an agent for a fleet: placement, code, deployment files."),
    "check": ("agentc.cli.check:check", "Say what is wrong with an agent's definition, and nothing else."),
    "import": ("agentc.cli.import_:import_", "Write another tool's agent as a definition."),
    "profile": ("agentc.cli.profile:profile", "Learn a profile of an agent from its traces."),
    "explain-placement": (
        "agentc.cli.explain_placement:explain_placement",
        "Say where each task runs, at what cost, and why.",
    ),
    "size": ("agentc.cli.size:size", "Say how many of which device serve so many users, and at what price."),
    "run": ("agentc.cli.run:run", "Execute a build on this machine."),
    "explain": ("agentc.cli.explain:explain", "Print the manual page of a diagnostic, pass, phase or op."),
    "devices": ("agentc.cli.devices:devices", "List the devices of the catalog."),
    "models": ("agentc.cli.models:models", "List the models of the catalog."),
    "accuracy": ("agentc.cli.accuracy:accuracy", "Say how far predictions are from measurements."),
    "calibrate": ("agentc.cli.calibrate:calibrate", "Fit the cost model to your measurements."),
    "schema": ("agentc.cli.schema:schema", "Print the JSON Schema of a file."),
}
"""Name -> where the command lives, and its sentence: so that ``agentc --help`` loads none of them."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the table's order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command and give it the options that all commands share."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = load(COMMANDS[cmd_name][0])
        if not any(option.name == DIAGNOSTICS for option in command.params):
            command.params.append(diagnostics_option())
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """As click does, with a hint for a misspelled command."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = suggest(args[0], COMMANDS)
            ctx.fail(f"No such command '{args[0]}'." + (f" Did you mean '{near}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[diagnostics_option()],
)
@click.version_option(__version__, "-V", "--version", prog_name="agentc", message="%(prog)s %(version)s")
def agentc() -> None:
    """Compile AI agents for mixed hardware: the cheapest placement that keeps the SLA, its reasons and its code."""
