"""From lowered kernels (``func``, ``scf``, ``memref``, ``arith``, ``math``) to LLVM IR."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from math import prod
from typing import Any, ClassVar

from llvmlite import ir
from xdsl.dialects import arith, func, memref, scf, vector
from xdsl.dialects.builtin import IntegerAttr, IntegerType, MemRefType, ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from agentc.analyses.kernel_dims import PHASE, ROWS, element_of, value_dims
from agentc.analyses.kernel_sources import located
from agentc.analyses.kernel_walks import operands_of, ops_of
from agentc.analyses.read_blocks import ReadBlock, block_of, blocks_read
from agentc.backends.llvm.allocation import allocate, release
from agentc.backends.llvm.builder import Builder, anything, external, lanes
from agentc.backends.llvm.declarations import Declared, declare, declare_parallel, declare_table, width_of
from agentc.backends.llvm.fields import field
from agentc.backends.llvm.functions import NONE, Functions, Traits
from agentc.backends.llvm.lines import Lines
from agentc.backends.llvm.parts import POINTER, Runner, declare_part, fill_part, hand_over
from agentc.backends.llvm.row_order import Order, fetch, order, streamed_rows
from agentc.backends.llvm.scalars import (
    I64,
    Scalars,
    convert_lanes,
    flags_of,
    floor_divide,
    from_memory,
    llvm_type,
    memory_type,
    to_memory,
)
from agentc.dialects.vector_ext import CastOp, FieldOp, GatherOp, RegistersOp, WordsOp
from agentc.plan import sizes
from agentc.plan.kernels import LINE, PREFIX, Dim
from agentc.plan.sizes import fold
from agentc.support.diagnostics import Diagnostic, Refused

NSW = ("nsw",)
WHOLE_LANES: Mapping[str, str] = {
    "add": "add",
    "and": "and",
    "or": "or",
    "xor": "xor",
    "minui": "umin",
    "maxui": "umax",
    "minsi": "smin",
    "maxsi": "smax",
}
"""Reductions of the lanes of integers, and what LLVM calls them."""


def translate(module: ModuleOp, traits: Traits = NONE, lines: bool = False, phases: bool = False) -> ir.Module:
    """The LLVM IR of every function of a lowered kernel module, the phases' parts, and the kernel once more for callers
    that run these. ``traits``: of the target; ``lines``: each instruction says which line
    of the source it is from; ``phases``: without the functions that call the phases in order.

    Raises:
        Refused: ``kernel-unsupported`` for an op that has no LLVM form.
    """
    target = ir.Module("agentc")
    every = [op for op in module.body.block.ops if isinstance(op, func.FuncOp)]
    functions = [f for f in every if PHASE in f.attributes or not phases]
    for table in module.body.block.ops:
        if isinstance(table, memref.GlobalOp):
            declare_table(target, table)
    declared = {f.sym_name.data: declare(target, f) for f in functions}
    math = Functions(target, traits)
    places = Lines(target) if lines else None
    parts = {f.sym_name.data: _part(f, declared, places) for f in functions if ROWS in f.attributes}
    for function in functions:
        FunctionTranslation(function, declared, math, places).run()
        if PHASE not in function.attributes:
            twin, runner = declare_parallel(target, function, parts)
            FunctionTranslation(function, declared | {function.sym_name.data: twin}, math, places, runner).run()
    return target


def _part(phase: func.FuncOp, declared: Mapping[str, Declared], lines: Lines | None) -> ir.Function:
    made = declared[phase.sym_name.data].made
    part = declare_part(made)
    places = lines.function(phase, part) if lines else None
    fill_part(part, made, len(phase.body.block.args), places and places.start)
    return part


class FunctionTranslation:
    """State of the translation of one function."""

    def __init__(
        self,
        function: func.FuncOp,
        declared: Mapping[str, Declared],
        math: Functions,
        lines: Lines | None = None,
        runner: Runner | None = None,
    ) -> None:
        self.function = function
        self.declared = declared
        self.runner = runner
        """Who runs the rows of phases that are called; ``None``: they are called here, one after the other."""
        self.module = math.module
        self.scalars = Scalars(math)
        self.dims = value_dims(function)
        made, names = declared[function.sym_name.data]
        arguments = function.body.block.args
        self.values: dict[SSAValue, Any] = dict(zip(arguments, made.args, strict=False))
        self.sizes: dict[str, Any] = dict(zip(names, made.args[len(arguments) :], strict=False))
        self.build: Any = Builder(made.append_basic_block("entry"))
        self.blocks: dict[ReadBlock, Any] = {}
        """Where the blocks are that the loops around read in this iteration."""
        self.kept: list[SSAValue] = []
        """Memory that is allocated in a loop: it lives as long as the call."""
        self.streams = False
        """Whether it writes past the caches."""
        self.lines = lines.function(function, made) if lines else None
        if self.lines is not None:
            self.build.debug_metadata = self.lines.start

    def run(self) -> None:
        """Fill the function."""
        self._block(self.function.body.block)

    def _block(self, block: Block) -> None:
        outer, op = self.build.debug_metadata, None
        try:
            for op in ops_of(block):
                if self.lines is not None:
                    self.build.debug_metadata = self.lines.of(op, outer)
                self._op(op)
        except Refused as refused:
            raise refused if op is None else located(refused, op) from refused
        self.build.debug_metadata = outer

    def _op(self, op: Operation) -> None:
        emit = self._forms.get(type(op))
        if emit is not None:
            emit(self, op)
        else:
            self._scalar(op)

    def _load(self, op: memref.LoadOp) -> None:
        memory, *indices = operands_of(op)
        result = op.results[0]
        loaded = self.build.load(self._address(memory, indices), typ=memory_type(result.type))
        self.values[result] = from_memory(self.build, loaded, result.type)

    def _store(self, op: memref.StoreOp) -> None:
        value, memory, *indices = operands_of(op)
        self.build.store(to_memory(self.build, self.values[value]), self._address(memory, indices))

    def _load_lanes(self, op: vector.LoadOp) -> None:
        base, *indices = operands_of(op)
        result, place = op.results[0], self._beside(op) or self._address(base, indices)
        self.values[result] = self.build.load(place, align=self._vector_alignment(base), typ=llvm_type(result.type))

    def _store_lanes(self, op: vector.StoreOp) -> None:
        value, base, *indices = operands_of(op)
        place = self._address(base, indices)
        if op.nontemporal.value.data:
            self.build.stream(self.values[value], place, LINE)
            self.streams = True
        else:
            self.build.store(self.values[value], place, align=self._vector_alignment(base))

    def _broadcast(self, op: vector.BroadcastOp) -> None:
        type_, value = llvm_type(op.vector.type), self.values[op.source]
        first = self.build.insert_element(anything(type_), value, ir.Constant(ir.IntType(32), 0))
        self.values[op.vector] = self.build.shuffle_vector(first, anything(type_), lanes((0,) * type_.count))

    def _insert(self, op: vector.InsertOp) -> None:
        lane = ir.Constant(ir.IntType(32), op.static_position.get_values()[0])
        self.values[op.result] = self.build.insert_element(self.values[op.dest], self.values[op.source], lane)

    def _gather(self, op: GatherOp) -> None:
        made, element = llvm_type(op.result.type), element_of(op.memory.type)
        places = self.build.gep(self.values[op.memory], [self.values[op.places]], True, source_etype=made.element)
        bits = ir.VectorType(ir.IntType(1), made.count)
        name = f"llvm.masked.gather.v{made.count}{made.element.intrinsic_name}.v{made.count}p0"
        callee = external(self.module, name, made, [places.type, ir.IntType(32), bits, made])
        every, width = ir.Constant(bits, [1] * made.count), ir.Constant(ir.IntType(32), width_of(element))
        self.values[op.result] = self.build.call(callee, [places, width, every, anything(made)])

    def _convert(self, op: CastOp) -> None:
        self.values[op.result] = convert_lanes(self.build, op, self.values[op.input], self.scalars.functions.traits)

    def _words(self, op: WordsOp) -> None:
        self.values[op.result] = self.build.bitcast(self.values[op.input], llvm_type(op.result.type))

    def _field(self, op: FieldOp) -> None:
        self.values[op.result] = field(self.build, self.scalars.functions, op, self.values[op.input])

    def _registers(self, op: RegistersOp) -> None:
        self.values[op.result] = ir.Constant(I64, self.scalars.functions.traits.registers)

    def _shuffle(self, op: vector.ShuffleOp) -> None:
        places = lanes(tuple(op.mask.iter_values()))
        self.values[op.result] = self.build.shuffle_vector(self.values[op.v1], self.values[op.v2], places)

    def _table(self, op: memref.GetGlobalOp) -> None:
        self.values[op.results[0]] = self.module.globals[PREFIX + op.name_.string_value()]

    def _new(self, op: memref.AllocOp) -> None:
        if isinstance(op.parent_op(), func.FuncOp):
            self.values[op.memref] = self._allocate(op)
            return
        with self.build.goto_entry_block():  # once a call, however often the loop around it runs
            self.values[op.memref] = self._allocate(op)
        self.kept.append(op.memref)

    def _view(self, op: memref.ViewOp) -> None:
        base, shift = self.values[op.source], self.values[op.byte_shift]
        self.values[op.result] = self.build.gep(base, [shift], inbounds=True, source_etype=ir.IntType(8))

    def _pointer(self, op: memref.ExtractAlignedPointerAsIndexOp) -> None:
        self.values[op.results[0]] = self.build.ptrtoint(self.values[op.operands[0]], I64)

    def _free(self, op: memref.DeallocOp) -> None:
        if op.memref not in self.kept:  # what is kept serves the next iteration
            self._release(op.memref)

    def _return(self, op: func.ReturnOp) -> None:
        if self.streams:  # what went past the caches is no store that releasing a lock would order
            self.build.fence("seq_cst")
        for memory in self.kept:
            self._release(memory)
        self.build.ret_void()

    def _end(self, op: Operation) -> None:
        """The end of a body, which whatever is around it reads."""

    def _release(self, memory: SSAValue) -> None:
        release(self.scalars.functions, self.build, self.values[memory])

    @staticmethod
    def _vector_alignment(memory: SSAValue) -> int:
        """Arrays are aligned to their elements, and vectors begin anywhere."""
        assert isinstance(memory.type, MemRefType)
        return width_of(memory.type.element_type)

    def _join_lanes(self, op: vector.ReductionOp) -> None:
        value = self.values[op.vector]
        kind = op.kind.data.value
        whole = isinstance(op.dest.type, IntegerType)
        if op.acc is not None or kind not in (WHOLE_LANES if whole else ("add",)):
            raise Refused(Diagnostic("kernel-unsupported", f"`{kind}` of the lanes of a vector has no LLVM form"))
        element = value.type.element
        given = [value.type] if whole else [element, value.type]
        what = WHOLE_LANES[kind] if whole else "fadd"
        name = f"llvm.vector.reduce.{what}.v{value.type.count}{element.intrinsic_name}"
        callee = external(self.module, name, element, given)
        values = [value] if whole else [ir.Constant(element, -0.0), value]
        self.values[op.dest] = self.build.call(callee, values, fastmath=() if whole else flags_of(op))

    def _scalar(self, op: Operation) -> None:
        values = self.values
        value = self.scalars.emit(self.build, op, [values[o] for o in operands_of(op)])
        if value is None:
            raise _no_form(op)
        values[op.results[0]] = value

    def _size(self, dim: Dim) -> Any:
        if dim in self.sizes:
            return self.sizes[str(dim)]
        return fold(dim, lambda name: self.sizes[name], lambda number: ir.Constant(I64, number), self._on_sizes)

    def _on_sizes(self, symbol: str, left: Any, right: Any) -> Any:
        """Arithmetic of sizes that follow from others."""
        if symbol in ("min", "max"):
            return self.build.select(self.build.icmp_signed("<" if symbol == "min" else ">", left, right), left, right)
        emit = {"+": self.build.add, "-": self.build.sub, "*": self.build.mul, "%": self.build.srem}
        return floor_divide(self.build, [left, right]) if symbol == "//" else emit[symbol](left, right)

    def _dim(self, op: memref.DimOp) -> None:
        memory, axis = operands_of(op)
        owner = axis.owner
        assert isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr)
        self.values[op.results[0]] = self._size(self.dims[memory][owner.value.value.data])

    def _address(self, memory: SSAValue, indices: Sequence[SSAValue], rest: int = 1) -> Any:
        """Row-major: ``((i * size1) + j) * size2 + k``; ``rest``: elements behind each of the last of ``indices``."""
        base = self.values[memory]
        if not indices:
            return base
        place = self.values[indices[0]]
        for index, dim in zip(indices[1:], self.dims[memory][1:], strict=rest == 1):
            place = self.build.mul(place, self._size(dim), "", NSW)
            place = self.build.add(place, self.values[index], "", NSW)
        return self._element(memory, base, place if rest == 1 else self.build.mul(place, ir.Constant(I64, rest)))

    def _element(self, memory: SSAValue, base: Any, place: Any) -> Any:
        assert isinstance(memory.type, MemRefType)
        return self.build.gep(base, [place], inbounds=True, source_etype=memory_type(memory.type.element_type))

    def _allocate(self, op: memref.AllocOp) -> Any:
        count: Any = ir.Constant(I64, width_of(op.memref.type.element_type))
        if op.memref in self.dims:
            for dim in self.dims[op.memref]:
                count = self.build.mul(count, self._size(dim))
        else:
            for size in op.dynamic_sizes:  # an arena, of computed bytes
                count = self.build.mul(count, self.values[size])
        return allocate(self.scalars.functions, self.build, count)

    def _on_stack(self, op: memref.AllocaOp) -> None:
        """Once a call, at its beginning, however often the loop around it runs."""
        count = prod(int(dim) for dim in self.dims[op.memref])
        with self.build.goto_entry_block():
            made = self.build.alloca(ir.ArrayType(memory_type(op.memref.type.element_type), count))
            made.align = 64
            made.type = POINTER  # as all others here: what is behind it, loads and stores say
        self.values[op.memref] = made

    def _call(self, op: func.CallOp) -> None:
        name = op.callee.string_value()
        made, names = self.declared[name]
        values, tail = [self.values[o] for o in op.arguments], [self._size(n) for n in names]
        if self.runner is not None and name in self.runner.parts:
            *values, _, rows = values
            hand_over(self.build, self.runner, name, [*values, *tail], rows, self._touched(op))
        else:
            self.build.call(made, [*values, *tail])

    def _touched(self, op: func.CallOp) -> Any:
        """Bytes of the arrays that a phase is called with."""
        total: Any = ir.Constant(I64, 0)
        for memory in op.arguments:
            if isinstance(memory.type, MemRefType):
                count: Any = ir.Constant(I64, width_of(memory.type.element_type))
                for dim in self.dims[memory]:
                    count = self.build.mul(count, self._size(dim))
                total = self.build.add(total, count)
        return total

    def _for(self, op: scf.ForOp) -> None:
        """An ordered loop; values that it carries are phis."""
        low, high, step = (self.values[v] for v in (op.lb, op.ub, op.step))
        starts = [self.values[v] for v in op.iter_args]
        arguments, blocks = op.body.block.args, blocks_read(op, self.values, self.dims)
        at = [self._address(block.memory, [*block.before, op.lb], block.size) for block in blocks]
        with self._loop(low, high, step, [*starts, *at]) as (index, carried, finish):
            self.values.update(zip(arguments, [index, *carried[: len(starts)]], strict=True))
            self.blocks.update(zip(blocks, carried[len(starts) :], strict=True))
            self._block(op.body.block)
            last = op.body.block.last_op
            assert last is not None
            finish.extend([self.values[v] for v in operands_of(last)])
            for block in blocks:
                by = self.build.mul(step, ir.Constant(I64, block.size))
                finish.append(self._element(block.memory, self.blocks.pop(block), by))
        self.values.update(zip(op.results, carried, strict=False))

    def _beside(self, op: vector.LoadOp) -> Any:
        """Where ``op`` reads, if that is in a block whose place a loop carries."""
        found = block_of(op, self.dims) if self.blocks else None
        if found is None or found[0] not in self.blocks:
            return None
        block, shift = found
        return self._element(block.memory, self.blocks[block], ir.Constant(I64, shift))

    def _if(self, op: scf.IfOp) -> None:
        """Both sides join in phis of what they yield."""
        build = self.build
        sides = [("then", op.true_region.block), ("else", op.false_region.blocks.first)]
        made = [build.append_basic_block(name) if block is not None else None for name, block in sides]
        after = build.append_basic_block("joined")
        build.cbranch(self.values[op.cond], made[0], made[1] or after)
        ends: list[tuple[Any, list[Any]]] = []
        for (_, block), place in zip(sides, made, strict=True):
            if block is None or place is None:
                continue
            build.position_at_end(place)
            self._block(block)
            last = block.last_op
            assert last is not None
            ends.append((build.block, [self.values[v] for v in operands_of(last)]))
            build.branch(after)
        build.position_at_end(after)
        for i, result in enumerate(op.results):
            phi = build.phi(ends[0][1][i].type)
            for block, values in ends:
                phi.add_incoming(values[i], block)
            self.values[result] = phi

    def _parallel(self, op: scf.ParallelOp) -> None:
        """In order, here: what may run at once was cut into phases before."""
        if len(op.lowerBound) != 1:
            raise Refused(Diagnostic("kernel-unsupported", "an `scf.parallel` in a kernel is one loop"))
        low, high, step = (self.values[v[0]] for v in (op.lowerBound, op.upperBound, op.step))
        starts = [self.values[v] for v in op.initVals]
        read = self._streamed(op)
        rows = None if read is None else self._order(read.operands[0], low, high)
        with self._loop(low, high, step, starts) as (index, carried, finish):
            row = index if rows is None else rows.row(self.build, index)
            self.values[op.body.block.args[0]] = row
            if rows is not None and isinstance(read, memref.LoadOp):
                self._fetch(rows, row)
            self._block(op.body.block)
            reduce = op.body.block.last_op
            assert isinstance(reduce, scf.ReduceOp)
            for region, argument, old in zip(reduce.reductions, reduce.args, carried, strict=True):
                finish.append(self._combine(region.block, old, self.values[argument]))
        self.values.update(zip(op.res, carried, strict=True))

    def _streamed(self, op: scf.ParallelOp) -> memref.LoadOp | vector.LoadOp | None:
        """What reads the rows of a phase, if they are not just taken one after the other."""
        outside = op.parent_op() is not self.function or ROWS not in self.function.attributes
        return None if outside or not self.scalars.functions.traits.fetches_pages else streamed_rows(op)

    def _order(self, memory: SSAValue, low: Any, high: Any) -> Order:
        size = reduce(sizes.multiply, self.dims[memory][1:], width_of(element_of(memory.type)))
        return order(self.build, self.values[memory], low, high, self._size(size))

    def _fetch(self, rows: Order, row: Any) -> None:
        """Have what comes after ``row`` fetched."""
        start, end = rows.ahead(self.build, row)
        with self._loop(start, end, ir.Constant(I64, LINE), ()) as (place, _, _):
            fetch(self.build, rows.memory, place)

    def _combine(self, block: Block, old: Any, new: Any) -> Any:
        self.values.update(zip(block.args, (old, new), strict=True))
        self._block(block)
        last = block.last_op
        assert isinstance(last, scf.ReduceReturnOp)
        return self.values[last.result]

    @contextmanager
    def _loop(
        self, low: Any, high: Any, step: Any, starts: Sequence[Any]
    ) -> Generator[tuple[Any, list[Any], list[Any]]]:
        """A counted loop around what is emitted in the ``with``: its index, the values carried, and a list to fill with
        their next values.
        """
        build = self.build
        before = build.block
        header, body, after = (build.append_basic_block(n) for n in ("loop", "body", "after"))
        build.branch(header)
        build.position_at_end(header)
        index = build.phi(I64, "i")
        index.add_incoming(low, before)
        carried = [build.phi(s.type) for s in starts]
        for phi, start in zip(carried, starts, strict=True):
            phi.add_incoming(start, before)
        build.cbranch(build.icmp_signed("<", index, high), body, after)
        build.position_at_end(body)
        finish: list[Any] = []
        yield index, carried, finish
        index.add_incoming(build.add(index, step, flags=NSW), build.block)
        for phi, value in zip(carried, finish, strict=True):
            phi.add_incoming(value, build.block)
        build.branch(header)
        build.position_at_end(after)

    _forms: ClassVar[Mapping[type[Operation], Callable[[Any, Any], None]]] = {
        memref.LoadOp: _load,
        memref.StoreOp: _store,
        memref.DimOp: _dim,
        memref.GetGlobalOp: _table,
        memref.AllocOp: _new,
        memref.AllocaOp: _on_stack,
        memref.ViewOp: _view,
        memref.ExtractAlignedPointerAsIndexOp: _pointer,
        memref.DeallocOp: _free,
        vector.LoadOp: _load_lanes,
        vector.StoreOp: _store_lanes,
        vector.BroadcastOp: _broadcast,
        vector.InsertOp: _insert,
        vector.ShuffleOp: _shuffle,
        vector.ReductionOp: _join_lanes,
        GatherOp: _gather,
        CastOp: _convert,
        WordsOp: _words,
        FieldOp: _field,
        RegistersOp: _registers,
        scf.ParallelOp: lambda self, op: self._parallel(op),  # which a GPU does otherwise
        scf.ForOp: _for,
        scf.IfOp: _if,
        scf.ReduceOp: _end,
        scf.YieldOp: _end,
        scf.ReduceReturnOp: _end,
        func.CallOp: _call,
        func.ReturnOp: _return,
    }
    """How each op that is no scalar one is emitted."""


def _no_form(op: Operation) -> Refused:
    return Refused(Diagnostic("kernel-unsupported", f"`{op.name}` has no LLVM form in a kernel"))
