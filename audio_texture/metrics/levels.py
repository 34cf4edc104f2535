"""Levels in third octaves, and the error of the stereo image.

N samples, C channels, B bands.
"""

import numpy as np
import scipy.fft
import scipy.signal

from audio_texture import audio
from audio_texture.metrics.preparation import WORKING_RATE
from audio_texture.metrics.streams import split_streams

# Added to a channel's power, as a share of the power of both channels (-30 dB): a fainter channel
# is masked, so its exact level does not count.
_IMAGE_FLOOR = 1e-3
_TINY = np.finfo(np.float64).tiny


def band_centers(sample_rate: int) -> np.ndarray:
    """Centres of the third octaves from 50 Hz to Nyquist, Hz [B].

    Example:
      >>> band_centers(8000)[-1].round().item()
      3175.0
    """
    centers = 1000 * 2 ** (np.arange(-13, 20) / 3)
    return centers[centers * 2 ** (1 / 6) <= sample_rate / 2]


def band_levels(wave: np.ndarray, *, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Long-term levels in third octaves from 50 Hz to Nyquist, relative to the whole power.

    Args:
      wave: [N].
      sample_rate: Hz.

    Returns:
      Centres in Hz [B] and levels in dB [B], at least -60.

    Example:
      >>> tone = np.sin(2 * np.pi * 500 * np.arange(8000) / 8000)
      >>> centers, levels = band_levels(tone, sample_rate=8000)
      >>> round(float(centers[np.argmax(levels)]))
      500
    """
    power = np.abs(scipy.fft.rfft(wave * scipy.signal.windows.tukey(len(wave), 0.05))) ** 2
    frequencies = scipy.fft.rfftfreq(len(wave), 1 / sample_rate)
    centers, half = band_centers(sample_rate), 2 ** (1 / 6)
    powers = [
        np.sum(power[(frequencies >= center / half) & (frequencies < center * half)])
        for center in centers
    ]
    shares = np.array(powers) / max(np.sum(power), np.finfo(np.float32).tiny)
    return centers, 10 * np.log10(shares + 1e-6)


def image_error(
    candidate: np.ndarray, reference: np.ndarray, *, sample_rate: int, candidate_rate: int
) -> float:
    """The error of the stereo image, dB.

    For every pair of neighbouring channels and every third octave, two ratios of levels are
    compared: left to right channel, and difference to sum, which measures width and phase. The
    result is the mean absolute error in dB, weighted by the reference's power. Time differences
    between channels count only as far as they change sum and difference.

    Args:
      candidate: [C, N].
      reference: [D, M]; a mono sound counts as equal channels.
      sample_rate: of the reference, Hz.
      candidate_rate: of the candidate, Hz.
    """
    rate = min(sample_rate, candidate_rate, WORKING_RATE)
    channels = max(len(candidate), len(reference))
    if channels == 1:
        return 0.0
    ratios, _ = _image_ratios(_stream_powers(candidate, channels, candidate_rate, rate))
    expected, weights = _image_ratios(_stream_powers(reference, channels, sample_rate, rate))
    return float(np.sum(weights * np.abs(ratios - expected)) / max(np.sum(weights), _TINY))


def _stream_powers(wave: np.ndarray, channels: int, from_rate: int, rate: int) -> np.ndarray:
    """Power in third octaves of each stream of a wave [C, N], at a common rate: [S, B]."""
    if len(wave) != channels:
        wave = audio.with_channels(wave, channels)
    powers = []
    for stream in split_streams(wave):
        audible = audio.highpass_20hz(audio.resample(stream, from_rate, rate), sample_rate=rate)
        level = audio.rms(audible)
        shares = 10 ** (band_levels(audible, sample_rate=rate)[1] / 10) if level else 0.0
        powers.append(shares * level**2 + np.zeros(len(band_centers(rate))))
    return np.stack(powers)


def _image_ratios(powers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ratios in dB of channels and of difference to sum, and the power of both: [P, B] each."""
    # S = C + 2 (C - 1) streams
    channels = (len(powers) + 2) // 3
    neighbours = [(i, i + 1) for i in range(channels - 1)]
    sums = [(channels + 2 * i + 1, channels + 2 * i) for i in range(channels - 1)]
    pairs = np.array([[powers[a], powers[b]] for a, b in neighbours + sums])
    total = np.sum(pairs, axis=1)
    lifted = pairs + (_IMAGE_FLOOR * total[:, None] + _TINY)
    return 10 * np.log10(lifted[:, 0] / lifted[:, 1]), total
