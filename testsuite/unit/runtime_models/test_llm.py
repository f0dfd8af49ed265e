"""Generation: what is said does not depend on how the cache came to be."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.sampling import Sampler, log_softmax
from agentc.runtime.models.session import Session, array
from agentc.support.diagnostics import Refused

PROMPT = "Where does a decode step spend its time?"


def test_no_graph_waits_busily_once_it_is_done(decoder_folder: Path) -> None:
    session = Session(decoder_folder / "prefill.onnx", threads=2)
    options = session._session.get_session_options()  # pyright: ignore[reportPrivateUsage]
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_it_knows_that_it_is_a_stand_in(decoder: Decoder) -> None:
    assert decoder.is_stand_in and decoder.bundle.name == "small"


def test_generation_streams_what_it_returns(decoder: Decoder) -> None:
    heard: list[str] = []
    answer = decoder.generate(PROMPT, 20, on_token=heard.append)
    assert "".join(heard) == answer.text and len(heard) == len(answer.tokens) == 20
    assert answer.prompt_tokens == len(PROMPT) + 1 and answer.finish == "length"
    assert answer.text == decoder.tokenizer.decode(answer.tokens)


def test_a_stand_in_says_only_what_can_be_shown(decoder: Decoder) -> None:
    for seed in range(5):
        text = decoder.generate(PROMPT, 60, Sampler(2.0, seed=seed)).text
        assert text.isascii() and text.isprintable()


def test_greedy_is_the_likeliest_at_each_step(decoder: Decoder) -> None:
    answer = decoder.generate(PROMPT, 6)
    assert decoder.speakable is not None
    tokens = decoder.tokenizer.encode(PROMPT)
    for said in answer.tokens:
        logits = decoder.prefill(tokens).logits
        assert said == int(np.argmax(np.where(decoder.speakable, logits, -np.inf)))
        tokens.append(said)


def test_the_same_seed_gives_the_same_answer(decoder: Decoder) -> None:
    answers = [decoder.generate(PROMPT, 20, Sampler(1.5, 0.95, seed)).text for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]


def test_a_shared_prefix_is_not_computed_again(decoder: Decoder) -> None:
    first = decoder.prefill(PROMPT + " In memory.")
    alone, reusing = decoder.prefill(PROMPT + " On the way?"), decoder.prefill(PROMPT + " On the way?", first)
    assert alone.reused == 0 and reusing.reused == len(PROMPT) + 2
    np.testing.assert_allclose(reusing.logits, alone.logits, atol=1e-4)
    assert len(array(reusing.tensors[0])[0, 0]) == len(reusing.tokens) == len(alone.tokens)


@pytest.mark.parametrize(("cached", "asked"), [("abc", "abc"), ("abcdef", "abc"), ("abc", "abcdef"), ("xyz", "abc")])
def test_any_cache_may_be_reused(cached: str, asked: str, decoder: Decoder) -> None:
    reusing, alone = decoder.prefill(asked, decoder.prefill(cached)), decoder.prefill(asked)
    assert reusing.tokens == alone.tokens
    np.testing.assert_allclose(reusing.logits, alone.logits, atol=1e-4)


def test_answers_that_start_from_one_cache_do_not_disturb_each_other(decoder: Decoder) -> None:
    cache = decoder.prefill(PROMPT)
    before = [array(tensor).copy() for tensor in cache.tensors]
    one, two = decoder.decode(cache, 10), decoder.decode(cache, 10)
    woven = [(next(one), next(two)) for _ in range(10)]
    assert all(a == b for a, b in woven)
    for tensor, values in zip(cache.tensors, before, strict=True):
        np.testing.assert_array_equal(array(tensor), values)


def test_a_prompt_longer_than_a_chunk_is_the_same_prompt(decoder: Decoder) -> None:
    text = "lorem ipsum " * 100
    whole, slow = decoder.prefill(text), decoder.prefill(text[:1])
    slow = decoder.extend(slow, decoder.tokenizer.encode(text, special=False)[1:])
    assert len(text) > 2 * 512
    np.testing.assert_allclose(slow.logits, whole.logits, atol=1e-4)
    last = decoder.prefill(text[:-1])
    np.testing.assert_allclose(decoder.step(last, ord(text[-1])).logits, whole.logits, atol=1e-4)


def test_a_conversation_goes_on_from_its_own_answer(decoder: Decoder) -> None:
    decoding = decoder.decode(decoder.prefill(PROMPT), 8)
    said = "".join(decoding)
    more = decoder.prefill(PROMPT + said + " Go on.", decoding.cache)
    assert more.reused == len(decoding.cache.tokens) == len(PROMPT) + 8
    np.testing.assert_allclose(more.logits, decoder.prefill(PROMPT + said + " Go on.").logits, atol=1e-4)


def test_scores_are_log_probabilities(decoder: Decoder) -> None:
    cache = decoder.prefill(PROMPT)
    chances = [np.exp(decoder.score(cache, [token])) for token in range(259)]
    assert sum(chances) == pytest.approx(1, abs=1e-6)
    a, b = ord("a"), ord("b")
    expected = log_softmax(cache.logits)[a] + log_softmax(decoder.step(cache, a).logits)[b]
    assert decoder.score(cache, [a, b]) == pytest.approx(expected, abs=1e-4)


def test_it_stops_at_an_end_token_unless_told_otherwise(decoder_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ending"
    shutil.copytree(decoder_folder, folder)
    facts = json.loads((folder / "model.json").read_text())
    tokens = Decoder(folder).generate(PROMPT, 12).tokens
    last = tokens[-1]
    (folder / "model.json").write_text(json.dumps(facts | {"end": [last]}))
    model = Decoder(folder)
    answer = model.generate(PROMPT, 12)
    assert answer.finish == "end" and answer.tokens == tokens[: tokens.index(last)]
    decoding = model.decode(model.prefill(PROMPT), 12, ignore_end=True)
    assert len(list(decoding)) == 12 and last not in decoding.tokens and decoding.finish == "length"


def test_a_prompt_beyond_the_context_is_refused(decoder: Decoder) -> None:
    limit = decoder.bundle.max_tokens
    with pytest.raises(Refused) as refused:
        decoder.prefill("x" * limit)
    (found,) = refused.value.diagnostics
    assert found.slug == "prompt-too-long" and f"{limit + 1} tokens are more than" in found.message


def test_an_answer_ends_where_the_context_does(decoder: Decoder) -> None:
    answer = decoder.generate("x" * (decoder.bundle.max_tokens - 4), 50)
    assert len(answer.tokens) == 3 and answer.finish == "length"


def _cut(folder: Path) -> None:
    (folder / "decode.onnx").write_bytes((folder / "decode.onnx").read_bytes()[:500])


def _garble(folder: Path) -> None:
    (folder / "prefill.onnx").write_bytes(b"not a model")


def _drop_weights(folder: Path) -> None:
    (folder / "weights.bin").unlink()


def _drop_facts(folder: Path) -> None:
    (folder / "model.json").unlink()


def _write_facts(text: str):
    return lambda folder: (folder / "model.json").write_text(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "decode.onnx"),
        (_garble, "prefill.onnx"),
        (_drop_weights, "weights.bin"),
        (_drop_facts, "model.json"),
        (_write_facts("[]"), "model.json"),
        (_write_facts("{"), "model.json"),
        (_write_facts('{"schema": 2}'), "schema 2 is not known"),
        (
            _write_facts(
                '{"schema": 1, "name": "x", "role": "rerank", "stand_in": true, "max_tokens": 1, "tokenizer": "bytes",'
                ' "end": []}'
            ),
            "a model for `rerank`, not for `decoder`",
        ),
        (
            _write_facts(
                '{"schema": 1, "name": "x", "role": "decoder", "stand_in": true, "max_tokens": 1,'
                ' "tokenizer": "../t.json", "end": []}'
            ),
            "no file of this folder",
        ),
    ],
)
def test_a_damaged_folder_is_refused(damage: object, message: str, decoder_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(decoder_folder, folder)
    assert callable(damage)
    damage(folder)
    with pytest.raises(Refused) as refused:
        Decoder(folder)
    (found,) = refused.value.diagnostics
    assert found.slug == "model-unreadable" and message in found.message


def test_a_token_that_the_embeddings_lack_is_told(decoder: Decoder) -> None:
    """As where a tokenizer is of another checkpoint."""
    with pytest.raises(Refused, match="cannot be opened: prefill.onnx: "):
        decoder.prefill([3, 100_000])
    with pytest.raises(Refused, match="cannot be opened: decode.onnx: "):
        decoder.step(decoder.prefill([3]), 100_000)
