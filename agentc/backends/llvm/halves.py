"""Floats of 16 bits by way of their bits, for types and processors that LLVM has no instructions for.

``bf16`` is the upper half of single precision, kept as an integer, which every target has. ``f16`` is LLVM's ``half``,
of which processors before F16C know nothing: LLVM calls functions of the compiler's library there, one for each number,
which nobody links to what is loaded at run time.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from typing import Any

from llvmlite import ir

WORD, SHORT = ir.IntType(32), ir.IntType(16)
SIGN = 0x80000000
INFINITE = 0x7F800000
"""Of single precision: what is above is no number."""


def of_bf16(build: Any, value: Any) -> Any:
    """Single precision of one or of many."""
    word = _alike(value, WORD)
    return build.bitcast(build.shl(build.zext(value, word), _filled(word, 16)), _alike(value, ir.FloatType()))


def to_bf16(build: Any, value: Any) -> Any:
    """One or many of single precision, rounded to nearest even."""
    word = _alike(value, WORD)
    bits = build.bitcast(value, word)
    odd = build.and_(build.lshr(bits, _filled(word, 16)), _filled(word, 1))
    rounded = build.add(bits, build.add(odd, _filled(word, 0x7FFF)))
    kept = build.select(build.fcmp_unordered("uno", value, value), _filled(word, 0x7FC00000), rounded)
    return build.trunc(build.lshr(kept, _filled(word, 16)), _alike(value, SHORT))


def of_f16(build: Any, value: Any) -> Any:
    """Single precision: exponent and fraction where they are in it, times two to the 112, which is exact, as the
    exponents' biases are 15 and 127.
    """
    word, single = _alike(value, WORD), _alike(value, ir.FloatType())
    bits = build.zext(build.bitcast(value, _alike(value, SHORT)), word)
    sign = build.shl(build.and_(bits, _filled(word, 0x8000)), _filled(word, 16))
    rest = build.shl(build.and_(bits, _filled(word, 0x7FFF)), _filled(word, 13))
    scaled = build.bitcast(build.fmul(build.bitcast(rest, single), _filled(single, 2.0**112)), word)
    endless = build.icmp_unsigned(">=", rest, _filled(word, 0x7C00 << 13))
    kept = build.select(endless, build.or_(rest, _filled(word, INFINITE)), scaled)
    return build.bitcast(build.or_(kept, sign), single)


def to_f16(build: Any, value: Any) -> Any:
    """One or many of single precision, rounded to nearest even: what is subnormal by adding 1/2, whose last bit is
    worth as much as theirs.
    """
    word, single = _alike(value, WORD), _alike(value, ir.FloatType())
    bits = build.bitcast(value, word)
    sign = build.and_(bits, _filled(word, SIGN))
    size = build.xor(bits, sign)
    odd = build.and_(build.lshr(size, _filled(word, 13)), _filled(word, 1))
    biased = build.sub(build.add(size, odd), _filled(word, (112 << 23) - 0xFFF))
    usual = build.lshr(biased, _filled(word, 13))
    shifted = build.bitcast(build.fadd(build.bitcast(size, single), _filled(single, 0.5)), word)
    tiny = build.sub(shifted, _filled(word, 126 << 23))
    found = build.select(build.icmp_unsigned("<", size, _filled(word, 113 << 23)), tiny, usual)
    found = build.select(build.icmp_unsigned(">=", size, _filled(word, 143 << 23)), _filled(word, 0x7C00), found)
    found = build.select(build.icmp_unsigned(">", size, _filled(word, INFINITE)), _filled(word, 0x7E00), found)
    joined = build.or_(found, build.lshr(sign, _filled(word, 16)))
    return build.bitcast(build.trunc(joined, _alike(value, SHORT)), _alike(value, ir.HalfType()))


def _alike(value: Any, element: Any) -> Any:
    """``element``, or a vector of as many as ``value`` has."""
    return ir.VectorType(element, value.type.count) if isinstance(value.type, ir.VectorType) else element


def _filled(type_: Any, number: float) -> Any:
    if isinstance(type_, ir.VectorType):
        return ir.Constant(type_, [ir.Constant(type_.element, number)] * type_.count)
    return ir.Constant(type_, number)
