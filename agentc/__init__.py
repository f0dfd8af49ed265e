"""agentc compiles AI agents for mixed hardware: YAML in, the cheapest placement that keeps the SLA and its code out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentc.frontends.builder import Agent as Agent
    from agentc.frontends.importers.langgraph.live import from_langgraph as from_langgraph
    from agentc.frontends.kernels.annotations import f32 as f32
    from agentc.frontends.kernels.annotations import f64 as f64
    from agentc.frontends.kernels.annotations import i8 as i8
    from agentc.frontends.kernels.annotations import i32 as i32
    from agentc.frontends.kernels.annotations import i64 as i64
    from agentc.frontends.kernels.annotations import kernel as kernel

__version__ = "0.1.0"

_LAZY = {
    "Agent": "agentc.frontends.builder",
    "from_langgraph": "agentc.frontends.importers.langgraph.live",
    **dict.fromkeys(("kernel", "f32", "f64", "i8", "i32", "i64"), "agentc.frontends.kernels.annotations"),
}
"""Name -> module that defines it; imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module `agentc` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
