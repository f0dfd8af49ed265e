"""How values of a reduction combine, and what leaves them as they are."""

from collections.abc import Mapping

from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, IntegerType
from xdsl.ir import Attribute, Operation, SSAValue

from agentc.analyses.kernel_dims import bits, is_integer

INFINITY = float("inf")
NEUTRAL: Mapping[type[Operation], float] = {
    arith.AddfOp: 0.0,
    arith.AddiOp: 0,
    arith.MulfOp: 1.0,
    arith.MuliOp: 1,
    arith.MaximumfOp: -INFINITY,
    arith.MinimumfOp: INFINITY,
    arith.MaxSIOp: -INFINITY,
    arith.MinSIOp: INFINITY,
}
"""Ops that are associative and commutative, so that a reduction may be cut and reordered -> their neutral value."""


def neutral(kind: type[Operation], type_: Attribute) -> IntegerAttr[IntegerType] | FloatAttr:
    """The neutral value of the op ``kind`` on ``type_``; the limit of an integer type where that is infinite."""
    value = NEUTRAL[kind]
    if is_integer(type_):
        limit = 1 << (bits(type_) - 1)
        return IntegerAttr(int(min(max(value, -limit), limit - 1)), IntegerType(bits(type_)))
    assert isinstance(type_, AnyFloat)
    return FloatAttr(value, type_)


def is_neutral(start: SSAValue, kind: type[Operation]) -> bool:
    """Whether ``start`` is a constant that ``kind`` leaves everything as it is with."""
    owner = start.owner
    return kind in NEUTRAL and isinstance(owner, arith.ConstantOp) and owner.value == neutral(kind, start.type)
