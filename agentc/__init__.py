"""agentc compiles AI agents for mixed hardware: YAML in, the cheapest placement that keeps the SLA and its code out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentc.frontends.builder import Agent as Agent
    from agentc.frontends.importers.langgraph.live import from_langgraph as from_langgraph
    from agentc.frontends.kernels.annotations import automaton as automaton
    from agentc.frontends.kernels.annotations import bf16 as bf16
    from agentc.frontends.kernels.annotations import f16 as f16
    from agentc.frontends.kernels.annotations import f32 as f32
    from agentc.frontends.kernels.annotations import f64 as f64
    from agentc.frontends.kernels.annotations import i1 as i1
    from agentc.frontends.kernels.annotations import i8 as i8
    from agentc.frontends.kernels.annotations import i32 as i32
    from agentc.frontends.kernels.annotations import i64 as i64
    from agentc.frontends.kernels.annotations import kernel as kernel
    from agentc.frontends.kernels.annotations import power_spectrum as power_spectrum
    from agentc.frontends.kernels.annotations import scatter_add as scatter_add
    from agentc.frontends.kernels.annotations import scatter_max as scatter_max
    from agentc.frontends.kernels.annotations import scatter_min as scatter_min
    from agentc.frontends.kernels.annotations import scatter_set as scatter_set
    from agentc.frontends.kernels.annotations import top_k as top_k
    from agentc.frontends.kernels.annotations import u8 as u8
    from agentc.frontends.kernels.annotations import u32 as u32
    from agentc.frontends.kernels.annotations import u64 as u64

__version__ = "0.1.0"

_LAZY = {
    "Agent": "agentc.frontends.builder",
    "from_langgraph": "agentc.frontends.importers.langgraph.live",
    **dict.fromkeys(
        (
            *("kernel", "f16", "bf16", "f32", "f64", "i1", "i8", "i32", "i64", "u8", "u32", "u64", "top_k"),
            *("scatter_set", "scatter_add", "scatter_max", "scatter_min", "power_spectrum", "automaton"),
        ),
        "agentc.frontends.kernels.annotations",
    ),
}
"""Name -> module that defines it; imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module `agentc` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
