"""Loops along memory for a group of threads, by packs of neighbors: which can go so, and what is written for them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xdsl.dialects import arith, math, memref, scf
from xdsl.dialects.builtin import IntegerAttr
from xdsl.dialects.utils import FastMathFlag
from xdsl.ir import BlockArgument, Operation, SSAValue

from agentc.analyses.kernel_dims import element_of
from agentc.backends.cuda.scalars import BYTES, c_type, literal
from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.backends.cuda.device import DeviceBody

WIDEST = 16
"""Bytes of the widest access of a thread."""
AHEAD = 4
"""Packs of an array that a thread of a group has under way, where it goes over more than one."""
DECIDING = {math.RoundEvenOp, math.FloorOp, math.CeilOp, arith.FPToSIOp, arith.FPToUIOp, arith.CmpfOp}
"""Ops whose result can turn on the last bit of a float."""


@record
class Ahead:
    """A loop over packs of which a thread takes some at a time, in C++."""

    width: int
    """Elements of a pack."""
    count: int
    at: str
    step: str
    cut: str
    early: Sequence[memref.LoadOp]
    """What is loaded before any of it is used."""
    flat: tuple[scf.ParallelOp, scf.ParallelOp, str] | None = None
    """Two loops of which this is one, and the length of the inner."""


def packed_accesses(op: scf.ParallelOp) -> list[memref.LoadOp | memref.StoreOp]:
    """The loads and stores along the loop, if all of a simple body can be moved by packs; else none."""
    index = op.body.block.args[0]
    found: list[memref.LoadOp | memref.StoreOp] = []
    for inner in op.body.block.ops:
        if inner.regions and not isinstance(inner, scf.ReduceOp):
            return []
        if isinstance(inner, memref.LoadOp | memref.StoreOp):
            if isinstance(inner, memref.LoadOp) and len(inner.indices) and _shift(inner.indices[-1], index):
                if index in inner.indices or any(_within(v, op) for v in list(inner.indices)[:-1]):
                    return []
                found.append(inner)
                continue
            along = [i for i, v in enumerate(inner.indices) if v is index]
            if not along:
                if isinstance(inner, memref.StoreOp):
                    return []
                continue
            computed = any(isinstance(v.owner, Operation) and v.owner.parent is op.body.block for v in inner.indices)
            if computed or along != [len(inner.indices) - 1]:
                return []
            found.append(inner)
    written: set[SSAValue] = set()
    for access in found:
        if isinstance(access, memref.LoadOp) and access.memref in written:
            return []  # packs are read before any is written
        written.update([access.memref] if isinstance(access, memref.StoreOp) else [])
    loose = {o.memref for o in op.body.block.ops if isinstance(o, memref.LoadOp) and o not in found}
    return [] if written & loose else found


def _within(value: SSAValue, op: scf.ParallelOp) -> bool:
    """Whether ``value`` is computed in the loop's body."""
    return isinstance(value.owner, Operation) and value.owner.parent is op.body.block


def _shift(value: SSAValue, index: SSAValue) -> int:
    """By how many packs of any width ``value`` is beyond ``index``; 0 for none, or where that is no whole number."""
    owner = value.owner
    if (
        not isinstance(owner, arith.AddiOp)
        or owner.lhs is not index
        or not isinstance(owner.rhs.owner, arith.ConstantOp)
    ):
        return 0
    number = owner.rhs.owner.value
    assert isinstance(number, IntegerAttr)
    return number.value.data // WIDEST if number.value.data > 0 and number.value.data % WIDEST == 0 else 0


def pack_width(packs: Sequence[memref.LoadOp | memref.StoreOp]) -> int:
    """How many neighbors fit the widest access, where all arrays move as many."""
    return WIDEST // max(element_bytes(p.memref) for p in packs)


def element_bytes(memory: SSAValue) -> int:
    """Bytes of an element of ``memory``."""
    return BYTES.get(str(element_of(memory.type)), 8)


def reciprocals(op: scf.ParallelOp) -> list[tuple[arith.DivfOp, SSAValue]]:
    """The divisions of a loop by what is the same in all its iterations, but for those whose result is rounded to an
    integer or compared: there the last bit decides.
    """
    block = op.body.block
    written = {o.memref for o in op.walk() if isinstance(o, memref.StoreOp)}

    def same(value: SSAValue) -> bool:
        owner = value.owner
        if not isinstance(owner, Operation) or owner.parent is not block:
            return value is not block.args[0]
        return isinstance(owner, memref.LoadOp) and owner.memref not in written and all(map(same, owner.indices))

    found: list[tuple[arith.DivfOp, SSAValue]] = []
    for inner in block.ops:
        if isinstance(inner, arith.DivfOp) and str(inner.result.type) in ("f32", "f64") and same(inner.rhs):
            allowed = FastMathFlag.ALLOW_RECIP in inner.fastmath.data
            users = {type(use.operation) for use in inner.result.uses}
            if allowed and not users & DECIDING:
                found.append((inner, inner.rhs))
    return found


def flat_loop(body: "DeviceBody", op: scf.ParallelOp, inner: scf.ParallelOp) -> bool:
    """The iterations of both loops as those of one, of which each lane has its share, also where the inner loop is
    shorter than a group; whether that can be.
    """
    length, packs = body.extent(inner.upperBound[0]), packed_accesses(inner)
    width = pack_width(packs) if packs else 1
    if length is None or not length.isdigit() or int(length) % width or not int(length):
        return False
    memories = dict.fromkeys(p.memref for p in packs)
    rows = [body.size(body.dims[p.memref][-1]) for p in packs if len(p.indices) > 1]
    if any(not row.isdigit() or int(row) % width for row in rows):
        return False
    body.each_alone(o for o in op.body.block.ops if isinstance(o, arith.ConstantOp | memref.DimOp))
    body.flat = f"{body.extent(op.upperBound[0]) or body.names[op.upperBound[0]]} * {length}"
    names, high, (low, end) = body.accumulators(op), body.fresh("high"), body.bounds(op)
    body.write(f"const int64_t {high} = {end} * {length};")
    body.group = False
    cut = "0" if low == "0" else f"{low} * {length}"
    begin = "" if low == "0" else f"{cut} + "
    if packs:
        rest, cut = cut, body.fresh("cut")
        packable = " && ".join(f"agentc::packable<{width}>({body.names[m]})" for m in memories)
        body.write(f"const int64_t {cut} = {packable} ? {high} : {rest};")
        at = body.fresh("at")
        loads = [p for p in packs if isinstance(p, memref.LoadOp)]
        early = _early(loads, [op.body.block.args[0], inner.body.block.args[0]])
        count = _ahead(early, width)
        plan = Ahead(width, count, at, "group.size", cut, early, (op, inner, length))
        with body.braces(
            f"for (int64_t {at} = {begin}{width} * group.lane(); {at} < {cut}; {at} += {width * count} * group.size)"
        ):
            _packs_ahead(body, inner, names, packs, plan)
    at = body.fresh("at")
    with body.braces(f"for (int64_t {at} = {cut} + group.lane(); {at} < {high}; {at} += group.size)"):
        _unflatten(body, op, inner, at, length)
        body.block(inner.body.block)
        body.combine(inner, names)
    body.group = True
    body.finish(op, body.across(op, names))
    return True


def _unflatten(body: "DeviceBody", op: scf.ParallelOp, inner: scf.ParallelOp, at: str, length: str) -> None:
    """Name the indices of both loops at iteration ``at`` of the one that stands for them."""
    outer, index = body.fresh("j"), body.fresh("k")
    body.write(f"[[maybe_unused]] const int64_t {outer} = {at} / {length}, {index} = {at} % {length};")
    body.names[op.body.block.args[0]], body.names[inner.body.block.args[0]] = outer, index


def invert(body: "DeviceBody", op: scf.ParallelOp) -> None:
    """Divide once where all iterations divide by the same: each then multiplies, as ``arcp`` allows."""
    for division, divisor in reciprocals(op):
        text = body.names.get(divisor)
        if isinstance(load := divisor.owner, memref.LoadOp) and load.parent is op.body.block:
            text = f"{body.names[load.memref]}[{body.offset(load.memref, load.indices)}]"
        else:
            load = None
        if text is not None:
            name = body.inverses[division] = body.fresh("inverse")
            one = literal(1.0, divisor.type)
            body.write(f"const {c_type(divisor.type)} {name} = {one} / {text};")
            if load is not None and all(use.operation in body.inverses for use in load.res.uses):
                body.skipped.add(load)


def packed_loop(
    body: "DeviceBody",
    op: scf.ParallelOp,
    sums: Sequence[str],
    first: str,
    step: str,
    low: str,
    high: str,
    packs: Sequence[memref.LoadOp | memref.StoreOp],
) -> str:
    """The part that can be done by packs; the name of where the rest begins."""
    cut, width = body.fresh("cut"), pack_width(packs)
    memories = dict.fromkeys(p.memref for p in packs)
    conditions = [f"agentc::packable<{width}>({body.names[m]})" for m in memories]
    rows = dict.fromkeys(body.size(body.dims[p.memref][-1]) for p in packs if len(p.indices) > 1)
    conditions += [f"{text} % {width} == 0" for text in [*rows, *([low] if low != "0" else [])]]
    body.write(f"const int64_t {cut} = {' && '.join(conditions)} ? {high} / {width} * {width} : {low};")
    index, at = op.body.block.args[0], body.fresh("j")
    begin = f"{width} * {first}" if low == "0" else f"{low} + {width} * {first}"
    loads = [p for p in packs if isinstance(p, memref.LoadOp)]
    early = _early(loads, [index])
    ahead = 1 if first == "thread" or not loads else _ahead(early, width)
    strides = f"{width * ahead} * {step}"
    with body.braces(f"for (int64_t {at} = {begin}; {at} < {cut}; {at} += {strides})"):
        if ahead == 1:
            body.names[index] = at
            _one_pack(body, op, sums, packs, width, {p.res: _load_one(body, p, width) for p in loads})
        else:
            _packs_ahead(body, op, sums, packs, Ahead(width, ahead, at, step, cut, early))
    return cut


def _early(loads: Sequence[memref.LoadOp], own: Sequence[SSAValue]) -> list[memref.LoadOp]:
    """The loads that are worth waiting for together: of what is another in each row. ``own`` are the indices of the
    loop; what depends on them alone all rows read, from a cache.
    """
    rows = [p for p in loads if any(isinstance(i, BlockArgument) and i not in own for i in p.indices)]
    return rows or list(loads)


def _ahead(early: Sequence[memref.LoadOp], width: int) -> int:
    """How many packs of each are under way: more of narrow ones, fewer of many."""
    narrow = all(width * element_bytes(p.memref) <= 4 for p in early)
    return 2 * AHEAD if narrow else AHEAD if len(early) < 3 else AHEAD // 2


def _load_one(body: "DeviceBody", access: memref.LoadOp, width: int) -> str:
    """Load a pack; its name."""
    name, index = body.fresh(f"{body.names[access.memref]}{width}"), access.indices[-1]
    place = _place(body, access, index.owner.lhs if isinstance(index.owner, arith.AddiOp) else index)
    body.write(f"const auto {name} = agentc::load_pack<{width}>({place});")
    return name


def _place(body: "DeviceBody", access: memref.LoadOp, index: SSAValue) -> str:
    """The address of a pack at the loop's ``index``, or some packs further."""
    last = access.indices[-1]
    if packs := _shift(last, index):
        body.names[last] = f"({body.names[index]} + {packs * WIDEST})"
    return f"{body.names[access.memref]} + {body.offset(access.memref, access.indices)}"


def _packs_ahead(
    body: "DeviceBody",
    op: scf.ParallelOp,
    sums: Sequence[str],
    packs: Sequence[memref.LoadOp | memref.StoreOp],
    plan: Ahead,
) -> None:
    """Load some packs, all before the first is used; then use each."""
    index = op.body.block.args[0]
    loaded: dict[SSAValue, str] = {}
    for access in plan.early:
        name = loaded[access.res] = body.fresh(f"{body.names[access.memref]}{plan.width}")
        ctype = c_type(element_of(access.memref.type))
        body.write(f"agentc::Pack<{ctype}, {plan.width}> {name}[{plan.count}];")
    for using in (False, True):
        part, here = body.fresh("p"), body.fresh("j")
        body.write("#pragma unroll")
        with body.braces(f"for (int {part} = 0; {part} < {plan.count}; ++{part})"):
            body.write(f"const int64_t {here} = {plan.at} + {part} * ({plan.width} * {plan.step});")
            with body.braces(f"if ({here} < {plan.cut})"):
                body.names[index] = here
                if plan.flat is not None:
                    _unflatten(body, *plan.flat[:2], here, plan.flat[2])
                if using:
                    named = {value: f"{name}[{part}]" for value, name in loaded.items()}
                    late = [p for p in packs if isinstance(p, memref.LoadOp) and p.res not in named]
                    named |= {p.res: _load_one(body, p, plan.width) for p in late}
                    _one_pack(body, op, sums, packs, plan.width, named)
                    continue
                for access in plan.early:
                    place = _place(body, access, index)
                    body.write(f"{loaded[access.res]}[{part}] = agentc::load_pack<{plan.width}>({place});")


def _one_pack(
    body: "DeviceBody",
    op: scf.ParallelOp,
    sums: Sequence[str],
    packs: Sequence[memref.LoadOp | memref.StoreOp],
    width: int,
    loaded: dict[SSAValue, str],
) -> None:
    """What is done with the packs at the current place, of which ``loaded`` has been read."""
    at, stored = body.names[op.body.block.args[0]], dict[memref.StoreOp, str]()
    for access in packs:
        if isinstance(access, memref.StoreOp):
            stored[access] = body.fresh(f"{body.names[access.memref]}{width}")
            ctype = c_type(element_of(access.memref.type))
            body.write(f"agentc::Pack<{ctype}, {width}> {stored[access]};")
    _unrolled(body, op, sums, at, width, loaded, stored)
    for access, name in stored.items():
        body.names[op.body.block.args[0]] = at
        place = f"{body.names[access.memref]} + {body.offset(access.memref, access.indices)}"
        condition = f"if ({body.guard}) " if body.guard else ""
        body.write(f"{condition}agentc::store_pack({place}, {name});")


def _unrolled(
    body: "DeviceBody",
    op: scf.ParallelOp,
    sums: Sequence[str],
    at: str,
    width: int,
    loaded: dict[SSAValue, str],
    stored: dict[memref.StoreOp, str],
) -> None:
    part = body.fresh("u")
    body.write("#pragma unroll")
    with body.braces(f"for (int {part} = 0; {part} < {width}; ++{part})"):
        body.names[op.body.block.args[0]] = f"({at} + {part})"
        for inner in op.body.block.ops:
            users = [use.operation for result in inner.results for use in result.uses]
            if isinstance(inner, arith.AddiOp) and all(isinstance(u, memref.LoadOp) and u.res in loaded for u in users):
                continue  # said in the address
            if isinstance(inner, memref.LoadOp) and inner.res in loaded:
                body.names[inner.res] = f"{loaded[inner.res]}.at[{part}]"
            elif isinstance(inner, memref.StoreOp) and inner in stored:
                body.write(f"{stored[inner]}.at[{part}] = {body.names[inner.value]};")
            else:
                body.op(inner)
        body.combine(op, sums)
