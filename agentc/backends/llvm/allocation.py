"""Memory that a kernel takes for itself: a kernel cannot answer that there is none, so it ends there.

Without this, whatever lies that far behind address 0 would be written to.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from typing import Any

from llvmlite import ir

from agentc.backends.llvm.builder import external
from agentc.backends.llvm.functions import Functions
from agentc.backends.llvm.parts import POINTER
from agentc.backends.llvm.scalars import I64

SIGNATURE = ir.FunctionType(POINTER, [I64])


def allocate(functions: Functions, build: Any, bytes_: Any) -> Any:
    """Insert what takes ``bytes_`` from the C library; it traps where there are none."""
    made = functions.define("agentc.allocate", SIGNATURE, _allocated)
    made.return_value.add_attribute("noalias")
    return build.call(made, [bytes_])


def release(functions: Functions, build: Any, memory: Any) -> None:
    """Insert what gives ``memory`` back."""
    build.call(external(functions.module, "free", ir.VoidType(), [POINTER]), [memory])


def _allocated(functions: Functions, build: Any, bytes_: Any) -> Any:
    memory = build.call(external(functions.module, "malloc", POINTER, [I64]), [bytes_])
    none = build.icmp_unsigned("==", memory, ir.Constant(POINTER, None))
    lacks = build.and_(none, build.icmp_unsigned("!=", bytes_, ir.Constant(I64, 0)))
    with build.if_then(lacks):
        build.call(external(functions.module, "llvm.trap", ir.VoidType(), []), [])
        build.unreachable()
    return memory
