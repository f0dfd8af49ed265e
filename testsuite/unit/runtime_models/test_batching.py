"""Answers that are made together are those that are made alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoder_families import CASES, tiny_model, write_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from agentc.backends.onnx import emit_model, emit_shards
from agentc.plan.models import ModelShape
from agentc.runtime.models import batching
from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.part import Part
from agentc.runtime.models.sampling import Sampler
from agentc.runtime.models.session import Array
from agentc.runtime.models.shards import ShardedDecoder
from agentc.support.diagnostics import Refused

PROMPTS = ["a longer prompt than the others", "b", "where to?", "once more: a longer prompt"]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    """A checkpoint, whose decode steps fill buffers in place."""
    return _decoder("llama", tmp_path_factory.mktemp("llama"))


def _decoder(case: str, folder: Path, precision: str = "", ranks: int = 0) -> Decoder:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    tiny_model(*CASES[case]).save_pretrained(folder / "in")
    write_tokenizer(folder / "in")
    shape, out = ModelShape("m", "decoder"), folder / "out"
    emit_model(shape, out, role="decoder", weights=folder / "in", precision=precision)
    if ranks:
        parts = out / f"tp{ranks}"
        emit_shards(shape, parts, ranks=ranks, weights=folder / "in", precision=precision)
        return ShardedDecoder(out, parts, 1)
    return Decoder(out, 1)


def _numbers(*lengths: int) -> list[list[int]]:
    random = np.random.default_rng(5)
    return [random.integers(3, 96, length).tolist() for length in lengths]


def test_a_stand_in_says_the_same_to_each(decoder: Decoder) -> None:
    together = batching.generate(decoder, PROMPTS, 12)
    assert together == [decoder.generate(prompt, 12) for prompt in PROMPTS]


def test_each_row_draws_as_it_would_alone(decoder: Decoder) -> None:
    samplers = [Sampler(1.5, 0.95, seed) for seed in range(4)]
    together = batching.generate(decoder, PROMPTS, 12, samplers)
    alone = [decoder.generate(prompt, 12, one) for prompt, one in zip(PROMPTS, samplers, strict=True)]
    assert together == alone


def _ending(decoder_folder: Path, folder: Path, end: list[int]) -> Decoder:
    shutil.copytree(decoder_folder, folder)
    facts = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(facts | {"end": end}))
    return Decoder(folder)


def test_a_row_that_has_ended_is_padding_to_the_others(decoder_folder: Path, tmp_path: Path) -> None:
    said = Decoder(decoder_folder).generate(PROMPTS[1], 12).tokens
    model = _ending(decoder_folder, tmp_path / "ending", [said[4]])
    together = batching.generate(model, PROMPTS, 12)
    assert together == [model.generate(prompt, 12) for prompt in PROMPTS]
    assert together[1].finish == "end" and len(together[1].tokens) == said.index(said[4])
    assert {len(answer.tokens) for answer in together} >= {len(together[1].tokens), 12}


def test_pieces_come_step_by_step(decoder_folder: Path, tmp_path: Path) -> None:
    said = Decoder(decoder_folder).generate(PROMPTS[1], 6).tokens
    model = _ending(decoder_folder, tmp_path / "ending", [said[3]])
    decoding = batching.BatchDecoding(model, batching.prefill(model, PROMPTS[:2]), 6, [Sampler()] * 2)
    steps = list(decoding)
    short = said.index(said[3])
    assert [step[1] is None for step in steps] == [place >= short for place in range(len(steps))]
    assert "".join(step[0] or "" for step in steps) == model.generate(PROMPTS[0], 6).text
    going_on = batching.BatchDecoding(model, batching.prefill(model, PROMPTS[:2]), 6, [Sampler()] * 2, ignore_end=True)
    assert len(list(going_on)) == 6 and all(len(answer.tokens) == 6 for answer in going_on.answers)


@pytest.mark.parametrize("in_place", [True, False])
def test_rows_end_where_the_context_does(llama: Decoder, in_place: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not in_place:
        monkeypatch.setattr(llama, "_in_place", None)
    limit = llama.bundle.max_tokens
    prompts = _numbers(limit, limit - 2, 5)
    together = batching.generate(llama, prompts, 9)
    assert [len(answer.tokens) for answer in together] == [0, 2, 9]
    assert together == [llama.generate(prompt, 9) for prompt in prompts]


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    steps=st.integers(0, 6),
    chunk=st.sampled_from([3, 16, 512]),
)
def test_any_lengths(llama: Decoder, lengths: list[int], steps: int, chunk: int) -> None:
    prompts = _numbers(*lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agentc.runtime.models.batching.CHUNK", chunk)
        together = batching.generate(llama, prompts, steps)
        logits = batching.prefill(llama, prompts).logits
    assert together == [llama.generate(prompt, steps) for prompt in prompts]
    np.testing.assert_allclose(logits, [llama.prefill(prompt).logits for prompt in prompts], atol=2e-5)


def test_more_rows_than_a_pass_takes_tokens(llama: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentc.runtime.models.batching.CHUNK", 2)
    prompts = _numbers(3, 1, 5, 2)
    assert batching.generate(llama, prompts, 3) == [llama.generate(prompt, 3) for prompt in prompts]


@pytest.mark.parametrize(("lengths", "least"), [((60, 3, 3, 3), 0.9), ((20, 20, 20), 1.0), ((40, 30, 20, 10), 0.6)])
def test_little_is_computed_of_padding(
    llama: Decoder, lengths: tuple[int, ...], least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentc.runtime.models.batching.CHUNK", 16)
    monkeypatch.setattr(llama, "_in_place", None)
    run, sizes = llama.run, list[int]()

    def counted(past: tuple[Any, ...], cached: int, part: Part) -> tuple[Array, tuple[Any, ...]]:
        sizes.append(part.tokens.size)
        return run(past, cached, part)

    monkeypatch.setattr(llama, "run", counted)
    batching.prefill(llama, _numbers(*lengths))
    assert max(sizes) <= 16 and sum(lengths) >= least * sum(sizes)


def test_a_batch_of_none_and_of_one(decoder: Decoder) -> None:
    assert batching.generate(decoder, [], 5) == []
    assert batching.generate(decoder, PROMPTS[:1], 5) == [decoder.generate(PROMPTS[0], 5)]


def test_prompts_are_refused_together(decoder: Decoder) -> None:
    with pytest.raises(Refused) as refused:
        batching.generate(decoder, ["fine", [], "x" * decoder.bundle.max_tokens], 5)
    assert [(found.slug, found.notes) for found in refused.value.diagnostics] == [
        ("empty-prompt", ("prompt 2 of 3",)),
        ("prompt-too-long", ("prompt 3 of 3",)),
    ]
    with pytest.raises(Refused, match="the prompt for `small` has no token"):
        decoder.prefill([])


@pytest.mark.parametrize("precision", ["", "int8", "int4"])
@pytest.mark.parametrize("case", ["llama", "qwen3-moe", "gemma2", "deepseek"])
def test_keys_lie_where_they_would_alone(case: str, precision: str, tmp_path: Path) -> None:
    """So that sums go in the same order: else a value between two of eight bits may be rounded the other way."""
    model = _decoder(case, tmp_path, precision)
    prompts = _numbers(7, 2, 12, 11)
    cache = batching.prefill(model, prompts)
    alone = [model.prefill(prompt) for prompt in prompts]
    found, expected = [cache.logits], [np.stack([one.logits for one in alone])]
    together, apart = batching._steps(model, cache), [model.stepper(one) for one in alone]
    for token in (5, 60, 9):
        found.append(together.advance([token] * 4).copy())
        expected.append(np.stack([one.step(token) for one in apart if one is not None]))
    largest = float(np.abs(expected).max())
    if case in ("llama", "gemma2"):
        np.testing.assert_array_equal(found, expected)
    else:  # an expert, or a head of latent attention, multiplies as many rows at once as there are
        np.testing.assert_allclose(found, expected, atol=(0.02 if precision else 1e-6) * largest)
        assert np.quantile(np.abs(np.subtract(found, expected)), 0.9) < 2e-3 * largest


@pytest.mark.parametrize("case", ["gpt-oss", "deepseek"])
def test_shards(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentc.runtime.models.batching.CHUNK", 12)
    model: Any = _decoder(case, tmp_path, ranks=2)
    try:
        whole = Decoder(tmp_path / "out", 1)
        prompts = _numbers(7, 1, 12)
        logits = [whole.prefill(prompt).logits for prompt in prompts]
        np.testing.assert_allclose(batching.prefill(model, prompts).logits, logits, atol=2e-5)
        assert batching.generate(model, prompts, 8) == [whole.generate(prompt, 8) for prompt in prompts]
    finally:
        model.close()
