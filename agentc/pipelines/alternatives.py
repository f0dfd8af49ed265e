"""Alternatives of one node: a small model near by, a large one in the cloud. The plan chooses.

A call's model decides what is split, which caches travel and what shares a pool, so each choice is a program of its
own: every combination is compiled and placed, and the best plan stays. Where a combination has no plan, the others are
looked at; where none has, the models that the definition names stay, and their refusal is told.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FloatAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.ir import Operation

from agentc.dialects.llm import ANY_OF, CallOp
from agentc.dialects.place import PlanOp
from agentc.pipelines.runner import Compilation, run
from agentc.plan.placement import PlanSummary
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

CHOICES = "agent.choices"
"""Attribute of the module: what was chosen instead of what, in sentences."""

MOST = 64
"""Combinations that are placed."""


@record
class _Plan:
    """The plan of one combination; infinite where there is none."""

    models: tuple[str, ...]
    value: float = math.inf
    quality: float = 0.0


def settle(compilation: Compilation) -> None:
    """Give each call with alternatives the model that makes the best plan; no call has alternatives afterwards.

    Among plans that are as good the one of the highest quality counts.

    Raises:
        Refused: ``bad-any-of`` for more combinations than can be placed.
    """
    calls = list(_calls(compilation.module))
    offered = [_offered(call) for call in calls]
    count = math.prod(len(row) for row in offered)
    if count > MOST:
        message = f"the alternatives of {len(calls)} nodes make {count} plans, and {MOST} are tried at most"
        raise Refused(Diagnostic("bad-any-of", message, help="fix the model of some nodes"))
    plans = [_placed(compilation, models, offered) for models in product(*offered)] if count > 1 else []
    best = min(plans, key=lambda plan: (plan.value, -plan.quality), default=None)
    if best is not None and math.isfinite(best.value):
        _give(calls, best.models)
        told = [_told(call, row, best, plans, at) for at, (call, row) in enumerate(zip(calls, offered, strict=True))]
        compilation.module.attributes[CHOICES] = ArrayAttr([StringAttr(line) for line in told])
    else:
        _give(calls, [_kept(call, row) for call, row in zip(calls, offered, strict=True)])


def _calls(module: ModuleOp) -> Iterator[CallOp]:
    return (op for op in module.walk() if isinstance(op, CallOp) and ANY_OF in op.attributes)


def _offered(call: Operation) -> dict[str, float]:
    """Model -> quality, in the order of the definition."""
    stated = call.attributes[ANY_OF]
    assert isinstance(stated, DictionaryAttr)
    return {name: each.value.data for name, each in stated.data.items() if isinstance(each, FloatAttr)}


def _kept(call: CallOp, offered: Mapping[str, float]) -> str:
    """The model that the call names, if it is good enough to be offered."""
    named = call.model.string_value()
    return named if named in offered else next(iter(offered))


def _give(calls: Sequence[CallOp], models: Sequence[str]) -> None:
    for call, model in zip(calls, models, strict=True):
        call.properties["model"] = SymbolRefAttr(model)
        del call.attributes[ANY_OF]


def _placed(compilation: Compilation, models: tuple[str, ...], offered: Sequence[Mapping[str, float]]) -> _Plan:
    module = compilation.module.clone()
    _give(list(_calls(module)), models)
    trial = Compilation(module, replace(compilation.settings, choose=False), code=compilation.code)
    try:
        for _ in run(trial, "placed", keep=lambda phase: False):
            pass
    except Refused as refused:
        if any(each.slug != "infeasible-placement" for each in refused.diagnostics):
            raise
        return _Plan(models)
    summary = next(op.summary.data for op in module.ops if isinstance(op, PlanOp))
    return _Plan(models, _value(summary), sum(row[name] for row, name in zip(offered, models, strict=True)))


def _value(summary: PlanSummary) -> float:
    """What is minimized; to nine digits, so that plans that differ by rounding are as good."""
    figures = {
        "cost": summary.usd_per_hour + summary.penalty_usd_per_hour,
        "latency": summary.end_to_end_seconds or 0.0,
        "energy": summary.wh_per_request or 0.0,
        "carbon": summary.grams_per_request or 0.0,
    }
    return float(f"{figures[summary.objective]:.9g}")


def _told(call: CallOp, offered: Mapping[str, float], best: _Plan, plans: Sequence[_Plan], at: int) -> str:
    """``think: small (quality 0.8); with large (0.9) the best plan takes 2.1 times as much``."""
    node, model = call.attributes.get("agent.node"), best.models[at]
    name = node.data if isinstance(node, StringAttr) else call.name
    others: list[str] = []
    for other in offered:
        if other != model:
            rival = min((plan.value for plan in plans if plan.models[at] == other), default=math.inf)
            quality = f"{other} (quality {offered[other]:g})"
            others.append(f"with {quality} {_against(rival, best.value)}")
    return "; ".join((f"{name}: {model} (quality {offered[model]:g})", *others))


def _against(rival: float, best: float) -> str:
    if math.isinf(rival):
        return "no plan keeps all demands"
    if best <= 0 or rival <= best:
        return "the best plan is as good"
    return f"the best plan takes {rival / best:.3g} times as much"
