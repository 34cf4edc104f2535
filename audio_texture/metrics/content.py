"""How much of a content a transfer preserves, frame by frame from the beginning of both sounds."""

import numpy as np
import scipy.ndimage

from audio_texture import audio
from audio_texture.metrics.contours import chroma, loudness_contour, track_pitch
from audio_texture.metrics.preparation import WORKING_RATE, preprocess
from audio_texture.metrics.views import onset_strength

_VOICED = 0.6  # least autocorrelation of a voiced frame
_FEWEST_VOICED = 12  # frames, 0.2 s
_LOUD_DB = 30  # frames more than this many dB under the loudest are ignored
_LEAST_PITCH_STD = 1 / 24  # octaves, a quarter tone


def content_preservation(
    candidate: np.ndarray,
    content: np.ndarray,
    *,
    sample_rate: int,
    candidate_rate: int | None = None,
) -> dict[str, float | None]:
    """Correlations of a transfer's contours with its content's; 1 for the content itself.

    Args:
      candidate: [N] or [C, N], at least 1 s.
      content: [M] or [C, M], at least 1 s. The shorter sound's length is compared.
      sample_rate: of the content, Hz.
      candidate_rate: of the candidate, Hz; None means the same.

    Returns:
      {measure: value}, in the order and with the meaning of `CONTENT_MEANINGS`. A value is None
      where the content has no such contour: no moving pitch, no chroma, or constant loudness.

    Raises:
      ValueError: see `check_sound`.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal(8000)
      >>> measures = content_preservation(noise, noise, sample_rate=8000)
      >>> round(measures["onsets_kept"], 2), measures["pitch_kept"]
      (1.0, None)
    """
    candidate_rate = candidate_rate or sample_rate
    rate = min(sample_rate, candidate_rate, WORKING_RATE)
    candidate, content = (
        np.atleast_2d(np.asarray(wave, np.float32)) for wave in (candidate, content)
    )
    if len(candidate) == len(content):
        # Both get the same mix, so that the same things cancel in both.
        weights = audio.mono_weights(content)
        candidate, content = weights @ candidate, weights @ content
    a = preprocess(candidate, sample_rate=candidate_rate, rate=rate, name="the candidate")
    b = preprocess(content, sample_rate=sample_rate, rate=rate, name="the content")
    length = min(len(a), len(b))
    a, b = a[:length], b[:length]
    onsets = [
        scipy.ndimage.gaussian_filter1d(onset_strength(wave, sample_rate=rate), 2.0)
        for wave in (a, b)
    ]
    loudness = [loudness_contour(wave, sample_rate=rate) for wave in (a, b)]
    return {
        "onsets_kept": _correlate(*onsets),
        "chroma_kept": _correlate_chroma(a, b, rate),
        "pitch_kept": _correlate_pitch(a, b, rate),
        "loudness_kept": _correlate(*loudness),
    }


def _correlate(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's correlation of [T] and [T]; None where b is constant, 0 where only a is."""
    a, b = a - np.mean(a), b - np.mean(b)
    if np.mean(b * b) < 1e-12:
        return None
    return float(np.mean(a * b) / np.sqrt(max(np.mean(a * a), 1e-12) * np.mean(b * b)))


def _correlate_chroma(a: np.ndarray, b: np.ndarray, rate: int) -> float | None:
    """Mean over frames of the correlation of twelve pitch classes, weighted by the content's."""
    a, b = (
        values - np.mean(values, axis=1, keepdims=True)
        for values in (chroma(wave, sample_rate=rate) for wave in (a, b))
    )
    sizes = [np.linalg.norm(values, axis=1) for values in (a, b)]
    if np.sum(sizes[1]) < 1e-9:
        return None
    correlations = np.sum(a * b, axis=1) / np.maximum(sizes[0] * sizes[1], 1e-12)
    return float(np.average(correlations, weights=sizes[1]))


def _correlate_pitch(a: np.ndarray, b: np.ndarray, rate: int) -> float | None:
    """Correlation of the pitch contours, in octaves, where the content is voiced and loud."""
    (pitch, _), (content_pitch, voicing) = (track_pitch(wave, sample_rate=rate) for wave in (a, b))
    level = loudness_contour(b, sample_rate=rate)
    frames = (voicing > _VOICED) & (level > np.max(level) - _LOUD_DB)
    # A contour that moves by less than a quarter tone has nothing to correlate with.
    if np.sum(frames) < _FEWEST_VOICED or np.std(content_pitch[frames]) < _LEAST_PITCH_STD:
        return None
    return _correlate(pitch[frames], content_pitch[frames])
