"""agentc compiles AI agents for mixed hardware: YAML in, the cheapest placement that keeps the SLA and its code out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentc.frontends.builder import Agent as Agent
    from agentc.frontends.kernels.annotations import kernel as kernel

__version__ = "0.1.0"

_LAZY = {"Agent": "agentc.frontends.builder", "kernel": "agentc.frontends.kernels.annotations"}
"""Name -> module that defines it; imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module `agentc` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
