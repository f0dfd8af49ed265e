"""Tool calls, whole and in their two stages."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from xdsl.dialects.builtin import StringAttr, SymbolRefAttr

from agentc.runtime.attributes import plain_attribute
from agentc.runtime.executor import Call, Handler
from agentc.runtime.tools.toolbox import Handle


async def invoke(call: Call) -> Sequence[Any]:
    """Find, check and run."""
    return [await _run(call, await _find(call))]


async def lookup(call: Call) -> Sequence[Any]:
    """Find the tool and check the arguments."""
    return [await _find(call)]


async def compute(call: Call) -> Sequence[Any]:
    """Run what was looked up."""
    return [await _run(call, cast(Handle, call.args[0]))]


async def _find(call: Call) -> Handle:
    name = cast(SymbolRefAttr, call.op.properties["tool"]).string_value()
    attr = call.op.attributes.get("arguments")
    names: list[str] = [] if attr is None or isinstance(attr, StringAttr) else plain_attribute(attr)
    return await call.blocking(lambda: call.resources.tools.find(name, names, call.args))


async def _run(call: Call, handle: Handle) -> Any:
    return await call.blocking(handle.call, handle.seconds)


HANDLERS: Final[Mapping[str, Handler]] = {"tool.invoke": invoke, "tool.lookup": lookup, "tool.compute": compute}
