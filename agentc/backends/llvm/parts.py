"""Phases in parts, for whoever runs rows of a kernel on several threads.

A part is ``void agentc_NAME_pN_part(const void *work, int64_t low, int64_t high)``: rows ``low`` to ``high`` of a
phase, the same signature for all. ``work`` holds the phase's other parameters, eight bytes each.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from llvmlite import ir

from agentc.backends.llvm.builder import Builder
from agentc.backends.llvm.scalars import I64
from agentc.plan.kernels import PART

POINTER = ir.PointerType()
BIT, BYTE = ir.IntType(1), ir.IntType(8)
PART_TYPE = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
RUN_TYPE = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, POINTER, I64, I64])
"""What a caller gives: ``run(context, part, work, rows, bytes)`` has ``part(work, low, high)`` done for all rows."""


class Runner(NamedTuple):
    """The caller's function, the context it is called with, and the parts of phases that it runs."""

    run: Any
    context: Any
    parts: Mapping[str, ir.Function]


def declare_part(phase: ir.Function) -> ir.Function:
    """The part of ``phase``, without a body."""
    made = ir.Function(phase.module, PART_TYPE, phase.name + PART)
    made.attributes.add("nounwind")
    return made


def fill_part(part: ir.Function, phase: ir.Function, arguments: int, place: Any = None) -> None:
    """Have ``part`` call ``phase``, whose first ``arguments`` parameters end with the range; sizes follow. ``place`` is
    the line of the source that it stands for.
    """
    work, low, high = part.args
    build = Builder(part.append_basic_block("entry"))
    build.debug_metadata = place
    types = [p.type for p in (*phase.args[: arguments - 2], *phase.args[arguments:])]
    values = [_loaded(build, _word(build, work, i), type_) for i, type_ in enumerate(types)]
    build.call(phase, [*values[: arguments - 2], low, high, *values[arguments - 2 :]])
    build.ret_void()


def hand_over(build: Any, runner: Runner, phase: str, values: Sequence[Any], rows: Any, bytes_: Any) -> None:
    """Have the caller's function run the part of ``phase`` with ``values`` over all ``rows``."""
    with build.goto_entry_block():
        work = build.alloca(ir.ArrayType(I64, max(1, len(values))))
        work.type = POINTER  # what is behind it, loads and stores say
    for i, value in enumerate(values):
        stored = build.zext(value, BYTE) if value.type == BIT else value
        build.store(stored, _word(build, work, i))
    build.call(runner.run, [runner.context, runner.parts[phase], work, rows, bytes_])


def _word(build: Any, work: Any, place: int) -> Any:
    return build.gep(work, [ir.Constant(I64, place)], inbounds=True, source_etype=I64)


def _loaded(build: Any, place: Any, type_: Any) -> Any:
    if type_ == BIT:
        return build.trunc(build.load(place, typ=BYTE), BIT)
    return build.load(place, typ=type_)
