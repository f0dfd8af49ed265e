"""Limits and load that are given beside the definition: ``ttft_ms=250``, ``tbt_ms.p95=20``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast, get_args

from xdsl.dialects.builtin import ArrayAttr

from agentc.dialects.agent import GraphOp
from agentc.dialects.agent_values import LimitAttr, LoadAttr
from agentc.plan.graph import Limit, Load, Metric
from agentc.plan.placement import Objective
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean
from agentc.support.record import record

METRICS: dict[str, Metric] = {"ttft_ms": "ttft", "tbt_ms": "tbt", "end_to_end_ms": "end_to_end"}
SOFT = "usd_per_ms"
PERCENTILES = ("mean", "p50", "p90", "p95", "p99")


@record
class _Price:
    """What makes the limits of a metric soft."""

    metric: Metric
    usd_per_ms: float


def limits(stated: Sequence[str] | Mapping[str, float]) -> "list[Limit | _Price]":
    """The limits that ``stated`` says; without a percentile they hold at the 95th. And the prices of soft ones.

    Raises:
        Refused: ``bad-override`` for each that cannot be read.
    """
    if isinstance(stated, Mapping):
        rows: list[tuple[str, str]] = [(key, str(value)) for key, value in stated.items()]
    else:
        rows = [(key, value) for key, _, value in (text.partition("=") for text in stated)]
    read = [_limit(key.strip(), value.strip()) for key, value in rows]
    problems = [row for row in read if isinstance(row, Diagnostic)]
    if problems:
        raise Refused(*problems)
    return [row for row in read if not isinstance(row, Diagnostic)]


def _limit(key: str, value: str) -> "Limit | _Price | Diagnostic":
    name, _, percentile = key.partition(".")
    if percentile == SOFT and name in METRICS:
        price = _number(value)
        help_ = f"write {name}.{SOFT}=0.00001"
        wrong = Diagnostic("bad-override", f"`{key}` is `{value}`, not a positive number of dollars", help=help_)
        return wrong if price is None else _Price(METRICS[name], price)
    if name not in METRICS:
        return Diagnostic("bad-override", f"there is no limit `{name}`", help=did_you_mean(name, METRICS))
    if percentile and percentile not in PERCENTILES:
        help_ = did_you_mean(percentile, PERCENTILES)
        return Diagnostic("bad-override", f"`{key}` names no percentile", help=help_)
    milliseconds = _number(value)
    if milliseconds is None:
        message = f"`{key}` is `{value}`, not a positive number of milliseconds"
        return Diagnostic("bad-override", message, help=f"write {name}=250")
    return Limit(METRICS[name], milliseconds / 1000, percentile or "p95")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None


def objectives(stated: str) -> tuple[Objective, ...]:
    """``cost,latency``: what is minimized, and what decides among plans that are as good.

    Raises:
        Refused: ``bad-override`` for a name that is none, one that comes twice, and energy beside carbon.
    """
    names = [name.strip() for name in stated.split(",")]
    known = get_args(Objective)
    for name in names:
        if name not in known:
            raise Refused(Diagnostic("bad-override", f"there is no objective `{name}`", help=did_you_mean(name, known)))
    if len(set(names)) < len(names):
        raise Refused(Diagnostic("bad-override", f"an objective comes twice in `{stated}`"))
    if {"energy", "carbon"} <= set(names):
        message = f"`{stated}` weighs energy and carbon against each other"
        raise Refused(Diagnostic("bad-override", message, help="take one of them: carbon is energy by its site's mix"))
    return tuple(cast(Objective, name) for name in names)


def override(graph: GraphOp, stated: Sequence[str] | Mapping[str, float], load: float | None) -> None:
    """Put ``stated`` limits and ``load`` (requests per second) in the place of the graph's own.

    A limit takes the place of all that the definition says of its metric.

    Raises:
        Refused: ``bad-override``.
    """
    if given := limits(stated):
        new = [each for each in given if isinstance(each, Limit)]
        metrics = {each.metric for each in new}
        prices = [each for each in given if isinstance(each, _Price)]
        kept = [attr.data for attr in graph.limits or () if attr.data.metric not in metrics]
        graph.limits = ArrayAttr([LimitAttr(each) for each in _priced([*kept, *new], prices)])
    if load is not None:
        if _number(str(load)) is None:
            raise Refused(Diagnostic("bad-override", f"the load is `{load}`, not a positive number of requests/s"))
        graph.load = LoadAttr(Load(float(load)))


def _priced(limits: Sequence[Limit], stated: Sequence[_Price]) -> list[Limit]:
    """The limits, those of metrics with a price soft.

    Raises:
        Refused: ``bad-override`` for a price of what is not limited.
    """
    prices: dict[str, float] = {each.metric: each.usd_per_ms for each in stated}
    limited = {limit.metric for limit in limits}
    for metric in prices:
        if metric not in limited:
            message, help_ = f"`{metric}_ms.{SOFT}` prices what has no limit", f"set one too: {metric}_ms=250"
            raise Refused(Diagnostic("bad-override", message, help=help_))
    return [replace(each, usd_per_ms=prices.get(each.metric, each.usd_per_ms)) for each in limits]
