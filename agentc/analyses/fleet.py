"""``fleet``: the fleet that a module is compiled for, as plain data."""

from xdsl.dialects.builtin import ModuleOp

from agentc.dialects.place import FleetOp
from agentc.plan.fleet import Fleet


def fleet(module: ModuleOp) -> Fleet | None:
    """The module's fleet, or ``None`` before `attach-fleet`."""
    return next((op.fleet() for op in module.ops if isinstance(op, FleetOp)), None)
