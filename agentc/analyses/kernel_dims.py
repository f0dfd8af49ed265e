"""Which sizes of a kernel are the same: the ``agentc.dims`` attribute.

A kernel's function carries ``agentc.dims = [["d"], ["n", "d"], ["n"]]``: for each tensor of its arguments, then of its
results, one name per dimension (an integer where the type is static). Equal names are equal sizes; a caller checks that
once, at the boundary. Functions that say nothing get a name of their own for each unknown size.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeGuard

from xdsl.builder import Builder
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StringAttr,
    TensorType,
    VectorType,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue

from agentc.analyses.kernel_ops import every, index_constant
from agentc.plan import sizes
from agentc.plan.kernels import Dim

DIMS = "agentc.dims"
NAMES = "agentc.names"
"""What the author called each argument, then each result."""
OUTPUTS = "agentc.outputs"
"""How many of the last arguments of a bufferized kernel are its results."""
PHASE = "agentc.phase"
"""On a function that is a part of a kernel: ``rows`` (any range of it may be done alone) or ``serial``."""
UNSIGNED = "agentc.unsigned"
"""Names of the arguments and results whose integers have no sign, which their types in the IR do not tell."""
REQUIRES = "agentc.requires"
"""Sizes that have to be at least 1, where the kernel reads a certain element."""
FOURIER = "agentc.fourier"
"""On what is computed of a Fourier transform of rows: its ``real`` or ``imaginary`` part, or its ``power``, the sum of
their squares. The last input of a part is a product of a table with the rows, which were folded."""
ROWS = "agentc.rows"
"""The size, as a list of one, of the range of a ``rows`` phase."""


def shape_of(type_: Attribute) -> tuple[int, ...] | None:
    """The shape of a tensor or memref type, with ``DYNAMIC_INDEX`` for an unknown size; ``None`` for a scalar."""
    if isinstance(type_, TensorType | MemRefType):
        return tuple(type_.get_shape())
    return None


def element_of(type_: Attribute) -> Attribute:
    """The element type of a tensor or memory; a scalar type is its own."""
    return type_.element_type if _is_shaped(type_) else type_


@lru_cache(maxsize=1024)
def name_of(type_: Attribute) -> str:
    """How ``type_`` is written. Types are few, and writing one takes as long as making an op."""
    return str(type_)


def _is_shaped(type_: Attribute) -> "TypeGuard[TensorType[Attribute] | MemRefType[Attribute]]":
    return isinstance(type_, TensorType | MemRefType)


def is_vector(type_: Attribute) -> "TypeGuard[VectorType[Attribute]]":
    """Whether ``type_`` is a vector. Asked of every value that is compiled: ``isa`` would take 100 us each."""
    return isinstance(type_, VectorType)


def is_integer(type_: Attribute) -> TypeGuard[IntegerType]:
    """Whether ``type_`` is an integer type."""
    return isinstance(type_, IntegerType)


def is_tensor(type_: Attribute) -> TypeGuard[TensorType[Attribute]]:
    """Whether ``type_`` is a ranked tensor type."""
    return isinstance(type_, TensorType)


def is_memory(type_: Attribute) -> TypeGuard[MemRefType[Attribute]]:
    """Whether ``type_`` is a ranked memory."""
    return isinstance(type_, MemRefType)


def bits(type_: IntegerType) -> int:
    """The width of an integer type."""
    return type_.width.data


def as_list(attribute: Attribute | None) -> list[Attribute] | None:
    """The entries of an array attribute, or ``None`` for what is none."""
    return list(attribute.data) if _is_array(attribute) else None


def _is_array(attribute: Attribute | None) -> "TypeGuard[ArrayAttr[Attribute]]":
    return isinstance(attribute, ArrayAttr)


def dims_attr(dims: Iterable[Sequence[Dim]]) -> ArrayAttr[Attribute]:
    """``dims`` as an attribute."""
    return ArrayAttr([_row_attr(tuple(row)) for row in dims])


@lru_cache(maxsize=1024)
def _row_attr(row: tuple[Dim, ...]) -> ArrayAttr[Attribute]:
    return ArrayAttr([_dim_attr(d) for d in row])


def _dim_attr(dim: Dim) -> Attribute:
    return StringAttr(dim) if isinstance(dim, str) else IntegerAttr(dim, i64)


def read_dims(attribute: Attribute | None) -> list[tuple[Dim, ...]] | None:
    """The inverse of ``dims_attr``; ``None`` where the attribute is missing or of another form."""
    rows = [as_list(row) for row in as_list(attribute) or []]
    if as_list(attribute) is None or any(row is None for row in rows):
        return None
    return [tuple(_read_dim(d) for d in row or ()) for row in rows]


def _read_dim(attribute: Attribute) -> Dim:
    if isinstance(attribute, StringAttr):
        return attribute.data
    if isinstance(attribute, IntegerAttr):
        return attribute.value.data
    raise ValueError(f"{attribute} is no dimension")


def function_dims(function: func.FuncOp) -> list[tuple[Dim, ...]]:
    """Names of the sizes of each shaped argument, then of each shaped result, stated or made up."""
    types = [*function.function_type.inputs.data, *function.function_type.outputs.data]
    shapes = [shape for t in types if (shape := shape_of(t)) is not None]
    stated = read_dims(function.attributes.get(DIMS))
    if stated is not None and _agree(stated, shapes):
        return stated
    return [
        tuple(f"s{i}_{axis}" if n == DYNAMIC_INDEX else n for axis, n in enumerate(s)) for i, s in enumerate(shapes)
    ]


def _agree(stated: Sequence[Sequence[Dim]], shapes: Sequence[Sequence[int]]) -> bool:
    return len(stated) == len(shapes) and all(
        len(row) == len(shape)
        and all((n == DYNAMIC_INDEX) == isinstance(d, str) for d, n in zip(row, shape, strict=True))
        for row, shape in zip(stated, shapes, strict=True)
    )


def value_dims(function: func.FuncOp) -> dict[SSAValue, tuple[Dim, ...]]:
    """Sizes of every memref or tensor argument, of every allocation that names them, of tables
    and of memory on the stack."""
    shaped = [a for a in function.body.block.args if shape_of(a.type) is not None]
    known: dict[SSAValue, tuple[Dim, ...]] = dict(zip(shaped, function_dims(function), strict=False))
    for op in every(function):
        kind = type(op)
        if (kind is memref.AllocOp or kind is memref.ViewOp) and (rows := read_dims(op.attributes.get(DIMS))):
            known[op.results[0]] = rows[0]
        elif kind is memref.GetGlobalOp or kind is memref.AllocaOp:
            known[op.results[0]] = shape_of(op.results[0].type) or ()
    return known


def results_of(function: func.FuncOp) -> list[SSAValue]:
    """The last arguments of a bufferized kernel, which are its results."""
    count = function.attributes[OUTPUTS]
    assert isinstance(count, IntegerAttr)
    arguments = function.body.block.args
    return list(arguments[len(arguments) - count.value.data :])


def symbols(dims: Iterable[Sequence[Dim]]) -> list[str]:
    """The names in ``dims``, each once, in order of appearance."""
    return list(dict.fromkeys(d for row in dims for d in row if isinstance(d, str)))


def argument_names(function: func.FuncOp) -> list[str]:
    """What the kernel's author called each argument, then each result; ``arg0`` … where nobody said."""
    count = len(function.function_type.inputs.data)
    outputs = len(function.function_type.outputs.data)
    default = [f"arg{i}" for i in range(count)] + [f"out{i}" for i in range(outputs)]
    stated = as_list(function.attributes.get(NAMES))
    if stated is None or len(stated) != len(default):
        return default
    return [n.data if isinstance(n, StringAttr) else d for n, d in zip(stated, default, strict=True)]


def temporary_names(function: func.FuncOp, count: int) -> list[str]:
    """Names for ``count`` temporaries that no argument and no size has."""
    taken = {*argument_names(function), *symbols(function_dims(function))}
    stem = "tmp"
    while any(name.startswith(stem) for name in taken):
        stem += "_"
    return [f"{stem}{i}" for i in range(count)]


SIZE_OPS: Mapping[str, type[Operation]] = {
    "+": arith.AddiOp,
    "-": arith.SubiOp,
    "*": arith.MuliOp,
    "//": arith.FloorDivSIOp,
    "%": arith.RemSIOp,
    "min": arith.MinSIOp,
    "max": arith.MaxSIOp,
}
"""Arithmetic of sizes -> the op on indices. Remainders are taken of sizes only, which are not negative."""
SIZE_CASTS = (arith.IndexCastOp, arith.SIToFPOp, arith.TruncIOp, arith.TruncFOp)
"""What makes a size a number of an element type."""
_APPLY: Mapping[type[Operation], Callable[[Dim, Dim], Dim]] = {
    arith.AddiOp: sizes.add,
    arith.SubiOp: sizes.subtract,
    arith.MuliOp: sizes.multiply,
    arith.FloorDivSIOp: sizes.floordiv,
    arith.RemSIOp: sizes.modulo,
    arith.MinSIOp: sizes.minimum,
    arith.MaxSIOp: sizes.maximum,
}


def insert_size(builder: Builder, dim: Dim, leaf: Callable[[str], SSAValue]) -> SSAValue:
    """The value of ``dim``, computed from what ``leaf`` gives for its names."""

    def number(value: int) -> SSAValue:
        return builder.insert(index_constant(value)).result

    def apply(symbol: str, left: SSAValue, right: SSAValue) -> SSAValue:
        return builder.insert(SIZE_OPS[symbol].create(operands=[left, right], result_types=[IndexType()])).results[0]

    return sizes.fold(dim, leaf, number, apply)


def size_of(value: SSAValue, leaf: Callable[[SSAValue], Dim | None]) -> Dim | None:
    """The inverse of ``insert_size``; ``leaf`` names what is read off an array. ``None`` for what is no size."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    if isinstance(owner, Operation) and type(owner) in _APPLY:
        left, right = (size_of(o, leaf) for o in owner.operands)
        return None if left is None or right is None else _APPLY[type(owner)](left, right)
    return leaf(value)
