"""Whisper's ears: the log-mel spectrogram of a window of sound (arXiv 2212.04356, section 2.2)."""

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WINDOW: Final = 400
"""Samples of a frame, 25 ms."""
HOP: Final = 160
"""Samples from frame to frame, 10 ms."""
_RATE: Final = 16000
_FLOOR: Final = 1e-10
_RANGE: Final = 8.0
"""Decades below the loudest that are kept."""


def log_mel(samples: Floats, bands: int) -> Floats:
    """``[bands, len(samples) / 160]``: power in mel bands, its logarithm to about -1 to 1."""
    padded = np.pad(samples.astype(np.float64), WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:-1]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.square(np.abs(np.fft.rfft(frames * hann, axis=-1)))
    logs = np.log10(np.maximum(power @ mel_filters(bands), _FLOOR)).T
    logs = np.maximum(logs, logs.max() - _RANGE)
    return ((logs + 4.0) / 4.0).astype(np.float32)


@cache
def mel_filters(bands: int) -> npt.NDArray[np.float64]:
    """Triangles ``[frequencies, bands]`` of equal area from 0 to 8 kHz, on Slaney's scale."""
    edges = _hertz(np.linspace(_mel(np.array(0.0)), _mel(np.array(_RATE / 2)), bands + 2))
    frequencies = np.linspace(0, _RATE / 2, WINDOW // 2 + 1)
    slopes = edges[None, :] - frequencies[:, None]
    widths = np.diff(edges)
    rising, falling = -slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))


_LINEAR: Final = 200.0 / 3
"""Hertz of a mel below 1 kHz; above it, 27 mels are a factor of 6.4."""
_KNEE: Final = 1000.0
_STEP: Final = float(np.log(6.4) / 27)


def _mel(hertz: npt.NDArray[Any]) -> npt.NDArray[Any]:
    above = _KNEE / _LINEAR + np.log(np.maximum(hertz, _KNEE) / _KNEE) / _STEP
    return np.where(hertz < _KNEE, hertz / _LINEAR, above)


def _hertz(mel: npt.NDArray[Any]) -> npt.NDArray[Any]:
    knee = _KNEE / _LINEAR
    return np.where(mel < knee, mel * _LINEAR, _KNEE * np.exp(_STEP * (np.maximum(mel, knee) - knee)))
