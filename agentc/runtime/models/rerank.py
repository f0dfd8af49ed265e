"""Scores of documents against a query by a cross-encoder on ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentc.runtime.models.bundle import open_bundle
from agentc.runtime.models.embedding import pad
from agentc.runtime.models.session import Session, tensor
from agentc.runtime.models.tokenizer import open_tokenizer


class Reranker:
    """A cross-encoder from a folder with ``rerank.onnx``. Documents longer than the model takes are cut.

    Raises:
        Refused: ``model-unreadable``.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.bundle = open_bundle(folder, "rerank")
        self._tokenizer = open_tokenizer(self.bundle)
        self._session = Session(folder / "rerank.onnx", threads)

    @property
    def is_stand_in(self) -> bool:
        """Whether the weights are seeded noise, so that the order means nothing."""
        return self.bundle.is_stand_in

    def scores(self, query: str, documents: Sequence[str], batch: int = 16) -> npt.NDArray[np.float32]:
        """Raw logits, larger for a better match, in the order of the documents."""
        pairs = [self._tokenizer.encode_pair(query, document, self.bundle.max_tokens) for document in documents]
        parts = [self._run(pairs[start : start + batch]) for start in range(0, len(pairs), batch)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def rerank(self, query: str, documents: Sequence[str], top: int | None = None) -> list[int]:
        """Places of the best ``top`` documents (all without it), best first; equals keep their order."""
        order = np.argsort(-self.scores(query, documents), kind="stable")
        return [int(place) for place in order[:top]]

    def _run(self, pairs: Sequence[tuple[list[int], list[int]]]) -> npt.NDArray[np.float32]:
        ids, mask = pad([tokens for tokens, _ in pairs])
        types, _ = pad([segments for _, segments in pairs])
        feed = {"input_ids": tensor(ids), "attention_mask": tensor(mask), "token_type_ids": tensor(types)}
        return self._session.run(feed)[0].numpy()
