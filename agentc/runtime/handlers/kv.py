"""KV caches on their way: the `kv` dialect. On one machine a transfer hands on what is there."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from agentc.dialects.kv import LoadOp, StoreOp
from agentc.runtime.engines.base import Cache
from agentc.runtime.executor import Call, Handler, refusal


async def transfer(call: Call) -> Sequence[Any]:
    """The cache as it is; its size is recorded."""
    call.step.bytes_ = cast(Cache, call.args[0]).nbytes
    return call.args


async def store(call: Call) -> Sequence[Any]:
    """Keep a cache beyond its request."""
    call.resources.caches.store(cast(StoreOp, call.op).key.data, call.args[0])
    return []


async def load(call: Call) -> Sequence[Any]:
    """A cache that was kept."""
    key = cast(LoadOp, call.op).key.data
    cache = call.resources.caches.load(key)
    if cache is None:
        raise refusal(call, "no-cache", f"no cache is kept under `{key}`", "store one first with `kv.store`")
    return [cache]


HANDLERS: Final[Mapping[str, Handler]] = {"kv.transfer": transfer, "kv.store": store, "kv.load": load}
