"""Lets memory whose lives do not meet be one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, memref, scf, vector
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from agentc.analyses.kernel_dims import OUTPUTS, results_of, shape_of, value_dims
from agentc.analyses.kernel_ops import walked
from agentc.analyses.kernel_walks import ops_of
from agentc.passes.outline_kernel_phases import is_setup
from agentc.plan.kernels import Dim


def accesses(memory: SSAValue) -> list[Operation]:
    """The ops that read or write ``memory``, or hand it on."""
    users = (use.operation for use in memory.uses)
    return [op for op in users if not isinstance(op, memref.DeallocOp | memref.DimOp)]


class Orders:
    """Where the ops of each block are. Memory that is given up in between leaves the order of all else as it is."""

    def __init__(self) -> None:
        self._places: dict[Block, dict[Operation, int]] = {}
        self._work: dict[Block, dict[Operation, int]] = {}

    def places(self, block: Block) -> dict[Operation, int]:
        """The place of each op of ``block``."""
        if block not in self._places:
            self._places[block] = {op: place for place, op in enumerate(ops_of(block))}
        return self._places[block]

    def work(self, block: Block) -> dict[Operation, int]:
        """The place of each op of ``block`` that is part of a phase, among those."""
        if block not in self._work:
            found = [op for op in ops_of(block) if not is_setup(op)]
            self._work[block] = {op: place for place, op in enumerate(found)}
        return self._work[block]


def ends_before(first: Sequence[Operation], second: Sequence[Operation], block: Block, orders: Orders) -> bool:
    """Whether every op of ``first`` is done with its elements before any of ``second`` begins with the same ones: all
    come earlier in ``block``, or they meet in one loop of which each iteration keeps to elements of its own.
    """
    order = orders.places(block)
    mine, theirs = ([(ancestor(op, block), op) for op in ops] for ops in (first, second))
    last = max(order[top] for top, _ in mine)
    begin = min(order[top] for top, _ in theirs)
    if last != begin:
        return last < begin
    meeting = next(top for top, _ in mine if order[top] == last)
    if not isinstance(meeting, scf.ParallelOp | scf.ForOp):
        return False
    inside, others = ([op for top, op in pairs if top is meeting] for pairs in (mine, theirs))
    body = meeting.body.block
    return bool(_own_axes([*inside, *others], body.args[0])) and ends_before(inside, others, body, orders)


def ancestor(op: Operation, block: Block) -> Operation:
    """``op``, or what it is inside of, in ``block``."""
    while op.parent is not block:
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op


def _own_axes(ops: Sequence[Operation], index: SSAValue) -> set[int]:
    """Axes along which each access goes to place ``index`` and no other."""
    found = [_axes(op, index) for op in ops]
    return set[int].intersection(*found)


def _axes(op: Operation, index: SSAValue) -> set[int]:
    match op:
        case memref.LoadOp() | memref.StoreOp():
            return {axis for axis, place in enumerate(op.indices) if place is index}
        case vector.LoadOp() | vector.StoreOp():  # along its last axis a vector goes further than its index
            return {axis for axis, place in enumerate(op.indices[:-1]) if place is index}
        case _:
            return set()


@dataclass
class Slot:
    """Memory, and all that lives in it."""

    memory: SSAValue
    lives: list[list[Operation]]
    result: bool
    """It is the caller's, who reads what was written last."""

    def takes(self, life: Sequence[Operation], block: Block, orders: Orders) -> bool:
        """Whether what is accessed by ``life`` can live here as well, without keeping memory that could be free."""
        if self.result and self.lives[0] and not ends_before(life, self.lives[0], block, orders):
            return False
        earlier = self.lives[self.result :]
        if not all(ends_before(other, life, block, orders) for other in earlier):
            return False
        return self.result or not _pause(earlier, life, block, orders)


def _pause(earlier: Sequence[Sequence[Operation]], life: Sequence[Operation], block: Block, orders: Orders) -> bool:
    """Whether anything of ``block`` runs after the last of ``earlier`` and before ``life``."""
    tops = {ancestor(op, block) for ops in earlier for op in ops}
    following = {ancestor(op, block) for op in life}
    places = orders.work(block)
    last = max(places[op] for op in tops if op in places)
    begin = min(places[op] for op in following if op in places)
    return begin > last + 1


@dataclass
class Sharing:
    """State of the sharing in one kernel."""

    function: func.FuncOp

    def run(self) -> None:
        """Replace memory in place."""
        block = self.function.body.block
        self._dims = value_dims(self.function)
        made = [op for op in ops_of(block) if isinstance(op, memref.AllocOp) and op.memref.type.get_shape()]
        if not made:
            return
        order = {op: place for place, op in enumerate(walked(self.function))}
        orders = Orders()
        lives = {op: accesses(op.memref) for op in made}
        slots = [Slot(memory, [accesses(memory)], True) for memory in results_of(self.function)]
        for op in sorted((op for op in made if lives[op]), key=lambda op: min(order[user] for user in lives[op])):
            home = next((s for s in self._alike(slots, op.memref) if s.takes(lives[op], block, orders)), None)
            if home is None:
                slots.append(Slot(op.memref, [lives[op]], False))
            else:
                home.lives.append(lives[op])
                _replace(op, home.memory)

    def _alike(self, slots: Sequence[Slot], memory: SSAValue) -> Iterator[Slot]:
        """The slots of the same type and sizes, those in use last of all first: they are in the cache."""
        wanted = self._kind(memory)
        return (slot for slot in reversed(slots) if self._kind(slot.memory) == wanted)

    def _kind(self, memory: SSAValue) -> tuple[Attribute, tuple[Dim, ...]]:
        return memory.type, self._dims.get(memory, shape_of(memory.type) or ())


def _replace(op: memref.AllocOp, memory: SSAValue) -> None:
    for use in list(op.memref.uses):
        if isinstance(use.operation, memref.DeallocOp):
            use.operation.detach()
            use.operation.erase()
    op.memref.replace_all_uses_with(memory)
    op.detach()
    op.erase()


@dataclass(frozen=True)
class ShareKernelBuffersPass(ModulePass):
    """Give temporaries of one type and the same sizes one memory where the last use of one comes before the first of the
    other, or where each row of one is done with before that row of the other begins. What is over before a result is
    written lives in the result's memory.

    Where other work lies between two lives they stay apart: each is freed when it ends (``shorten-kernel-buffers``), and
    other types and sizes take its place. Single numbers stay apart: they are worth nothing, and sharing would only order what could run at once.

    Before:

    ```mlir
    %s = memref.alloc(%n) : memref<?xf32>
    %t = memref.alloc(%n) : memref<?xf32>
    scf.parallel (%i) = … { memref.store %a, %s[%i] }
    %m = scf.parallel (%i) = … { memref.load %s[%i] … }
    scf.parallel (%i) = … { memref.store %b, %t[%i] }
    ```

    After:

    ```mlir
    %s = memref.alloc(%n) : memref<?xf32>
    scf.parallel (%i) = … { memref.store %a, %s[%i] }
    %m = scf.parallel (%i) = … { memref.load %s[%i] … }
    scf.parallel (%i) = … { memref.store %b, %s[%i] }
    ```
    """

    name = "share-kernel-buffers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in list(op.body.block.ops):
            if isinstance(function, func.FuncOp) and OUTPUTS in function.attributes:
                Sharing(function).run()
