"""The body of a kernel phase as CUDA C++: who does which iteration, and where threads wait for each other."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Attribute, Block, Operation, OpResult, SSAValue

from agentc.analyses.kernel_dims import argument_names, value_dims
from agentc.analyses.kernel_sources import located, unsupported
from agentc.analyses.reductions import NEUTRAL, is_neutral, neutral
from agentc.backends.cuda import packs, scans
from agentc.backends.cuda.scalars import c_type, expression, literal, size_name
from agentc.dialects.linalg_ext import ExtOp
from agentc.plan.kernels import Dim, c_name
from agentc.support.diagnostics import Refused

SYNC = "group.sync();"


def inner_loops(op: Operation) -> list[scf.ParallelOp]:
    """The parallel loops inside ``op``."""
    return [o for o in op.walk() if isinstance(o, scf.ParallelOp) and o is not op]


def ends_with(loop: scf.ParallelOp, index: SSAValue) -> int:
    """How many arrays of several axes, or of one that ``index`` walks, are read or written along ``index``."""
    return sum(
        bool(o.indices) and o.indices[-1] is index for o in loop.walk() if isinstance(o, memref.LoadOp | memref.StoreOp)
    )


def touched(op: Operation) -> tuple[set[SSAValue], set[SSAValue]]:
    """Memory that ``op`` and all inside it read, and that they write."""
    reads = {o.memref for o in op.walk() if isinstance(o, memref.LoadOp)}
    writes = {o.memref for o in op.walk() if isinstance(o, memref.StoreOp)}
    for inner in op.walk():
        if isinstance(inner, ExtOp):
            reads.update(inner.inputs)
            writes.update(inner.outputs)
    return reads, writes


@dataclass
class DeviceBody:
    """State of the emission of one phase."""

    function: func.FuncOp
    lines: list[str] = field(default_factory=list[str])
    depth: int = 1

    def __post_init__(self) -> None:
        self.dims = value_dims(self.function)
        arguments = self.function.body.block.args
        names = [
            n if isinstance(a.type, IndexType) else c_name(n)
            for n, a in zip(argument_names(self.function), arguments, strict=False)
        ]
        self.names: dict[SSAValue, str] = dict(zip(arguments, names, strict=False))
        self._taken = {*names, *map(size_name, (d for row in self.dims.values() for d in row if isinstance(d, str)))}
        self._count = 0
        self.guard = ""
        """Condition under which the rows of this group are real."""
        self.group = False
        """Whether a group of threads works on this body together."""
        self.layered = False
        """Whether the group's warps may share out a loop whose iterations each are a warp's work."""
        self.flat = ""
        """The length of a loop that stands for two, in C++, if there is one."""
        self.inverses: dict[Operation, str] = {}
        """What divisions multiply by instead."""
        self.skipped: set[Operation] = set()
        """Ops that nothing needs any more."""
        self.spread: scf.ParallelOp | None = None
        """A loop that goes over the grid's second axis."""

    def write(self, text: str) -> None:
        """One line of code; waiting twice in a row is waiting once."""
        if text == SYNC and self.lines and self.lines[-1].strip() == SYNC:
            return
        self.lines.append("  " * self.depth + text)

    @contextmanager
    def braces(self, head: str) -> Generator[None]:
        """``head { … }``."""
        self.write(f"{head} {{")
        self.depth += 1
        yield
        self.depth -= 1
        self.write("}")

    def fresh(self, stem: str) -> str:
        """A name that is not taken."""
        name = stem
        while name in self._taken:
            self._count += 1
            name = f"{stem}_{self._count}"
        self._taken.add(name)
        return name

    def size(self, dim: Dim) -> str:
        """The C++ name of a size."""
        return size_name(dim) if isinstance(dim, str) else str(dim)

    def block(self, block: Block) -> None:
        """All ops of ``block``, with a wait of the group around each that others depend on."""
        for op in block.ops:
            self.in_turn(op)

    def in_turn(self, op: Operation) -> None:
        """One op, with a wait of the group before and after if others depend on it."""
        wait = self.group and self._shares(op)
        if wait:
            self.write(SYNC)
        self.op(op)
        if wait:
            self.write(SYNC)

    def _shares(self, op: Operation) -> bool:
        """Whether ``op`` writes memory that another op of the phase, at this level or inside, touches."""
        if not isinstance(op, memref.StoreOp | scf.ParallelOp | scf.ForOp):
            return False
        _, written = touched(op)
        inside = set(op.walk())
        accesses = (o for o in self.function.walk() if isinstance(o, memref.LoadOp | memref.StoreOp))
        return any(o.memref in written and o not in inside for o in accesses)

    def op(self, op: Operation) -> None:
        """One op.

        Raises:
            Refused: ``kernel-unsupported``, at its place in the kernel.
        """
        try:
            self._op(op)
        except Refused as refused:
            raise located(refused, op) from refused

    def _op(self, op: Operation) -> None:
        match op:
            case _ if op in self.skipped:
                pass
            case memref.LoadOp():
                self.define(op.res, f"{self.names[op.memref]}[{self.offset(op.memref, op.indices)}]")
            case memref.StoreOp():
                self._store(op)
            case memref.DimOp():
                self.names[op.result] = self._dim(op)
            case scf.ParallelOp():
                self.loop(op)
            case scf.ForOp():
                self._for(op)
            case scf.IfOp():
                self._if(op)
            case scf.ReduceOp() | scf.YieldOp() | func.ReturnOp():
                pass
            case _:
                self._scalar(op)

    def _scalar(self, op: Operation) -> None:
        if op in self.inverses:
            self.define(op.results[0], f"{self.names[op.operands[0]]} * {self.inverses[op]}")
            return
        text = expression(op, [self.names[o] for o in op.operands])
        if text is None:
            raise unsupported(op, f"`{op.name}` has no CUDA form in a kernel")
        if isinstance(op, arith.ConstantOp):
            self.names[op.result] = text
        else:
            self.define(op.results[0], text)

    def define(self, value: SSAValue, text: str) -> None:
        """A constant that holds ``text``, as ``value``."""
        name = self.fresh(c_name(value.name_hint or "v"))
        self.write(f"const {c_type(value.type)} {name} = {text};")
        self.names[value] = name

    def _store(self, op: memref.StoreOp) -> None:
        text = f"{self.names[op.memref]}[{self.offset(op.memref, op.indices)}] = {self.names[op.value]};"
        conditions = [c for c in (self.guard, "group.lane() == 0" if self.group else "") if c]
        self.write(f"if ({' && '.join(conditions)}) {text}" if conditions else text)

    def _dim(self, op: memref.DimOp) -> str:
        return self.size(self._dimension(op))

    def _dimension(self, op: memref.DimOp) -> Dim:
        owner = op.index.owner
        assert isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr)
        return self.dims[op.source][owner.value.value.data]

    def extent(self, value: SSAValue) -> str | None:
        """A bound of a loop in terms that the host knows, too: a size or a number."""
        match value.owner:
            case memref.DimOp() as op:
                return self._dim(op)
            case arith.ConstantOp(value=IntegerAttr() as number):
                return str(number.value.data)
            case arith.FloorDivSIOp(lhs=OpResult(op=memref.DimOp() as op)) as division:
                dim = f"{self._dimension(op)}//{self.extent(division.rhs)}"
                return self.size(dim) if any(dim in row for row in self.dims.values()) else None
            case _:
                return None

    def offset(self, memory: SSAValue, indices: Sequence[SSAValue]) -> str:
        """Row-major place of ``indices``."""
        text = ""
        for index, dim in zip(indices, self.dims[memory], strict=True):
            name = self.names[index]
            head = f"({text}) * {self.size(dim)} + " if " " in text else f"{text} * {self.size(dim)} + " if text else ""
            text = head + name
        return text or "0"

    def each_alone(self, ops: Iterable[Operation]) -> None:
        """``ops`` by each thread for itself."""
        group, self.group = self.group, False
        for op in ops:
            self.op(op)
        self.group = group

    def _for(self, op: scf.ForOp) -> None:
        scan = scans.scan_of(op) if self.group else None
        if scan is not None:
            kind = scan.combine
            scans.write(self, op, scan, first_of(kind, kind.results[0].type), function_of(kind))
            return
        carried = [self._variable(value) for value in op.iter_args]
        self.names.update(zip(op.body.block.args[1:], carried, strict=True))
        index = self.names[op.body.block.args[0]] = self.fresh("k")
        low, high, step = (self.names[v] for v in (op.lb, op.ub, op.step))
        with self.braces(f"for (int64_t {index} = {low}; {index} < {high}; {index} += {step})"):
            self.block(op.body.block)
            self._pass_on(op.body.block, carried)
        self.names.update(zip(op.results, carried, strict=True))

    def _if(self, op: scf.IfOp) -> None:
        results = [self.fresh(c_name(r.name_hint or "v")) for r in op.results]
        for result, name in zip(op.results, results, strict=True):
            self.write(f"{c_type(result.type)} {name};")
        with self.braces(f"if ({self.names[op.cond]})"):
            self.block(op.true_region.block)
            self._pass_on(op.true_region.block, results)
        if op.false_region.blocks:
            with self.braces("else"):
                self.block(op.false_region.block)
                self._pass_on(op.false_region.block, results)
        self.names.update(zip(op.results, results, strict=True))

    def _variable(self, value: SSAValue) -> str:
        """A variable that starts as ``value``."""
        name = self.fresh("next")
        self.write(f"{c_type(value.type)} {name} = {self.names[value]};")
        return name

    def _pass_on(self, block: Block, targets: Sequence[str]) -> None:
        """What ``block`` yields becomes the value of ``targets``, all at once."""
        last = block.last_op
        if not targets or not isinstance(last, scf.YieldOp):
            return
        values = [self.names[v] for v in last.operands]
        for place, value in enumerate(values):
            if value in targets[:place]:
                values[place] = self.fresh("old")
                self.write(f"const auto {values[place]} = {value};")
        for target, value in zip(targets, values, strict=True):
            if target != value:
                self.write(f"{target} = {value};")

    def loop(self, op: scf.ParallelOp) -> None:
        """A parallel loop inside a row: shared by the group, or in order where a loop inside walks memory better."""
        if op is self.spread:
            self._spread_loop(op)
            return
        inner = inner_loops(op)
        better = any(ends_with(i, i.body.block.args[0]) > ends_with(op, op.body.block.args[0]) for i in inner)
        if self.group and not (inner and better):
            self._shared_loop(op)
        elif self.group and (flat := flattened(op)) is not None and packs.flat_loop(self, op, flat):
            return
        elif self.group and self.layered:
            self._layered_loop(op)
        else:
            self._ordered_loop(op)

    def accumulators(self, op: scf.ParallelOp) -> list[str]:
        """Declare a thread's partial value of each reduction of ``op``; their names."""
        names: list[str] = []
        for start, kind in zip(op.initVals, combiners(op), strict=True):
            name = self.fresh("sum" if isinstance(kind, arith.AddfOp | arith.AddiOp) else "best")
            self.write(f"{c_type(start.type)} {name} = {first_of(kind, start.type)};")
            names.append(name)
        return names

    def finish(self, op: scf.ParallelOp, texts: Sequence[str]) -> None:
        """Combine what all threads' partial values come to with the value that the reduction starts from."""
        for result, start, kind, text in zip(op.res, op.initVals, combiners(op), texts, strict=True):
            if not is_neutral(start, type(kind)):
                partial = self.fresh("partial")
                self.write(f"const {c_type(start.type)} {partial} = {text};")
                text = str(expression(kind, [self.names[start], partial]))
            self.define(result, text)

    def across(self, op: scf.ParallelOp, names: Sequence[str]) -> list[str]:
        """The calls that combine the partial values of a group's threads."""
        return [f"group.reduce({n}, {function_of(kind)})" for n, kind in zip(names, combiners(op), strict=True)]

    def combine(self, op: scf.ParallelOp, names: Sequence[str]) -> None:
        """Combine the values of this iteration with the thread's partial ones."""
        last = op.body.block.last_op
        assert isinstance(last, scf.ReduceOp)
        for value, kind, name in zip(last.args, combiners(op), names, strict=True):
            self.write(f"{name} = {expression(kind, [name, self.names[value]])};")

    def bounds(self, op: scf.ParallelOp) -> tuple[str, str]:
        """Where the group's iterations of ``op`` begin and end, in C++."""
        return self.names[op.lowerBound[0]], self.names[op.upperBound[0]]

    def _ordered_loop(self, op: scf.ParallelOp) -> None:
        names = self.accumulators(op)
        index = self.names[op.body.block.args[0]] = self.fresh("j")
        low, high = self.bounds(op)
        with self.braces(f"for (int64_t {index} = {low}; {index} < {high}; ++{index})"):
            self.block(op.body.block)
            self.combine(op, names)
        self.finish(op, names)

    def _spread_loop(self, op: scf.ParallelOp) -> None:
        """An iteration for each line of blocks."""
        index = self.names[op.body.block.args[0]] = self.fresh("j")
        high = self.names[op.upperBound[0]]
        with self.braces(f"for (int64_t {index} = blockIdx.y; {index} < {high}; {index} += gridDim.y)"):
            self.block(op.body.block)

    def _layered_loop(self, op: scf.ParallelOp) -> None:
        """A warp of the group for each iteration, which it shares out among its lanes."""
        names = self.accumulators(op)
        index = self.names[op.body.block.args[0]] = self.fresh("j")
        low, high = self.bounds(op)
        self.layered = False
        begin = "group.part()" if low == "0" else f"{low} + group.part()"
        with self.braces(f"for (int64_t {index} = {begin}; {index} < {high}; {index} += group.parts)"):
            self.write("const typename Group::Inner group;")
            self.block(op.body.block)
            self.combine(op, names)
        self.layered = True
        self.finish(op, [f"group.join({n}, {function_of(k)})" for n, k in zip(names, combiners(op), strict=True)])

    def _shared_loop(self, op: scf.ParallelOp) -> None:
        names = self.accumulators(op)
        self.group = False
        low, high = self.bounds(op)
        self.strided_loop(op, names, "group.lane()", "group.size", low, high)
        self.group = True
        self.finish(op, self.across(op, names))

    def strided_loop(self, op: scf.ParallelOp, sums: Sequence[str], first: str, step: str, low: str, high: str) -> None:
        """The iterations ``low + first``, ``low + first + step``, …; neighbors at once where memory allows."""
        packs.invert(self, op)
        start = low
        if accesses := packs.packed_accesses(op):
            start = packs.packed_loop(self, op, sums, first, step, low, high, accesses)
        self.plain_loop(op, sums, first if start == "0" else f"{start} + {first}", step, high)

    def plain_loop(self, op: scf.ParallelOp, sums: Sequence[str], begin: str, step: str, high: str) -> None:
        """The iterations ``begin``, ``begin + step``, … one by one."""
        index = self.names[op.body.block.args[0]] = self.fresh("j")
        with self.braces(f"for (int64_t {index} = {begin}; {index} < {high}; {index} += {step})"):
            self.block(op.body.block)
            self.combine(op, sums)


def combiners(op: scf.ParallelOp) -> list[Operation]:
    """The op that combines two partial values, for each reduction of a loop."""
    last = op.body.block.last_op
    assert isinstance(last, scf.ReduceOp)
    found: list[Operation] = []
    for region in last.reductions:
        ops = [o for o in region.block.ops if not isinstance(o, scf.ReduceReturnOp)]
        if len(ops) != 1:
            raise unsupported(op, "a reduction of a kernel combines by one op")
        found.append(ops[0])
    return found


def function_of(kind: Operation) -> str:
    """A C++ function of two values that combines them as ``kind`` does."""
    ctype = c_type(kind.results[0].type)
    return f"[]({ctype} a, {ctype} b) {{ return {expression(kind, ['a', 'b'])}; }}"


def first_of(kind: Operation, type_: Attribute) -> str:
    """What the partial values of a reduction by ``kind`` start from."""
    if type(kind) in NEUTRAL:
        return literal(neutral(type(kind), type_).value.data, type_)
    if isinstance(kind, arith.OrIOp | arith.XOrIOp | arith.AndIOp):
        return literal(-1 if isinstance(kind, arith.AndIOp) else 0, type_)
    raise unsupported(kind, f"no reduction by `{kind.name}` in a kernel for a GPU")


def flattened(op: scf.ParallelOp) -> scf.ParallelOp | None:
    """The one loop in ``op`` whose reductions ``op`` goes on with, if that is all it does."""
    inner = [o for o in op.body.block.ops if isinstance(o, scf.ParallelOp)]
    last = op.body.block.last_op
    if len(inner) != 1 or not op.res or not isinstance(last, scf.ReduceOp) or inner_loops(inner[0]):
        return None
    loop = inner[0]
    others = [
        o for o in op.body.block.ops if o not in (loop, last) and not isinstance(o, arith.ConstantOp | memref.DimOp)
    ]
    kinds = [type(k) for k in combiners(op)]
    same = kinds == [type(k) for k in combiners(loop)] and list(last.args) == list(loop.res)
    neutral_ = all(is_neutral(start, kind) for start, kind in zip(loop.initVals, kinds, strict=False))
    zero = all(_is_zero(v) for v in (op.lowerBound[0], loop.lowerBound[0]))
    stores = any(isinstance(o, memref.StoreOp) for o in op.walk())
    return loop if same and neutral_ and zero and not others and not stores else None


def _is_zero(value: SSAValue) -> bool:
    owner = value.owner
    return isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr) and owner.value.value.data == 0
