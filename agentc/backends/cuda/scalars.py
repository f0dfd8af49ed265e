"""Scalar ops of ``arith`` and ``math`` as C++ expressions."""

import struct
from collections.abc import Mapping, Sequence

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr
from xdsl.ir import Attribute, Operation

from agentc.analyses.kernel_dims import is_integer

C_TYPES: Mapping[str, str] = {
    "f32": "float",
    "f64": "double",
    "i8": "int8_t",
    "i32": "int32_t",
    "i64": "int64_t",
    "i1": "bool",
    "index": "int64_t",
}
INFIX: Mapping[type[Operation], str] = {
    arith.AddfOp: "+",
    arith.SubfOp: "-",
    arith.MulfOp: "*",
    arith.DivfOp: "/",
    arith.AddiOp: "+",
    arith.SubiOp: "-",
    arith.MuliOp: "*",
    arith.AndIOp: "&",
    arith.OrIOp: "|",
    arith.XOrIOp: "^",
}
CALLS: Mapping[type[Operation], str] = {
    arith.MaximumfOp: "agentc::maximum",
    arith.MinimumfOp: "agentc::minimum",
    arith.MaxSIOp: "agentc::maximum",
    arith.MinSIOp: "agentc::minimum",
}
MATH: Mapping[type[Operation], str] = {
    math.ExpOp: "exp",
    math.LogOp: "log",
    math.SqrtOp: "sqrt",
    math.TanhOp: "tanh",
    math.SinOp: "sin",
    math.CosOp: "cos",
    math.AbsFOp: "fabs",
    math.FloorOp: "floor",
    math.CeilOp: "ceil",
    math.RoundEvenOp: "rint",
    math.PowFOp: "pow",
}
"""C's name in double precision; single precision has an ``f`` behind."""
CASTS = (
    arith.SIToFPOp,
    arith.UIToFPOp,
    arith.ExtFOp,
    arith.TruncFOp,
    arith.TruncIOp,
    arith.ExtSIOp,
    arith.ExtUIOp,
    arith.IndexCastOp,
)
COMPARISONS: Mapping[str, str] = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def c_type(type_: Attribute) -> str:
    """The C++ type of a scalar."""
    return C_TYPES["index" if isinstance(type_, IndexType) else str(type_)]


def literal(value: float, type_: Attribute) -> str:
    """A constant of ``type_``, exact."""
    if isinstance(type_, IndexType) or is_integer(type_):
        name = c_type(type_)
        return str(int(value)) if name == "int64_t" and abs(value) < 1 << 31 else f"static_cast<{name}>({int(value)}ll)"
    single = str(type_) == "f32"
    if value in (float("inf"), float("-inf")):
        text = "AGENTC_INFINITY" if single else "static_cast<double>(AGENTC_INFINITY)"
        return text if value > 0 else f"(-{text})"
    if value != value:
        return "(AGENTC_INFINITY - AGENTC_INFINITY)"
    text = f"{struct.unpack('f', struct.pack('f', value))[0]:.9g}" if single else repr(float(value))
    text = text if any(c in text for c in ".e") else f"{text}.0"
    text = f"{text}f" if single else text
    return f"({text})" if text.startswith("-") else text


def expression(op: Operation, operands: Sequence[str]) -> str | None:
    """The C++ expression of ``op`` on ``operands``, or ``None`` if it is no scalar op."""
    kind = type(op)
    if kind in INFIX:
        return f"{operands[0]} {INFIX[kind]} {operands[1]}"
    if kind in CALLS:
        return f"{CALLS[kind]}({', '.join(operands)})"
    if kind in MATH:
        suffix = "f" if str(op.results[0].type) == "f32" else ""
        return f"{MATH[kind]}{suffix}({', '.join(operands)})"
    if kind in CASTS:
        return f"static_cast<{c_type(op.results[0].type)}>({operands[0]})"
    match op:
        case arith.ConstantOp(value=IntegerAttr() | FloatAttr() as attribute):
            return literal(attribute.value.data, op.results[0].type)
        case arith.NegfOp():
            return f"-{operands[0]}"
        case arith.SelectOp():
            return f"{operands[0]} ? {operands[1]} : {operands[2]}"
        case arith.FPToSIOp():
            return f"agentc::to_integer<{c_type(op.results[0].type)}>({operands[0]})"
        case arith.CmpfOp():
            name = arith.CMPF_COMPARISON_OPERATIONS[op.predicate.value.data]
            return f"{operands[0]} {COMPARISONS[name[1:]]} {operands[1]}"
        case arith.CmpiOp():
            name = arith.CMPI_COMPARISON_OPERATIONS[op.predicate.value.data]
            return f"{operands[0]} {COMPARISONS[name if name in ('eq', 'ne') else name[1:]]} {operands[1]}"
        case _:
            return None
