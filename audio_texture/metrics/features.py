"""The features that the likeness measures compare.

N samples, T frames, B bands, Q modulation bands, S random directions.
"""

import functools

import numpy as np
import scipy.signal

from audio_texture import auditory, statistics
from audio_texture.compiling import jit_fast_compile
from audio_texture.metrics import views
from audio_texture.metrics.preparation import CUTOFF
from audio_texture.metrics.subbands import subband_statistics

PATCH_WIDTHS = (1, 8, 32)  # frames
_DIRECTIONS = 64

Features = dict[str, dict[str, np.ndarray]]


def compute_features(
    wave: np.ndarray, scales: list[tuple[np.ndarray, np.ndarray]], *, sample_rate: int
) -> Features:
    """Features of a sound: {measure: {term: array}}, with the terms of `measures.UNITS`.

    Terms whose patches are longer than half the sound are left out.

    Args:
      wave: [N], preprocessed.
      scales: of the whole reference, as of `views.view_scales`.
      sample_rate: Hz.
    """
    auditory_statistics = _compiled_auditory()(wave, sample_rate=sample_rate)._asdict()
    standardised = [
        (view - mean) / std
        for view, (mean, std) in zip(
            views.compute_views(wave, sample_rate=sample_rate), scales, strict=True
        )
    ]
    frame_rate = 1 / views.VIEWS["8ms"][1]
    fine = standardised[0]
    broad = fine.reshape(len(fine), 8, -1).mean(axis=2)
    rhythm = _rhythm(wave, sample_rate=sample_rate)
    mean_band = np.mean(fine, axis=1, keepdims=True)
    return {
        "auditory": {name: np.asarray(value) for name, value in auditory_statistics.items()},
        "patches": {
            f"{name} x {width}": project_patches(view, width)
            for name, view in zip(views.VIEWS, standardised, strict=True)
            for width in PATCH_WIDTHS
            if 2 * width <= len(view)
        },
        "structure": {
            **_structure(broad, frame_rate),
            "modulation": _modulation(broad, frame_rate),
        },
        "rhythm": {**rhythm, "modulation": _modulation(mean_band, frame_rate)},
        "subbands": subband_statistics(wave, sample_rate=sample_rate),
    }


@functools.cache
def _compiled_auditory():
    """`_auditory` compiled; not at import, which would look for devices."""
    return jit_fast_compile(_auditory, static_argnames="sample_rate")


def _auditory(wave, *, sample_rate):
    """Auditory statistics of cochlear bands below CUTOFF; 50 ms ramps hide the step at the ends."""
    bands = 1 + np.sum(auditory.cochlear_centers(sample_rate) < CUTOFF * sample_rate)
    envelope = auditory.envelopes(wave, sample_rate=sample_rate)[:bands]
    ramps = scipy.signal.windows.tukey(envelope.shape[1], 0.1 * sample_rate / len(wave))
    weights = ramps.astype(np.float32)
    return auditory.comparable(auditory.envelope_statistics(envelope, weights))


@functools.lru_cache(maxsize=32)
def _directions(size: int) -> np.ndarray:
    """Fixed random directions [size, S] of unit length, the same for every sound."""
    return statistics.random_directions(size, _DIRECTIONS, seed=size).astype(np.float32)


def project_patches(view: np.ndarray, width: int) -> np.ndarray:
    """Sorted projections of all patches of `width` frames: [T, B] -> [T - width + 1, S].

    The mean absolute difference of two such arrays is the sliced 1-Wasserstein distance of the two
    sets of patches (Rabin, Peyre, Delon & Bernot 2011), with the same directions for every sound.
    """
    return statistics.sorted_patches(view, _directions(width * view.shape[1]))


def _structure(broad: np.ndarray, frame_rate: float) -> dict[str, np.ndarray]:
    """Patches of 1/2 s and 1 s of a view [T, 8], averaged to 31 frames a second."""
    coarse = broad[: len(broad) // 4 * 4].reshape(-1, 4, 8).mean(axis=1)
    widths = {"0.5s": round(frame_rate / 8), "1s": round(frame_rate / 4)}
    return {
        name: project_patches(coarse, width)
        for name, width in widths.items()
        if 1.25 * width <= len(coarse)
    }


def _rhythm(wave: np.ndarray, *, sample_rate: int) -> dict[str, np.ndarray]:
    """Quantiles of the logarithms of the onsets' heights and gaps, and their rate."""
    times, heights = views.detect_onsets(wave, sample_rate=sample_rate)
    duration = len(wave) / sample_rate
    quantiles = np.linspace(0.05, 0.95, 19)
    gaps = np.diff(times) if len(times) > 1 else np.array([duration])
    log_heights = (
        np.quantile(np.log(heights), quantiles) if len(heights) else np.zeros(len(quantiles))
    )
    return {
        "heights": log_heights,
        "gaps": np.quantile(np.log(gaps), quantiles),
        "rate": np.log([(len(times) + 0.5) / duration]),
    }


def _modulation(view: np.ndarray, frame_rate: float) -> np.ndarray:
    """Log power of each band's modulation in half octaves from 0.7 to 30 Hz: [T, B] -> [Q, B]."""
    view = (view - np.mean(view, axis=0)) * np.hanning(len(view))[:, None]
    power = np.abs(np.fft.rfft(view, axis=0)) ** 2 / len(view)
    frequencies = np.fft.rfftfreq(len(view), 1 / frame_rate)
    edges = 0.7 * 2 ** np.arange(0, 5.6, 0.5)
    bands = [
        (frequencies >= low) & (frequencies < high)
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ]
    return np.stack([np.log(np.mean(power[band], axis=0) + 1e-3) for band in bands if np.any(band)])
