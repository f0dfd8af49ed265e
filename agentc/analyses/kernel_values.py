"""What elementwise tensor code gives whose operands are all known: NumPy arrays."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, math, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IntegerAttr
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from agentc.analyses.by_identity import ByIdentity
from agentc.analyses.kernel_dims import element_of, name_of, shape_of
from agentc.analyses.kernel_maps import is_identity
from agentc.analyses.kernel_ops import inputs_of

Array: TypeAlias = NDArray[Any]
Function: TypeAlias = Callable[..., Any]

DTYPES: Mapping[str, str] = {
    "index": "int64",
    "i64": "int64",
    "i32": "int32",
    "i16": "int16",
    "i8": "int8",
    "i1": "bool",
    "f64": "float64",
    "f32": "float32",
}


def unsigned(value: Any) -> Any:
    """The bits of an integer, read without sign."""
    array = np.asarray(value)
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "i" else array


def _unsigned(function: Function) -> Function:
    """``function`` of the bits without sign."""

    def of(*values: Any) -> Any:
        return function(*(unsigned(v) for v in values))

    return of


def _quotient(a: Any, b: Any) -> Any:
    """Toward zero."""
    return (a - np.fmod(a, b)) // b


FUNCTIONS: Mapping[type[Operation], Function] = {
    arith.AddiOp: np.add,
    arith.SubiOp: np.subtract,
    arith.MuliOp: np.multiply,
    arith.AddfOp: np.add,
    arith.SubfOp: np.subtract,
    arith.MulfOp: np.multiply,
    arith.DivfOp: np.divide,
    arith.NegfOp: np.negative,
    arith.MaximumfOp: np.maximum,
    arith.MinimumfOp: np.minimum,
    arith.MaxSIOp: np.maximum,
    arith.MinSIOp: np.minimum,
    arith.MaxUIOp: _unsigned(np.maximum),
    arith.MinUIOp: _unsigned(np.minimum),
    arith.AndIOp: np.bitwise_and,
    arith.OrIOp: np.bitwise_or,
    arith.XOrIOp: np.bitwise_xor,
    arith.ShLIOp: np.left_shift,
    arith.ShRSIOp: np.right_shift,
    arith.ShRUIOp: _unsigned(np.right_shift),
    arith.SelectOp: np.where,
    arith.ExtFOp: np.asarray,
    arith.TruncFOp: np.asarray,
    arith.TruncIOp: np.asarray,
    arith.ExtSIOp: np.asarray,
    arith.ExtUIOp: unsigned,
    arith.SIToFPOp: np.asarray,
    arith.UIToFPOp: unsigned,
    arith.IndexCastOp: np.asarray,
    math.AbsFOp: np.abs,
    math.ExpOp: np.exp,
    math.LogOp: np.log,
    math.SqrtOp: np.sqrt,
    math.SinOp: np.sin,
    math.CosOp: np.cos,
    math.FloorOp: np.floor,
    math.CeilOp: np.ceil,
}
"""Ops on whole arrays."""
QUOTIENTS: Mapping[type[Operation], Function] = {
    arith.RemSIOp: np.fmod,
    arith.FloorDivSIOp: np.floor_divide,
    arith.DivSIOp: _quotient,
    arith.RemUIOp: _unsigned(np.fmod),
    arith.DivUIOp: _unsigned(np.floor_divide),
}
"""Ops of integers that are known only where no divisor is 0."""
RELATIONS: Mapping[str, Function] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


def _dtype(type_: Attribute) -> str | None:
    return DTYPES.get(name_of(element_of(type_)))


dtype_or_none = ByIdentity(_dtype)
"""The NumPy type of a scalar, or of the elements of an array, where NumPy has it."""


def _number(value: IntegerAttr | FloatAttr) -> Array | None:
    element = dtype_or_none(value.type)
    return None if element is None else np.asarray(value.value.data).astype(element)


_number_of = ByIdentity(_number)


def dense(op: arith.ConstantOp) -> Array | None:
    """The array that a constant is; ``None`` for a type that NumPy lacks."""
    value = op.value
    if isinstance(value, IntegerAttr | FloatAttr):
        return _number_of(value)
    element = dtype_or_none(op.result.type)
    if element is None:
        return None
    assert isinstance(value, DenseIntOrFPElementsAttr)
    return np.frombuffer(value.data.data, element).reshape(value.get_shape())


shape_known = ByIdentity(shape_of)
"""As ``shape_of``."""


def known_value(op: GenericOp, known: Mapping[SSAValue, Array]) -> Array | None:
    """The result of ``op``, if it computes each element by itself and from what is ``known`` alone."""
    shape = shape_known(op.results[0].type) if len(op.results) == 1 else None
    maps = op.indexing_maps.data
    if shape is None or any(n < 0 for n in shape) or not is_identity(maps[-1]):
        return None
    block, inputs = op.body.block, inputs_of(op)
    if block.args[-1].first_use is not None or any(v not in known for v in inputs):
        return None
    loops = _loops(shape)
    values: dict[SSAValue, Any] = {}
    for argument, value, map_ in zip(block.args, inputs, maps, strict=False):
        whole = is_identity(map_) and known[value].shape == shape
        values[argument] = known[value] if whole else known[value][_places(map_.data, loops)]
    found = body_value(block, values, loops, known)
    kind = dtype_or_none(op.results[0].type)
    if found is None or kind is None:
        return None
    every = found if np.shape(found) == shape else np.broadcast_to(found, shape)
    return np.asarray(every.astype(kind, copy=False), order="C")


@lru_cache(maxsize=16)
def _loops(shape: tuple[int, ...]) -> tuple[Array, ...]:
    """The index of each loop, to be broadcast."""
    rank = len(shape)
    return tuple(np.arange(n).reshape([-1 if i == axis else 1 for i in range(rank)]) for axis, n in enumerate(shape))


def body_value(
    block: Block,
    values: Mapping[SSAValue, Any],
    loops: Sequence[Array] = (),
    outside: Mapping[SSAValue, Any] = MappingProxyType({}),
) -> Any:
    """What the body of a generic yields for ``values`` of its arguments, all elements at once; ``None``: not known.

    ``outside`` holds what is known of values from around it.
    """
    known = dict(values)
    with np.errstate(all="ignore"):
        for inner in block.ops:
            if isinstance(inner, YieldOp):
                return _of_body(inner.operands[0], known, outside)
            for operand in inner.operands:
                _of_body(operand, known, outside)
            found = element_value(inner, known, loops)
            if found is None:
                return None
            known[inner.results[0]] = found
    return None


def _of_body(value: SSAValue, known: dict[SSAValue, Any], outside: Mapping[SSAValue, Any]) -> Any:
    """What ``value`` is, which ``known`` has then if it is known."""
    found = known.get(value)
    if found is None:
        found = outside.get(value)
        if found is None and isinstance(owner := value.owner, arith.ConstantOp):
            found = dense(owner)
        known[value] = found
    return found


def _places(map_: AffineMap, loops: Sequence[Array]) -> tuple[Any, ...]:
    found: list[Any] = []
    for expr in map_.results:
        assert isinstance(expr, AffineDimExpr | AffineConstantExpr)
        found.append(loops[expr.position] if isinstance(expr, AffineDimExpr) else expr.value)
    return tuple(found)


def element_value(op: Operation, values: Mapping[SSAValue, Any], loops: Sequence[Array] = ()) -> Any:
    """The result of a scalar op for all elements at once, or ``None`` where it is not known."""
    if isinstance(op, arith.ConstantOp):
        return dense(op)
    if isinstance(op, IndexOp):
        return loops[op.dim.value.data] if loops else None
    given: list[Any] = [values.get(o) for o in op.operands]
    kind = dtype_or_none(op.results[0].type)
    if kind is None or any(value is None for value in given):
        return None
    if (function := FUNCTIONS.get(type(op))) is not None:
        return _typed(function(*given), kind)
    match op:
        case arith.CmpiOp():
            return _RELATION_OF(op.predicate)(*given)
        case tensor.ExtractOp():
            return _extracted(given[0], given[1:])
        case arith.CmpfOp():
            name = arith.CMPF_COMPARISON_OPERATIONS[op.predicate.value.data]
            apart = np.isnan(given[0]) | np.isnan(given[1])
            found = RELATIONS[name[1:]](*given) if name[1:] in RELATIONS else None
            return None if found is None else (found | apart if name.startswith("u") else found & ~apart)
        case _:
            divides = QUOTIENTS.get(type(op))
            return _typed(divides(*given), kind) if divides and np.all(np.asarray(given[1]) != 0) else None


def _typed(value: Any, kind: str) -> Array:
    return np.asarray(value).astype(kind, copy=False)


def _relation(predicate: IntegerAttr) -> Function:
    name = arith.CMPI_COMPARISON_OPERATIONS[predicate.value.data]
    relation = RELATIONS[name if name in ("eq", "ne") else name[1:]]
    return _unsigned(relation) if name.startswith("u") else relation


_RELATION_OF = ByIdentity(_relation)


def _extracted(value: Array, places: Sequence[Any]) -> Any:
    """Elements at ``places``, if all are inside."""
    inside = all(np.all((0 <= p) & (p < n)) for p, n in zip(places, value.shape, strict=True))
    return value[tuple(places)] if inside else None


def dtype_of(type_: Attribute) -> str:
    """The NumPy type of a scalar."""
    return DTYPES[name_of(type_)]
