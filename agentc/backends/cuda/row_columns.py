"""Loops over columns that reduce along a piece of a row: threads side by side on the columns, by packs where memory
allows; threads that are left over are on other rows, and what they sum is joined before it is left as the piece's part.
"""

from collections.abc import Sequence

from xdsl.dialects import memref, scf
from xdsl.ir import Operation

from agentc.backends.cuda.device import DeviceBody, combiners, first_of, function_of
from agentc.backends.cuda.long_rows import Step, before
from agentc.backends.cuda.packs import WIDEST, element_bytes
from agentc.backends.cuda.phase import THREADS
from agentc.backends.cuda.scalars import c_type

AHEAD = {1: 8}
"""Packs of a column that a thread has under way, where not 4. With 768 threads on a multiprocessor, that is 24 KiB of
single values, about what it takes to keep an H200's memory busy, and 48 KiB of packs of 16 bytes."""


def write(step: Step, body: DeviceBody, low: str, high: str, parts: Sequence[str]) -> None:
    """Write the rows from ``low`` to ``high``, and leave what they sum: ``parts`` is C++ for where columns begin."""
    loads, width = column_loads(step), width_of(step)
    if width == 1:
        _columns(step, body, (low, high), parts, 1)
        return
    packable = [f"agentc::packable<{width}>({body.names[m]})" for m in dict.fromkeys(load.memref for load in loads)]
    with body.braces(f"if ({' && '.join([f'{step.columns} % {width} == 0', *packable])})"):
        _columns(step, body, (low, high), parts, width)
    with body.braces("else"):
        _columns(step, body, (low, high), parts, 1)


def column_loads(step: Step) -> list[memref.LoadOp]:
    """What the step's reductions load of each column."""
    column = step.loop.body.block.args[0]
    ops = [op for loop in step.reductions for op in loop.body.block.ops]
    return [op for op in ops if isinstance(op, memref.LoadOp) and column in op.indices]


def width_of(step: Step) -> int:
    """How many neighboring columns can be loaded at once: 1 where one of the loads is not of neighbors, or what is done
    before the reductions differs from column to column.
    """
    block, column = step.loop.body.block, step.loop.body.block.args[0]
    loads = column_loads(step)
    inside = [op for loop in step.reductions for op in loop.walk() if op is not loop]
    outside = before(block, *step.reductions).difference(step.reductions)
    places = [list(load.indices).index(column) == len(load.indices) - 1 for load in loads]
    others = [op for op in [*inside, *outside] if op not in loads and column in op.operands]
    nested = any(op.regions and not isinstance(op, scf.ReduceOp) for op in [*inside, *outside])
    return (
        WIDEST // max(element_bytes(load.memref) for load in loads)
        if all(places) and loads and not (others or nested)
        else 1
    )


def _columns(step: Step, body: DeviceBody, piece: tuple[str, str], parts: Sequence[str], width: int) -> None:
    """``width`` neighboring columns a thread."""
    block, columns = step.loop.body.block, step.columns
    side, base, at = body.fresh("side"), body.fresh("base"), body.fresh("j")
    packs, times = (f"{columns} / {width}", f"{width} * ") if width > 1 else (columns, "")
    body.write(f"const int {side} = agentc::across({packs}, {THREADS});")
    with body.braces(f"for (int64_t {base} = 0; {base} < {columns}; {base} += {times}{side})"):
        body.write(f"const int64_t {at} = {base} + {times}(group.lane() % {side});")
        sums = {loop: [_zeros(kind, body, width) for kind in combiners(loop)] for loop in step.reductions}
        body.group, body.names[block.args[0]] = False, at
        with body.braces(f"if ({at} < {columns})"):
            needed = before(block, *step.reductions)
            for op in block.ops:
                if isinstance(op, scf.ParallelOp) and op in sums:
                    _rows(
                        op,
                        step,
                        body,
                        (f"{piece[0]} + group.lane() / {side}", f"{THREADS} / {side}", piece[1]),
                        width,
                        sums[op],
                    )
                elif op in needed:
                    body.op(op)
        body.group = True
        totals = [
            (kind, name) for loop, names in sums.items() for kind, name in zip(combiners(loop), names, strict=True)
        ]
        for (kind, name), part in zip(totals, parts, strict=True):
            _total(kind, body, name, side, f"{part} + {at}", f"{at} < {columns}", width)


def _zeros(kind: Operation, body: DeviceBody, width: int) -> str:
    """Declare a thread's partial values; their name."""
    name, type_ = body.fresh("sum"), kind.results[0].type
    body.write(f"{c_type(type_)} {name}[{width}] = {{{', '.join([first_of(kind, type_)] * width)}}};")
    return name


def _rows(
    loop: scf.ParallelOp, step: Step, body: DeviceBody, piece: tuple[str, str, str], width: int, sums: Sequence[str]
) -> None:
    """The rows of a thread, from where, by how many and to where ``piece`` says."""
    column, index = step.loop.body.block.args[0], body.fresh("j")
    at, body.names[loop.body.block.args[0]] = body.names[column], index
    loads = [op for op in column_loads(step) if op.parent is loop.body.block] if width > 1 else []
    body.write(f"#pragma unroll {AHEAD.get(width, 4)}")
    with body.braces(f"for (int64_t {index} = {piece[0]}; {index} < {piece[2]}; {index} += {piece[1]})"):
        early = [op for op in loop.body.block.ops if not op.regions and op not in loads]
        packs = dict[Operation, str]()
        for load in loads:
            packs[load] = body.fresh(f"{body.names[load.memref]}{width}")
            place = f"{body.names[load.memref]} + {body.offset(load.memref, load.indices)}"
            body.write(f"const auto {packs[load]} = agentc::load_pack<{width}>({place});")
        if width == 1:
            body.block(loop.body.block)
            body.combine(loop, [f"{name}[0]" for name in sums])
            return
        unit = body.fresh("u")
        body.write("#pragma unroll")
        with body.braces(f"for (int {unit} = 0; {unit} < {width}; ++{unit})"):
            for op in loop.body.block.ops:
                if op in packs:
                    body.names[op.results[0]] = f"{packs[op]}.at[{unit}]"
                elif op in early:
                    body.op(op)
            body.combine(loop, [f"{name}[{unit}]" for name in sums])
    body.names[column] = at


def _total(kind: Operation, body: DeviceBody, name: str, side: str, place: str, real: str, width: int) -> None:
    """Leave what the threads of a column come to, in ``place`` and behind it, if the column is ``real``."""
    unit, total = body.fresh("u"), body.fresh("total")
    body.write("#pragma unroll")
    with body.braces(f"for (int {unit} = 0; {unit} < {width}; ++{unit})"):
        joined = f"agentc::join_side<{THREADS}>({name}[{unit}], {side}, {function_of(kind)})"
        body.write(f"const {c_type(kind.results[0].type)} {total} = {joined};")
        body.write(f"if (group.lane() < {side} && {real}) ({place})[{unit}] = {total};")
