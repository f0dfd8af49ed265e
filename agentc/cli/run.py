"""``agentc run``."""

import json
import sys
from pathlib import Path
from typing import Any, cast

import click

from agentc.cli.options import Figure


@click.command(short_help="Execute a build on this machine.")
@click.argument("build", type=click.Path(path_type=Path))
@click.option("--input", "input_", metavar="JSON|@FILE|-", help="The request's inputs; -: read stdin.")
@click.option(
    "--bind",
    metavar="NAME=URL|FILE.py:FUNCTION",
    multiple=True,
    help="Serve a model by the OpenAI-compatible endpoint at URL; in a tool's place call URL or FUNCTION; FUNCTION does"
    " a step whose content is unknown.",
)
@click.option("--state", metavar="DIR", type=click.Path(path_type=Path), help="Where memories are kept between runs.")
@click.option(
    "--session", metavar="NAME", default="", help="The conversation to go on with; another name starts another one."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of sampling.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=Figure(min=0, min_open=True),
    help="Give up after this long.",
)
@click.option(
    "--trace", metavar="FILE", type=click.Path(path_type=Path), help="Write the trace of every node as JSON lines."
)
@click.option(
    "--otlp",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Append the run to FILE as OpenTelemetry spans, for `agentc profile`.",
)
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), default=Path(), help="Where audio and images go."
)
@click.option(
    "--target",
    type=click.Choice(["llvm", "onnx"]),
    help="What tensor kernels run as: machine code, or ONNX graphs.  [default: machine code where there is some]",
)
@click.option("--stream/--no-stream", default=True, help="Show tokens as they come, on stderr.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def run(build: Path, **options: Any) -> None:
    """Execute BUILD with real engines on this machine and print its outputs, then the time of each node.

    Inputs are JSON by name; "@file.wav" as a value reads a file, in a FILE of inputs one beside it.
    """
    from agentc.runtime import execute
    from agentc.support.files import append_file, write_file

    outcome = execute(
        build,
        _request(options["input_"]),
        bind=options["bind"],
        state=options["state"],
        session=options["session"],
        seed=options["seed"],
        timeout=options["timeout"],
        files=options["out"],
        target=options["target"],
        stream=sys.stderr if options["stream"] and options["format_"] == "text" else None,
    )
    if options["trace"] is not None:
        write_file(options["trace"], outcome.trace_lines())
    if options["otlp"] is not None:
        append_file(options["otlp"], outcome.otlp_line())
    click.echo(outcome.json() if options["format_"] == "json" else outcome.text(), nl=False)


def _request(text: str | None) -> dict[str, Any]:
    """The inputs, from JSON, ``@file`` or ``-``.

    Raises:
        Refused: ``bad-input`` with the place of what is no JSON object.
    """
    from agentc.support.diagnostics import Diagnostic, Refused, Span

    name, content, folder = "--input", text if text is not None else "{}", Path()
    if text == "-":
        name, content = "<stdin>", sys.stdin.read()
    elif text is not None and text.startswith("@"):
        name, folder = text[1:], Path(text[1:]).parent
        content = _text_of(Path(name))
    try:
        value: Any = json.loads(content, parse_constant=_no_constant)
    except json.JSONDecodeError as problem:
        where = Span(name, problem.lineno, problem.colno)
        help_ = 'write {"question": "…"}, or @FILE' if name == "--input" else None
        raise Refused(Diagnostic("bad-input", f"the input is not JSON: {problem.msg}", where, help=help_)) from None
    except (ValueError, RecursionError) as problem:  # numbers of thousands of digits, thousands of brackets
        raise Refused(Diagnostic("bad-input", f"the input is not JSON: {problem}", Span(name))) from None
    if not isinstance(value, dict):
        raise Refused(Diagnostic("bad-input", "the input is not a JSON object", help='write {"question": "…"}'))
    return {key: _beside(folder, item) for key, item in cast(dict[str, Any], value).items()}


def _text_of(path: Path) -> str:
    from agentc.support.diagnostics import Diagnostic, Refused, shortened

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
        raise Refused(Diagnostic("bad-input", f"cannot read `{shortened(str(path))}`: {why}")) from None


def _no_constant(word: str) -> None:
    raise ValueError(f"`{word}` is no JSON")


def _beside(folder: Path, value: Any) -> Any:
    """``@file`` in a request's file means a file beside it."""
    return f"@{folder / value[1:]}" if isinstance(value, str) and value.startswith("@") else value
