"""Sums of work."""

from collections.abc import Iterable
from dataclasses import fields

from agentc.plan.formula import ONE, Formula, total
from agentc.plan.work import Work

_SUMMED = tuple(f.name for f in fields(Work) if f.name not in ("flops", "repeats"))


def add(works: Iterable[Work]) -> Work:
    """One step that does all of ``works`` one after the other.

    Works that repeat differently are first written out: their rows are multiplied by ``repeats`` (resident
    bytes are not: they stay the same over the repeats) and the sum repeats once.
    """
    parts = list(works)
    if len({part.repeats for part in parts}) > 1:
        parts = [unroll(part) for part in parts]
    rows = {name: total(getattr(part, name) for part in parts) for name in _SUMMED}
    repeats = parts[0].repeats if parts else ONE
    return Work(flops=_sum_flops(parts), repeats=repeats, **rows)


def unroll(work: Work) -> Work:
    """The same work as one long step: what flows is multiplied by ``repeats``, what resides is kept."""
    n = work.repeats
    kept = {"weights_bytes", "kv_bytes", "activation_bytes"}
    rows = {name: getattr(work, name) * (ONE if name in kept else n) for name in _SUMMED}
    return Work(flops={p: f * n for p, f in work.flops.items()}, **rows)


def _sum_flops(parts: list[Work]) -> dict[str, Formula]:
    precisions = dict.fromkeys(p for part in parts for p in part.flops)
    return {p: total(part.flops[p] for part in parts if p in part.flops) for p in precisions}
