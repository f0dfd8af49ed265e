"""Texts to vectors of length one on ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentc.runtime.models.bundle import open_bundle
from agentc.runtime.models.session import Session, tensor
from agentc.runtime.models.tokenizer import open_tokenizer


class Embedder:
    """A text encoder from a folder with ``embed.onnx``. Texts longer than the model takes are cut.

    Raises:
        Refused: ``model-unreadable``.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.bundle = open_bundle(folder, "embedding")
        self._tokenizer = open_tokenizer(self.bundle)
        self._session = Session(folder / "embed.onnx", threads)

    @property
    def is_stand_in(self) -> bool:
        """Whether the weights are seeded noise: then only equal texts are near."""
        return self.bundle.is_stand_in

    def embed(self, texts: Sequence[str], batch: int = 32) -> npt.NDArray[np.float32]:
        """Vectors, ``[texts, width]``. Texts of like length share a batch, so that little is padded."""
        rows = [_fit(self._tokenizer.encode(text), self.bundle.max_tokens) for text in texts]
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        vectors: list[npt.NDArray[np.float32] | None] = [None] * len(rows)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            for row, vector in zip(chosen, self._run([rows[row] for row in chosen]), strict=True):
                vectors[row] = vector
        found = [vector for vector in vectors if vector is not None]
        return np.stack(found) if found else np.zeros((0, self._width()), np.float32)

    def _run(self, rows: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        ids, mask = pad(rows)
        return self._session.run({"input_ids": tensor(ids), "attention_mask": tensor(mask)})[0].numpy()

    def _width(self) -> int:
        return self.embed([""]).shape[1]


def _fit(tokens: list[int], limit: int) -> list[int]:
    """Cut the text, not the token that ends it."""
    return tokens if len(tokens) <= limit else [*tokens[: limit - 1], tokens[-1]]


def pad(rows: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows filled up with zeros to the longest, and where they are real. Padding is masked, so its id is free."""
    longest = max(map(len, rows))
    ids, mask = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return ids, mask
