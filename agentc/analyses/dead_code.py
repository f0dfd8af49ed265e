"""Drops what computes a value that nobody takes.

xDSL's ``region_dce`` asks every op for its effects, and sweeps until nothing changes, as blocks may branch back. In
code that is loops inside of one another users stand behind what they use: one sweep from the end finds all, and only
ops without a user need be asked.
"""

from functools import cache
from typing import Literal

from xdsl.ir import Operation, Region
from xdsl.traits import (
    IsTerminator,
    MemoryAllocEffect,
    MemoryEffect,
    MemoryFreeEffect,
    MemoryReadEffect,
    MemoryWriteEffect,
    NoMemoryEffect,
    RecursiveMemoryEffect,
    SymbolOpInterface,
)
from xdsl.transforms.dead_code_elimination import would_be_trivially_dead

Effect = Literal["none", "some", "inside", "ask"]


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
    """Whether nobody would miss ``op``: as xDSL's ``is_trivially_dead``, which asks all inside of it each time."""
    for result in op.results:
        if result.first_use is not None:
            return False
    return not _stays(type(op)) and _is_quiet(op)


def _is_quiet(op: Operation) -> bool:
    """Whether neither ``op`` nor what is inside of it does more than read."""
    effect = _effect(type(op))
    if effect == "inside":
        return all(_is_quiet(inner) for region in op.regions for block in region.blocks for inner in block.ops)
    return effect == "none" or (effect == "ask" and would_be_trivially_dead(op))


@cache
def _stays(kind: type[Operation]) -> bool:
    return kind.has_trait(IsTerminator) or kind.has_trait(SymbolOpInterface)


@cache
def _effect(kind: type[Operation]) -> Effect:
    """What ops of ``kind`` do beyond reading: what is inside of them does, and others say of each op by itself."""
    origins = {_origin(type(trait)) for trait in kind.get_traits_of_type(MemoryEffect)}
    if not origins or not origins.isdisjoint((MemoryWriteEffect, MemoryAllocEffect, MemoryFreeEffect)):
        return "some"
    if None in origins:
        return "ask"
    return "inside" if RecursiveMemoryEffect in origins else "none"


def _origin(trait: type[MemoryEffect]) -> type[MemoryEffect] | None:
    """Which trait of xDSL's says what ``trait`` does, ``None`` where it says so itself."""
    known = (NoMemoryEffect, MemoryReadEffect, MemoryWriteEffect, MemoryAllocEffect, MemoryFreeEffect)
    owner = next(kind for kind in trait.__mro__ if "get_effects" in kind.__dict__)
    return next((kind for kind in (*known, RecursiveMemoryEffect) if kind is owner), None)
