"""Where between several sounds their middle lies: what their weights are multiplied by, lest equal ones make what is like one of them alone.

Likeness counts in units of how much a recording differs from itself (quality.py). Half way between two spectra a result may be three
times as far from steady rain as rain is from itself, and as near to waves, which come and go, as other waves are. And it must have a
level: between a sound of few bands and one of many, all bands of the mixture are raised, and with them it draws near to that of many.

So both are foretold from the references: how far a mixture of certain shares is from each of them, in units of how far that one's halves
are from each other; and the shares found at which all are equal. There are two kinds of distance: of spectra, in every band's deviations;
and of the ear's statistics, of which the envelopes' means follow the spectrum, and the others can lie elsewhere.

R references, B bands, T frames.
"""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import audio, auditory, canvas, matching, objective, spectrogram, views

# Halves of fewer frames, or that are heard for less than so many seconds, say nothing about a recording.
_FEWEST_FRAMES, _SHORTEST = 8, 0.5
# Deviations of less than a decibel of power, in nepers, are accidents.
_DEVIATION = 0.23
# What is accident in the distance between halves of 2 s, as there is of steady noise: in deviations, of which a result has less, as it is
# fitted to them, and in all of `auditory.UNITS`.
_ACCIDENT, _ACCIDENT_HEARD = 0.1, 4.8
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
    begin, end = (np.divide(each, np.sum(each)) for each in (weights, weights if morph_to is None else morph_to))
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
        for name, values in _of_two([references[number] for number in pair], sample_rate, heard).items():
            logs[name][list(pair)] += 2 / len(references) * np.log(values)
    return {name: np.exp(values).astype(np.float32) for name, values in logs.items()}


def _of_two(references: Sequence[np.ndarray], sample_rate: int, heard: bool) -> Balance:
    """`balance` of two."""
    # As they are judged: `quality.prepare`.
    waves = [np.asarray(spectrogram.band(wave, sample_rate=sample_rate, low=audio.LOWEST_HEARD, high=math.inf)) for wave in references]
    waves = [wave * np.float32(0.1 / max(audio.rms(wave), audio.SILENCE)) for wave in waves]
    logs = [_log_bands(wave, sample_rate) for wave in waves]
    if min(map(len, logs)) < 2 * _FEWEST_FRAMES:
        return dict.fromkeys(("spectrum", "heard"), np.ones(len(waves), np.float32))
    densities = [canvas.spectral_density(wave, sample_rate=sample_rate, samples=4096, smoothing_hz=sample_rate / 1024) for wave in waves]
    raised = lambda parts: -2 * np.log(canvas.lost_level(densities, parts))
    brief = np.sqrt([4 * sample_rate / wave.shape[1] for wave in waves])
    spectrum = _middle(_by_spectrum(logs, raised, brief), len(waves))
    if not heard or min(wave.shape[1] for wave in waves) < 2 * _SHORTEST * sample_rate:
        return {"spectrum": spectrum, "heard": spectrum}
    return {"spectrum": spectrum, "heard": _middle(_by_ear(waves, sample_rate, spectrum / np.sum(spectrum), raised, brief), len(waves))}


def _by_spectrum(logs: Sequence[np.ndarray], raised: Callable[[np.ndarray], float], brief: np.ndarray) -> Distances:
    """Of levels and their deviations, band by band.

    Args:
      logs: of `_log_bands`, R of them.
      raised: shares -> what the level of their mixture is raised by, in nepers of power.
      brief: [R], the root of how often a reference goes into 4 s.
    """
    means, deviations = (np.stack(moments) for moments in zip(*map(_moments, logs), strict=True))
    own = np.array([_apart(*(_moments(half) for half in np.array_split(log, 2)), deviation) for log, deviation in zip(logs, deviations, strict=True)])

    def distances(parts):
        return _ratios(_apart((parts @ means + raised(parts), parts @ deviations), (means, deviations), deviations), own, brief * _ACCIDENT)

    return distances


def _by_ear(waves: Sequence[np.ndarray], sample_rate: int, placed: np.ndarray, raised: Callable[[np.ndarray], float], brief: np.ndarray) -> Distances:
    """Of the ear's statistics, where the spectrum is that of the shares `placed`, whatever those of the others are; else as of `_by_spectrum`."""
    halves = [_heard(half, sample_rate) for wave in waves for half in (wave[:, : wave.shape[1] // 2], wave[:, -(wave.shape[1] // 2) :])]
    groups = [np.stack(values).reshape(len(waves), 2, -1) for values in zip(*halves, strict=True)]
    # A norm a group, as likeness counts them: of their squares, which the objective adds up, levels would be most.
    own = sum(np.linalg.norm(group[:, 0] - group[:, 1], axis=1) for group in groups)
    levels, *others = (np.mean(group, axis=1) for group in groups)
    # Envelopes are amplitudes to the power of 0.3.
    shift = 0.15 * raised(placed) / (auditory.UNITS.mean * np.sqrt(levels.shape[1]))
    gaps = np.linalg.norm(placed @ levels + shift - levels, axis=1)

    def distances(parts):
        return _ratios(gaps + sum(np.linalg.norm(parts @ group - group, axis=1) for group in others), own, brief * _ACCIDENT_HEARD)

    return distances


def _log_bands(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Log power of a wave [C, N] in the bands that patches are seen in: [T, B], at least 60 dB under the mean."""
    if wave.shape[1] < matching.FINE.sizes(sample_rate)["n_fft"]:
        return np.zeros((0, matching.FINE.bands))
    power = np.square(jax.jit(functools.partial(views.of_wave, view=matching.FINE, rate=sample_rate))(wave))
    return np.log(power + 1e-6 * np.mean(power))


def _moments(log: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each band: [T, B] -> [B], [B]."""
    return np.mean(log, axis=0), np.maximum(np.std(log, axis=0), _DEVIATION)


def _apart(moments: tuple[np.ndarray, np.ndarray], others: tuple[np.ndarray, np.ndarray], units: np.ndarray) -> np.ndarray:
    """How far bands are from others, as Gaussians: their 2-Wasserstein distance, in units, as a mean over bands. [..., B] each -> [...]"""
    return np.sqrt(np.mean(sum(((first - second) / units) ** 2 for first, second in zip(moments, others, strict=True)), axis=-1))


def _ratios(gaps: np.ndarray, own: np.ndarray, accident: np.ndarray) -> np.ndarray:
    """Distances from references' halves, over those of the halves from each other; gaps: from the whole, own: between halves, [R] all.

    A half lies half way to the other off the whole, and is, like a result, some accident of its own.
    """
    own = np.maximum(own, accident)
    return np.sqrt(gaps**2 + own**2 / 4 + 0.75 * accident**2) / own


@functools.partial(jax.jit, static_argnames="sample_rate")
def _heard(wave: jax.Array, sample_rate: int) -> list[jax.Array]:
    """The groups of the ear's statistics of a wave [C, N] as vectors; their squared differences add up to the objective's distance."""
    found = auditory.comparable(objective.auditory_statistics(sample_rate).fit(wave.T))
    return [jnp.ravel(values) / (unit * np.sqrt(values.size)) for values, unit in zip(found, auditory.UNITS, strict=True)]


def _middle(distances: Distances, count: int) -> np.ndarray:
    """The shares of so many references, but for a factor, at which all distances are the same: of what is too far, more. [R] float32"""
    logs = np.zeros(count)
    for _ in range(60):
        parts = np.exp(logs)
        found = np.log(np.maximum(distances(parts / np.sum(parts)), 1e-6))
        logs = logs + 0.5 * (found - np.mean(found))
        logs = np.clip(logs - np.mean(logs), -_MOST, _MOST)
    return np.exp(logs).astype(np.float32)
