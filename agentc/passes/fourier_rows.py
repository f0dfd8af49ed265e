"""The rows that a Fourier transform reads: loaded, or computed on the way for several rows at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    Float32Type,
    Float64Type,
    IntegerType,
    VectorType,
    i64,
)
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from agentc.analyses.kernel_dims import bits, element_of, is_integer, is_memory, is_vector, shape_of
from agentc.analyses.short_sums import LANEWISE
from agentc.dialects.vector_ext import CastOp, GatherOp
from agentc.passes.butterflies import Code
from agentc.passes.vectorize_kernels import lanewise, wide

EXTREMES = (arith.MaxSIOp, arith.MinSIOp, arith.MaximumfOp, arith.MinimumfOp)
WIDE = (Float32Type(), Float64Type(), IntegerType(32), IntegerType(64))
"""Types that processors gather."""


def maker(rows: SSAValue) -> GenericOp | None:
    """What computes ``rows`` for one reader alone, if vectors of several rows can, on the way: elementwise, of numbers and
    of memory that nobody writes.
    """
    users = [use.operation for use in rows.uses if not isinstance(use.operation, memref.DeallocOp)]
    made = [op for op in users if isinstance(op, GenericOp)]
    if not isinstance(rows.owner, memref.AllocOp) or len(users) != 2 or len(made) != 1:
        return None
    return made[0] if _is_elementwise(made[0], len(shape_of(rows.type) or ())) else None


def _is_elementwise(op: GenericOp, rank: int) -> bool:
    *given, result = [m.data for m in op.indexing_maps.data]
    block = op.body.block
    if any(t.data != IteratorType.PARALLEL for t in op.iterator_types) or block.args[-1].uses:
        return False
    if result != AffineMap.identity(rank) or not all(_is_lanewise(inner) for inner in block.ops):
        return False
    return all(_is_readable(value, map_, rank) for value, map_ in zip(op.inputs, given, strict=True))


def _is_readable(value: SSAValue, map_: AffineMap, rank: int) -> bool:
    if not is_memory(value.type):
        return True
    rows_too = map_ == AffineMap.identity(rank)
    return (rows_too or map_.results == (AffineDimExpr(rank - 1),)) and _is_constant(value)


def _is_lanewise(op: Operation) -> bool:
    if isinstance(op, memref.LoadOp):
        return len(op.indices) == 1 and _is_constant(op.memref)
    return isinstance(op, (*LANEWISE, *EXTREMES, arith.ConstantOp, arith.IndexCastOp, IndexOp, YieldOp))


def _is_constant(memory: SSAValue) -> bool:
    """Whether nobody writes ``memory``, which is a table or an argument, and processors gather its elements."""
    assert is_memory(memory.type)
    if not isinstance(memory.owner, Block | memref.GetGlobalOp) or element_of(memory.type) not in WIDE:
        return False
    return all(
        isinstance(use.operation, memref.LoadOp | memref.DimOp)
        or (isinstance(use.operation, GenericOp) and use.index < len(use.operation.inputs))
        for use in memory.uses
    )


@dataclass
class Rows:
    """Some rows, half as many as there are lanes: a vector holds element ``k`` of each, then element ``k + 1`` of each."""

    memory: SSAValue
    outer: Sequence[SSAValue]
    """Indices of the axes before the last two."""
    rows: Sequence[SSAValue]
    made: GenericOp | None
    """What computes them, in place of what would have been stored."""

    @property
    def lanes(self) -> int:
        """Of a vector."""
        return 2 * len(self.rows)

    def prepare(self, code: Code, first: SSAValue, last: SSAValue) -> None:
        """Before a loop over places: the numbers of the rows, from ``first`` on and up to ``last``, as a vector."""
        if self.made is not None:
            count = len(self.rows)
            ahead = code.two(
                arith.AddiOp, wide(code.build, first, self.lanes), self._constant(code, [*range(count)] * 2)
            )
            self.numbers = code.two(arith.MinSIOp, ahead, wide(code.build, last, self.lanes))
            self.second = self._constant(code, [0] * count + [1] * count)

    def _constant(self, code: Code, values: Sequence[int]) -> SSAValue:
        type_ = VectorType(i64, [len(values)])
        return code.build.insert(arith.ConstantOp(DenseIntOrFPElementsAttr.from_list(type_, values))).result

    def point(self, code: Code, k: SSAValue) -> SSAValue:
        """Elements ``k`` and ``k + 1``."""
        if self.made is None:
            return self._loaded(code, self.memory, k)
        body = self.made.body.block
        known: dict[SSAValue, SSAValue] = {
            argument: self._input(code, i, k) for i, argument in enumerate(body.args[:-1])
        }
        for op in body.ops:
            if isinstance(op, YieldOp):
                return wide(code.build, known.get(op.operands[0], op.operands[0]), self.lanes)
            known[op.results[0]] = self._value(code, op, known, k)
        raise AssertionError("a body ends with what it gives")

    def _value(self, code: Code, op: Operation, known: dict[SSAValue, SSAValue], k: SSAValue) -> SSAValue:
        """What ``op`` gives: in each lane, unless all that it reads is the same in all of them."""
        operands = [known.get(operand, operand) for operand in op.operands]
        if isinstance(op, IndexOp):
            return self._index(code, op.dim.value.data, k)
        if not any(is_vector(operand.type) for operand in operands):
            return code.build.insert(op.clone(value_mapper=known)).results[0]
        if isinstance(op, arith.IndexCastOp):
            return self._counted(code, operands[0], op.result.type)
        if isinstance(op, memref.LoadOp):
            return code.build.insert(GatherOp(op.memref, operands[1])).result
        return lanewise(code.build, op, operands, self.lanes)

    def _counted(self, code: Code, value: SSAValue, type_: Attribute) -> SSAValue:
        """Lanes as ``type_``: an index has 64 bits."""
        assert is_vector(value.type)
        given, wanted = (bits(t) if is_integer(t) else 64 for t in (value.type.element_type, type_))
        if given == wanted:
            return value
        kind = "extsi" if given < wanted else "trunci"
        return code.build.insert(CastOp(kind, value, VectorType(IntegerType(wanted), [self.lanes]))).result

    def _index(self, code: Code, axis: int, k: SSAValue) -> SSAValue:
        last = len(shape_of(self.memory.type) or ()) - 1
        if axis == last:
            return code.two(arith.AddiOp, wide(code.build, k, self.lanes), self.second)
        return self.numbers if axis == last - 1 else self.outer[axis]

    def _input(self, code: Code, place: int, k: SSAValue) -> SSAValue:
        assert self.made is not None
        value, map_ = self.made.inputs[place], self.made.indexing_maps.data[place].data
        if not is_memory(value.type):
            return value
        if len(map_.results) > 1:
            return self._loaded(code, value, k)
        pair = code.load(value, k, lanes=VectorType(element_of(value.type), [2]))
        return code.picked(pair, pair, [0] * len(self.rows) + [1] * len(self.rows))

    def _loaded(self, code: Code, memory: SSAValue, k: SSAValue) -> SSAValue:
        pair = VectorType(element_of(memory.type), [2])
        return code.joined([code.load(memory, *self.at(row, k), lanes=pair) for row in self.rows])

    def at(self, row: SSAValue, k: SSAValue) -> list[SSAValue]:
        """The indices of an element of a row, which may be the only one."""
        return [*self.outer, row, k][-len(shape_of(self.memory.type) or ()) :]
