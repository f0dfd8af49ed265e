"""Tables and functions of a kernel as LLVM IR has them: names, types and attributes, before there are bodies."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from llvmlite import ir
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, MemRefType
from xdsl.ir import Attribute

from agentc.analyses.kernel_abi import sizes
from agentc.analyses.kernel_dims import PHASE, argument_names, name_of
from agentc.backends.llvm.builder import Bytes
from agentc.backends.llvm.parts import POINTER, RUN_TYPE, Runner
from agentc.backends.llvm.scalars import I64, llvm_type
from agentc.plan.kernels import PARALLEL, PREFIX


def declare_table(target: ir.Module, table: memref.GlobalOp) -> None:
    """A constant array: its bytes as they lie in memory, which are read far faster than as many numbers."""
    value = table.initial_value
    assert isinstance(value, DenseIntOrFPElementsAttr) and sys.byteorder == "little"
    type_ = ir.ArrayType(ir.IntType(8), len(value.data.data))
    made: Any = ir.GlobalVariable(target, type_, PREFIX + table.sym_name.data)
    made.initializer = Bytes(type_, value.data.data)
    made.linkage, made.global_constant, made.align = "internal", True, 64


def width_of(element: Attribute) -> int:
    """Bytes of an element in memory."""
    return {"f32": 4, "i32": 4, "i8": 1, "i1": 1, "f16": 2, "bf16": 2}.get(name_of(element), 8)


EXACT_ROOTS = '"reciprocal-estimates"="none"'
"""LLVM's estimates of 1 / sqrt(x) are NaN where x is 0 or infinite."""


class Declared(NamedTuple):
    """A function of the module and the sizes it is passed after its arguments."""

    made: ir.Function
    sizes: list[str]


def declare(module: ir.Module, function: func.FuncOp) -> Declared:
    """``function`` in ``module``, without a body."""
    made, names = _declare(module, function)
    if PHASE in function.attributes:
        made.attributes.add("noinline")  # called by itself: a second copy in the kernel only takes longer to compile
    return Declared(made, names)


def declare_parallel(
    module: ir.Module, function: func.FuncOp, parts: Mapping[str, ir.Function]
) -> tuple[Declared, Runner]:
    """The kernel ``function`` once more, for callers that run ``parts``; without a body."""
    declared = _declare(module, function, PARALLEL, {"run": RUN_TYPE.as_pointer(), "context": POINTER})
    run, context = declared.made.args[-2:]
    return declared, Runner(run, context, parts)


def _declare(
    module: ir.Module, function: func.FuncOp, suffix: str = "", more: Mapping[str, Any] | None = None
) -> Declared:
    arguments = function.body.block.args
    types = [POINTER if isinstance(a.type, MemRefType) else llvm_type(a.type) for a in arguments]
    names, more = sizes(function), more or {}
    signature = ir.FunctionType(ir.VoidType(), [*types, *[I64] * len(names), *more.values()])
    made = ir.Function(module, signature, PREFIX + function.sym_name.data + suffix)
    made.attributes.add("nounwind")
    made.attributes.update({EXACT_ROOTS})  # of which llvmlite does not know
    for parameter, name in zip(made.args, [*argument_names(function), *names, *more], strict=True):
        parameter.name = name
        if isinstance(parameter.type, ir.PointerType) and name not in more:
            parameter.add_attribute("noalias")
    return Declared(made, names)
