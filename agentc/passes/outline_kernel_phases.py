"""Cuts a kernel into functions that a runtime may call piecewise, and a GPU launch one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import ArrayAttr, FunctionType, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from agentc.analyses.kernel_builders import copied
from agentc.analyses.kernel_dims import (
    DIMS,
    NAMES,
    OUTPUTS,
    PHASE,
    ROWS,
    SIZE_CASTS,
    SIZE_OPS,
    argument_names,
    dims_attr,
    size_of,
    temporary_names,
    value_dims,
)
from agentc.analyses.kernel_ops import (
    INDEX,
    Appending,
    index_constant,
    made,
    parallel,
    size_along,
    walked,
    with_values,
)
from agentc.analyses.kernel_sources import inherit, place_attribute, sources, sources_inside
from agentc.analyses.kernel_walks import operands_of, ops_of
from agentc.dialects.linalg_ext import ExtOp
from agentc.plan.kernels import Dim
from agentc.support.diagnostics import Diagnostic, Refused

SETUP = frozenset(
    (
        *(arith.ConstantOp, memref.DimOp, memref.AllocOp, memref.DeallocOp, memref.GetGlobalOp),
        *(func.ReturnOp, func.CallOp),
    )
)
ARITHMETIC = frozenset((*SIZE_OPS.values(), *SIZE_CASTS))


def is_setup(op: Operation | Block) -> TypeGuard[Operation]:
    """Whether ``op`` stays in the kernel's own function, and is computed again in a phase that needs it."""
    kind = type(op)
    if kind in SETUP:
        return True
    if kind not in ARITHMETIC or not isinstance(op, Operation):
        return False
    return all(isinstance(o, BlockArgument) or is_setup(o.owner) for o in operands_of(op))


@dataclass
class Outline:
    """State of the cutting of one function."""

    function: func.FuncOp
    phases: list[func.FuncOp] = field(default_factory=list[func.FuncOp])

    def run(self) -> list[func.FuncOp]:
        """Cut the function; its phases, to be put into the module."""
        self._dims = value_dims(self.function)
        ops = ops_of(self.function.body.block)
        arguments = list(self.function.body.block.args)
        names = argument_names(self.function)
        self._names: dict[SSAValue, str] = dict(zip(arguments, names, strict=False))
        own = [op.results[0] for op in ops if type(op) is memref.AllocOp]
        self._names.update(zip(own, temporary_names(self.function, len(own)), strict=True))
        self._order: dict[SSAValue, int] = {value: i for i, value in enumerate([*arguments, *own])}
        for group in groups(ops):
            self._outline(group)
        return self.phases

    def _outline(self, group: Sequence[Operation]) -> None:
        rows = _rows(group)
        each = [_captured(op) for op in group]
        captured = _together(group, each)
        used = self._used(captured)
        block = Block(arg_types=[v.type for v in used] + [INDEX, INDEX] * (rows is not None))
        labels = [self._names[v] for v in used] + ["low", "high"] * (rows is not None)
        for argument, label in zip(block.args, labels, strict=True):
            argument.name_hint = label
        mapper: dict[SSAValue, SSAValue] = dict(zip(used, block.args, strict=False))
        body = Appending(block)
        name = f"{self.function.sym_name.data}_p{len(self.phases)}"
        bounds = [rows.lowerBound[0], rows.upperBound[0]] if rows is not None else []
        size = self._size(bounds[1]) if bounds else None
        places = sources_inside(group)
        around = group[-1].parent
        assert around is not None
        around.insert_op_before(called(name, [*used, *bounds]), group[-1])
        if rows is not None:
            mapper[rows.lowerBound[0]], mapper_high = block.args[-2], block.args[-1]
            self._rows_loop(rows, captured, mapper, mapper_high, body)
        else:
            for op, values in zip(group, each, strict=True):
                for value in values:
                    self._value(value, mapper, body)
                op.detach()
                block.add_op(with_values(op, mapper))
        block.add_op(made(func.ReturnOp))
        phase = function(name, block)
        inherit(phase, places)
        phase.attributes[DIMS] = dims_attr([self._dims[v] for v in used if v in self._dims])
        phase.attributes[NAMES] = ArrayAttr([place_attribute(n) for n in labels])
        phase.attributes[PHASE] = place_attribute("rows" if rows is not None else "serial")
        if size is not None:
            phase.attributes[ROWS] = dims_attr([[size]]).data[0]
        self.phases.append(phase)

    def _rows_loop(
        self,
        rows: scf.ParallelOp,
        captured: Sequence[SSAValue],
        mapper: dict[SSAValue, SSAValue],
        high: SSAValue,
        body: Builder,
    ) -> None:
        low = mapper.pop(rows.lowerBound[0])
        for value in captured:
            self._value(value, mapper, body)
        step = self._value(rows.step[0], mapper, body)
        region = Region()
        with_values(rows, mapper).regions[0].move_blocks(region)
        inherit(body.insert(parallel(low, high, step, region)), sources(rows))
        rows.detach()
        rows.erase()

    def _used(self, captured: Sequence[SSAValue]) -> list[SSAValue]:
        """Memory and scalars of the kernel that code needs which takes ``captured``, in the kernel's order."""
        used: set[SSAValue] = set()
        for value in captured:
            used |= self._roots(value)
        found = [v for v in self._order if v in used]
        known = {d for v in found for d in self._dims.get(v, ())}
        for value in captured:
            for dim in self._sizes_of(value):
                if isinstance(dim, str) and dim not in known:
                    found.append(next(v for v in self._order if dim in self._dims.get(v, ())))
                    known.update(self._dims[found[-1]])
        return sorted(found, key=self._order.__getitem__)

    def _roots(self, value: SSAValue) -> set[SSAValue]:
        if value in self._order:
            return {value}
        owner = value.owner
        if not is_setup(owner) or isinstance(owner, memref.DimOp | func.CallOp):
            if isinstance(owner, memref.DimOp):
                return set()
            raise Refused(Diagnostic("kernel-unsupported", "parts of a kernel exchange a value outside memory"))
        return {root for o in operands_of(owner) for root in self._roots(o)}

    def _sizes_of(self, value: SSAValue) -> set[Dim]:
        owner = value.owner
        if type(owner) is memref.DimOp:
            return {self._size(value)}
        if value in self._order or not isinstance(owner, Operation):
            return set()
        return {d for o in operands_of(owner) for d in self._sizes_of(o)}

    def _size(self, value: SSAValue) -> Dim:
        found = size_of(value, self._read_size)
        if found is None:
            raise Refused(Diagnostic("kernel-unsupported", "a loop's range is no size of an argument"))
        return found

    def _read_size(self, value: SSAValue) -> Dim | None:
        owner = value.owner
        if not isinstance(owner, memref.DimOp):
            return None
        axis = self._size(owner.index)
        assert isinstance(axis, int)
        return self._dims[owner.source][axis]

    def _value(self, value: SSAValue, mapper: dict[SSAValue, SSAValue], body: Builder) -> SSAValue:
        """``value`` of the kernel as the phase has it, computed again where that is needed."""
        if value in mapper:
            return mapper[value]
        owner = value.owner
        if isinstance(owner, memref.DimOp):
            new = self._dim(self._size(value), mapper, body)
        elif is_setup(owner):
            for operand in operands_of(owner):
                self._value(operand, mapper, body)
            new = body.insert(copied(owner, mapper)).results[0]
        else:
            return value
        mapper[value] = new
        return new

    def _dim(self, name: Dim, mapper: dict[SSAValue, SSAValue], body: Builder) -> SSAValue:
        owner = next(v for v in mapper if name in self._dims.get(v, ()))
        axis = body.insert(index_constant(self._dims[owner].index(name)))
        size = body.insert(size_along(mapper[owner], axis.result))
        size.result.name_hint = str(name)
        return size.result


def groups(ops: Sequence[Operation]) -> list[list[Operation]]:
    """Neighboring ops that make one phase: a loop whose rows are independent, or what a target does whole, alone;
    all else together.
    """
    found: list[list[Operation]] = []
    rows_before = True
    for op in ops:
        if is_setup(op):
            continue
        rows = isinstance(op, ExtOp) or (isinstance(op, scf.ParallelOp) and not op.res)
        if rows or rows_before:
            found.append([])
        found[-1].append(op)
        rows_before = rows
    return found


def _rows(group: Sequence[Operation]) -> scf.ParallelOp | None:
    first = group[0]
    return first if isinstance(first, scf.ParallelOp) and not first.res else None


def _captured(op: Operation) -> list[SSAValue]:
    """Values from outside ``op``, in order of use."""
    inside: set[SSAValue] = set()
    taken: dict[SSAValue, None] = {}
    for inner in walked(op):
        taken.update(dict.fromkeys(operands_of(inner)))
        inside.update(inner.results)
        for region in inner.regions:
            for block in region.blocks:
                inside.update(block.args)
    return [value for value in taken if value not in inside]


def _together(group: Sequence[Operation], captured: Sequence[Sequence[SSAValue]]) -> list[SSAValue]:
    """Values from outside ``group``, whose ops take what is ``captured``, in order of use."""
    inside = {result for op in group for result in op.results}
    return [value for value in dict.fromkeys(value for values in captured for value in values) if value not in inside]


def called(name: str, arguments: Sequence[SSAValue]) -> func.CallOp:
    """A call of the phase ``name``."""
    return made(func.CallOp, arguments, (), {"callee": SymbolRefAttr(name)})


def function(name: str, body: Block) -> func.FuncOp:
    """The function ``name`` that gives nothing."""
    type_ = FunctionType.from_lists([a.type for a in body.args], [])
    return made(func.FuncOp, (), (), {"sym_name": StringAttr(name), "function_type": type_}, [Region(body)])


@dataclass(frozen=True)
class OutlineKernelPhasesPass(ModulePass):
    """Give each top-level loop of a kernel, and each stretch of other code, a function of its own: a phase.

    A phase ``"rows"`` takes the range to do as its last two arguments, so that a runtime may cut it over threads and a GPU
    over blocks. What phases exchange is in memory. The kernel itself calls its phases in order.

    Before:

    ```mlir
    func.func @k(%x: memref<?xf32>, %out: memref<?xf32>) {
      scf.parallel (%i) = (%c0) to (%n) step (%c1) {…}
    }
    ```

    After:

    ```mlir
    func.func @k(%x: memref<?xf32>, %out: memref<?xf32>) {
      func.call @k_p0(%x, %out, %c0, %n)
    }
    func.func @k_p0(%x: memref<?xf32>, %out: memref<?xf32>, %low: index, %high: index)
        attributes {agentc.phase = "rows", agentc.rows = ["n"]} {
      scf.parallel (%i) = (%low) to (%high) step (%c1) {…}
    }
    ```
    """

    name = "outline-kernel-phases"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in ops_of(op.body.block):
            if isinstance(kernel, func.FuncOp) and OUTPUTS in kernel.attributes:
                for phase in Outline(kernel).run():
                    op.body.block.add_op(phase)
