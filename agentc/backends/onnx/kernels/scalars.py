"""Ops of ``arith`` and ``math`` as ONNX nodes on whole arrays."""

from collections.abc import Callable, Mapping, Sequence

from onnx import TensorProto
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr
from xdsl.ir import Attribute, Operation

from agentc.backends.onnx.kernels.nodes import Nodes, inside, width

FLOAT_BINARY: Mapping[type[Operation], str] = {
    arith.AddfOp: "Add", arith.SubfOp: "Sub", arith.MulfOp: "Mul", arith.DivfOp: "Div",
    arith.MaximumfOp: "Max", arith.MinimumfOp: "Min", math.PowFOp: "Pow",
}  # fmt: skip
WHOLE_BINARY: Mapping[type[Operation], str] = {
    arith.AddiOp: "Add", arith.SubiOp: "Sub", arith.MuliOp: "Mul", arith.MaxSIOp: "Max", arith.MinSIOp: "Min",
    arith.AndIOp: "BitwiseAnd", arith.OrIOp: "BitwiseOr", arith.XOrIOp: "BitwiseXor",
}  # fmt: skip
LOGIC: Mapping[type[Operation], str] = {arith.AndIOp: "And", arith.OrIOp: "Or", arith.XOrIOp: "Xor"}
UNARY: Mapping[type[Operation], str] = {
    arith.NegfOp: "Neg", math.AbsFOp: "Abs", math.ExpOp: "Exp", math.LogOp: "Log", math.SqrtOp: "Sqrt",
    math.TanhOp: "Tanh", math.SinOp: "Sin", math.CosOp: "Cos", math.FloorOp: "Floor", math.CeilOp: "Ceil",
    math.RoundEvenOp: "Round",
}  # fmt: skip
COMPARE: Mapping[str, str] = {
    "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
}  # fmt: skip


def emit(nodes: Nodes, op: Operation, values: Sequence[str]) -> str | None:
    """The value of a scalar op on arrays, or ``None`` where it has no ONNX form."""
    kind, type_ = type(op), op.results[0].type
    if kind in FLOAT_BINARY:
        return nodes.op(FLOAT_BINARY[kind], *values)
    if kind in LOGIC and str(type_) == "i1":
        return nodes.op(LOGIC[kind], *values)
    if kind in WHOLE_BINARY:
        return nodes.wrapped(nodes.op(WHOLE_BINARY[kind], *values), type_)
    if kind in UNARY:
        return nodes.op(UNARY[kind], *values)
    make = OTHERS.get(kind)
    return make(nodes, op, values) if make else None


Make = Callable[[Nodes, Operation, Sequence[str]], str]


def _constant(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    assert isinstance(op, arith.ConstantOp) and isinstance(op.value, IntegerAttr | FloatAttr)
    return nodes.number(op.value.value.data, op.result.type)


def _compare(nodes: Nodes, name: str, values: Sequence[str]) -> str:
    return nodes.op("Not", nodes.op("Equal", *values)) if name == "ne" else nodes.op(COMPARE[name], *values)


def _compare_floats(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    assert isinstance(op, arith.CmpfOp)
    name = arith.CMPF_COMPARISON_OPERATIONS[op.predicate.value.data]
    return _compare(nodes, name[1:], values)


def _compare_integers(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    assert isinstance(op, arith.CmpiOp)
    name = arith.CMPI_COMPARISON_OPERATIONS[op.predicate.value.data]
    type_ = op.operands[0].type
    if name in ("eq", "ne"):
        return _compare(nodes, name, values)
    order = "unsigned" if name.startswith("u") else "signed"
    return _compare(nodes, name[1:], [nodes.ordered(v, type_, order) for v in values])


def _extreme(name: str) -> Make:
    def make(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
        type_ = op.results[0].type
        less = nodes.op("Less", *(nodes.ordered(v, type_, "unsigned") for v in values))
        first, second = values if name == "Min" else values[::-1]
        return nodes.op("Where", less, first, second)

    return make


def _divide(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    quotient = nodes.op("Div", *values)
    if not isinstance(op, arith.FloorDivSIOp):
        return quotient
    rest = nodes.op("Sub", values[0], nodes.op("Mul", quotient, values[1]))
    apart = nodes.op("Less", nodes.op("BitwiseXor", rest, values[1]), nodes.whole(0))
    uneven = nodes.op("And", apart, nodes.op("Not", nodes.op("Equal", rest, nodes.whole(0))))
    return nodes.wrapped(nodes.op("Sub", quotient, nodes.cast(uneven, TensorProto.INT64)), op.results[0].type)


def _remainder(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    return nodes.op("Sub", values[0], nodes.op("Mul", nodes.op("Div", *values), values[1]))


def _unsigned(remainder: bool) -> Make:
    """Division without sign. Places are small, and of an empty array no place is computed, whatever its size is."""

    def changed(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
        type_ = op.results[0].type
        if str(type_) == "i64":
            return _wide(nodes, type_, values, remainder)
        a, b = (nodes.unsigned(v, type_) for v in values)
        divisor = nodes.op("Max", b, nodes.whole(1)) if isinstance(type_, IndexType) else b
        return nodes.wrapped((_remainder if remainder else _divide)(nodes, op, [a, divisor]), type_)

    return changed


def _wide(nodes: Nodes, type_: Attribute, values: Sequence[str], remainder: bool) -> str:
    """Of all 64 bits, by division with sign: of half of the dividend, doubled, and one more where the rest is no less
    than the divisor (Warren, Hacker's Delight, 9-3). A divisor of 2^63 or more goes once or not at all.
    """
    a, b = values

    def at_least(left: str, right: str) -> str:
        less = nodes.op("Less", nodes.ordered(left, type_, "unsigned"), nodes.ordered(right, type_, "unsigned"))
        return nodes.cast(nodes.op("Not", less), TensorProto.INT64)

    half = _shift("RIGHT", a, nodes.whole(1), nodes)
    double = _shift("LEFT", nodes.op("Div", half, b), nodes.whole(1), nodes)
    rest = nodes.op("Sub", a, nodes.op("Mul", double, b))
    usual = nodes.op("Add", double, at_least(rest, b))
    quotient = nodes.op("Where", nodes.op("Less", b, nodes.whole(0)), at_least(a, b), usual)
    return nodes.op("Sub", a, nodes.op("Mul", quotient, b)) if remainder else quotient


def _shift(direction: str, value: str, amount: str, nodes: Nodes) -> str:
    sides = [nodes.cast(v, TensorProto.UINT64) for v in (value, amount)]
    return nodes.cast(nodes.op("BitShift", *sides, direction=direction), TensorProto.INT64)


def _shift_left(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    return nodes.wrapped(_shift("LEFT", values[0], values[1], nodes), op.results[0].type)


def _shift_right(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    type_ = op.results[0].type
    return nodes.wrapped(_shift("RIGHT", nodes.unsigned(values[0], type_), values[1], nodes), type_)


def _shift_signed(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    """Of a negative number the complement is shifted."""
    negative = nodes.op("Less", values[0], nodes.whole(0))
    turned = nodes.op("BitwiseNot", values[0])
    shifted = _shift("RIGHT", nodes.op("Where", negative, turned, values[0]), values[1], nodes)
    return nodes.op("Where", negative, nodes.op("BitwiseNot", shifted), shifted)


def _to_float(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    source = op.operands[0].type
    value = values[0]
    if isinstance(op, arith.UIToFPOp) and inside(source) == TensorProto.INT64:
        value = nodes.unsigned(value, source)
        value = nodes.cast(value, TensorProto.UINT64) if width(source) == 64 else value
    return nodes.cast(value, inside(op.results[0].type))


def _to_integer(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    """Toward zero; stops at the limits, and NaN is 0."""
    n = width(op.results[0].type)
    signed = isinstance(op, arith.FPToSIOp)
    low, high = (-(2.0 ** (n - 1)), 2.0 ** (n - 1) - 1) if signed else (0.0, 2.0**n - 1)
    high = min(high, 2.0**63 - 1024)
    wide = nodes.cast(values[0], TensorProto.DOUBLE)
    known = nodes.op("Where", nodes.op("IsNaN", wide), nodes.array(0.0, "float64"), wide)
    kept = nodes.op("Max", nodes.op("Min", known, nodes.array(high, "float64")), nodes.array(low, "float64"))
    whole = nodes.cast(kept, TensorProto.INT64)
    return nodes.wrapped(whole, op.results[0].type)


def _truncate(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    if str(op.results[0].type) == "i1":
        return nodes.op("Equal", nodes.op("BitwiseAnd", values[0], nodes.whole(1)), nodes.whole(1))
    return nodes.wrapped(values[0], op.results[0].type)


def _extend(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    source = op.operands[0].type
    if str(source) == "i1":
        return nodes.cast(values[0], TensorProto.INT64)
    return nodes.unsigned(values[0], source) if isinstance(op, arith.ExtUIOp) else values[0]


def _select(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    if str(op.results[0].type) != "i1":
        return nodes.op("Where", *values)
    sides = [nodes.cast(v, TensorProto.INT64) for v in values[1:]]
    return nodes.cast(nodes.op("Where", values[0], *sides), TensorProto.BOOL)


def _same(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    return values[0]


def _round(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    return nodes.rounded(values[0], op.results[0].type)


def _cast(nodes: Nodes, op: Operation, values: Sequence[str]) -> str:
    return nodes.cast(values[0], inside(op.results[0].type))


OTHERS: Mapping[type[Operation], Make] = {
    arith.ConstantOp: _constant,
    arith.CmpfOp: _compare_floats,
    arith.CmpiOp: _compare_integers,
    arith.SelectOp: _select,
    arith.MaxUIOp: _extreme("Max"),
    arith.MinUIOp: _extreme("Min"),
    arith.DivSIOp: _divide,
    arith.FloorDivSIOp: _divide,
    arith.DivUIOp: _unsigned(remainder=False),
    arith.RemSIOp: _remainder,
    arith.RemUIOp: _unsigned(remainder=True),
    arith.ShLIOp: _shift_left,
    arith.ShRUIOp: _shift_right,
    arith.ShRSIOp: _shift_signed,
    arith.SIToFPOp: _to_float,
    arith.UIToFPOp: _to_float,
    arith.FPToSIOp: _to_integer,
    arith.FPToUIOp: _to_integer,
    arith.TruncIOp: _truncate,
    arith.ExtSIOp: _extend,
    arith.ExtUIOp: _extend,
    arith.ExtFOp: _cast,
    arith.TruncFOp: _round,
    arith.IndexCastOp: _same,
}
