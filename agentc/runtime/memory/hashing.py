"""Vectors without a model: words and their parts hashed into a fixed width (the hashing trick, arXiv 0902.2206).

Texts that share words are near; nothing is understood. For memories that name no embedding model.
"""

import re
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

WIDTH: Final = 256
_WORD: Final = re.compile(r"\w+")


class HashEmbedding:
    """Deterministic vectors of length one."""

    note = ""

    def __init__(self, width: int = WIDTH) -> None:
        self.width = width or WIDTH

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors, ``[texts, width]``."""
        rows = np.zeros((len(texts), self.width), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for feature, weight in _features(text):
                code = zlib.crc32(feature.encode(errors="replace"))
                row[(code >> 1) % self.width] += weight if code & 1 else -weight
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(norms > 0, norms, np.float32(1)).astype(np.float32)


def _features(text: str) -> list[tuple[str, float]]:
    """Words, and their trigrams at less weight, so that word forms are near each other."""
    found: list[tuple[str, float]] = []
    for word in _WORD.findall(text.lower()):
        found.append((word, 1.0))
        padded = f"<{word}>"
        found += [(padded[at : at + 3], 0.5) for at in range(len(padded) - 2)]
    return found
