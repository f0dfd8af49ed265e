"""One phase of a kernel in C++: its ``__global__`` functions, and the host's lines that launch them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Operation, SSAValue

from agentc.analyses.kernel_abi import parameters, sizes
from agentc.backends.cuda.device import DeviceBody, touched
from agentc.backends.cuda.scalars import C_TYPES, size_name
from agentc.backends.cuda.scans import scan_of
from agentc.plan.kernels import PREFIX, Dim, KernelAbi, Phase, c_name

THREADS = 256
MAX_BLOCKS = 1 << 20
"""The grid of a kernel whose threads go on by the size of the grid."""
MOST_ACROSS = 65535
"""Blocks along the grid's second axis at most (CUDA C++ programming guide, technical specifications)."""


@dataclass
class PhaseCode:
    """What is written for one phase."""

    abi: KernelAbi
    phase: Phase
    function: func.FuncOp
    texts: list[str] = field(default_factory=list[str])
    launch: list[str] = field(default_factory=list[str])
    """Lines of the launcher."""
    header: str = ""
    """What it includes beyond what all do."""

    @property
    def symbol(self) -> str:
        """The C++ name that those of the phase's functions begin with."""
        return f"{PREFIX}{self.function.sym_name.data}"

    @property
    def rows(self) -> str:
        """C++ for the size of the range of a ``rows`` phase."""
        return size(self.phase.rows) if self.phase.rows is not None else "1"

    @property
    def rows_loop(self) -> scf.ParallelOp | None:
        """The loop over that range."""
        if self.phase.rows is None:
            return None
        return next(op for op in self.function.body.block.ops if isinstance(op, scf.ParallelOp))

    def body(self) -> DeviceBody:
        """A body that knows the constants and sizes before the loop over rows."""
        made, rows = DeviceBody(self.function), self.rows_loop
        for op in self.function.body.block.ops if rows is not None else ():
            if op is rows:
                break
            made.op(op)
        return made

    def declared(self) -> list[str]:
        """The parameters of the phase in C++."""
        _, written = touched(self.function)
        found: list[str] = []
        for parameter, value in zip(parameters(self.function), self.function.body.block.args, strict=True):
            ctype = C_TYPES[parameter.dtype]
            if isinstance(value.type, MemRefType):
                constant = "" if value in written else "const "
                found.append(f"{constant}{ctype}* __restrict__ {c_name(parameter.name)}")
            else:
                name = parameter.name if parameter.dtype == "index" else c_name(parameter.name)
                found.append(f"{ctype} {name}")
        return [*found, *(f"int64_t {size_name(s)}" for s in sizes(self.function))]

    def names(self) -> list[str]:
        """The same, as arguments that pass them on."""
        return [text.split()[-1] for text in self.declared()]

    def passed(self) -> dict[SSAValue, str]:
        """What the launcher calls what it passes."""
        names = [c_name(self.abi.buffers[place].name) for place in self.phase.arguments]
        return dict(zip(self.function.body.block.args, names, strict=False))

    def free(self, stem: str) -> str:
        """``stem``, or a name like it that no array or size of the kernel has."""
        taken = {*(c_name(b.name) for b in self.abi.buffers), *map(size_name, self.abi.sizes)}
        while stem in taken:
            stem += "_"
        return stem

    def kernel(
        self, suffix: str, threads: int, lines: Sequence[str], extra: Sequence[str] = (), blocks: int = 0
    ) -> None:
        """Write a ``__global__`` function; ``extra`` are parameters after the phase's own. A multiprocessor has to have
        registers for ``blocks`` of its blocks."""
        declared = ", ".join([*self.declared(), *extra])
        bounds = f"{threads}, {blocks}" if blocks else str(threads)
        head = f'extern "C" __global__ void __launch_bounds__({bounds}) {self.symbol}{suffix}({declared}) {{'
        self.texts.append("\n".join([head, *lines, "}", ""]))

    def call(self, suffix: str, grid: str, block: int | str, extra: Sequence[str] = ()) -> str:
        """The host's line that launches it."""
        passed = list(self.passed().values())
        if self.phase.rows is not None:
            passed += ["int64_t(0)", f"int64_t({self.rows})"]
        passed += [*map(size_name, self.phase.sizes), *extra]
        return f"AGENTC_LAUNCH({self.symbol}{suffix}, {grid}, {block}, stream, {', '.join(passed)});"

    def unless_empty(self, lines: Sequence[str]) -> None:
        """Launch with ``lines``. A launch of no blocks is an error in CUDA, and no work here."""
        self.launch += [f"if ({self.rows} > 0) {{", *(f"  {line}" for line in lines), "}"]


def size(dim: Dim) -> str:
    """A size in C++."""
    return size_name(dim) if isinstance(dim, str) else str(dim)


def blocks(count: str, each: int) -> str:
    """C++ for the blocks that ``count`` pieces of work take, ``each`` in a block."""
    whole = count if each == 1 else f"({count} + {each - 1}) / {each}"
    return f"static_cast<unsigned>({whole} < {MAX_BLOCKS} ? {whole} : {MAX_BLOCKS})"


def in_order(op: Operation) -> bool:
    """Whether ``op`` holds loops that carry values and are no scans, or branches that do more than choose: work for a
    thread by itself.
    """
    return any(
        (isinstance(o, scf.IfOp) and not _only_chooses(o))
        or (isinstance(o, scf.ForOp) and o.iter_args and scan_of(o) is None)
        for o in op.walk()
    )


def _only_chooses(op: scf.IfOp) -> bool:
    return not any(isinstance(o, scf.ForOp | scf.ParallelOp | memref.StoreOp) for o in op.walk())
