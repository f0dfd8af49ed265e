"""Weights that are looked at without being read: shapes from headers, slices and new names over mapped files."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, runtime_checkable
from typing import Protocol as _Protocol

import numpy as np
import numpy.typing as npt

from agentc.support.record import record

Array: TypeAlias = npt.NDArray[Any]
Weights: TypeAlias = Mapping[str, Array]
"""Tensors by their Hugging Face names; linear layers are ``[out, in]``. May be lazy."""


Half: TypeAlias = Literal["", "f16", "bf16"]


@runtime_checkable
class Shaped(_Protocol):
    """Weights that know shapes and types without reading."""

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        ...

    def half(self, name: str) -> Half:
        """The type of 16 bits that a tensor is of; empty for others."""
        ...


@record(slots=True)
class Lazy:
    """A tensor that is read when it is asked for."""

    shape: tuple[int, ...]
    read: Callable[[], Array]
    half: Half = ""
    """The type of 16 bits that holds every value as it is; empty where there is none."""

    def rows(self, start: int, stop: int) -> "Lazy":
        """A part along the first axis."""
        return Lazy((stop - start, *self.shape[1:]), lambda: self.read()[start:stop], self.half)

    def at(self, index: int) -> "Lazy":
        """One entry of the first axis."""
        return Lazy(self.shape[1:], lambda: self.read()[index], self.half)

    def every_other(self, start: int) -> "Lazy":
        """Every second row from ``start`` on."""
        shape = (len(range(start, self.shape[0], 2)), *self.shape[1:])
        return Lazy(shape, lambda: self.read()[start::2], self.half)

    def transposed(self) -> "Lazy":
        """The last two axes exchanged."""
        shape = (*self.shape[:-2], self.shape[-1], self.shape[-2])
        return Lazy(shape, lambda: self.read().swapaxes(-1, -2), self.half)

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

    def half(self, name: str) -> Half:
        """As ``Lazy.half``; nothing is read."""
        return self._entries[name].half


def shape_of(weights: Weights, name: str) -> tuple[int, ...]:
    """A tensor's shape, read from the header alone where there is one."""
    return weights.shape(name) if isinstance(weights, Shaped) else weights[name].shape


def lazy_of(weights: Weights, name: str) -> Lazy:
    """A tensor that is there; nothing is read."""
    half: Half = weights.half(name) if isinstance(weights, Shaped) else ""
    return Lazy(shape_of(weights, name), lambda: weights[name], half)
