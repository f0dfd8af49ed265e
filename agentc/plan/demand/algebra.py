"""Sums of work."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from agentc.plan.formula import ONE, Formula, Operand, total
from agentc.plan.work import Work

RESIDENT = frozenset(("weights_bytes", "kv_bytes", "activation_bytes"))
"""Rows of what stays in memory: they do not grow with the steps."""
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
    return replace(times(work, work.repeats), repeats=ONE)


def times(work: Work, count: Operand) -> Work:
    """``count`` such steps as one, itself repeated as before: what flows is multiplied, what resides is kept."""
    rows = {name: getattr(work, name) * (ONE if name in RESIDENT else count) for name in _SUMMED}
    return Work(flops={p: f * count for p, f in work.flops.items()}, repeats=work.repeats, **rows)


def repeated(work: Work, repeats: Formula) -> Work:
    """``work`` repeated ``repeats`` times."""
    return replace(work, repeats=repeats)


def substitute(work: Work, env: Mapping[str, Operand]) -> Work:
    """``work`` with other formulas or figures in place of symbols."""
    rows = {name: getattr(work, name).substitute(env) for name in (*_SUMMED, "repeats")}
    return Work(flops={p: f.substitute(env) for p, f in work.flops.items()}, **rows)


def _sum_flops(parts: list[Work]) -> dict[str, Formula]:
    precisions = dict.fromkeys(p for part in parts for p in part.flops)
    return {p: total(part.flops[p] for part in parts if p in part.flops) for p in precisions}
