"""Drops what computes a value that nobody takes.

xDSL's ``region_dce`` asks every op for its effects, and sweeps until nothing changes, as blocks may branch back. In
code that is loops inside of one another users stand behind what they use: one sweep from the end finds all, and only
ops without a user need be asked.
"""

from xdsl.ir import Operation, Region
from xdsl.transforms.dead_code_elimination import would_be_trivially_dead


def erase_dead(region: Region) -> bool:
    """Erase the ops of ``region``, and inside of them, that have no effect and no user; whether there were any."""
    changed = False
    for block in region.blocks:
        op = block.last_op
        while op is not None:
            before = op.prev_op
            if is_dead(op):
                block.erase_op(op)
                changed = True
            else:
                for inner in op.regions:
                    changed |= erase_dead(inner)
            op = before
    return changed


def is_dead(op: Operation) -> bool:
    """Whether nobody would miss ``op``."""
    for result in op.results:
        if result.first_use is not None:
            return False
    return would_be_trivially_dead(op)
