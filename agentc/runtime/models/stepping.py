"""Prompts and decode steps over KV caches in buffers, which are filled in place."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from agentc.runtime.models.sampling import Logits
from agentc.runtime.models.session import Array, Bound, Session, Tensor, tensor

_ROOM: Final = 256
"""Tokens by which a buffer grows at least: it is copied as rarely as this."""


def read(
    session: Session, past: Sequence[Tensor], cached: int, tokens: Array, totals: Sequence[int], keep: Sequence[int]
) -> tuple[Array, tuple[Tensor, ...]]:
    """Logits of the places ``keep`` of ``tokens``, ``[rows, kept, vocab]``, and the caches after ``tokens``, ``[rows,
    new]``, which come behind the ``cached`` slots of ``past``. ``totals``: what each row comes to; where there are
    several rows nothing is cached, and shorter ones are padded behind."""
    rows, new = tokens.shape
    names = _past(session)
    arrays: dict[str, Array] = {
        "input_ids": tokens,
        "keep": np.array(keep, np.int64),
        "total": np.array(totals, np.int64),
        "logits": np.empty((rows, len(keep), _vocab(session)), np.float32),
    }
    for name, old in zip(names, past, strict=True):
        _, heads, _, width = session.inputs[name]
        buffer = np.empty((rows, int(heads), cached + new, int(width)), np.float32)
        buffer[:, :, :cached] = old.numpy()
        arrays |= {name: buffer, _present(name): buffer}
    session.bound(arrays).run()
    return arrays["logits"], tuple(tensor(arrays[name], np.float32) for name in names)


def _past(session: Session) -> list[str]:
    return [name for name in session.inputs if name.startswith("past.")]


def _present(past: str) -> str:
    return past.replace("past.", "present.", 1)


def _vocab(session: Session) -> int:
    return int(session.shapes["logits"][-1])


class Stepper:
    """The caches of some answers, a row each, in buffers with room for more tokens.

    A step writes the new key and value of each row behind the ones that the row has, so that nothing of a cache is
    copied. Rows may be of different lengths.
    """

    def __init__(self, session: Session, tensors: tuple[Tensor, ...], lengths: Sequence[int], limit: int) -> None:
        """``tensors``: the caches to go on from, which stay as they are; ``lengths``: how many tokens of each row they
        hold; ``limit``: tokens that a row may come to."""
        self._session = session
        self._limit = limit
        self._names = _past(session)
        rows = len(lengths)
        self._lengths: npt.NDArray[np.int64] = np.array(lengths, np.int64)
        self._tokens: npt.NDArray[np.int64] = np.zeros((rows, 1), np.int64)
        self._totals: npt.NDArray[np.int64] = self._lengths + 1
        self._logits: npt.NDArray[np.float32] = np.zeros((rows, 1, _vocab(session)), np.float32)
        self._buffers: list[Array] = [value.numpy() for value in tensors]
        self._bound = self._grown()

    def step(self, token: int) -> Logits:
        """The logits after ``token`` of the one answer; the next step writes over them."""
        return self.advance((token,))[0]

    def advance(self, tokens: Sequence[int | None]) -> Logits:
        """The logits after the token of each row, ``[rows, vocab]``; the next step writes over them. A row without
        one stays as it is, and its logits mean nothing."""
        if self._lengths.max() >= self._buffers[0].shape[2]:
            self._bound = self._grown()
        for row, token in enumerate(tokens):
            self._tokens[row, 0] = token or 0
        np.add(self._lengths, 1, out=self._totals)
        self._bound.run()
        self._lengths += [token is not None for token in tokens]
        return self._logits[:, 0]

    def tensors(self) -> tuple[Tensor, ...]:
        """The caches as they are now, in tensors of their own; those of shorter rows are padded behind."""
        longest = int(self._lengths.max())
        return tuple(tensor(buffer[:, :, :longest], np.float32) for buffer in self._buffers)

    def put(self, row: int, tensors: tuple[Tensor, ...]) -> None:
        """Have ``tensors``, a cache of one row, in the place of what the row holds, which is as long."""
        for buffer, value in zip(self._buffers, tensors, strict=True):
            buffer[row, :, : self._lengths[row]] = value.numpy()[0]

    def _grown(self) -> Bound:
        longest = int(self._lengths.max())
        room = max(min(self._limit, longest + max(_ROOM, longest // 2)), longest + 1)
        for place, old in enumerate(self._buffers):
            new = np.zeros((*old.shape[:2], room, old.shape[3]), np.float32)
            for row, length in enumerate(self._lengths):
                new[row, :, :length] = old[row, :, :length]
            self._buffers[place] = new
        arrays: dict[str, Array] = {"input_ids": self._tokens, "total": self._totals, "logits": self._logits}
        if "keep" in self._session.inputs:
            arrays["keep"] = np.zeros(1, np.int64)
        for name, buffer in zip(self._names, self._buffers, strict=True):
            arrays |= {name: buffer, _present(name): buffer}
        return self._session.bound(arrays)
