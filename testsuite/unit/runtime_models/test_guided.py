"""Structured answers are valid JSON, whatever the model would like to say."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentc.backends.onnx import emit_model
from agentc.plan.models import ModelShape
from agentc.runtime.models.fields import Field, check_answer, parse_fields
from agentc.runtime.models.guided import Vocabulary, fill
from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.sampling import Sampler

FIELDS = parse_fields(
    {"go": "bool", "why": "text", "score": "number", "mood": ["good", "so so", 'odd "one"', "größer"]}
)


@given(seed=st.integers(0, 2**32), temperature=st.sampled_from([0.0, 0.7, 3.0]), prompt=st.text(max_size=20))
@settings(max_examples=25)
def test_answers_are_valid(decoder: Decoder, seed: int, temperature: float, prompt: str) -> None:
    filled = fill(decoder, prompt, FIELDS, Sampler(temperature, seed=seed), text_tokens=8)
    assert json.loads(filled.text) == filled.values == check_answer(filled.values, FIELDS)
    assert list(filled.values) == ["go", "why", "score", "mood"]
    assert len(str(filled.values["why"])) <= 8 and str(filled.values["why"]).isprintable()


def test_the_answer_streams_and_its_tokens_are_counted(decoder: Decoder) -> None:
    heard: list[str] = []
    cache = decoder.prefill("x")
    filled = fill(decoder, cache, FIELDS, on_token=heard.append)
    assert "".join(heard) == filled.text == decoder.tokenizer.decode(filled.tokens)
    assert fill(decoder, "x", FIELDS) == filled


def test_no_fields_is_an_empty_object(decoder: Decoder) -> None:
    assert fill(decoder, "x", ()).text == "{}"


def test_a_choice_is_the_one_that_the_model_finds_likeliest(decoder: Decoder) -> None:
    choices = ["alpha", "beta", "gamma", "delta"]
    for prompt in ("one", "two", "three"):
        filled = fill(decoder, prompt, (Field("c", "enum", tuple(choices)),))
        texts = [f'{prompt}{{"c": "{choice}"' for choice in choices]
        cache = decoder.prefill(f'{prompt}{{"c": ')
        scores = [decoder.score(cache, decoder.tokenizer.encode(f'"{choice}"', special=False)) for choice in choices]
        assert filled.values["c"] == choices[int(np.argmax(scores))]
        assert filled.text == texts[int(np.argmax(scores))].removeprefix(prompt) + "}"


def test_a_seeded_sampler_draws_choices_too(decoder: Decoder) -> None:
    field = (Field("c", "enum", ("a", "b", "c")),)
    drawn = {fill(decoder, "x", field, Sampler(5.0, seed=seed)).values["c"] for seed in range(30)}
    assert len(drawn) > 1
    assert fill(decoder, "x", field, Sampler(5.0, seed=1)) == fill(decoder, "x", field, Sampler(5.0, seed=1))


class _Stubborn(Decoder):
    """A model that always finds one token likeliest."""

    want: str = ""

    def step(self, cache, token):  # type: ignore[no-untyped-def]
        return self._bent(super().step(cache, token))

    def extend(self, cache, tokens):  # type: ignore[no-untyped-def]
        return self._bent(super().extend(cache, tokens))

    def _bent(self, cache):  # type: ignore[no-untyped-def]
        for rank, character in enumerate(reversed(self.want)):
            cache.logits[ord(character)] = 100.0 + rank
        return cache


@pytest.mark.parametrize(
    ("want", "text"),
    [
        ("-", "-0"),
        ("0", "0"),
        ("0.", "0.0"),
        ("-.", "-0"),
        ("9", "9" * 15),
        (".", "0.0"),
        ("-0.", "-0.0"),
        (",", "0"),
        ("e", "0"),
    ],
)
def test_numbers_keep_to_the_grammar(want: str, text: str, decoder_folder: Path) -> None:
    """A model that insists on a character gets only as far as JSON allows."""
    model = _Stubborn(decoder_folder)
    model.want = want
    filled = fill(model, "x", (Field("n", "number"),))
    value = json.loads(filled.text)["n"]
    assert value == filled.values["n"]
    assert len(filled.text) <= len('{"n": }') + 16
    if want in ("9", "0", "0."):
        assert filled.text.startswith(f'{{"n": {text[:3]}'.removesuffix("."))


@pytest.mark.parametrize("want", ['"', "\\", "\n", "\x00", "}", "ab"])
def test_texts_cannot_leave_their_quotes(want: str, decoder_folder: Path) -> None:
    model = _Stubborn(decoder_folder)
    model.want = want
    filled = fill(model, "x", (Field("t", "text"), Field("u", "bool")), text_tokens=5)
    assert json.loads(filled.text) == filled.values
    assert (filled.values["t"] == "") == (want == '"')


def test_only_pieces_that_need_no_escape_are_plain() -> None:
    pieces = ("a", 'a"b', '"', '"}', "\\", "a\\", "a\n", None, "é", " b")
    vocabulary = Vocabulary(pieces, 12)
    plain = [piece for piece, good in zip(vocabulary.pieces, vocabulary.plain, strict=True) if good]
    assert plain == ["a", "é", " b"]
    assert [p for p, good in zip(vocabulary.pieces, vocabulary.closing, strict=True) if good] == ['"', '"}']


def test_a_vocabulary_of_longer_pieces(tmp_path: Path) -> None:
    """Pieces of several characters, as real vocabularies have: some hold quotes, digits, or half a character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=259, initial_alphabet=alphabet, show_progress=False)
    fast.train_from_iterator(['"}', "12", "ab"], trainer)
    emit_model(ModelShape("m", "decoder", 1, 64, 4, 2), tmp_path, role="decoder", weights=None)
    fast.save(str(tmp_path / "tokenizer.json"))
    facts = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(facts | {"tokenizer": "tokenizer.json", "stand_in": False}))
    model = Decoder(tmp_path)
    for seed in range(10):
        filled = fill(model, "x", FIELDS, Sampler(2.0, seed=seed), text_tokens=12)
        assert json.loads(filled.text) == filled.values == check_answer(filled.values, FIELDS)
