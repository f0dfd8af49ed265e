"""Looks at the ops of kernels one by one: what passes do most.

xDSL gives an op's operands, and a block's ops, as views that look again at each step, so that the IR may change in
between. Here are the operands and the ops as they are now.
"""

from collections.abc import Callable
from operator import attrgetter

from xdsl.ir import Block, Operation, SSAValue

operands_of: Callable[[Operation], tuple[SSAValue, ...]] = attrgetter("_operands")
"""The operands of an op, as a tuple: what ``op.operands`` makes an object to look at."""


def ops_of(block: Block) -> list[Operation]:
    """The ops of ``block``, in order. They may be moved and erased while the list is gone through."""
    found: list[Operation] = []
    op = block.first_op
    while op is not None:
        found.append(op)
        op = op.next_op
    return found
