"""Finds the weights at which a mixture of several sounds is equally far from all of them.

A distance from a recording is measured in units of the distance between that recording's halves
(metrics). Steady rain has small units, waves, which come and go, have large ones: a result half way
between their spectra is three units from the rain and one from the waves. Levels matter too: in a
mixture of a sound of few bands with a sound of many, all bands are raised when the level is set,
which brings it nearer to the sound of many.

So the distance of a mixture from each reference is predicted from the references alone, in these
units, and the weights at which all distances are equal are solved for. There are two kinds of
distance. Distances of patches, in units of each band's std, decide the weights of the spectrum. In
the auditory statistics, the means of the envelopes follow the spectrum; the other statistics have
weights of their own.

R references, B bands, T frames, S directions, Q quantiles.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import auditory, canvas, losses, metrics, statistics
from audio_texture.base import Weights
from audio_texture.terms.waves import DIRECTIONS

# Halves of fewer frames say nothing about a recording, nor do recordings of less than this many
# seconds. Auditory statistics need twice as long.
_FEWEST_FRAMES, _SHORTEST = 8, 0.5
# Least distance between halves, which chance alone makes in steady noise: of patches, in units of
# the std; and of auditory statistics of 2 s, in `auditory.UNITS`.
_LEAST_PATCH_DISTANCE, _LEAST_AUDITORY_DISTANCE = 0.1, 4.8
# Number of quantiles of patches along a direction; most patches that quantiles are taken of.
_QUANTILES, _MOST_PATCHES = 100, 4096
# Largest logarithm of a weight's factor.
_MOST_LOG_FACTOR = 4.0

# Factors of the references' weights: "spectrum" and "heard" (auditory statistics) -> [R].
Balance = dict[str, np.ndarray]
# Parts [R] of a mixture, which add up to one -> its distance from each reference, [R].
Distances = Callable[[np.ndarray], np.ndarray]


def balanced(weights: Weights, balance: Mapping[str, Weights] | None) -> np.ndarray:
    """Returns weights that add up to one, times their spectrum's balance if there is one.

    Returns:
      [R] float64.
    Example:
      >>> balanced([1.0, 1.0], {"spectrum": [2.0, 0.5]}).tolist()
      [1.0, 0.25]
    """
    return np.divide(weights, np.sum(weights)) * (balance["spectrum"] if balance else 1.0)


def balance(references: Sequence[np.ndarray], *, sample_rate: int, heard: bool) -> Balance:
    """Returns factors that turn equal weights into a mixture equally far from all references.

    With more than two references, the factors balance every pair as well as possible. Equal
    distances from all at once would leave no weight to a reference that lies between the others.

    Args:
      references: waves [C, N_i].
      sample_rate: in Hz.
      heard: whether auditory statistics are matched beside the spectrum.
    Returns:
      "spectrum" (for the spectrum and the patterns in it) and "heard" (for auditory statistics),
      each [R] float32 with a geometric mean of 1. All are 1 if a reference is too short to be
      compared with itself.
    """
    logs = {name: np.zeros(len(references)) for name in ("spectrum", "heard")}
    for pair in itertools.combinations(range(len(references)), 2):
        factors = _balance_pair([references[number] for number in pair], sample_rate, heard)
        for name, values in factors.items():
            logs[name][list(pair)] += 2 / len(references) * np.log(values)
    return {name: np.exp(values).astype(np.float32) for name, values in logs.items()}


def _balance_pair(references: Sequence[np.ndarray], sample_rate: int, heard: bool) -> Balance:
    """`balance` of two references."""
    equal_weights: Balance = dict.fromkeys(
        ("spectrum", "heard"), np.ones(len(references), np.float32)
    )
    shortest = min(wave.shape[1] for wave in references) / sample_rate
    if shortest < _SHORTEST:
        return equal_weights
    rate = min(sample_rate, metrics.WORKING_RATE)
    waves = [
        metrics.normalise(wave, sample_rate=sample_rate, rate=rate)[None] for wave in references
    ]
    densities = [
        canvas.spectral_density(wave, sample_rate=rate, samples=4096, smoothing_hz=rate / 1024)
        for wave in waves
    ]

    def raised_log_power(parts):
        return -2 * np.log(canvas.lost_level(densities, parts, sample_rate=rate))

    views = [metrics.compute_views(wave[0], sample_rate=rate) for wave in waves]
    patch_distances = _patch_distances(views, raised_log_power)
    if patch_distances is None:
        return equal_weights
    spectrum = solve_equidistant_weights(patch_distances, len(waves))
    if not heard or shortest < 2 * _SHORTEST:
        return {"spectrum": spectrum, "heard": spectrum}
    spectrum_parts = spectrum / np.sum(spectrum)
    auditory_distances = _auditory_distances(waves, rate, spectrum_parts, raised_log_power)
    return {
        "spectrum": spectrum,
        "heard": solve_equidistant_weights(auditory_distances, len(waves)),
    }


class _PatchQuantiles(NamedTuple):
    """Quantiles of patches of one width along random directions, in units of one reference.

    Attributes:
      references: [R, Q, S], of all references.
      halves: two of [Q, S], of the halves of the reference that defines the units.
      level_gain: [S], what 1 of natural-log power in all bands adds along each direction.
    """

    references: np.ndarray
    halves: list[np.ndarray]
    level_gain: np.ndarray


def _patch_distances(
    views: Sequence[Sequence[np.ndarray]], raised_log_power: Callable[[np.ndarray], float]
) -> Distances | None:
    """Returns a predictor of distances by log-mel patches; None if halves are too short.

    Quantiles of a mixture's patches are predicted as weighted means of the references' quantiles.
    Patches are used because mixtures are judged by patches; each band's mean and std alone predict
    other weights.

    Args:
      views: of `metrics.compute_views`, for each of the R references.
      raised_log_power: parts [R] -> how much the mixture's natural-log power is raised.
    """
    quantiles: list[list[_PatchQuantiles]] = [[] for _ in views]
    for logs in zip(*views, strict=True):
        for width in metrics.PATCH_WIDTHS:
            if max(2 * width, _FEWEST_FRAMES) <= min(map(len, logs)) // 2:
                for own_quantiles, log in zip(quantiles, logs, strict=True):
                    own_quantiles.append(_patch_quantiles(log, logs, width))
    if not quantiles[0]:
        return None
    half_distances = [
        max(
            np.mean([np.mean(np.abs(np.subtract(*view.halves))) for view in own_quantiles]),
            _LEAST_PATCH_DISTANCE,
        )
        for own_quantiles in quantiles
    ]

    def mixture_distance(view, parts, raised):
        predicted = np.tensordot(parts, view.references, 1) + raised * view.level_gain[None]
        return np.mean([np.mean(np.abs(predicted - half)) for half in view.halves])

    def distances(parts):
        raised = raised_log_power(parts)
        means = [
            np.mean([mixture_distance(view, parts, raised) for view in own_quantiles])
            for own_quantiles in quantiles
        ]
        return np.array(means) / np.array(half_distances)

    return distances


def _patch_quantiles(
    reference: np.ndarray, logs: Sequence[np.ndarray], width: int
) -> _PatchQuantiles:
    """Returns patch quantiles of log-mel views `logs` [T, B], in units of the view `reference`."""
    mean, std = metrics.band_mean_std(reference)
    directions = statistics.random_directions(
        width * len(mean), DIRECTIONS, seed=width, dtype=np.float32
    )

    def project(log):
        step = -(-len(log) // _MOST_PATCHES)
        standardised = (log - mean) / std
        return statistics.sorted_patches(standardised, directions, quantiles=_QUANTILES, step=step)

    return _PatchQuantiles(
        np.stack(list(map(project, logs))),
        list(map(project, np.array_split(reference, 2))),
        np.tile(1 / std, width) @ directions,
    )


def _auditory_distances(
    waves: Sequence[np.ndarray],
    sample_rate: int,
    spectrum_parts: np.ndarray,
    raised_log_power: Callable[[np.ndarray], float],
) -> Distances:
    """Returns a predictor of a mixture's distances by auditory statistics.

    The envelopes' means are fixed by the spectrum, whose parts are `spectrum_parts`; the predictor
    takes the parts of the other statistics. raised_log_power: as in `_patch_distances`.
    """
    halves = [
        _auditory_groups(half, sample_rate)
        for wave in waves
        for half in (wave[:, : wave.shape[1] // 2], wave[:, -(wave.shape[1] // 2) :])
    ]
    groups = [np.stack(values).reshape(len(waves), 2, -1) for values in zip(*halves, strict=True)]
    # A sum of norms, one for each group of statistics, as in the metrics: in the objective's sum of
    # squares, levels would outweigh the rest.
    seconds_factor = np.sqrt([4 * sample_rate / wave.shape[1] for wave in waves])
    by_chance = _LEAST_AUDITORY_DISTANCE * seconds_factor
    half_distances = np.maximum(
        sum(np.linalg.norm(group[:, 0] - group[:, 1], axis=1) for group in groups), by_chance
    )
    levels, *others = (np.mean(group, axis=1) for group in groups)
    # Envelopes are amplitudes to the power of 0.3: their log is 0.15 of the log power.
    shift = 0.15 * raised_log_power(spectrum_parts)
    shift = shift / (auditory.UNITS.mean * np.sqrt(levels.shape[1]))
    level_distances = np.linalg.norm(spectrum_parts @ levels + shift - levels, axis=1)

    def distances(parts):
        others_sum = sum(np.linalg.norm(parts @ group - group, axis=1) for group in others)
        to_whole = level_distances + others_sum
        # Distances are to the halves: a half is half the distance between the halves away from the
        # whole. Chance adds differences to the half and to the result.
        return np.sqrt(to_whole**2 + half_distances**2 / 4 + 0.75 * by_chance**2) / half_distances

    return distances


@functools.partial(jax.jit, static_argnames="sample_rate")
def _auditory_groups(wave: jax.Array, sample_rate: int) -> list[jax.Array]:
    """Returns the groups of auditory statistics of a wave [C, N] as vectors, scaled so that squared
    differences add up to the objective's distance.
    """
    groups = auditory.comparable(losses.auditory_statistics(sample_rate).fit(wave.T))
    return [
        jnp.ravel(values) / (unit * np.sqrt(values.size))
        for values, unit in zip(groups, auditory.UNITS, strict=True)
    ]


def solve_equidistant_weights(distances: Distances, count: int) -> np.ndarray:
    """Returns the weights of `count` references at which all their distances are equal.

    A reference that is farther than the mean gets more weight, until all distances are equal.

    Returns:
      [count] float32, with a geometric mean of 1.
    Example:
      >>> weights = solve_equidistant_weights(lambda parts: 1 - parts * np.array([1, 0.5]), 2)
      >>> parts = weights / np.sum(weights)
      >>> [round(float(part), 2) for part in parts]
      [0.33, 0.67]
    """
    logs = np.zeros(count)
    for _ in range(60):
        parts = np.exp(logs)
        log_distances = np.log(np.maximum(distances(parts / np.sum(parts)), 1e-6))
        logs = logs + 0.5 * (log_distances - np.mean(log_distances))
        logs = np.clip(logs - np.mean(logs), -_MOST_LOG_FACTOR, _MOST_LOG_FACTOR)
    return np.exp(logs).astype(np.float32)
