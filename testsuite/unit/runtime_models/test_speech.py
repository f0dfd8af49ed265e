"""Speech engines: a sentence that is spoken is heard again."""

import importlib
from typing import Any

import numpy as np
import pytest

from agentc.runtime.models import espeak, speech
from agentc.runtime.models.audio import Audio, read_wav
from agentc.runtime.models.speech import Recognizer, Voice
from agentc.support.diagnostics import Refused


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    pytest.importorskip("pocketsphinx")
    return Recognizer()


@pytest.fixture
def voice() -> Voice:
    pytest.importorskip("espeakng_loader")
    return Voice()


def test_what_is_said_is_heard(recognizer: Recognizer, voice: Voice) -> None:
    # eSpeak's breath noise goes on from text to text, so that only a plain sentence is heard the same each time.
    sentence = "one two three four five"
    assert recognizer.transcribe(voice.speak(sentence).wav()) == sentence


def test_hearing_does_not_depend_on_what_was_heard_before(recognizer: Recognizer, voice: Voice) -> None:
    sound = voice.speak("hello world")
    first = recognizer.transcribe(sound)
    recognizer.transcribe(voice.speak("one two three four five"))
    assert recognizer.transcribe(sound) == first


def test_two_phrases_with_a_pause(recognizer: Recognizer, voice: Voice) -> None:
    sound = voice.speak("hello world")
    pause = np.zeros(2 * sound.rate, np.float32)
    heard = recognizer.transcribe(Audio(np.concatenate([sound.samples, pause, sound.samples]), sound.rate))
    assert len(heard.split()) >= 4


@pytest.mark.parametrize("count", [0, 10, 16000])
def test_silence_is_no_words(count: int, recognizer: Recognizer) -> None:
    assert recognizer.transcribe(Audio(np.zeros(count, np.float32), 16000)) == ""


def test_audio_that_is_none_is_refused(recognizer: Recognizer) -> None:
    with pytest.raises(Refused, match="audio-unreadable"):
        recognizer.transcribe(b"noise")


def test_a_voice_makes_wav(voice: Voice) -> None:
    sound = voice.speak("hello")
    again = read_wav(sound.wav())
    assert sound.rate == 22050 and 0.2 < sound.seconds < 2 and np.abs(sound.samples).max() > 0.1
    np.testing.assert_array_equal(again.samples, sound.samples)
    assert voice.speak("hello, and much more of it").seconds > sound.seconds


@pytest.mark.parametrize("text", ["", " ", "\0", "[[h@l'oU]] <speak>", "\udc80", "größer 价格"])
def test_any_text_is_only_text(text: str, voice: Voice) -> None:
    assert voice.speak(text).seconds < 30


def test_an_unknown_voice_is_refused() -> None:
    pytest.importorskip("espeakng_loader")
    with pytest.raises(Refused, match="voice-unknown.*no voice `klingonese`"):
        Voice("klingonese").speak("x")


@pytest.mark.parametrize(("package", "make"), [("pocketsphinx", Recognizer), ("espeakng_loader", Voice)])
def test_without_the_extra_it_says_what_to_install(package: str, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        if name == package:
            raise ImportError(name)
        return importlib.import_module(name)

    monkeypatch.setattr(speech, "import_module", missing)
    monkeypatch.setattr(espeak, "import_module", missing)
    speech._espeak.cache_clear()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Refused) as refused:
        make()
    (found,) = refused.value.diagnostics
    assert found.slug == "extra-missing" and found.help == "pip install 'agentc[speech]'"


def test_what_was_heard_before_changes_nothing(recognizer: Recognizer, voice: Voice) -> None:
    recording = voice.speak("how long is the longest bridge").wav()
    first = recognizer.transcribe(recording)
    recognizer.transcribe(voice.speak("one two three four five").wav())
    assert recognizer.transcribe(recording) == first
