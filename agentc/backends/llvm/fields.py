"""Packed codes as numbers: ``vector_ext.field`` in LLVM instructions."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from struct import pack, unpack
from typing import Any

from llvmlite import ir

from agentc.backends.llvm.builder import external
from agentc.backends.llvm.functions import Functions
from agentc.dialects.vector_ext import FieldOp

MANTISSA = 23
UPPER = 16
"""Where the upper half of a word begins: it is shifted down once, and then masked with the constants of the lower half,
as processors with 16 registers have none to spare."""
TABLE = 16
"""Entries of a table that one AVX-512 instruction looks up, by the four lowest bits of each word."""


def field(build: Any, functions: Functions, op: FieldOp, words: Any) -> Any:
    """The lanes of ``op``.

    Where AVX-512 is, the lowest field and those of the upper half are looked up (by other units of the processor than
    those that mask), after a shift that leaves what is above the field: a table of 16 repeats itself for fewer bits.
    """
    at, bits, plus = (attribute.value.data for attribute in (op.at, op.bits, op.plus))
    small = (1 << bits) <= TABLE and words.type.count == TABLE
    if functions.traits.scales and small and (at == 0 or at >= UPPER):
        return _looked_up(build, functions.module, words, at, bits, plus)
    if at >= UPPER:
        words, at = _shifted(build, words, UPPER), at - UPPER
    return _masked(build, words, at, bits, plus)


def _masked(build: Any, words: Any, at: int, bits: int, plus: int) -> Any:
    """The field where it stands, as bits of a number's mantissa whose lowest is worth 1: ``2^(23 - at) + field``."""
    one = 2.0 ** (MANTISSA - at)
    kept = build.and_(words, _constant(words.type, ((1 << bits) - 1) << at))
    number = build.or_(kept, _constant(words.type, unpack("<I", pack("<f", one))[0]))
    floats = ir.VectorType(ir.FloatType(), words.type.count)
    return build.fsub(build.bitcast(number, floats), _constant(floats, one - plus))


def _looked_up(build: Any, module: ir.Module, words: Any, at: int, bits: int, plus: int) -> Any:
    name, floats = "llvm.x86.avx512.permvar.sf.512", ir.VectorType(ir.FloatType(), TABLE)
    look_up = external(module, name, floats, [floats, words.type])
    table = ir.Constant(floats, [ir.Constant(ir.FloatType(), float(i % (1 << bits) + plus)) for i in range(TABLE)])
    return build.call(look_up, [table, _shifted(build, words, at) if at else words])


def _shifted(build: Any, words: Any, by: int) -> Any:
    return build.lshr(words, _constant(words.type, by))


def _constant(type_: Any, value: float) -> ir.Constant:
    return ir.Constant(type_, [ir.Constant(type_.element, value)] * type_.count)
