"""Sums, products and extremes as ONNX nodes that are exact in all 64 bits, and lose no NaN.

ONNX Runtime adds and multiplies integers in ``ReduceSum`` and ``ReduceProd`` by way of floating point, and its
``ReduceMax`` and ``ReduceMin`` compare some numbers beyond 32 bits wrongly. Products of matrices and scans are exact.
"""

from collections.abc import Sequence

from onnx import TensorProto
from xdsl.ir import Attribute

from agentc.backends.onnx.kernels.nodes import Nodes, inside, width
from agentc.backends.onnx.kernels.ordered import final_state

HALF = 1 << 31
WORD = 1 << 32


def whole_sum(nodes: Nodes, value: str, extents: Sequence[str], axes: Sequence[int]) -> str:
    """The sum over ``axes``: a product with ones."""
    rows, count = _rows(nodes, value, extents, axes)
    ones = nodes.op("Expand", nodes.whole(1), nodes.shape([count, nodes.whole(1)]))
    return nodes.op("Squeeze", nodes.op("MatMul", rows, ones), nodes.row(-1))


def whole_product(nodes: Nodes, value: str, extents: Sequence[str], axes: Sequence[int], type_: Attribute) -> str:
    """The product over ``axes``, one factor after the other."""
    rows, _ = _rows(nodes, value, extents, axes)
    axis = len(extents) - len(axes)
    return final_state(nodes, rows, axis, nodes.whole(1), inside(type_), lambda body, a, b: body.op("Mul", a, b))


def _rows(nodes: Nodes, value: str, extents: Sequence[str], axes: Sequence[int]) -> tuple[str, str]:
    """``axes`` as one, behind the others; and its size."""
    kept = [i for i in range(len(extents)) if i not in axes]
    order = [*kept, *axes]
    turned = nodes.op("Transpose", value, perm=order) if order != sorted(order) else value
    count = extents[axes[0]]
    for axis in axes[1:]:
        count = nodes.op("Mul", count, extents[axis])
    if len(axes) == 1:
        return turned, count
    return nodes.op("Reshape", turned, nodes.shape([*(extents[i] for i in kept), count]), allowzero=1), count


def whole_extreme(nodes: Nodes, kind: str, value: str, axes: Sequence[int], type_: Attribute, unsigned: bool) -> str:
    """``ReduceMax`` or ``ReduceMin``, compared by halves where numbers have more than 32 bits."""
    if width(type_) == 64:
        key = nodes.ordered(value, type_, "unsigned") if unsigned else value
        found = _by_halves(nodes, kind, key, axes)
        return nodes.ordered(found, type_, "unsigned") if unsigned else found
    key = nodes.op("Sub", nodes.unsigned(value, type_), nodes.whole(HALF)) if unsigned else value
    found = nodes.op(kind, key, nodes.row(*axes), keepdims=0)
    return nodes.wrapped(nodes.op("Add", found, nodes.whole(HALF)) if unsigned else found, type_)


def float_extreme(nodes: Nodes, kind: str, value: str, axes: Sequence[int], type_: Attribute) -> str:
    """``ReduceMax`` or ``ReduceMin``, which ONNX Runtime takes among numbers alone; NaN where there is one."""
    found = nodes.op(kind, value, nodes.row(*axes), keepdims=0)
    lost = nodes.cast(nodes.op("IsNaN", value), TensorProto.INT32)
    some = nodes.cast(nodes.op("ReduceMax", lost, nodes.row(*axes), keepdims=0), TensorProto.BOOL)
    return nodes.op("Where", some, nodes.number(float("nan"), type_), found)


def _by_halves(nodes: Nodes, kind: str, key: str, axes: Sequence[int]) -> str:
    """The best upper half, and the best lower one among those that have it."""
    low = nodes.op("BitwiseAnd", key, nodes.whole(WORD - 1))
    high = nodes.op("Div", nodes.op("Sub", key, low), nodes.whole(WORD))
    best = nodes.op(kind, high, nodes.row(*axes), keepdims=1)
    worst = nodes.whole(-HALF if kind == "ReduceMax" else HALF - 1)
    there = nodes.op("Equal", high, best)
    lows = nodes.op("Where", there, nodes.op("Sub", low, nodes.whole(HALF)), worst)
    lowest = nodes.op("Add", nodes.op(kind, lows, nodes.row(*axes), keepdims=0), nodes.whole(HALF))
    return nodes.op("Add", nodes.op("Mul", nodes.op("Squeeze", best, nodes.row(*axes)), nodes.whole(WORD)), lowest)
