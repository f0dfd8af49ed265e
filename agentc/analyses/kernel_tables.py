"""Constant arrays of a lowered kernel: globals of the module, read and made."""

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
    UnitAttr,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.traits import SymbolTable

from agentc.analyses.kernel_dims import element_of, name_of
from agentc.analyses.kernel_values import DTYPES, Array


def known_table(memory: SSAValue) -> Array | None:
    """The elements of ``memory``, where it is a constant of the module and NumPy has its type."""
    owner = memory.owner
    if not isinstance(owner, memref.GetGlobalOp):
        return None
    found = SymbolTable.lookup_symbol(owner, owner.name_)
    kind = DTYPES.get(name_of(element_of(memory.type)))
    if kind is None or not isinstance(found, memref.GlobalOp) or not isinstance(found.constant, UnitAttr):
        return None
    value = found.initial_value
    if not isinstance(value, DenseIntOrFPElementsAttr):
        return None
    if value.is_splat():
        return np.full(value.get_shape(), np.frombuffer(value.data.data, kind)[0])
    return np.frombuffer(value.data.data, kind).reshape(value.get_shape())


def insert_table(build: Builder, function: func.FuncOp, name: str, element: Attribute, values: Array) -> SSAValue:
    """``values`` as a constant of the module of ``function``, by address; where ``name`` is taken, with a number."""
    module = function.parent_op()
    assert isinstance(module, ModuleOp)
    stem, taken = name, 0
    while SymbolTable.lookup_symbol(module, name) is not None:
        taken += 1
        name = f"{stem}{taken}"
    type_ = MemRefType(element, values.shape)
    data = DenseIntOrFPElementsAttr(TensorType(element, values.shape), BytesAttr(values.tobytes()))  # pyright: ignore[reportArgumentType]
    table = memref.GlobalOp.get(StringAttr(name), type_, data, constant=UnitAttr(), alignment=64)
    module.body.block.insert_op_before(table, function)
    return build.insert(memref.GetGlobalOp(name, type_)).memref


def erase_unread_table(memory: SSAValue) -> None:
    """Erase the op that finds a constant, if nobody reads it, and the constant, if nobody else does."""
    owner = memory.owner
    if memory.uses or not isinstance(owner, memref.GetGlobalOp):
        return
    found = SymbolTable.lookup_symbol(owner, owner.name_)
    module = found.parent_op() if found else None
    owner.detach()
    owner.erase()
    if found is None or module is None:
        return
    if not any(isinstance(op, memref.GetGlobalOp) and op.name_ == owner.name_ for op in module.walk()):
        found.detach()
        found.erase()
