"""The work of a tensor kernel, read off its loops: a formula over the sizes that the kernel names."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, cast

from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, AffineMapAttr, FixedBitwidthType, IndexType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineDimExpr

from agentc.analyses.kernel_dims import function_dims, shape_of, size_of, value_dims
from agentc.dialects.linalg_ext import ExtOp, SortOp
from agentc.plan import demand, sizes
from agentc.plan.formula import ONE, Formula, constant, maximum, minimum, symbol, total
from agentc.plan.kernels import Dim
from agentc.plan.work import Work

_FREE = (arith.ConstantOp, YieldOp, arith.ExtFOp, arith.TruncFOp)
"""Ops of a loop's body that are no arithmetic."""
SORTING = 40
"""Ops for each element that is sorted: two in each of the 20 merges of a million, as its logarithm is no formula."""

Dims = dict[SSAValue, tuple[Dim, ...]]


def kernel_of(ops: Sequence[object]) -> func.FuncOp:
    """The one function of a kernel's module."""
    [function] = [op for op in ops if isinstance(op, func.FuncOp)]
    return function


def kernel_work(function: func.FuncOp) -> Work:
    """FLOP: one for each arithmetic op of a loop's body and each of its trips. Bytes: arguments read once, results
    written once; what is between stays in caches or registers once fused."""
    known: Dims = dict(value_dims(function))
    flops: list[Formula] = []
    for op in function.body.block.ops:
        if isinstance(op, tensor.EmptyOp):
            known[op.tensor] = _empty(op, known)
        elif isinstance(op, FillOp | GenericOp):
            known[op.results[0]] = known.get(op.outputs[0], ())
        elif isinstance(op, ExtOp):
            known.update({r: known.get(o, ()) for r, o in zip(op.results, op.outputs, strict=True)})
            each = SORTING if isinstance(op, SortOp) else 1
            flops.append(reduce(lambda a, d: a * _size(d), known.get(op.inputs[0], ()), ONE) * each)
        if isinstance(op, GenericOp):
            flops.append(_trips(op, known) * sum(not isinstance(inner, _FREE) for inner in op.body.block.ops))
    inputs = [a.type for a in function.body.block.args]
    outputs = list(function.function_type.outputs.data)
    dims = function_dims(function)
    shaped = [t for t in inputs if shape_of(t) is not None]
    read = total([_bytes(t, d) for t, d in zip(shaped, dims, strict=False)])
    written = total([_bytes(t, d) for t, d in zip(outputs, dims[len(shaped) :], strict=True)])
    return demand.kernel(total(flops), read, written)


def size_places(function: func.FuncOp) -> dict[str, tuple[int, int]]:
    """Size name -> the first argument and axis that has it."""
    rows = iter(function_dims(function))
    found: dict[str, tuple[int, int]] = {}
    for place, argument in enumerate(function.body.block.args):
        if shape_of(argument.type) is not None:
            for axis, dim in enumerate(next(rows)):
                if sizes.is_name(dim):
                    found.setdefault(str(dim), (place, axis))
    return found


def _empty(op: tensor.EmptyOp, known: Mapping[SSAValue, tuple[Dim, ...]]) -> tuple[Dim, ...]:
    sizes = iter(op.dynamic_sizes)
    shape = shape_of(op.tensor.type) or ()
    return tuple(_dim(next(sizes), known) if n == DYNAMIC_INDEX else n for n in shape)


def _dim(size: SSAValue, known: Mapping[SSAValue, tuple[Dim, ...]]) -> Dim:
    """The size that is read by ``tensor.dim``, or computed from such; 1 where it comes from elsewhere."""

    def read(value: SSAValue) -> Dim | None:
        owner = value.owner
        if not isinstance(owner, tensor.DimOp) or not isinstance(index := owner.index.owner, arith.ConstantOp):
            return None
        axis = getattr(getattr(index.value, "value", None), "data", None)
        row = known.get(owner.source, ())
        return row[axis] if isinstance(axis, int) and axis < len(row) else None

    found = size_of(size, read)
    return 1 if found is None else found


def _trips(op: GenericOp, known: Mapping[SSAValue, tuple[Dim, ...]]) -> Formula:
    """Product of the extents of the loops."""
    extents: dict[int, Dim] = {}
    for value, attr in zip((*op.inputs, *op.outputs), op.indexing_maps.data, strict=True):
        assert isinstance(attr, AffineMapAttr)
        for expr, dim in zip(attr.data.results, known.get(value, ()), strict=False):
            if isinstance(expr, AffineDimExpr):
                extents.setdefault(expr.position, dim)
    return reduce(lambda a, d: a * _size(d), extents.values(), ONE)


def _size(dim: Dim) -> Formula:
    """Divisions without rounding, which is within one; of a remainder its limit."""
    return sizes.fold(dim, symbol, constant, lambda op, a, b: _APPLY[op](a, b))


_APPLY: Mapping[str, Callable[[Formula, Formula], Formula]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a / b,
    "%": lambda a, b: b,
    "min": minimum,
    "max": maximum,
}


def _bytes(type_: Attribute, dims: Sequence[Dim]) -> Formula:
    element = cast(Attribute, cast(Any, type_).element_type)
    bits = 64 if isinstance(element, IndexType) else element.bitwidth if isinstance(element, FixedBitwidthType) else 32
    return reduce(lambda a, d: a * _size(d), dims, constant(math.ceil(bits / 8)))
