"""The body of a kernel phase as CUDA C++: who does which iteration, and where threads wait for each other."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Block, Operation, SSAValue

from agentc.analyses.kernel_dims import argument_names, element_of, value_dims
from agentc.analyses.reductions import is_neutral, neutral
from agentc.backends.cuda.scalars import c_type, expression, literal
from agentc.plan.kernels import Dim, c_name
from agentc.support.diagnostics import Diagnostic, Refused

SYNC = "group.sync();"
MAX_PACKED_BYTES = 4
"""Elements of at most this size are moved four at a time (16 bytes is the widest access of a thread)."""


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
    return reads, {o.memref for o in op.walk() if isinstance(o, memref.StoreOp)}


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
        self._taken = {*names, *map(c_name, (d for row in self.dims.values() for d in row if isinstance(d, str)))}
        self._count = 0
        self.guard = ""
        """Condition under which the rows of this group are real."""
        self.group = False
        """Whether a group of threads works on this body together."""

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
        return c_name(dim) if isinstance(dim, str) else str(dim)

    def block(self, block: Block) -> None:
        """All ops of ``block``, with a wait of the group around each that others depend on."""
        ops = list(block.ops)
        for op in ops:
            wait = self.group and self._shares(op, block)
            if wait:
                self.write(SYNC)
            self.op(op)
            if wait:
                self.write(SYNC)

    def _shares(self, op: Operation, block: Block) -> bool:
        """Whether ``op`` writes memory that another op of the phase, at this level or inside, touches."""
        if not isinstance(op, memref.StoreOp | scf.ParallelOp | scf.ForOp):
            return False
        _, written = touched(op)
        inside = set(op.walk())
        accesses = (o for o in self.function.walk() if isinstance(o, memref.LoadOp | memref.StoreOp))
        return any(o.memref in written and o not in inside for o in accesses)

    def op(self, op: Operation) -> None:
        """One op."""
        match op:
            case memref.LoadOp():
                self._define(op.res, f"{self.names[op.memref]}[{self.offset(op.memref, op.indices)}]")
            case memref.StoreOp():
                self._store(op)
            case memref.DimOp():
                self.names[op.result] = self._dim(op)
            case scf.ParallelOp():
                self.loop(op)
            case scf.ForOp():
                self._for(op)
            case scf.ReduceOp() | scf.YieldOp() | func.ReturnOp():
                pass
            case _:
                self._scalar(op)

    def _scalar(self, op: Operation) -> None:
        text = expression(op, [self.names[o] for o in op.operands])
        if text is None:
            raise Refused(Diagnostic("kernel-unsupported", f"`{op.name}` has no CUDA form in a kernel"))
        if isinstance(op, arith.ConstantOp):
            self.names[op.result] = text
        else:
            self._define(op.results[0], text)

    def _define(self, value: SSAValue, text: str) -> None:
        name = self.fresh(c_name(value.name_hint or "v"))
        self.write(f"const {c_type(value.type)} {name} = {text};")
        self.names[value] = name

    def _store(self, op: memref.StoreOp) -> None:
        text = f"{self.names[op.memref]}[{self.offset(op.memref, op.indices)}] = {self.names[op.value]};"
        conditions = [c for c in (self.guard, "group.lane() == 0" if self.group else "") if c]
        self.write(f"if ({' && '.join(conditions)}) {text}" if conditions else text)

    def _dim(self, op: memref.DimOp) -> str:
        owner = op.index.owner
        assert isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr)
        return self.size(self.dims[op.source][owner.value.value.data])

    def offset(self, memory: SSAValue, indices: Sequence[SSAValue]) -> str:
        """Row-major place of ``indices``."""
        text = ""
        for index, dim in zip(indices, self.dims[memory], strict=True):
            name = self.names[index]
            head = f"({text}) * {self.size(dim)} + " if " " in text else f"{text} * {self.size(dim)} + " if text else ""
            text = head + name
        return text or "0"

    def _for(self, op: scf.ForOp) -> None:
        if op.iter_args:
            raise Refused(Diagnostic("kernel-unsupported", "an ordered loop of a kernel carries no values"))
        index = self.names[op.body.block.args[0]] = self.fresh("k")
        low, high, step = (self.names[v] for v in (op.lb, op.ub, op.step))
        with self.braces(f"for (int64_t {index} = {low}; {index} < {high}; {index} += {step})"):
            self.block(op.body.block)

    def loop(self, op: scf.ParallelOp) -> None:
        """A parallel loop inside a row: shared by the group, or in order where a loop inside walks memory better."""
        inner = inner_loops(op)
        better = any(ends_with(i, i.body.block.args[0]) > ends_with(op, op.body.block.args[0]) for i in inner)
        if self.group and not (inner and better):
            self._shared_loop(op)
        else:
            self._ordered_loop(op)

    def _accumulators(self, op: scf.ParallelOp) -> list[str]:
        names: list[str] = []
        for start, kind in zip(op.initVals, combiners(op), strict=True):
            name = self.fresh("sum" if isinstance(kind, arith.AddfOp | arith.AddiOp) else "best")
            first = neutral(type(kind), start.type).value.data
            self.write(f"{c_type(start.type)} {name} = {literal(first, start.type)};")
            names.append(name)
        return names

    def _finish(self, op: scf.ParallelOp, names: Sequence[str], across: bool) -> None:
        """Combine the threads' partial values, and the value that the reduction starts from."""
        for result, start, kind, name in zip(op.res, op.initVals, combiners(op), names, strict=True):
            ctype = c_type(start.type)
            text = name
            if across:
                text = f"group.reduce({name}, []({ctype} a, {ctype} b) {{ return {expression(kind, ['a', 'b'])}; }})"
            if not is_neutral(start, type(kind)):
                partial = self.fresh("partial")
                self.write(f"const {ctype} {partial} = {text};")
                text = str(expression(kind, [self.names[start], partial]))
            self._define(result, text)

    def _combine(self, op: scf.ParallelOp, names: Sequence[str]) -> None:
        last = op.body.block.last_op
        assert isinstance(last, scf.ReduceOp)
        for value, kind, name in zip(last.args, combiners(op), names, strict=True):
            self.write(f"{name} = {expression(kind, [name, self.names[value]])};")

    def _ordered_loop(self, op: scf.ParallelOp) -> None:
        names = self._accumulators(op)
        index = self.names[op.body.block.args[0]] = self.fresh("j")
        with self.braces(f"for (int64_t {index} = 0; {index} < {self.names[op.upperBound[0]]}; ++{index})"):
            self.block(op.body.block)
            self._combine(op, names)
        self._finish(op, names, across=False)

    def _shared_loop(self, op: scf.ParallelOp) -> None:
        names = self._accumulators(op)
        self.group = False
        self.strided_loop(op, names, "group.lane()", "group.size", "0", self.names[op.upperBound[0]])
        self.group = True
        self._finish(op, names, across=True)

    def strided_loop(self, op: scf.ParallelOp, sums: Sequence[str], first: str, step: str, low: str, high: str) -> None:
        """The iterations ``low + first``, ``low + first + step``, …; four neighbors at a time where memory allows."""
        start = low
        if packs := packed_accesses(op, self.dims):
            start = self._packed_loop(op, sums, first, step, low, high, packs)
        index = self.names[op.body.block.args[0]] = self.fresh("j")
        begin = first if start == "0" else f"{start} + {first}"
        with self.braces(f"for (int64_t {index} = {begin}; {index} < {high}; {index} += {step})"):
            self.block(op.body.block)
            self._combine(op, sums)

    def _packed_loop(
        self,
        op: scf.ParallelOp,
        sums: Sequence[str],
        first: str,
        step: str,
        low: str,
        high: str,
        packs: Sequence[memref.LoadOp | memref.StoreOp],
    ) -> str:
        """The part that can be done by fours; the name of where the rest begins."""
        cut = self.fresh("cut")
        aligned = " && ".join(f"agentc::packable({self.names[m]})" for m in dict.fromkeys(p.memref for p in packs))
        wide = any(len(p.indices) > 1 for p in packs)
        conditions = aligned + (f" && {high} % 4 == 0" if wide else "") + (f" && {low} % 4 == 0" if low != "0" else "")
        self.write(f"const int64_t {cut} = {conditions} ? {high} / 4 * 4 : {low};")
        index = op.body.block.args[0]
        at = self.fresh("j")
        begin = f"4 * {first}" if low == "0" else f"{low} + 4 * {first}"
        with self.braces(f"for (int64_t {at} = {begin}; {at} < {cut}; {at} += 4 * {step})"):
            self.names[index] = at
            loaded: dict[SSAValue, str] = {}
            stored: list[tuple[memref.StoreOp, str]] = []
            for access in packs:
                self._open_pack(access, loaded, stored)
            self._unrolled(op, sums, at, loaded, dict(stored))
            for access, name in stored:
                self.names[index] = at
                place = f"{self.names[access.memref]} + {self.offset(access.memref, access.indices)}"
                condition = f"if ({self.guard}) " if self.guard else ""
                self.write(f"{condition}agentc::store_pack({place}, {name});")
        return cut

    def _open_pack(
        self,
        access: memref.LoadOp | memref.StoreOp,
        loaded: dict[SSAValue, str],
        stored: list[tuple[memref.StoreOp, str]],
    ) -> None:
        name = self.fresh(f"{self.names[access.memref]}4")
        if isinstance(access, memref.LoadOp):
            place = f"{self.names[access.memref]} + {self.offset(access.memref, access.indices)}"
            self.write(f"const auto {name} = agentc::load_pack({place});")
            loaded[access.res] = name
        else:
            self.write(f"agentc::Pack<{c_type(element_of(access.memref.type))}> {name};")
            stored.append((access, name))

    def _unrolled(
        self,
        op: scf.ParallelOp,
        sums: Sequence[str],
        at: str,
        loaded: dict[SSAValue, str],
        stored: dict[memref.StoreOp, str],
    ) -> None:
        part = self.fresh("u")
        self.write("#pragma unroll")
        with self.braces(f"for (int {part} = 0; {part} < 4; ++{part})"):
            self.names[op.body.block.args[0]] = f"({at} + {part})"
            for inner in op.body.block.ops:
                if isinstance(inner, memref.LoadOp) and inner.res in loaded:
                    self.names[inner.res] = f"{loaded[inner.res]}.at[{part}]"
                elif isinstance(inner, memref.StoreOp) and inner in stored:
                    self.write(f"{stored[inner]}.at[{part}] = {self.names[inner.value]};")
                else:
                    self.op(inner)
            self._combine(op, sums)


def combiners(op: scf.ParallelOp) -> list[Operation]:
    """The op that combines two partial values, for each reduction of a loop."""
    last = op.body.block.last_op
    assert isinstance(last, scf.ReduceOp)
    found: list[Operation] = []
    for region in last.reductions:
        ops = [o for o in region.block.ops if not isinstance(o, scf.ReduceReturnOp)]
        if len(ops) != 1:
            raise Refused(Diagnostic("kernel-unsupported", "a reduction of a kernel combines by one op"))
        found.append(ops[0])
    return found


def packed_accesses(op: scf.ParallelOp, dims: dict[SSAValue, tuple[Dim, ...]]) -> list[memref.LoadOp | memref.StoreOp]:
    """The loads and stores along the loop, if all of a simple body can be moved by fours; else none."""
    index = op.body.block.args[0]
    found: list[memref.LoadOp | memref.StoreOp] = []
    for inner in op.body.block.ops:
        if inner.regions and not isinstance(inner, scf.ReduceOp):
            return []
        if isinstance(inner, memref.LoadOp | memref.StoreOp):
            along = [i for i, v in enumerate(inner.indices) if v is index]
            if not along:
                if isinstance(inner, memref.StoreOp):
                    return []
                continue
            if along != [len(inner.indices) - 1] or element_bytes(inner.memref) > MAX_PACKED_BYTES:
                return []
            found.append(inner)
    return found


def element_bytes(memory: SSAValue) -> int:
    """Bytes of an element of ``memory``."""
    return {"f32": 4, "i32": 4, "i8": 1, "i1": 1}.get(str(element_of(memory.type)), 8)
