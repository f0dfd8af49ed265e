"""Long reductions by many blocks: each leaves its part in memory, then the parts are combined in a fixed order.

How many parts there are follows from sizes alone, so that a sum is the same on every GPU and in every run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field

from xdsl.dialects import arith, memref, scf
from xdsl.ir import Operation, SSAValue

from agentc.backends.cuda.device import DeviceBody, combiners, first_of, function_of, inner_loops, touched
from agentc.backends.cuda.matrices import from_zero
from agentc.backends.cuda.phase import THREADS, PhaseCode, blocks
from agentc.backends.cuda.scalars import c_type
from agentc.support.record import record

LONG = 1 << 15
"""Iterations from which a second launch costs less than one block's lonely work."""
EACH = 16 * THREADS
"""Iterations for a block."""
MOST = 1024
"""Parts at most: a few for each multiprocessor of the largest GPUs."""
COLUMN_PART = 256
"""Elements of a column that a block takes, at least."""


@record
class Segment:
    """Neighboring ops of which the reductions depend on nothing that the segment itself makes."""

    ops: list[Operation] = field(default_factory=list[Operation])
    reductions: list[scf.ParallelOp] = field(default_factory=list[scf.ParallelOp])


def segments(ops: Sequence[Operation]) -> list[Segment] | None:
    """The ops in segments, each with a reduction; ``None`` where that cannot be: a value goes from one to another."""
    found = [Segment()]
    derived: set[SSAValue] = set()
    written: set[SSAValue] = set()
    for op in ops:
        reads, writes = touched(op)
        reduces = isinstance(op, scf.ParallelOp) and bool(op.res) and not writes
        uses = {o for inner in op.walk() for o in inner.operands}
        if reduces and (reads & written or uses & derived) and found[-1].reductions:
            found.append(Segment())
            if uses & derived:
                return None
            written = set()
        if reduces and isinstance(op, scf.ParallelOp):
            found[-1].reductions.append(op)
            derived.update(op.results)
        elif isinstance(op, scf.ParallelOp | scf.ForOp):
            return None
        elif uses & derived:
            derived.update(op.results)
        found[-1].ops.append(op)
        written |= writes
    return found if all(s.reductions for s in found) and not _crossing(found) else None


def _crossing(found: Sequence[Segment]) -> bool:
    """Whether a segment uses what an earlier one computed, other than in memory."""
    made: dict[SSAValue, int] = {
        r: i for i, s in enumerate(found) for op in s.ops for r in op.results if not _everywhere(op)
    }
    return any(
        made.get(o, i) != i for i, s in enumerate(found) for op in s.ops for inner in op.walk() for o in inner.operands
    )


def _everywhere(op: Operation) -> bool:
    return isinstance(op, arith.ConstantOp | memref.DimOp)


def serial(code: PhaseCode, one: str) -> list[str]:
    """The launches of a ``serial`` phase, ``one`` among them for what is short; none if it cannot be cut."""
    ops = list(code.function.body.block.ops)
    found = segments(ops[:-1])
    if not found:
        return []
    lines: list[str] = []
    works: list[str] = []
    for place, segment in enumerate(found):
        cut = _Cut(code, segment, str(place) if len(found) > 1 else "")
        length = cut.length()
        if length is None:
            return []
        works.append(length)
        launches = cut.write([op for op in ops if _everywhere(op)], length)
        lines += ["{", *(f"  {line}" for line in launches), "}"] if len(found) > 1 else launches
    short = " && ".join(f"{work} <= {LONG}" for work in works)
    return [f"if ({short}) {{", f"  {one}", "} else {", *(f"  {line}" for line in lines), "}"]


def _later(segment: Segment) -> set[Operation]:
    """What waits until the parts are combined: what depends on the reductions, stores, and what reads them back."""
    found: set[Operation] = set()
    values: set[SSAValue] = {result for loop in segment.reductions for result in loop.results}
    written: set[SSAValue] = set()
    for op in segment.ops:
        if op in segment.reductions:
            continue
        stores = isinstance(op, memref.StoreOp)
        if stores or values.intersection(op.operands) or (isinstance(op, memref.LoadOp) and op.memref in written):
            found.add(op)
            values.update(op.results)
            written.update([op.memref] if isinstance(op, memref.StoreOp) else [])
    return found


class _Cut:
    """A segment of a serial phase as two kernels: ``_parts`` by many blocks, ``_whole`` by one."""

    def __init__(self, code: PhaseCode, segment: Segment, tag: str) -> None:
        self.code, self.segment = code, segment
        self.parts, self.whole = f"_parts{tag}", f"_whole{tag}"
        self.buffers = [
            (c_type(r.type), code.free(f"parts{tag}_{place}"))
            for place, r in enumerate(r for loop in segment.reductions for r in loop.res)
        ]

    def length(self) -> str | None:
        """Iterations of the longest reduction, as the host computes it."""
        body = DeviceBody(self.code.function)
        lengths: list[str] = []
        for loop in self.segment.reductions:
            bounds = [body.extent(o.upperBound[0]) for o in (loop, *inner_loops(loop)[:1])]
            if any(b is None for b in bounds) or not from_zero(loop):
                return None
            lengths.append(" * ".join(str(b) for b in bounds))
        return lengths[0] if len(set(lengths)) == 1 else f"({' + '.join(dict.fromkeys(lengths))})"

    def write(self, setup: Sequence[Operation], length: str) -> list[str]:
        """Write both kernels; the lines that launch them."""
        code, self._buffer = self.code, iter(self.buffers)
        body = code.body()
        for op in setup:
            body.op(op)
        self._parts_body(body)
        code.kernel(self.parts, THREADS, body.lines, [f"{t}* __restrict__ {n}" for t, n in self.buffers])
        body, self._buffer = code.body(), iter(self.buffers)
        for op in setup:
            body.op(op)
        self._whole_body(body)
        code.kernel(
            self.whole,
            THREADS,
            body.lines,
            [*(f"const {t}* __restrict__ {n}" for t, n in self.buffers), f"int {code.free('count')}"],
        )
        return self._launches(length)

    def _parts_body(self, body: DeviceBody) -> None:
        body.group = True
        body.write(f"const agentc::Block<{THREADS}> group;")
        later = _later(self.segment)
        for op in self.segment.ops:
            if op in self.segment.reductions and isinstance(op, scf.ParallelOp):
                self._part(op, body)
            elif op not in later and not _everywhere(op):
                body.op(op)

    def _part(self, op: scf.ParallelOp, body: DeviceBody) -> None:
        """The iterations of this block: rows by the block, or elements by its threads."""
        names = body.accumulators(op)
        high = body.names[op.upperBound[0]]
        if inner_loops(op):
            index = body.names[op.body.block.args[0]] = body.fresh("i")
            with body.braces(f"for (int64_t {index} = blockIdx.x; {index} < {high}; {index} += gridDim.x)"):
                body.block(op.body.block)
                body.combine(op, names)
            texts = names
        else:
            body.group = False
            first = f"(static_cast<int64_t>(blockIdx.x) * {THREADS} + group.lane())"
            body.strided_loop(op, names, first, f"(static_cast<int64_t>(gridDim.x) * {THREADS})", "0", high)
            body.group = True
            texts = body.across(op, names)
        for result, text in zip(op.res, texts, strict=True):
            total = body.fresh("total")
            body.write(f"const {c_type(result.type)} {total} = {text};")
            body.write(f"if (group.lane() == 0) {next(self._buffer)[1]}[blockIdx.x] = {total};")

    def _whole_body(self, body: DeviceBody) -> None:
        body.group = True
        body.write(f"const agentc::Block<{THREADS}> group;")
        for op in self.segment.ops:
            if op in self.segment.reductions and isinstance(op, scf.ParallelOp):
                body.finish(
                    op, [combined(kind, next(self._buffer)[1], "1", self.code.free("count")) for kind in combiners(op)]
                )
            elif not _everywhere(op):
                body.in_turn(op)

    def _launches(self, length: str) -> list[str]:
        names, count = [name for _, name in self.buffers], self.code.free("count")
        return [
            f"const int {count} = agentc::parts_of({length}, {EACH}, {MOST});",
            *_scratch(self.buffers, count),
            self.code.call(self.parts, count, THREADS, names),
            self.code.call(self.whole, "1", THREADS, [*names, count]),
        ]


def combined(kind: Operation, name: str, stride: str, count: str) -> str:
    """The call that combines the ``count`` parts in ``name``."""
    first = first_of(kind, kind.results[0].type)
    return f"agentc::combine_parts(group, {name}, {stride}, {count}, {first}, {function_of(kind)})"


def _scratch(buffers: Sequence[tuple[str, str]], count: str) -> list[str]:
    lines: list[str] = []
    for ctype, name in buffers:
        lines.append(f"const agentc::Scratch<{ctype}> {name}({count}, stream);")
        lines.append(f"if ({name}.error) return {name}.error;")
    return lines


def columns(code: PhaseCode, rows: scf.ParallelOp, one: str) -> list[str]:
    """The launches of a ``columns`` phase whose columns are cut, too; none if they cannot be."""
    found = segments(list(rows.body.block.ops)[:-1])
    body = code.body()
    if not found or len(found) > 1 or any(inner_loops(r) or not from_zero(r) for r in found[0].reductions):
        return []
    lengths = {body.extent(r.upperBound[0]) for r in found[0].reductions}
    if len(lengths) != 1 or None in lengths:
        return []
    length = str(lengths.pop())
    buffers = [
        (c_type(r.type), code.free(f"parts_{place}"))
        for place, r in enumerate(r for loop in found[0].reductions for r in loop.res)
    ]
    _column_parts(code, rows, found[0], buffers)
    _column_whole(code, rows, found[0], buffers)
    names, count = [name for _, name in buffers], code.free("count")
    each = f"(1 + ({code.rows} - 1) / 32)"
    return [
        f"const int {count} = agentc::parts_of({length}, {COLUMN_PART}, {MOST} / {each} + 1);",
        f"if ({count} == 1) {{",
        f"  {one}",
        "} else {",
        *(f"  {line}" for line in _scratch(buffers, f"{count} * {code.rows}")),
        f"  {code.call('_parts', f'dim3({blocks(code.rows, 32)}, {count})', 'dim3(32, 16)', names)}",
        f"  {code.call('_whole', blocks(code.rows, THREADS), THREADS, [*names, count])}",
        "}",
    ]


def _column_parts(code: PhaseCode, rows: scf.ParallelOp, segment: Segment, buffers: list[tuple[str, str]]) -> None:
    body = code.body()
    body.group = True
    body.write("const agentc::Columns group;")
    index = body.names[rows.body.block.args[0]] = body.fresh("i")
    names = iter(buffers)
    with body.braces("for (int64_t base = low + group.first(); base < high; base += group.stride())"):
        body.write(f"const int64_t {index} = group.row(base, high);")
        later = _later(segment)
        for op in segment.ops:
            if op in segment.reductions and isinstance(op, scf.ParallelOp):
                _column_part(op, body, index, names)
            elif op not in later:
                body.op(op)
    declared = [f"{t}* __restrict__ {n}" for t, n in buffers]
    code.kernel("_parts", 512, body.lines, declared, blocks=2)


def _column_part(op: scf.ParallelOp, body: DeviceBody, index: str, buffers: Iterator[tuple[str, str]]) -> None:
    names, high = body.accumulators(op), body.names[op.upperBound[0]]
    begin, end = body.fresh("begin"), body.fresh("end")
    share = f"({high} + gridDim.y - 1) / gridDim.y"
    body.write(f"const int64_t {begin} = {share} * blockIdx.y;")
    body.write(f"const int64_t {end} = agentc::minimum<int64_t>({high}, {begin} + {share});")
    body.group = False
    body.strided_loop(op, names, "group.lane()", "group.size", begin, end)
    body.group = True
    for result, text in zip(op.res, body.across(op, names), strict=True):
        total = body.fresh("total")
        body.write(f"const {c_type(result.type)} {total} = {text};")
        place = f"{next(buffers)[1]}[blockIdx.y * high + {index}]"
        body.write(f"if (group.lane() == 0 && group.active(base, high)) {place} = {total};")


def _column_whole(code: PhaseCode, rows: scf.ParallelOp, segment: Segment, buffers: list[tuple[str, str]]) -> None:
    body = code.body()
    body.write("const agentc::Alone group;")
    body.write("const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;")
    body.write("const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;")
    index = body.names[rows.body.block.args[0]] = body.fresh("i")
    names = iter(buffers)
    with body.braces(f"for (int64_t {index} = low + thread; {index} < high; {index} += threads)"):
        for op in segment.ops:
            if op in segment.reductions and isinstance(op, scf.ParallelOp):
                texts = [
                    combined(kind, f"{next(names)[1]} + {index}", "high", code.free("count")) for kind in combiners(op)
                ]
                body.finish(op, texts)
            else:
                body.op(op)
    declared = [*(f"const {t}* __restrict__ {n}" for t, n in buffers), f"int {code.free('count')}"]
    code.kernel("_whole", THREADS, body.lines, declared)
