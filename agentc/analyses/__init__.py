"""From IR to plain data: what an agent is made of, what it asks of machines, and what was decided."""

from agentc.analyses.critical_path import CriticalPath, critical_path
from agentc.analyses.fleet import fleet
from agentc.analyses.kernels import KernelUse, kernel_functions, kernels
from agentc.analyses.kv_footprint import KvFootprint, kv_footprint
from agentc.analyses.names import task_names
from agentc.analyses.task_graph import entry_graph, task_graph

__all__ = [
    "CriticalPath",
    "KernelUse",
    "KvFootprint",
    "critical_path",
    "entry_graph",
    "fleet",
    "kernel_functions",
    "kernels",
    "kv_footprint",
    "task_graph",
    "task_names",
]
