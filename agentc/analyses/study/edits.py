"""``KEY=VALUE`` -> a question with that change: prices, stocks, limits, load, and where a task may go.

    h100.price=1.2      dollars per hour of one device        h100.count=8       or `unlimited`
    sla.tbt_ms=30       or `none`; `sla.tbt_ms.p99=30`        load=50            requests per second
    sla.tbt_ms.usd_per_ms=0.0001   makes the limit soft: what a missed millisecond costs per request
    think.decide.pin=h100    only there                       think.forbid=l40s  not there; a node means all its tasks
    objective=latency

Figures may be relative to what is there: `+10%`, `-10%`, `x2`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias, cast, get_args

from agentc.analyses.study.answer import Question
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.graph import Limit, Metric, PlacementRule
from agentc.plan.placement import Objective
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean
from agentc.support.record import record

METRICS: dict[str, Metric] = {"ttft_ms": "ttft", "tbt_ms": "tbt", "end_to_end_ms": "end_to_end"}
PERCENTILES = ("p50", "p90", "p95", "p99")
NONE = "none"
UNLIMITED = "unlimited"

_RELATIVE = re.compile(r"(?P<sign>[+-])(?P<percent>\d+(\.\d*)?)%\Z|x(?P<factor>\d+(\.\d*)?)\Z")


@record
class Change:
    """One thing that is different, as text: ``h100-sxm.price``, ``2.2``, ``1.2``."""

    key: str
    before: str
    after: str


Edited: TypeAlias = tuple[Question, Change]


def edit(question: Question, stated: Sequence[str]) -> tuple[Question, tuple[Change, ...]]:
    """``question`` with all changes, in order.

    Raises:
        Refused: ``bad-what-if`` for each that cannot be read.
    """
    changes: list[Change] = []
    problems: list[Diagnostic] = []
    for text in stated:
        try:
            question, change = _edit(question, text)
            changes.append(change)
        except Refused as refused:
            problems += refused.diagnostics
    if problems:
        raise Refused(*problems)
    return question, tuple(changes)


def _edit(question: Question, text: str) -> Edited:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not key or not value:
        raise _refused(f"`{text}` is no change", "write KEY=VALUE, such as h100.price=1.2")
    if key in ("load", "load.requests_per_second"):
        return with_load(question, _figure(key, value, question.graph.load.requests_per_second))
    if key == "objective":
        return _objective(question, value)
    if key.startswith("sla."):
        return _limit(question, key.removeprefix("sla."), value)
    subject, _, what = key.rpartition(".")
    if subject and what in _OF_DEVICE:
        return _OF_DEVICE[what](question, subject, value)
    if subject and what in _OF_TASK:
        return _rule(question, subject, what, value)
    known = ["load", "objective", *(f"sla.{metric}" for metric in METRICS)]
    names = (subject, *(stock.device.name for stock in question.fleet.stocks))
    known += [f"{name}.{each}" for name in names for each in (*_OF_DEVICE, *_OF_TASK)]
    hint = did_you_mean(key, known) or "DEVICE.price, DEVICE.count, sla.METRIC, load, objective, NODE.pin, NODE.forbid"
    raise _refused(f"nothing is called `{key}`", hint)


def with_load(question: Question, requests_per_second: float) -> Edited:
    """Another load."""
    load = question.graph.load
    graph = replace(
        question.graph, load=replace(load, requests_per_second=requests_per_second, concurrency=None, assumed=False)
    )
    change = Change("load", f"{load.requests_per_second:g}", f"{requests_per_second:g}")
    return replace(question, graph=graph), change


def with_price(question: Question, device: str, usd_per_hour: float) -> Edited:
    """Another price of the class ``device``."""
    stock = next(stock for stock in question.fleet.stocks if stock.device.name == device)
    fleet = _restocked(question.fleet, device, lambda each: replace(each, usd_per_hour=usd_per_hour))
    return replace(question, fleet=fleet), Change(f"{device}.price", f"{stock.usd_per_hour:g}", f"{usd_per_hour:g}")


def with_count(question: Question, device: str, count: int | None) -> Edited:
    """Another stock of the class ``device``."""
    stock = next(stock for stock in question.fleet.stocks if stock.device.name == device)
    fleet = _restocked(question.fleet, device, lambda each: replace(each, count=count))
    return replace(question, fleet=fleet), Change(f"{device}.count", _count(stock.count), _count(count))


def with_limit(question: Question, limit: Limit, seconds: float) -> Question:
    """``limit``, which is one of the question's, at other ``seconds``."""
    limits = tuple(replace(each, seconds=seconds) if each == limit else each for each in question.graph.limits)
    return replace(question, graph=replace(question.graph, limits=limits))


def device_name(fleet: Fleet, name: str) -> str:
    """The fleet's class that ``name`` means: its own name, or the catalog's name or alias of it.

    Raises:
        Refused: ``bad-what-if`` where the fleet has none, or several.
    """
    from agentc import catalog

    own = [stock.device.name for stock in fleet.stocks]
    if name in own:
        return name
    try:
        name = catalog.device(name).name
    except catalog.UnknownName:
        raise _refused(f"the fleet has no device `{name}`", did_you_mean(name, own)) from None
    found = [stock.device.name for stock in fleet.stocks if name in stock.device.names]
    if len(found) == 1:
        return found[0]
    if found:
        raise _refused(f"the fleet has several entries of `{name}`", f"name one: {', '.join(found)}")
    raise _refused(f"the fleet has no device `{name}`", did_you_mean(name, own))


def _price(question: Question, subject: str, value: str) -> Edited:
    device = device_name(question.fleet, subject)
    stock = next(stock for stock in question.fleet.stocks if stock.device.name == device)
    return with_price(question, device, _figure(f"{device}.price", value, stock.usd_per_hour, zero=True))


def _stock(question: Question, subject: str, value: str) -> Edited:
    device = device_name(question.fleet, subject)
    if value == UNLIMITED:
        return with_count(question, device, None)
    stock = next(stock for stock in question.fleet.stocks if stock.device.name == device)
    count = _figure(f"{device}.count", value, stock.count, zero=True)
    if not count.is_integer() and not _RELATIVE.match(value):
        raise _refused(f"`{device}.count` is `{value}`, not a whole number", f"write a whole number or `{UNLIMITED}`")
    return with_count(question, device, round(count))


_OF_TASK = ("pin", "allow", "forbid")
_OF_DEVICE: dict[str, Callable[[Question, str, str], Edited]] = {"price": _price, "count": _stock}


def _limit(question: Question, key: str, value: str) -> Edited:
    name, _, percentile = key.partition(".")
    if name not in METRICS:
        raise _refused(f"there is no limit `{name}`", did_you_mean(name, METRICS))
    if percentile == "usd_per_ms":
        return _soft(question, METRICS[name], key, value)
    if percentile and percentile not in PERCENTILES:
        raise _refused(f"`sla.{key}` names no percentile", did_you_mean(percentile, PERCENTILES))
    metric, limits = METRICS[name], question.graph.limits
    there = [each for each in limits if each.metric == metric and percentile in ("", each.percentile)]
    rest = tuple(each for each in limits if each not in there)
    before = f"{there[0].seconds * 1e3:g}" if there else NONE
    change = Change(f"sla.{key}", before, value)
    if value == NONE:
        return replace(question, graph=replace(question.graph, limits=rest)), change
    milliseconds = _figure(f"sla.{key}", value, there[0].seconds * 1e3 if there else None)
    model = there[0] if there else Limit(metric, 1.0)
    new = replace(model, seconds=milliseconds / 1e3, percentile=percentile or model.percentile)
    graph = replace(question.graph, limits=(*rest, new))
    return replace(question, graph=graph), replace(change, after=f"{milliseconds:g}")


def _soft(question: Question, metric: Metric, key: str, value: str) -> Edited:
    """Make the limits of a metric soft, each missed millisecond at a price per request; or hard again."""
    there = [each for each in question.graph.limits if each.metric == metric]
    if not there:
        raise _refused(f"`sla.{metric}_ms` is not limited", f"set a limit first: sla.{metric}_ms=100")
    current = there[0].usd_per_ms
    price = None if value == NONE else _figure(f"sla.{key}", value, current)
    limits = tuple(replace(each, usd_per_ms=price) if each in there else each for each in question.graph.limits)
    change = Change(f"sla.{key}", *(NONE if usd is None else f"{usd:g}" for usd in (current, price)))
    return replace(question, graph=replace(question.graph, limits=limits)), change


def _objective(question: Question, value: str) -> Edited:
    if value not in get_args(Objective):
        raise _refused(f"there is no objective `{value}`", did_you_mean(value, get_args(Objective)))
    return replace(question, objective=cast(Objective, value)), Change("objective", question.objective, value)


def _rule(question: Question, subject: str, what: str, value: str) -> Edited:
    """Tasks of a node, or one task, may go only to some devices, or not there."""
    names = [task.name for task in question.graph.tasks]
    meant = {name for name in names if name == subject or name.startswith(f"{subject}.")}
    if not meant:
        raise _refused(f"there is no task `{subject}`", did_you_mean(subject, names))
    devices = tuple(device_name(question.fleet, each.strip()) for each in value.split(","))
    tasks = [
        replace(task, rule=_ruled(task.rule, what, devices)) if task.name in meant else task
        for task in question.graph.tasks
    ]
    before = next(_told(task.rule, what) for task in question.graph.tasks if task.name in meant)
    graph = replace(question.graph, tasks=tuple(tasks))
    return replace(question, graph=graph), Change(f"{subject}.{what}", before, ",".join(devices))


def _ruled(rule: PlacementRule, what: str, devices: tuple[str, ...]) -> PlacementRule:
    if what == "forbid":
        return replace(rule, forbid=(*rule.forbid, *devices))
    return replace(rule, allow=devices, pin=None)


def _told(rule: PlacementRule, what: str) -> str:
    stated = {"pin": (rule.pin,) if rule.pin else rule.allow, "allow": rule.allow, "forbid": rule.forbid}[what]
    return ",".join(stated) or NONE


def _figure(key: str, text: str, current: float | None, *, zero: bool = False) -> float:
    """A number, or one relative to ``current``."""
    relative = _RELATIVE.match(text)
    try:
        figure = _relative(key, relative, current) if relative else float(text)
    except ValueError:
        raise _refused(f"`{key}` is `{text}`, not a number", "write a number, `+10%`, `-10%` or `x2`") from None
    if 0 < figure < 1e15 or (zero and figure == 0):
        return figure
    raise _refused(f"`{key}` is `{text}`, which is no {'' if zero else 'positive '}figure", "write a positive number")


def _relative(key: str, match: re.Match[str], current: float | None) -> float:
    if current is None:
        raise _refused(f"`{key}` has no figure now that `{match[0]}` could be taken of", "write a number")
    if match["factor"]:
        return current * float(match["factor"])
    return current * (1 + float(match["sign"] + match["percent"]) / 100)


def _restocked(fleet: Fleet, device: str, change: Callable[[Stock], Stock]) -> Fleet:
    stocks = tuple(change(stock) if stock.device.name == device else stock for stock in fleet.stocks)
    return replace(fleet, stocks=stocks)


def _count(count: int | None) -> str:
    return UNLIMITED if count is None else str(count)


def _refused(message: str, help_: str | None) -> Refused:
    return Refused(Diagnostic("bad-what-if", message, help=help_))
