"""``arith`` and ``math`` on NumPy numbers, and on whole arrays of them at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IntegerAttr
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Attribute, Operation

DTYPES: Mapping[str, str] = {
    "index": "int64",
    "i64": "int64",
    "i32": "int32",
    "i16": "int16",
    "i8": "int8",
    "i1": "bool",
    "f64": "float64",
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
}


def dtype_of(type_: Attribute) -> Any:
    """The NumPy type of a scalar, or of the elements of a tensor, memory or vector."""
    element = cast("Attribute", getattr(type_, "element_type", type_))
    return np.dtype(DTYPES[str(element)])


def nonsense(shape: Sequence[int], dtype: Any) -> Any:
    """Memory as nobody may expect it: NaN, or numbers that are no size and no place."""
    filler = {"b": True, "i": -0x5B}.get(dtype.kind, np.nan)
    return np.full(shape, filler, dtype)


def as_type(value: Any, type_: Attribute) -> Any:
    """``value`` with exactly the type that the IR says; integers without sign keep their bits."""
    array = np.asarray(value)
    wanted = dtype_of(type_)
    if array.dtype.kind == "u" and array.dtype.itemsize == wanted.itemsize and array.ndim:
        return array.view(wanted)
    return array.astype(wanted)


def unsigned(value: Any) -> Any:
    """The bits of an integer, read without sign."""
    array = np.asarray(value)
    return array.astype(f"u{array.dtype.itemsize}") if array.dtype.kind == "i" else array


def _floor_divide(a: Any, b: Any) -> Any:
    return np.where(b == 0, 0, a // np.where(b == 0, 1, b))


def _remainder(a: Any, b: Any) -> Any:
    """Of the sign of ``a``, as C's."""
    return np.fmod(a, np.where(b == 0, 1, b))


def _quotient(a: Any, b: Any) -> Any:
    safe = np.where(b == 0, 1, b)
    return (a - np.fmod(a, safe)) // safe


BINARY: Mapping[type[Operation], Callable[[Any, Any], Any]] = {
    arith.AddiOp: np.add,
    arith.SubiOp: np.subtract,
    arith.MuliOp: np.multiply,
    arith.AddfOp: np.add,
    arith.SubfOp: np.subtract,
    arith.MulfOp: np.multiply,
    arith.DivfOp: np.divide,
    arith.MaximumfOp: np.maximum,
    arith.MinimumfOp: np.minimum,
    arith.MaxSIOp: np.maximum,
    arith.MinSIOp: np.minimum,
    arith.MaxUIOp: lambda a, b: np.maximum(unsigned(a), unsigned(b)),
    arith.MinUIOp: lambda a, b: np.minimum(unsigned(a), unsigned(b)),
    arith.AndIOp: np.bitwise_and,
    arith.OrIOp: np.bitwise_or,
    arith.XOrIOp: np.bitwise_xor,
    arith.ShLIOp: np.left_shift,
    arith.ShRSIOp: np.right_shift,
    arith.ShRUIOp: lambda a, b: np.right_shift(unsigned(a), unsigned(b)),
    arith.FloorDivSIOp: _floor_divide,
    arith.DivSIOp: _quotient,
    arith.RemSIOp: _remainder,
    arith.DivUIOp: lambda a, b: _floor_divide(unsigned(a), unsigned(b)),
    arith.RemUIOp: lambda a, b: _remainder(unsigned(a), unsigned(b)),
    math.PowFOp: np.power,
}
UNARY: Mapping[type[Operation], Callable[[Any], Any]] = {
    arith.NegfOp: np.negative,
    math.AbsFOp: np.abs,
    math.ExpOp: np.exp,
    math.LogOp: np.log,
    math.SqrtOp: np.sqrt,
    math.TanhOp: np.tanh,
    math.SinOp: np.sin,
    math.CosOp: np.cos,
    math.FloorOp: np.floor,
    math.CeilOp: np.ceil,
    math.RoundEvenOp: np.rint,
    arith.ExtFOp: np.asarray,
    arith.TruncFOp: np.asarray,
    arith.TruncIOp: np.asarray,
    arith.ExtSIOp: np.asarray,
    arith.ExtUIOp: unsigned,
    arith.SIToFPOp: np.asarray,
    arith.UIToFPOp: unsigned,
    arith.IndexCastOp: np.asarray,
}
COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


def compare_floats(name: str, a: Any, b: Any) -> Any:
    """``o…`` is false, ``u…`` true, where either is NaN."""
    apart = np.isnan(a) | np.isnan(b)
    if name in ("ord", "uno"):
        return ~apart if name == "ord" else apart
    found = COMPARE[name[1:]](a, b)
    return found & ~apart if name.startswith("o") else found | apart


def compare_integers(name: str, a: Any, b: Any) -> Any:
    """``eq``, ``ne``, and with ``s`` or ``u`` before them the others."""
    if name in ("eq", "ne"):
        return COMPARE[name](a, b)
    return COMPARE[name[1:]](*((unsigned(a), unsigned(b)) if name.startswith("u") else (a, b)))


def to_integer(value: Any, wanted: Any, low: int, high: int) -> Any:
    """Toward zero; stops at the limits, and NaN is 0."""
    array = np.trunc(np.nan_to_num(np.asarray(value, "float64"), nan=0.0, posinf=1e300, neginf=-1e300))
    inside = (array > low) & (array < high)
    whole = np.where(inside, array, 0).astype("int64" if high < 1 << 63 else "uint64")
    return np.where(inside, whole, np.where(array >= high, np.array(high, whole.dtype), np.array(low, whole.dtype)))


class ScalarMeaning(InterpreterFunctions):
    """Scalar ops; what they give has the type that the IR says."""

    @impl(arith.ConstantOp)
    def constant(self, interpreter: Interpreter, op: arith.ConstantOp, args: PythonValues) -> PythonValues:
        """A number, or a table."""
        if isinstance(op.value, DenseIntOrFPElementsAttr):
            table = np.frombuffer(op.value.data.data, dtype_of(op.result.type))
            return (table.reshape(op.value.get_shape()),)
        assert isinstance(op.value, IntegerAttr | FloatAttr)
        number = op.value.value.data
        wanted = dtype_of(op.result.type)
        return (np.asarray(number).astype(wanted)[()],)

    @impl(arith.CmpfOp)
    def compare_floats(self, interpreter: Interpreter, op: arith.CmpfOp, args: PythonValues) -> PythonValues:
        """Comparison of floats."""
        return (compare_floats(arith.CMPF_COMPARISON_OPERATIONS[op.predicate.value.data], *args),)

    @impl(arith.CmpiOp)
    def compare_integers(self, interpreter: Interpreter, op: arith.CmpiOp, args: PythonValues) -> PythonValues:
        """Comparison of integers."""
        return (compare_integers(arith.CMPI_COMPARISON_OPERATIONS[op.predicate.value.data], *args),)

    @impl(arith.SelectOp)
    def select(self, interpreter: Interpreter, op: arith.SelectOp, args: PythonValues) -> PythonValues:
        """One of two."""
        condition, first, second = (np.asarray(a) for a in args)
        return (np.where(condition, first, second)[()],)

    @impl(arith.BitcastOp)
    def bitcast(self, interpreter: Interpreter, op: arith.BitcastOp, args: PythonValues) -> PythonValues:
        """The same bits."""
        return (np.asarray(args[0]).view(dtype_of(op.result.type))[()],)

    @impl(arith.FPToSIOp)
    def to_signed(self, interpreter: Interpreter, op: arith.FPToSIOp, args: PythonValues) -> PythonValues:
        """A float as an integer."""
        wanted = dtype_of(op.result.type)
        limits = np.iinfo(wanted)
        return (to_integer(args[0], wanted, int(limits.min), int(limits.max)).astype(wanted)[()],)

    @impl(arith.FPToUIOp)
    def to_unsigned(self, interpreter: Interpreter, op: arith.FPToUIOp, args: PythonValues) -> PythonValues:
        """A float as an integer without sign."""
        wanted = dtype_of(op.result.type)
        high = (1 << (8 * wanted.itemsize)) - 1
        return (to_integer(args[0], wanted, 0, high).astype(wanted)[()],)


def _register() -> None:
    """The ops that are one NumPy function of one or two operands."""

    def binary(kind: type[Operation], make: Callable[[Any, Any], Any]) -> None:
        def run(self: Any, interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
            with np.errstate(all="ignore"):
                return (np.asarray(make(args[0], args[1])).astype(dtype_of(op.results[0].type))[()],)

        setattr(ScalarMeaning, f"run_{kind.__name__}", impl(kind)(run))

    def unary(kind: type[Operation], make: Callable[[Any], Any]) -> None:
        def run(self: Any, interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
            with np.errstate(all="ignore"):
                return (np.asarray(make(args[0])).astype(dtype_of(op.results[0].type))[()],)

        setattr(ScalarMeaning, f"run_{kind.__name__}", impl(kind)(run))

    for kind, make in BINARY.items():
        binary(kind, make)
    for kind, make in UNARY.items():
        unary(kind, make)


_register()
register_impls(ScalarMeaning)
