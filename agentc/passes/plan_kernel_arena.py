"""Puts the temporaries of a kernel into one piece of memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, ModuleOp, i8
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from agentc.analyses.kernel_builders import Preceding
from agentc.analyses.kernel_dims import DIMS, OUTPUTS, dims_attr, element_of, name_of, shape_of, value_dims
from agentc.analyses.kernel_ops import alloc, binary, dealloc, index_constant, made, memory_type
from agentc.analyses.kernel_walks import operands_of, ops_of
from agentc.plan import arena
from agentc.plan.kernels import Dim, bytes_of
from agentc.plan.sizes import Sizes
from agentc.support.record import record

TYPICAL = 1 << 14
"""What every size is taken for where temporaries are compared. Another number costs memory at most, never an answer."""


@record
class Temporary:
    """Memory of a kernel, and the phases, numbered, from the first that uses it to the last."""

    op: memref.AllocOp
    dims: tuple[Dim, ...]
    life: range

    @property
    def typical_bytes(self) -> int:
        """Bytes where every size is ``TYPICAL``."""
        counts = Sizes({name: TYPICAL for dim in self.dims if isinstance(dim, str) for name in _names(dim)})
        return bytes_of(name_of(element_of(self.op.memref.type)), self.dims, counts)


def _names(dim: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in dim).split())


def temporaries(function: func.FuncOp) -> list[Temporary]:
    """The memory that ``function`` allocates, and how long each lives; what no phase uses is left out."""
    dims = value_dims(function)
    users: dict[SSAValue, list[int]] = {}
    ops = ops_of(function.body.block)
    for number, op in enumerate(op for op in ops if type(op) is func.CallOp):
        for operand in operands_of(op):
            users.setdefault(operand, []).append(number)
    every = [(op, op.results[0]) for op in ops if type(op) is memref.AllocOp]
    found = [(op, memory) for op, memory in every if memory in users and memory in dims]
    return [Temporary(op, dims[memory], range(users[memory][0], users[memory][-1] + 1)) for op, memory in found]


class Arena:
    """State of the rewriting of one function."""

    def __init__(self, function: func.FuncOp, found: Sequence[Temporary]) -> None:
        self.block = function.body.block
        placement = arena.order([t.life for t in found], [t.typical_bytes for t in found])
        self.found = [found[i] for i in placement]
        first = next(op for op in self.block.ops if isinstance(op, func.CallOp))
        self.before: Operation = first
        self.build = Preceding(first)
        self.numbers: dict[int, SSAValue] = {}

    def run(self) -> None:
        """One allocation in the place of all."""
        for temporary in self.found:
            for size in temporary.op.dynamic_sizes:
                self._hoist(size)
        ends: list[SSAValue] = []
        shifts: list[SSAValue] = []
        below = arena.beneath([t.life for t in self.found])
        for temporary, under in zip(self.found, below, strict=True):
            shifts.append(self._top([ends[j] for j in under]))
            ends.append(self._above(shifts[-1], self._bytes(temporary)))
        covered = {j for under in below for j in under}
        highest = self._top([end for i, end in enumerate(ends) if i not in covered])
        whole = self.build.insert(alloc(memory_type(i8, (DYNAMIC_INDEX,)), [highest]))
        for temporary, shift in zip(self.found, shifts, strict=True):
            self._view(temporary, whole.memref, shift)
        last = self.block.last_op
        assert last is not None
        self.block.insert_op_before(dealloc(whole.memref), last)

    def _hoist(self, value: SSAValue) -> None:
        """Let a size be known before the first phase. Sizes are made of arguments alone."""
        op = value.owner
        if isinstance(op, Block) or op.parent is not self.block or op.is_before_in_block(self.before):
            return
        for operand in op.operands:
            self._hoist(operand)
        op.detach()
        self.block.insert_op_before(op, self.before)

    def _number(self, value: int) -> SSAValue:
        if value not in self.numbers:
            self.numbers[value] = self.build.insert(index_constant(value)).result
        return self.numbers[value]

    def _bytes(self, temporary: Temporary) -> SSAValue:
        """Bytes of ``temporary`` in whole lines."""
        shape = shape_of(temporary.op.memref.type) or ()
        element = name_of(element_of(temporary.op.memref.type))
        known = bytes_of(element, [n for n in shape if n != DYNAMIC_INDEX], Sizes({}))
        if not temporary.op.dynamic_sizes:
            return self._number(arena.aligned(known))
        count = self._number(known)
        for size in temporary.op.dynamic_sizes:
            count = self._op(arith.MuliOp, count, size)
        more = self._op(arith.AddiOp, count, self._number(arena.ALIGNMENT - 1))
        return self._op(arith.AndIOp, more, self._number(-arena.ALIGNMENT))

    def _op(self, kind: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        return self.build.insert(binary(kind, a, b)).results[0]

    def _above(self, shift: SSAValue, count: SSAValue) -> SSAValue:
        if shift is self._number(0):
            return count
        return self._op(arith.AddiOp, shift, count)

    def _top(self, ends: Sequence[SSAValue]) -> SSAValue:
        if not ends:
            return self._number(0)
        top = ends[0]
        for end in ends[1:]:
            top = self._op(arith.MaxSIOp, top, end)
        return top

    def _view(self, temporary: Temporary, whole: SSAValue, shift: SSAValue) -> None:
        op = temporary.op
        assert isinstance(op.memref.type, MemRefType)
        view = made(memref.ViewOp, [whole, shift, *operands_of(op)], [op.memref.type])
        view.attributes[DIMS] = dims_attr([temporary.dims])
        view.result.name_hint = op.memref.name_hint
        self.build.insert(view)
        for use in list(op.memref.uses):
            if isinstance(use.operation, memref.DeallocOp):
                use.operation.detach()
                use.operation.erase()
        op.memref.replace_all_uses_with(view.result)
        op.detach()
        op.erase()


@dataclass(frozen=True)
class PlanKernelArenaPass(ModulePass):
    """Let the temporaries of a kernel, of whatever types and sizes, lie in one piece of memory: those that are alive in
    the same phase apart, all others where there is room. It is allocated once, and its size computed from those of the
    arguments. Expects phases (``outline-kernel-phases``).

    Before:

    ```mlir
    %s = memref.alloc(%n) : memref<?xf32>
    func.call @k_p0(%x, %s)
    func.call @k_p1(%s, %out)
    memref.dealloc %s : memref<?xf32>
    %t = memref.alloc(%m) : memref<?xi8>
    func.call @k_p2(%out, %t)
    memref.dealloc %t : memref<?xi8>
    ```

    After:

    ```mlir
    %bytes = arith.maxsi %of_s, %of_t : index
    %arena = memref.alloc(%bytes) : memref<?xi8>
    %s = memref.view %arena[%c0][%n] : memref<?xi8> to memref<?xf32>
    %t = memref.view %arena[%c0][%m] : memref<?xi8> to memref<?xi8>
    func.call @k_p0(%x, %s)
    func.call @k_p1(%s, %out)
    func.call @k_p2(%out, %t)
    memref.dealloc %arena : memref<?xi8>
    ```
    """

    name = "plan-kernel-arena"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and OUTPUTS in function.attributes:
                found = temporaries(function)
                if len(found) > 1:
                    Arena(function, found).run()
