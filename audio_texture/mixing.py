"""Where between several sounds their middle lies: what their weights are multiplied by, lest equal ones make what is like one of them alone.

Likeness counts in units of how much a recording differs from itself (metrics). Half way between two spectra a result may be three
times as far from steady rain as rain is from itself, and as near to waves, which come and go, as other waves are. And it must have a
level: between a sound of few bands and one of many, all bands of the mixture are raised, and with them it draws near to that of many.

So both are foretold from the references: how far a mixture of certain shares is from each of them, in units of how far that one's halves
are from each other; and the shares found at which all are equal. There are two kinds of distance: of patches, in every band's deviations, which
places the spectrum; and of the ear's statistics, of which the envelopes' means follow the spectrum, and the others can lie elsewhere.

R references, B bands, T frames.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import auditory, canvas, matching, metrics, objective, statistics

# Halves of fewer frames say nothing about a recording, nor do recordings of less than so many seconds; to the ear those of less than twice as many.
_FEWEST_FRAMES, _SHORTEST = 8, 0.5
# The least distance between halves, by accident, as of steady noise: of patches, in deviations; of 2 s, in all of `auditory.UNITS`.
_ACCIDENT, _ACCIDENT_HEARD = 0.1, 4.8
# Of patches along a direction, of at most so many.
_QUANTILES, _MOST_PATCHES = 100, 4096
# Log of the most that one reference is preferred by.
_MOST = 4.0

Balance = dict[str, np.ndarray]
# Shares of a mixture, [R] and as parts of one, -> how far it is from each reference, [R].
Distances = Callable[[np.ndarray], np.ndarray]


def balanced(weights: Sequence[float], balance: Mapping[str, Sequence[float]] | None) -> np.ndarray:
    """Weights, as parts of one, times their spectrum's balance, where there is one: [R] float64. What they pass to evenly in a morph passes evenly."""
    return np.divide(weights, np.sum(weights)) * (balance["spectrum"] if balance else 1.0)


def passed(weights: Sequence[float], morph_to: Sequence[float] | None, place: float) -> np.ndarray:
    """Weights, as parts of one, at a place from 0 to 1 of a morph; those of the beginning where there is none. [R] float64"""
    begin, end = (
        np.divide(each, np.sum(each))
        for each in (weights, weights if morph_to is None else morph_to)
    )
    return (1 - place) * begin + place * end


def balance(references: Sequence[np.ndarray], *, sample_rate: int, heard: bool) -> Balance:
    """What weights are multiplied by, that equal ones make a mixture as like to one reference as to another.

    Args:
      references: waves [C, N_i].
      sample_rate: Hz.
      heard: whether the ear's statistics are matched beside the spectrum.
    Returns:
      "spectrum" and "heard", [R] float32 with a geometric mean of 1: of the spectrum and the patterns in it, and of the ear's
      statistics. All 1 where a reference is too short to be compared with itself. Of more than two references it is what comes nearest
      to the balance of every two: one that lies between the others would be left nothing, were all to be as far from the middle.
    """
    logs = {name: np.zeros(len(references)) for name in ("spectrum", "heard")}
    for pair in itertools.combinations(range(len(references)), 2):
        for name, values in _of_two(
            [references[number] for number in pair], sample_rate, heard
        ).items():
            logs[name][list(pair)] += 2 / len(references) * np.log(values)
    return {name: np.exp(values).astype(np.float32) for name, values in logs.items()}


def _of_two(references: Sequence[np.ndarray], sample_rate: int, heard: bool) -> Balance:
    """`balance` of two."""
    even = dict.fromkeys(("spectrum", "heard"), np.ones(len(references), np.float32))
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
    raised = lambda parts: -2 * np.log(canvas.lost_level(densities, parts, sample_rate=rate))
    by_patches = _by_patches(
        [metrics.compute_views(wave[0], sample_rate=rate) for wave in waves], raised
    )
    if by_patches is None:
        return even
    spectrum = _middle(by_patches, len(waves))
    if not heard or shortest < 2 * _SHORTEST:
        return {"spectrum": spectrum, "heard": spectrum}
    return {
        "spectrum": spectrum,
        "heard": _middle(_by_ear(waves, rate, spectrum / np.sum(spectrum), raised), len(waves)),
    }


class _Seen(NamedTuple):
    """Patches of a width in the units of one of the references, their quantiles along directions. sides: [R, Q, S] of all. halves: 2 of [Q, S], its own. lift: [S], what a level in nepers adds."""

    sides: np.ndarray
    halves: list[np.ndarray]
    lift: np.ndarray


def _by_patches(
    views: Sequence[Sequence[np.ndarray]], raised: Callable[[np.ndarray], float]
) -> Distances | None:
    """Of log-mel patches, whose quantiles along directions lie, between references, between theirs; None where halves are too short to have any.

    So they are judged, and that is where mixtures are found: bands' means and deviations alone foretell another middle.

    Args:
      views: of `metrics.compute_views`, for each of the R references.
      raised: shares -> what the level of their mixture is raised by, in nepers of power.
    """
    seen = [[] for _ in views]
    for logs in zip(*views, strict=True):
        for width in metrics.PATCH_WIDTHS:
            if max(2 * width, _FEWEST_FRAMES) <= min(map(len, logs)) // 2:
                for of_one, log in zip(seen, logs, strict=True):
                    of_one.append(_seen_by(log, logs, width))
    if not seen[0]:
        return None
    own = [
        max(np.mean([np.mean(np.abs(np.subtract(*one.halves))) for one in of_one]), _ACCIDENT)
        for of_one in seen
    ]

    def distances(parts):
        louder = raised(parts)
        apart = lambda one: np.mean(
            [
                np.mean(np.abs(np.tensordot(parts, one.sides, 1) + louder * one.lift[None] - half))
                for half in one.halves
            ]
        )
        return np.array([np.mean(list(map(apart, of_one))) for of_one in seen]) / own

    return distances


def _seen_by(reference: np.ndarray, logs: Sequence[np.ndarray], width: int) -> _Seen:
    """What one of the references' log bands [T, B] makes the unit of."""
    mean, deviation = metrics.band_mean_std(reference)
    directions = np.random.default_rng(width).standard_normal(
        (width * len(mean), matching.DIRECTIONS), np.float32
    )
    directions /= np.linalg.norm(directions, axis=0)
    found = lambda log: statistics.sorted_patches(
        (log - mean) / deviation,
        directions,
        quantiles=_QUANTILES,
        step=-(-len(log) // _MOST_PATCHES),
    )
    return _Seen(
        np.stack(list(map(found, logs))),
        list(map(found, np.array_split(reference, 2))),
        np.tile(1 / deviation, width) @ directions,
    )


def _by_ear(
    waves: Sequence[np.ndarray],
    sample_rate: int,
    placed: np.ndarray,
    raised: Callable[[np.ndarray], float],
) -> Distances:
    """Of the ear's statistics, where the spectrum is that of the shares `placed`, whatever those of the others are; else as of `_by_patches`."""
    halves = [
        _heard(half, sample_rate)
        for wave in waves
        for half in (wave[:, : wave.shape[1] // 2], wave[:, -(wave.shape[1] // 2) :])
    ]
    groups = [np.stack(values).reshape(len(waves), 2, -1) for values in zip(*halves, strict=True)]
    # A norm a group, as likeness counts them: of their squares, which the objective adds up, levels would be most.
    accident = _ACCIDENT_HEARD * np.sqrt([4 * sample_rate / wave.shape[1] for wave in waves])
    own = np.maximum(
        sum(np.linalg.norm(group[:, 0] - group[:, 1], axis=1) for group in groups), accident
    )
    levels, *others = (np.mean(group, axis=1) for group in groups)
    # Envelopes are amplitudes to the power of 0.3.
    shift = 0.15 * raised(placed) / (auditory.UNITS.mean * np.sqrt(levels.shape[1]))
    gaps = np.linalg.norm(placed @ levels + shift - levels, axis=1)

    def distances(parts):
        apart = gaps + sum(np.linalg.norm(parts @ group - group, axis=1) for group in others)
        # From the halves: one lies half way to the other off the whole, and is, like a result, some accident of its own.
        return np.sqrt(apart**2 + own**2 / 4 + 0.75 * accident**2) / own

    return distances


@functools.partial(jax.jit, static_argnames="sample_rate")
def _heard(wave: jax.Array, sample_rate: int) -> list[jax.Array]:
    """The groups of the ear's statistics of a wave [C, N] as vectors; their squared differences add up to the objective's distance."""
    found = auditory.comparable(objective.auditory_statistics(sample_rate).fit(wave.T))
    return [
        jnp.ravel(values) / (unit * np.sqrt(values.size))
        for values, unit in zip(found, auditory.UNITS, strict=True)
    ]


def _middle(distances: Distances, count: int) -> np.ndarray:
    """The shares of so many references, but for a factor, at which all distances are the same: of what is too far, more. [R] float32"""
    logs = np.zeros(count)
    for _ in range(60):
        parts = np.exp(logs)
        found = np.log(np.maximum(distances(parts / np.sum(parts)), 1e-6))
        logs = logs + 0.5 * (found - np.mean(found))
        logs = np.clip(logs - np.mean(logs), -_MOST, _MOST)
    return np.exp(logs).astype(np.float32)
