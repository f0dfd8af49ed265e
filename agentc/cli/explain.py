"""``agentc explain``: the manual at hand."""

import inspect

import click

from agentc.support import manual
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean
from agentc.support.markdown import filled, wrapped


@click.command(short_help="Print the manual page of a diagnostic, pass, phase or op.")
@click.argument("name", required=False)
def explain(name: str | None) -> None:
    """Print the manual page of NAME: a diagnostic's slug, a pass, a phase or an op.

    Without NAME, list the diagnostics.
    """
    if name is None:
        for slug in manual.slugs():
            click.echo(filled(f"{slug:24} {manual.title(slug)}", " " * 25))
        return
    text = manual.page(name) or _pass_page(name) or _op_page(name) or _phase_page(name)
    if text is None:
        raise Refused(_unknown(name))
    click.echo(wrapped(text.strip()))


def _pass_page(name: str) -> str | None:
    from agentc.passes import PASSES
    from agentc.support.registry import load

    return _documented(name, load(PASSES[name])) if name in PASSES else None


def _op_page(name: str) -> str | None:
    from agentc.dialects import DIALECTS
    from agentc.support.registry import load

    dialect, dot, _ = name.partition(".")
    if not dot or dialect not in DIALECTS:
        return None
    ops = {op.name: op for op in load(DIALECTS[dialect]).operations}
    return _documented(name, ops[name]) if name in ops else None


def _phase_page(name: str) -> str | None:
    from agentc.pipelines.phases import PHASES

    return next((f"# {phase.name}\n\n{phase.sentence}" for phase in PHASES if phase.name == name), None)


def _documented(name: str, thing: object) -> str:
    return f"# {name}\n\n{inspect.getdoc(thing) or ''}"


def _unknown(name: str) -> Diagnostic:
    from agentc.dialects import DIALECTS
    from agentc.passes import PASSES
    from agentc.support.registry import load

    dialect = name.partition(".")[0]
    ops = [op.name for op in load(DIALECTS[dialect]).operations] if dialect in DIALECTS else []
    near = did_you_mean(name, [*manual.slugs(), *PASSES, *ops])
    return Diagnostic("unknown-name", f"there is no manual page `{name}`", help=near)
