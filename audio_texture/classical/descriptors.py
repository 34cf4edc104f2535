"""Descriptors of grains: how loud, bright, noisy, high and busy each part of a recording is.

N samples, G grains, F frequency bins.
"""

import numpy as np
import scipy.signal

from audio_texture.classical import pitch

_FRAME_SECONDS = 0.032  # of spectra; a grain's spectrum is the mean of those within it
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 16_000.0  # what centroid and flatness see
_SILENCE = 1e-10  # power over the recording's own that counts as none (-100 dB)
_BLOCK = 512  # spectra at once, which bounds memory


def describe_grains(
    wave: np.ndarray, starts: np.ndarray, window: np.ndarray, *, sample_rate: int
) -> dict[str, np.ndarray]:
    """Descriptors of grains of a recording, of all channels together.

    Args:
      wave: [C, N].
      starts: first samples of grains [G], ascending.
      window: that grains are played with [L]; all grains lie within the wave.
      sample_rate: in Hz.
    Returns:
      By the names of `descriptor_path.UNITS`, arrays [G] of:
      loudness: level under the window in dB over the recording's RMS, at least -100.
      centroid: centre of gravity of the power spectrum, in Hz.
      flatness: geometric over arithmetic mean of the power spectrum: near 0 for a tone, towards 1
        for white noise.
      pitch: median in Hz where at least half of the grain has one; otherwise nan.
      crossings: changes of sign per second, at least 1.
    Example:
      >>> tone = np.sin(2 * np.pi * 500 * np.arange(4000) / 8000)[None]
      >>> grains = describe_grains(tone, np.array([0, 1000]), np.ones(800), sample_rate=8000)
      >>> {name: round(float(grains[name][1]), 2) for name in ("loudness", "centroid", "pitch")}
      {'loudness': 0.0, 'centroid': 500.0, 'pitch': 500.0}
    """
    length = len(window)
    ends = starts + length
    power = wave.astype(np.float64) ** 2
    weights = window**2 / np.sum(window**2)
    level = scipy.signal.oaconvolve(np.mean(power, axis=0), weights[::-1], "valid")[starts]
    level = level / max(np.mean(power), np.finfo(float).tiny)
    centroid, flatness = _spectral(wave, starts, length, sample_rate)
    track = pitch.track_pitch(wave, sample_rate=sample_rate)
    return {
        "loudness": 10 * np.log10(np.maximum(level, _SILENCE)),
        "centroid": centroid,
        "flatness": flatness,
        "pitch": _pitches(track, starts / sample_rate, ends / sample_rate),
        "crossings": _crossings(wave, power, starts, ends, sample_rate),
    }


def _spectral(wave, starts, length, sample_rate):
    """Centroid in Hz and flatness of each grain's mean power spectrum, [G] both."""
    window = min(round(_FRAME_SECONDS * sample_rate), length)
    spacing = int(np.min(np.diff(starts), initial=window))
    hop = max(1, min(window // 2, spacing))
    taper = np.hanning(window + 2)[1:-1]
    frequencies = np.fft.rfftfreq(window, 1 / sample_rate)
    inside = (frequencies >= _LOWEST_HZ) & (frequencies <= _HIGHEST_HZ)
    inside[1] = True  # also where a window is shorter than a period of the lowest frequency
    frequencies = frequencies[inside]
    frames = np.lib.stride_tricks.sliding_window_view(wave, window, axis=1)[:, ::hop]
    sums = np.zeros((frames.shape[1] + 1, len(frequencies)))
    for i in range(0, frames.shape[1], _BLOCK):
        spectra = np.fft.rfft(frames[:, i : i + _BLOCK] * taper)[..., inside]
        sums[i + 1 : i + _BLOCK + 1] = np.mean(np.abs(spectra) ** 2, axis=0)
    np.cumsum(sums, axis=0, out=sums)
    # The frames that lie wholly in a grain; at least one.
    first = np.minimum(-(-starts // hop), frames.shape[1] - 1)
    last = np.maximum((starts + length - window) // hop, first)
    spectra = (sums[last + 1] - sums[first]) / (last + 1 - first)[:, None]
    spectra = spectra + _SILENCE * np.mean(sums[-1]) / frames.shape[1] + np.finfo(float).tiny
    mean = np.mean(spectra, axis=1)
    flatness = np.exp(np.mean(np.log(spectra), axis=1)) / mean
    return spectra @ frequencies / (mean * len(frequencies)), flatness


def _pitches(track, start_seconds, end_seconds):
    """Median pitch of each grain in Hz, nan for grains with less than half of it pitched; [G]."""
    first = np.searchsorted(track.seconds, start_seconds)
    last = np.maximum(np.searchsorted(track.seconds, end_seconds), first + 1)
    pitches = np.full(len(first), np.nan)
    voiced = np.pad(np.cumsum(track.is_voiced), (1, 0))
    last = np.minimum(last, len(track.seconds))
    shares = (voiced[last] - voiced[np.minimum(first, last)]) / np.maximum(last - first, 1)
    for i in np.flatnonzero(shares >= 0.5):
        pitches[i] = np.nanmedian(track.frequency[first[i] : last[i]])
    return pitches


def _crossings(wave, power, starts, ends, sample_rate):
    """Changes of sign per second, the mean over channels weighted by their powers; [G]."""
    changes = np.signbit(wave[:, 1:]) != np.signbit(wave[:, :-1])
    sums = np.pad(np.cumsum(changes, axis=1), ((0, 0), (1, 0)))
    counts = sums[:, ends - 1] - sums[:, starts]
    weights = np.sum(power, axis=1) / max(np.sum(power), np.finfo(float).tiny)
    return np.maximum(weights @ counts * sample_rate / (ends - starts), 1.0)
