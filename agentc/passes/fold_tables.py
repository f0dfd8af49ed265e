"""Computes while compiling what a kernel would compute from nothing at every call: tables."""

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import BytesAttr, DenseIntOrFPElementsAttr, ModuleOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from agentc.analyses.by_identity import ByIdentity
from agentc.analyses.kernel_dims import is_tensor, shape_of
from agentc.analyses.kernel_ops import functions
from agentc.analyses.kernel_values import Array, dense, dtype_or_none, element_value, known_value
from agentc.passes.fuse_kernels import erase_unread, is_cheap

MOST = 1 << 18
"""Elements of a table: 1 MiB in single precision. What is larger is not worth its place in an object file."""


def tables(function: func.FuncOp) -> dict[SSAValue, Array]:
    """What is known in ``function`` before it runs."""
    known: dict[SSAValue, Array] = {}
    for op in function.body.block.ops:
        if isinstance(op, arith.ConstantOp):
            value = dense(op)
        elif isinstance(op, GenericOp):
            value = known_value(op, known) if len(op.results) == 1 and _is_small(op.results[0].type) else None
        elif op.operands and len(op.results) == 1 and not op.regions:
            value = element_value(op, known)
        else:
            continue
        if value is not None:
            known[op.results[0]] = np.asarray(value)
    return known


def _holds_little(type_: Attribute) -> bool:
    shape = shape_of(type_)
    if shape is None or dtype_or_none(type_) is None:
        return False
    return all(n >= 0 for n in shape) and 0 < prod(shape) <= MOST


_is_small = ByIdentity(_holds_little)
"""Whether an array of this type is no larger than a table may be."""


def worth_keeping(op: GenericOp, known: dict[SSAValue, Array]) -> bool:
    """Whether somebody reads the table of ``op`` who is none, and would not rather compute an element anew."""
    readers = (_top(use.operation) for use in op.results[0].uses)
    if all(any(r in known for r in reader.results) for reader in readers):
        return False
    return len(op.operands) > 1 or not is_cheap(op) or _extracts(op)


def _top(op: Operation) -> Operation:
    """``op``, or the op of the function's own block that it is inside of."""
    while (parent := op.parent_op()) is not None and not isinstance(parent, func.FuncOp):
        op = parent
    return op


def _extracts(op: GenericOp) -> bool:
    return any(is_tensor(o.type) for inner in op.body.walk() for o in inner.operands)


@dataclass(frozen=True)
class FoldTablesPass(ModulePass):
    """Compute tensors that depend on no argument, up to 256 Ki elements: windows, filters, transition tables.

    What is four cheap ops or fewer of the loop's own indices stays, as it costs less than a load.

    Before:

    ```mlir
    %w = linalg.generic {…} outs(%e : tensor<400xf32>) { %i = linalg.index 0 … math.cos … } -> tensor<400xf32>
    ```

    After:

    ```mlir
    %w = arith.constant dense<"0x…"> : tensor<400xf32>
    ```
    """

    name = "fold-tables"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in functions(op) if len(f.body.blocks) == 1]:
            known = tables(function)
            for inner in list(function.body.block.ops):
                if isinstance(inner, GenericOp) and inner.results[0] in known and worth_keeping(inner, known):
                    type_ = inner.results[0].type
                    assert is_tensor(type_)
                    data = DenseIntOrFPElementsAttr(type_, BytesAttr(known[inner.results[0]].tobytes()))  # pyright: ignore[reportArgumentType]
                    Rewriter.replace_op(inner, arith.ConstantOp(data))
        erase_unread(op)
