"""Decode steps over a KV cache of one answer's own, which grows in place."""

from typing import Final

import numpy as np
import numpy.typing as npt

from agentc.runtime.models.sampling import Logits
from agentc.runtime.models.session import Array, Bound, Session, Tensor, tensor

_ROOM: Final = 256
"""Tokens by which a buffer grows at least: it is copied as rarely as this."""


class Stepper:
    """The cache of one answer in buffers with room for more tokens.

    A step writes the new key and value behind the ones that are there, so that nothing of the cache is copied.
    """

    def __init__(self, session: Session, tensors: tuple[Tensor, ...], length: int, limit: int) -> None:
        """``tensors``: the cache to go on from, which stays as it is; ``limit``: tokens that it may come to."""
        self._session = session
        self._limit = limit
        self._names = [name for name in session.inputs if name.startswith("past.")]
        self._length: npt.NDArray[np.int64] = np.array([length], np.int64)
        self._token: npt.NDArray[np.int64] = np.zeros((1, 1), np.int64)
        (vocab,) = {int(session.shapes[name][-1]) for name in session.outputs if name == "logits"}
        self._logits: npt.NDArray[np.float32] = np.zeros((1, 1, vocab), np.float32)
        self._buffers: list[Array] = [value.numpy() for value in tensors]
        self._bound = self._grown()

    def step(self, token: int) -> Logits:
        """The logits after ``token``; the next step writes over them."""
        if self._length[0] == self._buffers[0].shape[2]:
            self._bound = self._grown()
        self._token[0, 0] = token
        self._bound.run()
        self._length += 1
        return self._logits[0, 0]

    def tensors(self) -> tuple[Tensor, ...]:
        """The cache as it is now, in tensors of their own."""
        length = int(self._length[0])
        return tuple(tensor(buffer[:, :, :length], np.float32) for buffer in self._buffers)

    def _grown(self) -> Bound:
        length = int(self._length[0])
        room = max(min(self._limit, length + max(_ROOM, length // 2)), length + 1)
        for place, old in enumerate(self._buffers):
            new = np.zeros((*old.shape[:2], room, old.shape[3]), np.float32)
            new[:, :, :length] = old[:, :, :length]
            self._buffers[place] = new
        arrays: dict[str, Array] = {"input_ids": self._token, "length": self._length, "logits": self._logits}
        for name, buffer in zip(self._names, self._buffers, strict=True):
            arrays |= {name: buffer, name.replace("past.", "present.", 1): buffer}
        return self._session.bound(arrays)
