"""From lowered kernels (``func``, ``scf``, ``memref``, ``arith``, ``math``) to LLVM IR."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

from llvmlite import ir
from xdsl.dialects import arith, func, memref, scf, vector
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, IntegerAttr, IntegerType, MemRefType, ModuleOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from agentc.analyses.kernel_abi import sizes
from agentc.analyses.kernel_dims import PHASE, ROWS, argument_names, name_of, value_dims
from agentc.analyses.kernel_sources import located
from agentc.backends.llvm.fields import field
from agentc.backends.llvm.functions import Functions
from agentc.backends.llvm.lines import Lines
from agentc.backends.llvm.parts import POINTER, RUN_TYPE, Runner, declare_part, fill_part, hand_over
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
from agentc.dialects.vector_ext import CastOp, FieldOp, WordsOp
from agentc.plan.kernels import PARALLEL, PREFIX, Dim
from agentc.plan.sizes import fold
from agentc.support.diagnostics import Diagnostic, Refused

SCALAR = ("arith.", "math.")
"""Dialects most ops are of, and all of whose ops are scalar."""
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


def translate(module: ModuleOp, scales: bool = False, lines: bool = False, phases: bool = False) -> ir.Module:
    """The LLVM IR of every function of a lowered kernel module, the phases' parts, and the kernel once more for callers
    that run these. ``scales``: for targets that multiply by powers of two; ``lines``: each instruction says which line
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
    math = Functions(target, scales)
    places = Lines(target) if lines else None
    parts = {f.sym_name.data: _part(f, declared, places) for f in functions if ROWS in f.attributes}
    for function in functions:
        FunctionTranslation(function, declared, math, places).run()
        if PHASE not in function.attributes:
            twin, runner = declare_parallel(target, function, parts)
            FunctionTranslation(function, declared | {function.sym_name.data: twin}, math, places, runner).run()
    return target


def declare_table(target: ir.Module, table: memref.GlobalOp) -> None:
    """A constant array: its bytes as they lie in memory, which are read far faster than as many numbers."""
    value = table.initial_value
    assert isinstance(value, DenseIntOrFPElementsAttr) and sys.byteorder == "little"
    type_ = ir.ArrayType(ir.IntType(8), len(value.data.data))
    made: Any = ir.GlobalVariable(target, type_, PREFIX + table.sym_name.data)
    made.initializer = ir.Constant(type_, bytearray(value.data.data))
    made.linkage, made.global_constant, made.align = "internal", True, 64


def width_of(element: Attribute) -> int:
    """Bytes of an element in memory."""
    return {"f32": 4, "i32": 4, "i8": 1, "i1": 1, "f16": 2, "bf16": 2}.get(name_of(element), 8)


class Declared(NamedTuple):
    """A function of the module and the sizes it is passed after its arguments."""

    made: ir.Function
    sizes: list[str]


def declare(module: ir.Module, function: func.FuncOp) -> Declared:
    """``function`` in ``module``, without a body."""
    made = _declare(module, function)
    if PHASE in function.attributes:
        made.attributes.add("noinline")  # called by itself: a second copy in the kernel only takes longer to compile
    return Declared(made, sizes(function))


def declare_parallel(
    module: ir.Module, function: func.FuncOp, parts: Mapping[str, ir.Function]
) -> tuple[Declared, Runner]:
    """The kernel ``function`` once more, for callers that run ``parts``; without a body."""
    made = _declare(module, function, PARALLEL, {"run": RUN_TYPE.as_pointer(), "context": POINTER})
    run, context = made.args[-2:]
    return Declared(made, sizes(function)), Runner(run, context, parts)


def _part(phase: func.FuncOp, declared: Mapping[str, Declared], lines: Lines | None) -> ir.Function:
    made = declared[phase.sym_name.data].made
    part = declare_part(made)
    places = lines.function(phase, part) if lines else None
    fill_part(part, made, len(phase.body.block.args), places and places.start)
    return part


def _declare(
    module: ir.Module, function: func.FuncOp, suffix: str = "", more: Mapping[str, Any] | None = None
) -> ir.Function:
    arguments = function.body.block.args
    types = [POINTER if isinstance(a.type, MemRefType) else llvm_type(a.type) for a in arguments]
    names, more = sizes(function), more or {}
    signature = ir.FunctionType(ir.VoidType(), [*types, *[I64] * len(names), *more.values()])
    made = ir.Function(module, signature, PREFIX + function.sym_name.data + suffix)
    made.attributes.add("nounwind")
    for parameter, name in zip(made.args, [*argument_names(function), *names, *more], strict=True):
        parameter.name = name
        if isinstance(parameter.type, ir.PointerType) and name not in more:
            parameter.add_attribute("noalias")
    return made


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
        self.build: Any = ir.IRBuilder(made.append_basic_block("entry"))
        self.kept: list[SSAValue] = []
        """Memory that is allocated in a loop: it lives as long as the call."""
        self.lines = lines.function(function, made) if lines else None
        if self.lines is not None:
            self.build.debug_metadata = self.lines.start

    def run(self) -> None:
        """Fill the function."""
        self._block(self.function.body.block)

    def _block(self, block: Block) -> None:
        outer, op = self.build.debug_metadata, None
        try:
            for op in block.ops:
                if self.lines is not None:
                    self.build.debug_metadata = self.lines.of(op, outer)
                self._op(op)
        except Refused as refused:
            raise refused if op is None else located(refused, op) from refused
        self.build.debug_metadata = outer

    def _op(self, op: Operation) -> None:
        if op.name.startswith(SCALAR):
            self._scalar(op)
            return
        match op:
            case memref.LoadOp():
                place = self._address(op.memref, op.indices)
                loaded = self.build.load(place, typ=memory_type(op.res.type))
                self.values[op.res] = from_memory(self.build, loaded, op.res.type)
            case memref.StoreOp():
                self.build.store(to_memory(self.build, self.values[op.value]), self._address(op.memref, op.indices))
            case vector.LoadOp():
                place = self._address(op.base, op.indices)
                width = self._vector_alignment(op.base)
                self.values[op.result] = self.build.load(place, align=width, typ=llvm_type(op.result.type))
            case vector.StoreOp():
                place = self._address(op.base, op.indices)
                self.build.store(self.values[op.vector], place, align=self._vector_alignment(op.base))
            case vector.BroadcastOp():
                self.values[op.vector] = self._broadcast(self.values[op.source], llvm_type(op.vector.type))
            case CastOp():
                self.values[op.result] = convert_lanes(self.build, op, self.values[op.input])
            case WordsOp():
                self.values[op.result] = self.build.bitcast(self.values[op.input], llvm_type(op.result.type))
            case FieldOp():
                self.values[op.result] = field(self.build, self.scalars.functions, op, self.values[op.input])
            case vector.ShuffleOp():
                places = ir.Constant(ir.VectorType(ir.IntType(32), len(op.mask)), list(op.mask.iter_values()))
                self.values[op.result] = self.build.shuffle_vector(self.values[op.v1], self.values[op.v2], places)
            case vector.ReductionOp():
                self.values[op.dest] = self._join_lanes(op)
            case memref.DimOp():
                self.values[op.result] = self._dim(op)
            case memref.GetGlobalOp():
                self.values[op.memref] = self.module.globals[PREFIX + op.name_.string_value()]
            case memref.AllocOp() if isinstance(op.parent_op(), func.FuncOp):
                self.values[op.memref] = self._allocate(op)
            case memref.AllocOp():
                with self.build.goto_entry_block():  # once a call, however often the loop around it runs
                    self.values[op.memref] = self._allocate(op)
                self.kept.append(op.memref)
            case memref.ViewOp():
                base, shift = self.values[op.source], self.values[op.byte_shift]
                self.values[op.result] = self.build.gep(base, [shift], inbounds=True, source_etype=ir.IntType(8))
            case memref.AllocaOp():
                self.values[op.memref] = self._on_stack(op)
            case memref.DeallocOp() if op.memref in self.kept:
                pass  # it serves the next iteration
            case memref.DeallocOp():
                self.build.call(self._c_function("free", ir.VoidType(), POINTER), [self.values[op.memref]])
            case scf.ParallelOp():
                self._parallel(op)
            case scf.ForOp():
                self._for(op)
            case scf.IfOp():
                self._if(op)
            case scf.ReduceOp() | scf.YieldOp() | scf.ReduceReturnOp():
                pass
            case func.CallOp():
                self._call(op)
            case func.ReturnOp():
                for memory in self.kept:
                    self.build.call(self._c_function("free", ir.VoidType(), POINTER), [self.values[memory]])
                self.build.ret_void()
            case _:
                self._scalar(op)

    @staticmethod
    def _vector_alignment(memory: SSAValue) -> int:
        """Arrays are aligned to their elements, and vectors begin anywhere."""
        assert isinstance(memory.type, MemRefType)
        return width_of(memory.type.element_type)

    def _broadcast(self, value: Any, type_: Any) -> Any:
        first = self.build.insert_element(ir.Constant(type_, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), type_.count), None)
        return self.build.shuffle_vector(first, ir.Constant(type_, ir.Undefined), mask)

    def _join_lanes(self, op: vector.ReductionOp) -> Any:
        value = self.values[op.vector]
        kind = op.kind.data.value
        whole = isinstance(op.dest.type, IntegerType)
        if op.acc is not None or kind not in (WHOLE_LANES if whole else ("add",)):
            raise Refused(Diagnostic("kernel-unsupported", f"`{kind}` of the lanes of a vector has no LLVM form"))
        element = value.type.element
        given = [value.type] if whole else [element, value.type]
        what = WHOLE_LANES[kind] if whole else "fadd"
        name = f"llvm.vector.reduce.{what}.v{value.type.count}{element.intrinsic_name}"
        callee = self.module.globals.get(name)
        if callee is None:
            callee = ir.Function(self.module, ir.FunctionType(element, given), name)
        if whole:
            return self.build.call(callee, [value])
        return self.build.call(callee, [ir.Constant(element, -0.0), value], fastmath=flags_of(op))

    def _scalar(self, op: Operation) -> None:
        value = self.scalars.emit(self.build, op, [self.values[o] for o in op.operands])
        if value is None:
            raise Refused(Diagnostic("kernel-unsupported", f"`{op.name}` has no LLVM form in a kernel"))
        self.values[op.results[0]] = value

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

    def _dim(self, op: memref.DimOp) -> Any:
        owner = op.index.owner
        assert isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr)
        return self._size(self.dims[op.source][owner.value.value.data])

    def _address(self, memory: SSAValue, indices: Sequence[SSAValue]) -> Any:
        """Row-major: ``((i * size1) + j) * size2 + k``."""
        base = self.values[memory]
        if not indices:
            return base
        place = self.values[indices[0]]
        for index, dim in zip(indices[1:], self.dims[memory][1:], strict=True):
            place = self.build.mul(place, self._size(dim), flags=("nsw",))
            place = self.build.add(place, self.values[index], flags=("nsw",))
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
        return self.build.call(self._c_function("malloc", POINTER, I64), [count])

    def _on_stack(self, op: memref.AllocaOp) -> Any:
        """Once a call, at its beginning, however often the loop around it runs."""
        count = prod(int(dim) for dim in self.dims[op.memref])
        with self.build.goto_entry_block():
            made = self.build.alloca(ir.ArrayType(memory_type(op.memref.type.element_type), count))
            made.align = 64
            made.type = POINTER  # as all others here: what is behind it, loads and stores say
        return made

    def _c_function(self, name: str, result: ir.Type, argument: ir.Type) -> ir.Function:
        found = self.module.globals.get(name)
        if isinstance(found, ir.Function):
            return found
        return ir.Function(self.module, ir.FunctionType(result, [argument]), name)

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
        arguments = op.body.block.args
        with self._loop(low, high, step, starts) as (index, carried, finish):
            self.values.update(zip(arguments, [index, *carried], strict=True))
            self._block(op.body.block)
            last = op.body.block.last_op
            assert last is not None
            finish.extend(self.values[v] for v in last.operands)
        self.values.update(zip(op.results, carried, strict=True))

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
            ends.append((build.block, [self.values[v] for v in last.operands]))
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
        with self._loop(low, high, step, starts) as (index, carried, finish):
            self.values[op.body.block.args[0]] = index
            self._block(op.body.block)
            reduce = op.body.block.last_op
            assert isinstance(reduce, scf.ReduceOp)
            for region, argument, old in zip(reduce.reductions, reduce.args, carried, strict=True):
                finish.append(self._combine(region.block, old, self.values[argument]))
        self.values.update(zip(op.res, carried, strict=True))

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
        index.add_incoming(build.add(index, step, flags=("nsw",)), build.block)
        for phi, value in zip(carried, finish, strict=True):
            phi.add_incoming(value, build.block)
        build.branch(header)
        build.position_at_end(after)
