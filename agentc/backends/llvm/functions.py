"""Math functions that vectorize: small internal functions of polynomials, where the C library's are scalar calls.

The single-precision coefficients of log and tanh and the double-precision rational for exp are those of the Cephes
library (S. Moshier, 1984-2000: ``exp.c``, ``logf.c``, ``tanhf.c``). Infinities and NaN come out as in the C library;
subnormal results too. Nothing here is reassociated: the reductions of the argument depend on the order of rounding.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llvmlite import ir

from agentc.backends.llvm.builder import Builder, external
from agentc.support.record import record

FLAGS = ("contract",)
EXP_F32 = (1.38145401768e-3, 8.36874510894e-3, 4.16683907835e-2, 1.66665203990e-1, 4.99999934321e-1, 1.0, 1.0)
"""The polynomial of degree 6, with 1 + x as its last terms, whose relative error from e^x is the least in ±ln(2)/2 (by
Remez's exchange): 4e-9 as rounded to single precision, where its last step rounds by 6e-8."""
EXP_F64_P = (1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1)
EXP_F64_Q = (3.00198505138664455042e-6, 2.52448340349684104192e-3, 2.27265548208155028766e-1, 2.0)
LOG_F32 = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
TANH_F32 = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
LOG2_E = 1.44269504088896340736


@record
class ExpShape:
    """What differs between the precisions of exp."""

    integer: ir.IntType
    magic: float
    """1.5 x 2^(mantissa bits): adding it leaves the rounded value in the low bits."""
    magic_bits: int
    high: float
    low: float
    """ln 2 in two parts, the first with few bits."""
    smallest: float
    largest: float
    """Beyond these the result is 0 or infinity anyway."""
    bias: int
    shift: int


EXP_SHAPES: Mapping[str, ExpShape] = {
    "f32": ExpShape(ir.IntType(32), 12582912.0, 0x4B400000, 0.693359375, -2.12194440e-4, -104.0, 89.0, 127, 23),
    "f64": ExpShape(
        ir.IntType(64),
        6755399441055744.0,
        0x4338000000000000,
        6.93145751953125e-1,
        1.42860682030941723212e-6,
        -746.0,
        710.0,
        1023,
        52,
    ),  # fmt: skip
}


@record
class Traits:
    """What a target has that others have not."""

    scales: bool = False
    """It multiplies by a power of two, and looks up in 16 numbers, in one instruction: AVX-512."""
    fetches_pages: bool = False
    """It fetches ahead within one page for each stretch of memory that is read: Intel's processors."""
    lacks_halves: bool = False
    """It has no instructions that convert f16: x86 before F16C."""
    registers: int = 16 * 16
    """Bytes that its vector registers hold together, at least: every processor here has 16 of 128 bits."""


NONE = Traits()


class Functions:
    """The math functions of one LLVM module, each made when it is first asked for."""

    def __init__(self, module: ir.Module, traits: Traits = NONE) -> None:
        self.module, self.traits = module, traits

    def get(self, name: str, type_: Any) -> ir.Function:
        """The function ``name`` (``exp``, ``log`` or ``tanh``) on ``type_``."""
        short = type_.intrinsic_name
        body = BODIES.get((name, short))
        if body is None:
            return self.module.declare_intrinsic(f"llvm.{name}", [type_], ir.FunctionType(type_, [type_]))
        return self.define(f"agentc.{name}.{short}", ir.FunctionType(type_, [type_]), body)

    def other(self, name: str, type_: Any) -> ir.Function | None:
        """What stands for LLVM's ``sin``, ``cos`` or ``pow``; ``None`` where the C library has it."""
        return None

    def define(self, symbol: str, signature: ir.FunctionType, body: "Body") -> ir.Function:
        """The function ``symbol``, made of ``body`` if it is new."""
        found = self.module.globals.get(symbol)
        if isinstance(found, ir.Function):
            return found
        function = ir.Function(self.module, signature, symbol)
        function.linkage = "internal"
        function.attributes.add("alwaysinline")
        build = Builder(function.append_basic_block("entry"))
        build.ret(body(self, build, *function.args))
        return function


Body = Callable[..., Any]
"""Takes the functions of the module, a builder and the arguments; gives the result."""


def number(value: float, like: Any) -> ir.Constant:
    """A constant of the type of ``like``."""
    return ir.Constant(like.type, value)


def polynomial(build: Any, x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's scheme, highest power first."""
    total: Any = number(coefficients[0], x)
    for coefficient in coefficients[1:]:
        total = fused(build, total, x, number(coefficient, x))
    return total


def fused(build: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, fused where the processor can."""
    return build.fadd(build.fmul(a, b, flags=FLAGS), c, flags=FLAGS)


def _clamp(build: Any, x: Any, low: float, high: float) -> Any:
    """NaN stays NaN, as it compares false."""
    x = build.select(build.fcmp_ordered("<", x, number(low, x)), number(low, x), x)
    return build.select(build.fcmp_ordered(">", x, number(high, x)), number(high, x), x)


def _exp(functions: Functions, build: Any, x: Any) -> Any:
    """2^n x e^r with n whole and r in ±ln(2)/2; 2^n is made of two factors, so that subnormal results are right.

    Exponents have a bias in them: that of 2^n is made with two of it and that of 2^(n/2) with one, so that their
    difference has one as well.
    """
    short: str = x.type.intrinsic_name
    shape = EXP_SHAPES[short]
    x = _clamp(build, x, shape.smallest, shape.largest)
    scales = functions.traits.scales
    magic = number(shape.magic if scales else shape.magic + 2 * shape.bias, x)
    shifted = fused(build, x, number(LOG2_E, x), magic)
    whole = build.fsub(shifted, magic)
    rest = fused(build, whole, number(-shape.high, x), x)
    rest = fused(build, whole, number(-shape.low, x), rest)
    power = polynomial(build, rest, EXP_F32) if short == "f32" else _exp_f64(build, rest)
    bits = build.bitcast(shifted, shape.integer)
    if scales:
        return _scaled(functions, build, power, build.sub(bits, ir.Constant(shape.integer, shape.magic_bits)))
    half = fused(build, whole, number(0.5, x), number(shape.magic + shape.bias, x))
    first, both = (_exponent(build, shape, word) for word in (build.bitcast(half, shape.integer), bits))
    for factor in (build.sub(both, first), first):
        power = build.fmul(power, build.bitcast(factor, x.type))
    return power


def _exponent(build: Any, shape: ExpShape, word: Any) -> Any:
    """The low bits of ``word`` as the exponent of a number; what is above them goes."""
    return build.shl(word, ir.Constant(shape.integer, shape.shift))


def _scaled(functions: Functions, build: Any, x: Any, exponent: Any) -> Any:
    """``x`` times two to the ``exponent``, by LLVM's own op for it."""
    i32 = ir.IntType(32)
    name = f"llvm.ldexp.{x.type.intrinsic_name}.i32"
    callee = external(functions.module, name, x.type, [x.type, i32])
    return build.call(callee, [x, exponent if exponent.type == i32 else build.trunc(exponent, i32)])


def _exp_f64(build: Any, r: Any) -> Any:
    square = build.fmul(r, r, flags=FLAGS)
    odd = build.fmul(r, polynomial(build, square, EXP_F64_P), flags=FLAGS)
    ratio = build.fdiv(odd, build.fsub(polynomial(build, square, EXP_F64_Q), odd, flags=FLAGS))
    return fused(build, ratio, number(2.0, r), number(1.0, r))


def _log_f32(functions: Functions, build: Any, x: Any) -> Any:
    """log(m x 2^e) with m in [sqrt(1/2), sqrt(2))."""
    i32 = ir.IntType(32)
    tiny = build.fcmp_ordered("<", x, number(1.1754943508222875e-38, x))
    scaled = build.select(tiny, build.fmul(x, number(8388608.0, x)), x)
    bits = build.bitcast(scaled, i32)
    exponent = build.sub(build.lshr(bits, ir.Constant(i32, 23)), ir.Constant(i32, 126))
    exponent = build.sub(exponent, build.select(tiny, ir.Constant(i32, 23), ir.Constant(i32, 0)))
    mantissa = build.or_(build.and_(bits, ir.Constant(i32, 0x007FFFFF)), ir.Constant(i32, 0x3F000000))
    m = build.bitcast(mantissa, x.type)
    small = build.fcmp_ordered("<", m, number(0.70710678118654752440, x))
    exponent = build.sub(exponent, build.zext(small, i32))
    m = build.fsub(build.select(small, build.fadd(m, m), m), number(1.0, x))
    e = build.sitofp(exponent, x.type)
    square = build.fmul(m, m, flags=FLAGS)
    y = build.fmul(build.fmul(polynomial(build, m, LOG_F32), m, flags=FLAGS), square, flags=FLAGS)
    y = fused(build, e, number(-2.12194440e-4, x), y)
    y = fused(build, square, number(-0.5, x), y)
    result = fused(build, e, number(0.693359375, x), build.fadd(m, y))
    return log_specials(build, x, result)


def log_specials(build: Any, x: Any, result: Any) -> Any:
    """``result``, or what log gives for infinity, 0, what is below it, and NaN."""
    infinity, zero = number(float("inf"), x), number(0.0, x)
    result = build.select(build.fcmp_ordered("==", x, infinity), infinity, result)
    result = build.select(build.fcmp_ordered("==", x, zero), number(float("-inf"), x), result)
    return build.select(build.fcmp_unordered("<", x, zero), number(float("nan"), x), result)


def _tanh_f32(functions: Functions, build: Any, x: Any) -> Any:
    """A polynomial near 0, where the other form cancels; 1 - 2 / (e^2|x| + 1) with the sign of x elsewhere."""
    magnitude = build.call(functions.module.declare_intrinsic("llvm.fabs", [x.type]), [x])
    power = build.call(functions.get("exp", x.type), [build.fadd(magnitude, magnitude)])
    far = build.fsub(number(1.0, x), build.fdiv(number(2.0, x), build.fadd(power, number(1.0, x))))
    far = build.call(functions.module.declare_intrinsic("llvm.copysign", [x.type], two(x.type)), [far, x])
    square = build.fmul(x, x, flags=FLAGS)
    near = fused(build, build.fmul(polynomial(build, square, TANH_F32), square, flags=FLAGS), x, x)
    return build.select(build.fcmp_ordered("<", magnitude, number(0.625, x)), near, far)


def two(type_: Any) -> ir.FunctionType:
    """The type of a function of two values."""
    return ir.FunctionType(type_, [type_, type_])


BODIES: Mapping[tuple[str, str], Body] = {
    ("exp", "f32"): _exp,
    ("exp", "f64"): _exp,
    ("log", "f32"): _log_f32,
    ("tanh", "f32"): _tanh_f32,
}
