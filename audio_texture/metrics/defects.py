"""Defects that a likeness ratio does not show: silence, clicks and clipping.

N samples, C channels.
"""

import numpy as np
import scipy.ndimage

from audio_texture.metrics.preparation import slice_frames

_JUMP = 1.5  # times the largest relative jump of the reference
_FULL_SCALE = 0.9999


def silent_share(wave: np.ndarray, *, sample_rate: int) -> float:
    """Share of 50 ms windows 60 dB below the sound's RMS, without its offset: [N] or [C, N].

    Use the written wave, not a preprocessed one: the filters of `preprocess` ring into short
    silences.

    Example:
      >>> wave = np.sin(np.arange(8000.0))
      >>> wave[:2000] = 0
      >>> silent_share(wave, sample_rate=8000)
      0.25
    """
    wave = np.atleast_2d(wave)
    length = round(0.05 * sample_rate)
    variances = [np.var(slice_frames(channel, length, length), axis=1) for channel in wave]
    level = np.sqrt(np.mean(variances, axis=0))
    return float(np.mean(level < 1e-3 * np.sqrt(np.mean(np.var(wave, axis=1)))))


def click_rate(candidate: np.ndarray, reference: np.ndarray, *, sample_rate: int) -> float:
    """Clicks a second: jumps unlike any in the reference, for preprocessed waves [N] and [M].

    Relative to the signal around them they are 1.5 times as large as any jump of the reference, and
    in absolute size among the largest 0.1 % of its jumps.
    """
    usual, jumps = _relative_jumps(reference, sample_rate), _relative_jumps(candidate, sample_rate)
    large = np.quantile(np.abs(np.diff(reference, 2)), 0.999)
    far = (jumps > _JUMP * np.max(usual)) & (np.abs(np.diff(candidate, 2)) > large)
    places = np.flatnonzero(far)
    count = int(np.sum(np.diff(places) > 0.005 * sample_rate)) + 1 if len(places) else 0
    return count / (len(candidate) / sample_rate)


def _relative_jumps(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Second difference over its RMS in the 25 ms around it: [N] -> [N - 2].

    The middle 5 ms, where filters ring, are left out of the RMS, so a lone jump stands far out.
    """
    second = np.abs(np.diff(wave, 2)).astype(np.float64)
    around, middle = round(0.025 * sample_rate) | 1, round(0.005 * sample_rate) | 1

    def moving_sum(length):
        return scipy.ndimage.uniform_filter1d(second**2, length, mode="nearest") * length

    outside = (moving_sum(around) - moving_sum(middle)) / (around - middle)
    floor = 1e-4 * np.mean(second**2) + np.finfo(np.float32).tiny
    return second / np.sqrt(np.maximum(outside, floor))


def clipped_share(wave: np.ndarray) -> float:
    """Share of samples at full scale with a neighbour at full scale: [C, N].

    A lone sample at full scale may be a peak that was brought there.

    Example:
      >>> clipped_share(np.array([[0.0, 1.0, 1.0, 0.0, 1.0]]))
      0.4
    """
    full = np.abs(wave) >= _FULL_SCALE
    beside = np.zeros_like(full)
    beside[:, 1:] |= full[:, :-1]
    beside[:, :-1] |= full[:, 1:]
    return float(np.mean(full & beside))
