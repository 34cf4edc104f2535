"""The beats of a recording, and oscillators that keep them.

Noise alone gives a network no memory of when the last event was, so it cannot tick evenly. It is
also given oscillators at the periods of its recording, if that has any: functions of the position,
in integer arithmetic, so that they do not drift and any stretch can be made by itself.

C channels, T frames of level 0, S styles, P beats.
"""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage
import scipy.signal

from audio_texture.generators import shaping
from audio_texture.generators.config import GeneratorConfig

# Ranges of periods in seconds, one for each beat: pulses, then events.
RANGES = ((0.012, 0.15), (0.15, 2.0))
# Multiples of a beat that the network sees.
HARMONICS = (1, 2, 4, 8)
# Least autocorrelation of onsets at a period, and the share of the highest peak that a peak at a
# shorter period must have to be the period itself.
LEAST_CORRELATION, SAME = 0.25, 0.8
# Number of bands whose beat is found though the others have none.
FEW = 4
# Numbers that the network sees of all beats.
INPUTS = 2 * len(HARMONICS) * len(RANGES)


def find_beats(wave: np.ndarray, config: GeneratorConfig) -> np.ndarray:
    """Returns the beats of a recording: turns a frame, as parts of 2^32; 0 where it has none.

    A beat is a peak of the autocorrelation of onsets (rises of the levels of bands).

    Args:
      wave: [C, N] at the generator's rate.
      config: of the generator.
    Returns:
      [P] uint32.
    """
    stage, seconds = config.heard, config.hop_length / config.sample_rate
    past = jnp.zeros((len(wave), stage.n_fft - config.hop_length))
    whole = wave[:, : wave.shape[1] // config.hop_length * config.hop_length]
    spectra = np.asarray(shaping.analyse(past, jnp.asarray(whole), n_fft=stage.n_fft)[0])
    powers = np.mean(np.abs(spectra) ** 2, axis=0) @ stage.band_weights(config.sample_rate)
    levels = np.log(powers + 1e-3 * np.mean(powers, axis=0, keepdims=True) + 1e-20)
    # Smoothed, or a period of half a frame more would not repeat.
    onsets = scipy.ndimage.convolve1d(np.maximum(np.diff(levels, axis=0), 0), [0.25, 0.5, 0.25], 0)
    # Of all bands together, and of those few that repeat most: a cricket is in two bands of thirty.
    together = _autocorrelation(onsets.sum(axis=1, keepdims=True))[:, 0]
    single = _autocorrelation(onsets)
    lags = slice(*(round(edge / seconds) for edge in (RANGES[0][0], RANGES[-1][1])))
    peaks = np.max(single[lags][: len(single) // 3], axis=0, initial=0.0)
    few = np.mean(single[:, np.argsort(peaks)[-FEW:]], axis=1)
    correlation = np.maximum(together, few)
    periods = [_find_period(correlation, *np.divide(edges, seconds)) for edges in RANGES]
    return np.array([round(2**32 / period) if period else 0 for period in periods], np.uint32)


def _autocorrelation(columns):
    """Of each column [T, n], relative to lag 0; unbiased, as long lags have fewer products."""
    columns = columns - np.mean(columns, axis=0, keepdims=True)
    size = len(columns)
    power = np.abs(np.fft.rfft(columns, 2 * size, axis=0)) ** 2
    products = np.fft.irfft(power, axis=0)[:size]
    scale = np.maximum(products[:1] / size, np.finfo(np.float64).tiny)
    return products / np.maximum(np.arange(size, 0, -1), size / 4)[:, None] / scale


def _find_period(correlation, least, most):
    """A period in frames within a range, or 0."""
    peaks, _ = scipy.signal.find_peaks(correlation, height=LEAST_CORRELATION)
    most = min(most, len(correlation) / 2.5)
    inside = peaks[(peaks >= least) & (peaks <= most)]
    if not len(inside):
        return 0.0
    first = inside[np.argmax(correlation[inside] >= SAME * np.max(correlation[inside]))]
    period = _refined(correlation, first)
    # A peak at a multiple of the period tells it more exactly.
    for multiple in (2, 4, 8):
        near = peaks[np.abs(peaks - multiple * period) <= max(2, 0.02 * multiple * period)]
        if not len(near) or near[0] > 0.8 * len(correlation):
            break
        period = _refined(correlation, near[np.argmax(correlation[near])]) / multiple
    return period


def _refined(correlation, lag):
    """The lag of a peak between frames, by a parabola."""
    before, at, after = correlation[lag - 1 : lag + 2]
    curvature = before - 2 * at + after
    return float(lag + 0.5 * (before - after) / curvature) if curvature < 0 else float(lag)


def oscillate(beats: jax.Array, frames: jax.Array) -> jax.Array:
    """Returns cosines and sines of beats at frames of level 0.

    Args:
      beats: [S, P] uint32, as of `find_beats`.
      frames: [T] uint32.
    Returns:
      [S, T, INPUTS]; 0 for a beat of 0.
    """
    multiples = np.array(HARMONICS, np.uint32)
    turns = frames[None, :, None, None] * beats[:, None, :, None] * multiples[None, None, None]
    # 24 bits are exact in float32.
    angles = (turns >> 8).astype(jnp.float32) * np.float32(2 * np.pi * 2.0**-24)
    parts = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    # Shapes, not lengths: an exported step has any number of frames.
    present = (beats > 0)[:, None, :, None, None]
    return jnp.where(present, parts, 0.0).reshape(beats.shape[0], frames.shape[0], INPUTS)
