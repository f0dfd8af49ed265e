"""Copies and places of ops, against xDSL's own."""

import pytest
from xdsl.builder import Builder
from xdsl.dialects import arith, func, memref, vector
from xdsl.dialects.builtin import DenseArrayBase, MemRefType, StringAttr, f32, i64
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_builders import Preceding, copied, shuffled, vector_type, wide_of
from agentc.analyses.kernel_ops import alloc, binary, compare_floats, index_constant, load, yielded
from agentc.analyses.kernel_walks import operands_of, ops_of


def body() -> Block:
    block = Block(arg_types=[MemRefType(f32, [8]), f32, f32])
    memory, a, b = block.args
    at = index_constant(3)
    loaded = load(memory, [at.result])
    total = binary(arith.AddfOp, loaded.res, a)
    total.attributes["agent.source"] = StringAttr("a.py:1:2")
    total.results[0].name_hint = "total"
    block.add_ops([at, loaded, total, compare_floats("olt", a, b), alloc(MemRefType(f32, [4]), []), yielded()])
    return block


@pytest.mark.parametrize("place", range(6))
def test_a_copy_is_a_clone(place: int) -> None:
    block = body()
    op = ops_of(block)[place]
    other = Block(arg_types=[MemRefType(f32, [8]), f32, f32, f32])
    values: dict[SSAValue, SSAValue] = dict(zip(block.args, other.args, strict=False))
    if type(op) is arith.AddfOp:
        values[op.lhs] = other.args[-1]
    known, again = dict(values), dict(values)
    mine, theirs = copied(op, known), op.clone(value_mapper=again)
    assert type(mine) is type(theirs)
    assert list(mine.operands) == list(theirs.operands)
    assert (mine.properties, mine.attributes) == (theirs.properties, theirs.attributes)
    assert [(r.type, r.name_hint) for r in mine.results] == [(r.type, r.name_hint) for r in theirs.results]
    assert [known[r] for r in op.results] == list(mine.results)
    mine.attributes["other"] = StringAttr("x")
    assert "other" not in op.attributes


def test_what_precedes_is_where_a_builder_puts_it() -> None:
    def written(one: Operation, builder: Builder) -> list[Operation]:
        for value in range(3):
            builder.insert(index_constant(value))
        block = one.parent
        assert block is not None
        return ops_of(block)

    blocks = [Block([index_constant(9), yielded()]) for _ in range(2)]
    ends = [block.last_op for block in blocks]
    assert ends[0] is not None and ends[1] is not None
    mine = written(ends[0], Preceding(ends[0]))
    theirs = written(ends[1], Builder(InsertPoint.before(ends[1])))
    assert [str(op) for op in mine] == [str(op) for op in theirs]
    assert [type(op) for op in mine][-1] is type(ends[0])


def test_ops_may_go_while_they_are_gone_through() -> None:
    block = body()
    ops = ops_of(block)
    assert ops == list(block.ops)
    for op in reversed(ops):
        op.detach()
        op.erase()
    assert ops_of(block) == []


def test_operands_are_those_of_the_op() -> None:
    block = body()
    for op in ops_of(block):
        assert list(operands_of(op)) == list(op.operands)
    loaded = next(op for op in block.ops if isinstance(op, memref.LoadOp))
    assert operands_of(loaded)[0] is block.args[0]


def test_lanes_have_the_type_of_the_number() -> None:
    value = Block(arg_types=[f32]).args[0]
    made = wide_of(value, 16)
    assert made.vector.type == vector_type(f32, 16)
    function = func.FuncOp("f", ([f32], []), Region(Block([made, func.ReturnOp()])))
    assert vector_type(f32, 4, 8).get_shape() == (4, 8)
    assert function.body.block.first_op is made


@pytest.mark.parametrize("places", [(7, 0), (3, 2, 1, 0), (0, 4, 1, 5, 2, 6, 3, 7)])
def test_lanes_by_number_are_a_shuffle(places: tuple[int, ...]) -> None:
    a, b = Block(arg_types=[vector_type(f32, 4)] * 2).args
    mask = DenseArrayBase.from_list(i64, places)
    mine = shuffled(a, b, places)
    mine.verify()
    assert mine.is_structurally_equivalent(vector.ShuffleOp(a, b, mask, result_type=vector_type(f32, len(places))))
