"""Allocates memory when it is first used, and frees it after its last use."""

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter


def shorten(op: memref.AllocOp, order: Mapping[Operation, int]) -> None:
    """Move ``op`` right before the first op of its block that uses its memory, and what frees it right behind the last.
    ``order`` tells where each op of the block stands among those that do not move.
    """
    uses = [use.operation for use in op.memref.uses]
    frees = [user for user in uses if isinstance(user, memref.DeallocOp)]
    users = [_top(user, order) for user in uses if user not in frees]
    if not users or len(frees) != 1:
        return
    for moved in (op, frees[0]):
        moved.detach()
    Rewriter.insert_op(op, InsertPoint.before(min(users, key=order.__getitem__)))
    Rewriter.insert_op(frees[0], InsertPoint.after(max(users, key=order.__getitem__)))


def _top(op: Operation, order: Mapping[Operation, int]) -> Operation:
    """``op``, or what it is inside of, in the block of ``order``."""
    while op not in order:
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op


@dataclass(frozen=True)
class ShortenKernelBuffersPass(ModulePass):
    """Allocate each temporary right before the first phase that uses it, and free it right after the last, so that memory
    of other types and sizes can follow in the same place.

    Before:

    ```mlir
    %s = memref.alloc(%n) : memref<?xf32>
    %t = memref.alloc(%m) : memref<?xi8>
    func.call @k_p0(%x, %s)
    func.call @k_p1(%s, %out)
    func.call @k_p2(%out, %t)
    memref.dealloc %s : memref<?xf32>
    memref.dealloc %t : memref<?xi8>
    ```

    After:

    ```mlir
    %s = memref.alloc(%n) : memref<?xf32>
    func.call @k_p0(%x, %s)
    func.call @k_p1(%s, %out)
    memref.dealloc %s : memref<?xf32>
    %t = memref.alloc(%m) : memref<?xi8>
    func.call @k_p2(%out, %t)
    memref.dealloc %t : memref<?xi8>
    ```
    """

    name = "shorten-kernel-buffers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and len(function.body.blocks) == 1:
                order = {inner: i for i, inner in enumerate(function.body.block.ops)}
                for inner in order:
                    if isinstance(inner, memref.AllocOp):
                        shorten(inner, order)
