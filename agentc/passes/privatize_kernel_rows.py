"""Lets a row of a temporary be all of it where each row is one iteration's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import func, memref, scf, vector
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from agentc.analyses.kernel_dims import DIMS, OUTPUTS, dims_attr, element_of, shape_of, value_dims
from agentc.passes.share_kernel_buffers import ancestor
from agentc.plan.kernels import Dim
from agentc.support.record import record

Access: TypeAlias = memref.LoadOp | memref.StoreOp | vector.LoadOp | vector.StoreOp
Loop: TypeAlias = scf.ParallelOp | scf.ForOp


@record
class Private:
    """Memory of which each iteration of ``loops``, outermost first, has the part that its indices name to itself."""

    op: memref.AllocOp
    users: tuple[Access, ...]
    loops: tuple[Loop, ...]


def private(op: memref.AllocOp) -> Private | None:
    """``op``, if it is used inside of one loop only, and every access begins with that loop's index."""
    users: list[Access] = []
    for use in op.memref.uses:
        match use.operation:
            case memref.LoadOp() | memref.StoreOp() | vector.LoadOp() | vector.StoreOp() as user:
                users.append(user)
            case memref.DeallocOp():
                pass
            case _:
                return None
    block = op.parent
    loops: list[Loop] = []
    while block is not None and (loop := _common_loop(users, block)) is not None:
        place = len(loops)
        if any(not _strips(user, place, loop) for user in users):
            break
        loops.append(loop)
        block = loop.body.block
    return Private(op, tuple(users), tuple(loops)) if loops else None


def _common_loop(users: Sequence[Access], block: Block) -> Loop | None:
    """The loop of ``block`` that all ``users`` are in."""
    tops = {ancestor(user, block) for user in users}
    top = tops.pop() if len(tops) == 1 else None
    return top if isinstance(top, scf.ParallelOp | scf.ForOp) and len(top.body.block.args) >= 1 else None


def _strips(user: Access, place: int, loop: Loop) -> bool:
    """Whether index ``place`` of ``user`` is that of ``loop``, and may go: vectors lie along the last one."""
    spared = 1 if isinstance(user, vector.LoadOp | vector.StoreOp) else 0
    return place < len(user.indices) - spared and user.indices[place] is loop.body.block.args[0]


def privatize(found: Private, dims: Sequence[Dim]) -> None:
    """Allocate in the innermost of the loops what is left without their indices."""
    count, op = len(found.loops), found.op
    shape = (shape_of(op.memref.type) or ())[count:]
    left = dims[count:]
    element = element_of(op.memref.type)
    body = found.loops[-1].body.block
    last = body.last_op
    assert body.first_op is not None and last is not None
    build = Builder(InsertPoint.before(body.first_op))
    if not shape:
        memory = build.insert(memref.AllocaOp.get(element, 64, shape)).memref
    else:  # not on the stack: LLVM takes short arrays there apart into numbers, and loses its vectors
        skipped = sum(n == DYNAMIC_INDEX for n in (shape_of(op.memref.type) or ())[:count])
        made = memref.AllocOp.get(element, 64, shape, list(op.dynamic_sizes)[skipped:])
        made.attributes[DIMS] = dims_attr([left])
        memory = build.insert(made).memref
        Rewriter.insert_op(memref.DeallocOp.get(memory), InsertPoint.before(last))
    assert isinstance(memory.type, MemRefType)
    memory.name_hint = op.memref.name_hint
    for user in found.users:
        _move(user, op.memref, memory, count)
    for use in list(op.memref.uses):
        use.operation.detach()
        use.operation.erase()
    op.detach()
    op.erase()


def _move(user: Access, old: SSAValue, new: SSAValue, count: int) -> None:
    """Let ``user`` access ``new``, without the first ``count`` indices."""
    first = len(user.operands) - len(user.indices)
    before = [new if operand is old else operand for operand in user.operands[:first]]
    user.operands = [*before, *user.operands[first + count :]]


@dataclass(frozen=True)
class PrivatizeKernelRowsPass(ModulePass):
    """Allocate what each iteration of a loop has to itself inside of that loop, without the loop's index: a temporary of
    as many rows as there are becomes one row, which serves one iteration after the other, and stays in the cache.

    For processors: code that runs iterations one by one needs one row for each thread. A single number lies on the stack.
    Expects loops that are as fused as they get, before phases are cut.

    Before:

    ```mlir
    %s = memref.alloc(%b, %v) : memref<?x?xf32>
    scf.parallel (%i) = (%c0) to (%b) step (%c1) {
      scf.parallel (%j) = … { memref.store %x, %s[%i, %j] }
      scf.parallel (%j) = … { memref.load %s[%i, %j] … }
    }
    memref.dealloc %s : memref<?x?xf32>
    ```

    After:

    ```mlir
    scf.parallel (%i) = (%c0) to (%b) step (%c1) {
      %s = memref.alloc(%v) : memref<?xf32>
      scf.parallel (%j) = … { memref.store %x, %s[%j] }
      scf.parallel (%j) = … { memref.load %s[%j] … }
      memref.dealloc %s : memref<?xf32>
    }
    ```
    """

    name = "privatize-kernel-rows"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in list(op.body.block.ops):
            if isinstance(function, func.FuncOp) and OUTPUTS in function.attributes:
                dims = value_dims(function)
                for inner in list(function.body.block.ops):
                    if isinstance(inner, memref.AllocOp) and inner.memref in dims and (found := private(inner)):
                        privatize(found, dims[inner.memref])
