"""What is dead is what xDSL's own elimination finds, by liveness over all blocks."""

import pytest
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func
from xdsl.ir import Block, Region
from xdsl.transforms.canonicalize import CanonicalizePass
from xdsl.transforms.dead_code_elimination import region_dce

from agentc.analyses.dead_code import erase_dead
from agentc.frontends.kernels import builtin as kernel
from agentc.passes.simplify_kernels import SimplifyKernelsPass

NAMES = ("maximal_marginal_relevance", "mask_pii", "sample_top_p", "gqa_decode", "dequantize_int4", "matmul")


@pytest.mark.parametrize("name", NAMES)
def test_as_xdsl_finds_it(name: str) -> None:
    ours, theirs = kernel(name), kernel(name)
    before = str(ours)
    found = erase_dead(ours.body)
    region_dce(theirs.body)
    assert str(ours) == str(theirs)
    assert found == (str(ours) != before)
    assert not erase_dead(ours.body)


def test_chains_go_in_one_sweep() -> None:
    block = Block()
    first = arith.ConstantOp.from_int_and_width(1, 32)
    second = arith.AddiOp(first, first)
    block.add_ops([first, second, arith.MuliOp(second, first), func.ReturnOp()])
    module = builtin.ModuleOp([func.FuncOp("f", ([], []), Region(block))])
    assert erase_dead(module.body)
    assert [op.name for op in block.ops] == ["func.return"]


@pytest.mark.parametrize("name", NAMES)
def test_simplified_as_xdsl_does(name: str) -> None:
    ours, theirs = kernel(name), kernel(name)
    context = Context()
    for dialect in (builtin.Builtin, arith.Arith, func.Func):
        context.load_dialect(dialect)
    SimplifyKernelsPass().apply(context, ours)
    CanonicalizePass().apply(context, theirs)
    assert str(ours) == str(theirs)
