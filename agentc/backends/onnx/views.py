"""Weights that are looked at without being read: shapes from headers, slices and new names over mapped files."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, runtime_checkable
from typing import Protocol as _Protocol

import numpy as np
import numpy.typing as npt

from agentc.support.record import record

Array: TypeAlias = npt.NDArray[Any]
Weights: TypeAlias = Mapping[str, Array]
"""Tensors by their Hugging Face names; linear layers are ``[out, in]``. May be lazy."""


@runtime_checkable
class Shaped(_Protocol):
    """Weights that know shapes without reading."""

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        ...


@record(slots=True)
class Lazy:
    """A tensor that is read when it is asked for."""

    shape: tuple[int, ...]
    read: Callable[[], Array]

    def rows(self, start: int, stop: int) -> "Lazy":
        """A part along the first axis."""
        return Lazy((stop - start, *self.shape[1:]), lambda: self.read()[start:stop])

    def at(self, index: int) -> "Lazy":
        """One entry of the first axis."""
        return Lazy(self.shape[1:], lambda: self.read()[index])

    def every_other(self, start: int) -> "Lazy":
        """Every second row from ``start`` on."""
        return Lazy((len(range(start, self.shape[0], 2)), *self.shape[1:]), lambda: self.read()[start::2])

    def transposed(self) -> "Lazy":
        """The last two axes exchanged."""
        return Lazy((*self.shape[:-2], self.shape[-1], self.shape[-2]), lambda: self.read().swapaxes(-1, -2))

    def plus_one(self) -> "Lazy":
        """One more, for norms that store their distance from one."""
        return Lazy(self.shape, lambda: self.read().astype(np.float32) + np.float32(1))


class View(Mapping[str, Array]):
    """Tensors by name, each read when it is asked for."""

    def __init__(self, entries: Mapping[str, Lazy]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Array:
        return self._entries[name].read()

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor; nothing is read."""
        return self._entries[name].shape


def shape_of(weights: Weights, name: str) -> tuple[int, ...]:
    """A tensor's shape, read from the header alone where there is one."""
    return weights.shape(name) if isinstance(weights, Shaped) else weights[name].shape
