"""Speech to text by PocketSphinx and text to speech by eSpeak NG, from the optional extra ``speech``.

Both run on any CPU and stand in for the models that an agent names: the path is real, the quality is theirs.
"""

from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np

from agentc.runtime.models.audio import SPEECH_RATE, Audio, read_wav
from agentc.runtime.models.espeak import Espeak
from agentc.support.diagnostics import Diagnostic, Refused

_MARGIN_SECONDS = 0.3
_NOISE = 0.02
"""Of the signal's effective value, which is 34 dB below it."""


def _missing(what: str, package: str) -> Refused:
    message = f"{what} needs the package `{package}`, which is not installed"
    return Refused(Diagnostic("extra-missing", message, help="pip install 'agentc[speech]'"))


class Recognizer:
    """US English speech to text.

    Raises:
        Refused: ``extra-missing``.
    """

    def __init__(self) -> None:
        try:
            self._engine: Any = import_module("pocketsphinx")
        except ImportError as error:
            raise _missing("speech-to-text", "pocketsphinx") from error
        self._engine.set_loglevel("FATAL")
        self._decoder = self._engine.Decoder(samprate=SPEECH_RATE)
        self._channel: str = self._decoder.get_cmn(False)
        self._lock = Lock()

    def transcribe(self, audio: Audio | bytes) -> str:
        """The words that are said, in lower case; ``bytes`` are a WAV file. Silence gives an empty text.

        Raises:
            Refused: ``audio-unreadable``.
        """
        heard = (read_wav(audio) if isinstance(audio, bytes) else audio).at(SPEECH_RATE)
        pcm = in_a_room(heard).pcm()
        with self._lock:
            self._decoder.set_cmn(self._channel)  # forget the last speaker, so that equal sound gives equal words
            return " ".join(filter(None, map(self._words, self._phrases(pcm))))

    def _phrases(self, pcm: bytes) -> list[bytes]:
        """The stretches in which somebody speaks."""
        ear = self._engine.Endpointer(sample_rate=SPEECH_RATE)
        phrases: list[bytes] = []
        current: list[bytes] = []
        size: int = ear.frame_bytes
        for start in range(0, len(pcm), size):
            frame = pcm[start : start + size]
            is_last = start + size >= len(pcm)
            if speech := ear.end_stream(frame) if is_last else ear.process(frame):
                current.append(speech)
                if not ear.in_speech:
                    phrases.append(b"".join(current))
                    current = []
        return [*phrases, *([b"".join(current)] if current else [])]

    def _words(self, pcm: bytes) -> str:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return heard.hypstr if heard else ""


def in_a_room(audio: Audio) -> Audio:
    """``audio`` with faint noise and a moment before and after it: the recognizer was trained on recordings, and
    digital silence between synthetic words misleads it. True silence stays silence. The noise is seeded."""
    power = float(np.mean(np.square(audio.samples))) if audio.samples.size else 0.0
    padded = np.pad(audio.samples, int(_MARGIN_SECONDS * audio.rate))
    noise = np.random.Generator(np.random.PCG64(0)).standard_normal(padded.size) * (_NOISE * power**0.5)
    return Audio(padded + noise.astype(np.float32), audio.rate)


class Voice:
    """Text to speech.

    Raises:
        Refused: ``extra-missing``.
    """

    def __init__(self, voice: str = "en-us", words_per_minute: int = 150) -> None:
        self._voice = voice
        self._pace = words_per_minute
        self._library = _espeak()

    def speak(self, text: str) -> Audio:
        """The sound of ``text``.

        Raises:
            Refused: ``voice-unknown``.
        """
        try:
            samples = self._library.speak(text, self._voice, self._pace)
        except ValueError as error:
            help = "`en-us`, `en`, `de`, … are voices of espeak-ng"
            raise Refused(Diagnostic("voice-unknown", str(error), help=help)) from error
        return Audio(samples.astype(np.float32) * np.float32(1 / 32768), self._library.rate)


@cache
def _espeak() -> Espeak:
    """One instance a process: the library's state is global."""
    try:
        return Espeak()
    except ImportError as error:
        raise _missing("text-to-speech", "espeakng-loader") from error
    except OSError as error:
        remedy = "pip install --force-reinstall 'agentc[speech]'"
        raise Refused(Diagnostic("extra-missing", f"text-to-speech cannot start: {error}", help=remedy)) from error
