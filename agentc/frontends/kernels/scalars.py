"""Scalar arithmetic of kernel bodies: one table from a name to the op that computes it, for floats and for integers."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import frexp

from xdsl.builder import Builder
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    Signedness,
)
from xdsl.dialects.utils import FastMathFlag
from xdsl.ir import Attribute, Operation, SSAValue

from agentc.analyses.kernel_dims import bits, is_integer
from agentc.analyses.kernel_ops import binary, cast, compare_floats, compare_integers, conversion, made, scalar, select

FLAGS = arith.FastMathFlagsAttr(
    (FastMathFlag.REASSOC, FastMathFlag.NO_SIGNED_ZEROS, FastMathFlag.ALLOW_RECIP, FastMathFlag.ALLOW_CONTRACT)
)
"""Sums may be reordered, so that they vectorize; infinities and NaN keep their meaning."""

INDEX = IndexType()
WIDE = IntegerType(64)
FAST = {"fastmath": FLAGS}
WRAPPING = {"overflowFlags": arith.IntegerOverflowAttr("none")}

Element = Float16Type | BFloat16Type | Float32Type | Float64Type | IntegerType
ELEMENTS: Mapping[str, Element] = {
    "f32": Float32Type(),
    "f64": Float64Type(),
    "i8": IntegerType(8),
    "i32": IntegerType(32),
    "i64": IntegerType(64),
    "i1": IntegerType(1),
    "u8": IntegerType(8, Signedness.UNSIGNED),
    "u32": IntegerType(32, Signedness.UNSIGNED),
    "u64": IntegerType(64, Signedness.UNSIGNED),
    "f16": Float16Type(),
    "bf16": BFloat16Type(),
}
HALVES = (ELEMENTS["f16"], ELEMENTS["bf16"])
"""Kept in 16 bits, computed in f32: each operation rounds its result."""

Scalar = Callable[..., Operation]


def is_unsigned(element: Attribute) -> bool:
    """Whether ``element`` is an integer type without sign, or a truth value."""
    return is_integer(element) and (element.signedness.data == Signedness.UNSIGNED or bits(element) == 1)


def storage(element: Element) -> Element:
    """The type in the IR, whose integers know no sign: the operations do."""
    return _STORED.get(id(element)) or _stored(element)


def _stored(element: Element) -> Element:
    return IntegerType(bits(element)) if is_integer(element) else element


_STORED = {id(element): _stored(element) for element in ELEMENTS.values()}
"""By identity, as hashing a type takes as long as making one; those of ``ELEMENTS`` are never gone."""


def order_of(element: Attribute) -> str:
    """How `linalg_ext` is told to read integers."""
    return "unsigned" if is_unsigned(element) else "signed"


def _binary(op: type[Operation]) -> Scalar:
    def make(a: SSAValue, b: SSAValue) -> Operation:
        return made(op, [a, b], [a.type], FAST)

    return make


def _unary(op: type[Operation]) -> Scalar:
    def make(a: SSAValue) -> Operation:
        return made(op, [a], [a.type], FAST)

    return make


def _whole(op: type[Operation]) -> Scalar:
    def make(a: SSAValue, b: SSAValue) -> Operation:
        return made(op, [a, b], [a.type])

    return make


def _wrapping(op: type[Operation]) -> Scalar:
    def make(a: SSAValue, b: SSAValue) -> Operation:
        return made(op, [a, b], [a.type], WRAPPING)

    return make


def _negated(a: SSAValue) -> Operation:
    return arith.NegfOp(a, FLAGS)


def _compare_floats(predicate: str) -> Scalar:
    def make(a: SSAValue, b: SSAValue) -> Operation:
        return compare_floats(predicate, a, b)

    return make


def _compare_integers(predicate: str) -> Scalar:
    def make(a: SSAValue, b: SSAValue) -> Operation:
        return compare_integers(predicate, a, b)

    return make


FLOATS: Mapping[str, Scalar] = {
    "add": _binary(arith.AddfOp),
    "sub": _binary(arith.SubfOp),
    "mul": _binary(arith.MulfOp),
    "div": _binary(arith.DivfOp),
    "pow": _binary(math.PowFOp),
    "max": _binary(arith.MaximumfOp),
    "min": _binary(arith.MinimumfOp),
    "neg": _negated,
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
    "where": select,
}
INTEGERS: Mapping[str, Scalar] = {
    "add": _wrapping(arith.AddiOp),
    "sub": _wrapping(arith.SubiOp),
    "mul": _wrapping(arith.MuliOp),
    "max": _whole(arith.MaxSIOp),
    "min": _whole(arith.MinSIOp),
    "eq": _compare_integers("eq"),
    "ne": _compare_integers("ne"),
    "lt": _compare_integers("slt"),
    "le": _compare_integers("sle"),
    "gt": _compare_integers("sgt"),
    "ge": _compare_integers("sge"),
    "and": _whole(arith.AndIOp),
    "or": _whole(arith.OrIOp),
    "xor": _whole(arith.XOrIOp),
    "where": select,
}
UNSIGNED: Mapping[str, Scalar] = {
    **INTEGERS,
    "max": _whole(arith.MaxUIOp),
    "min": _whole(arith.MinUIOp),
    "lt": _compare_integers("ult"),
    "le": _compare_integers("ule"),
    "gt": _compare_integers("ugt"),
    "ge": _compare_integers("uge"),
}
BOOLEANS: Mapping[str, Scalar] = {
    "and": _whole(arith.AndIOp),
    "or": _whole(arith.OrIOp),
    "xor": _whole(arith.XOrIOp),
    "max": _whole(arith.OrIOp),
    "min": _whole(arith.AndIOp),
    "eq": _compare_integers("eq"),
    "ne": _compare_integers("ne"),
    "where": select,
}


def limits(element: Element) -> tuple[int, int]:
    """The least and the largest number of an integer type."""
    assert is_integer(element)
    width = bits(element)
    if is_unsigned(element):
        return 0, (1 << width) - 1
    return -(1 << (width - 1)), (1 << (width - 1)) - 1


def all_ones(element: Element) -> int:
    """The number whose bits are all set."""
    return limits(element)[1] if is_unsigned(element) else -1


INFINITY = float("inf")
F32_LIMIT = 3.4028235677973366e38
"""What is larger rounds to infinity in single precision."""
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})


def table_for(element: Attribute) -> Mapping[str, Scalar]:
    """The operations that exist on ``element``."""
    if not is_integer(element):
        return FLOATS
    return BOOLEANS if bits(element) == 1 else UNSIGNED if is_unsigned(element) else INTEGERS


def element_name(element: Attribute) -> str:
    """``f32`` and the like, as kernels spell it."""
    return next(name for name, known in ELEMENTS.items() if known == element)


def constant(builder: Builder, value: float, element: Element) -> SSAValue:
    """Insert ``value`` as a constant of ``element``."""
    if isinstance(element, IntegerType):
        width = bits(element)
        number = int(value) & ((1 << width) - 1)
        signed = number - (1 << width) if width > 1 and number >> (width - 1) else number
        attribute: IntegerAttr | FloatAttr = _integer(signed, width)
    else:
        attribute = FloatAttr(_representable(value, element), element)
    return builder.insert(scalar(attribute)).result


@lru_cache(maxsize=1024)
def _integer(value: int, width: int) -> IntegerAttr:
    return IntegerAttr(value, IntegerType(width))


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
        return limits(element)[0 if sign < 0 else 1]
    return sign * INFINITY


COMBINE: Mapping[str, str] = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}
"""Reduction -> the scalar operation that combines two partial values."""


def convert(builder: Builder, value: SSAValue, source: Element, target: Element) -> SSAValue:
    """Insert the conversion of a scalar to ``target``, as NumPy's ``astype`` does.

    Floats go toward zero and stop at the limits of an integer type; integers wrap.
    """
    if source == target:
        return value
    if target == ELEMENTS["i1"]:
        zero = constant(builder, 0, source)
        return builder.insert(table_for(source)["ne"](value, zero)).results[0]
    if target in HALVES or source in HALVES:
        single = ELEMENTS["f32"]
        if source in HALVES:
            value = builder.insert(conversion(arith.ExtFOp, value, single)).results[0]
        elif source != single:
            value = convert(builder, value, source, single)
        if target not in HALVES:
            return convert(builder, value, single, target)
        return builder.insert(conversion(arith.TruncFOp, value, target)).results[0]
    if storage(source) == storage(target):
        return value
    return builder.insert(_conversion(value, source, storage(target), is_unsigned(target))).results[0]


def _conversion(value: SSAValue, source: Element, target: Attribute, unsigned_target: bool) -> Operation:
    return conversion(_kind_of_conversion(source, target, unsigned_target), value, target)


def _kind_of_conversion(source: Element, target: Attribute, unsigned_target: bool) -> type[Operation]:
    unsigned = is_unsigned(source)
    if is_integer(source):
        if isinstance(target, Float32Type | Float64Type):
            return arith.UIToFPOp if unsigned else arith.SIToFPOp
        assert is_integer(target)
        if bits(source) > bits(target):
            return arith.TruncIOp
        return arith.ExtUIOp if unsigned else arith.ExtSIOp
    if is_integer(target):
        return arith.FPToUIOp if unsigned_target else arith.FPToSIOp
    assert isinstance(target, Float32Type | Float64Type)
    return arith.ExtFOp if source == ELEMENTS["f32"] else arith.TruncFOp


def to_index(builder: Builder, value: SSAValue, element: Element) -> SSAValue:
    """Insert an integer as an index of an array."""
    wide = convert(builder, value, element, ELEMENTS["i64"])
    return builder.insert(cast(wide, INDEX)).result


def from_index(builder: Builder, value: SSAValue, element: Element) -> SSAValue:
    """Insert an index as a number of ``element``."""
    wide = builder.insert(cast(value, WIDE)).result
    return convert(builder, wide, ELEMENTS["i64"], element)


Compound = Callable[[Builder, SSAValue, SSAValue, Element], SSAValue]


def _floor_divide(builder: Builder, a: SSAValue, b: SSAValue, element: Element) -> SSAValue:
    if not is_integer(element):
        return _float_divide(builder, a, b, element)[0]
    return _divide(builder, a, b, element, remainder=False)


def _modulo(builder: Builder, a: SSAValue, b: SSAValue, element: Element) -> SSAValue:
    """Of the sign of ``b``, as Python's."""
    if not is_integer(element):
        return _float_divide(builder, a, b, element)[1]
    return _divide(builder, a, b, element, remainder=True)


EXACT = arith.FastMathFlagsAttr(())
"""Each operation rounds for itself."""


def _float_divide(builder: Builder, a: SSAValue, b: SSAValue, element: Element) -> tuple[SSAValue, SSAValue]:
    """Quotient toward minus infinity and rest, as Python's: the quotient of f32 is rounded in f64, and where it was
    rounded up to a whole number, which the sign of the rest shows, it is one less. By a power of two all is exact.
    """
    wide = ELEMENTS["f64"]
    narrow = element != wide and not _is_power_of_two(b)
    x, y = (convert(builder, v, element, wide) if narrow else v for v in (a, b))
    inner = wide if narrow else element

    def choose(condition: SSAValue, one: SSAValue, other: SSAValue) -> SSAValue:
        return builder.insert(select(condition, one, other)).result

    def compare(kind: str, one: SSAValue, other: SSAValue) -> SSAValue:
        return builder.insert(compare_floats(kind, one, other)).result

    zero, infinity = constant(builder, 0.0, inner), constant(builder, INFINITY, inner)
    quotient = builder.insert(math.FloorOp(builder.insert(arith.DivfOp(x, y, EXACT)).result, EXACT)).result
    rest = (_rest if element == wide else _short_rest)(builder, x, y, quotient)
    endless = compare("oeq", builder.insert(math.AbsFOp(x, EXACT)).result, infinity)
    if not isinstance(b.owner, arith.ConstantOp):
        far = compare("oeq", builder.insert(math.AbsFOp(y, EXACT)).result, infinity)
        rest = choose(far, choose(endless, constant(builder, float("nan"), inner), x), rest)
        endless = builder.insert(arith.AndIOp(endless, compare("une", y, zero))).result
    apart = builder.insert(arith.XOrIOp(compare("olt", rest, zero), compare("olt", y, zero))).result
    over = builder.insert(arith.AndIOp(apart, compare("one", rest, zero))).result
    less = builder.insert(arith.SubfOp(quotient, constant(builder, 1.0, inner), EXACT)).result
    quotient = choose(endless, constant(builder, float("nan"), inner), choose(over, less, quotient))
    rest = choose(over, builder.insert(arith.AddfOp(rest, y, EXACT)).result, rest)
    found = [convert(builder, v, inner, element) for v in (quotient, rest)]
    return found[0], found[1]


def _exact(builder: Builder, kind: Callable[..., Operation], a: SSAValue, b: SSAValue) -> SSAValue:
    return builder.insert(kind(a, b, EXACT)).results[0]


def _short_rest(builder: Builder, a: SSAValue, b: SSAValue, quotient: SSAValue) -> SSAValue:
    return _exact(builder, arith.SubfOp, a, _exact(builder, arith.MulfOp, quotient, b))


def _rest(builder: Builder, a: SSAValue, b: SSAValue, quotient: SSAValue) -> SSAValue:
    """``a - quotient * b`` in f64 with all bits of the product (T. J. Dekker, 1971: products of halves are exact)."""

    def apply(kind: Callable[..., Operation], one: SSAValue, other: SSAValue) -> SSAValue:
        return _exact(builder, kind, one, other)

    def halves(value: SSAValue) -> tuple[SSAValue, SSAValue]:
        scaled = apply(arith.MulfOp, value, constant(builder, 134217729.0, ELEMENTS["f64"]))
        high = apply(arith.SubfOp, scaled, apply(arith.SubfOp, scaled, value))
        return high, apply(arith.SubfOp, value, high)

    product = apply(arith.MulfOp, quotient, b)
    (q, q_low), (d, d_low) = halves(quotient), halves(b)
    error = apply(arith.SubfOp, apply(arith.MulfOp, q, d), product)
    for one, other in ((q, d_low), (q_low, d), (q_low, d_low)):
        error = apply(arith.AddfOp, error, apply(arith.MulfOp, one, other))
    return apply(arith.SubfOp, apply(arith.SubfOp, a, product), error)


def _is_power_of_two(value: SSAValue) -> bool:
    """Whether ``value`` is a constant whose quotients and products are exact."""
    stated = value.owner.value if isinstance(value.owner, arith.ConstantOp) else None
    number = abs(float(stated.value.data)) if isinstance(stated, FloatAttr) else 0.0
    return 2.0**-60 <= number <= 2.0**60 and frexp(number)[0] == 0.5


def _divide(builder: Builder, a: SSAValue, b: SSAValue, element: Element, remainder: bool) -> SSAValue:
    """Toward minus infinity; by zero gives 0, as in NumPy, and the least integer by -1 wraps."""
    if _is_positive(b):
        return _quotient(builder, a, b, element, remainder)
    unsigned = is_unsigned(element)
    zero, one = constant(builder, 0, element), constant(builder, 1, element)
    bad = builder.insert(compare_integers("eq", b, zero)).result
    if not unsigned:
        minus = builder.insert(compare_integers("eq", b, constant(builder, -1, element))).result
        bad = builder.insert(binary(arith.OrIOp, bad, minus)).results[0]
    divisor = builder.insert(select(bad, one, b)).result
    result = _quotient(builder, a, divisor, element, remainder)
    other = zero
    if not unsigned and not remainder:
        negated = builder.insert(arith.SubiOp(zero, a)).result
        other = builder.insert(select(builder.insert(compare_integers("eq", b, zero)).result, zero, negated)).result
    return builder.insert(select(bad, other, result)).result


def _is_positive(value: SSAValue) -> bool:
    """Whether ``value`` is a constant above 0."""
    stated = value.owner.value if isinstance(value.owner, arith.ConstantOp) else None
    return isinstance(stated, IntegerAttr) and stated.value.data > 0


def _quotient(builder: Builder, a: SSAValue, b: SSAValue, element: Element, remainder: bool) -> SSAValue:
    """By what is neither 0 nor, unless all are positive, -1."""
    if is_unsigned(element):
        return builder.insert(binary(arith.RemUIOp if remainder else arith.DivUIOp, a, b)).results[0]
    if not remainder:
        return builder.insert(binary(arith.FloorDivSIOp, a, b)).results[0]
    zero = constant(builder, 0, element)
    rest = builder.insert(binary(arith.RemSIOp, a, b)).results[0]
    signs = builder.insert(binary(arith.XOrIOp, rest, b)).results[0]
    apart = builder.insert(compare_integers("slt", signs, zero)).result
    uneven = builder.insert(compare_integers("ne", rest, zero)).result
    moved = builder.insert(INTEGERS["add"](rest, b)).results[0]
    return builder.insert(select(builder.insert(binary(arith.AndIOp, apart, uneven)).results[0], moved, rest)).result


def _shift(left: bool) -> Compound:
    """By the width or more leaves nothing but the sign."""

    def make(builder: Builder, a: SSAValue, b: SSAValue, element: Element) -> SSAValue:
        if not is_integer(element):
            raise TypeError("shift of a float")
        kind = arith.ShLIOp if left else arith.ShRUIOp if is_unsigned(element) else arith.ShRSIOp
        most = constant(builder, bits(element) - 1, element)
        within = builder.insert(compare_integers("ule", b, most)).result
        amount = builder.insert(select(within, b, most)).result
        result = builder.insert(binary(kind, a, amount)).results[0]
        if kind is arith.ShRSIOp:
            return result
        return builder.insert(select(within, result, constant(builder, 0, element))).result

    return make


COMPOUND: Mapping[str, Compound] = {
    "floordiv": _floor_divide,
    "mod": _modulo,
    "shl": _shift(True),
    "shr": _shift(False),
}
"""What takes several ops."""
WHOLE_ONLY = ("shl", "shr")
