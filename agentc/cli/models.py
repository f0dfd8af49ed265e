"""``agentc models``: the models that the catalog knows, one in full, and what it asks of a machine."""

import json
from dataclasses import asdict
from typing import Any

import click

from agentc.cli.options import Figure
from agentc.plan.demand import PRECISIONS

WORK = ("prefill", "decode", "run")
SIZES = {"tokens": "input_tokens", "cached": "cached_tokens", "output": "output_tokens"}
"""Option -> the size that it states, where their names differ."""
FIGURE = Figure(min=0)
FORMAT = click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)


class _Models(click.Group):
    """``agentc models NAME`` is ``agentc models show NAME``, as ``agentc devices NAME`` is."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """What is no command is the name of a model."""
        known = not args or args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if known else ["show", *args])


@click.group(cls=_Models, short_help="List the models of the catalog.", invoke_without_command=True)
@FORMAT
@click.pass_context
def models(ctx: click.Context, format_: str) -> None:
    """List the catalog's models by architecture; `show` tells of one."""
    if ctx.invoked_subcommand is None:
        from agentc import api
        from agentc.report.listing import model_table

        rows = api.models()
        click.echo(_json([_facts(row) for row in rows]) if format_ == "json" else model_table(rows), nl=False)


@models.command(short_help="One model: its shape, or the work of a phase.")
@click.argument("model")
@click.option(
    "--work", type=click.Choice(WORK), help="What a step asks of a machine; `run` for what is no language model."
)
@click.option("--tokens", metavar="N", type=FIGURE, help="Input tokens of a request.  [default: 512]")
@click.option("--cached", metavar="N", type=FIGURE, help="Of these, tokens whose KV cache is there.  [default: 0]")
@click.option("--output", metavar="N", type=FIGURE, help="Output tokens of a request.  [default: 128]")
@click.option("--batch", metavar="N", type=Figure(min=1), help="Requests served together.  [default: 1]")
@click.option(
    "--documents", metavar="N", type=FIGURE, help="Texts of a request, for embedding and rerank.  [default: 1]"
)
@click.option("--chunk", metavar="N", type=click.IntRange(1, 10**9), help="Of a prefill: tokens that a step takes.")
@click.option("--draft", metavar="MODEL", help="Of a decode: the model that proposes tokens, for MODEL to verify.")
@click.option(
    "--drafted", metavar="N", type=click.IntRange(1, 1000), default=4, show_default=True, help="Tokens of it."
)
@click.option(
    "--acceptance",
    metavar="P",
    type=Figure(0, 1),
    default=0.7,
    show_default=True,
    help="Probability that a drafted token is taken.",
)
@click.option("--audio-seconds", metavar="N", type=FIGURE, help="Heard or spoken.  [default: 10]")
@click.option("--pixels", metavar="N", type=FIGURE, help="Of one image.  [default: 1048576]")
@click.option("--steps", metavar="N", type=FIGURE, help="Passes of a diffusion.  [default: 28]")
@click.option("--precision", type=click.Choice(PRECISIONS), default="bf16", show_default=True, help="Of the weights.")
@click.option("--kv-precision", type=click.Choice(PRECISIONS), help="Of the KV cache.  [default: beside such weights]")
@FORMAT
def show(
    model: str,
    work: str | None,
    format_: str,
    precision: str,
    kv_precision: str | None,
    chunk: int | None,
    draft: str | None,
    drafted: int,
    acceptance: float,
    **sizes: float | None,
) -> None:
    """Show MODEL: a name of the catalog, or the path of a `config.json` or of its folder.

    With --work, FLOP, bytes, memory and communication of one step of the whole batch.
    """
    from agentc import api
    from agentc.cost.phases import Draft
    from agentc.report.listing import model_page, work_page

    shape = api.model(model)
    if work is None:
        click.echo(_json(_facts(shape)) if format_ == "json" else model_page(shape), nl=False)
        return
    stated = {SIZES.get(name, name): value for name, value in sizes.items() if value is not None}
    helper = Draft(api.model(draft), drafted, acceptance) if draft is not None else None
    asked = api.work(shape, work, stated, precision, kv_precision, chunk_tokens=chunk or 0, draft=helper)
    click.echo(_json(asdict(asked)) if format_ == "json" else work_page(asked), nl=False)


def _facts(row: Any) -> dict[str, Any]:
    from agentc.plan.demand import parameters

    return asdict(row) | {"parameters": parameters(row)}


def _json(data: object) -> str:
    return json.dumps(data, indent=2) + "\n"
