"""Remembers what follows from an attribute, by which object it is.

Attributes are few, shared by many ops and never change, but hashing one goes through all that it is made of: as long as
making an op takes.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 4096
"""Objects that are kept, with what follows from them; then it begins anew."""


class ByIdentity(Generic[K, V]):
    """``function``, whose answers are kept. Each object is kept as well, so that no other one gets its identity."""

    def __init__(self, function: Callable[[K], V]) -> None:
        self._function = function
        self._known: dict[int, tuple[K, V]] = {}

    def __call__(self, key: K) -> V:
        """What ``function`` gives for ``key``."""
        found = self._known.get(id(key))
        if found is None:
            if len(self._known) >= MOST:
                self._known.clear()
            found = self._known[id(key)] = (key, self._function(key))
        return found[1]
