"""Audio as arrays: WAV in and out, and resampling."""

import io
import wave
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agentc.support.diagnostics import Diagnostic, Refused

SPEECH_RATE: Final = 16000
"""Samples per second that speech recognizers are trained on."""

_ZERO_CROSSINGS: Final = 16
_BLOCK: Final = 65536
_RATES: Final = range(1000, 400_001)


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """One channel of samples between -1 and 1, ``rate`` of them a second."""

    samples: npt.NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate

    def at(self, rate: int) -> "Audio":
        """The same sound at another rate."""
        return self if rate == self.rate else Audio(resample(self.samples, self.rate, rate), rate)

    def pcm(self) -> bytes:
        """16-bit little-endian samples; what is too loud is clipped."""
        return np.clip(np.rint(self.samples * 32768), -32768, 32767).astype("<i2").tobytes()

    def wav(self) -> bytes:
        """A 16-bit WAV file."""
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(self.pcm())
        return buffer.getvalue()


def read_wav(data: bytes) -> Audio:
    """A WAV file of whole-number samples (8 to 32 bits); channels are averaged.

    Raises:
        Refused: ``audio-unreadable``.
    """
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, ValueError, RuntimeError, OverflowError, MemoryError) as error:
        why = str(error) or "it is cut off"
        raise Refused(Diagnostic("audio-unreadable", f"the audio is no WAV file that can be read: {why}")) from error
    if rate not in _RATES or width not in (1, 2, 3, 4):
        message = f"the audio has {rate} samples a second of {8 * width} bits"
        raise Refused(Diagnostic("audio-unreadable", message, help="send 16-bit WAV at 16 kHz"))
    whole = len(frames) // (width * channels) * width * channels
    return Audio(_samples(frames[:whole], width).reshape(-1, channels).mean(axis=1, dtype=np.float32), rate)


def _samples(frames: bytes, width: int) -> npt.NDArray[np.float32]:
    """WAV holds 8-bit samples without a sign, all others with one; 24 bits become the upper part of 32."""
    if width == 1:
        return np.frombuffer(frames, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
    if width == 3:
        padded = np.zeros((len(frames) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(frames, np.uint8).reshape(-1, 3)
        frames, width = padded.tobytes(), 4
    whole: npt.NDArray[Any] = np.frombuffer(frames, f"<i{width}")
    return whole.astype(np.float32) / np.float32(2.0 ** (8 * width - 1))


def resample(samples: npt.NDArray[np.float32], rate: int, target: int) -> npt.NDArray[np.float32]:
    """Samples at rate ``target``: interpolation by a windowed sinc that also removes what ``target`` cannot hold
    (J. O. Smith, Digital Audio Resampling, https://ccrma.stanford.edu/~jos/resample/)."""
    count = len(samples) * target // rate
    cutoff = min(1.0, target / rate)
    reach = int(np.ceil(_ZERO_CROSSINGS / cutoff))
    padded = np.pad(samples, reach + 1)
    taps = np.arange(-reach, reach + 1)
    result = np.empty(count, np.float32)
    for start in range(0, count, _BLOCK):
        places = np.arange(start, min(start + _BLOCK, count)) * (rate / target)
        nearest = np.floor(places).astype(np.int64)
        away = (places - nearest)[:, None] - taps
        kernel = cutoff * np.sinc(cutoff * away) * np.cos(np.pi / 2 * away / (reach + 1)) ** 2
        window = padded[nearest[:, None] + taps + reach + 1]
        result[start : start + len(places)] = np.einsum("ij,ij->i", window, kernel)
    return result
