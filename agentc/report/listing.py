"""The catalog's models for a person at a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

from agentc.cost.phases import PhaseWork
from agentc.cost.roofline import Demand
from agentc.plan.demand import parameters
from agentc.plan.models import ModelShape
from agentc.report.text import table, wrap
from agentc.support.units import format_bytes, format_figure, format_flops


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


_KINDLESS = {"diffusion": ("full_attention_every", "four_bit")}
"""Kind -> fields with a default that say nothing of it; ``conditioning`` says nothing of the others."""


def model_page(model: ModelShape) -> str:
    """The whole shape of a model, with where it is from."""
    told = {"name", "kind", "source", *_KINDLESS.get(model.kind, ("conditioning",))}
    stated = [(f.name, getattr(model, f.name)) for f in fields(model) if f.name not in told]
    lines = [f"{model.name}: {model.kind}, {format_figure(parameters(model) / 1e9)} B parameters"]
    lines += [
        f"  {name:<24} {value:g}" if isinstance(value, float) else f"  {name:<24} {value}"
        for name, value in stated
        if value
    ]
    lines += wrap("  source                   ", model.source)
    return _text(lines)


def work_page(work: PhaseWork) -> str:
    """What a phase asks of a machine, one resource a line."""
    asked = work.demand
    sizes = ", ".join(f"{name} {format_figure(value)}" for name, value in work.sizes.items())
    flops = " + ".join(f"{format_flops(float(count))} in {name}" for name, count in asked.flops.items())
    rows = [
        ("compute", flops or "none"),
        ("memory traffic", format_bytes(float(asked.bytes_))),
        ("intensity", f"{format_figure(work.intensity)} FLOP/byte"),
        ("weights", f"{format_bytes(float(asked.weights))} in {work.precision}"),
        ("KV cache", f"{format_bytes(float(asked.kv))} in {work.kv_precision}" if asked.kv else ""),
        ("activations", format_bytes(float(asked.activations))),
        ("to the next task", format_bytes(work.network_bytes) if work.network_bytes else ""),
        ("all-reduces", f"{float(asked.collectives):g} of {format_bytes(_each(asked))}" if asked.collectives else ""),
        ("repeats", f"{format_figure(float(asked.repeats))} such steps" if float(asked.repeats) != 1 else ""),
    ]
    lines = [f"{work.model} {work.phase}, one step of the whole batch", *wrap("  at ", sizes), ""]
    return _text([*lines, *(f"  {name:<18}{told}" for name, told in rows if told)])


def _each(asked: Demand) -> float:
    return float(asked.collective_bytes) / float(asked.collectives)


def _text(lines: Iterable[str] | Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"
