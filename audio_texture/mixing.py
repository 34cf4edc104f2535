"""Finds the weights at which a mixture of several sounds is equally far from all of them.

Distances count in units of how much a recording differs from itself (metrics). In these units, a
result half way between two spectra may be three times as far from steady rain as rain is from
itself, and as near to waves, which come and go, as other waves are. The level matters too: between
a sound of few bands and a sound of many, all bands of the mixture are raised, which brings it
nearer to the sound of many.

So the distance of a mixture from each reference is predicted from the references alone, in units of
the distance between that reference's halves, and the weights are solved for at which all distances
are equal. There are two kinds of distance. Distances of patches, in each band's standard
deviations, place the spectrum. Distances of auditory statistics follow the spectrum in the means of
the envelopes; in the other statistics they can have weights of their own.

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
from audio_texture.terms import waves

# Halves of fewer frames say nothing about a recording, nor do recordings of less than this many
# seconds. Auditory statistics need twice as long.
_FEWEST_FRAMES, _SHORTEST = 8, 0.5
# Least distance between halves, as chance makes it in steady noise: of patches, in standard
# deviations, and of 2 s, in all of `auditory.UNITS`.
_LEAST_PATCH_DISTANCE, _LEAST_AUDITORY_DISTANCE = 0.1, 4.8
# Quantiles of patches along a direction, and most patches that they are taken of.
_QUANTILES, _MOST_PATCHES = 100, 4096
# Largest logarithm of a weight's factor.
_MOST_LOG_FACTOR = 4.0

Balance = dict[str, np.ndarray]
# Parts [R] of a mixture, which add up to one -> its distance from each reference, [R].
Distances = Callable[[np.ndarray], np.ndarray]


def balanced(weights: Weights, balance: Mapping[str, Weights] | None) -> np.ndarray:
    """Returns weights that add up to one, times their spectrum's balance if there is one.

    In a morph the products still change linearly.

    Returns:
      [R] float64.
    Example:
      >>> balanced([1.0, 1.0], {"spectrum": [2.0, 0.5]}).tolist()
      [1.0, 0.25]
    """
    return np.divide(weights, np.sum(weights)) * (balance["spectrum"] if balance else 1.0)


def interpolate_weights(
    weights: Weights, morph_to: Sequence[float] | None, place: float
) -> np.ndarray:
    """Returns the weights at a place of a morph, as parts that add up to one. [R] float64

    Args:
      weights: at the beginning, [R].
      morph_to: weights at the end, [R]; None where there is no morph.
      place: from 0 (the beginning) to 1 (the end).
    Example:
      >>> interpolate_weights([1.0, 0.0], [0.0, 2.0], 0.25).tolist()
      [0.75, 0.25]
    """
    begin, end = (
        np.divide(values, np.sum(values))
        for values in (weights, weights if morph_to is None else morph_to)
    )
    return (1 - place) * begin + place * end


def balance(references: Sequence[np.ndarray], *, sample_rate: int, heard: bool) -> Balance:
    """Returns factors of weights that put a mixture of equal weights equally far from all
    references.

    With more than two references the factors come as near as possible to the balance of every pair.
    Equal distances from all would leave nothing to a reference that lies between the others.

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
    even: Balance = dict.fromkeys(("spectrum", "heard"), np.ones(len(references), np.float32))
    shortest = min(wave.shape[1] for wave in references) / sample_rate
    if shortest < _SHORTEST:
        return even
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
        return even
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
    """Quantiles, along directions, of patches of a width, in the units of one reference.

    Attributes:
      references: [R, Q, S], of all references.
      halves: two of [Q, S], of the reference whose units they are in.
      level_gain: [S], what one unit of log power adds along each direction.
    """

    references: np.ndarray
    halves: list[np.ndarray]
    level_gain: np.ndarray


def _patch_distances(
    views: Sequence[Sequence[np.ndarray]], raised_log_power: Callable[[np.ndarray], float]
) -> Distances | None:
    """Returns a predictor of distances by log-mel patches; None if halves are too short.

    Quantiles of a mixture's patches are predicted to lie between those of the references. Patches
    are also what mixtures are judged by: each band's mean and standard deviation alone predict
    other weights.

    Args:
      views: of `metrics.compute_views`, for each of the R references.
      raised_log_power: parts [R] -> what the level of their mixture is raised by, in log power.
    """
    quantiles: list[list[_PatchQuantiles]] = [[] for _ in views]
    for logs in zip(*views, strict=True):
        for width in metrics.PATCH_WIDTHS:
            if max(2 * width, _FEWEST_FRAMES) <= min(map(len, logs)) // 2:
                for of_reference, log in zip(quantiles, logs, strict=True):
                    of_reference.append(_patch_quantiles(log, logs, width))
    if not quantiles[0]:
        return None
    own = [
        max(
            np.mean([np.mean(np.abs(np.subtract(*view.halves))) for view in of_reference]),
            _LEAST_PATCH_DISTANCE,
        )
        for of_reference in quantiles
    ]

    def mixture_distance(view, parts, louder):
        predicted = np.tensordot(parts, view.references, 1) + louder * view.level_gain[None]
        return np.mean([np.mean(np.abs(predicted - half)) for half in view.halves])

    def distances(parts):
        louder = raised_log_power(parts)
        means = [
            np.mean([mixture_distance(view, parts, louder) for view in of_reference])
            for of_reference in quantiles
        ]
        return np.array(means) / np.array(own)

    return distances


def _patch_quantiles(
    reference: np.ndarray, logs: Sequence[np.ndarray], width: int
) -> _PatchQuantiles:
    """Returns quantiles of patches of all log bands [T, B], in units of those of `reference`."""
    mean, std = metrics.band_mean_std(reference)
    directions = np.random.default_rng(width).standard_normal(
        (width * len(mean), waves.DIRECTIONS), np.float32
    )
    directions /= np.linalg.norm(directions, axis=0)

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

    The spectrum, and with it the envelopes' means, is that of `spectrum_parts`, whatever the parts
    of the other statistics are. The other arguments are as of `_patch_distances`.
    """
    halves = [
        _auditory_groups(half, sample_rate)
        for wave in waves
        for half in (wave[:, : wave.shape[1] // 2], wave[:, -(wave.shape[1] // 2) :])
    ]
    groups = [np.stack(values).reshape(len(waves), 2, -1) for values in zip(*halves, strict=True)]
    # A sum of norms, one a group, as in quality.py: in a sum of squares, as in the objective,
    # levels would outweigh the rest.
    seconds_factor = np.sqrt([4 * sample_rate / wave.shape[1] for wave in waves])
    by_chance = _LEAST_AUDITORY_DISTANCE * seconds_factor
    own = np.maximum(
        sum(np.linalg.norm(group[:, 0] - group[:, 1], axis=1) for group in groups), by_chance
    )
    levels, *others = (np.mean(group, axis=1) for group in groups)
    # Envelopes are amplitudes to the power of 0.3.
    shift = 0.15 * raised_log_power(spectrum_parts)
    shift = shift / (auditory.UNITS.mean * np.sqrt(levels.shape[1]))
    level_distances = np.linalg.norm(spectrum_parts @ levels + shift - levels, axis=1)

    def distances(parts):
        others_sum = sum(np.linalg.norm(parts @ group - group, axis=1) for group in others)
        to_whole = level_distances + others_sum
        # From the halves: a half lies half its distance to the other from the whole, and it has
        # chance differences of its own, as a result has.
        return np.sqrt(to_whole**2 + own**2 / 4 + 0.75 * by_chance**2) / own

    return distances


@functools.partial(jax.jit, static_argnames="sample_rate")
def _auditory_groups(wave: jax.Array, sample_rate: int) -> list[jax.Array]:
    """Returns the groups of the auditory statistics of a wave [C, N] as vectors, whose squared
    differences add up to the objective's distance.
    """
    groups = auditory.comparable(losses.auditory_statistics(sample_rate).fit(wave.T))
    return [
        jnp.ravel(values) / (unit * np.sqrt(values.size))
        for values, unit in zip(groups, auditory.UNITS, strict=True)
    ]


def solve_equidistant_weights(distances: Distances, count: int) -> np.ndarray:
    """Returns the weights of `count` references at which all their distances are equal.

    A reference that is too far gets more weight, until all are equal.

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
