"""Memories: the `memory` dialect."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from xdsl.dialects.builtin import SymbolRefAttr

from agentc.dialects.memory import LookupOp
from agentc.runtime.executor import Call, Handler


async def load(call: Call) -> Sequence[Any]:
    """What is under a key, or what the conversation stored."""
    memories, session = call.resources.memories, call.resources.session
    return [await call.blocking(lambda: memories.load(_name(call), call.args, session))]


async def store(call: Call) -> Sequence[Any]:
    """Keep a value."""
    memories, session = call.resources.memories, call.resources.session
    await call.blocking(lambda: memories.store(_name(call), call.args, session))
    return []


async def lookup(call: Call) -> Sequence[Any]:
    """The nearest documents; none for no query."""
    if call.args[0] is None:
        return [[]]
    k = cast(LookupOp, call.op).k.value.data
    return [await call.blocking(lambda: call.resources.memories.search(_name(call), call.args[0], k))]


async def observe(call: Call) -> Sequence[Any]:
    """Append an episode."""
    memories, session = call.resources.memories, call.resources.session
    await call.blocking(lambda: memories.observe(_name(call), call.args, session))
    return []


def _name(call: Call) -> str:
    return cast(SymbolRefAttr, call.op.properties["memory"]).string_value()


HANDLERS: Final[Mapping[str, Handler]] = {
    "memory.load": load,
    "memory.store": store,
    "memory.lookup": lookup,
    "memory.observe": observe,
}
