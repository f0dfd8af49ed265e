"""Values on their way between places: on one machine they stay where they are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentc.runtime.executor import Call, Handler


async def transfer(call: Call) -> Sequence[Any]:
    """The value as it is; its size is recorded with the result."""
    return call.args


HANDLERS: Final[Mapping[str, Handler]] = {"place.transfer": transfer}
