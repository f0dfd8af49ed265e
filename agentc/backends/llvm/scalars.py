"""Scalar ops of ``arith`` and ``math`` as LLVM instructions."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

from llvmlite import ir
from xdsl.dialects import arith, math, scf, vector
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IndexType, IntegerAttr, IntegerType
from xdsl.ir import Attribute, Operation

from agentc.analyses.by_identity import ByIdentity
from agentc.analyses.kernel_dims import bits, is_vector, name_of
from agentc.backends.llvm.builder import external
from agentc.backends.llvm.functions import Functions, Traits
from agentc.backends.llvm.halves import of_bf16, of_f16, to_bf16, to_f16
from agentc.dialects.vector_ext import CastOp, CompareOp, SelectOp

Values: TypeAlias = list[Any]
I64 = ir.IntType(64)

FLOAT_BINARY: Mapping[type[Operation], str] = {
    arith.AddfOp: "fadd",
    arith.SubfOp: "fsub",
    arith.MulfOp: "fmul",
    arith.DivfOp: "fdiv",
}
INTEGER_BINARY: Mapping[type[Operation], str] = {
    arith.AddiOp: "add",
    arith.SubiOp: "sub",
    arith.MuliOp: "mul",
    arith.AndIOp: "and_",
    arith.OrIOp: "or_",
    arith.XOrIOp: "xor",
    arith.ShLIOp: "shl",
    arith.ShRSIOp: "ashr",
    arith.ShRUIOp: "lshr",
    arith.DivSIOp: "sdiv",
    arith.DivUIOp: "udiv",
    arith.RemSIOp: "srem",
    arith.RemUIOp: "urem",
}
INTRINSICS: Mapping[type[Operation], str] = {
    arith.MaximumfOp: "llvm.maximum",
    arith.MinimumfOp: "llvm.minimum",
    arith.MaxSIOp: "llvm.smax",
    arith.MinSIOp: "llvm.smin",
    arith.MaxUIOp: "llvm.umax",
    arith.MinUIOp: "llvm.umin",
    math.SqrtOp: "llvm.sqrt",
    math.AbsFOp: "llvm.fabs",
    math.SinOp: "llvm.sin",
    math.CosOp: "llvm.cos",
    math.FloorOp: "llvm.floor",
    math.CeilOp: "llvm.ceil",
    math.RoundEvenOp: "llvm.roundeven",
    math.PowFOp: "llvm.pow",
}
VECTORIZABLE: Mapping[type[Operation], str] = {math.ExpOp: "exp", math.LogOp: "log", math.TanhOp: "tanh"}
CASTS: Mapping[type[Operation], str] = {
    arith.SIToFPOp: "sitofp",
    arith.UIToFPOp: "uitofp",
    arith.ExtFOp: "fpext",
    arith.TruncFOp: "fptrunc",
    arith.TruncIOp: "trunc",
    arith.ExtSIOp: "sext",
    arith.ExtUIOp: "zext",
}
BF16 = (arith.ExtFOp, arith.TruncFOp, arith.SelectOp, arith.SIToFPOp, arith.UIToFPOp, arith.NegfOp, arith.CmpfOp)
"""What halves in 16 bits would need a form of their own for; a constant has none, either."""
F16: Mapping[type[Operation], Callable[[Any, Any], Any]] = {arith.ExtFOp: of_f16, arith.TruncFOp: to_f16}
"""What stands for the conversions that a processor lacks."""
FLOAT_PREDICATES: Mapping[str, str] = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@lru_cache(maxsize=1024)
def llvm_type(type_: Attribute) -> Any:
    """The LLVM type of a scalar, or of a vector of them, row after row."""
    if is_vector(type_):
        return ir.VectorType(llvm_type(type_.element_type), prod(type_.get_shape()))
    if isinstance(type_, IndexType):
        return I64
    if isinstance(type_, IntegerType):
        return ir.IntType(bits(type_))
    return {"f32": ir.FloatType(), "f64": ir.DoubleType(), "f16": ir.HalfType(), "bf16": ir.IntType(16)}[name_of(type_)]


@lru_cache(maxsize=1024)
def memory_type(type_: Attribute) -> Any:
    """The LLVM type of an element in memory: a truth value is a byte."""
    return ir.IntType(8) if name_of(type_) == "i1" else llvm_type(type_)


def to_memory(build: Any, value: Any) -> Any:
    """``value`` as it is stored."""
    return build.zext(value, ir.IntType(8)) if value.type == ir.IntType(1) else value


def from_memory(build: Any, value: Any, type_: Attribute) -> Any:
    """What was loaded as a value of ``type_``."""
    return build.trunc(value, ir.IntType(1)) if name_of(type_) == "i1" else value


def convert_lanes(build: Any, op: CastOp, value: Any, traits: Traits) -> Any:
    """Each lane of ``value`` converted."""
    if "bf16" in f"{op.input.type} {op.result.type}":
        return of_bf16(build, value) if op.kind.data == "extf" else to_bf16(build, value)
    if traits.lacks_halves and "f16" in f"{op.input.type} {op.result.type}":
        return of_f16(build, value) if op.kind.data == "extf" else to_f16(build, value)
    names = {"extf": "fpext", "truncf": "fptrunc", "trunci": "trunc", "extsi": "sext", "extui": "zext"}
    return getattr(build, names.get(op.kind.data, op.kind.data))(value, llvm_type(op.result.type))


def flags_of(op: Operation) -> tuple[str, ...]:
    """The fast-math flags that ``op`` carries, as LLVM spells them, but for those that would do more than they are for.

    Terms of a sum may change places (``reassoc``); elsewhere LLVM would also make ``(x + y) - x`` of ``y``, which keeps
    no NaN, and ``(x + y) * s`` of ``x * s + y * s``, which overflows sooner. What is rounded to a narrower type LLVM
    computes in that type: there the inverse of a divisor (``arcp``) is infinite soon, and a sum with a product that
    processors add in one step (``contract``, AVX512-FP16) is rounded once.
    """
    found = op.properties.get("fastmath")
    if not isinstance(found, arith.FastMathFlagsAttr):
        return ()
    user = op.results[0].first_use
    return _spelled(found, _reduces(op), user is not None and type(user.operation) is arith.TruncFOp)


def _reduces(op: Operation) -> bool:
    """Whether terms go into the result of ``op`` one by one: over lanes, parts, or the steps of a loop, which hands it
    to its next step."""
    if isinstance(op, vector.ReductionOp):
        return True
    loop, user = op.parent_op(), op.results[0].first_use
    if not isinstance(loop, scf.ForOp) or user is None or not isinstance(user.operation, scf.YieldOp):
        return isinstance(loop, scf.ReduceOp)
    return loop.body.block.args[1 + user.index] in op.operands


@lru_cache(maxsize=64)
def _spelled(flags: arith.FastMathFlagsAttr, reduces: bool, rounded: bool) -> tuple[str, ...]:
    dropped = {*(() if reduces else ("reassoc",)), *(("reassoc", "arcp", "contract") if rounded else ())}
    return tuple(sorted(f.value for f in flags.data if f.value not in dropped))


class Scalars:
    """Emits scalar ops into one function."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions

    def emit(self, build: Any, op: Operation, values: Values) -> Any:
        """The value of ``op``, or ``None`` if it is no scalar op."""
        kind = type(op)
        if (name := INTEGER_BINARY.get(kind)) is not None:
            return getattr(build, name)(values[0], values[1])
        if (name := FLOAT_BINARY.get(kind)) is not None:
            return getattr(build, name)(values[0], values[1], "", flags_of(op))
        if kind is arith.ConstantOp:
            return constant(op.properties["value"])
        if kind in INTRINSICS:
            return self._intrinsic(build, INTRINSICS[kind], op, values)
        if kind in VECTORIZABLE:
            return build.call(self.functions.get(VECTORIZABLE[kind], values[0].type), values)
        if kind in BF16 and "bf16" in (name_of(op.results[0].type), *(name_of(o.type) for o in op.operands)):
            return _bf16(build, op, values)
        if (
            kind in F16
            and self.functions.traits.lacks_halves
            and "f16" in (name_of(op.results[0].type), name_of(op.operands[0].type))
        ):
            return F16[kind](build, values[0])
        if kind in CASTS:
            return getattr(build, CASTS[kind])(values[0], llvm_type(op.results[0].type))
        return self._other(build, op, values)

    def _intrinsic(self, build: Any, name: str, op: Operation, values: Values) -> Any:
        module, type_ = self.functions.module, values[0].type
        if isinstance(type_, ir.VectorType):
            full = f"{name}.v{type_.count}{type_.element.intrinsic_name}"
            callee = external(module, full, type_, [v.type for v in values])
        else:
            own = self.functions.other(name.removeprefix("llvm."), type_)
            callee = own or module.declare_intrinsic(name, [type_], _signature(values))
        return build.call(callee, values, fastmath=flags_of(op))

    def _other(self, build: Any, op: Operation, values: Values) -> Any:
        match op:
            case arith.CmpiOp():
                return _compare_integers(build, arith.CMPI_COMPARISON_OPERATIONS[op.predicate.value.data], values)
            case CompareOp():
                whole = isinstance(values[0].type.element, ir.IntType)
                return (_compare_integers if whole else _compare_floats)(build, op.kind.data, values)
            case arith.SelectOp() | SelectOp():
                return build.select(*values)
            case arith.IndexCastOp():
                return _index_cast(build, op, values[0])
            case arith.CmpfOp():
                return _compare_floats(build, arith.CMPF_COMPARISON_OPERATIONS[op.predicate.value.data], values)
            case arith.NegfOp():
                return build.fneg(values[0], flags=flags_of(op))
            case arith.FloorDivSIOp():
                return floor_divide(build, values)
            case arith.BitcastOp():
                return build.bitcast(values[0], llvm_type(op.results[0].type))
            case arith.FPToSIOp():
                return self._to_integer(build, op, values[0], "fptosi")
            case arith.FPToUIOp():
                return self._to_integer(build, op, values[0], "fptoui")
            case _:
                return None

    def _to_integer(self, build: Any, op: Operation, value: Any, kind: str) -> Any:
        """Toward zero; out of range saturates and NaN is 0, where a plain conversion would be undefined."""
        target = llvm_type(op.results[0].type)
        suffix = f"{target.intrinsic_name}.{value.type.intrinsic_name}"
        name = f"llvm.{kind}.sat.{suffix}"
        return build.call(external(self.functions.module, name, target, [value.type]), [value])


def _bf16(build: Any, op: Operation, values: Values) -> Any:
    """The upper half of single precision, rounded to nearest even; kept as an integer, which every target has."""
    match op:
        case arith.ExtFOp():
            return of_bf16(build, values[0])
        case arith.TruncFOp():
            return to_bf16(build, values[0])
        case arith.SelectOp():
            return build.select(*values)
        case _:
            return None


def floor_divide(build: Any, values: Values) -> Any:
    """The quotient toward minus infinity."""
    quotient, rest = build.sdiv(*values), build.srem(*values)
    zero = ir.Constant(rest.type, 0)
    apart = build.icmp_signed("<", build.xor(rest, values[1]), zero)
    uneven = build.and_(build.icmp_signed("!=", rest, zero), apart)
    return build.sub(quotient, build.zext(uneven, rest.type))


def _signature(values: Values) -> ir.FunctionType:
    return ir.FunctionType(values[0].type, [v.type for v in values])


def _constant(value: Attribute) -> ir.Constant:
    if isinstance(value, DenseIntOrFPElementsAttr):
        return ir.Constant(llvm_type(value.type), list(value.iter_values()))
    assert isinstance(value, IntegerAttr | FloatAttr)
    return ir.Constant(llvm_type(value.get_type()), value.value.data)


constant = ByIdentity(_constant)
"""The constant that an attribute is: a number, or one for each lane. By identity, as 0.0 and -0.0 are equal."""


def _compare_floats(build: Any, name: str, values: Values) -> Any:
    emit = build.fcmp_unordered if name.startswith("u") else build.fcmp_ordered
    return emit(FLOAT_PREDICATES[name[1:]], *values, flags=())


def _compare_integers(build: Any, name: str, values: Values) -> Any:
    emit = build.icmp_unsigned if name.startswith("u") else build.icmp_signed
    return emit(FLOAT_PREDICATES[name if name in ("eq", "ne") else name[1:]], *values)


def _index_cast(build: Any, op: Operation, value: Any) -> Any:
    target = llvm_type(op.results[0].type)
    if value.type == target:
        return value
    return build.sext(value, target) if value.type.width < target.width else build.trunc(value, target)
