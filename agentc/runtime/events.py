"""What a run tells while it goes: steps that begin and end, words as they come, answers when they are there."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from agentc.support.record import record

EventKind: TypeAlias = Literal["start", "token", "end", "outputs", "warning"]


@record(slots=True)
class Event:
    """One thing that happened."""

    kind: EventKind
    node: str = ""
    """Dotted path of the node; empty for the run as a whole."""
    op: str = ""
    data: Any = None
    """`token`: its text. `outputs`: the answers by name. `warning`: the message."""


Listener: TypeAlias = Callable[[Event], None]
