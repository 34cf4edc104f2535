"""Contours of a preprocessed sound over time: loudness, pitch classes and pitch.

N samples, T frames.
"""

import numpy as np
import scipy.fft

from audio_texture.metrics.preparation import CUTOFF, slice_frames
from audio_texture.metrics.views import VIEWS

_WINDOW_HOP = (0.064, 0.016)  # window and hop of pitch and loudness, seconds
_PITCH_RANGE = (70.0, 1600.0)  # Hz


def loudness_contour(wave: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Level in dB of 64 ms every 16 ms, cut off 60 dB under the loudest frame: [N] -> [T].

    Example:
      >>> loudness_contour(np.ones(1600), sample_rate=8000).shape
      (9,)
    """
    window, hop = (round(seconds * sample_rate) for seconds in _WINDOW_HOP)
    level = 10 * np.log10(np.mean(slice_frames(wave, window, hop) ** 2, axis=1) + 1e-20)
    return np.maximum(level, np.max(level) - 60)


def chroma(wave: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Magnitude of the twelve pitch classes every 32 ms: [N] -> [T, 12].

    It covers 130 to 4200 Hz (C3 to C8) in spectra of 128 ms. Class 0 is A.

    Example:
      >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
      >>> np.argmax(chroma(tone, sample_rate=8000), axis=1)[:2].tolist()
      [0, 0]
    """
    frame, hop, _ = VIEWS["32ms"]
    n_fft = round(frame * sample_rate)
    frames = slice_frames(wave, n_fft, round(hop * sample_rate))
    magnitude = np.abs(scipy.fft.rfft(frames * np.hanning(n_fft).astype(np.float32)))
    frequencies = scipy.fft.rfftfreq(n_fft, 1 / sample_rate)
    inside = (frequencies >= 130) & (frequencies <= min(4200, CUTOFF * sample_rate))
    classes = 12 * np.log2(frequencies[inside] / 440) % 12
    # A bin belongs to its two nearest classes. The bins of a class are averaged, because high
    # octaves hold more bins.
    shares = np.maximum(0, 1 - np.abs((classes[:, None] - np.arange(12) + 6) % 12 - 6))
    return magnitude[:, inside] @ (shares / np.sum(shares, axis=0)).astype(np.float32)


def track_pitch(wave: np.ndarray, *, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Pitch and voicing of 64 ms every 16 ms.

    The pitch is the shortest lag whose normalised autocorrelation has a peak within a tenth of the
    highest one between 70 and 1600 Hz (after Boersma 1993, without his octave costs). A parabola
    refines the lag.

    Returns:
      Octaves over 1 Hz [T], and the autocorrelation at that lag, at most about 1 [T].

    Example:
      >>> tone = np.sin(2 * np.pi * 220 * np.arange(4000) / 8000)
      >>> pitch, voicing = track_pitch(tone, sample_rate=8000)
      >>> round(float(2 ** np.mean(pitch)))
      220
    """
    window, hop = (round(seconds * sample_rate) for seconds in _WINDOW_HOP)
    taper = np.hanning(window + 2)[1:-1]
    frames = slice_frames(wave, window, hop)
    frames = (frames - np.mean(frames, axis=1, keepdims=True)) * taper
    # Four lags a sample: otherwise a peak between two samples would be lower than a peak at a
    # multiple of its lag that falls on a sample.
    lag_rate = 4 * sample_rate
    lags = np.arange(int(lag_rate / _PITCH_RANGE[1]), int(lag_rate / _PITCH_RANGE[0]) + 2)
    power = np.abs(scipy.fft.rfft(np.stack([*frames, taper]), 2 * window)) ** 2
    autocorrelation = scipy.fft.irfft(power, 8 * window)[:, : lags[-1] + 1]
    autocorrelation = autocorrelation / np.maximum(autocorrelation[:, :1], 1e-12)
    # The taper's own autocorrelation is divided out.
    values = (autocorrelation[:-1] / autocorrelation[-1])[:, lags]
    inner = values[:, 1:-1]
    peaks = np.where((inner >= values[:, :-2]) & (inner >= values[:, 2:]), inner, 0.0)
    best = np.argmax(peaks >= 0.9 * np.max(peaks, axis=1, keepdims=True), axis=1)
    rows = np.arange(len(values))
    left, middle, right = (values[rows, best + i] for i in range(3))
    bend = left - 2 * middle + right
    shift = np.clip(0.5 * (left - right) / np.minimum(bend, -1e-9), -0.5, 0.5)
    return np.log2(lag_rate / (lags[1] + best + shift)), peaks[rows, best]
