"""Positions whose angles depend on the length of a sequence: a prompt in pieces, on another cache, and answers that
pass the length of training say what transformers says of the whole sequence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoder_families import LONG
from onnx_reference import TINY_DECODER as BASE

from agentc.backends.onnx import emit_model, emit_shards
from agentc.plan.models import ModelShape
from agentc.runtime.models import batching
from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.sampling import GREEDY
from agentc.runtime.models.shards import ShardedDecoder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

ROPES: dict[str, dict[str, Any]] = {
    "longrope": {"rope_parameters": LONG},
    "dynamic": {
        "max_position_embeddings": 8,
        "rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4},
    },
}
TOKENS = np.random.default_rng(3).integers(3, 96, 25).tolist()


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentc.runtime.models.llm.CHUNK", 8)


@pytest.fixture(scope="module", params=ROPES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    from tokenizers import Tokenizer, models

    folder = tmp_path_factory.mktemp(request.param)
    config = transformers.LlamaConfig(**{**BASE, **ROPES[request.param]})
    config._attn_implementation = "eager"
    torch.manual_seed(7)
    model = transformers.LlamaForCausalLM(config).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = torch.randn_like(parameter) * 0.8 * parameter.shape[-1] ** -0.5
    model.save_pretrained(folder / "in")
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "in" / "tokenizer.json"))
    shape = ModelShape("m", "decoder")
    emit_model(shape, folder / "out", role="decoder", weights=folder / "in")
    emit_shards(shape, folder / "out" / "tp2", ranks=2, weights=folder / "in")
    return model, folder / "out"


def _whole(model: Any, tokens: list[int]) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].numpy()


def test_a_prompt_in_pieces_is_one_prompt(pair: tuple[Any, Path]) -> None:
    model, folder = pair
    found = Decoder(folder, 1).prefill(TOKENS).logits
    np.testing.assert_allclose(found, _whole(model, TOKENS)[-1], atol=2e-5)


def test_a_cache_of_other_angles_is_not_reused(pair: tuple[Any, Path]) -> None:
    model, folder = pair
    decoder = Decoder(folder, 1)
    short, long = decoder.prefill(TOKENS[:6]), decoder.prefill(TOKENS)
    for reuse, prompt, kept in ((short, TOKENS[:7], 6), (short, TOKENS, 0), (long, TOKENS[:7], 0), (long, TOKENS, 25)):
        again = decoder.prefill(prompt, reuse)
        assert again.reused == kept
        np.testing.assert_allclose(again.logits, _whole(model, prompt)[-1], atol=2e-5)


def test_a_cache_that_grew_step_by_step(pair: tuple[Any, Path]) -> None:
    """With LongRoPE it is as good as one that was made at once; where angles change with every token, it is not."""
    model, folder = pair
    decoder = Decoder(folder, 1)
    cache = decoder.prefill(TOKENS[:6])
    for token in TOKENS[6:20]:
        cache = decoder.step(cache, token)
    again = decoder.prefill(TOKENS, cache)
    assert again.reused == (20 if decoder.bundle.turns_at else 0)
    np.testing.assert_allclose(again.logits, _whole(model, TOKENS)[-1], atol=2e-5)


def test_shards_turn_their_keys_alike(pair: tuple[Any, Path]) -> None:
    model, folder = pair
    sharded = ShardedDecoder(folder, folder / "tp2", 1)
    try:
        cache = sharded.prefill(TOKENS[:6])
        np.testing.assert_allclose(sharded.prefill(TOKENS, cache).logits, _whole(model, TOKENS)[-1], atol=2e-5)
    finally:
        sharded.close()


@pytest.mark.parametrize("pair", ["longrope"], indirect=True)
@pytest.mark.parametrize("in_place", [True, False])
def test_an_answer_turns_its_keys_where_training_ends(pair: tuple[Any, Path], in_place: bool) -> None:
    """As transformers generates: the cache is computed anew, once."""
    model, folder = pair
    decoder = Decoder(folder, 1)
    if not in_place:
        decoder._in_place = None
    decoding = decoder.decode(decoder.prefill(TOKENS[:10]), 12, ignore_end=True)
    list(decoding)
    known = [*TOKENS[:10], *decoding.tokens]
    expected = _whole(model, known[:-1])
    assert decoding.cache.tokens == tuple(known[:-1])
    np.testing.assert_allclose(decoding.cache.logits, expected[-1], atol=2e-5)
    assert decoder.score(decoder.prefill(known[:13]), known[13:18]) == pytest.approx(
        float(torch.log_softmax(torch.tensor(_whole(model, known[:17])), -1)[range(12, 17), known[13:18]].sum()),
        abs=1e-4,
    )
    extended = decoder.extend(decoder.prefill(known[:10]), known[10:])
    np.testing.assert_allclose(extended.logits, _whole(model, known)[-1], atol=2e-5)


@pytest.mark.parametrize("by", ["buffers", "appending", "shards"])
def test_rows_of_a_batch_turn_their_keys_each_for_itself(pair: tuple[Any, Path], by: str) -> None:
    """Rows before, at and beyond the length of training, one of which has ended when others pass it."""
    model, folder = pair
    decoder: Any = ShardedDecoder(folder, folder / "tp2", 1) if by == "shards" else Decoder(folder, 1)
    if by == "appending":
        decoder._in_place = None
    prompts, alone = [TOKENS[:10], TOKENS[3:10], TOKENS[:20], TOKENS[5:18]], Decoder(folder, 1)
    limit = decoder.bundle.max_tokens
    try:
        assert batching.generate(decoder, prompts, 10) == [alone.generate(prompt, 10) for prompt in prompts]
        decoding = batching.BatchDecoding(
            decoder, batching.prefill(decoder, prompts), 10, [GREEDY] * 4, ignore_end=True
        )
        for step in decoding:
            for prompt, answer, piece, logits in zip(prompts, decoding.answers, step, decoding.logits, strict=True):
                before = [*prompt, *answer.tokens[:-1]]
                _whole(model, TOKENS[:2])  # else transformers goes on with the angles of a longer row
                if piece is not None and (decoder.bundle.turns_at or len(answer.tokens) == 1):
                    np.testing.assert_allclose(logits, _whole(model, before)[-1], atol=2e-5)
        assert [len(answer.tokens) for answer in decoding.answers] == [min(10, limit - len(p)) for p in prompts]
    finally:
        if by == "shards":
            decoder.close()
