"""What work takes on a device, in seconds, bytes and dollars: from task graphs and fleets to placement problems."""

from agentc.cost.arithmetic import compute_precision, stored_precision
from agentc.cost.efficiency import Efficiency, efficiency
from agentc.cost.environment import environment
from agentc.cost.network import link_between, streamed_seconds, transfer_seconds
from agentc.cost.options import options
from agentc.cost.problem import problem
from agentc.cost.roofline import Estimate, allreduce_seconds, estimate
from agentc.cost.table import OptionTable, Rejected

__all__ = [
    "Efficiency",
    "Estimate",
    "OptionTable",
    "Rejected",
    "allreduce_seconds",
    "compute_precision",
    "efficiency",
    "environment",
    "estimate",
    "link_between",
    "options",
    "problem",
    "stored_precision",
    "streamed_seconds",
    "transfer_seconds",
]
