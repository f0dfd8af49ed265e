"""Blocks of fixed sizes that a loop reads one after the other, each in several vectors.

Their place can be carried from one iteration to the next, so that each vector is at a constant distance from one
address. Processors of Intel read at a sum of two registers in an operation of its own, where one that computes and
reads at a register and a constant stays one ("un-lamination" in Intel's Optimization Reference Manual).
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from xdsl.dialects import scf, vector
from xdsl.ir import SSAValue

from agentc.analyses.kernel_walks import operands_of
from agentc.analyses.short_sums import integer_of
from agentc.plan.kernels import Dim
from agentc.support.record import record

SEVERAL = 4
"""Vectors of a block, from which on it pays to carry its place."""


@record
class ReadBlock:
    """What is at ``memory[*before, index]``."""

    memory: SSAValue
    before: tuple[SSAValue, ...]
    index: SSAValue
    size: int
    """Elements."""


def block_of(op: vector.LoadOp, dims: Mapping[SSAValue, Sequence[Dim]]) -> tuple[ReadBlock, int] | None:
    """The block that ``op`` reads at constant indices behind one that is none, and which of its elements first."""
    memory, *indices = operands_of(op)
    numbers = [integer_of(index) for index in indices]
    behind = 0
    while behind < len(numbers) and numbers[-1 - behind] is not None:
        behind += 1
    if not 0 < behind < len(indices) or memory not in dims:
        return None
    size, shift = 1, 0
    for number, dim in zip(numbers[-behind:], dims[memory][-behind:], strict=True):
        if number is None or not isinstance(dim, int):
            return None
        size, shift = size * dim, shift * dim + number
    return ReadBlock(memory, tuple(indices[: -behind - 1]), indices[-behind - 1], size), shift


def blocks_read(loop: scf.ForOp, known: Container[SSAValue], dims: Mapping[SSAValue, Sequence[Dim]]) -> list[ReadBlock]:
    """The blocks of which ``loop`` reads ``SEVERAL`` vectors and more in one iteration; what they are of is ``known``
    before it.
    """
    index, found = loop.body.block.args[0], Counter[ReadBlock]()
    for op in loop.body.block.ops:
        if isinstance(op, vector.LoadOp) and (read := block_of(op, dims)) is not None and read[0].index is index:
            found[read[0]] += 1
    return [
        block
        for block, count in found.items()
        if count >= SEVERAL
        and block.size > 1
        and block.memory in known
        and all(value in known for value in block.before)
    ]
