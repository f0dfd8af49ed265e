"""Speech features."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false, reportMissingParameterType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, f64, kernel, power_spectrum

HOP = 160
"""Samples between frames: 10 ms at 16 kHz."""
WINDOW = 400
"""Samples of a frame: 25 ms."""
TURN = 6.283185307179586
MEL_TOP = 45.245640471924965
"""8 kHz on Slaney's scale: linear below 1 kHz (3 mel for 200 Hz), then 27 mel for each factor of 6.4."""
MEL_STEP = 0.06875177742094912
"""ln(6.4) / 27"""


def mel_filters(points):
    """Triangles over the 201 bins of a spectrum, each of area 1 (Slaney), between neighbors of `points` in Hz."""
    bins = np.arange(201).astype(f64)[:, None] * 40.0
    low, center, high = points[:-2], points[1:-1], points[2:]
    rising, falling = (bins - low) / (center - low), (high - bins) / (high - center)
    return (np.maximum(np.minimum(rising, falling), 0.0) * (2.0 / (high - low))).astype(f32)


def hertz(mel):
    """Slaney's scale back to Hz."""
    return np.where(mel >= 15.0, 1000.0 * np.exp(MEL_STEP * (mel - 15.0)), mel * (200.0 / 3.0))


def spectra(samples):
    """Power spectra of Hann windows around every 160th sample; what is beyond either end is mirrored."""
    last = samples.shape[0] - 1
    frame = np.arange(samples.shape[0] // HOP)[:, None] * HOP
    place = np.abs(frame + np.arange(WINDOW) - WINDOW // 2)
    mirrored = np.clip(np.where(place > last, 2 * last - place, place), 0, last)
    window = 0.5 - 0.5 * np.cos(np.arange(WINDOW).astype(f64) * (TURN / WINDOW))
    return power_spectrum(samples[mirrored] * window.astype(f32))


def compressed(mel):
    """Whisper's logarithm: the upper 8 decades, moved to about -1 … 1."""
    logs = np.log10(np.maximum(mel, 1e-10))
    return (np.maximum(logs, np.max(logs) - 8.0) + 4.0) / 4.0


@kernel
def log_mel_spectrogram(samples: f32["t"]) -> f32[80, "t//160"]:
    """Whisper's features of audio at 16 kHz (Radford et al., 2022): 25 ms windows every 10 ms, 80 mel bands."""
    points = hertz(np.arange(82).astype(f64) * (MEL_TOP / 81.0))
    return compressed(spectra(samples) @ mel_filters(points)).T


@kernel
def log_mel_spectrogram_128(samples: f32["t"]) -> f32[128, "t//160"]:
    """As `log_mel_spectrogram` with 128 bands: what Whisper's third version hears."""
    points = hertz(np.arange(130).astype(f64) * (MEL_TOP / 129.0))
    return compressed(spectra(samples) @ mel_filters(points)).T
