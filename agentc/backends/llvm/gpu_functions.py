"""Math functions for GPUs, where there is no C library: at a ``sin`` that it cannot select, LLVM's code generator ends
the process.

The polynomials are those of the Cephes library (S. Moshier, 1984-2000: ``sin.c``, ``sinf.c``, ``log.c``, ``tanh.c``).
Sines reduce their argument by three fused products in double precision (Cody and Waite, 1980), which keeps an absolute
error of 1e-16 up to 2^50; beyond that neighboring arguments are more than a quarter turn apart. ``pow`` is
``exp(y log x)`` in double precision: a relative error of 1e-13 at most.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Mapping
from typing import Any

from llvmlite import ir

from agentc.backends.llvm.builder import external
from agentc.backends.llvm.functions import FLAGS, Body, Functions, fused, log_specials, number, polynomial, two

DOUBLE = ir.DoubleType()
I64 = ir.IntType(64)
TWO_OVER_PI = 0.6366197723675814
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)
"""pi/2 in three doubles."""
SIN_F32 = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS_F32 = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
SIN_F64 = (
    1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
    -1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1,
)  # fmt: skip
COS_F64 = (
    -1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7,
    2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2,
)  # fmt: skip
LOG_P = (
    1.01875663804580931796e-4, 4.97494994976747001425e-1, 4.70579119878881725854e0,
    1.44989225341610930846e1, 1.79368678507819816313e1, 7.70838733755885391666e0,
)  # fmt: skip
LOG_Q = (
    1.0, 1.12873587189167450590e1, 4.52279145837532221105e1,
    8.29875266912776603211e1, 7.11544750618563894466e1, 2.31251620126765340583e1,
)  # fmt: skip
TANH_P = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
TANH_Q = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)


class GpuFunctions(Functions):
    """The math functions of a module for a GPU."""

    def get(self, name: str, type_: Any) -> ir.Function:
        """The function ``name`` (``exp``, ``log`` or ``tanh``) on ``type_``."""
        return self.other(name, type_) or super().get(name, type_)

    def other(self, name: str, type_: Any) -> ir.Function | None:
        """``sin``, ``cos``, ``pow``, and what ``Functions`` leaves to the C library; ``None`` for all else."""
        short = type_.intrinsic_name
        signature = two(type_) if name == "pow" else ir.FunctionType(type_, [type_])
        if short == "f16" and name in NAMES:
            return self.define(f"agentc.{name}.f16", signature, _widened(name, ir.FloatType()))
        body = BODIES.get((name, short))
        return self.define(f"agentc.{name}.{short}", signature, body) if body is not None else None

    def call(self, build: Any, name: str, *values: Any) -> Any:
        """The value of ``name``; one of LLVM's own that every GPU has, if this class has none."""
        known = self.get(name, values[0].type) if name in NAMES else None
        signature = two(values[0].type) if len(values) == 2 else ir.FunctionType(values[0].type, [values[0].type])
        return build.call(known or self.module.declare_intrinsic(f"llvm.{name}", [values[0].type], signature), values)


def _widened(name: str, type_: Any) -> Body:
    """The function in the wider type ``type_``."""

    def body(functions: GpuFunctions, build: Any, *values: Any) -> Any:
        wide = functions.call(build, name, *(build.fpext(value, type_) for value in values))
        return build.fptrunc(wide, values[0].type)

    return body


def _turned(quarter: int) -> Body:
    """sin(x + ``quarter`` pi/2)."""

    def body(functions: GpuFunctions, build: Any, x: Any) -> Any:
        wide = build.fpext(x, DOUBLE) if x.type != DOUBLE else x
        turns = functions.call(build, "roundeven", build.fmul(wide, number(TWO_OVER_PI, wide)))
        rest = wide
        for part in HALF_PI:
            rest = build.fma(turns, number(-part, wide), rest)
        rest = build.fptrunc(rest, x.type) if x.type != DOUBLE else rest
        place = build.add(_whole(functions, build, turns), ir.Constant(I64, quarter))
        odd, negative = (_bit(build, place, bit) for bit in range(2))
        value = build.select(odd, _cosine(build, rest), _sine(build, rest))
        return build.select(negative, build.fneg(value), value)

    return body


def _whole(functions: GpuFunctions, build: Any, turns: Any) -> Any:
    """A whole number as an integer; what is beyond all integers, and NaN, as some integer."""
    return build.call(external(functions.module, "llvm.fptosi.sat.i64.f64", I64, [DOUBLE]), [turns])


def _bit(build: Any, value: Any, bit: int) -> Any:
    return build.trunc(build.lshr(value, ir.Constant(I64, bit)), ir.IntType(1))


def _sine(build: Any, r: Any) -> Any:
    square = build.fmul(r, r, flags=FLAGS)
    inner = polynomial(build, square, SIN_F64 if r.type == DOUBLE else SIN_F32)
    return fused(build, build.fmul(r, square, flags=FLAGS), inner, r)


def _cosine(build: Any, r: Any) -> Any:
    square = build.fmul(r, r, flags=FLAGS)
    inner = polynomial(build, square, COS_F64 if r.type == DOUBLE else COS_F32)
    fourth = build.fmul(square, square, flags=FLAGS)
    return fused(build, fourth, inner, fused(build, square, number(-0.5, r), number(1.0, r)))


def _log_f64(functions: GpuFunctions, build: Any, x: Any) -> Any:
    """log(m x 2^e) with m in [sqrt(1/2), sqrt(2))."""
    tiny = build.fcmp_ordered("<", x, number(2.2250738585072014e-308, x))
    bits = build.bitcast(build.select(tiny, build.fmul(x, number(2.0**54, x)), x), I64)
    exponent = build.sub(build.lshr(bits, ir.Constant(I64, 52)), ir.Constant(I64, 1022))
    exponent = build.sub(exponent, build.select(tiny, ir.Constant(I64, 54), ir.Constant(I64, 0)))
    mantissa = build.or_(build.and_(bits, ir.Constant(I64, (1 << 52) - 1)), ir.Constant(I64, 1022 << 52))
    m = build.bitcast(mantissa, DOUBLE)
    small = build.fcmp_ordered("<", m, number(0.70710678118654752440, x))
    e = build.sitofp(build.sub(exponent, build.zext(small, I64)), DOUBLE)
    m = build.fsub(build.select(small, build.fadd(m, m), m), number(1.0, x))
    square = build.fmul(m, m, flags=FLAGS)
    ratio = build.fdiv(polynomial(build, m, LOG_P), polynomial(build, m, LOG_Q))
    y = build.fmul(build.fmul(square, ratio, flags=FLAGS), m, flags=FLAGS)
    y = fused(build, e, number(-2.121944400546905827679e-4, x), y)
    y = fused(build, square, number(-0.5, x), y)
    return log_specials(build, x, fused(build, e, number(0.693359375, x), build.fadd(m, y)))


def _tanh_f64(functions: GpuFunctions, build: Any, x: Any) -> Any:
    """A rational near 0, where the other form cancels; 1 - 2 / (e^2|x| + 1) with the sign of x elsewhere."""
    magnitude = functions.call(build, "fabs", x)
    power = functions.call(build, "exp", build.fadd(magnitude, magnitude))
    far = build.fsub(number(1.0, x), build.fdiv(number(2.0, x), build.fadd(power, number(1.0, x))))
    square = build.fmul(x, x, flags=FLAGS)
    ratio = build.fdiv(polynomial(build, square, TANH_P), polynomial(build, square, TANH_Q))
    near = fused(build, build.fmul(x, square, flags=FLAGS), ratio, x)
    is_near = build.fcmp_ordered("<", magnitude, number(0.625, x))
    return build.select(is_near, near, functions.call(build, "copysign", far, x))


def _pow(functions: GpuFunctions, build: Any, x: Any, y: Any) -> Any:
    """As C's (annex F): 1 where x is 1 or y is 0, the sign of x where y is odd, NaN for roots of what is below 0."""
    one, zero, half = number(1.0, x), number(0.0, x), number(0.5, x)
    magnitude = functions.call(build, "fabs", x)
    size = functions.call(build, "exp", build.fmul(y, functions.call(build, "log", magnitude)))
    size = build.select(build.fcmp_ordered("==", magnitude, one), one, size)
    halved = build.fmul(y, half)
    whole = build.fcmp_ordered("==", functions.call(build, "floor", y), y)
    even = build.fcmp_ordered("==", functions.call(build, "floor", halved), halved)
    below = build.icmp_signed("<", build.bitcast(x, I64), ir.Constant(I64, 0))
    odd = build.and_(whole, build.not_(even))
    value = build.select(build.and_(below, odd), build.fneg(size), size)
    finite = build.fcmp_ordered("<", magnitude, number(float("inf"), x))
    root = build.and_(build.and_(build.fcmp_ordered("<", x, zero), finite), build.not_(whole))
    value = build.select(root, number(float("nan"), x), value)
    either = build.or_(build.fcmp_ordered("==", x, one), build.fcmp_ordered("==", y, zero))
    return build.select(either, one, value)


NAMES = frozenset({"exp", "log", "tanh", "sin", "cos", "pow"})
"""What has no instruction on every GPU."""
BODIES: Mapping[tuple[str, str], Body] = {
    ("sin", "f32"): _turned(0),
    ("sin", "f64"): _turned(0),
    ("cos", "f32"): _turned(1),
    ("cos", "f64"): _turned(1),
    ("log", "f64"): _log_f64,
    ("tanh", "f64"): _tanh_f64,
    ("pow", "f32"): _widened("pow", DOUBLE),
    ("pow", "f64"): _pow,
}
