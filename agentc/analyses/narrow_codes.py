"""Sums of products of codes of eight bits and fewer, one or more a byte: what of them can be read as words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import Float32Type, IntegerType
from xdsl.ir import Block, Operation, SSAValue

from agentc.analyses.kernel_dims import shape_of, size_of
from agentc.analyses.kernel_values import Array, dense, element_value
from agentc.analyses.short_sums import LANEWISE, Short, integer_of
from agentc.dialects.vector_ext import FIELD_BITS, MOST_ADDED, WORD
from agentc.plan.kernels import Dim
from agentc.support.record import record

LANES = 16
"""Words of a vector: of 512 bits, where a processor has those, else several shorter ones."""
NARROW = 4
"""Bits. Wider codes are converted as the bytes that they are, where they are read once."""
INDICES = (arith.DivSIOp, arith.FloorDivSIOp, arith.RemSIOp, arith.DivUIOp, arith.RemUIOp, arith.IndexCastOp)
"""Arithmetic of places beyond what numbers in lanes have."""
BYTE_VALUES = np.arange(256, dtype=np.uint8)


@record
class Field:
    """A number that is some bits of a byte in memory and a constant; if signed, the highest is turned over before."""

    load: memref.LoadOp
    at: int
    bits: int
    plus: int
    signed: bool = False

    @property
    def mask(self) -> int:
        """Which bits of the byte it is."""
        return ((1 << self.bits) - 1) << self.at

    @property
    def flip(self) -> int:
        """What of a byte is turned over before."""
        return 1 << (self.at + self.bits - 1) if self.signed else 0


def field_of(table: Array) -> tuple[int, int, int, bool] | None:
    """Lowest bit, width, constant and whether there is a sign, of the field that ``table`` gives for each value of a
    byte; ``None``: of none.
    """
    first = float(table[0])
    if table.shape != BYTE_VALUES.shape or not first.is_integer() or abs(first) > MOST_ADDED - (1 << FIELD_BITS):
        return None
    for bits in range(FIELD_BITS, 0, -1):
        for at in range(9 - bits):
            plain = ((BYTE_VALUES >> at) & ((1 << bits) - 1)).astype(np.int64)
            sign = 1 << (bits - 1)
            if np.array_equal(table, plain + first):
                return at, bits, int(first), False
            if bits > 1 and np.array_equal(table, (plain ^ sign) - sign + first):
                return at, bits, int(first) - sign, True
    return None


@dataclass
class Reading:
    """What the values in a short sum depend on, and how vectors of words would give them."""

    short: Short
    top: Operation
    """The op at the top of the function that all of it is inside of."""
    batch: SSAValue | None = None
    """The index of a loop around, all of whose iterations read the same codes."""
    row: SSAValue | None = None
    """Then, the index of the other loop around."""

    def __post_init__(self) -> None:
        self.group: SSAValue = self.short.outer.body.block.args[0]
        self.place: SSAValue = self.short.inner.body.block.args[0]
        self.groups = LANES * WORD // self.short.length
        """How many a vector of words holds."""
        self.along: set[SSAValue] = {self.place}
        """What depends on the place in a group."""
        self.moving: set[SSAValue] = {self.group, self.place}
        """What depends on that or on the group."""
        self.batchwise: set[SSAValue] = {self.batch} if self.batch is not None else set()
        """What depends on the batch."""
        self.rowwise: set[SSAValue] = {self.row} if self.row is not None else set()
        """What depends on the row of codes."""
        self.fields: dict[SSAValue, Field] = {}
        self.laid_out: list[SSAValue] = []
        """What all rows have in common, place by place."""
        self._tables: dict[SSAValue, tuple[memref.LoadOp, Array]] = {}
        """What depends on one byte alone, and its values for all values of that."""
        self._codes: dict[tuple[SSAValue | bool, ...], memref.LoadOp] = {}
        """Where bytes are read -> who does it first."""
        self._constants: dict[SSAValue, Array] = {}
        for op in (*self.short.outer.body.block.ops, *self.short.inner.body.block.ops):
            self._read(op)

    def only_computes(self) -> bool:
        """Whether nothing but the sum comes of it."""
        kinds = (memref.LoadOp, arith.ConstantOp, scf.ReduceOp, *LANEWISE)
        return all(isinstance(op, kinds) or op is self.short.inner for op in self.short.outer.body.block.ops)

    def _read(self, op: Operation) -> None:
        for values in (self.along, self.moving, self.batchwise, self.rowwise):
            if any(o in values for o in op.operands):
                values.update(op.results)
        if isinstance(op, memref.LoadOp) and self._is_code(op):
            place = (op.memref, self.is_flat(op), *(o for o in op.indices if o not in self.moving))
            self._tables[op.res] = self._codes.setdefault(place, op), BYTE_VALUES.view(np.int8)
        elif isinstance(op, LANEWISE):
            self._tabulate(op)

    def _is_code(self, op: memref.LoadOp) -> bool:
        shape = shape_of(op.memref.type) or ()
        if op.res.type != IntegerType(8) or not shape or any(o in self.batchwise for o in op.indices):
            return False
        if self.is_flat(op):
            return True
        if len(shape) < 2 or shape[-1] != self.short.length:
            return False
        *others, group, place = op.indices
        return place is self.place and group is self.group and not any(o in self.moving for o in others)

    def is_flat(self, op: memref.LoadOp) -> bool:
        """Whether ``op`` reads a byte of a row in which groups lie one after the other."""
        *others, last = op.indices
        if not isinstance(add := last.owner, arith.AddiOp) or self.place not in add.operands:
            return False
        start = next((o for o in add.operands if o is not self.place), None)
        if start is None or not isinstance(scaled := start.owner, arith.MuliOp) or self.group not in scaled.operands:
            return False
        length = next((integer_of(o) for o in scaled.operands if o is not self.group), None)
        return length == self.short.length and not any(o in self.moving for o in others)

    def _tabulate(self, op: Operation) -> None:
        """Give ``op`` a table, if it depends on one byte alone, or a constant, if on nothing."""
        constants = {o: dense(o.owner) for o in op.operands if isinstance(o.owner, arith.ConstantOp)}
        tables = {o: self._tables[o] for o in op.operands if o in self._tables}
        known = {**self._constants, **constants, **{o: table for o, (_, table) in tables.items()}}
        loads = {load for load, _ in tables.values()}
        if any(o not in known for o in op.operands) or len(loads) > 1:
            return
        with np.errstate(all="ignore"):
            found = element_value(op, known)
        if found is not None and loads:
            self._tables[op.results[0]] = loads.pop(), np.asarray(found)
        elif found is not None:
            self._constants[op.results[0]] = np.asarray(found)

    def takes(self, value: SSAValue) -> bool:
        """Whether ``value`` can be had in the lanes of words, and note how."""
        if value in self._tables and isinstance(value.type, Float32Type):
            load, table = self._tables[value]
            if (found := field_of(table)) is not None:
                self.fields[value] = Field(load, *found)
                return True
        if value in self.along and isinstance(value.type, Float32Type) and self._is_common(value):
            self.laid_out += [] if value in self.laid_out else [value]
            return True
        owner = value.owner
        if isinstance(owner, Block) or not self.short.outer.is_ancestor(owner):
            return value not in self.moving
        if isinstance(owner, memref.LoadOp):
            return self._takes_load(owner)
        known = isinstance(owner, (arith.ConstantOp, *LANEWISE))
        return known and all(self.takes(o) for o in owner.operands)

    def _takes_load(self, op: memref.LoadOp) -> bool:
        """Whether ``op`` reads the same along a row: one element, or one for each of neighboring groups."""
        moving = [o for o in op.indices if o in self.moving]
        return not moving or (moving == [self.group] and op.indices[-1] is self.group)

    def _is_common(self, value: SSAValue) -> bool:
        """Whether ``value`` is the same for every row, so that it can be laid out once."""
        if value is self.batch:
            return True
        if value is self.group or value is self.place:
            return self.top is not self.short.outer
        if self._is_outside(value):
            return True
        op = value.owner
        if isinstance(op, memref.LoadOp) and self._writes(op.memref):
            return False
        kinds = (memref.LoadOp, arith.ConstantOp, *LANEWISE, *INDICES)
        return isinstance(op, kinds) and all(self._is_common(o) for o in op.operands)

    def _is_outside(self, value: SSAValue) -> bool:
        parent = value.owner if isinstance(value.owner, Operation) else value.owner.parent_op()
        return parent is not None and not self.top.is_ancestor(parent)

    def _writes(self, memory: SSAValue) -> bool:
        users = (use.operation for use in memory.uses)
        return any(not isinstance(op, memref.LoadOp | memref.DimOp) and self.top.is_ancestor(op) for op in users)


def factors_of(value: SSAValue, along: set[SSAValue]) -> tuple[SSAValue, list[SSAValue]]:
    """``value`` as a product of what changes along a row, and of what does not: that waits until the row is summed."""
    found: list[SSAValue] = []
    while isinstance(op := value.owner, arith.MulfOp) and _may_reorder(op):
        still = [o for o in op.operands if o not in along]
        if len(still) != 1:
            break
        found += still
        value = op.lhs if op.rhs is still[0] else op.rhs
    return value, found


def terms_of(value: SSAValue, along: set[SSAValue]) -> list[SSAValue]:
    """What ``value`` is the sum of, as far as its additions may be reordered."""
    if isinstance(op := value.owner, arith.AddfOp) and _may_reorder(op) and value in along:
        return [*terms_of(op.lhs, along), *terms_of(op.rhs, along)]
    return [value]


def _may_reorder(op: arith.MulfOp | arith.AddfOp) -> bool:
    return "reassoc" in {f.value for f in op.fastmath.data}


@record
class Codes:
    """A sum over groups that can be taken from words."""

    reading: Reading
    terms: tuple[SSAValue, ...]
    factors: tuple[SSAValue, ...]
    count: Dim
    """How many groups there are."""


def codes_of(short: Short, dims: Mapping[SSAValue, tuple[Dim, ...]]) -> Codes | None:
    """``short`` as a sum that is worth taking from words: some of what it adds are narrow fields of bytes."""
    count = size_of(short.outer.upperBound[0], lambda value: named_size(value, dims))
    steps = [integer_of(v) for v in (*short.outer.lowerBound, *short.outer.step)]
    if count is None or steps != [0, 1] or not LANES <= short.length <= LANES * WORD:
        return None
    top = _top(short.outer)
    reading, last = Reading(short, top, *_batch_of(short, top)), short.inner.body.block.last_op
    assert isinstance(last, scf.ReduceOp)
    if not isinstance(last.args[0].type, Float32Type) or not reading.only_computes():
        return None
    value, factors = factors_of(last.args[0], reading.along)
    terms = terms_of(value, reading.along)
    if not all(reading.takes(v) for v in (*terms, *factors)) or not reading.fields:
        return None
    if reading.batch is None and min(f.bits for f in reading.fields.values()) > NARROW:
        return None
    return Codes(reading, tuple(terms), tuple(factors), count)


def nest_of(short: Short, top: Operation) -> tuple[scf.ParallelOp, scf.ParallelOp] | None:
    """The two loops around ``short`` if they are all there is, with nothing but constants before the sum."""
    inner = short.outer.parent_op()
    if not isinstance(top, scf.ParallelOp) or not isinstance(inner, scf.ParallelOp) or inner.parent_op() is not top:
        return None
    if any(op.res or len(op.lowerBound) != 1 for op in (top, inner)) or len(list(top.body.block.ops)) != 2:
        return None
    ops = list(inner.body.block.ops)
    before, behind = ops[: ops.index(short.outer)], ops[ops.index(short.outer) + 1 : -1]
    plain = all(isinstance(op, arith.ConstantOp) for op in before) and not any(op.regions for op in behind)
    return (top, inner) if plain else None


def _batch_of(short: Short, top: Operation) -> tuple[SSAValue, SSAValue] | tuple[()]:
    """The indices of the loops around ``short``: that in which the same bytes are read each time, and the other."""
    if (nest := nest_of(short, top)) is None:
        return ()
    loads = [op for op in short.outer.walk() if isinstance(op, memref.LoadOp) and op.res.type == IntegerType(8)]
    used = {o for op in loads for o in op.indices}
    first, second = (loop.body.block.args[0] for loop in nest)
    if (first in used) == (second in used):
        return ()
    return (second, first) if first in used else (first, second)


def named_size(value: SSAValue, dims: Mapping[SSAValue, tuple[Dim, ...]]) -> Dim | None:
    """What ``value`` is called, if it is read off memory; ``dims``: sizes of memory."""
    owner = value.owner
    if not isinstance(owner, memref.DimOp) or (axis := integer_of(owner.index)) is None:
        return None
    return dims[owner.source][axis] if owner.source in dims else None


def _top(op: Operation) -> Operation:
    """``op``, or the op of the function's own block that it is inside of."""
    while (parent := op.parent_op()) is not None and not isinstance(parent, func.FuncOp):
        op = parent
    return op
