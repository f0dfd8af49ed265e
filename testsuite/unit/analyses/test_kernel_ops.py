"""Ops that are made in short are those that xDSL makes."""

import pytest
from xdsl.dialects import arith, math, tensor
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, FloatAttr, IndexType, IntegerAttr, TensorType, f32, i32, i64
from xdsl.dialects.linalg.ops import IndexOp, YieldOp
from xdsl.ir import Block, Operation, Region
from xdsl.ir.affine import AffineMap

from agentc.analyses import kernel_maps
from agentc.analyses.by_identity import MOST, ByIdentity
from agentc.analyses.kernel_ops import (
    FIRST,
    Appending,
    binary,
    conversion,
    extract,
    index,
    inputs_of,
    made,
    map_attribute,
    projected,
    scalar,
    select,
)


def pairs() -> list[tuple[Operation, Operation]]:
    whole, real, flag = (arith.ConstantOp.from_int_and_width(1, w) for w in (32, 64, 1))
    source = tensor.EmptyOp([], TensorType(f32, [3]))
    place = arith.ConstantOp.from_int_and_width(0, IndexType())
    return [
        (scalar(FloatAttr(1.0, f32)), arith.ConstantOp(FloatAttr(1.0, f32))),
        (index(2), IndexOp(2)),
        (binary(arith.AndIOp, whole.result, whole.result), arith.AndIOp(whole, whole)),
        (binary(arith.ShLIOp, whole.result, whole.result), arith.ShLIOp(whole, whole)),
        (conversion(arith.TruncIOp, real.result, i32), arith.TruncIOp(real, i32)),
        (select(flag.result, whole.result, whole.result), arith.SelectOp(flag, whole, whole)),
        (extract(source.tensor, [place.result], f32), tensor.ExtractOp(source.tensor, [place.result], f32)),
        (made(math.ExpOp, [real.result], [i64]), math.ExpOp(real)),
    ]


@pytest.mark.parametrize("at", range(len(pairs())))
def test_as_xdsl_makes_it(at: int) -> None:
    ours, theirs = pairs()[at]
    assert type(ours) is type(theirs)
    assert ours.properties == theirs.properties
    assert ours.attributes == theirs.attributes
    assert ours.result_types == theirs.result_types
    assert len(ours.operands) == len(theirs.operands)
    assert not ours.successors
    assert ours.location == theirs.location


def test_an_op_can_be_cloned_used_and_erased() -> None:
    block = Block()
    build = Appending(block)
    one = build.insert(scalar(IntegerAttr(1, 32)))
    both = build.insert(binary(arith.AddiOp, one.result, one.result))
    copy = build.insert(both.clone())
    assert one.result.uses.get_length() == 4
    block.erase_op(copy)
    block.erase_op(both)
    assert one.result.first_use is None
    assert list(block.ops) == [one]


def test_several_ops_are_appended_at_once() -> None:
    block = Block()
    ops = [scalar(IntegerAttr(n, 32)) for n in range(3)]
    Appending(block).insert(ops)
    assert list(block.ops) == ops


def test_maps_are_made_of_numbers() -> None:
    x, out = tensor.EmptyOp([], TensorType(f32, [1, 3])), tensor.EmptyOp([], TensorType(f32, [2]))
    block = Block(arg_types=[f32, f32])
    block.add_op(YieldOp(block.args[0]))
    op = projected([x.tensor], out.tensor, Region(block), 2, ((FIRST, 1), (0,)), out.tensor.type)
    op.verify()
    zero = AffineMap.from_callable(lambda i, j: (i * 0, j))
    assert str(op.indexing_maps.data[0].data) == "(d0, d1) -> (0, d1)" != str(zero)
    assert [str(kind.data) for kind in op.iterator_types] == ["parallel", "reduction"]
    assert inputs_of(op) == tuple(op.inputs)


IDENTITY = AffineMap.identity(2)
TURNED = AffineMap.from_callable(lambda i, j: (j, i))
ROWS = AffineMap.from_callable(lambda i, _: (i,))


def test_maps_compose() -> None:
    first, second = map_attribute(TURNED), map_attribute(ROWS)
    assert kernel_maps.composed(second, first).data == ROWS.compose(TURNED)
    assert kernel_maps.composed(second, map_attribute(IDENTITY)) is second
    assert kernel_maps.interned(AffineMapAttr(TURNED)) is first


def test_lists_of_maps_are_made_once() -> None:
    maps = [map_attribute(TURNED), map_attribute(ROWS)]
    assert kernel_maps.listed(maps) == ArrayAttr(maps)
    assert kernel_maps.listed(maps) is kernel_maps.listed(tuple(maps))
    assert kernel_maps.listed(maps[::-1]) == ArrayAttr(maps[::-1])


def test_what_maps_say() -> None:
    said = [(kernel_maps.is_identity(m), kernel_maps.covers(m)) for m in map(map_attribute, (IDENTITY, TURNED, ROWS))]
    assert said == [(True, True), (False, True), (False, False)]
    assert kernel_maps.used(map_attribute(ROWS)) == {0}


def test_answers_are_kept_by_identity() -> None:
    asked: list[object] = []

    def size(items: ArrayAttr[IntegerAttr]) -> int:
        asked.append(items)
        return len(items.data)

    remembered = ByIdentity(size)
    first, second = (ArrayAttr([IntegerAttr(1, 32)]) for _ in range(2))
    assert [remembered(first), remembered(first), remembered(second)] == [1, 1, 1]
    assert len(asked) == 2
    for _ in range(MOST + 1):
        remembered(ArrayAttr([]))
    assert remembered(first) == 1
