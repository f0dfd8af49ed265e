"""Stand-ins keep the architecture and are small."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.backends.onnx import emit_model
from agentc.backends.onnx.config import decoder_from_shape
from agentc.backends.onnx.encoders import encoder_from_shape
from agentc.backends.onnx.graph import check
from agentc.backends.onnx.stand_in import BYTE_VOCAB, decoder_shapes, encoder_shapes, stand_in
from agentc.catalog import models
from agentc.plan.models import ModelShape
from agentc.runtime.models.embedding import Embedder
from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.rerank import Reranker

LLAMA_70B = ModelShape(
    "llama-3.1-70b", "decoder", 80, 8192, 64, 8, 128, 28672, 128256, max_tokens=131072, parameters=70.6e9
)


@st.composite
def decoders(draw: st.DrawFn) -> ModelShape:
    kv_heads, group = draw(st.sampled_from([1, 2, 4, 8, 32])), draw(st.sampled_from([1, 3, 4, 8, 16]))
    experts = draw(st.sampled_from([0, 8, 64, 256]))
    return ModelShape(
        "m",
        "decoder",
        layers=draw(st.integers(1, 100)),
        hidden=kv_heads * group * 128,
        heads=kv_heads * group,
        kv_heads=kv_heads,
        head_dim=128,
        intermediate=draw(st.integers(64, 30000)),
        vocab=128256,
        gated_mlp=draw(st.booleans()),
        tied_embeddings=draw(st.booleans()),
        experts=experts,
        experts_per_token=draw(st.integers(1, 8)) if experts else 0,
        expert_intermediate=1024 if experts else 0,
        shared_experts=draw(st.integers(0, 2)) if experts else 0,
        dense_layers=draw(st.integers(0, 3)) if experts else 0,
        sliding_window=draw(st.sampled_from([0, 128, 4096])),
        full_attention_every=draw(st.integers(1, 6)),
        max_tokens=8192,
    )


@given(decoders())
def test_the_architecture_stays(shape: ModelShape) -> None:
    small = stand_in(shape)
    assert small.heads % small.kv_heads == 0
    group = shape.heads // shape.kv_heads
    assert (group == 1) == (small.heads == small.kv_heads)
    assert small.heads // small.kv_heads == min(group, 8)
    for trait in ("kind", "gated_mlp", "tied_embeddings", "full_attention_every"):
        assert getattr(small, trait) == getattr(shape, trait)
    for count in ("experts", "experts_per_token", "shared_experts", "sliding_window"):
        assert bool(getattr(small, count)) == bool(getattr(shape, count))
    assert small.experts_per_token <= small.experts
    windows, wanted = set(decoder_from_shape(small).windows), set(decoder_from_shape(shape).windows)
    assert {bool(w) for w in windows} == {bool(w) for w in wanted}
    assert sum(math.prod(s) for s in decoder_shapes(decoder_from_shape(small)).values()) < 3e6


def test_a_stand_in_speaks_bytes_over_at_least_the_same_text() -> None:
    small = stand_in(LLAMA_70B)
    assert small.vocab == BYTE_VOCAB == 259
    assert small.max_tokens >= LLAMA_70B.max_tokens
    assert small.layers == 4 and small.heads // small.kv_heads == 8 and small.parameters == 0


def test_mixtures_keep_an_expert_layer() -> None:
    shape = ModelShape("m", "decoder", 2, 64, 4, 4, 16, 64, 99, experts=8, experts_per_token=2, dense_layers=7)
    config = decoder_from_shape(stand_in(shape))
    assert config.dense == (True, False)


def test_encoders() -> None:
    shape = ModelShape(
        "e", "embedding", layers=24, hidden=1024, heads=16, intermediate=4096, vocab=30522, max_tokens=8192
    )
    config = encoder_from_shape(stand_in(shape))
    assert config.hidden % config.heads == 0 and config.max_tokens == 512
    names = encoder_shapes(config, classifier=True)
    assert "classifier.weight" in names and "classifier.weight" not in encoder_shapes(config, classifier=False)
    assert encoder_from_shape(stand_in(ModelShape("e", "rerank"))).layers > 0


CATALOG = {name: shape for name, shape in models().items() if shape.kind in ("decoder", "embedding", "rerank")}


@pytest.mark.parametrize("name", CATALOG)
def test_every_model_of_the_catalog_has_graphs_that_run(name: str, tmp_path: Path) -> None:
    shape = CATALOG[name]
    role: Any = shape.kind
    emit_model(shape, tmp_path, role=role)
    for path in tmp_path.glob("*.onnx"):
        check(path)
    if role == "decoder":
        assert len(Decoder(tmp_path).generate("hello", 3).tokens) <= 3
    elif role == "embedding":
        assert Embedder(tmp_path).embed(["hello"]).shape == (1, 64)
    else:
        assert Reranker(tmp_path).scores("hello", ["a", "b"]).shape == (2,)
