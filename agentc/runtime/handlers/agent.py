"""Control flow and projections: the `agent` dialect."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from xdsl.ir import Attribute

from agentc.dialects.agent import BranchOp, CallOp, GetOp, GraphOp, LoopOp, MapOp
from agentc.dialects.agent_values import DocumentsType, TextType
from agentc.runtime.effects import Order
from agentc.runtime.executor import Call, Handler, refusal, together
from agentc.runtime.values import Mistyped, as_flag, as_text, convert, shown
from agentc.support.diagnostics import did_you_mean


async def get(call: Call) -> Sequence[Any]:
    """A field; nothing of nothing."""
    op, record = cast(GetOp, call.op), call.args[0]
    if record is None:
        return [None]
    if isinstance(record, str):
        record = _parsed(record)
    if not isinstance(record, Mapping):
        raise Mistyped(f"`{op.field.data}` is asked of {shown(record)}, which has no fields")
    fields = cast(Mapping[str, Any], record)
    if op.field.data not in fields:
        raise refusal(call, "no-field", f"there is no field `{op.field.data}`", did_you_mean(op.field.data, fields))
    return [fields[op.field.data]]


async def none(call: Call) -> Sequence[Any]:
    """No value."""
    return [None]


async def sub_agent(call: Call) -> Sequence[Any]:
    """A sub-agent's graph."""
    callee = call.resources.symbols[cast(CallOp, call.op).callee.string_value()]
    return await call.graph(cast(GraphOp, callee), call.args)


async def branch(call: Call) -> Sequence[Any]:
    """The case that the selector names, or `*`."""
    op = cast(BranchOp, call.op)
    labels = [label.data for label in op.labels]
    chosen = _label(call.args[0])
    if chosen not in labels and "*" not in labels:
        help = f"it has cases {', '.join(f'`{label}`' for label in labels)}; `*` takes all others"
        raise refusal(call, "no-case", f"the branch has no case for {shown(call.args[0])}", help)
    place = labels.index(chosen if chosen in labels else "*")
    call.step.note = f"case {labels[place]}"
    return await call.body(op.cases[place].block, [], Order())


async def loop(call: Call) -> Sequence[Any]:
    """Trips until the flag falls or there were `max`; the values of the last one."""
    op = cast(LoopOp, call.op)
    carried: Sequence[Any] = call.args
    order = Order()
    most = op.max.value.data
    for trip in range(most):
        flag, *carried = await call.body(op.body.block, carried, order, trip)
        if flag is None or not as_flag(flag):
            call.step.note = f"{trip + 1} of {most} trips"
            return carried
    call.step.note = f"stopped after {most} trips"
    return carried


async def fan_out(call: Call) -> Sequence[Any]:
    """The body for each item, some at a time; answers in the order of the items."""
    op = cast(MapOp, call.op)
    items = _items(call.args[0])
    kind = op.body.block.args[0].type
    limit = asyncio.Semaphore(op.concurrency.value.data)
    order = Order()

    async def one(place: int, item: Any) -> Any:
        async with limit:  # first come, first served: items take their place in the order of effects one by one
            return (await call.body(op.body.block, [_item(item, kind)], order, place))[0]

    tasks = [asyncio.create_task(one(place, item)) for place, item in enumerate(items)]
    await together(tasks)
    call.step.note = f"{len(items)} items"
    return [[task.result() for task in tasks]]


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return as_text(value).strip()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _items(value: Any) -> list[Any]:
    """A list; the list that a JSON text holds; no items where there is no value."""
    if value is None:
        return []
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, list | tuple):
        raise Mistyped(f"expected a list to map over, found {shown(value)}")
    return list(cast(Sequence[Any], value))


def _item(item: Any, kind: Attribute) -> Any:
    """An item as the body takes it: of a document, its text or itself as the only one."""
    is_document = isinstance(item, Mapping) and "text" in item
    if is_document and isinstance(kind, TextType):
        return cast(Any, item)["text"]
    return convert(cast(Any, [item] if is_document and isinstance(kind, DocumentsType) else item), kind)


HANDLERS: Final[Mapping[str, Handler]] = {
    "agent.get": get,
    "agent.none": none,
    "agent.call": sub_agent,
    "agent.branch": branch,
    "agent.loop": loop,
    "agent.map": fan_out,
}
