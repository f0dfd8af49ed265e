"""Rows that a warp keeps in registers: each element is read once and written once, whatever passes over the row."""

from collections.abc import Sequence

from xdsl.dialects import memref, scf
from xdsl.ir import SSAValue

from agentc.analyses.kernel_dims import element_of
from agentc.backends.cuda.device import DeviceBody, element_bytes, inner_loops
from agentc.backends.cuda.matrices import from_zero
from agentc.backends.cuda.phase import PhaseCode
from agentc.backends.cuda.scalars import c_type

WIDEST = 16
"""Bytes of the widest access of a thread."""
PACKS = 8
"""Packs of an array in a thread: 32 registers."""
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
        self.width = WIDEST // max(element_bytes(a.memref) for a in accesses)
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

    @property
    def capacity(self) -> int:
        """Elements of a row that a warp can keep."""
        return 32 * self.width * PACKS

    def condition(self) -> str:
        """C++ for whether this body may run: the row is short, and all moves by packs."""
        aligned = [f"agentc::packable<{self.width}>({self.names[m]})" for m in self.packed]
        return " && ".join([f"{self.length} <= {self.capacity}", f"{self.length} % {self.width} == 0", *aligned])

    def strided_loop(self, op: scf.ParallelOp, sums: Sequence[str], first: str, step: str, low: str, high: str) -> None:
        """The row's packs of this thread, all at once."""
        accesses = self._along(op)
        fresh = [m for m in dict.fromkeys(a.memref for a in accesses if len(a.indices) == 2) if m not in self.held]
        for memory in fresh:
            self.held[memory] = self.fresh(f"{self.names[memory]}_row")
            ctype = c_type(element_of(memory.type))
            self.write(f"agentc::Pack<{ctype}, {self.width}> {self.held[memory]}[{PACKS}];")
        part, at = self.fresh("p"), self.fresh("j")
        self.write("#pragma unroll")
        with self.braces(f"for (int {part} = 0; {part} < {PACKS}; ++{part})"):
            self.write(f"const int64_t {at} = {self.width} * ({part} * {step} + {first});")
            with self.braces(f"if ({at} < {high})"):
                self.names[op.body.block.args[0]] = at
                vectors = self._load(accesses, fresh, part)
                self._each(op, accesses, vectors, part, sums)
                self.names[op.body.block.args[0]] = at
                self._store_last(op, accesses, part)

    def _load(self, accesses: Sequence[Access], fresh: Sequence[SSAValue], part: str) -> dict[SSAValue, str]:
        """Read what is read for the first time; the packs of vectors."""
        vectors: dict[SSAValue, str] = {}
        first: dict[SSAValue, Access] = {}
        for access in accesses:
            first.setdefault(access.memref, access)
        for memory, access in first.items():
            place = f"agentc::load_pack<{self.width}>({self.names[memory]} + {self.offset(memory, access.indices)})"
            if len(access.indices) == 1:
                vectors[memory] = self.fresh(f"{self.names[memory]}{self.width}")
                self.write(f"const auto {vectors[memory]} = {place};")
            elif memory in fresh and isinstance(access, memref.LoadOp):
                self.write(f"{self.held[memory]}[{part}] = {place};")
        return vectors

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
                place = f"{self.names[memory]} + {self.offset(memory, access.indices)}"
                self.write(f"agentc::store_pack({place}, {self.held[memory]}[{part}]);")


def held_rows(code: PhaseCode, rows: scf.ParallelOp) -> HeldRows | None:
    """The body that keeps its rows, if they can be kept."""
    body = HeldRows(code.function)
    for op in code.function.body.block.ops:
        if op is rows:
            break
        body.op(op)
    return body if body.prepare(rows) else None
