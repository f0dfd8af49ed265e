"""Few long rows by many blocks: each takes a piece of a row, and leaves its part of what is reduced in memory.

With a block for each row, eight heads of attention keep 8 of a GPU's 132 multiprocessors busy. How many pieces there
are follows from sizes alone, so that a result is the same on every GPU and in every run: a thousand blocks are two or
three waves of those that fit an H200, three on each multiprocessor.

Rows that read the same, as query heads of a group do, are one block's, one after another. What it reads for the first
is in the multiprocessor's own cache for the others, where a piece has 4096 elements or some more: the cache that all
share gives each byte once, not once for each head.
"""

from collections.abc import Container, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from math import prod

from xdsl.dialects import scf
from xdsl.ir import Block, Operation

from agentc.backends.cuda import long_scans, row_columns
from agentc.backends.cuda.device import SYNC, DeviceBody, combiners
from agentc.backends.cuda.long_rows import LongRows, Step, before, long_rows_of, owners
from agentc.backends.cuda.parts import EACH, LONG, MOST, combined
from agentc.backends.cuda.phase import MOST_ACROSS, THREADS, PhaseCode
from agentc.backends.cuda.scalars import c_type
from agentc.backends.cuda.scans import needed
from agentc.support.record import record

RESIDENT = 3
"""Blocks that a multiprocessor has registers for, 80 a thread: nothing is spilled."""
TIMES = 8
"""As many more pieces at most where rows read the same, so that they stay that short."""


@record
class Buffer:
    """The memory for the parts of one value."""

    ctype: str
    name: str
    columns: str
    """C++ for how many values a part has; empty for one."""


@dataclass
class PieceBody(DeviceBody):
    """A body of which some loops run through a block's piece of a row."""

    pieces: Mapping[Operation, Sequence[Buffer]] = field(default_factory=dict[Operation, Sequence[Buffer]])
    """Those loops, with where they leave their parts."""
    part: str = ""
    """C++ for the number of the block's piece among all rows' pieces."""
    low: str = ""
    high: str = ""

    def bounds(self, op: scf.ParallelOp) -> tuple[str, str]:
        """The piece, for a loop along the row."""
        return (self.low, self.high) if op in self.pieces else super().bounds(op)

    def _layered_loop(self, op: scf.ParallelOp) -> None:
        """A quarter of a warp for each iteration of a piece: there are many, and each of few elements."""
        if op not in self.pieces:
            super()._layered_loop(op)
            return
        names, base = self.accumulators(op), self.fresh("base")
        index = self.names[op.body.block.args[0]] = self.fresh("j")
        active, self.guard, self.layered = self.guard, self.fresh("active"), False
        head = f"int64_t {base} = {self.low} + 4 * group.part(); {base} < {self.high}; {base} += 4 * group.parts"
        with self.braces(f"for ({head})"):
            self.write("const agentc::Quarter group;")
            self.write(f"const int64_t {index} = group.row({base}, {self.high});")
            self.write(f"const bool {self.guard} = group.active({base}, {self.high});")
            self.block(op.body.block)
            if names:
                with self.braces(f"if ({self.guard} && group.lane() == 0)"):
                    self.combine(op, names)
        self.guard, self.layered = active, True
        self.finish(op, self.across(op, names))

    def finish(self, op: scf.ParallelOp, texts: Sequence[str]) -> None:
        """A part stays as it is: others will combine it."""
        if op not in self.pieces:
            super().finish(op, texts)
        else:
            self.leave(op, texts)

    def leave(self, op: Operation, texts: Sequence[str]) -> None:
        """Leave what ``op`` comes to in the block's piece."""
        for buffer, text in zip(self.pieces[op], texts, strict=True):
            total = self.fresh("total")
            self.write(f"const {buffer.ctype} {total} = {text};")
            self.write(f"if (group.lane() == 0) {buffer.name}[{self.part}] = {total};")


def launches(code: PhaseCode, others: Sequence[str]) -> list[str]:
    """The launches of a phase whose rows are cut, ``others`` among them for what is short or many; none if they cannot
    be cut.
    """
    rows = long_rows_of(code)
    if rows is None or _never(rows):
        return []
    return _RowParts(code, rows).write(others)


def _never(rows: LongRows) -> bool:
    """Whether sizes that the compiler knows rule it out."""
    many = any(count.isdigit() and int(count) > MOST // 2 for count in rows.counts)
    terms = [term.split(" * ") for term in rows.work.split(" + ")]
    static = all(factor.isdigit() for term in terms for factor in term)
    return many or (static and sum(prod(map(int, term)) for term in terms) <= LONG)


def _until(loop: scf.ParallelOp, block: Block, body: DeviceBody) -> None:
    """What is before ``loop`` in ``block``."""
    for op in block.ops:
        if op is loop:
            break
        body.op(op)


def inside(step: Step) -> Iterable[Operation]:
    """What a piece of a loop does before others are needed."""
    if step.scan is not None and isinstance(step.loop, scf.ForOp):
        return needed(step.loop, [step.scan.value])
    return before(step.loop.body.block, *step.reductions) if step.columns else [step.loop]


class _RowParts:
    """The writing of a phase."""

    def __init__(self, code: PhaseCode, rows: LongRows) -> None:
        self.code, self.rows, self.block = code, rows, rows.block
        self.count, self.unit, self.apart = code.free("pieces"), code.free("unit"), code.free("apart")
        self.units, self.inner = " * ".join(rows.counts), " * ".join(rows.counts[1:])
        self.buffers: dict[Operation, list[Buffer]] = {}
        number = count()
        for step in rows.steps.values():
            for loop in step.along:
                made = [(c_type(value.type), code.free(f"parts_{next(number)}")) for value in loop.results]
                self.buffers[loop] = [Buffer(*one, step.columns) for one in made]

    def write(self, others: Sequence[str]) -> list[str]:
        """Write the kernels; the lines that launch them."""
        rows, lines = self.rows, list[str]()
        for number in range(rows.launches):
            lines += self._pieces(number)
            lines += [self._columns(s) for s in rows.steps.values() if s.columns and s.finish == number]
        sizes = f"{rows.length}, {rows.work}, {LONG}, {EACH}"
        number, apart = f"{self.units}, {sizes}, {MOST}", self.inner
        if rows.shared:
            number = f"{rows.counts[0]}, {sizes}, {MOST} * agentc::smaller({self.inner}, {TIMES})"
            apart = f"agentc::apart({self.inner}, {rows.counts[0]} * {self.count}, {MOST})"
        return [
            f"const int {self.count} = agentc::parts_of_rows({number});",
            f"if ({self.count} <= 1) {{",
            *(f"  {line}" for line in others),
            "} else {",
            *([f"  const unsigned {self.apart} = static_cast<unsigned>({apart});"] if self.inner else []),
            *(f"  {line}" for line in (*self._scratch(), *lines)),
            "}",
        ]

    def _scratch(self) -> list[str]:
        lines: list[str] = []
        for buffer in (b for found in self.buffers.values() for b in found):
            size = " * ".join([f"int64_t({self.count})", self.units, *([buffer.columns] if buffer.columns else [])])
            lines.append(f"const agentc::Scratch<{buffer.ctype}> {buffer.name}({size}, stream);")
            lines.append(f"if ({buffer.name}.error) return {buffer.name}.error;")
        return lines

    @contextmanager
    def _unit(self, body: DeviceBody, group: str) -> Generator[None]:
        """For each row of the block: all that is before it."""
        for name in (self.count, self.unit, *(buffer.name for found in self.buffers.values() for buffer in found)):
            body.fresh(name)  # which nothing else is called then
        _until(self.rows.units[0], self.code.function.body.block, body)
        body.group = True
        body.write(f"using Group = {group};")
        body.write("const Group group;")
        if not self.inner:
            body.write(f"const int64_t {self.unit} = blockIdx.x;")
            self._indices(body)
            yield
            return
        inner = f"({self.inner})" if " " in self.inner else self.inner
        low, high = f"blockIdx.x * {inner} + blockIdx.z", f"(blockIdx.x + 1) * {inner}"
        head = f"int64_t {self.unit} = {low}; {self.unit} < {high}; {self.unit} += gridDim.z"
        with body.braces(f"for ({head})"):
            self._indices(body)
            yield

    def _indices(self, body: DeviceBody) -> None:
        """Where the row is."""
        counts = self.rows.counts
        for place, loop in enumerate(self.rows.units):
            index, inner = body.fresh("i"), counts[place + 1 :]
            body.names[loop.body.block.args[0]] = index
            text = " / ".join([self.unit, *([f"({' * '.join(inner)})"] if len(inner) > 1 else inner)])
            body.write(f"const int64_t {index} = {f'{text} % {counts[place]}' if place else f'low + {text}'};")
            if inner:
                _until(self.rows.units[place + 1], loop.body.block, body)

    def _pieces(self, number: int) -> list[str]:
        """Write what is done piece by piece; the lines that launch it."""
        steps = self.rows.steps
        running = [step for step in steps.values() if step.launch == number]
        ending = [step for step in steps.values() if step.scan is not None and step.finish == number]
        written = [op for op, launch in self.rows.stores.items() if launch == number]
        if not running and not ending and not written:
            return []
        needed = self._needed([*(op for step in running for op in inside(step)), *(s.loop for s in ending), *written])
        pieces: dict[Operation, Sequence[Buffer]] = {loop: self.buffers[loop] for s in running for loop in s.along}
        body = PieceBody(self.code.function, pieces=pieces, part=f"{self.unit} * {self.count} + blockIdx.y")
        body.layered = True
        with self._unit(body, f"agentc::Block<{THREADS}>"):
            if running or ending:
                body.low, body.high = self._bounds(body)
            for op in self.block.ops:
                if op in written:
                    body.guard = "blockIdx.y == 0"
                    body.op(op)
                    body.guard = ""
                elif (step := steps.get(op)) is not None and step in ending:
                    self._scan(step, body)
                elif step is not None and step in running:
                    self._piece(step, body)
                elif op in needed:
                    self._known(op, body)
        made = [buffer for found in pieces.values() for buffer in found]
        grid = [self.count if running or ending else "1", *([self.apart] if self.inner else [])]
        return [self._kernel(f"_pieces{number}", THREADS, body, made, {*needed, *(s.loop for s in ending)}, grid)]

    def _piece(self, step: Step, body: PieceBody) -> None:
        """A piece of a loop."""
        if step.scan is not None and isinstance(step.loop, scf.ForOp):
            body.leave(step.loop, [long_scans.total_of(body, step.loop, step.scan, body.low, body.high)])
        elif step.columns:
            buffers = [buffer.name for loop in step.reductions for buffer in self.buffers[loop]]
            parts = [f"{name} + ({body.part}) * {step.columns}" for name in buffers]
            row_columns.write(step, body, body.low, body.high, parts)
        else:
            body.in_turn(step.loop)

    def _scan(self, step: Step, body: PieceBody) -> None:
        """A piece of a scan, which goes on from where those before it end."""
        assert step.scan is not None and isinstance(step.loop, scf.ForOp)
        parts = f"{self.buffers[step.loop][0].name} + {self.unit} * {self.count}"
        body.write(SYNC)
        long_scans.go_on(body, step.loop, step.scan, parts, "blockIdx.y", body.low, body.high)
        body.write(SYNC)

    def _needed(self, ops: Iterable[Operation]) -> set[Operation]:
        """What of the row has to be known for ``ops``."""
        return before(self.block, *owners(self.block, ops), known=self.buffers)

    def _known(self, op: Operation, body: DeviceBody) -> None:
        """An op of the row that is done: what it reduced is combined."""
        if op in self.buffers and isinstance(op, scf.ParallelOp):
            parts = zip(combiners(op), self.buffers[op], strict=True)
            at = f" + {self.unit} * {self.count}"
            body.finish(op, [combined(kind, buffer.name + at, "1", self.count) for kind, buffer in parts])
        else:
            body.in_turn(op)

    def _bounds(self, body: DeviceBody) -> tuple[str, str]:
        """Where the block's piece begins and ends."""
        low, high = body.fresh("begin"), body.fresh("end")
        for name, piece in ((low, "blockIdx.y"), (high, "blockIdx.y + 1")):
            body.write(f"const int64_t {name} = agentc::piece_of({self.rows.length}, {piece}, {self.count});")
        return low, high

    def _columns(self, step: Step) -> str:
        """Write what columns go on with from what their parts come to; the line that launches it."""
        rest = [op for op in step.loop.body.block.ops if op not in self.buffers]
        starts = [owner for loop in step.reductions for owner in owners(self.block, [loop], [loop])]
        needed = self._needed([*rest, *starts])
        body = DeviceBody(self.code.function)
        with self._unit(body, "agentc::Columns"):
            for op in self.block.ops:
                if op in needed:
                    self._known(op, body)
            self._column_ends(step, body)
        read = {*needed, *step.reductions}
        place = [s for s in self.rows.steps.values() if s.columns].index(step)
        lines = f"static_cast<unsigned>(agentc::smaller(({step.columns} + 31) / 32, {MOST_ACROSS}))"
        inner = [f"static_cast<unsigned>(agentc::smaller({self.inner}, {MOST_ACROSS}))"] if self.inner else []
        return self._kernel(f"_columns{place}", "dim3(32, 16)", body, [], read, [lines, *inner])

    def _column_ends(self, step: Step, body: DeviceBody) -> None:
        """32 columns at a time, with 16 threads for the parts of each."""
        columns, base = step.columns, body.fresh("base")
        index, body.guard = body.fresh("j"), body.fresh("active")
        body.names[step.loop.body.block.args[0]] = index
        first = f"{self.unit} * {self.count} * {columns} + {index}"
        with body.braces(f"for (int64_t {base} = 32 * blockIdx.y; {base} < {columns}; {base} += 32 * gridDim.y)"):
            body.write(f"const int64_t {index} = group.row({base}, {columns});")
            body.write(f"const bool {body.guard} = group.active({base}, {columns});")
            for op in step.loop.body.block.ops:
                if op in self.buffers and isinstance(op, scf.ParallelOp):
                    parts = zip(combiners(op), self.buffers[op], strict=True)
                    body.finish(op, [combined(k, f"{b.name} + {first}", columns, self.count) for k, b in parts])
                else:
                    body.in_turn(op)
        body.guard = ""

    def _kernel(
        self,
        suffix: str,
        threads: int | str,
        body: DeviceBody,
        written: Sequence[Buffer],
        known: Container[Operation],
        grid: Sequence[str],
    ) -> str:
        """Write ``body`` as a kernel that leaves the parts ``written`` and reads those of ``known``; the line that
        launches it."""
        read = [buffer for loop, found in self.buffers.items() if loop in known for buffer in found]
        declared = [f"{b.ctype}* __restrict__ {b.name}" for b in written]
        declared += [f"const {b.ctype}* __restrict__ {b.name}" for b in read]
        bound = threads if isinstance(threads, int) else 512
        least = (
            0 if bound > THREADS else RESIDENT if written else 2
        )  # as of rows that are whole, where nothing is reduced
        self.code.kernel(suffix, bound, body.lines, [*declared, f"int {self.count}"], blocks=least)
        blocks = ", ".join([f"static_cast<unsigned>({self.rows.counts[0]})", *grid])
        passed = [*(b.name for b in (*written, *read)), self.count]
        return self.code.call(suffix, f"dim3({blocks})", threads, passed)
