"""Nodes of one ONNX graph, with small constants, shapes, and integers that wrap."""

# onnx has stubs that leave its protobuf classes open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from xdsl.dialects.builtin import IndexType
from xdsl.ir import Attribute

from agentc.analyses.kernel_dims import bits, is_integer

FLOATS = {
    "f32": TensorProto.FLOAT,
    "f64": TensorProto.DOUBLE,
    "f16": TensorProto.FLOAT16,
    "bf16": TensorProto.BFLOAT16,
}
INSIDE = {**FLOATS, "bf16": TensorProto.FLOAT, "i1": TensorProto.BOOL}
"""How values of a type are kept within the graph; every other integer as 64 bits. ONNX Runtime does little more with
bf16 than converting it, so that a number of it is one of f32 that was rounded."""
OUTSIDE = {
    **FLOATS,
    "i1": TensorProto.BOOL,
    "i8": TensorProto.INT8,
    "i32": TensorProto.INT32,
    "i64": TensorProto.INT64,
    "u8": TensorProto.UINT8,
    "u32": TensorProto.UINT32,
    "u64": TensorProto.UINT64,
}
MOST = (1 << 63) - 1
LEAST = -(1 << 63)


def inside(type_: Attribute) -> int:
    """The ONNX type of a value of scalar ``type_`` within the graph."""
    return INSIDE.get(str(type_), TensorProto.INT64)


def width(type_: Attribute) -> int:
    """The bits of an integer or index."""
    return 64 if isinstance(type_, IndexType) or not is_integer(type_) else bits(type_)


class Nodes:
    """A graph under construction; values are names."""

    def __init__(self, parent: "Nodes | None" = None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[tuple[str, str], onnx.TensorProto] = parent.constants if parent else {}
        self._count: list[int] = parent._count if parent else [0]

    def fresh(self, stem: str) -> str:
        """A name that nothing has."""
        self._count[0] += 1
        return f"{stem.lower()}_{self._count[0]}"

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        return self.ops(kind, inputs, 1, **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """A node with ``count`` outputs."""
        made = [self.fresh(kind) for _ in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), made, **attributes))
        return made

    def array(self, values: Any, dtype: str) -> str:
        """A constant."""
        array = np.asarray(values, dtype)
        key = (str(array.dtype), f"{array.shape}{array.tobytes().hex()}")
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"constant_{len(self.constants)}")
        return self.constants[key].name

    def number(self, value: float, type_: Attribute) -> str:
        """A scalar constant of ``type_``."""
        name = str(type_)
        if name in ("f16", "bf16"):
            return self.rounded(self.array(value, "float32"), type_)
        kinds = {"f32": "float32", "f64": "float64", "i1": "bool"}
        return self.array(value, kinds.get(name, "int64"))

    def whole(self, value: int) -> str:
        """A scalar of 64 bits."""
        return self.array(value, "int64")

    def row(self, *values: int) -> str:
        """A list of 64-bit integers."""
        return self.array(list(values), "int64")

    def cast(self, value: str, kind: int) -> str:
        """Converted."""
        return self.op("Cast", value, to=kind)

    def rounded(self, value: str, type_: Attribute) -> str:
        """A float as one of ``type_``, as it is kept."""
        kind = FLOATS[str(type_)]
        found = self.cast(value, kind)
        return found if inside(type_) == kind else self.cast(found, inside(type_))

    def extent(self, value: str, axis: int) -> str:
        """A size, as a scalar."""
        return self.op("Gather", self.op("Shape", value), self.whole(axis), axis=0)

    def shape(self, sizes: Sequence[str]) -> str:
        """Scalars as one list."""
        parts = [self.op("Unsqueeze", s, self.row(0)) for s in sizes]
        return self.op("Concat", *parts, axis=0) if parts else self.array([], "int64")

    def wrapped(self, value: str, type_: Attribute) -> str:
        """What the width of an integer type keeps, with its sign."""
        n = width(type_)
        if n == 64:
            return value
        sign = self.whole(1 << (n - 1))
        kept = self.op("BitwiseAnd", value, self.whole((1 << n) - 1))
        return self.op("Sub", self.op("BitwiseXor", kept, sign), sign)

    def unsigned(self, value: str, type_: Attribute) -> str:
        """The bits read without sign, where that fits into 63."""
        n = width(type_)
        return value if n == 64 else self.op("BitwiseAnd", value, self.whole((1 << n) - 1))

    def ordered(self, value: str, type_: Attribute, order: str) -> str:
        """A value whose order with sign is the order that is meant."""
        if order != "unsigned" or inside(type_) != TensorProto.INT64:
            return value
        if width(type_) < 64:
            return self.unsigned(value, type_)
        return self.op("BitwiseXor", value, self.whole(LEAST))
