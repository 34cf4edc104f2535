"""Likeness of two sounds, in units of the distance between the reference's halves.

`measures` defines the ratios. Waves are preprocessed unless a docstring says otherwise.
"""

import functools
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from audio_texture import spectrogram
from audio_texture.metrics.features import Features, compute_features
from audio_texture.metrics.measures import FLOOR, UNITS
from audio_texture.metrics.preparation import (
    SHORTEST_SECONDS,
    WORKING_RATE,
    check_sound,
    preprocess,
)
from audio_texture.metrics.streams import average_streams, match_streams
from audio_texture.metrics.views import view_scales


def feature_distances(a: Features, b: Features) -> dict[str, float]:
    """Distance D of each measure between two sounds: the mean over terms of difference / unit.

    The difference is the root mean square in the auditory groups and the mean absolute difference
    elsewhere. For sorted projections and quantiles the latter is the 1-Wasserstein distance.
    """

    def difference(measure, term):
        gap = a[measure][term] - b[measure][term]
        return np.sqrt(np.mean(gap**2)) if measure == "auditory" else np.mean(np.abs(gap))

    return {
        measure: float(
            np.mean([difference(measure, term) / UNITS[measure][term] for term in a[measure]])
        )
        for measure in a
    }


def measure_likeness(
    candidate: np.ndarray, reference: np.ndarray, *, sample_rate: int
) -> dict[str, float]:
    """The likeness ratios; 1 = as near as the reference's halves are to each other.

    Args:
      candidate: [N], preprocessed.
      reference: [M], preprocessed.
      sample_rate: Hz.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal(16000)
      >>> wave = preprocess(noise, sample_rate=8000, rate=8000)
      >>> round(measure_likeness(wave, wave, sample_rate=8000)["patches"], 1)  # a copy
      0.5
    """
    length = min(len(candidate), len(reference)) // 2
    middle = len(reference) // 2
    features_of = _features_by(reference, sample_rate)
    halves = [features_of(reference[:length]), features_of(reference[middle : middle + length])]
    pieces = [features_of(piece) for piece in _spread_pieces(candidate, length)]
    distances = [feature_distances(piece, half) for piece in pieces for half in halves]
    return _divide(distances, feature_distances(*halves))


def measure_likeness_over_time(
    candidate: np.ndarray,
    references: Sequence[np.ndarray],
    *,
    sample_rate: int,
    bands: Sequence[tuple[float, float]] | None = None,
    measures: Sequence[str] = ("auditory", "patches"),
    seconds: float = 2.0,
    most: int = 24,
) -> tuple[np.ndarray, np.ndarray]:
    """Likeness of each stretch of a sound to several references, to judge a mixture or morph.

    Args:
      candidate: [N] or [C, N], not preprocessed.
      references: [N_i] or [C_i, N_i] each, not preprocessed.
      sample_rate: of all, Hz.
      bands: (from, to) in Hz for each reference; only this band of both sounds is compared.
      measures: the measures whose geometric mean is taken.
      seconds: length of a stretch; at most a third of the sound, but at least 1 s.
      most: largest number of stretches.

    Returns:
      Middles of the P stretches in seconds [P], and ratios [P, R] as of `measure_likeness`.

    Raises:
      ValueError: see `check_sound`.
    """
    rate = min(sample_rate, WORKING_RATE)
    check_sound(candidate, sample_rate=sample_rate, name="the candidate")
    duration = candidate.shape[-1] / sample_rate
    length = max(SHORTEST_SECONDS, min(seconds, duration / 3))
    starts = np.linspace(0, duration - length, min(most, max(1, round(2 * duration / length) - 1)))
    ratios = np.empty((len(starts), len(references)))
    for column, reference in enumerate(references):
        filtered = candidate
        if bands:
            low, high = bands[column]
            filtered, reference = (
                np.asarray(
                    spectrogram.band(jnp.asarray(wave), sample_rate=sample_rate, low=low, high=high)
                )
                for wave in (candidate, reference)
            )
        prepared = preprocess(reference, sample_rate=sample_rate, rate=rate, name="a reference")
        for row, start in enumerate(starts):
            first = round(start * sample_rate)
            stretch = filtered[..., first : first + round(length * sample_rate)]
            piece = preprocess(stretch, sample_rate=sample_rate, rate=rate, name="a stretch")
            row_ratios = measure_likeness(piece, prepared, sample_rate=rate)
            logs = [np.log(max(row_ratios[measure], 1e-3)) for measure in measures]
            ratios[row, column] = np.exp(np.mean(logs))
    return starts + length / 2, ratios


def evaluate_heldout(
    candidate: np.ndarray,
    first_half: np.ndarray,
    second_half: np.ndarray,
    *,
    sample_rate: int,
    candidate_rate: int | None = None,
) -> dict[str, float]:
    """Likeness to the half of a recording that the candidate was not made from.

    This is stricter than `measure_likeness`: 1 is what the first half itself scores on the second.

    Args:
      candidate: [N] or [C, N], at least 1 s; made from the first half.
      first_half: [N] or [C, N], at least 1 s.
      second_half: [N] or [C, N], at least 1 s.
      sample_rate: of the halves, Hz.
      candidate_rate: of the candidate, Hz; None means the same.

    Returns:
      {measure: mean_i D(candidate piece i, second) / D(first, second)}.

    Raises:
      ValueError: see `check_sound`.
    """
    waves = {
        "the candidate": candidate,
        "the first half": first_half,
        "the second half": second_half,
    }
    streams, shares, rate = match_streams(
        waves, [candidate_rate or sample_rate, sample_rate, sample_rate]
    )

    def ratios(candidate, first, second):
        length = min(len(candidate), len(first), len(second))
        features_of = _features_by(first, rate)
        target = features_of(second[:length])
        unit = feature_distances(features_of(first[:length]), target)
        pieces = _spread_pieces(candidate, length)
        return _divide([feature_distances(features_of(piece), target) for piece in pieces], unit)

    return average_streams([ratios(*waves) for waves in streams], shares)


def _features_by(reference: np.ndarray, rate: int) -> Callable[[np.ndarray], Features]:
    """A function that computes features on the scales of a reference."""
    scales = view_scales(reference, sample_rate=rate)
    return functools.partial(compute_features, scales=scales, sample_rate=rate)


def _divide(distances: Sequence[dict[str, float]], unit: dict[str, float]) -> dict[str, float]:
    """Mean distances divided by a unit distance, which counts at least FLOOR."""
    return {
        measure: float(np.mean([row[measure] for row in distances])) / max(unit[measure], FLOOR)
        for measure in unit
    }


def _spread_pieces(wave: np.ndarray, length: int, most: int = 4) -> list[np.ndarray]:
    """Up to `most` pieces of `length` samples, evenly spread, without overlap."""
    count = min(most, len(wave) // length)
    starts = np.linspace(0, len(wave) - length, count).astype(int)
    return [wave[start : start + length] for start in starts]
