"""Log-mel views of a preprocessed sound, and its onsets.

N samples, T frames, B bands.
"""

import numpy as np
import scipy.fft
import scipy.signal

from audio_texture import spectrogram
from audio_texture.metrics.preparation import LEVEL, slice_frames

# Views for likeness, named by their hop: (frame in seconds, hop in seconds, mel bands).
VIEWS = {"8ms": (0.032, 0.008, 32), "32ms": (0.128, 0.032, 48)}

_LEAST_STD = 0.23  # 1 dB of power, as a natural logarithm
_DB = 4.34  # dB of power for a natural logarithm of 1


def log_mel(
    wave: np.ndarray, *, sample_rate: int, frame: float, hop: float, bands: int
) -> np.ndarray:
    """Log-mel spectrogram ln(mel power + floor): [N] -> [T, B] float32.

    The floor lies 70 dB below the power of white noise at LEVEL.

    Args:
      wave: [N] at LEVEL.
      sample_rate: Hz.
      frame: length of a frame, seconds.
      hop: step between frames, seconds.
      bands: number of mel bands.

    Example:
      >>> log_mel(np.ones(800, np.float32), sample_rate=8000, frame=0.032, hop=0.008, bands=4).shape
      (9, 4)
    """
    n_fft, hop_length = round(frame * sample_rate), round(hop * sample_rate)
    window = scipy.signal.get_window("hann", n_fft).astype(np.float32)
    power = np.abs(scipy.fft.rfft(slice_frames(wave, n_fft, hop_length) * window)) ** 2
    filters = spectrogram.mel_filters(sample_rate, n_fft, bands)
    filters = filters / np.sum(filters, axis=0)
    return np.log(power @ filters + 1e-7 * np.sum(window**2) * LEVEL**2)


def compute_views(wave: np.ndarray, *, sample_rate: int) -> list[np.ndarray]:
    """The log-mel views in `VIEWS` of a preprocessed wave [N], each [T, B]."""
    return [
        log_mel(wave, sample_rate=sample_rate, frame=frame, hop=hop, bands=bands)
        for frame, hop, bands in VIEWS.values()
    ]


def band_mean_std(view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and std [B] of each band of a log view [T, B]; the std is at least 1 dB of power."""
    return np.mean(view, axis=0), np.maximum(np.std(view, axis=0), _LEAST_STD)


def view_scales(reference: np.ndarray, *, sample_rate: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """`band_mean_std` of each view of a reference [N], which standardise all compared sounds."""
    return [band_mean_std(view) for view in compute_views(reference, sample_rate=sample_rate)]


def onset_strength(wave: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Onset strength every 8 ms, dB: [N] -> [T].

    It is the mean over 32 mel bands of the half-wave rectified rise over 16 ms (spectral flux).
    """
    frame, hop, bands = VIEWS["8ms"]
    view = _DB * log_mel(wave, sample_rate=sample_rate, frame=frame, hop=hop, bands=bands)
    return np.mean(np.maximum(view[2:] - view[:-2], 0), axis=1)


def detect_onsets(wave: np.ndarray, *, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds [n] and heights in dB [n] of the onsets of a preprocessed wave [N].

    Onsets are peaks of `onset_strength` with a prominence of at least 1 dB, at least 30 ms apart.

    Example:
      >>> wave = np.zeros(8000, np.float32)
      >>> wave[4000:4400] = 0.1 * np.random.default_rng(0).standard_normal(400)
      >>> times, heights = detect_onsets(wave, sample_rate=8000)
      >>> len(times), round(float(times[0]), 1)
      (1, 0.5)
    """
    frame, hop, _ = VIEWS["8ms"]
    strength = onset_strength(wave, sample_rate=sample_rate)
    peaks, properties = scipy.signal.find_peaks(
        strength, distance=round(0.03 / hop), prominence=1.0
    )
    return (peaks + 1) * hop + frame / 2, properties["prominences"]
