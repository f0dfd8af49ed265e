"""Puts ops of kernels in their place, where xDSL's own builder looks for listeners and for the place of each.

Also what several passes make: copies of ops, and vectors.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from xdsl.builder import Builder, InsertOpInvT
from xdsl.dialects import vector
from xdsl.dialects.builtin import DenseArrayBase, VectorType, i64
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_dims import is_vector
from agentc.analyses.kernel_ops import made
from agentc.analyses.kernel_walks import operands_of


@lru_cache(maxsize=256)
def vector_type(element: Attribute, *shape: int) -> VectorType[Attribute]:
    """The type of a vector of ``shape``."""
    return VectorType(element, shape)


def wide_of(value: SSAValue, lanes: int) -> vector.BroadcastOp:
    """``value`` in every lane."""
    return made(vector.BroadcastOp, [value], [vector_type(value.type, lanes)])


def shuffled(a: SSAValue, b: SSAValue, places: Sequence[int]) -> vector.ShuffleOp:
    """The lanes at ``places`` of two vectors, one behind the other."""
    assert is_vector(a.type)
    return made(vector.ShuffleOp, [a, b], [vector_type(a.type.element_type, len(places))], _mask(tuple(places)))


@lru_cache(maxsize=256)
def _mask(places: tuple[int, ...]) -> Mapping[str, Attribute]:
    return {"mask": DenseArrayBase.from_list(i64, places)}


class Preceding(Builder):
    """Puts ops before one that stays where it is."""

    def __init__(self, op: Operation) -> None:
        super().__init__(InsertPoint.before(op))
        block = op.parent
        assert block is not None
        self._block: Block = block
        self._anchor = op

    def insert(self, op: InsertOpInvT, insertion_point: InsertPoint | None = None) -> InsertOpInvT:
        """Put ``op`` before the op."""
        if insertion_point is not None or not isinstance(op, Operation):
            return super().insert(op, insertion_point)
        self._block.insert_op_before(op, self._anchor)
        return op


def copied(op: Operation, values: dict[SSAValue, SSAValue]) -> Operation:
    """``op``, which has no regions, once more on ``values``, which are told what becomes of its results."""
    new = made(type(op), [values.get(o, o) for o in operands_of(op)], [r.type for r in op.results], op.properties)
    new.attributes.update(op.attributes)
    for old, result in zip(op.results, new.results, strict=True):
        if old.name_hint is not None:
            result.name_hint = old.name_hint
        values[old] = result
    return new
