"""Constant arrays of a lowered kernel: globals of the module, read and made."""

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.traits import SymbolTable

from agentc.analyses.kernel_dims import element_of, name_of
from agentc.analyses.kernel_ops import ALIGNMENT, every, made, memory_type, tensor_type
from agentc.analyses.kernel_values import DTYPES, Array
from agentc.analyses.kernel_walks import ops_of

PRIVATE, CONSTANT = StringAttr("private"), UnitAttr()


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
    stem, taken, names = name, 0, _names(module)
    while name in names:
        taken += 1
        name = f"{stem}{taken}"
    shape = tuple(values.shape)
    type_ = memory_type(element, shape)
    data = DenseIntOrFPElementsAttr(tensor_type(element, shape), BytesAttr(values.tobytes()))  # pyright: ignore[reportArgumentType]
    properties: dict[str, Attribute] = {
        "sym_name": StringAttr(name),
        "type": type_,
        "initial_value": data,
        "sym_visibility": PRIVATE,
        "constant": CONSTANT,
        "alignment": ALIGNMENT,
    }
    module.body.block.insert_op_before(made(memref.GlobalOp, (), (), properties), function)
    return build.insert(made(memref.GetGlobalOp, (), [type_], {"name": SymbolRefAttr(name)})).results[0]


def _names(module: ModuleOp) -> set[str]:
    """The names of what is at the top of ``module``."""
    found = [op.properties.get("sym_name") for op in ops_of(module.body.block)]
    return {each.data for each in found if isinstance(each, StringAttr)}


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
    if not any(type(op) is memref.GetGlobalOp and op.name_ == owner.name_ for op in every(module)):
        found.detach()
        found.erase()
