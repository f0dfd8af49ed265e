"""Models behind somebody else's interface: no pool, a price per token, times as stated, and limits of rate."""

from collections.abc import Iterable, Mapping

from agentc.cost.environment import environment
from agentc.cost.network import HOSTED
from agentc.cost.offers import Found
from agentc.cost.units import Unit
from agentc.plan.graph import Hosted, Task
from agentc.plan.placement import Option

Limits = Mapping[str, str]
"""Hosted model -> which of its limits the load breaks, in a sentence."""


def hosted(unit: Unit, limits: Limits) -> Found:
    """The one option of a hosted call, or the limit of its interface that the load is over."""
    model = unit.model.name if unit.model else ""
    if unit.rule.sites or unit.rule.zones:
        return Found((), (), ((HOSTED, "where an API keeps its data is not known"),), {}, len(unit.tasks))
    if model in limits:
        return Found((), (), ((HOSTED, limits[model]),), {}, len(unit.tasks))
    rows = tuple(_option(task) for task in unit.tasks)
    return Found((), (rows,), (), {}, len(unit.tasks))


def over_limits(units: Iterable[Unit], requests_per_second: float) -> Limits:
    """The hosted models that all calls of an agent together ask more of than their interface allows."""
    calls: dict[str, float] = {}
    tokens: dict[str, float] = {}
    stated: dict[str, Hosted] = {}
    for unit in units:
        for task in unit.tasks:
            if unit.role == "hosted" and task.hosted is not None and task.model is not None:
                name, env = task.model.name, environment(task.shape, "mean", task.model)
                stated[name] = task.hosted
                calls[name] = calls.get(name, 0.0) + task.visits
                each = task.visits * (env["input_tokens"] + env["output_tokens"])
                tokens[name] = tokens.get(name, 0.0) + each
    a_minute = 60 * requests_per_second
    told = {
        name: _broken(name, calls[name] * a_minute, tokens[name] * a_minute, limit) for name, limit in stated.items()
    }
    return {name: sentence for name, sentence in told.items() if sentence}


def _broken(name: str, calls: float, tokens: float, limit: Hosted) -> str:
    rows = (("calls", calls, limit.requests_per_minute), ("tokens", tokens, limit.tokens_per_minute))
    for what, asked, allowed in rows:
        if allowed and asked > allowed * (1 + 1e-9):
            return f"the load asks {asked:,.0f} {what} a minute of `{name}`, whose interface allows {allowed:,.0f}"
    return ""


def _option(task: Task) -> Option:
    """Time and price of one visit; a call that was split has its first token in its prefill, the rest in its decode."""
    env = environment(task.shape, "mean", task.model)
    api = task.hosted or Hosted()
    step = 1 / api.tokens_per_second if api.tokens_per_second else 0.0
    before, after = api.ttft_seconds, step * env["output_tokens"]
    paid_in, paid_out = api.usd_per_input_token * env["input_tokens"], api.usd_per_output_token * env["output_tokens"]
    seconds, usd, metrics = before + after, paid_in + paid_out, {"ttft": before, "tbt": step}
    if task.op.endswith("decode"):
        seconds, usd, metrics = after, paid_out, {"ttft": 0.0, "tbt": step}
    elif task.op.endswith("prefill"):
        seconds, usd, metrics = before, paid_in, {"ttft": before}
    return Option(
        HOSTED, None, HOSTED, HOSTED, "hosted", seconds=seconds, usd=usd, metrics=metrics, bottleneck="static"
    )
