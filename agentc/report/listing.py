"""The catalog's models for a person at a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

from agentc.plan.demand import parameters
from agentc.plan.models import ModelShape
from agentc.report.text import table, wrap
from agentc.support.units import format_figure


def model_table(models: Iterable[ModelShape]) -> str:
    """One line a model."""
    rows = [
        (
            model.name,
            model.kind,
            format_figure(parameters(model) / 1e9) + " B",
            str(model.layers or "-"),
            str(model.hidden or "-"),
            f"{model.heads}/{model.kv_heads}" if model.heads else "-",
            f"{model.experts_per_token} of {model.experts}" if model.experts else "-",
        )
        for model in models
    ]
    return _text(
        table(("model", "kind", "parameters", "layers", "hidden", "heads/kv", "experts"), rows, right=(2, 3, 4, 5, 6))
    )


def model_page(model: ModelShape) -> str:
    """The whole shape of a model, with where it is from."""
    stated = [(f.name, getattr(model, f.name)) for f in fields(model) if f.name not in ("name", "kind", "source")]
    lines = [f"{model.name}: {model.kind}, {format_figure(parameters(model) / 1e9)} B parameters"]
    lines += [
        f"  {name:<24} {value:g}" if isinstance(value, float) else f"  {name:<24} {value}"
        for name, value in stated
        if value
    ]
    lines += wrap("  source                   ", model.source)
    return _text(lines)


def _text(lines: Iterable[str] | Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"
