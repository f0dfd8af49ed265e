"""From phases lowered for a GPU to LLVM IR that one wave, or one lane, of a GPU runs per row.

Three forms of a phase. ``wave``: a wave takes a row after the other; inner loops go over its lanes, partial values are
combined by exchanging registers. ``lane``: each lane takes elements or rows of its own. ``one``: a single lane does
all, for what is ordered. All loops stride by the size of the grid, so that any number of workgroups is right.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from llvmlite import ir
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from agentc.analyses.kernel_abi import kernel_abi
from agentc.analyses.reductions import neutral
from agentc.backends.llvm.builder import external
from agentc.backends.llvm.declarations import Declared, declare
from agentc.backends.llvm.functions import Functions
from agentc.backends.llvm.gpu_functions import GpuFunctions
from agentc.backends.llvm.scalars import I64, llvm_type
from agentc.backends.llvm.translate import FunctionTranslation
from agentc.support.diagnostics import Diagnostic, Refused

if TYPE_CHECKING:
    from agentc.backends.llvm.gpu import GpuTarget

Form: TypeAlias = Literal["wave", "lane", "one"]
GROUP = 256
"""Lanes of a workgroup in the forms ``wave`` and ``lane``."""
I32 = ir.IntType(32)
UNIFORM = (memref.LoadOp, memref.StoreOp, memref.DimOp, scf.ParallelOp, scf.ReduceOp)


def form_of(phase: func.FuncOp) -> Form:
    """How the lanes of a GPU share the work of ``phase``."""
    body = phase.body.block
    rows = phase.attributes.get("agentc.rows") is not None
    if not rows:
        return "wave" if _shared(body) and _has_loops(body) else "one"
    loop = next(op for op in body.ops if isinstance(op, scf.ParallelOp))
    return "wave" if _has_loops(loop.body.block) and _shared(loop.body.block) else "lane"


def _has_loops(block: Block) -> bool:
    return any(isinstance(op, scf.ParallelOp) for op in block.ops)


def _shared(block: Block) -> bool:
    """Whether every lane may run the ops of ``block`` outside its loops, and the loops over lanes: what is stored there
    is the same for all lanes and nobody reads it again, and no loop is ordered.
    """
    stored = {op.memref for op in block.ops if isinstance(op, memref.StoreOp)}
    read = {op.memref for op in block.walk() if isinstance(op, memref.LoadOp)}
    for op in block.ops:
        if op.regions and not isinstance(op, scf.ParallelOp):
            return False
        if isinstance(op, scf.ParallelOp) and not _private(op.body.block):
            return False
        if isinstance(op, memref.AllocOp | memref.DeallocOp | func.CallOp):
            return False
    return not stored & read and _lanes_apart(block)


def _private(body: Block) -> bool:
    """Whether iterations of a loop touch, of what they write, only what has their own index last."""
    index = body.args[0]
    stores = [op for op in body.walk() if isinstance(op, memref.StoreOp)]
    return all(any(i is index for i in op.indices) for op in stores)


def _lanes_apart(block: Block) -> bool:
    """Whether loops of ``block`` read what an earlier one stored only where the same lane did: at their own index, on
    the axis that it was stored along, in loops that begin alike.
    """
    axes: dict[SSAValue, set[tuple[int, ...]]] = {}
    starts: dict[SSAValue, set[SSAValue | int]] = {}
    accesses = [op for op in block.walk() if isinstance(op, memref.LoadOp | memref.StoreOp)]
    written = {op.memref for op in accesses if isinstance(op, memref.StoreOp) and _loop_in(op, block) is not None}
    for op in (op for op in accesses if op.memref in written):
        loop = _loop_in(op, block)
        if loop is None:
            return False
        axes.setdefault(op.memref, set()).add(
            tuple(axis for axis, i in enumerate(op.indices) if i is loop.body.block.args[0])
        )
        starts.setdefault(op.memref, set()).add(_constant(loop.lowerBound[0]))
    alone = all(len(found) == 1 and () not in found for found in axes.values())
    return alone and all(len(found) == 1 for found in starts.values())


def _constant(value: SSAValue) -> SSAValue | int:
    """The number that ``value`` is, or itself."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return value


def _loop_in(op: Operation, block: Block) -> scf.ParallelOp | None:
    """The loop directly in ``block`` around ``op``."""
    at: Operation | None = op
    while at is not None and at.parent is not block:
        at = at.parent_op()
    return at if isinstance(at, scf.ParallelOp) else None


def launches(module: ModuleOp) -> list[dict[str, Any]]:
    """Per phase: its symbol, form, arguments as in the kernel's ABI, range and lanes per workgroup."""
    functions = {f.sym_name.data: f for f in module.body.block.ops if isinstance(f, func.FuncOp)}
    rows: list[dict[str, Any]] = []
    for phase in kernel_abi(module).phases:
        form = form_of(functions[phase.symbol])
        group = "one wave" if _one_wave(form, phase.rows is not None) else GROUP
        rows.append(
            {
                "symbol": phase.symbol,
                "form": form,
                "arguments": list(phase.arguments),
                "sizes": list(phase.sizes),
                "rows": phase.rows,
                "group": group,
            }
        )
    return rows


def _one_wave(form: Form, rows: bool) -> bool:
    """Whether a workgroup is a wave: all others would leave at once."""
    return form == "one" or (form == "wave" and not rows)


def translate_gpu(module: ModuleOp, target: "GpuTarget") -> str:
    """The LLVM IR of the phases, for waves of the size of ``target``'s.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    made = ir.Module("agentc")
    phases = {p.symbol for p in kernel_abi(module).phases}
    functions = [f for f in module.body.block.ops if isinstance(f, func.FuncOp) and f.sym_name.data in phases]
    declared = {f.sym_name.data: declare(made, f) for f in functions}
    math = GpuFunctions(made)
    for function in functions:
        kernel = declared[function.sym_name.data].made
        kernel.calling_convention = "amdgpu_kernel" if target.amd else "ptx_kernel"
        translation = PhaseTranslation(function, declared, math, target)
        translation.run()
        _of_size(kernel, target.lanes if _one_wave(translation.form, translation.rows) else GROUP, target)
    text = str(made)
    for name in ("malloc", "free"):
        if f"@{name}(" in text or f'@"{name}"(' in text:
            raise Refused(Diagnostic("kernel-unsupported", "a phase that allocates memory has no form on a GPU"))
    return _bounded(text, target)


def _of_size(kernel: Any, group: int, target: "GpuTarget") -> None:
    """Say that workgroups have ``group`` lanes: the runtime refuses a launch with others, whose waves need not be
    whole, as rows are counted out to them.
    """
    sizes = [ir.Constant(I32, size) for size in (group, 1, 1)]
    if target.amd:
        kernel.set_metadata("reqd_work_group_size", kernel.module.add_metadata(sizes))
        return
    for axis, size in zip("xyz", sizes, strict=True):
        kernel.module.add_named_metadata("nvvm.annotations", [kernel, f"reqntid{axis}", size])


def _bounded(text: str, target: "GpuTarget") -> str:
    """Workgroups are at most as large as ``GROUP``, which leaves more registers to each lane."""
    if not target.amd:
        return text
    lines = text.split("\n")
    limit = f'"amdgpu-flat-work-group-size"="1,{GROUP}" '
    told = [
        line.replace(" nounwind", f" nounwind {limit}", 1) if line.startswith("define amdgpu_kernel") else line
        for line in lines
    ]
    return "\n".join(told)


class PhaseTranslation(FunctionTranslation):
    """State of the translation of one phase for a GPU."""

    def __init__(
        self, function: func.FuncOp, declared: dict[str, Declared], math: Functions, target: "GpuTarget"
    ) -> None:
        super().__init__(function, declared, math)
        self.target = target
        self.form: Form = form_of(function)
        self.rows = function.attributes.get("agentc.rows") is not None
        self.depth = 0
        lane = self.build.urem(self._thread(), ir.Constant(I32, target.lanes))
        self.lane: Any = self.build.zext(lane, I64)

    def run(self) -> None:
        """Fill the function. Where not every lane works, the others leave at once."""
        if not self.rows:
            wanted = ir.Constant(I64, 0 if self.form == "one" else self.target.lanes - 1)
            works = self.build.icmp_unsigned("<=", self._global_thread(), wanted)
            work, done = (self.build.append_basic_block(name) for name in ("work", "done"))
            self.build.cbranch(works, work, done)
            self.build.position_at_end(done)
            self.build.ret_void()
            self.build.position_at_end(work)
        super().run()

    def _thread(self) -> Any:
        return self._register("llvm.amdgcn.workitem.id.x", "llvm.nvvm.read.ptx.sreg.tid.x")

    def _group(self) -> Any:
        return self._register("llvm.amdgcn.workgroup.id.x", "llvm.nvvm.read.ptx.sreg.ctaid.x")

    def _register(self, amd: str, nvidia: str) -> Any:
        return self.build.call(external(self.module, amd if self.target.amd else nvidia, I32, []), [])

    def _group_size(self) -> Any:
        if not self.target.amd:
            return self.build.zext(self._register("", "llvm.nvvm.read.ptx.sreg.ntid.x"), I64)
        return self.build.zext(self._dispatch(4, ir.IntType(16)), I64)

    def _grid_size(self) -> Any:
        """Lanes of the whole launch."""
        if self.target.amd:
            return self.build.zext(self._dispatch(12, I32), I64)
        groups = self.build.zext(self._register("", "llvm.nvvm.read.ptx.sreg.nctaid.x"), I64)
        return self.build.mul(groups, self._group_size())

    def _dispatch(self, offset: int, type_: ir.Type) -> Any:
        """A field of the dispatch packet: workgroup_size_x is at byte 4, grid_size_x at 12 (HSA runtime, AQL)."""
        pointer = ir.PointerType()
        pointer.addrspace = 4
        packet = self.build.call(external(self.module, "llvm.amdgcn.dispatch.ptr", pointer, []), [])
        place = self.build.gep(packet, [ir.Constant(I64, offset)], source_etype=ir.IntType(8))
        return self.build.load(place, typ=type_)

    def _global_thread(self) -> Any:
        first = self.build.mul(self.build.zext(self._group(), I64), self._group_size())
        return self.build.add(first, self.build.zext(self._thread(), I64))

    def _parallel(self, op: scf.ParallelOp) -> None:
        if self.form == "one" or self.depth > 1 or (self.form == "lane" and self.depth):
            self._in_order(op)
        elif self.rows and not self.depth:
            self._over_grid(op)
        else:
            self._over_lanes(op)

    def _in_order(self, op: scf.ParallelOp) -> None:
        super()._parallel(op)

    def _over_grid(self, op: scf.ParallelOp) -> None:
        """Rows are shared out among waves, or among lanes."""
        low, high = self.values[op.lowerBound[0]], self.values[op.upperBound[0]]
        first, count = self._global_thread(), self._grid_size()
        if self.form == "wave":
            lanes = ir.Constant(I64, self.target.lanes)
            first, count = self.build.udiv(first, lanes), self.build.udiv(count, lanes)
        self.depth = 1
        with self._loop(self.build.add(low, first), high, count, []) as (index, _, _):
            self.values[op.body.block.args[0]] = index
            self._block(op.body.block)
        self.depth = 0

    def _over_lanes(self, op: scf.ParallelOp) -> None:
        """Lane l takes elements l, l + lanes, …; what lanes have reduced is combined by a butterfly, in which every
        lane ends with the whole.
        """
        reduce = op.body.block.last_op
        assert isinstance(reduce, scf.ReduceOp)
        low, high = self.values[op.lowerBound[0]], self.values[op.upperBound[0]]
        starts = [self._neutral(region.block) for region in reduce.reductions]
        step = ir.Constant(I64, self.target.lanes)
        depth, self.depth = self.depth, 2
        with self._loop(self.build.add(low, self.lane), high, step, starts) as (index, carried, finish):
            self.values[op.body.block.args[0]] = index
            self._block(op.body.block)
            for region, argument, old in zip(reduce.reductions, reduce.args, carried, strict=True):
                finish.append(self._combine(region.block, old, self.values[argument]))
        self.depth = depth
        for region, value, start, result in zip(reduce.reductions, carried, op.initVals, op.res, strict=True):
            distance = self.target.lanes // 2
            while distance:
                value = self._combine(region.block, value, self._exchange(value, distance))
                distance //= 2
            self.values[result] = self._combine(region.block, self.values[start], value)

    def _neutral(self, block: Block) -> Any:
        first = block.first_op
        assert first is not None
        if len(list(block.ops)) != 2:
            raise Refused(Diagnostic("kernel-unsupported", "a reduction by several ops has no form on a GPU"))
        value = neutral(type(first), first.results[0].type)
        return ir.Constant(llvm_type(first.results[0].type), value.value.data)

    def _exchange(self, value: Any, distance: int) -> Any:
        """The value of the lane whose number differs in the bit ``distance``."""
        width = {"float": 32, "double": 64, "half": 16}.get(str(value.type)) or value.type.width
        bits = self.build.bitcast(value, ir.IntType(width)) if not isinstance(value.type, ir.IntType) else value
        if width <= 32:
            moved = self._move(self.build.zext(bits, I32) if width < 32 else bits, distance)
            moved = self.build.trunc(moved, ir.IntType(width)) if width < 32 else moved
        else:
            low = self._move(self.build.trunc(bits, I32), distance)
            high = self._move(self.build.trunc(self.build.lshr(bits, ir.Constant(I64, 32)), I32), distance)
            shifted = self.build.shl(self.build.zext(high, I64), ir.Constant(I64, 32))
            moved = self.build.or_(self.build.zext(low, I64), shifted)
        return moved if isinstance(value.type, ir.IntType) else self.build.bitcast(moved, value.type)

    def _move(self, value: Any, distance: int) -> Any:
        if not self.target.amd:
            shuffle = external(self.module, "llvm.nvvm.shfl.sync.bfly.i32", I32, [I32, I32, I32, I32])
            rest = [ir.Constant(I32, distance), ir.Constant(I32, 31)]
            return self.build.call(shuffle, [ir.Constant(I32, -1), value, *rest])
        lane = self.build.xor(self.build.trunc(self.lane, I32), ir.Constant(I32, distance))
        place = self.build.shl(lane, ir.Constant(I32, 2))
        return self.build.call(external(self.module, "llvm.amdgcn.ds.bpermute", I32, [I32, I32]), [place, value])
