"""Limits and load that are given beside the definition: ``ttft_ms=250``, ``tbt_ms.p95=20``."""

from collections.abc import Mapping, Sequence
from typing import cast, get_args

from xdsl.dialects.builtin import ArrayAttr

from agentc.dialects.agent import GraphOp
from agentc.dialects.agent_values import LimitAttr, LoadAttr
from agentc.plan.graph import Limit, Load, Metric
from agentc.plan.placement import Objective
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean

METRICS: dict[str, Metric] = {"ttft_ms": "ttft", "tbt_ms": "tbt", "end_to_end_ms": "end_to_end"}
PERCENTILES = ("mean", "p50", "p90", "p95", "p99")


def limits(stated: Sequence[str] | Mapping[str, float]) -> list[Limit]:
    """The limits that ``stated`` says; without a percentile they hold at the 95th.

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
    return [row for row in read if isinstance(row, Limit)]


def _limit(key: str, value: str) -> Limit | Diagnostic:
    name, _, percentile = key.partition(".")
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
        metrics = {limit.metric for limit in given}
        own = list(graph.limits) if graph.limits is not None else []
        kept = [attr for attr in own if attr.data.metric not in metrics]
        graph.limits = ArrayAttr([*kept, *(LimitAttr(limit) for limit in given)])
    if load is not None:
        if _number(str(load)) is None:
            raise Refused(Diagnostic("bad-override", f"the load is `{load}`, not a positive number of requests/s"))
        graph.load = LoadAttr(Load(float(load)))
