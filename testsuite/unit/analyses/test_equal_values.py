"""What is shared is what xDSL's own elimination of common subexpressions shares."""

import pytest
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func
from xdsl.dialects.builtin import FloatAttr, f32, i32
from xdsl.ir import Block, Operation, Region
from xdsl.transforms.common_subexpression_elimination import cse

from agentc.analyses.dead_code import erase_dead
from agentc.analyses.equal_values import is_pure, share
from agentc.analyses.kernel_ops import functions
from agentc.frontends.kernels import builtin as kernel
from agentc.passes.simplify_kernels import SimplifyKernelsPass

NAMES = ("maximal_marginal_relevance", "mask_pii", "sample_top_p", "gqa_decode", "rotary_embedding", "int4_matmul")


def simplified(name: str) -> builtin.ModuleOp:
    context = Context()
    for dialect in (builtin.Builtin, arith.Arith, func.Func):
        context.load_dialect(dialect)
    module = kernel(name)
    SimplifyKernelsPass().apply(context, module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_as_xdsl_shares(name: str) -> None:
    ours, theirs = simplified(name), simplified(name)
    before = str(ours)
    for function in functions(ours):
        share(function.body.block)
    cse(theirs)
    for module in (ours, theirs):
        erase_dead(module.body)
    assert str(ours) == str(theirs) != before


def body(*ops: Operation) -> Block:
    block = Block()
    block.add_ops([*ops, func.ReturnOp()])
    func.FuncOp("f", ([], []), Region(block))
    return block


def number(value: float) -> arith.ConstantOp:
    return arith.ConstantOp(FloatAttr(value, f32))


def test_equal_numbers_are_one() -> None:
    block = body(number(1.5), number(1.5), number(2.5))
    share(block)
    assert [op.value for op in block.ops if isinstance(op, arith.ConstantOp)] == [FloatAttr(v, f32) for v in (1.5, 2.5)]


def test_zeros_of_two_signs_are_two() -> None:
    block = body(number(0.0), number(-0.0))
    share(block)
    assert len(list(block.ops)) == 3


def test_types_count() -> None:
    block = body(arith.ConstantOp.from_int_and_width(1, 32), arith.ConstantOp.from_int_and_width(1, 64))
    share(block)
    assert len(list(block.ops)) == 3


def test_properties_count() -> None:
    one = arith.ConstantOp.from_int_and_width(1, 32)
    block = body(one, arith.CmpiOp(one, one, "slt"), arith.CmpiOp(one, one, "sle"), arith.CmpiOp(one, one, "slt"))
    share(block)
    assert len([op for op in block.ops if isinstance(op, arith.CmpiOp)]) == 2


def test_what_has_effects_stays() -> None:
    assert is_pure(arith.AddiOp)
    assert not is_pure(func.CallOp)
    block = body(func.CallOp("g", [], [i32]), func.CallOp("g", [], [i32]))
    share(block)
    assert len(list(block.ops)) == 3
