"""Scalar arithmetic of kernel bodies: one table from a name to the op that computes it, for floats and for integers."""

from collections.abc import Callable, Mapping

from xdsl.builder import Builder
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat, Float32Type, Float64Type, FloatAttr, IntegerAttr, IntegerType
from xdsl.dialects.utils import FastMathFlag
from xdsl.ir import Attribute, Operation, SSAValue

from agentc.analyses.kernel_dims import bits, is_integer

FLAGS = arith.FastMathFlagsAttr(
    (FastMathFlag.REASSOC, FastMathFlag.NO_SIGNED_ZEROS, FastMathFlag.ALLOW_RECIP, FastMathFlag.ALLOW_CONTRACT)
)
"""Sums may be reordered, so that they vectorize; infinities and NaN keep their meaning."""

Element = Float32Type | Float64Type | IntegerType
ELEMENTS: Mapping[str, Element] = {
    "f32": Float32Type(),
    "f64": Float64Type(),
    "i8": IntegerType(8),
    "i32": IntegerType(32),
    "i64": IntegerType(64),
    "i1": IntegerType(1),
}

Scalar = Callable[..., Operation]


def _binary(op: Callable[..., Operation]) -> Scalar:
    def make(a: SSAValue, b: SSAValue) -> Operation:
        return op(a, b, FLAGS)

    return make


def _unary(op: Callable[..., Operation]) -> Scalar:
    def make(a: SSAValue) -> Operation:
        return op(a, FLAGS)

    return make


def _compare_floats(predicate: str) -> Scalar:
    def make(a: SSAValue, b: SSAValue) -> Operation:
        return arith.CmpfOp(a, b, predicate)

    return make


def _compare_integers(predicate: str) -> Scalar:
    def make(a: SSAValue, b: SSAValue) -> Operation:
        return arith.CmpiOp(a, b, predicate)

    return make


FLOATS: Mapping[str, Scalar] = {
    "add": _binary(arith.AddfOp),
    "sub": _binary(arith.SubfOp),
    "mul": _binary(arith.MulfOp),
    "div": _binary(arith.DivfOp),
    "pow": _binary(math.PowFOp),
    "max": _binary(arith.MaximumfOp),
    "min": _binary(arith.MinimumfOp),
    "neg": _unary(arith.NegfOp),
    "abs": _unary(math.AbsFOp),
    "exp": _unary(math.ExpOp),
    "log": _unary(math.LogOp),
    "sqrt": _unary(math.SqrtOp),
    "tanh": _unary(math.TanhOp),
    "sin": _unary(math.SinOp),
    "cos": _unary(math.CosOp),
    "floor": _unary(math.FloorOp),
    "ceil": _unary(math.CeilOp),
    "round": _unary(math.RoundEvenOp),
    "eq": _compare_floats("oeq"),
    "ne": _compare_floats("une"),
    "lt": _compare_floats("olt"),
    "le": _compare_floats("ole"),
    "gt": _compare_floats("ogt"),
    "ge": _compare_floats("oge"),
    "where": arith.SelectOp,
}
INTEGERS: Mapping[str, Scalar] = {
    "add": arith.AddiOp,
    "sub": arith.SubiOp,
    "mul": arith.MuliOp,
    "max": arith.MaxSIOp,
    "min": arith.MinSIOp,
    "eq": _compare_integers("eq"),
    "ne": _compare_integers("ne"),
    "lt": _compare_integers("slt"),
    "le": _compare_integers("sle"),
    "gt": _compare_integers("sgt"),
    "ge": _compare_integers("sge"),
    "where": arith.SelectOp,
}
BOOLEANS: Mapping[str, Scalar] = {"and": arith.AndIOp, "or": arith.OrIOp, "xor": arith.XOrIOp, "where": arith.SelectOp}
INFINITY = float("inf")
F32_LIMIT = 3.4028235677973366e38
"""What is larger rounds to infinity in single precision."""
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})


def table_for(element: Attribute) -> Mapping[str, Scalar]:
    """The operations that exist on ``element``."""
    if isinstance(element, AnyFloat):
        return FLOATS
    return BOOLEANS if element == ELEMENTS["i1"] else INTEGERS


def element_name(element: Attribute) -> str:
    """``f32`` and the like, as kernels spell it."""
    return next(name for name, known in ELEMENTS.items() if known == element)


def constant(builder: Builder, value: float, element: Element) -> SSAValue:
    """Insert ``value`` as a constant of ``element``."""
    if isinstance(element, IntegerType):
        attribute: Attribute = IntegerAttr(int(value), element)
    else:
        attribute = FloatAttr(_representable(value, element), element)
    return builder.insert(arith.ConstantOp(attribute)).result  # pyright: ignore[reportArgumentType]


def _representable(value: float, element: Element) -> float:
    number = float(value)
    if element == ELEMENTS["f32"] and abs(number) >= F32_LIMIT:
        return INFINITY if number > 0 else -INFINITY
    return number


def identity(kind: str, element: Element) -> float:
    """The start of a reduction: what ``sum``, ``prod``, ``max`` or ``min`` leaves as it is."""
    if kind in ("sum", "prod"):
        return 0.0 if kind == "sum" else 1.0
    sign = -1 if kind == "max" else 1
    if isinstance(element, IntegerType):
        width = bits(element)
        return -(1 << (width - 1)) if sign < 0 else (1 << (width - 1)) - 1
    return sign * INFINITY


COMBINE: Mapping[str, str] = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}
"""Reduction -> the scalar operation that combines two partial values."""


def convert(builder: Builder, value: SSAValue, target: Element) -> SSAValue:
    """Insert the conversion of a scalar to ``target``, as NumPy's ``astype`` does (floats toward zero)."""
    source = value.type
    if source == target:
        return value
    return builder.insert(_conversion(value, source, target)).results[0]


def _conversion(value: SSAValue, source: Attribute, target: Element) -> Operation:
    if is_integer(source):
        if isinstance(target, Float32Type | Float64Type):
            unsigned = bits(source) == 1
            return arith.UIToFPOp(value, target) if unsigned else arith.SIToFPOp(value, target)
        if bits(source) > bits(target):
            return arith.TruncIOp(value, target)
        return (arith.ExtUIOp if bits(source) == 1 else arith.ExtSIOp)(value, target)
    if is_integer(target):
        return arith.FPToSIOp(value, target)
    return arith.ExtFOp(value, target) if source == ELEMENTS["f32"] else arith.TruncFOp(value, target)
