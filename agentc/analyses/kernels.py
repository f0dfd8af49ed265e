"""``kernels``: the tensor kernels of a module and where each runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from agentc.dialects.agent import GraphOp
from agentc.dialects.compute import FusedOp, KernelOp
from agentc.dialects.place import assignment
from agentc.support.record import record

if TYPE_CHECKING:
    from xdsl.dialects.func import FuncOp

FUNCTION = "func.func"
"""A function's name: an agent without kernels has none, and its dialect is not imported to see that."""


@record(slots=True)
class KernelUse:
    """One kernel: its symbol, and the device classes that run it (none before placement), sorted."""

    name: str
    devices: tuple[str, ...]


def kernels(module: ModuleOp) -> tuple[KernelUse, ...]:
    """The kernels that ops of the module's graphs call, in the order of the first call."""
    used: dict[str, set[str]] = {}
    for op in calls(module):
        used.setdefault(op.kernel.root_reference.data, set()).update(_devices(op))
    return tuple(KernelUse(name, tuple(sorted(devices))) for name, devices in used.items())


def calls(module: ModuleOp) -> Iterator[KernelOp]:
    """The calls of kernels in the module's graphs."""
    graphs = (graph for graph in module.ops if isinstance(graph, GraphOp))
    return (op for graph in graphs for op in graph.body.walk() if isinstance(op, KernelOp))


def kernel_functions(module: ModuleOp) -> "dict[str, FuncOp]":
    """The functions of the module by name."""
    functions = (cast("FuncOp", op) for op in module.ops if op.name == FUNCTION)
    return {function.sym_name.data: function for function in functions}


def _devices(op: KernelOp) -> set[str]:
    at: Operation | None = op.parent_op() if isinstance(op.parent_op(), FusedOp) else op
    placed = assignment(at) if at is not None else None
    return {placed.device} if placed is not None else set()
