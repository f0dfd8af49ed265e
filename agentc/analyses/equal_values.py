"""Makes values that are computed twice from the same one: as xDSL's ``cse``, for ops without effects and regions.

That one hashes all that each op is made of, several times. Here each attribute gets a number, once.
"""

from collections.abc import Hashable
from functools import cache
from itertools import count

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.ir import Attribute, Block, Operation
from xdsl.traits import IsolatedFromAbove, MemoryEffect, NoMemoryEffect

from agentc.analyses.by_identity import MOST, ByIdentity

_NUMBERS: dict[Attribute, int] = {}
_FRESH = count()


def _numbered(attribute: Attribute) -> int:
    if len(_NUMBERS) >= MOST:
        _NUMBERS.clear()
    found = _NUMBERS.get(attribute)
    if found is None:
        found = _NUMBERS[attribute] = next(_FRESH)
    return found


number_of = ByIdentity(_numbered)
"""A number that no other attribute has, now or later."""


def share(block: Block, around: dict[Hashable, Operation] | None = None) -> None:
    """Let whoever needs a value of ``block``, or of what is inside, take the first that is equal, also of those
    ``around``."""
    known = dict(around or {})
    op = block.first_op
    while op is not None:
        following = op.next_op
        if op.regions:
            _share_inside(op, known)
        elif is_pure(type(op)):
            first = known.setdefault(key_of(op), op)
            if first is not op:
                for old, new in zip(op.results, first.results, strict=True):
                    old.replace_all_uses_with(new)
                block.erase_op(op)
        op = following


def _share_inside(op: Operation, known: dict[Hashable, Operation]) -> None:
    alone = op.has_trait(IsolatedFromAbove, value_if_unregistered=True)
    for region in op.regions:
        if (inner := region.first_block) is not None and inner.next_block is None:
            share(inner, None if alone else known)


@cache
def is_pure(kind: type[Operation]) -> bool:
    """Whether ops of ``kind`` never do more than compute their results."""
    effects = kind.get_traits_of_type(MemoryEffect)
    return bool(effects) and all(isinstance(effect, NoMemoryEffect) for effect in effects)


def key_of(op: Operation) -> Hashable:
    """What equal ops have in common."""
    stated = [(name, _key(value)) for held in (op.properties, op.attributes) for name, value in held.items()]
    return type(op), tuple(map(id, op.operands)), tuple(stated), tuple(number_of(r.type) for r in op.results)


def _key(value: Attribute) -> Hashable:
    """Tables are compared themselves: what has a number is kept."""
    return value if type(value) is DenseIntOrFPElementsAttr else number_of(value)
