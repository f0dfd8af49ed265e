"""Writes results that are larger than caches past them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import dropwhile
from typing import Final

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf, vector
from xdsl.dialects.builtin import DYNAMIC_INDEX, BoolAttr, IndexType, ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.column_sums import count_of
from agentc.analyses.kernel_builders import vector_type
from agentc.analyses.kernel_dims import (
    DIMS,
    OUTPUTS,
    bits,
    dims_attr,
    element_of,
    insert_size,
    is_integer,
    name_of,
    results_of,
)
from agentc.analyses.kernel_ops import alloc, branch, counted, dealloc, memory_type, parallel, store, walked, yielded
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.kernel_walks import ops_of
from agentc.passes.lower_kernels_to_loops import LoopLowering, share_sizes
from agentc.passes.share_kernel_buffers import accesses, ancestor
from agentc.plan import sizes
from agentc.plan.kernels import LINE, Dim
from agentc.support.record import record

WIDTHS: Final[Mapping[str, int]] = {"f32": 4, "f64": 8}
"""Bytes of the floating-point numbers that lie in memory as they are computed."""
LARGE: Final = 64 << 20
"""Bytes of a result of which caches keep too little for whoever reads it next."""


@record
class Streamed:
    """The innermost of loops that write each element of a result, row after row."""

    loops: tuple[scf.ParallelOp, ...]
    """Outermost first: one for each dimension."""
    written: memref.StoreOp
    others: tuple[memref.LoadOp | memref.StoreOp, ...]
    """What else lives in the result's memory, a row at a time, before it is written."""
    dims: tuple[Dim, ...]
    """Of the result."""
    width: int
    """Bytes of an element."""

    @property
    def row_bytes(self) -> Dim:
        """Bytes of a row."""
        return sizes.multiply(self.dims[-1], self.width)

    @property
    def bytes(self) -> Dim:
        """Bytes of the result."""
        return reduce(sizes.multiply, self.dims, self.width)

    @property
    def work(self) -> list[Operation]:
        """What a row takes, from where the result's memory is first used."""
        rows = self.loops[0].body.block
        users = {ancestor(op, rows) for op in (*self.others, self.written)}
        return list(dropwhile(lambda op: op not in users, ops_of(rows)))[:-1]

    def may_pay(self, large: int) -> bool:
        """Whether rows may begin and end with a line, and all may be ``large``, as far as sizes are known. Elements that
        take loops of their own are no matter of memory."""
        row, total = self.row_bytes, self.bytes
        fits = (isinstance(row, str) or row % LINE == 0) and (isinstance(total, str) or total >= large)
        inside = (inner for op in _all(self.work) if op not in self.loops for inner in _body(op))
        return fits and not any(op.regions for op in inside)


def streamed(memory: SSAValue, lowering: LoopLowering) -> Streamed | None:
    """How ``memory``, a result, gets what is in it in the end, if its rows are written from end to end."""
    dims, width, users = lowering.dims(memory), _width(element_of(memory.type)), accesses(memory)
    if len(dims) < 2 or width is None or not users:
        return None
    order = walked(lowering.function)
    written = max(users, key=order.index)
    loops = _around(written)
    if not isinstance(written, memref.StoreOp) or [loop.body.block.args[0] for loop in loops] != list(written.indices):
        return None
    whole = [count_of(loop, lowering.dims) for loop in loops] == list(dims)
    straight = not any(op.regions or _strides(op, loops[-1]) for op in ops_of(loops[-1].body.block))
    others = [u for u in users if isinstance(u, memref.LoadOp | memref.StoreOp) and u is not written]
    alike = len(others) == len(users) - 1 and all(u.indices[0] is written.indices[0] for u in others)
    return Streamed(loops, written, tuple(others), dims, width) if whole and straight and alike else None


def _around(op: Operation) -> tuple[scf.ParallelOp, ...]:
    """The loops around ``op``, outermost first; none where something else is around it, too."""
    found: list[scf.ParallelOp] = []
    outer = op.parent_op()
    while isinstance(outer, scf.ParallelOp) and not outer.initVals:
        found.insert(0, outer)
        outer = outer.parent_op()
    return tuple(found) if isinstance(outer, func.FuncOp) else ()


def _strides(op: Operation, loop: scf.ParallelOp) -> bool:
    """Whether ``op`` reads down a column: no matter of what is written."""
    return isinstance(op, memref.LoadOp) and loop.body.block.args[0] in op.indices[:-1]


def _width(element: Attribute) -> int | None:
    """Bytes of an element, if it lies in memory as it is computed."""
    if is_integer(element):
        return bits(element) // 8 or None
    return WIDTHS.get(name_of(element))


class Streaming:
    """State of the rewriting of one result's loops."""

    def __init__(self, found: Streamed, lowering: LoopLowering, large: int) -> None:
        self.found, self.lowering = found, lowering
        self.zero, self.one, self.line, self.large = (lowering.integer(n) for n in (0, 1, LINE, large))

    def run(self) -> None:
        """Put a choice between what there is and its twin, which writes lines past the caches, in its place: from where
        the result's memory is first used."""
        moved, end = self.found.work, self.found.loops[0].body.block.last_op
        pays = self._pays(Builder(InsertPoint.before(moved[0])))
        values: dict[SSAValue, SSAValue] = {}
        past = Block([op.clone(value_mapper=values) for op in moved])
        twins = dict(zip(_all(moved), _all(list(past.ops)), strict=True))
        for op in moved:
            op.detach()
        assert end is not None
        Builder(InsertPoint.before(end)).insert(branch(pays, (), Region(past), Region(Block([*moved, yielded()]))))
        if self.found.others:
            self._move_out(past, [twins[op] for op in self.found.others])
        past.add_op(yielded())
        self._by_line(twins[self.found.loops[-1]], twins[self.found.written])

    def _pays(self, build: Builder) -> SSAValue:
        """Whether the result is large, and each of its rows begins and ends with a line."""
        found, named = self.found, self.lowering.named
        row, total = (insert_size(build, size, named) for size in (found.row_bytes, found.bytes))
        base = build.insert(memref.ExtractAlignedPointerAsIndexOp.get(found.written.memref)).results[0]
        odd = build.insert(arith.RemUIOp(build.insert(arith.OrIOp(base, row)), self.line))
        whole = build.insert(arith.CmpiOp(odd, self.zero, "eq"))
        large = build.insert(arith.CmpiOp(total, self.large, "sge"))
        return build.insert(arith.AndIOp(whole, large)).result

    def _move_out(self, past: Block, users: Sequence[Operation]) -> None:
        """Give what else lives in the result's memory a row of its own."""
        element, (_, *dims) = self.found.written.value.type, self.found.dims
        unknown = [self.lowering.named(dim) for dim in dims if isinstance(dim, str)]
        made = alloc(memory_type(element, tuple(DYNAMIC_INDEX if isinstance(d, str) else d for d in dims)), unknown)
        made.attributes[DIMS] = dims_attr([tuple(dims)])
        first = past.first_op
        assert first is not None
        past.insert_op_before(made, first)
        past.add_op(dealloc(made.memref))
        for user in users:
            places = len(self.found.dims)
            user.operands = [*user.operands[: -places - 1], made.memref, *user.operands[1 - places :]]

    def _by_line(self, loop: Operation, written: Operation) -> None:
        """Line after line: its elements as before, but beside the result, and then all of them at once."""
        assert isinstance(loop, scf.ParallelOp) and isinstance(written, memref.StoreOp)
        lanes, element = LINE // self.found.width, written.value.type
        build, step = Builder(InsertPoint.before(loop)), self.lowering.integer(lanes)
        line = build.insert(memref.AllocaOp.get(element, LINE, (lanes,))).memref
        block = Block(arg_types=[IndexType()])
        inside = Builder(InsertPoint.at_end(block))
        row = [*written.indices[:-1], block.args[0]]
        each = _each(loop, written, block.args[0], line)
        inside.insert(parallel(self.zero, step, self.one, Region(each)))
        whole = inside.insert(vector.LoadOp(line, [self.zero], vector_type(element, lanes)))
        past = inside.insert(vector.StoreOp(whole.result, written.memref, row, BoolAttr.from_bool(True)))
        for op in (whole, past):
            op.attributes.update(written.attributes)
        inside.insert(yielded())
        build.insert(counted(self.zero, loop.upperBound[0], step, (), Region(block)))
        loop.detach()
        loop.erase()


def _all(ops: Sequence[Operation]) -> list[Operation]:
    return [inner for op in ops for inner in walked(op)]


def _body(op: Operation) -> list[Operation]:
    """What ``op``, a loop or a branch, has in it, but for how it reduces."""
    blocks = [region.blocks.first for region in op.regions] if not isinstance(op, scf.ReduceOp) else []
    return [
        inner for block in blocks if block is not None for inner in block.ops if not isinstance(inner, scf.ReduceOp)
    ]


def _each(loop: scf.ParallelOp, written: memref.StoreOp, first: SSAValue, line: SSAValue) -> Block:
    """The body of ``loop`` from ``first`` on, which writes to ``line``."""
    block = Block(arg_types=[IndexType()])
    build = Builder(InsertPoint.at_end(block))
    values: dict[SSAValue, SSAValue] = {}
    values[loop.body.block.args[0]] = build.insert(arith.AddiOp(first, block.args[0])).result
    for op in ops_of(loop.body.block):
        if op is written:
            new = build.insert(store(values.get(written.value, written.value), line, [block.args[0]]))
            new.attributes.update(op.attributes)
        else:
            build.insert(op.clone(value_mapper=values))
    return block


@dataclass(frozen=True)
class StreamKernelRowsPass(ModulePass):
    """Write a result of rows past the caches, line by line (``nontemporal``), where it is larger than they are: a usual
    store first reads the line that it writes to. Which way a call goes is decided by its sizes and by where the result
    lies; each row has to begin and to end with a line.

    Expects loops that are as fused as they get, and memory that is not shared yet: what else would live in the result's
    memory gets memory of its own.

    Before:

    ```mlir
    scf.parallel (%i) = (%c0) to (%n) step (%c1) {
      scf.parallel (%j) = (%c0) to (%d) step (%c1) { … memref.store %v, %out[%i, %j] : memref<?x?xf32> }
    }
    ```

    After:

    ```mlir
    scf.parallel (%i) = (%c0) to (%n) step (%c1) {
      scf.if %pays {
        %line = memref.alloca() : memref<16xf32>
        scf.for %c = %c0 to %d step %c16 {
          scf.parallel (%l) = (%c0) to (%c16) step (%c1) { … memref.store %v, %line[%l] : memref<16xf32> }
          %w = vector.load %line[%c0] : memref<16xf32>, vector<16xf32>
          vector.store %w, %out[%i, %c] {nontemporal = true} : memref<?x?xf32>, vector<16xf32>
        }
      } else {
        scf.parallel (%j) = (%c0) to (%d) step (%c1) { … memref.store %v, %out[%i, %j] : memref<?x?xf32> }
      }
    }
    ```
    """

    name = "stream-kernel-rows"
    large: int = LARGE

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in list(op.body.block.ops):
            if isinstance(function, func.FuncOp) and OUTPUTS in function.attributes:
                stream_rows(function, self.large)


def stream_rows(function: func.FuncOp, large: int) -> None:
    """Rewrite the loops of one kernel that write results of ``large`` bytes or more."""
    lowering = LoopLowering(function, "auto")
    for memory in results_of(function):
        if (found := streamed(memory, lowering)) is not None and found.may_pay(large):
            with replacing(found.loops[-1]):
                Streaming(found, lowering, large).run()
    share_sizes(function)
