"""Rows that a warp or block keeps in registers: each element is read and written once, whatever passes over the row.

A warp with 8 packs of 16 bytes each lane has 4 KiB of reads under way. A multiprocessor of an H200 needs 26 KiB of
them to be busy (4.8 TB/s times some 700 ns, over 132 of them), which 7 such warps have; rows of a few packs are held by
warps with few registers, of which there are more at a time.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from xdsl.dialects import memref, scf
from xdsl.ir import SSAValue

from agentc.analyses.kernel_dims import element_of
from agentc.backends.cuda import packs
from agentc.backends.cuda.device import DeviceBody, inner_loops
from agentc.backends.cuda.matrices import from_zero
from agentc.backends.cuda.phase import PhaseCode
from agentc.backends.cuda.scalars import c_type

PACKS, FEW = 8, 2
"""Packs of an array in a thread: 32 registers, or 8 for short rows."""
MOST_ARRAYS = 3
"""Arrays that are kept; more would spill."""

Access = memref.LoadOp | memref.StoreOp


class HeldRows(DeviceBody):
    """A body of which the loops along a row go by packs that stay with their threads."""

    width: int = 0
    length: str = ""

    def prepare(self, rows: scf.ParallelOp) -> bool:
        """Whether the rows can be kept; the names of what is kept are not written yet."""
        self.rows = rows
        loops = [op for op in rows.body.block.ops if isinstance(op, scf.ParallelOp)]
        bounds = {self.extent(loop.upperBound[0]) for loop in loops}
        if len(loops) < 2 or len(bounds) != 1 or None in bounds or inner_loops(rows) != loops:
            return False
        if any(isinstance(op, scf.ForOp) for op in rows.walk()) or not all(map(from_zero, loops)):
            return False
        self.length = str(bounds.pop())
        accesses = [a for loop in loops for a in self._along(loop)]
        kept = dict.fromkeys(a.memref for a in accesses if len(a.indices) == 2)
        if not kept or len(kept) > MOST_ARRAYS or not all(self._fits(loop) for loop in loops):
            return False
        every = [o for o in rows.walk() if isinstance(o, Access)]
        if any(o.memref in kept and o not in accesses for o in every):
            return False
        self.width = packs.WIDEST // max(packs.element_bytes(a.memref) for a in accesses)
        self.packed = list(dict.fromkeys(a.memref for a in accesses))
        self.last_write = {a.memref: loop for loop in loops for a in self._along(loop) if isinstance(a, memref.StoreOp)}
        self.held: dict[SSAValue, str] = {}
        return True

    def _along(self, loop: scf.ParallelOp) -> list[Access]:
        index = loop.body.block.args[0]
        return [o for o in loop.body.block.ops if isinstance(o, Access) and index in o.indices]

    def _fits(self, loop: scf.ParallelOp) -> bool:
        """Whether each access of the loop is at its own element, of this row or of a vector, or at none of it."""
        i, j = self.rows.body.block.args[0], loop.body.block.args[0]
        for op in loop.body.block.ops:
            if not isinstance(op, Access):
                continue
            places = tuple(op.indices)
            vector = places == (j,) and isinstance(op, memref.LoadOp)
            if places != (i, j) and not vector and (j in places or isinstance(op, memref.StoreOp)):
                return False
            if j in places and self.size(self.dims[op.memref][-1]) != self.length:
                return False
        return True

    def capacity(self, threads: int, each: int) -> int:
        """Elements of a row that ``threads`` can keep, ``each`` packs a thread."""
        return threads * self.width * each

    @property
    def least_blocks(self) -> int:
        """Blocks of 256 threads for which a multiprocessor's 65,536 registers have to do, where that spills nothing;
        0 leaves that to the compiler.
        """
        return 3 if len(self.packed) <= 2 else 0

    def condition(self, threads: int, passed: Mapping[SSAValue, str]) -> str:
        """C++ for whether this body may run on ``threads``: the row is short, and all moves by packs. ``passed``: what
        the launcher calls memory.
        """
        aligned = [f"agentc::packable<{self.width}>({passed[m]})" for m in self.packed]
        short = f"{self.length} <= {self.capacity(threads, PACKS)}"
        return " && ".join([short, f"{self.length} % {self.width} == 0", *aligned])

    def strided_loop(self, op: scf.ParallelOp, sums: Sequence[str], first: str, step: str, low: str, high: str) -> None:
        """The row's packs of this thread, all at once."""
        packs.invert(self, op)
        accesses = self._along(op)
        fresh = [m for m in dict.fromkeys(a.memref for a in accesses if len(a.indices) == 2) if m not in self.held]
        for memory in fresh:
            self.held[memory] = self.fresh(f"{self.names[memory]}_row")
            ctype = c_type(element_of(memory.type))
            self.write(f"agentc::Pack<{ctype}, {self.width}> {self.held[memory]}[kPacks];")
        first_of = {a.memref: a for a in reversed(accesses)}
        read = [m for m in fresh if isinstance(first_of[m], memref.LoadOp)]
        if read:
            with self._packs(op, step, first, high) as (part, _):
                for memory in read:  # all of them before the first is used
                    place = self._place(memory, first_of[memory])
                    self.write(f"{self.held[memory]}[{part}] = agentc::load_pack<{self.width}>({place});")
        with self._packs(op, step, first, high) as (part, at):
            vectors = {
                m: self.fresh(f"{self.names[m]}{self.width}") for m, a in first_of.items() if len(a.indices) == 1
            }
            for memory, name in vectors.items():
                place = self._place(memory, first_of[memory])
                self.write(f"const auto {name} = agentc::load_pack<{self.width}>({place});")
            self._each(op, accesses, vectors, part, sums)
            self.names[op.body.block.args[0]] = at
            self._store_last(op, accesses, part)

    @contextmanager
    def _packs(self, op: scf.ParallelOp, step: str, first: str, high: str) -> Generator[tuple[str, str]]:
        """For each of the thread's packs that is in the row: its number, and the place of its first element."""
        part, at = self.fresh("p"), self.fresh("j")
        self.write("#pragma unroll")
        with self.braces(f"for (int {part} = 0; {part} < kPacks; ++{part})"):
            self.write(f"const int64_t {at} = {self.width} * ({part} * {step} + {first});")
            with self.braces(f"if ({at} < {high})"):
                self.names[op.body.block.args[0]] = at
                yield part, at

    def _place(self, memory: SSAValue, access: Access) -> str:
        """The address of an access in C++."""
        return f"{self.names[memory]} + {self.offset(memory, access.indices)}"

    def _each(
        self,
        op: scf.ParallelOp,
        accesses: Sequence[Access],
        vectors: dict[SSAValue, str],
        part: str,
        sums: Sequence[str],
    ) -> None:
        lane, at = self.fresh("u"), self.names[op.body.block.args[0]]
        self.write("#pragma unroll")
        with self.braces(f"for (int {lane} = 0; {lane} < {self.width}; ++{lane})"):
            self.names[op.body.block.args[0]] = f"({at} + {lane})"
            for inner in op.body.block.ops:
                if not (isinstance(inner, Access) and inner in accesses):
                    self.op(inner)
                    continue
                pack = vectors.get(inner.memref) or f"{self.held[inner.memref]}[{part}]"
                if isinstance(inner, memref.LoadOp):
                    self.define(inner.res, f"{pack}.at[{lane}]")
                else:
                    self.write(f"{pack}.at[{lane}] = {self.names[inner.value]};")
            self.combine(op, sums)

    def _store_last(self, op: scf.ParallelOp, accesses: Sequence[Access], part: str) -> None:
        for memory in dict.fromkeys(a.memref for a in accesses if isinstance(a, memref.StoreOp)):
            if self.last_write[memory] is op:
                access = next(a for a in accesses if a.memref is memory)
                self.write(f"agentc::store_pack({self._place(memory, access)}, {self.held[memory]}[{part}]);")


def held_rows(code: PhaseCode, rows: scf.ParallelOp) -> HeldRows | None:
    """The body that keeps its rows, if they can be kept."""
    body = HeldRows(code.function)
    for op in code.function.body.block.ops:
        if op is rows:
            break
        body.op(op)
    return body if body.prepare(rows) else None
