"""Allocates memory when it is first used, and frees it after its last use."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter


def shorten(op: memref.AllocOp, block: Block) -> None:
    """Move ``op`` right before the first op of ``block`` that uses its memory, and what frees it right behind the last."""
    frees = [use.operation for use in op.memref.uses if isinstance(use.operation, memref.DeallocOp)]
    users = [top for top in block.ops if top not in frees and _uses(top, op)]
    if not users or len(frees) != 1:
        return
    for moved in (op, frees[0]):
        moved.detach()
    Rewriter.insert_op(op, InsertPoint.before(users[0]))
    Rewriter.insert_op(frees[0], InsertPoint.after(users[-1]))


def _uses(top: Operation, op: memref.AllocOp) -> bool:
    return any(op.memref in inner.operands for inner in top.walk())


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
                block = function.body.block
                for inner in list(block.ops):
                    if isinstance(inner, memref.AllocOp):
                        shorten(inner, block)
