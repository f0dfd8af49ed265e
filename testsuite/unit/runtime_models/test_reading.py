"""Prompts that a graph reads into buffers: the same as by standard operators, and no other graph is opened for them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from decoder_families import CASES, tiny_model, write_tokenizer
from hypothesis import given
from hypothesis import strategies as st

from agentc.backends.onnx import emit_model
from agentc.plan.models import ModelShape
from agentc.runtime.models import batching, llm
from agentc.runtime.models.llm import Decoder, KvCache
from agentc.support.diagnostics import Refused

TOKENS = np.random.default_rng(5).integers(3, 96, 23).tolist()
FAMILIES = ("llama", "qwen3", "gemma3")
"""Angles that are looked up, that are computed, and windows with two ropes."""


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp(request.param)
    tiny_model(*CASES[request.param]).save_pretrained(folder / "in")
    write_tokenizer(folder / "in")
    emit_model(ModelShape("m", "decoder"), folder / "out", role="decoder", weights=folder / "in")
    return folder / "out"


@pytest.fixture
def decoder(folder: Path) -> Decoder:
    decoder = Decoder(folder, 1)
    assert decoder.reader is not None
    return decoder


@pytest.fixture
def standard(folder: Path) -> Decoder:
    """The same by standard operators."""
    decoder = Decoder(folder, 1)
    decoder._in_place = None
    return decoder


def _alike(mine: KvCache, theirs: KvCache) -> None:
    assert (mine.tokens, mine.reused) == (theirs.tokens, theirs.reused)
    np.testing.assert_allclose(mine.logits, theirs.logits, atol=2e-5)
    for one, other in zip(mine.tensors, theirs.tensors, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=2e-5)


@pytest.mark.parametrize("chunk", [1, 5, 512])
def test_a_prompt_in_chunks(chunk: int, decoder: Decoder, standard: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm, "CHUNK", chunk)
    _alike(decoder.prefill(TOKENS), standard.prefill(TOKENS))


def test_what_goes_on_from_a_cache_leaves_it_as_it_is(decoder: Decoder, standard: Decoder) -> None:
    caches = [model.prefill(TOKENS[:9]) for model in (decoder, standard)]
    before = [value.numpy().copy() for value in caches[0].tensors]
    for ask in (
        lambda model, cache: model.extend(cache, TOKENS[9:13]),
        lambda model, cache: model.step(cache, TOKENS[9]),
        lambda model, cache: model.prefill([*TOKENS[:7], *TOKENS[12:]], cache),
    ):
        _alike(*(ask(model, cache) for model, cache in zip((decoder, standard), caches, strict=True)))
    for old, value in zip(before, caches[0].tensors, strict=True):
        np.testing.assert_array_equal(old, value.numpy())


def test_scores(decoder: Decoder, standard: Decoder) -> None:
    mine, theirs = (model.score(model.prefill(TOKENS[:9]), TOKENS[9:]) for model in (decoder, standard))
    assert mine == pytest.approx(theirs, abs=1e-4)


def test_no_other_graph_is_opened(decoder: Decoder, folder: Path, tmp_path: Path) -> None:
    """Each would hold the weights once more."""
    for name in ("model.json", "tokenizer.json", "step.onnx", "weights.bin"):
        (tmp_path / name).symlink_to(folder / name)
    for name in ("prefill.onnx", "decode.onnx"):
        (tmp_path / name).write_bytes(b"nothing that could be opened")
    model = Decoder(tmp_path, 1)
    cache = model.step(model.extend(model.prefill(TOKENS[:9]), TOKENS[9:12]), TOKENS[12])
    _alike(cache, decoder.prefill(TOKENS[:13]))
    assert model.generate("as before", 4) == decoder.generate("as before", 4)
    assert batching.generate(model, ["as before", "and again"], 4)[0] == decoder.generate("as before", 4)


def test_a_graph_of_another_version_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "other")
    path = tmp_path / "other" / "step.onnx"
    path.write_bytes(path.read_bytes().replace(b"\x05total", b"\x05count"))
    model = Decoder(tmp_path / "other", 1)
    with pytest.raises(Refused) as caught:
        model.prefill(TOKENS)
    assert caught.value.diagnostics[0].slug == "model-unreadable"
    assert "total" in caught.value.diagnostics[0].message


@given(st.lists(st.integers(1, 20) | st.integers(1, 700), max_size=12))
def test_rows_that_are_read_together(lengths: list[int]) -> None:
    groups = batching._groups(lengths)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        own = [lengths[row] for row in group]
        assert len(group) == 1 or (max(own) * len(own) <= llm.CHUNK and min(own) > 1)
        assert sum(max(own) - one for one in own) <= batching._PASS * len(group)
