"""What the indexing maps of tensor code say, found once for each attribute."""

from collections.abc import Sequence

from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir.affine import AffineMap

from agentc.analyses.by_identity import ByIdentity
from agentc.analyses.kernel_ops import map_attribute


def _is_identity(map_: AffineMapAttr) -> bool:
    return map_.data == AffineMap.identity(map_.data.num_dims)


def _covers(map_: AffineMapAttr) -> bool:
    return len(map_.data.used_dims()) == map_.data.num_dims


def _used(map_: AffineMapAttr) -> frozenset[int]:
    return frozenset(map_.data.used_dims())


def _are_parallel(iterators: ArrayAttr[IteratorTypeAttr]) -> bool:
    return all(each.data == IteratorType.PARALLEL for each in iterators)


def _composer(inner: AffineMapAttr) -> ByIdentity[AffineMapAttr, AffineMapAttr]:
    return ByIdentity(lambda outer: map_attribute(outer.data.compose(inner.data)))


_COMPOSERS = ByIdentity(_composer)

interned = ByIdentity[AffineMapAttr, AffineMapAttr](lambda map_: map_attribute(map_.data))
"""The one attribute of all that are equal to this one."""
is_identity = ByIdentity(_is_identity)
"""Whether each loop runs over the axis of its number."""
covers = ByIdentity(_covers)
"""Whether each iteration reads its own element, so that fusion computes none twice."""
used = ByIdentity(_used)
"""The loops that the map depends on."""
are_parallel = ByIdentity(_are_parallel)
"""Whether no loop reduces."""


def composed(outer: AffineMapAttr, inner: AffineMapAttr) -> AffineMapAttr:
    """What ``outer`` reads at the place that ``inner`` gives."""
    return outer if is_identity(inner) and outer.data.num_dims == inner.data.num_dims else _COMPOSERS(inner)(outer)


_LISTS: dict[tuple[int, ...], ArrayAttr[AffineMapAttr]] = {}
"""By the identity of what was ``interned``, which is never gone."""


def listed(maps: Sequence[AffineMapAttr]) -> ArrayAttr[AffineMapAttr]:
    """``maps``, each of them ``interned``, as one attribute."""
    key = tuple(map(id, maps))
    found = _LISTS.get(key)
    if found is None:
        found = _LISTS[key] = ArrayAttr(maps)
    return found
