"""Values at the boundary and between steps."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtime_sample import program
from xdsl.dialects.builtin import Float64Type, IntegerType, TensorType, f32, i1, i64

from agentc.dialects.agent_values import (
    AudioType,
    DocumentsType,
    EmbeddingType,
    ImageType,
    ListType,
    RecordType,
    TextType,
)
from agentc.runtime.boundary import present
from agentc.runtime.codec import decode, encode
from agentc.runtime.models.audio import Audio, read_wav
from agentc.runtime.values import Mistyped, as_text, convert, size
from agentc.support.diagnostics import Refused

SOUND = Audio(np.array([0, 0.5, -0.5], np.float32), 8000)
DOCUMENT = {"id": "0", "text": "t", "score": 0.0, "metadata": {}}


@pytest.mark.parametrize(
    ("value", "type", "expected"),
    [
        ({"a": 1}, TextType(), '{"a": 1}'),
        ([{**DOCUMENT, "id": "x"}], TextType(), "[x] t"),
        ('{"a": 1}', RecordType(), {"a": 1}),
        ("t", DocumentsType(), [DOCUMENT]),
        ([{"text": "t", "page": 3}], DocumentsType(), [{**DOCUMENT, "metadata": {"page": 3}}]),
        (("a", 1), ListType(TextType()), ["a", "1"]),
        ("no", i1, False),
        (1, i1, True),
        ("3", i64, 3),
        (2, Float64Type(), 2.0),
        (b"x", ImageType(), b"x"),
        (None, AudioType(), None),
    ],
)
def test_convert(value: object, type: Any, expected: object) -> None:
    assert convert(value, type) == expected


@pytest.mark.parametrize(
    ("value", "type", "words"),
    [
        (SOUND, TextType(), "expected text, found audio"),
        ("[1]", RecordType(), "expected a record"),
        ("maybe", i1, 'expected true or false, found text `"maybe"`'),
        (2.5, IntegerType(64), "expected a whole number"),
        (True, Float64Type(), "expected a number, found a flag"),
        ("a", EmbeddingType(), "expected numbers"),
        ([{"no": 1}], DocumentsType(), "entry 0 is a record"),
        (5, ListType(TextType()), "expected a list"),
        ("x", AudioType(), "expected audio"),
    ],
)
def test_convert_refuses(value: object, type: Any, words: str) -> None:
    with pytest.raises(Mistyped, match=words.replace("[", r"\[")):
        convert(value, type)


def test_arrays_take_the_type_of_the_tensor() -> None:
    assert convert([1, 2], EmbeddingType()).dtype == np.float32
    assert convert([1, 2], TensorType(i64, [-1])).dtype == np.int64
    assert convert([[1.0]], TensorType(f32, [-1, -1])).shape == (1, 1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_codec_keeps_json(value: object) -> None:
    assert decode(encode(value)) == value


def test_codec_keeps_arrays_sound_and_bytes() -> None:
    kept = decode(encode([SOUND, b"\x00\xff", np.array([1.5], np.float32)]))
    assert np.array_equal(kept[0].samples, SOUND.samples) and kept[0].rate == 8000
    assert kept[1] == b"\x00\xff" and kept[2].dtype == np.float32 and kept[2][0] == 1.5


@given(json_values)
def test_every_json_value_has_text_and_size(value: object) -> None:
    assert isinstance(as_text(value), str) and size(value) >= 0


BODY = """
%t = agent.input "text" {agent.source = "a.yaml:3:1"} : !agent.text
%s = agent.input "speech" : !agent.audio
%w = model.transcribe @ears(%s) shape {} : (!agent.audio) -> !agent.text
agent.output ["w"](%w) : !agent.text"""


def test_sound_comes_from_a_file_or_base64(tmp_path: Path) -> None:
    agent = program(BODY, tmp_path)
    (tmp_path / "s.wav").write_bytes(SOUND.wav())
    for speech in (f"@{tmp_path}/s.wav", base64.b64encode(SOUND.wav()).decode(), SOUND.wav(), SOUND):
        assert agent.run({"text": "x", "speech": speech}).outputs == {"w": "3 samples"}


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, ["input-missing", "input-missing"]),
        ({"text": "x", "speech": "@/nowhere.wav"}, ["input-mistyped"]),
        ({"text": "x", "speech": "@" + __file__}, ["input-mistyped"]),
        ({"text": None, "speech": "!"}, ["input-mistyped", "input-mistyped"]),
        ({"text": "x", "speach": "y"}, ["unknown-input", "input-missing"]),
    ],
)
def test_all_problems_of_a_request_at_once(tmp_path: Path, inputs: dict[str, object], expected: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        program(BODY, tmp_path).run(inputs)
    assert sorted(found.slug for found in refused.value.diagnostics) == sorted(expected)


def test_outputs_for_json(tmp_path: Path) -> None:
    outputs = {"a": SOUND, "i": b"\x89PNGx", "v": np.array([1.0]), "l": [b"x", "t"]}
    assert present(outputs)["a"] == {"audio": None, "seconds": 0.0, "rate": 8000}
    shown = present(outputs, tmp_path)
    assert read_wav(Path(shown["a"]["audio"]).read_bytes()).rate == 8000
    assert Path(shown["i"]["image"]).name == "i.png" and shown["v"] == [1.0] and shown["l"][1] == "t"
