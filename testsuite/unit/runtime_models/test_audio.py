"""WAV files and resampling."""

import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.runtime.models.audio import Audio, read_wav, resample
from agentc.support.diagnostics import Refused


def _wav(frames: bytes, width: int, channels: int = 1, rate: int = 8000) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(frames)
    return buffer.getvalue()


@given(st.lists(st.integers(-32768, 32767), max_size=50), st.sampled_from([8000, 22050, 44100]))
def test_samples_come_back(values: list[int], rate: int) -> None:
    audio = Audio((np.array(values) / 32768).astype(np.float32), rate)
    again = read_wav(audio.wav())
    assert again.rate == rate and again.seconds == len(values) / rate
    np.testing.assert_array_equal(again.samples, audio.samples)


def test_what_is_too_loud_is_clipped() -> None:
    assert np.frombuffer(Audio(np.array([2, -2], np.float32), 8000).pcm(), "<i2").tolist() == [32767, -32768]


@pytest.mark.parametrize(
    ("width", "frames"),
    [
        (1, bytes([128, 192, 0])),
        (2, np.array([0, 16384, -32768], "<i2").tobytes()),
        (3, bytes(3) + b"\x00\x00\x40" + b"\x00\x00\x80"),
        (4, np.array([0, 2**30, -(2**31)], "<i4").tobytes()),
    ],
)
def test_every_width(width: int, frames: bytes) -> None:
    assert read_wav(_wav(frames, width)).samples.tolist() == [0, 0.5, -1]


def test_channels_are_averaged() -> None:
    frames = np.array([[16384, -16384], [16384, 0]], "<i2").tobytes()
    assert read_wav(_wav(frames, 2, channels=2)).samples.tolist() == [0, 0.25]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"ID3 an mp3",
        _wav(bytes(8), 2)[:30],
        _wav(bytes(8), 2, rate=10),
        _wav(bytes(8), 2).replace(b"\x01\x00\x01\x00", b"\x55\x00\x01\x00", 1),
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00" + bytes(100),
    ],
)
def test_what_is_no_wav_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="audio-unreadable"):
        read_wav(data)


@pytest.mark.parametrize(("rate", "target"), [(22050, 16000), (44100, 16000), (8000, 16000), (16000, 8000)])
def test_a_tone_stays_the_tone(rate: int, target: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    result = resample(tone, rate, target)
    expected = np.sin(2 * np.pi * 440 * np.arange(target) / target)
    assert len(result) == target
    np.testing.assert_allclose(result[200:-200], expected[200:-200], atol=3e-3)


def test_what_the_lower_rate_cannot_hold_is_removed() -> None:
    tone = np.sin(2 * np.pi * 10000 * np.arange(44100) / 44100).astype(np.float32)
    assert np.abs(resample(tone, 44100, 16000)[200:-200]).max() < 0.01


def test_long_audio_is_the_same_in_blocks() -> None:
    noise = np.random.default_rng(0).normal(size=300_000).astype(np.float32)
    whole, tail = resample(noise, 22050, 16000), resample(noise[22050 * 8 :], 22050, 16000)
    np.testing.assert_allclose(whole[16000 * 8 + 100 :], tail[100:], atol=1e-4)


def test_the_same_rate_is_the_same_audio() -> None:
    audio = Audio(np.zeros(3, np.float32), 16000)
    assert audio.at(16000) is audio and audio.at(8000).rate == 8000
