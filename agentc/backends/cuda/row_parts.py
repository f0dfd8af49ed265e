"""Few long rows by many blocks: each takes a piece of a row, and leaves its part of what is reduced in memory.

With a block for each row, eight heads of attention keep 8 of a GPU's 132 multiprocessors busy. How many pieces there
are follows from sizes alone, so that a result is the same on every GPU and in every run. A thousand blocks are one wave
where a multiprocessor holds eight of 256 threads, which is all that it can hold.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import prod

from xdsl.dialects import scf
from xdsl.ir import Operation

from agentc.backends.cuda.device import DeviceBody, combiners
from agentc.backends.cuda.long_rows import LongRows, Step, before, long_rows_of, owners
from agentc.backends.cuda.parts import EACH, LONG, MOST, combined
from agentc.backends.cuda.phase import MOST_ACROSS, THREADS, PhaseCode
from agentc.backends.cuda.scalars import c_type
from agentc.support.record import record


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
    count: str = ""
    low: str = ""
    high: str = ""

    def bounds(self, op: scf.ParallelOp) -> tuple[str, str]:
        """The piece, for a loop along the row."""
        return (self.low, self.high) if op in self.pieces else super().bounds(op)

    def finish(self, op: scf.ParallelOp, texts: Sequence[str]) -> None:
        """Leave a part where others will combine it."""
        if op not in self.pieces:
            super().finish(op, texts)
            return
        for buffer, text in zip(self.pieces[op], texts, strict=True):
            total = self.fresh("total")
            self.write(f"const {buffer.ctype} {total} = {text};")
            place = f"static_cast<int64_t>(blockIdx.x) * {self.count} + blockIdx.y"
            self.write(f"if (group.lane() == 0) {buffer.name}[{place}] = {total};")


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


class _RowParts:
    """The writing of a phase."""

    def __init__(self, code: PhaseCode, rows: LongRows) -> None:
        self.code, self.rows, self.block = code, rows, rows.block
        self.count = code.free("pieces")
        self.units = " * ".join(rows.counts)
        self.buffers: dict[Operation, list[Buffer]] = {}
        number = count()
        for step in rows.steps.values():
            for loop in step.reductions or (step.loop,):
                made = [(c_type(value.type), code.free(f"parts_{next(number)}")) for value in loop.res]
                self.buffers[loop] = [Buffer(*one, step.columns) for one in made]

    def write(self, others: Sequence[str]) -> list[str]:
        """Write the kernels; the lines that launch them."""
        rows, lines = self.rows, list[str]()
        for number in range(rows.launches):
            lines += self._pieces(number)
            lines += [self._columns(s) for s in rows.steps.values() if s.columns and s.finish == number]
        sizes = f"{self.units}, {rows.length}, {rows.work}, {LONG}, {EACH}, {MOST}"
        return [
            f"const int {self.count} = agentc::parts_of_rows({sizes});",
            f"if ({self.count} <= 1) {{",
            *(f"  {line}" for line in others),
            "} else {",
            *(f"  {line}" for line in (*self._scratch(), *lines)),
            "}",
        ]

    def _scratch(self) -> list[str]:
        lines: list[str] = []
        for buffer in (b for found in self.buffers.values() for b in found):
            columns = f" * {self._strips(buffer.columns)} * {buffer.columns}" if buffer.columns else ""
            size = f"int64_t({self.count}) * {self.units}{columns}"
            lines.append(f"const agentc::Scratch<{buffer.ctype}> {buffer.name}({size}, stream);")
            lines.append(f"if ({buffer.name}.error) return {buffer.name}.error;")
        return lines

    def _strips(self, columns: str) -> str:
        """C++ for how many rows a block is on at a time, where its threads stand on ``columns``."""
        return f"({THREADS} / agentc::across({columns}, {THREADS}))"

    def _start(self, body: DeviceBody, group: str) -> None:
        """Write all that is before a row."""
        for name in (self.count, *(buffer.name for found in self.buffers.values() for buffer in found)):
            body.fresh(name)  # which nothing else is called then
        rows = self.rows.units[0]
        for op in self.code.function.body.block.ops:
            if op is rows:
                break
            body.op(op)
        body.group = True
        body.write(f"using Group = {group};")
        body.write("const Group group;")
        unit = body.fresh("unit")
        body.write(f"const int64_t {unit} = blockIdx.x;")
        for place, loop in enumerate(self.rows.units):
            index = body.names[loop.body.block.args[0]] = body.fresh("i")
            inner, own = self.rows.counts[place + 1 :], self.rows.counts[place]
            text = " / ".join([unit, *([f"({' * '.join(inner)})"] if len(inner) > 1 else inner)])
            body.write(f"const int64_t {index} = {f'{text} % {own}' if place else f'low + {text}'};")
            for op in loop.body.block.ops if inner else ():
                if op is self.rows.units[place + 1]:
                    break
                body.op(op)

    def _pieces(self, number: int) -> list[str]:
        """Write what is done piece by piece; the lines that launch it."""
        running = [step for step in self.rows.steps.values() if step.launch == number]
        written = [op for op, launch in self.rows.stores.items() if launch == number]
        if not running and not written:
            return []
        pieces: dict[Operation, list[Buffer]] = {
            loop: self.buffers[loop] for step in running for loop in step.reductions or (step.loop,)
        }
        inside = [op for s in running for op in (before(s.loop.body.block, *s.reductions) if s.columns else [s.loop])]
        needed = self._needed([*inside, *written])
        body = PieceBody(self.code.function, pieces=pieces, count=self.count)
        self._start(body, f"agentc::Block<{THREADS}>")
        body.layered = True
        if running:
            body.low, body.high = self._bounds(body)
        for op in self.block.ops:
            step = self.rows.steps.get(op)
            if step is not None and step in running:
                self._column_parts(step, body) if step.columns else body.in_turn(op)
            elif op in written:
                body.guard = "blockIdx.y == 0"
                body.op(op)
                body.guard = ""
            elif op in needed:
                self._known(op, body)
        made = [buffer for found in pieces.values() for buffer in found]
        across = self.count if running else "1"
        return [self._kernel(f"_pieces{number}", THREADS, body, made, needed, across)]

    def _needed(self, ops: Iterable[Operation]) -> set[Operation]:
        """What of the row has to be known for ``ops``."""
        return before(self.block, *owners(self.block, ops), known=self.buffers)

    def _known(self, op: Operation, body: DeviceBody) -> None:
        """An op of the row that is done: what it reduced is combined."""
        if op in self.buffers and isinstance(op, scf.ParallelOp):
            at = f"static_cast<int64_t>(blockIdx.x) * {self.count}"
            parts = zip(combiners(op), self.buffers[op], strict=True)
            body.finish(op, [combined(kind, f"{buffer.name} + {at}", "1", self.count) for kind, buffer in parts])
        else:
            body.in_turn(op)

    def _bounds(self, body: DeviceBody) -> tuple[str, str]:
        """Where the block's piece begins and ends."""
        low, high = body.fresh("begin"), body.fresh("end")
        for name, piece in ((low, "blockIdx.y"), (high, "blockIdx.y + 1")):
            body.write(f"const int64_t {name} = agentc::piece_of({self.rows.length}, {piece}, {self.count});")
        return low, high

    def _column_parts(self, step: Step, body: PieceBody) -> None:
        """Columns by threads side by side; those that are left over are on other rows of the piece."""
        block = step.loop.body.block
        side, strip, strips = body.fresh("side"), body.fresh("strip"), body.fresh("strips")
        index = body.names[block.args[0]] = body.fresh("j")
        body.write(f"const int {side} = agentc::across({step.columns}, {THREADS});")
        body.write(f"const int {strips} = {THREADS} / {side}, {strip} = group.lane() / {side};")
        needed = before(block, *step.reductions)
        body.group = False
        head = f"for (int64_t {index} = group.lane() % {side}; {index} < {step.columns}; {index} += {side})"
        with body.braces(head):
            for op in block.ops:
                if op in step.reductions and isinstance(op, scf.ParallelOp):
                    names = body.accumulators(op)
                    body.plain_loop(op, names, f"{body.low} + {strip}", strips, body.high)
                    for buffer, name in zip(self.buffers[op], names, strict=True):
                        part = f"(static_cast<int64_t>(blockIdx.x) * {self.count} + blockIdx.y) * {strips} + {strip}"
                        body.write(f"{buffer.name}[({part}) * {step.columns} + {index}] = {name};")
                elif op in needed:
                    body.op(op)
        body.group = True

    def _columns(self, step: Step) -> str:
        """Write what columns go on with from what their parts come to; the line that launches it."""
        block, columns = step.loop.body.block, step.columns
        rest = [op for op in block.ops if op not in self.buffers]
        needed = self._needed(
            [*rest, *(owner for loop in step.reductions for owner in owners(self.block, [loop], [loop]))]
        )
        body = DeviceBody(self.code.function)
        self._start(body, "agentc::Columns")
        for op in self.block.ops:
            if op in needed:
                self._known(op, body)
        base, strips = body.fresh("base"), body.fresh("strips")
        body.write(f"const int {strips} = {self._strips(columns)};")
        index, body.guard = body.fresh("j"), body.fresh("active")
        body.names[block.args[0]] = index
        first = f"static_cast<int64_t>(blockIdx.x) * {self.count} * {strips} * {columns} + {index}"
        with body.braces(f"for (int64_t {base} = 32 * blockIdx.y; {base} < {columns}; {base} += 32 * gridDim.y)"):
            body.write(f"const int64_t {index} = group.row({base}, {columns});")
            body.write(f"const bool {body.guard} = group.active({base}, {columns});")
            for op in block.ops:
                if op in self.buffers and isinstance(op, scf.ParallelOp):
                    parts = zip(combiners(op), self.buffers[op], strict=True)
                    count = f"{self.count} * {strips}"
                    body.finish(op, [combined(k, f"{b.name} + {first}", columns, count) for k, b in parts])
                else:
                    body.in_turn(op)
        read = {*needed, *step.reductions}
        place = [s for s in self.rows.steps.values() if s.columns].index(step)
        across = f"static_cast<unsigned>(agentc::smaller(({columns} + 31) / 32, {MOST_ACROSS}))"
        return self._kernel(f"_columns{place}", "dim3(32, 16)", body, [], read, across)

    def _kernel(
        self,
        suffix: str,
        threads: int | str,
        body: DeviceBody,
        written: Sequence[Buffer],
        known: Container[Operation],
        across: str,
    ) -> str:
        """Write ``body`` as a kernel that leaves the parts ``written`` and reads those of ``known``; the line that
        launches it."""
        read = [buffer for loop, found in self.buffers.items() if loop in known for buffer in found]
        declared = [f"{b.ctype}* __restrict__ {b.name}" for b in written]
        declared += [f"const {b.ctype}* __restrict__ {b.name}" for b in read]
        bound = threads if isinstance(threads, int) else 512
        self.code.kernel(suffix, bound, body.lines, [*declared, f"int {self.count}"])
        passed = [*(b.name for b in (*written, *read)), self.count]
        return self.code.call(suffix, f"dim3(static_cast<unsigned>({self.units}), {across})", threads, passed)
