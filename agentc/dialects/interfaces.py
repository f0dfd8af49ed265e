"""What an op tells the rest of the compiler about itself, so that a new op needs no change elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Operation
from xdsl.traits import OpTrait, SymbolTable

from agentc.plan.fleet import DeviceKind
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work


@dataclass(frozen=True)
class HasWork(OpTrait):
    """The op knows what it asks of a machine."""

    work: Callable[[Operation], Work]
    """Demand of one step as formulas; see ``plan.Work``."""
    shape: Callable[[Operation], Mapping[str, Quantity]]
    """The figures that the formulas' symbols take for this op."""


@dataclass(frozen=True)
class Placeable(OpTrait):
    """The op is put on a device; others (gates of control flow, projections) cost nothing and go along."""

    kinds: tuple[DeviceKind, ...]
    """Kinds of device that can run it."""


@dataclass(frozen=True)
class Fusible(OpTrait):
    """Adjacent ops that carry this trait may run as one."""


def work_of(op: Operation) -> Work | None:
    """The op's demand, or ``None`` for an op that asks nothing of a machine."""
    trait = op.get_trait(HasWork)
    return trait.work(op) if trait is not None else None


def shape_of(op: Operation) -> Mapping[str, Quantity]:
    """The figures that the symbols of ``work_of(op)`` take."""
    trait = op.get_trait(HasWork)
    return trait.shape(op) if trait is not None else {}


def symbol_of(op: Operation, property_: str) -> Operation | None:
    """The symbol op of the module that a property of ``op`` names, or ``None`` where there is none of that name."""
    ref = op.properties[property_]
    root = op
    while (parent := root.parent_op()) is not None:
        root = parent
    if not isinstance(ref, SymbolRefAttr) or not root.has_trait(SymbolTable):
        return None
    return SymbolTable.lookup_symbol(root, ref)
