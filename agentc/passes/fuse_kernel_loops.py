"""Fuses neighboring loops of kernels and keeps in registers what only they exchange."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Literal, TypeAlias

from xdsl.context import Context
from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from agentc.analyses.dead_code import erase_dead
from agentc.analyses.kernel_ops import every, functions, parallel, reductions
from agentc.analyses.kernel_sources import inherit, sources
from agentc.analyses.kernel_walks import operands_of, ops_of

Place: TypeAlias = tuple[SSAValue, ...]
Loop: TypeAlias = scf.ParallelOp | scf.ForOp
Known: TypeAlias = dict[tuple[SSAValue, Place], SSAValue]
Writes: TypeAlias = dict[Operation, set[SSAValue]]
"""Op -> the memory that is stored to inside it."""
Fusion: TypeAlias = Literal["fused", "not yet", "never"]


@dataclass
class Accesses:
    """What an op and all inside it take, read and write: memory -> the places."""

    reads: dict[SSAValue, list[Place]] = field(default_factory=dict[SSAValue, list[Place]])
    writes: dict[SSAValue, list[Place]] = field(default_factory=dict[SSAValue, list[Place]])
    whole: set[SSAValue] = field(default_factory=set[SSAValue])
    """Memory that is used as a whole, as by a call or a deallocation."""
    used: set[SSAValue] = field(default_factory=set[SSAValue])
    """All values that are taken."""

    @staticmethod
    def of(op: Operation) -> "Accesses":
        """Accesses of ``op``."""
        found = Accesses()
        reads, writes, used = found.reads, found.writes, found.used
        for inner in every(op):
            kind, operands = type(inner), operands_of(inner)
            used.update(operands)
            if kind is memref.LoadOp:
                memory, *place = operands
                reads.setdefault(memory, []).append(tuple(place))
            elif kind is memref.StoreOp:
                _, memory, *place = operands
                writes.setdefault(memory, []).append(tuple(place))
            elif not _takes_none(kind):
                found.whole.update([v for v in operands if type(v.type) is MemRefType])
        return found

    @cached_property
    def touched(self) -> set[SSAValue]:
        """All memory that is read or written."""
        return {*self.reads, *self.writes, *self.whole}

    @cached_property
    def changed(self) -> set[SSAValue]:
        """All memory that is written."""
        return {*self.writes, *self.whole}

    def conflict(self, other: "Accesses") -> bool:
        """Whether the order of the two matters."""
        if not self.touched or not other.touched:
            return False
        return not (self.changed.isdisjoint(other.touched) and other.changed.isdisjoint(self.touched))

    def conflicts(self, other: "Accesses") -> set[SSAValue]:
        """Memory because of which the order of the two matters."""
        return (self.changed & other.touched) | (other.changed & self.touched)

    def places(self, memory: SSAValue) -> list[Place]:
        """Where ``memory`` is accessed."""
        return self.reads.get(memory, []) + self.writes.get(memory, [])

    def joined(self, other: "Accesses", theirs: SSAValue, mine: SSAValue) -> "Accesses":
        """Of both in one loop: the index of the other's is ``theirs`` until then, and ``mine`` after it."""
        found = Accesses(whole=self.whole | other.whole, used=self.used | other.used)
        if theirs in found.used:
            found.used.remove(theirs)
            found.used.add(mine)
        for both, first, second in (
            (found.reads, self.reads, other.reads),
            (found.writes, self.writes, other.writes),
        ):
            both.update({memory: [*places] for memory, places in first.items()})
            for memory, places in second.items():
                moved = [tuple([mine if i is theirs else i for i in p]) if theirs in p else p for p in places]
                both.setdefault(memory, []).extend(moved)
        return found


@cache
def _takes_none(kind: type[Operation]) -> bool:
    """Whether ops of ``kind`` use no memory, or only its size."""
    return kind.name.startswith(("arith.", "math.")) or kind is memref.DimOp or kind is memref.AllocOp


@dataclass
class Footprints:
    """What ops of a block use, each looked at once: fusion asks for every pair of loops, after every fusion again."""

    accesses: dict[Operation, Accesses] = field(default_factory=dict[Operation, Accesses])

    def of(self, op: Operation) -> Accesses:
        """Accesses of ``op``."""
        found = self.accesses.get(op)
        if found is None:
            found = self.accesses[op] = Accesses.of(op)
        return found

    def forget(self, *ops: Operation) -> None:
        """``ops`` are gone; whoever took their results takes others now."""
        for op in ops:
            self.accesses.pop(op, None)
            for result in op.results:
                for use in result.uses:
                    user: Operation | None = use.operation
                    while user is not None:
                        self.accesses.pop(user, None)
                        user = user.parent_op()


def range_of(loop: Loop) -> Place:
    """Where ``loop`` begins and ends, and its step."""
    axes = 1 if type(loop) is scf.ForOp else len(loop.regions[0].block.args)
    return tuple(loop.operands[: 3 * axes])


def kind_of(loop: Loop, outermost: bool) -> Hashable:
    """The same for loops that may become one: of a kind over the same range, where those at the top reduce or not;
    ``None`` for one that stays alone.
    """
    if type(loop) is scf.ForOp and loop.iter_args:
        return None
    place = range_of(loop)
    return (type(loop), outermost and bool(loop.results), place) if len(place) == 3 else None


def iterations_match(first: Loop, second: Loop, footprints: Footprints) -> bool:
    """Whether iteration i of ``second`` touches, of what both exchange, only what iteration i of ``first`` touches: some
    index of every access is the loop's own.
    """
    mine, theirs = footprints.of(first), footprints.of(second)
    shared = mine.conflicts(theirs)
    if shared & (mine.whole | theirs.whole):
        return False
    i, j = first.body.block.args[0], second.body.block.args[0]
    return all(_common_place(mine.places(m), i) & _common_place(theirs.places(m), j) for m in shared)


def _common_place(places: Sequence[Place], loop: SSAValue) -> set[int]:
    """Positions at which every access has ``loop`` as index."""
    common = [{n for n, index in enumerate(p) if index is loop} for p in places]
    return {n for n in common[0] if all(n in other for other in common)} if common else set()


def needed_before(
    first: Operation, second: Operation, between: Sequence[Operation], footprints: Footprints
) -> list[Operation] | None:
    """Those of ``between`` that have to run before ``second``; ``None`` if one of them has to run after ``first``."""
    needed: list[Operation] = []
    earlier, own = footprints.of(first), footprints.of(second)
    used, changed, touched = set(own.used), set(own.changed), set(own.touched)
    for op in reversed(between):
        its = footprints.of(op)
        ordered = its.touched and not (changed.isdisjoint(its.touched) and its.changed.isdisjoint(touched))
        if ordered or not used.isdisjoint(op.results):
            if not its.used.isdisjoint(first.results) or its.conflict(earlier):
                return None
            needed.append(op)
            used |= its.used
            changed |= its.changed
            touched |= its.touched
    return needed[::-1]


def try_fuse(first: Loop, second: Loop, outermost: bool, footprints: Footprints) -> Fusion:
    """Fuse ``second`` into ``first``, a loop of the same kind, if nothing observable changes."""
    mine, theirs = footprints.of(first), footprints.of(second)
    if not theirs.used.isdisjoint(first.results) or not iterations_match(first, second, footprints):
        return "never"
    between = _between(first, second)
    needed = needed_before(first, second, between, footprints)
    if needed is None:
        return "never"
    if outermost and not _is_rows(second) and any(_is_rows(op) for op in between if op not in needed):
        return "not yet"  # what is done with the results stays behind, in another phase than they
    for op in needed:
        op.detach()
        Rewriter.insert_op(op, InsertPoint.before(first))
    footprints.forget(first, second)
    both = mine.joined(theirs, second.body.block.args[0], first.body.block.args[0])
    if isinstance(first, scf.ParallelOp) and isinstance(second, scf.ParallelOp):
        footprints.accesses[merge(first, second)] = both
    else:
        inherit(first, sources(second))
        append(first.body.block, second)
        footprints.accesses[first] = both
    return "fused"


def append(block: Block, second: Loop) -> None:
    """Let the body of the ordered loop ``second``, which carries nothing, follow that of another."""
    last, other = block.last_op, second.body.block.last_op
    assert last is not None and other is not None
    second.body.block.args[0].replace_all_uses_with(block.args[0])
    for op in ops_of(second.body.block):
        op.detach()
        if op is not other:
            Rewriter.insert_op(op, InsertPoint.before(last))
    second.detach()
    second.erase()


def _is_rows(op: Operation) -> bool:
    return isinstance(op, scf.ParallelOp) and not op.res


def _between(first: Operation, second: Operation) -> list[Operation]:
    found: list[Operation] = []
    op = first.next_op
    while op is not None and op is not second:
        found.append(op)
        op = op.next_op
    return found


def merge(first: scf.ParallelOp, second: scf.ParallelOp) -> scf.ParallelOp:
    """One loop, in the place of ``first``, whose body is both bodies."""
    block = first.body.block
    last, other = block.last_op, second.body.block.last_op
    assert isinstance(last, scf.ReduceOp) and isinstance(other, scf.ReduceOp)
    second.body.block.args[0].replace_all_uses_with(block.args[0])
    for op in ops_of(second.body.block):
        op.detach()
        block.add_op(op)
    regions = [_take(r) for r in (*last.reductions, *other.reductions)]
    both = reductions([*last.args, *other.args], regions)
    for old in (last, other):
        old.detach()
        old.erase()
    block.add_op(both)
    low, high, step = range_of(first)
    body = Region()
    first.body.move_blocks(body)
    merged = parallel(low, high, step, body, [*first.initVals, *second.initVals])
    inherit(merged, [*sources(first), *sources(second)])
    Rewriter.insert_op(merged, InsertPoint.before(first))
    for old, new in zip((*first.res, *second.res), merged.res, strict=True):
        old.replace_all_uses_with(new)
    for old in (second, first):
        old.detach()
        old.erase()
    return merged


def _take(region: Region) -> Region:
    taken = Region()
    region.move_blocks(taken)
    return taken


@dataclass
class Fusing:
    """State of the fusion of one block."""

    block: Block
    outermost: bool
    footprints: Footprints = field(default_factory=Footprints)
    kinds: dict[Hashable, int] = field(default_factory=dict[Hashable, int])
    numbers: dict[Operation, tuple[int, int]] = field(default_factory=dict[Operation, tuple[int, int]])
    """Loop -> its number, and that of its kind; what has no kind has 0."""
    apart: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """Loops that do not fuse, and never will: what makes one wait for the other stays when others fuse."""

    def run(self) -> bool:
        """Fuse as far as it goes; whether any loops were fused."""
        fused = False
        while self._fuse_one():
            fused = True
        return fused

    def _fuse_one(self) -> bool:
        """Fuse the first two loops that can be; whether there were any."""
        alike: dict[int, list[tuple[int, Loop]]] = {}
        found: list[tuple[int, Loop, list[tuple[int, Loop]], int]] = []
        for op in ops_of(self.block):
            if type(op) is scf.ParallelOp or type(op) is scf.ForOp:
                number, kind = self._number(op)
                others = alike.setdefault(kind, [])
                others.append((number, op))
                if kind:
                    found.append((number, op, others, len(others)))
        for number, loop, others, behind in found:
            for other, later in others[behind:]:
                if (number, other) not in self.apart:
                    result = try_fuse(loop, later, self.outermost, self.footprints)
                    if result == "fused":
                        self._forget(loop, later)
                        return True
                    if result == "never":
                        self.apart.add((number, other))
        return False

    def _number(self, loop: Loop) -> tuple[int, int]:
        known = self.numbers.get(loop)
        if known is None:
            kind = kind_of(loop, self.outermost)
            place = 0 if kind is None else self.kinds.setdefault(kind, len(self.kinds) + 1)
            self._made += 1
            known = self.numbers[loop] = (self._made, place)
        return known

    def __post_init__(self) -> None:
        self._made = 0

    def _forget(self, *loops: Loop) -> None:
        for loop in loops:
            self.numbers.pop(loop, None)


def fuse_block(block: Block, outermost: bool) -> None:
    """Fuse the loops of ``block`` as far as it goes, then those inside them."""
    if outermost:
        Fusing(block, outermost=True).run()
        for body in _bodies(block):
            _fuse_body(body, {})
    else:
        _fuse_body(block, {})


def _fuse_body(block: Block, writes: Writes, forwarded: bool = False) -> bool:
    """As ``fuse_block``, of a body; whether any loops were fused. What was ``forwarded`` already, from around ``block``, is
    looked at again only where they were.
    """
    fused = Fusing(block, outermost=False).run()
    if fused:
        for op in ops_of(block):
            writes.pop(op, None)  # a loop stores now what two did
    if fused or not forwarded:
        _forward(block, {}, writes)
    _drop_overwritten(block)
    for body in _bodies(block):
        fused = _fuse_body(body, writes, forwarded=True) or fused
    return fused


def _bodies(block: Block) -> list[Block]:
    """The blocks in the ops of ``block``, but for those of how loops reduce."""
    holders = [op for op in ops_of(block) if op.regions and type(op) is not scf.ReduceOp]
    return [body for op in holders for region in op.regions for body in region.blocks]


def forward(block: Block, known: Known) -> None:
    """Use the value that was stored, or loaded before, in place of a load of the same place."""
    _forward(block, known, {})
    _drop_overwritten(block)


def _drop_overwritten(block: Block) -> None:
    """Erase stores that a later store of the same block overwrites before anybody reads."""
    pending: dict[tuple[SSAValue, Place], Operation] = {}
    for op in ops_of(block):
        if type(op) is memref.StoreOp:
            _, memory, *place = operands_of(op)
            key = (memory, tuple(place))
            if key in pending:
                pending[key].detach()
                pending[key].erase()
            pending[key] = op
        elif pending and (touched := Accesses.of(op).touched):
            pending = {key: store for key, store in pending.items() if key[0] not in touched}


def _forward(block: Block, known: Known, writes: Writes) -> None:
    for op in ops_of(block):
        kind = type(op)
        if kind is memref.StoreOp:
            value, memory, *place = operands_of(op)
            _forget(known, {memory})
            known[memory, tuple(place)] = value
        elif kind is memref.LoadOp:
            memory, *place = operands_of(op)
            before = known.setdefault((memory, tuple(place)), op.results[0])
            if before is not op.results[0]:
                op.results[0].replace_all_uses_with(before)
                op.detach()
                op.erase()
        elif op.regions:
            _forget(known, _written(op, writes))
            for region in op.regions:
                for inner in region.blocks:
                    _forward(inner, dict(known), writes)


def _written(op: Operation, known: Writes) -> set[SSAValue]:
    """Memory that is stored to inside ``op``: the same however loops inside are fused, and what they read forwarded."""
    found = known.get(op)
    if found is None:
        found = known[op] = set()
        for region in op.regions:
            for block in region.blocks:
                for inner in ops_of(block):
                    if type(inner) is memref.StoreOp:
                        found.add(operands_of(inner)[1])
                    elif inner.regions:
                        found |= _written(inner, known)
    return found


def _forget(known: Known, written: set[SSAValue]) -> None:
    if known and written:
        for key in [k for k in known if k[0] in written]:
            del known[key]


def erase_unread(function: func.FuncOp) -> None:
    """Erase allocations that are written and never read."""
    for op in every(function):
        if type(op) is memref.AllocOp:
            users = [use.operation for use in op.results[0].uses]
            if all(type(u) is memref.StoreOp or type(u) is memref.DeallocOp for u in users):
                for user in (*users, op):
                    user.detach()
                    user.erase()


@dataclass(frozen=True)
class FuseKernelLoopsPass(ModulePass):
    """Fuse neighboring ``scf.parallel`` loops over the same range, and neighboring ``scf.for`` loops that carry no value,
    first the outer ones, then inside them; keep in registers what one loop body stores and loads again, and drop memory
    that nobody reads then.

    At the top of a function a loop that reduces is not fused with one that does not: the latter may be cut into pieces
    that run at once.

    Before:

    ```mlir
    scf.parallel (%i) = (%c0) to (%n) step (%c1) { … memref.store %r, %s[%i] }
    scf.parallel (%i) = (%c0) to (%n) step (%c1) { %v = memref.load %s[%i] … }
    ```

    After:

    ```mlir
    scf.parallel (%i) = (%c0) to (%n) step (%c1) { … %r … }
    ```
    """

    name = "fuse-kernel-loops"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in functions(op):
            if len(function.body.blocks) == 1:
                Fusing(function.body.block, outermost=True).run()
                for body in _bodies(function.body.block):
                    if _fuse_body(body, {}):
                        forward(body, {})
                erase_unread(function)
        erase_dead(op.body)
