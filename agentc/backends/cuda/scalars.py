"""Scalar ops of ``arith`` and ``math`` as C++ expressions."""

import struct
from collections.abc import Mapping, Sequence

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr, f32
from xdsl.ir import Attribute, Operation

from agentc.analyses.kernel_dims import is_integer
from agentc.plan import sizes
from agentc.plan.kernels import c_name
from agentc.support.diagnostics import Diagnostic, Refused

C_TYPES: Mapping[str, str] = {
    "f16": "agentc::float16",
    "bf16": "agentc::bfloat16",
    "f32": "float",
    "f64": "double",
    "i1": "bool",
    "i8": "int8_t",
    "i16": "int16_t",
    "i32": "int32_t",
    "i64": "int64_t",
    "u8": "int8_t",
    "u16": "int16_t",
    "u32": "int32_t",
    "u64": "int64_t",
    "index": "int64_t",
}
"""Integers are signed here; ops that read them as unsigned say so."""
BYTES: Mapping[str, int] = {"f16": 2, "bf16": 2, "f32": 4, "i1": 1, "i8": 1, "i16": 2, "i32": 4}
"""Bytes of an element in memory; what is not here takes 8."""
INFIX: Mapping[type[Operation], str] = {
    arith.AddfOp: "+",
    arith.SubfOp: "-",
    arith.MulfOp: "*",
    arith.DivfOp: "/",
    arith.AndIOp: "&",
    arith.OrIOp: "|",
    arith.XOrIOp: "^",
}
WRAPPING: Mapping[type[Operation], str] = {
    arith.AddiOp: "+",
    arith.SubiOp: "-",
    arith.MuliOp: "*",
}
"""Overflow is undefined for C++'s signed integers and wraps here, but in sizes and places, which never overflow."""
CALLS: Mapping[type[Operation], str] = {
    arith.MaximumfOp: "agentc::maximum",
    arith.MinimumfOp: "agentc::minimum",
    arith.MaxSIOp: "agentc::maximum",
    arith.MinSIOp: "agentc::minimum",
    arith.ShLIOp: "agentc::shift_left",
    arith.ShRSIOp: "agentc::shift_right",
    arith.DivSIOp: "agentc::divide",
    arith.RemSIOp: "agentc::remainder",
    arith.FloorDivSIOp: "agentc::floor_divide",
}
UNSIGNED_CALLS: Mapping[type[Operation], str] = {
    arith.MaxUIOp: "agentc::maximum",
    arith.MinUIOp: "agentc::minimum",
    arith.ShRUIOp: "agentc::shift_right",
    arith.DivUIOp: "agentc::divide",
    arith.RemUIOp: "agentc::remainder",
}
"""The same on operands that are read as unsigned."""
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
    arith.ExtFOp,
    arith.TruncFOp,
    arith.TruncIOp,
    arith.ExtSIOp,
    arith.IndexCastOp,
)
UNSIGNED_CASTS = (arith.UIToFPOp, arith.ExtUIOp)
COMPARISONS: Mapping[str, str] = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def c_type(type_: Attribute) -> str:
    """The C++ type of a scalar.

    Raises:
        Refused: ``kernel-unsupported`` for a type that has none.
    """
    name = "index" if isinstance(type_, IndexType) else str(type_)
    if name not in C_TYPES:
        raise Refused(Diagnostic("kernel-unsupported", f"`{name}` has no CUDA form in a kernel"))
    return C_TYPES[name]


def literal(value: float, type_: Attribute) -> str:
    """A constant of ``type_``, exact."""
    if str(type_) == "i1":
        return "true" if value else "false"
    if isinstance(type_, IndexType) or is_integer(type_):
        return _integer(int(value), c_type(type_))
    name = str(type_)
    if name in ("f16", "bf16"):
        return f"{c_type(type_)}({literal(value, f32)})"
    single = name == "f32"
    if value in (float("inf"), float("-inf")):
        text = "AGENTC_INFINITY" if single else "static_cast<double>(AGENTC_INFINITY)"
        return text if value > 0 else f"(-{text})"
    if value != value:
        return "(AGENTC_INFINITY - AGENTC_INFINITY)"
    text = f"{struct.unpack('f', struct.pack('f', value))[0]:.9g}" if single else repr(float(value))
    text = text if any(c in text for c in ".e") else f"{text}.0"
    text = f"{text}f" if single else text
    return f"({text})" if text.startswith("-") else text


def _integer(value: int, name: str) -> str:
    if name == "int64_t" and abs(value) < 1 << 31:
        return str(value)
    if value == -1 << 63:
        return "static_cast<int64_t>(1ull << 63)"  # C++ has no literal for it
    return f"static_cast<{name}>({value}ll)"


def size_name(dim: str) -> str:
    """The C++ name of a size; one that follows from others is spelled out."""
    if sizes.is_name(dim):
        return c_name(dim)
    words = {"//": " over ", "+": " plus ", "-": " minus ", "*": " times ", "%": " modulo "}
    for symbol, word in words.items():
        dim = dim.replace(symbol, word)
    kept = "".join(c if c.isalnum() or c == "_" else " " for c in dim)
    return "size_" + "_".join(kept.split())


def unsigned(type_: Attribute) -> str:
    """The C++ type of an integer that is read as unsigned."""
    name = c_type(type_)
    return name if name == "bool" or name.startswith("u") else f"u{name}"


def _read_unsigned(type_: Attribute, text: str) -> str:
    return text if unsigned(type_) == c_type(type_) else f"static_cast<{unsigned(type_)}>({text})"


def expression(op: Operation, operands: Sequence[str]) -> str | None:
    """The C++ expression of ``op`` on ``operands``, or ``None`` if it is no scalar op."""
    kind = type(op)
    if kind in INFIX:
        return f"{operands[0]} {INFIX[kind]} {operands[1]}"
    if kind in WRAPPING:
        return _wrapping(op, WRAPPING[kind], operands)
    if kind in CALLS:
        type_ = op.results[0].type
        # Said for integers: a literal alone is an `int`.
        said = f"<{c_type(type_)}>" if isinstance(type_, IndexType) or is_integer(type_) else ""
        return f"{CALLS[kind]}{said}({', '.join(operands)})"
    if kind in MATH:
        return _math(op, MATH[kind], operands)
    if kind in UNSIGNED_CALLS or kind in UNSIGNED_CASTS:
        read = [_read_unsigned(o.type, text) for o, text in zip(op.operands, operands, strict=True)]
        said = unsigned(op.operands[0].type)
        inner = f"{UNSIGNED_CALLS[kind]}<{said}>({', '.join(read)})" if kind in UNSIGNED_CALLS else read[0]
        return f"static_cast<{c_type(op.results[0].type)}>({inner})"
    if kind in CASTS:
        return _cast(op, operands[0])
    return _other(op, operands)


def _wrapping(op: Operation, symbol: str, operands: Sequence[str]) -> str:
    type_ = op.results[0].type
    plain = f"{operands[0]} {symbol} {operands[1]}"
    if isinstance(type_, IndexType):
        return plain
    read = (_read_unsigned(type_, text) for text in operands)
    return f"static_cast<{c_type(type_)}>({f' {symbol} '.join(read)})"


def _math(op: Operation, name: str, operands: Sequence[str]) -> str:
    type_ = str(op.results[0].type)
    if type_ in ("f16", "bf16"):
        wide = ", ".join(f"static_cast<float>({text})" for text in operands)
        return f"{C_TYPES[type_]}({name}f({wide}))"
    return f"{name}{'f' if type_ == 'f32' else ''}({', '.join(operands)})"


def _cast(op: Operation, operand: str) -> str:
    source, target = op.operands[0].type, c_type(op.results[0].type)
    if target == "bool":
        return f"({operand} & 1) != 0"
    if str(source) == "i1" and not isinstance(op, arith.IndexCastOp):
        return f"static_cast<{target}>({operand} ? -1 : 0)"
    return f"static_cast<{target}>({operand})"


def _other(op: Operation, operands: Sequence[str]) -> str | None:
    match op:
        case arith.ConstantOp(value=IntegerAttr() | FloatAttr() as attribute):
            return literal(attribute.value.data, op.results[0].type)
        case arith.NegfOp():
            return f"-{operands[0]}"
        case arith.SelectOp():
            return f"{operands[0]} ? {operands[1]} : {operands[2]}"
        case arith.FPToSIOp():
            return f"agentc::to_integer<{c_type(op.results[0].type)}>({operands[0]})"
        case arith.FPToUIOp():
            type_ = op.results[0].type
            return f"static_cast<{c_type(type_)}>(agentc::to_integer<{unsigned(type_)}>({operands[0]}))"
        case arith.BitcastOp():
            return f"agentc::bits_as<{c_type(op.results[0].type)}>({operands[0]})"
        case arith.CmpfOp():
            return _compare(arith.CMPF_COMPARISON_OPERATIONS[op.predicate.value.data], operands)
        case arith.CmpiOp():
            name = arith.CMPI_COMPARISON_OPERATIONS[op.predicate.value.data]
            if name[0] == "u":
                operands = [_read_unsigned(op.lhs.type, text) for text in operands]
            return f"{operands[0]} {COMPARISONS[name if name in ('eq', 'ne') else name[1:]]} {operands[1]}"
        case _:
            return None


def _compare(name: str, operands: Sequence[str]) -> str:
    """A comparison of floats: ``o…`` is false where either is NaN, ``u…`` true."""
    a, b = operands
    match name:
        case "true" | "false":
            return name
        case "ord" | "uno":
            return f"{'!' if name == 'ord' else ''}({a} != {a} || {b} != {b})"
        case "one":
            return f"({a} < {b} || {a} > {b})"
        case "ueq":
            return f"!({a} < {b} || {a} > {b})"
        case "oeq" | "une" | "olt" | "ole" | "ogt" | "oge":
            return f"{a} {COMPARISONS[name[1:]]} {b}"
        case _:
            opposite = {"ult": ">=", "ule": ">", "ugt": "<=", "uge": "<"}[name]
            return f"!({a} {opposite} {b})"
