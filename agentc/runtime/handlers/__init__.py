"""What runs each op: one file a dialect, each with a table ``HANDLERS`` of op name -> coroutine function."""

from collections.abc import Mapping
from typing import Final

from agentc.runtime.executor import Handler
from agentc.support.registry import load

TABLES: Final = tuple(
    f"agentc.runtime.handlers.{dialect}:HANDLERS"
    for dialect in ("agent", "llm", "kv", "steps", "model", "tool", "memory", "compute", "place")
)
"""`steps` runs the parts of a split model step: `gate`, `expert` and `comm`."""


def handlers() -> Mapping[str, Handler]:
    """Every op's handler."""
    return {name: handler for table in TABLES for name, handler in load(table).items()}
